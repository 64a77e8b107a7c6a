package oauth

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/jose"
)

// signedAsk is a request of the bank's, signed, with changes; nil removes.
func (h *house) signedAsk(header, changes m) string {
	h.t.Helper()
	c := m{
		"iss": h.bank.id, "aud": issuer, "iat": h.in(0), "nbf": h.in(0), "exp": h.in(5 * time.Minute), "jti": s256(h.says()),
		"login_hint": h.says(), "binding_message": "W4SCT", "authorization_details": json.RawMessage(once),
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return must(h.bank.key.Sign(header, c))
}

func TestCIBASignedRequest(t *testing.T) {
	h, _ := elsewhere(t)
	thief := h.other
	for _, tt := range []struct {
		why             string
		header, changes m
		code            string
	}{
		{"as it should be", nil, nil, ""},
		{"typ JWT", m{"typ": "JWT"}, nil, ""},
		{"the typ of pushed ones", m{"typ": requestType}, nil, ""},
		{"several aud", nil, m{"aud": []string{"https://else.example", issuer}}, ""},
		{"requested_expiry as a number", nil, m{"requested_expiry": 60}, ""},
		{"requested_expiry as digits", nil, m{"requested_expiry": "60"}, ""},

		{"another typ", m{"typ": "dpop+jwt"}, nil, "invalid_request"},
		{"no aud", nil, m{"aud": nil}, "invalid_request"},
		{"another aud", nil, m{"aud": "https://else.example"}, "invalid_request"},
		{"no iss", nil, m{"iss": nil}, "invalid_request"},
		{"another iss", nil, m{"iss": thief.id}, "invalid_request"},
		{"no exp", nil, m{"exp": nil}, "invalid_request"},
		{"expired", nil, m{"exp": h.in(-time.Second)}, "invalid_request"},
		{"an exp too far ahead", nil, m{"exp": h.in(61 * time.Minute)}, "invalid_request"},
		{"no nbf", nil, m{"nbf": nil}, "invalid_request"},
		{"an nbf ahead", nil, m{"nbf": h.in(time.Minute)}, "invalid_request"},
		{"an nbf too old", nil, m{"nbf": h.in(-61 * time.Minute)}, "invalid_request"},
		{"no iat", nil, m{"iat": nil}, "invalid_request"},
		{"an iat ahead", nil, m{"iat": h.in(time.Minute)}, "invalid_request"},
		{"issued before this process began", nil, m{"iat": h.in(-time.Minute)}, "invalid_request"},
		{"no jti", nil, m{"jti": nil}, "invalid_request"},
		{"an empty jti", nil, m{"jti": " "}, "invalid_request"},
		{"what is a client assertion", nil, m{"sub": h.bank.id}, "invalid_request"},
		{"a request within", nil, m{"request": "x"}, "invalid_request"},
		{"requested_expiry in words", nil, m{"requested_expiry": "soon"}, "invalid_request"},
		{"requested_expiry zero", nil, m{"requested_expiry": 0}, "invalid_request"},
		{"details as text", nil, m{"authorization_details": once}, "invalid_request"},
		{"no hint", nil, m{"login_hint": nil}, "invalid_request"},
		{"a hint of nobody", nil, m{"login_hint": "nobody"}, "unknown_user_id"},
		{"two lines", nil, m{"binding_message": "a\nb"}, "invalid_binding_message"},
	} {
		h.person.Person = consent.PersonID("person of " + tt.why)
		form := h.form(h.bank, "request", h.signedAsk(tt.header, tt.changes))
		if got := h.post("/oauth/bc-authorize", form); tt.code != "" {
			h.wantError(tt.why, got, 400, tt.code)
		} else if want := 300.0; got.status != 200 || got.json["expires_in"] != want && !strings.HasPrefix(tt.why, "requested") {
			t.Errorf("%s: %v", tt.why, got)
		}
	}
	post := func(form ...string) answer { return h.post("/oauth/bc-authorize", h.form(h.bank, form...)) }
	once := h.signedAsk(nil, nil)
	if got := post("request", once); got.status != 200 {
		t.Errorf("once: %v", got)
	}
	h.wantError("twice", post("request", once), 400, "invalid_request")
	h.wantError("a parameter beside it", post("request", h.signedAsk(nil, nil), "binding_message", "other"), 400, "invalid_request")
	bank := h.bank.key
	h.bank.key = must(jose.Generate(jose.ES256))
	forged := h.signedAsk(nil, nil)
	h.bank.key = bank
	h.wantError("signed by another", post("request", forged), 400, "invalid_request")
	h.wantError("not signed", post("request", encode(m{"alg": "none"})+"."+encode(m{"login_hint": h.says()})+"."), 400, "invalid_request")
	h.wantError("nonsense", post("request", "x"), 400, "invalid_request")
}

func TestCIBASignedWhereItIsDemanded(t *testing.T) {
	h, _ := elsewhere(t)
	h.signs()
	h.wantError("unsigned", h.post("/oauth/bc-authorize", h.askForm(h.bank, h.says(), once)), 400, "invalid_request")
	got := h.post("/oauth/bc-authorize", h.form(h.bank, "request", h.signedAsk(nil, nil)))
	request, _ := ownerOf(got.text("auth_req_id"))
	if got.status != 200 {
		t.Fatalf("signed: %v", got)
	}
	h.yes(consent.GrantID(request))
	h.wantPoll("after the yes", h.bank, got.text("auth_req_id"), "")
}

// A grant can be changed by a decoupled request: the tokens are of the grant
// that there was, as it is now.
func TestCIBAChangesAGrant(t *testing.T) {
	h, _ := elsewhere(t)
	tokens, grant := h.tokens(h.bank, daily)
	more := strings.Replace(daily, `["balances"]`, `["balances","bills"]`, 1)
	more = strings.Replace(more, "balance_overview", "bill_overview", 1)
	replace := []string{"grant_management_action", "replace", "grant_id", string(grant)}
	id, request := h.ask(h.bank, more, replace...)
	if request == grant {
		t.Fatal("the request is the grant")
	}
	h.wantPoll("before the yes", h.bank, id, "authorization_pending")
	h.yes(request)
	got := h.poll(h.bank, id)
	if got.status != 200 || got.text("grant_id") != string(grant) || !strings.Contains(got.body, `"bills"`) || got.text("refresh_token") == "" {
		t.Fatalf("after the yes: %v", got)
	}
	if caller, err := h.call(h.bank.dpop, got.text("access_token")); err != nil || caller.Grant != grant {
		t.Errorf("Authenticate = %+v, %v", caller, err)
	}
	refresh := func(token string) answer {
		return h.post("/oauth/token", h.form(h.bank, "grant_type", "refresh_token", "refresh_token", token),
			h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil))
	}
	h.wantError("the refresh token of the first yes", refresh(tokens.text("refresh_token")), 400, "invalid_grant")
	if got := refresh(got.text("refresh_token")); got.status != 200 {
		t.Errorf("refresh: %v", got)
	}

	ask := func(a app, params ...string) answer {
		return h.post("/oauth/bc-authorize", h.askForm(a, h.says(), more, params...))
	}
	h.wantError("another client's grant", ask(h.other, replace...), 400, "invalid_grant_id")
	h.wantError("without a grant", ask(h.bank, "grant_management_action", "merge"), 400, "invalid_request")
	h.wantError("without an action", ask(h.bank, "grant_id", string(grant)), 400, "invalid_request")
	h.wantError("another action", ask(h.bank, "grant_management_action", "update", "grant_id", string(grant)), 400, "invalid_request")
	h.person = consent.Session{ID: "t", Person: "person_2"}
	h.wantError("another person's grant", ask(h.bank, replace...), 400, "invalid_grant_id")
}
