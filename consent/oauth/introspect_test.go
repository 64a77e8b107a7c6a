package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"jali/consent"
	"jali/internal/jose"
	"jali/internal/kv"
)

func (h *house) introspectAccepting(a app, token string, accept ...string) answer {
	h.t.Helper()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": accept}
	return h.send("POST", "/oauth/introspect", header, strings.NewReader(h.form(a, "token", token).Encode()))
}

func TestSignedIntrospection(t *testing.T) {
	h := open(t)
	tokens, _ := h.tokens(h.bank, daily)
	token := tokens.text("access_token")
	plain := h.introspect(h.bank, token)
	read := func(got answer) (jose.Claims, m) {
		t.Helper()
		signed, err := jose.Verify(got.body, jose.KeySet{issuerKey.Public()}, jose.Expect{Types: []string{"token-introspection+jwt"}, MaxBytes: 8 << 10})
		if err != nil || got.status != 200 || got.header.Get("Content-Type") != introspectionType || got.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%v with %v: %v", got, got.header, err)
		}
		var within m
		if err := json.Unmarshal(signed.Claims["token_introspection"], &within); err != nil {
			t.Fatal(err)
		}
		return signed.Claims, within
	}

	outer, within := read(h.introspectAccepting(h.bank, token, introspectionType))
	iss, _ := outer.String("iss")
	aud, _ := outer.String("aud")
	iat, ok := outer.Time("iat")
	if iss != issuer || aud != h.bank.id || !ok || iat.Unix() != h.in(0) || len(outer) != 4 {
		t.Errorf("it says %v", outer) // with exp or sub it would pass for a token (RFC 9701, section 8.1)
	}
	if a, b := string(must(json.Marshal(within))), string(must(json.Marshal(plain.json))); a != b {
		t.Errorf("signed it says %s\nplain %s", a, b)
	}
	if _, within := read(h.introspectAccepting(h.bank, "unknown", introspectionType)); len(within) != 1 || within["active"] != false {
		t.Errorf("of an unknown token it says %v", within)
	}
	if _, within := read(h.introspectAccepting(h.other, token, introspectionType)); len(within) != 1 || within["active"] != false {
		t.Errorf("of another's token it says %v", within)
	}

	for accept, signed := range map[string]bool{
		"application/json, " + introspectionType + ";q=0.5": true, strings.ToUpper(introspectionType): true,
		"*/*": false, "application/*": false, "application/jwt": false, introspectionType + ";q=0": false, introspectionType + ";q=x": false, "": false, ";;": false,
	} {
		if got := h.introspectAccepting(h.bank, token, accept); (got.header.Get("Content-Type") == introspectionType) != signed {
			t.Errorf("Accept: %s answers %v", accept, got)
		}
	}
	if got := h.introspectAccepting(h.bank, token, "text/html", introspectionType); got.header.Get("Content-Type") != introspectionType {
		t.Errorf("in a second header: %v", got)
	}

	h.change(h.bank, func(c *consent.Client) { c.SignedIntrospection = true })
	for _, accept := range []string{"", "application/json", introspectionType + ";q=0"} {
		read(h.introspectAccepting(h.bank, token, accept))
	}
	h.wantError("an error is not signed", h.introspectAccepting(h.bank, "", introspectionType), 400, "invalid_request")
}

// readOnly is a database that nobody may write to.
type readOnly struct {
	kv.DB
	wrote *bool
}

func (r readOnly) Update(context.Context, func(kv.Tx) error) error {
	*r.wrote = true
	return errors.New("written to")
}

func TestIntrospectionWritesNothing(t *testing.T) {
	h := open(t)
	tokens, id := h.tokens(h.bank, daily)
	var wrote bool
	db := readOnly{h.db, &wrote}
	h.server.DB, h.server.store.db, h.consent.DB = db, db, db
	h.server.core = newCore(h.server)
	for _, token := range []string{tokens.text("access_token"), tokens.text("refresh_token"), "unknown", string(id) + ".x"} {
		for _, a := range []app{h.bank, h.other} {
			got := h.introspectAccepting(a, token, introspectionType)
			if plain := h.introspect(a, token); wrote || got.status != 200 || plain.status != 200 {
				t.Errorf("written: %v; %v, %v", wrote, got, plain)
			}
		}
	}
	if got := h.post("/oauth/par", h.parForm(h.bank, once)); !wrote || got.status != 500 {
		t.Errorf("a push does write: %v, %v", wrote, got)
	}
}

func TestIntrospectionOfAClientsOwnToken(t *testing.T) {
	h := open(t)
	got := h.post("/oauth/token", h.form(h.bank, "grant_type", "client_credentials", "scope", scopeQuery),
		h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil))
	active := h.introspect(h.bank, got.text("access_token"))
	if active.json["active"] != true || active.text("scope") != scopeQuery || active.text("client_id") != h.bank.id ||
		active.json["grant_id"] != nil || active.json["sub"] != nil || active.json["cnf"] == nil {
		t.Errorf("introspection: %v", active)
	}
	if got := h.introspect(h.other, got.text("access_token")); strings.TrimSpace(got.body) != `{"active":false}` {
		t.Errorf("another's: %v", got)
	}
}
