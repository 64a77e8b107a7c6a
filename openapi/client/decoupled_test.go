package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"jali/openapi/client"
)

func TestAskingAPersonElsewhere(t *testing.T) {
	ctx := context.Background()
	j, c := stand(t, 200, `{"auth_req_id":"R","expires_in":300}`)
	a, err := c.Ask(ctx, client.Question{Person: "12345678", Binding: "柜台 7", Details: []map[string]any{{"type": "account_view"}}, Notify: "N", Expiry: 15 * time.Minute})
	if err != nil || a != (client.Asked{ID: "R", ExpiresIn: 300, Interval: 5}) {
		t.Fatalf("Ask = %+v, %v; want the interval of section 7.3 where none is told", a, err)
	}
	j.checkAssertion(t, c.Issuer)
	j.checkProof(t, c.Issuer+"/oauth/bc-authorize", "")
	for name, want := range map[string]string{"login_hint": "12345678", "binding_message": "柜台 7", "client_notification_token": "N", "requested_expiry": "900", "authorization_details": `[{"type":"account_view"}]`} {
		if j.form[name] != want {
			t.Errorf("%s = %q, want %q", name, j.form[name], want)
		}
	}

	j.status, j.answer = 400, `{"error":"authorization_pending","error_description":"d"}`
	var p *client.Problem
	if _, err := c.Fetch(ctx, "R"); !errors.As(err, &p) || p.Code != "authorization_pending" {
		t.Errorf("Fetch = %v; want the problem that says to wait", err)
	}
	j.status, j.answer = 200, `{"access_token":"A","token_type":"DPoP","expires_in":900,"grant_id":"grant_1"}`
	token, err := c.Fetch(ctx, "R")
	if err != nil || token.AccessToken != "A" || token.GrantID != "grant_1" {
		t.Errorf("Fetch = %+v, %v", token, err)
	}
	if j.form["auth_req_id"] != "R" || j.form["grant_type"] != "urn:openid:params:grant-type:ciba" {
		t.Errorf("the poll is %v", j.form)
	}
	j.checkProof(t, c.Issuer+"/oauth/token", "")
	j.answer = `{"access_token":"A","token_type":"Bearer"}`
	if token, err := c.Fetch(ctx, "R"); err == nil || token.AccessToken != "" {
		t.Errorf("Fetch = %+v, %v; want an error and no token that is not bound", token, err)
	}
}
