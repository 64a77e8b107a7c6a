package oauth

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"jali/internal/fault"
	"jali/internal/jose"
)

// Whatever a client signs: it is in, for what the standard names, or it is
// invalid_client.
func FuzzAssertion(f *testing.F) {
	h := open(f)
	now := h.clock.now().Unix()
	good := m{"iss": h.bank.id, "sub": h.bank.id, "aud": issuer, "jti": "1", "iat": now, "exp": now + 60}
	for _, change := range []m{{}, {"aud": []string{issuer}}, {"exp": "x"}, {"iat": 1e300, "nbf": -1}, {"sub": m{"a": 1}}, {"jti": ""}} {
		claims := maps.Clone(good)
		maps.Copy(claims, change)
		f.Add(string(must(json.Marshal(claims))), `{"typ":"JWT"}`, "")
	}
	f.Add("", "", h.assertion(h.bank, nil, nil))
	f.Add("", "", "a.b.c")
	f.Fuzz(func(t *testing.T, claims, header, compact string) {
		var members, head m
		if json.Unmarshal([]byte(claims), &members) == nil && members != nil && (header == "" || json.Unmarshal([]byte(header), &head) == nil) {
			if signed, err := h.bank.key.Sign(head, json.RawMessage(claims)); err == nil {
				compact = signed
			}
		}
		form := url.Values{"client_assertion_type": {assertionType}, "client_assertion": {compact}}
		c, err := h.server.client(httptest.NewRequest("POST", "/oauth/token", nil), form, h.clock.now())
		if err != nil {
			if f := fault.Of(err); f.Kind == fault.Unavailable { // the memory of jtis is full
				return
			}
			if no := (*refusal)(nil); !errors.As(err, &no) || no.status != http.StatusUnauthorized || no.code != "invalid_client" {
				t.Fatalf("client = %v; want invalid_client", err)
			}
			return
		}
		said, err := jose.Unverified(compact, maxAssertion)
		iss, _ := said.String("iss")
		sub, _ := said.String("sub")
		aud, _ := said.String("aud")
		exp, _ := said.Time("exp")
		if err != nil || string(c.ID) != h.bank.id || iss != h.bank.id || sub != iss || aud != issuer || !exp.After(h.clock.now()) {
			t.Fatalf("%s was let in as %q", compact, c.ID)
		}
	})
}
