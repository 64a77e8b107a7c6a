package alipay

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/secret"
)

const (
	oauthToken = "alipay.system.oauth.token"

	// early is how long before its end a token is renewed.
	early = time.Minute
)

// credential is what the vault keeps of a link.
type credential struct {
	User    string `json:"user"`
	Access  string `json:"access"`
	Refresh string `json:"refresh"`
	Until   int64  `json:"until"` // Unix seconds; 0: never ends
}

func read(v connectors.Credential) (credential, error) {
	var k credential
	if json.Unmarshal(v.Reveal(), &k) != nil || k.User == "" || k.Access == "" {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the credential is not one of this dialect"))
	}
	return k, nil
}

// Begin answers the authorization page.
func (c *Connector) Begin(_ context.Context, state, redirectURI string) (connectors.Linking, error) {
	u := *c.authorize
	q := u.Query()
	q.Set("app_id", c.appID)
	q.Set("scope", "auth_user")
	q.Set("redirect_uri", redirectURI)
	q.Set("state", state)
	u.RawQuery = q.Encode()
	return connectors.Linking{URL: u.String(), RedirectURI: redirectURI}, nil
}

// Finish trades auth_code for tokens. A code that Alipay does not take is
// ErrLinkRefused.
func (c *Connector) Finish(ctx context.Context, _ connectors.Linking, query url.Values) (connectors.Credential, error) {
	codes := query["auth_code"]
	if len(codes) != 1 || codes[0] == "" {
		return secret.Value{}, connectors.ErrLinkRefused
	}
	if id := query.Get("app_id"); id != "" && id != c.appID {
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("another application's code"))
	}
	k, err := c.token(ctx, map[string]string{"grant_type": "authorization_code", "code": codes[0]})
	if errors.Is(err, connectors.ErrUnauthorized) {
		err = connectors.ErrLinkRefused.Because(err)
	}
	if err != nil {
		return secret.Value{}, err
	}
	return k.seal()
}

// Stale reports whether the access token ends within a minute.
func (c *Connector) Stale(v connectors.Credential, now time.Time) bool {
	k, err := read(v)
	return err == nil && k.Until != 0 && !now.Add(early).Before(time.Unix(k.Until, 0))
}

// Refresh trades the refresh token for new tokens of the same user.
func (c *Connector) Refresh(ctx context.Context, v connectors.Credential) (connectors.Credential, error) {
	old, err := read(v)
	if err != nil {
		return secret.Value{}, err
	}
	k, err := c.token(ctx, map[string]string{"grant_type": "refresh_token", "refresh_token": old.Refresh})
	if err != nil {
		return secret.Value{}, err
	}
	if k.User != old.User {
		return secret.Value{}, connectors.ErrMalformed.Because(fault.Cause("the new tokens are another user's"))
	}
	if k.Refresh == "" {
		k.Refresh = old.Refresh
	}
	return k.seal()
}

func (k credential) seal() (connectors.Credential, error) {
	b, err := json.Marshal(k)
	return secret.New(b), err
}

// token calls alipay.system.oauth.token.
func (c *Connector) token(ctx context.Context, params map[string]string) (credential, error) {
	var a struct {
		problem
		UserID    string      `json:"user_id"`
		OpenID    string      `json:"open_id"`
		Access    string      `json:"access_token"`
		Refresh   string      `json:"refresh_token"`
		ExpiresIn json.Number `json:"expires_in"`
		TokenType string      `json:"auth_token_type"`
	}
	if err := c.ask(ctx, oauthToken, "", params, &a); err != nil {
		return credential{}, err
	}
	k := credential{User: a.UserID, Access: a.Access, Refresh: a.Refresh}
	if k.User == "" {
		k.User = a.OpenID // applications created since 2023 are told no user_id
	}
	if k.User == "" || k.Access == "" {
		return credential{}, connectors.ErrMalformed.Because(fault.Cause("tokens without a user or a token"))
	}
	if a.TokenType == "permanent" {
		return k, nil
	}
	seconds, err := a.ExpiresIn.Int64()
	if err != nil || seconds <= 0 || seconds > 10*366*24*60*60 {
		return credential{}, connectors.ErrMalformed.Because(fault.Cause("tokens without a lifetime"))
	}
	k.Until = c.now().Unix() + seconds
	return k, nil
}
