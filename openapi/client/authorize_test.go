package client_test

import (
	"errors"
	"net/url"
	"testing"

	"jali/openapi/client"
)

var pushed = client.Authorization{State: "a-state-of-its-own", Verifier: "0123456789012345678901234567890123456789012"}

func TestAnswersThatAreNotBelieved(t *testing.T) {
	for _, tt := range []struct {
		why, query string
		state      string // that was pushed
		want       error
		code       string
	}{
		{"another request's", "code=c&iss=" + issuer + "&state=another", pushed.State, client.ErrState, ""},
		{"no state", "code=c&iss=" + issuer, pushed.State, client.ErrState, ""},
		{"none was pushed, none comes", "code=c&iss=" + issuer + "&state=", "", client.ErrState, ""},
		{"two states", "code=c&iss=" + issuer + "&state=" + pushed.State + "&state=" + pushed.State, pushed.State, client.ErrState, ""},
		{"another server's", "code=c&iss=https://other.example&state=" + pushed.State, pushed.State, client.ErrIssuer, ""},
		{"nobody's", "code=c&state=" + pushed.State, pushed.State, client.ErrIssuer, ""},
		{"nobody's refusal", "error=access_denied&state=" + pushed.State, pushed.State, client.ErrIssuer, ""},
		{"neither code nor error", "iss=" + issuer + "&state=" + pushed.State, pushed.State, client.ErrState, ""},
		{"two codes", "code=c&code=d&iss=" + issuer + "&state=" + pushed.State, pushed.State, client.ErrState, ""},
		{"a refusal", "error=access_denied&error_description=no&iss=" + issuer + "&state=" + pushed.State, pushed.State, nil, "access_denied"},
		{"a refusal with a code", "error=access_denied&code=c&iss=" + issuer + "&state=" + pushed.State, pushed.State, nil, "access_denied"},
	} {
		j, c := stand(t, 200, `{"access_token":"A","token_type":"DPoP","expires_in":900}`)
		q, _ := url.ParseQuery(tt.query)
		_, err := c.Redeem(t.Context(), &client.Authorization{State: tt.state, Verifier: pushed.Verifier}, q)
		p := (*client.Problem)(nil)
		if len(j.got) != 0 || tt.want != nil && !errors.Is(err, tt.want) || tt.code != "" && (!errors.As(err, &p) || p.Code != tt.code) {
			t.Errorf("%s: %v, %d requests; want %v %s and none", tt.why, err, len(j.got), tt.want, tt.code)
		}
	}
}

func FuzzCallback(f *testing.F) {
	f.Add("code=c&iss=" + issuer + "&state=" + pushed.State)
	f.Add("error=access_denied&iss=" + issuer + "&state=" + pushed.State)
	f.Add("code=c&state=%zz;")
	f.Fuzz(func(t *testing.T, query string) {
		j, c := stand(t, 200, `{"access_token":"A","token_type":"DPoP","expires_in":900}`)
		q, _ := url.ParseQuery(query)
		_, err := c.Redeem(t.Context(), &pushed, q)
		if ours := q.Get("state") == pushed.State && q.Get("iss") == issuer && len(q["error"]) == 0 && q.Get("code") != ""; (err == nil || len(j.got) > 0) && !ours {
			t.Errorf("%q is believed", query)
		}
	})
}
