package wechatpay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/secret"
)

// early is how long before its end a token is renewed.
const early = time.Minute

// longMerchant is the most digits of a merchant's number, which becomes part of
// a path.
const longMerchant = 32

// credential is what the vault keeps of a link. The tokens open nothing on
// their own; that they can still be renewed is how one knows that the person's
// link stands.
type credential struct {
	OpenID   string `json:"openid"`
	Merchant string `json:"sub_mchid"`
	Access   string `json:"access"`
	Refresh  string `json:"refresh"`
	Until    int64  `json:"until"` // Unix seconds
}

func read(v connectors.Credential) (credential, error) {
	var k credential
	if json.Unmarshal(v.Reveal(), &k) != nil || k.OpenID == "" || !wire.Digits(k.Merchant, longMerchant) {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the credential is not one of this dialect"))
	}
	return k, nil
}

// Begin answers the authorization page of the web login.
func (c *Connector) Begin(_ context.Context, state, redirectURI string) (connectors.Linking, error) {
	u := c.login.JoinPath("connect/oauth2/authorize")
	u.RawQuery = url.Values{"appid": {c.appID}, "redirect_uri": {redirectURI}, "response_type": {"code"},
		"scope": {"snsapi_base"}, "state": {state}}.Encode()
	u.Fragment = "wechat_redirect"
	return connectors.Linking{URL: u.String(), RedirectURI: redirectURI}, nil
}

// Finish trades the code for tokens.
func (c *Connector) Finish(ctx context.Context, _ connectors.Linking, query url.Values) (connectors.Credential, error) {
	codes := query["code"]
	if len(codes) != 1 || codes[0] == "" {
		return secret.Value{}, connectors.ErrLinkRefused
	}
	k, err := c.token(ctx, "sns/oauth2/access_token", url.Values{"appid": {c.appID}, "secret": {c.appSecret.RevealString()},
		"code": codes, "grant_type": {"authorization_code"}})
	switch {
	case errors.Is(err, connectors.ErrUnauthorized):
		return secret.Value{}, connectors.ErrLinkRefused.Because(err)
	case err != nil:
		return secret.Value{}, err
	case k.Merchant == "":
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("the person is no merchant of this service provider"))
	case !wire.Digits(k.Merchant, longMerchant):
		return secret.Value{}, connectors.ErrMalformed.Because(fault.Cause("sub_mchid is not a number"))
	}
	return k.seal()
}

// Stale reports whether the access token ends within a minute.
func (c *Connector) Stale(v connectors.Credential, now time.Time) bool {
	k, err := read(v)
	return err == nil && !now.Add(early).Before(time.Unix(k.Until, 0))
}

// Refresh renews the tokens of the same person.
func (c *Connector) Refresh(ctx context.Context, v connectors.Credential) (connectors.Credential, error) {
	old, err := read(v)
	if err != nil {
		return secret.Value{}, err
	}
	k, err := c.token(ctx, "sns/oauth2/refresh_token", url.Values{"appid": {c.appID}, "grant_type": {"refresh_token"},
		"refresh_token": {old.Refresh}})
	if err != nil {
		return secret.Value{}, err
	}
	if k.Merchant == "" {
		k.Merchant = old.Merchant
	}
	if k.OpenID != old.OpenID || k.Merchant != old.Merchant {
		return secret.Value{}, connectors.ErrMalformed.Because(fault.Cause("the new tokens are another person's"))
	}
	return k.seal()
}

func (k credential) seal() (connectors.Credential, error) {
	b, err := json.Marshal(k)
	return secret.New(b), err
}

// token calls the web login, whose answers are unsigned and are 200 whether
// they hold tokens or an errcode.
func (c *Connector) token(ctx context.Context, path string, query url.Values) (credential, error) {
	u := c.sns.JoinPath(path)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return credential{}, fmt.Errorf("wechatpay: request: %w", err)
	}
	answer, err := c.do(r, maxAnswer)
	if err != nil {
		return credential{}, err
	}
	if answer.Status == http.StatusUnauthorized {
		// The login says in an errcode what it makes of a token.
		return credential{}, connectors.ErrRefused.Because(fault.Cause("HTTP status 401"))
	}
	if err := connectors.Answered(answer.Status, answer.RetryAfter(c.now())); err != nil {
		return credential{}, err
	}
	var a struct {
		ErrCode   json.Number `json:"errcode"`
		OpenID    string      `json:"openid"`
		Merchant  string      `json:"sub_mchid"`
		Access    string      `json:"access_token"`
		Refresh   string      `json:"refresh_token"`
		ExpiresIn json.Number `json:"expires_in"`
	}
	if err := dial.JSON(answer.Body, &a); err != nil {
		return credential{}, connectors.ErrMalformed.Because(err)
	}
	if err := errcode(a.ErrCode.String()); err != nil {
		return credential{}, err
	}
	seconds, err := a.ExpiresIn.Int64()
	if a.OpenID == "" || a.Access == "" || a.Refresh == "" || err != nil || seconds <= 0 || seconds > 366*24*60*60 {
		return credential{}, connectors.ErrMalformed.Because(fault.Cause("tokens without a person, a token or a lifetime"))
	}
	return credential{OpenID: a.OpenID, Merchant: a.Merchant, Access: a.Access, Refresh: a.Refresh,
		Until: c.now().Unix() + seconds}, nil
}

// errcode translates the global return codes of the web login.
func errcode(code string) error {
	cause := fault.Coded("errcode", code)
	switch code {
	case "", "0":
		return nil
	case "-1":
		return connectors.ErrDown.Because(cause)
	case "40029", "40163", "42003", "40030", "42002", "40003", "42001", "40014":
		// A code or token that is wrong, used or past.
		return connectors.ErrUnauthorized.Because(cause)
	case "45009", "45011", "45047", "50002":
		return connectors.ErrBusy.Because(cause)
	}
	return connectors.ErrRefused.Because(cause)
}
