package oauth

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"jali/consent/dpop"
	"jali/internal/fault"
	"jali/internal/jose"
)

// rawProof is proof with changes to the header too; nil removes.
func (h *house) rawProof(k jose.PrivateKey, method, url, token string, header, changes m) string {
	c := m{"jti": rand.Text(), "htm": method, "htu": url, "iat": h.clock.now().Unix(), "nonce": h.server.nonces.At(h.clock.now())}
	if token != "" {
		c["ath"] = s256(token)
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	head := m{"typ": "dpop+jwt", "kid": nil, "jwk": k.Public().JWK()}
	maps.Copy(head, header)
	return must(k.Sign(head, c))
}

func s64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

type badProof struct {
	why    string
	code   string
	proofs []string
}

// badProofs are proofs for a request, each wrong in one thing.
func (h *house) badProofs(k jose.PrivateKey, method, url, token string) []badProof {
	now := h.clock.now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	raw := func(header, changes m) []string { return []string{h.rawProof(k, method, url, token, header, changes)} }
	good := raw(nil, nil)[0]
	parts := strings.Split(good, ".")
	unsigned := strings.Join([]string{s64(`{"typ":"dpop+jwt","alg":"none","jwk":` + string(k.Public().JWK()) + `}`), parts[1], ""}, ".")
	hmac := strings.Join([]string{s64(`{"typ":"dpop+jwt","alg":"HS256","jwk":` + string(k.Public().JWK()) + `}`), parts[1], parts[2]}, ".")
	rs256 := strings.Join([]string{s64(`{"typ":"dpop+jwt","alg":"RS256","jwk":` + string(must(jose.Generate(jose.PS256)).Public().JWK()) + `}`), parts[1], parts[2]}, ".")
	other := must(jose.Generate(jose.ES256))
	list := []badProof{
		{"no typ", "", raw(m{"typ": nil}, nil)},
		{"typ JWT", "", raw(m{"typ": "JWT"}, nil)},
		{"typ of an access token", "", raw(m{"typ": "at+jwt"}, nil)},
		{"alg none", "", []string{unsigned}},
		{"alg HS256", "", []string{hmac}},
		{"alg RS256", "", []string{rs256}},
		{"no jwk", "", raw(m{"jwk": nil}, nil)},
		{"a kid in place of the jwk", "", raw(m{"jwk": nil, "kid": "1"}, nil)},
		{"a jwk with its private part", "", raw(m{"jwk": json.RawMessage(must(k.Export()).RevealString())}, nil)},
		{"another key's jwk", "", raw(m{"jwk": other.Public().JWK()}, nil)},
		{"a jwk that is no key", "", raw(m{"jwk": m{"kty": "EC"}}, nil)},
		{"a bad signature", "", []string{good[:len(good)-4] + "AAAA"}},
		{"crit", "", raw(m{"crit": []string{"x"}, "x": 1}, nil)},
		{"no jti", "", raw(nil, m{"jti": nil})},
		{"an empty jti", "", raw(nil, m{"jti": ""})},
		{"no htm", "", raw(nil, m{"htm": nil})},
		{"another htm", "", raw(nil, m{"htm": "PUT"})},
		{"htm in lower case", "", raw(nil, m{"htm": strings.ToLower(method)})},
		{"no htu", "", raw(nil, m{"htu": nil})},
		{"another path in htu", "", raw(nil, m{"htu": url + "x"})},
		{"another host in htu", "", raw(nil, m{"htu": strings.Replace(url, "jali", "evil", 1)})},
		{"htu over http", "", raw(nil, m{"htu": strings.Replace(url, "https", "http", 1)})},
		{"no iat", "", raw(nil, m{"iat": nil})},
		{"iat a minute and more back", "", raw(nil, m{"iat": at(-62 * time.Second)})},
		{"iat 12 s ahead", "", raw(nil, m{"iat": at(12 * time.Second)})},
		{"iat that is a string", "", raw(nil, m{"iat": "now"})},
		{"exp that has passed", "", raw(nil, m{"exp": at(-time.Second)})},
		{"nbf 12 s ahead", "", raw(nil, m{"nbf": at(12 * time.Second)})},
		{"two proofs", "", []string{good, raw(nil, nil)[0]}},
		{"one proof twice", "", []string{good, good}},
		{"nonsense", "", []string{"x"}},
		{"larger than 4 KiB", "", raw(nil, m{"x": strings.Repeat("x", dpop.MaxBytes)})},
		{"no nonce", "use_dpop_nonce", raw(nil, m{"nonce": nil})},
		{"a nonce of somebody else's", "use_dpop_nonce", raw(nil, m{"nonce": s256("theirs")})},
		{"a nonce that is a number", "use_dpop_nonce", raw(nil, m{"nonce": 1})},
		{"a stale nonce", "use_dpop_nonce", raw(nil, m{"nonce": h.server.nonces.At(now.Add(-4 * time.Minute))})},
		{"a nonce from ahead", "use_dpop_nonce", raw(nil, m{"nonce": h.server.nonces.At(now.Add(2 * time.Minute))})},
	}
	if token != "" {
		list = append(list,
			badProof{"no ath", "", raw(nil, m{"ath": nil})},
			badProof{"ath of another token", "", raw(nil, m{"ath": s256("other")})},
			badProof{"the token for ath", "", raw(nil, m{"ath": token})},
		)
	}
	for i := range list {
		if list[i].code == "" {
			list[i].code = "invalid_dpop_proof"
		}
	}
	return list
}

// refusesBadProofsAtResource holds the data API to them.
func (h *house) refusesBadProofsAtResource() {
	got, _ := h.tokens(h.bank, daily)
	token, where := got.text("access_token"), issuer+"/v1/views"
	for _, tt := range h.badProofs(h.bank.dpop, "POST", where, token) {
		r, told := httptest.NewRequest("POST", "http://inside/v1/views", nil), http.Header{}
		r.Header["Authorization"], r.Header["Dpop"] = []string{"DPoP " + token}, tt.proofs
		_, err := h.server.Authenticate(told, r)
		var no *Unauthorized
		if !errors.As(err, &no) || fault.Of(err).Code != tt.code || !strings.HasPrefix(no.Challenge(), `DPoP error="`+tt.code+`"`) {
			h.t.Errorf("%s: Authenticate = %v; want %s", tt.why, err, tt.code)
		}
		if told.Get("DPoP-Nonce") != h.server.nonces.At(h.clock.now()) {
			h.t.Errorf("%s: the answer brings the nonce %q", tt.why, told.Get("DPoP-Nonce"))
		}
	}
	if _, err := h.call(h.bank.dpop, token); err != nil {
		h.t.Errorf("after all that, a good proof: %v", err)
	}
}

// TestBadProofs: the resource refuses them in TestFAPI.
func TestBadProofs(t *testing.T) {
	t.Run("at PAR", func(t *testing.T) {
		h := open(t)
		for _, tt := range h.badProofs(h.bank.dpop, "POST", issuer+"/oauth/par", "") {
			got := h.post("/oauth/par", h.parForm(h.bank, once), tt.proofs...)
			h.wantError(tt.why, got, 400, tt.code)
			if got.header.Get("DPoP-Nonce") == "" {
				t.Errorf("%s: the answer brings no nonce", tt.why)
			}
		}
		if h.rows() != 0 {
			t.Error("something was stored")
		}
	})
	t.Run("at token", func(t *testing.T) {
		h := open(t)
		code, _ := h.code(h.bank, once)
		for _, tt := range h.badProofs(h.bank.dpop, "POST", issuer+"/oauth/token", "") {
			got := h.post("/oauth/token", h.redeemForm(h.bank, code), tt.proofs...)
			h.wantError(tt.why, got, 400, tt.code)
			if got.header.Get("DPoP-Nonce") == "" {
				t.Errorf("%s: the answer brings no nonce", tt.why)
			}
		}
		got := h.redeem(h.bank, code)
		if got.status != 200 || got.header.Get("DPoP-Nonce") != h.server.nonces.At(h.clock.now()) {
			t.Errorf("after all that, a good proof: %v, nonce %q", got, got.header.Get("DPoP-Nonce"))
		}
	})
}

// TestNonceThatWasAskedFor is the way of a client that knows none: it is told
// one, and the same request goes through with it, until some minutes later.
func TestNonceThatWasAskedFor(t *testing.T) {
	h := open(t)
	code, _ := h.code(h.bank, once)
	try := func(nonce any) answer {
		return h.post("/oauth/token", h.redeemForm(h.bank, code), h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", m{"nonce": nonce}))
	}
	first := try(nil)
	h.wantError("without a nonce", first, 400, "use_dpop_nonce")
	got := try(first.header.Get("DPoP-Nonce"))
	if got.status != 200 {
		t.Fatalf("with the nonce it was told: %v", got)
	}
	token := got.text("access_token")
	read := func(nonce string) (http.Header, error) {
		r, told := httptest.NewRequest("GET", "http://inside/v1/views/x", nil), http.Header{}
		r.Header.Set("Authorization", "DPoP "+token)
		r.Header.Set("DPoP", h.proof(h.bank.dpop, "GET", issuer+"/v1/views/x", token, m{"nonce": nonce}))
		_, err := h.server.Authenticate(told, r)
		return told, err
	}
	nonce := got.header.Get("DPoP-Nonce") // the servers of one origin share them
	h.clock.pass(2 * time.Minute)
	if _, err := read(nonce); err != nil {
		t.Errorf("two minutes on: %v", err)
	}
	h.clock.pass(time.Minute)
	told, err := read(nonce)
	if fault.Of(err).Code != "use_dpop_nonce" {
		t.Errorf("three minutes on: %v", err)
	}
	if _, err := read(told.Get("DPoP-Nonce")); err != nil {
		t.Errorf("with the nonce it was told: %v", err)
	}
}

// The token endpoint's proof is for it whatever the grant.
func TestRefreshNeedsAProofEachTime(t *testing.T) {
	h := open(t)
	got, _ := h.tokens(h.bank, daily)
	form := func() url.Values {
		return h.form(h.bank, "grant_type", "refresh_token", "refresh_token", got.text("refresh_token"))
	}
	h.wantError("none", h.post("/oauth/token", form()), 400, "invalid_dpop_proof")
	proof := h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)
	if again := h.post("/oauth/token", form(), proof); again.status != 200 {
		t.Fatal(again)
	}
	h.wantError("the same again", h.post("/oauth/token", form(), proof), 400, "invalid_dpop_proof")
}
