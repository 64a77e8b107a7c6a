package unionpay

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/secret"
)

// maxToken is more than an answer of 云闪付's open platform.
const maxToken = 64 << 10

// credential is what the vault keeps of a link. It holds no token: 云闪付's
// cannot be renewed, and files are asked for in the acquirer's name.
type credential struct {
	OpenID   string `json:"openId"`
	Merchant string `json:"merId"`
}

func read(v connectors.Credential) (credential, error) {
	var k credential
	if json.Unmarshal(v.Reveal(), &k) != nil || k.OpenID == "" || !wire.Code(k.Merchant, 15) {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the credential is not one of this dialect"))
	}
	return k, nil
}

// Begin answers 云闪付's page of authorization.
func (c *Connector) Begin(_ context.Context, state, redirectURI string) (connectors.Linking, error) {
	u := *c.login
	u.RawQuery = url.Values{"appId": {c.appID}, "redirectUri": {redirectURI}, "responseType": {"code"}, "scope": {"upapi_base"}, "state": {state}}.Encode()
	return connectors.Linking{URL: u.String(), RedirectURI: redirectURI}, nil
}

// Finish trades the code for who the person is.
func (c *Connector) Finish(ctx context.Context, _ connectors.Linking, query url.Values) (connectors.Credential, error) {
	codes := query["code"]
	if len(codes) != 1 || codes[0] == "" {
		return secret.Value{}, connectors.ErrLinkRefused
	}
	backend, err := c.backendToken(ctx)
	if err != nil {
		return secret.Value{}, err
	}
	var a struct {
		OpenID   string `json:"openId"`
		Merchant string `json:"merId"`
	}
	said, err := c.call(ctx, "token", map[string]string{"appId": c.appID, "backendToken": backend, "code": codes[0], "grantType": "authorization_code"}, &a)
	switch {
	case err != nil:
		return secret.Value{}, err
	case said != "00": // what the codes mean is not published; a code that is spent or past is the usual one
		c.backend.Store(nil)
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Coded("resp", said))
	case a.OpenID == "":
		return secret.Value{}, connectors.ErrMalformed.Because(fault.Cause("a token without openId"))
	case a.Merchant == "":
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("the person is no merchant of this acquirer"))
	case !wire.Code(a.Merchant, 15):
		return secret.Value{}, connectors.ErrMalformed.Because(fault.Cause("merId is not a merchant's number"))
	}
	b, err := json.Marshal(credential{a.OpenID, a.Merchant})
	return secret.New(b), err
}

// backendToken is the application's own token, which serves until it ends.
type backendToken struct {
	token secret.Value
	until time.Time
}

func (c *Connector) backendToken(ctx context.Context) (string, error) {
	if b := c.backend.Load(); b != nil && c.now().Before(b.until) {
		return b.token.RevealString(), nil
	}
	stamp, nonce := strconv.FormatInt(c.now().Unix(), 10), rand.Text()[:16]
	sum := sha256.Sum256([]byte("appId=" + c.appID + "&nonceStr=" + nonce + "&secret=" + c.appSecret.RevealString() + "&timestamp=" + stamp))
	var a struct {
		Token     string      `json:"backendToken"`
		ExpiresIn json.Number `json:"expiresIn"`
	}
	said, err := c.call(ctx, "backendToken", map[string]string{"appId": c.appID, "nonceStr": nonce, "timestamp": stamp, "signature": hex.EncodeToString(sum[:])}, &a)
	if err != nil {
		return "", err
	}
	seconds, err := a.ExpiresIn.Int64()
	switch {
	case said != "00":
		return "", connectors.ErrRefused.Because(fault.Coded("resp", said))
	case a.Token == "" || err != nil || seconds <= 0 || seconds > 24*60*60:
		return "", connectors.ErrMalformed.Because(fault.Cause("a backendToken without a token or a lifetime"))
	}
	c.backend.Store(&backendToken{secret.Of(a.Token), c.now().Add(time.Duration(seconds)*time.Second - time.Minute)})
	return a.Token, nil
}

// call asks version 1.0 of 云闪付's open platform, whose answers are unsigned,
// and decodes their params into out where resp is 00.
func (c *Connector) call(ctx context.Context, name string, params map[string]string, out any) (resp string, err error) {
	b, err := json.Marshal(params)
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.open.JoinPath("open/access/1.0", name).String(), bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.do(r, maxToken)
	if err != nil {
		return "", err
	}
	var a struct {
		Resp   string          `json:"resp"`
		Params json.RawMessage `json:"params"`
	}
	if err := dial.JSON(answer.Body, &a); err != nil {
		return "", connectors.ErrMalformed.Because(err)
	}
	switch {
	case a.Resp == "":
		return "", connectors.ErrMalformed.Because(fault.Cause("no resp"))
	case a.Resp != "00":
		return a.Resp, nil
	}
	if err := dial.JSON(a.Params, out); err != nil {
		return "", connectors.ErrMalformed.Because(err)
	}
	return a.Resp, nil
}
