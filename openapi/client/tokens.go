package client

import (
	"context"
	"net/url"
)

// Refresh asks for another access token of a grant that is used more than
// once. The refresh token stays the same.
func (c *Client) Refresh(ctx context.Context, refreshToken string) (Token, error) {
	return c.token(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}})
}

// Revoke gives a token back (RFC 7009). It is no error where there was none.
func (c *Client) Revoke(ctx context.Context, token string) error {
	return c.form(ctx, "/oauth/revoke", url.Values{"token": {token}}, nil)
}

// Introspect reports whether a token of this client's is good for anything now
// (RFC 7662).
func (c *Client) Introspect(ctx context.Context, token string) (active bool, err error) {
	var said struct {
		Active bool `json:"active"`
	}
	err = c.form(ctx, "/oauth/introspect", url.Values{"token": {token}}, &said)
	return said.Active, err
}
