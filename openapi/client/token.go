package client

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Token is what the token endpoint gives (RFC 6749, section 5.1; RFC 9396,
// section 7). Kept as JSON it lets a [Session] go on later; it is a secret.
type Token struct {
	AccessToken  string        `json:"access_token"`
	TokenType    string        `json:"token_type"` // "DPoP", or "Bearer" where it is bound to a certificate
	ExpiresIn    int           `json:"expires_in"` // seconds, from when it came
	RefreshToken string        `json:"refresh_token,omitempty"`
	Scope        string        `json:"scope,omitempty"`
	GrantID      string        `json:"grant_id,omitempty"`
	Details      []AccountView `json:"authorization_details,omitempty"` // what the person agreed to

	ExpiresAt time.Time `json:"expires_at"` // by the client's clock
}

// take asks the token endpoint.
func (c *Client) take(ctx context.Context, form url.Values) (Token, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return Token{}, err
	}
	var t Token
	if err := c.form(ctx, true, m.Token, form, &t); err != nil {
		return Token{}, err
	}
	if t.AccessToken == "" || !strings.EqualFold(t.TokenType, c.tokenType()) {
		return Token{}, fmt.Errorf("client: a token of type %q is not bound as it was asked for", t.TokenType)
	}
	t.ExpiresAt = c.now().Add(time.Duration(t.ExpiresIn) * time.Second)
	return t, nil
}

func (c *Client) tokenType() string {
	if c.Certified {
		return "Bearer"
	}
	return "DPoP"
}

func (c *Client) token(ctx context.Context, form url.Values) (*Session, error) {
	t, err := c.take(ctx, form)
	if err != nil {
		return nil, err
	}
	return c.Session(t), nil
}

// Own gets a token of the client's own (RFC 6749, section 4.4), by which it may
// read and revoke all of its grants. It opens no data.
func (c *Client) Own(ctx context.Context) (*Session, error) {
	return c.token(ctx, url.Values{"grant_type": {"client_credentials"}, "scope": {management}})
}

// Revoke gives a token back (RFC 7009). It is no error where there was none.
func (c *Client) Revoke(ctx context.Context, token string) error {
	m, err := c.Metadata(ctx)
	if err != nil {
		return err
	}
	return c.form(ctx, true, m.Revocation, url.Values{"token": {token}}, nil)
}

// Introspection is what a token is good for now (RFC 7662, section 2.2). All but
// Active is zero of one that is good for nothing.
type Introspection struct {
	Active    bool          `json:"active"`
	Subject   string        `json:"sub"` // the person, as this client alone knows them
	GrantID   string        `json:"grant_id"`
	Scope     string        `json:"scope"`
	ExpiresAt int64         `json:"exp"` // seconds since 1970
	Details   []AccountView `json:"authorization_details"`
}

// Introspect asks about a token of this client's.
func (c *Client) Introspect(ctx context.Context, token string) (*Introspection, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	i := new(Introspection)
	return i, c.form(ctx, true, m.Introspection, url.Values{"token": {token}}, i)
}
