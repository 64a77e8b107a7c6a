package client

import (
	"context"
	"encoding/json"
	"net/url"
)

// Asked is a request that the person decides on a device of their own (OpenID
// Client-Initiated Backchannel Authentication Core 1.0, section 7.3).
type Asked struct {
	ID        string `json:"auth_req_id"`
	ExpiresIn int    `json:"expires_in"` // seconds
	Interval  int    `json:"interval"`   // seconds between two calls of Fetch; 5 where it is not told
}

// Ask asks a person for a grant where they are signed in already. hint is the
// sub by which this client knows them, or the eight digits that they read out;
// binding is shown on both devices, so that they know which request is theirs.
func (c *Client) Ask(ctx context.Context, hint, binding string, details any) (Asked, error) {
	array, err := json.Marshal(details)
	if err != nil {
		return Asked{}, err
	}
	form := url.Values{"login_hint": {hint}, "authorization_details": {string(array)}}
	if binding != "" {
		form.Set("binding_message", binding)
	}
	a := Asked{Interval: 5}
	err = c.form(ctx, "/oauth/bc-authorize", form, &a)
	return a, err
}

// Fetch fetches the token of a request that the person has agreed to. Until
// then it is a *[Problem] authorization_pending, or slow_down: the interval is
// five seconds longer from then on (section 11).
func (c *Client) Fetch(ctx context.Context, id string) (Token, error) {
	return c.token(ctx, url.Values{"grant_type": {"urn:openid:params:grant-type:ciba"}, "auth_req_id": {id}})
}
