package client

import (
	"context"
	"errors"
	"net/url"
	"time"
)

// Asked is a request that the person decides on a device of their own (OpenID
// Client-Initiated Backchannel Authentication Core 1.0, section 7.3).
type Asked struct {
	ID        string `json:"auth_req_id"`
	ExpiresIn int    `json:"expires_in"` // seconds
	Interval  int    `json:"interval"`   // seconds between two calls of Fetch; 5 where it is not told
}

// defaultInterval is that of section 7.3; a slow_down adds as much (section 11).
const defaultInterval = 5

// Ask asks a person who is not at a browser of this client's. person is the
// sub by which it knows them ([Introspection]), or the eight digits that their
// page at Jali shows and they read out. binding, of up to 60 characters, is
// shown on both devices, so that they know which request is theirs. Options set
// requested_expiry, or the client_notification_token of a client that is pinged.
func (c *Client) Ask(ctx context.Context, person, binding string, wanted AccountView, options ...Option) (*Asked, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	d, err := details(wanted)
	if err != nil {
		return nil, err
	}
	form := url.Values{"login_hint": {person}, "authorization_details": {d}}
	if binding != "" {
		form.Set("binding_message", binding)
	}
	for _, o := range options {
		o(form)
	}
	a := &Asked{Interval: defaultInterval}
	if err := c.form(ctx, false, m.Backchannel, form, a); err != nil {
		return nil, err
	}
	return a, nil
}

// Fetch asks once whether the person has agreed. Until then it is a [*Problem]
// authorization_pending, or slow_down: the interval is five seconds longer from
// then on (section 11).
func (c *Client) Fetch(ctx context.Context, id string) (*Session, error) {
	return c.token(ctx, url.Values{"grant_type": {"urn:openid:params:grant-type:ciba"}, "auth_req_id": {id}})
}

// Await asks, now and at the interval, until the person has decided: their no is
// a [*Problem] access_denied, and their silence expired_token.
func (c *Client) Await(ctx context.Context, a *Asked) (*Session, error) {
	interval := time.Duration(a.Interval) * time.Second
	for {
		s, err := c.Fetch(ctx, a.ID)
		p := (*Problem)(nil)
		switch {
		case errors.As(err, &p) && p.Code == "slow_down":
			interval += defaultInterval * time.Second
		case errors.As(err, &p) && p.Code == "authorization_pending":
		default:
			return s, err
		}
		t := time.NewTimer(interval)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		case <-t.C:
		}
	}
}
