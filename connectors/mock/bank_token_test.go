package mock

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestABankRefusesClients(t *testing.T) {
	tt := startTown(t, 1)
	b := tt.Banks()[0]
	grant := url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}}
	jti := rand.Text()
	if status, _ := tt.bankToken(t, b, grant, func(_, body claims) { body["jti"] = jti }); status != 200 {
		t.Fatalf("%d", status)
	}
	for why, change := range map[string]func(header, body claims){
		"a replayed jti":          func(_, body claims) { body["jti"] = jti },
		"no jti":                  func(_, body claims) { delete(body, "jti") },
		"another bank's audience": func(_, body claims) { body["aud"] = tt.Banks()[1].Issuer },
		"expired":                 func(_, body claims) { body["exp"] = tt.now().Add(-2 * time.Minute).Unix() },
		"no expiry":               func(_, body claims) { delete(body, "exp") },
		"a year to live":          func(_, body claims) { body["exp"] = tt.now().AddDate(1, 0, 0).Unix() },
		"issued tomorrow":         func(_, body claims) { body["iat"] = tt.now().AddDate(0, 0, 1).Unix() },
		"another client":          func(_, body claims) { body["iss"], body["sub"] = "x", "x" },
		"RS256 in the header":     func(header, _ claims) { header["alg"] = "RS256" },
		"none in the header":      func(header, _ claims) { header["alg"] = "none" },
		"an unknown key":          func(header, _ claims) { header["kid"] = "x" },
		"critical members":        func(header, _ claims) { header["crit"] = []string{"x"} },
	} {
		if status, got := tt.bankToken(t, b, grant, change); status != 401 || got.Error != "invalid_client" {
			t.Errorf("%s: %d %s", why, status, got.Error)
		}
	}
	stranger := b
	stranger.ClientKey = sharedKeys().get(keyMerchant)
	if status, _ := tt.bankToken(t, stranger, grant, nil); status != 401 {
		t.Errorf("another key: %d", status)
	}
	if status, got := tt.bankToken(t, b, url.Values{"grant_type": {"password"}}, nil); status != 400 || got.Error != "unsupported_grant_type" {
		t.Errorf("%d %s", status, got.Error)
	}
	if status, got := tt.bankToken(t, b, url.Values{"grant_type": {"client_credentials"}, "scope": {"payments"}}, nil); status != 400 || got.Error != "invalid_scope" {
		t.Errorf("%d %s", status, got.Error)
	}
}

func TestABankRefusesCodes(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	code := func() string {
		page := tt.bankPage(t, b, tt.consent(t, b, allPermissions, nil), func(_, body claims) {
			body["code_challenge"], body["code_challenge_method"] = base64.RawURLEncoding.EncodeToString(sum[:]), "S256"
		})
		return tt.login(t, page, p, "agree", nil).Get("code")
	}
	redeem := func(code, back, verifier string) (int, bankTokens) {
		return tt.bankToken(t, b, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}, "code_verifier": {verifier}}, nil)
	}
	if status, _ := redeem(code(), "http://localhost:8080/other", verifier); status != 400 {
		t.Errorf("another redirect URI: %d", status)
	}
	if status, _ := redeem(code(), callback, "wrong"); status != 400 {
		t.Errorf("a wrong verifier: %d", status)
	}
	once := code()
	status, tokens := redeem(once, callback, verifier)
	if status != 200 {
		t.Fatalf("%d", status)
	}
	if status, got := redeem(once, callback, verifier); status != 400 || got.Error != "invalid_grant" {
		t.Errorf("a code twice: %d %s", status, got.Error)
	}
	if res, _ := tt.bankGet(t, b.APIBase+"/accounts", tokens.Access_token); res.StatusCode != 401 {
		t.Errorf("a token whose code came twice still opens: %d", res.StatusCode)
	}
	old := code()
	tt.pass(10 * time.Minute)
	if status, _ := redeem(old, callback, verifier); status != 400 {
		t.Errorf("an old code: %d", status)
	}
	if status, _ := redeem("x", callback, verifier); status != 400 {
		t.Errorf("an unknown code: %d", status)
	}
}

func TestABanksTokensAge(t *testing.T) {
	tt := startTown(t, 1)
	for i, b := range tt.Banks() {
		p := tt.People()[i]
		_, tokens := tt.bankLink(t, b, p, allPermissions, nil, nil)
		tt.pass(10 * time.Minute)
		if res, _ := tt.bankGet(t, b.APIBase+"/accounts", tokens.Access_token); res.StatusCode != 401 || !strings.Contains(res.Header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%s: a token of ten minutes: %d", b.ID, res.StatusCode)
		}
		refresh := func(token string) (int, bankTokens) {
			return tt.bankToken(t, b, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, nil)
		}
		_, first := refresh(tokens.Refresh_token)
		tt.bankAccounts(t, b, first.Access_token)
		if replaced := first.Refresh_token != tokens.Refresh_token; replaced != bankByID(b.ID).rotates {
			t.Errorf("%s: the refresh token was replaced: %v", b.ID, replaced)
		}
		if _, again := refresh(tokens.Refresh_token); again.Refresh_token != first.Refresh_token {
			t.Errorf("%s: an answer that got lost cannot be had again", b.ID)
		}
		tt.pass(2 * time.Minute)
		if status, _ := refresh(tokens.Refresh_token); (status == 200) == bankByID(b.ID).rotates {
			t.Errorf("%s: the first refresh token answers %d", b.ID, status)
		}
		if status, _ := refresh(first.Refresh_token); status != 200 {
			t.Errorf("%s: the newest refresh token answers %d", b.ID, status)
		}
	}
}

func TestABanksLogin(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	consent := tt.consent(t, b, allPermissions, nil)
	page := tt.bankPage(t, b, consent, nil)
	_, body := tt.do(t, get(t, page))
	if !strings.Contains(string(body), `name="login"`) || !strings.Contains(string(body), "mock town") || strings.Contains(string(body), `name="account"`) {
		t.Error("the first page asks who it is, and shows no accounts yet")
	}
	res, body := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {p.Password}}))
	if res.StatusCode != 200 || strings.Count(string(body), `name="account"`) != 3 || !strings.Contains(string(body), `name="chosen"`) {
		t.Errorf("after signing in: %d %s", res.StatusCode, body)
	}
	if res, _ := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {"x"}, "decision": {"agree"}})); res.StatusCode != 401 {
		t.Errorf("a wrong password: %d", res.StatusCode)
	}
	if res, _ := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {p.Password}, "decision": {"agree"}, "chosen": {"1"}})); res.StatusCode != 200 {
		t.Errorf("agreeing to no account: %d", res.StatusCode)
	}
	foreign := tt.world.people[2].debit().id
	if res, _ := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {p.Password}, "decision": {"agree"}, "account": {foreign}})); res.StatusCode != 400 {
		t.Errorf("agreeing to somebody else's account: %d", res.StatusCode)
	}
	if back := tt.login(t, page, Person{}, "refuse", nil); back.Get("error") != "access_denied" || back.Get("state") != "s-3" {
		t.Errorf("who refuses comes back with %v", back)
	}
	_, body = tt.bankGet(t, b.APIBase+"/account-access-consents/"+consent, tt.clientToken(t, b))
	if !bytes.Contains(body, []byte(`"Status":"RJCT"`)) {
		t.Errorf("after the no: %s", body)
	}
	for why, c := range map[string]struct {
		change func(header, body claims)
		want   string
	}{
		"another audience":    {func(_, body claims) { body["aud"] = "x" }, "invalid_request_object"},
		"expired":             {func(_, body claims) { body["exp"] = 1 }, "invalid_request_object"},
		"no scope":            {func(_, body claims) { body["scope"] = "openid" }, "invalid_scope"},
		"no nonce":            {func(_, body claims) { delete(body, "nonce") }, "invalid_request"},
		"plain PKCE":          {func(_, body claims) { body["code_challenge"], body["code_challenge_method"] = "x", "plain" }, "invalid_request"},
		"an unknown consent":  {func(_, body claims) { delete(body, "claims") }, "invalid_request"},
		"a consent refused":   {nil, "invalid_request"},
		"a token of implicit": {func(_, body claims) { body["response_type"] = "token" }, "unsupported_response_type"},
	} {
		res, _ := tt.do(t, get(t, tt.bankPage(t, b, consent, c.change)))
		u, err := url.Parse(res.Header.Get("Location"))
		if err != nil || u.Query().Get("error") != c.want {
			t.Errorf("%s: %d to %s, want %s", why, res.StatusCode, u, c.want)
		}
	}
	for why, change := range map[string]func(header, body claims){
		"unsigned":           func(header, _ claims) { header["alg"] = "none" },
		"a foreign redirect": func(_, body claims) { body["redirect_uri"] = "https://evil.example/" },
	} {
		if res, _ := tt.do(t, get(t, tt.bankPage(t, b, consent, change))); res.StatusCode != 400 || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d", why, res.StatusCode)
		}
	}
}

func TestABanksIDTokenIsItsOwn(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	_, body := tt.do(t, get(t, b.Issuer+"/.well-known/openid-configuration"))
	found := read[struct{ Issuer, Token_endpoint, Authorization_endpoint, Jwks_uri string }](t, body)
	if found.Issuer != b.Issuer || found.Token_endpoint != b.Issuer+"/token" || found.Authorization_endpoint != b.Issuer+"/authorize" {
		t.Errorf("%+v", found)
	}
	_, body = tt.do(t, get(t, found.Jwks_uri))
	jwks := read[struct {
		Keys []struct{ Kty, N, E, Kid string }
	}](t, body)
	n, err := base64.RawURLEncoding.DecodeString(jwks.Keys[0].N)
	if err != nil || !bytes.Equal(n, b.BankKey.N.Bytes()) || jwks.Keys[0].E != "AQAB" {
		t.Errorf("jwks %s", body)
	}
	check := func(compact string) bool {
		parts := strings.Split(compact, ".")
		sig, err := base64.RawURLEncoding.DecodeString(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		return rsa.VerifyPSS(b.BankKey, crypto.SHA256, sum[:], sig, nil) == nil
	}
	id, tokens := tt.bankLink(t, b, p, allPermissions, nil, nil)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens.Id_token, ".")[1])
	if err != nil || !check(tokens.Id_token) {
		t.Fatal("the ID token does not verify")
	}
	said := read[struct{ Iss, Aud, Nonce, Openbanking_intent_id string }](t, payload)
	if said.Iss != b.Issuer || said.Aud != b.ClientID || said.Nonce != "n-1" || said.Openbanking_intent_id != id {
		t.Errorf("ID token %s", payload)
	}
	tt.BadSignature(b.ID, true)
	if _, tokens := tt.bankLink(t, b, p, allPermissions, nil, nil); check(tokens.Id_token) {
		t.Error("the bank signed well when it should not")
	}
}

func FuzzOpenJWS(f *testing.F) {
	key := sharedKeys().get(keyBankClient)
	f.Add(signJWS(key, "k", map[string]any{"iss": "a", "aud": []string{"b"}, "exp": 1.5}, false))
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, compact string) {
		if _, err := openJWS(compact, "other", &key.PublicKey); err == nil {
			t.Error("opened with a key it was not made for")
		}
	})
}
