package oauth

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What is sent where it does not belong comes back in no answer and no log
// line, is nobody's 500, and leaves nothing stored.
func TestRefusalsRepeatNothing(t *testing.T) {
	const canary = "c4n4ry"
	h := open(t)
	var log bytes.Buffer
	h.server.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	code, _ := h.code(h.bank, once)
	good, _ := h.tokens(h.bank, daily)
	forms := map[string]func() url.Values{
		"/oauth/par":        func() url.Values { return h.parForm(h.bank, once, "state", "") },
		"/oauth/token":      func() url.Values { return h.redeemForm(h.bank, code) },
		"/oauth/introspect": func() url.Values { return h.form(h.bank, "token", "x") },
		"/oauth/revoke":     func() url.Values { return h.form(h.bank, "token", "x") },
	}
	names := []string{"client_id", "client_assertion", "client_assertion_type", "client_secret", "response_type", "redirect_uri",
		"code_challenge", "code_challenge_method", "authorization_details", "dpop_jkt", "resource", "scope", "request", "request_uri",
		"response_mode", "grant_type", "code", "code_verifier", "refresh_token", "token", "token_type_hint", canary}
	values := []string{
		canary, canary + strings.Repeat("x", 60<<10), `"><script>` + canary, canary + "\r\nX-Evil: " + canary, "%" + canary, "花" + canary,
		canary + ".." + canary, "e30." + canary + ".", `[{"` + canary + `":1}]`, `[{"type":"account_view","purpose":"` + canary + `"}]`,
		`{"` + canary + strings.Repeat(`":{"`, 400), requestURIPrefix + canary, "grant_" + canary + "." + canary, "https://" + canary + ".example/",
	}
	before := h.rows()
	look := func(why string, a answer) {
		if strings.Contains(a.body, canary) || strings.Contains(fmt.Sprint(a.header), canary) {
			t.Errorf("%s: the answer repeats what was sent: %v %v", why, a, a.header)
		}
		if a.status >= 500 {
			t.Errorf("%s: %v", why, a)
		}
	}
	for path, make := range forms {
		for _, name := range names {
			for i, value := range values {
				f := make()
				f.Set(name, value)
				proof := ""
				if path == "/oauth/token" {
					proof = h.proof(h.bank.dpop, "POST", issuer+path, "", nil)
				}
				var a answer
				a.read(h.direct(path, f, proof))
				if path == "/oauth/par" && a.status == http.StatusCreated || path == "/oauth/token" && a.status == http.StatusOK {
					// Nobody reads it there: start over with what has been used up.
					code, _ = h.code(h.bank, once)
					before = h.rows()
				}
				look(fmt.Sprintf("%s %s %d", path, name, i), a)
			}
		}
	}
	for _, claim := range []string{"iss", "sub", "aud", "exp", "iat", "nbf", "jti"} {
		f := h.parForm(h.bank, once)
		f.Set("client_assertion", h.assertion(h.bank, nil, m{claim: []string{canary}}))
		var a answer
		a.read(h.direct("/oauth/par", f, ""))
		look("assertion "+claim, a)
		f = h.parForm(h.bank, once)
		f.Set("client_assertion", h.assertion(h.bank, m{"typ": canary, "crit": []string{canary}, canary: canary}, nil))
		a.read(h.direct("/oauth/par", f, ""))
		look("assertion header", a)
	}
	for _, claim := range []string{"htm", "htu", "iat", "jti", "ath", "exp", "nbf"} {
		for _, value := range []any{canary + "\"\\", m{canary: canary}} {
			var a answer
			a.read(h.direct("/oauth/token", h.redeemForm(h.bank, "x"), h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", m{claim: value})))
			look("proof "+claim, a)
		}
	}
	for _, path := range []string{"/oauth/" + canary, "/.well-known/" + canary, "/oauth/authorize?client_id=" + canary + "&request_uri=" + canary,
		"/oauth/finish?grant=" + canary + "&ticket=" + canary, "/oauth/finish?grant=" + strings.Repeat(canary, 9999) + "&ticket=%00" + canary,
		"/oauth/authorize?" + canary + "=%zz", "/oauth/authorize?client_id=" + h.bank.id + "&request_uri=" + strings.Repeat(canary, 9999)} {
		look(path[:min(40, len(path))], h.get(path))
	}
	if _, err := h.call(h.bank.dpop, "grant_"+canary+"."+canary); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("the data API answers %v", err)
	}
	if now := h.rows(); now != before {
		t.Errorf("%d rows have become %d", before, now)
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, canary) {
			t.Errorf("the log repeats what was sent: %s", line)
		}
	}
	if a := h.introspect(h.bank, good.text("access_token")); a.json["active"] != true {
		t.Errorf("a token that none of this concerned: %v", a)
	}
}

// Unknown, somebody else's and ended answer alike, to the byte.
func TestForeignAnswersAsUnknown(t *testing.T) {
	h := open(t)
	foreign, foreignGrant := h.tokens(h.other, daily)
	foreignCode, _ := h.code(h.other, once)
	foreignURI := h.push(h.other, once)
	unknown := func(token string) string { return token[:len(token)-8] + "AAAAAAAA" }
	same := func(why string, a, b answer) {
		for _, x := range []*answer{&a, &b} {
			x.header.Del("Date")
		}
		if a.status != b.status || a.body != b.body || fmt.Sprint(a.header) != fmt.Sprint(b.header) {
			t.Errorf("%s: somebody else's answers\n%v %v, an unknown one\n%v %v", why, a, a.header, b, b.header)
		}
	}
	access, refresh := foreign.text("access_token"), foreign.text("refresh_token")
	for what, token := range map[string]string{"access": access, "refresh": refresh} {
		same("introspect "+what, h.introspect(h.bank, token), h.introspect(h.bank, unknown(token)))
		same("revoke "+what, h.post("/oauth/revoke", h.form(h.bank, "token", token)), h.post("/oauth/revoke", h.form(h.bank, "token", unknown(token))))
	}
	same("redeem", h.redeem(h.bank, foreignCode), h.redeem(h.bank, unknown(foreignCode)))
	use := func(token string) answer {
		return h.post("/oauth/token", h.form(h.bank, "grant_type", "refresh_token", "refresh_token", token),
			h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil))
	}
	same("refresh", use(refresh), use(unknown(refresh)))
	visit := func(uri string) answer {
		return h.get("/oauth/authorize?" + url.Values{"client_id": {h.bank.id}, "request_uri": {uri}}.Encode())
	}
	same("authorize", visit(foreignURI), visit(unknown(foreignURI)))
	same("finish", h.get("/oauth/finish?grant="+string(foreignGrant)+"&ticket=x"), h.get("/oauth/finish?grant=grant_x&ticket=x"))

	stranger := h.other
	stranger.id, stranger.key = "client_nobody", h.bank.key
	asBank := h.other
	asBank.id = h.bank.id // the other client's key under the bank's name
	for why, change := range map[string]func(url.Values){
		"signed by somebody else": func(url.Values) {},
		"an algorithm of none":    func(f url.Values) { f.Set("client_assertion", "eyJhbGciOiJub25lIn0.e30.AA") },
		"nonsense":                func(f url.Values) { f.Set("client_assertion", "x") },
	} {
		known, nobody := h.form(asBank, "token", "x"), h.form(stranger, "token", "x")
		change(known)
		change(nobody)
		same("client, "+why, h.post("/oauth/introspect", known), h.post("/oauth/introspect", nobody))
	}
	if a := h.introspect(h.other, access); a.json["active"] != true {
		t.Errorf("the other client's token after all this: %v", a)
	}
	h.clock.pass(accessLife + time.Second)
	same("introspect what has ended", h.introspect(h.other, access), h.introspect(h.other, unknown(access)))
}
