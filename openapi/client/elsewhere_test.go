package client_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"jali/openapi/client"
)

func TestAskingAPersonElsewhere(t *testing.T) {
	j, c := stand(t, 200, `{"auth_req_id":"R","expires_in":300}`)
	a, err := c.Ask(t.Context(), "12345678", "柜台 7", wanted, func(p url.Values) { p.Set("requested_expiry", "900") })
	if err != nil || *a != (client.Asked{ID: "R", ExpiresIn: 300, Interval: 5}) {
		t.Fatalf("Ask = %+v, %v; want the interval of section 7.3 where none is told", a, err)
	}
	j.authenticated()
	j.proven(issuer+"/oauth/bc-authorize", "")
	for name, want := range map[string]string{"login_hint": "12345678", "binding_message": "柜台 7", "requested_expiry": "900", "authorization_details": wantedJSON} {
		if j.last().form[name] != want {
			t.Errorf("%s = %q, want %q", name, j.last().form[name], want)
		}
	}
	j.says[""] = says(400, `{"error":"authorization_pending"}`)
	var p *client.Problem
	if _, err := c.Fetch(t.Context(), "R"); !errors.As(err, &p) || p.Code != "authorization_pending" {
		t.Errorf("Fetch = %v; want the problem that says to wait", err)
	}
	if form := j.last().form; form["auth_req_id"] != "R" || form["grant_type"] != "urn:openid:params:grant-type:ciba" {
		t.Errorf("the poll is %v", form)
	}
	j.proven(issuer+"/oauth/token", "")
}

func TestAwaitingADecision(t *testing.T) {
	pending, slower := says(400, `{"error":"authorization_pending"}`), says(400, `{"error":"slow_down"}`)
	given := says(200, `{"access_token":"A","token_type":"DPoP","expires_in":900}`)
	for _, tt := range []struct {
		why   string
		last  bool // the answer that ends it: a token
		until time.Duration
		waits time.Duration
		code  string
	}{
		{"a yes", true, time.Hour, 5*time.Second + 10*time.Second, ""},
		{"a no", false, time.Hour, 15 * time.Second, "access_denied"},
		{"the caller's patience ends", true, 7 * time.Second, 7 * time.Second, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			j, c := stand(t, 0, "")
			answer := given
			if !tt.last {
				answer = says(400, `{"error":"access_denied"}`)
			}
			j.says["/oauth/token"] = inTurn(pending, slower, answer)
			ctx, stop := context.WithTimeout(t.Context(), tt.until)
			defer stop()
			begun := time.Now()
			s, err := c.Await(ctx, &client.Asked{ID: "R", Interval: 5})
			var p *client.Problem
			if tt.code != "" && (!errors.As(err, &p) || p.Code != tt.code) || tt.code == "" && (err == nil) != (ctx.Err() == nil) || time.Since(begun) != tt.waits {
				t.Errorf("%s: %v, %v after %v; want %s after %v", tt.why, s, err, time.Since(begun), tt.code, tt.waits)
			}
		})
	}
}
