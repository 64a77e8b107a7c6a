package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// Asked is a request that the person decides on a device of their own (OpenID
// Client-Initiated Backchannel Authentication Core 1.0, section 7.3).
type Asked struct {
	ID        string `json:"auth_req_id"`
	ExpiresIn int    `json:"expires_in"` // seconds
	Interval  int    `json:"interval"`   // seconds between two calls of Fetch; 5 where it is not told
}

// Question is what a person is asked where they are signed in already.
type Question struct {
	Person  string        // the sub by which this client knows them, or the eight digits that they read out
	Binding string        // shown on both devices, so that they know which request is theirs
	Details any           // the authorization_details array
	Expiry  time.Duration // how long the person may take, in whole seconds up to 15 minutes; zero: the server's five minutes
	Notify  string        // of a client that is pinged: the bearer token by which it knows the ping
}

// Ask asks it.
func (c *Client) Ask(ctx context.Context, q Question) (Asked, error) {
	array, err := json.Marshal(q.Details)
	if err != nil {
		return Asked{}, err
	}
	form := url.Values{"login_hint": {q.Person}, "authorization_details": {string(array)}}
	if q.Binding != "" {
		form.Set("binding_message", q.Binding)
	}
	if q.Expiry > 0 {
		form.Set("requested_expiry", strconv.Itoa(int(q.Expiry.Seconds())))
	}
	if q.Notify != "" {
		form.Set("client_notification_token", q.Notify)
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
