package client_test

import (
	"testing"
	"time"
)

func TestTokensAreRefreshedAskedAboutAndGivenBack(t *testing.T) {
	ctx := t.Context()
	j, c := stand(t, 200, `{"access_token":"B","token_type":"DPoP","expires_in":900}`)
	if token, err := c.Refresh(ctx, "R"); err != nil || token.AccessToken != "B" || j.form["grant_type"] != "refresh_token" || j.form["refresh_token"] != "R" {
		t.Errorf("Refresh = %+v, %v, with %v", token, err, j.form)
	}
	j.checkProof(t, c.Issuer+"/oauth/token", "")
	j.answer = `{"active":true}`
	if active, err := c.Introspect(ctx, "B"); err != nil || !active || j.form["token"] != "B" {
		t.Errorf("Introspect = %v, %v, with %v", active, err, j.form)
	}
	j.answer = `{"active":false}`
	if active, err := c.Introspect(ctx, "B"); err != nil || active {
		t.Errorf("Introspect = %v, %v", active, err)
	}
	j.answer = ""
	if err := c.Revoke(ctx, "R"); err != nil || j.got.URL.Path != "/oauth/revoke" || j.form["token"] != "R" {
		t.Errorf("Revoke = %v, with %v", err, j.form)
	}
	j.checkAssertion(t, c.Issuer)
	c.Now = func() time.Time { return time.Unix(1800000000, 0) }
	j.status, j.answer = 400, `{"error":"invalid_grant"}`
	if _, err := c.Refresh(ctx, "R"); err == nil {
		t.Error("what was refused is a token")
	}
}
