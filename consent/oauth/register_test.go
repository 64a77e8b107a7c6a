package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/jose"
	"jali/internal/kv"
)

// invite makes an initial access token.
func (h *house) invite(uses int) (id, token string) {
	h.t.Helper()
	i, t, err := h.server.Invite(context.Background(), uses, time.Hour)
	if err != nil {
		h.t.Fatal(err)
	}
	return i.ID, t.RevealString()
}

// metadata is what a client says of itself, with changes; nil removes.
func (h *house) metadata(changes m) m {
	c := m{
		"client_name": "Morning Bank", "redirect_uris": []string{callback},
		"jwks": m{"keys": []any{h.bank.key.Public().JWK()}},
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func (h *house) json(method, path, token string, body any) answer {
	h.t.Helper()
	header := http.Header{"Content-Type": {"application/json"}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return h.send(method, path, header, strings.NewReader(string(must(json.Marshal(body)))))
}

// enrol registers a client by itself.
func (h *house) enrol(changes m) answer {
	h.t.Helper()
	_, token := h.invite(1)
	got := h.json("POST", "/oauth/register", token, h.metadata(changes))
	if got.status != http.StatusCreated {
		h.t.Fatalf("registration: %v", got)
	}
	return got
}

func (h *house) clients() int { return len(must(h.consent.Clients(context.Background()))) }

func TestRegistrationIsOffUntilSomebodyIsInvited(t *testing.T) {
	h := open(t)
	closed := func(why string) {
		t.Helper()
		if got := h.json("POST", "/oauth/register", "invite_x.y", h.metadata(nil)); got.status != http.StatusNotFound {
			t.Errorf("%s: %v; want 404", why, got)
		}
		if got := h.get("/.well-known/oauth-authorization-server"); got.json["registration_endpoint"] != nil {
			t.Errorf("%s: metadata has registration_endpoint", why)
		}
	}
	closed("as it was set up")

	id, token := h.invite(2)
	if got := h.get("/.well-known/oauth-authorization-server").text("registration_endpoint"); got != issuer+"/oauth/register" {
		t.Errorf("registration_endpoint = %q", got)
	}
	for why, header := range map[string]http.Header{
		"no token": {}, "a guess": {"Authorization": {"Bearer " + id + ".guess"}}, "half a token": {"Authorization": {"Bearer " + id}},
		"another scheme": {"Authorization": {"DPoP " + token}}, "two tokens": {"Authorization": {"Bearer " + token, "Bearer " + token}},
		"in front of something": {"Authorization": {"Bearer " + token + " x"}},
	} {
		header.Set("Content-Type", "application/json")
		got := h.send("POST", "/oauth/register", header, strings.NewReader("{"))
		h.wantError(why, got, 401, "invalid_token")
		if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: WWW-Authenticate %q", why, got.header.Get("WWW-Authenticate"))
		}
	}
	for _, name := range []string{"Morning Bank", "Evening Bank"} {
		if got := h.json("POST", "/oauth/register", token, h.metadata(m{"client_name": name})); got.status != http.StatusCreated {
			t.Fatal(got)
		}
	}
	closed("used up")

	id, token = h.invite(2)
	if err := h.server.Uninvite(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	closed("taken back")
	if err := h.server.Uninvite(t.Context(), id); !errors.Is(err, errNoInvite) {
		t.Errorf("taken back again: %v", err)
	}

	h.invite(1)
	h.clock.pass(time.Hour)
	closed("expired")
	if got := h.json("POST", "/oauth/register", token, h.metadata(nil)); got.status != http.StatusNotFound {
		t.Errorf("an old token: %v", got)
	}
	if list := must(h.server.Invites(t.Context())); len(list) != 0 {
		t.Errorf("Invites = %v, want none that is over", list)
	}
	h.clock.pass(time.Second)
	if err := h.server.Sweep(t.Context()); err != nil || strings.Contains(h.dump(), `"left"`) {
		t.Errorf("after the sweep (%v) an invitation is left", err)
	}
	if h.clients() != 4 {
		t.Errorf("%d clients, want the two of before and two more", h.clients())
	}
}

func TestInvites(t *testing.T) {
	h := open(t)
	for why, tt := range map[string]struct {
		uses int
		life time.Duration
	}{
		"no use": {0, time.Hour}, "fewer": {-1, time.Hour}, "too many": {1001, time.Hour}, "over": {1, 0}, "for ever": {1, 367 * 24 * time.Hour},
	} {
		if _, _, err := h.server.Invite(t.Context(), tt.uses, tt.life); !errors.Is(err, errInvite) {
			t.Errorf("%s: %v", why, err)
		}
	}
	id, token := h.invite(3)
	list := must(h.server.Invites(t.Context()))
	if len(list) != 1 || list[0].ID != id || list[0].Left != 3 || list[0].MAC != nil {
		t.Errorf("Invites = %+v", list)
	}
	if _, secret, _ := strings.Cut(token, "."); strings.Contains(h.dump(), secret) {
		t.Error("the token is kept")
	}
}

func TestAClientRegistersItself(t *testing.T) {
	h := open(t)
	h.server.Notify = nil
	key := must(jose.Generate(jose.PS256))
	got := h.enrol(m{
		"client_name": nil, "client_name#zh-CN": "晨曦银行", "client_name#en": "Morning Bank", "client_name#fr": "Banque du matin",
		"jwks":                       m{"keys": []any{key.Public().JWK()}},
		"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "PS256",
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"authorization_details_types": []string{"account_view"}, "scope": scopeQuery, "dpop_bound_access_tokens": true,
		"introspection_signed_response_alg": "ES256", "alias_shape": "card", "webhook_uri": "https://bank.example/hook",
		"backchannel_token_delivery_mode": "poll", "logo_uri": "https://bank.example/logo.png", "contacts": nil,
	})
	for name, want := range map[string]any{
		"client_name#zh-CN": "晨曦银行", "client_name#en": "Morning Bank", "token_endpoint_auth_method": "private_key_jwt",
		"introspection_signed_response_alg": "ES256", "alias_shape": "card", "webhook_uri": "https://bank.example/hook",
		"backchannel_token_delivery_mode": "poll", "dpop_bound_access_tokens": true, "require_signed_request_object": false,
		"registration_client_uri":           issuer + "/oauth/register/" + got.text("client_id"),
		"authorization_signed_response_alg": nil, "logo_uri": nil, "client_secret": nil,
	} {
		if got.json[name] != want {
			t.Errorf("%s = %v, want %v", name, got.json[name], want)
		}
	}
	if got.header.Get("Cache-Control") != "no-store" || len(got.text("registration_access_token")) < 40 {
		t.Errorf("Cache-Control %q, token %q", got.header.Get("Cache-Control"), got.text("registration_access_token"))
	}
	if strings.Contains(h.dump(), got.text("registration_access_token")) {
		t.Error("the registration access token is kept")
	}
	c := must(h.consent.Client(t.Context(), consent.ClientID(got.text("client_id"))))
	if c.Name.ZH != "晨曦银行" || !c.SignedIntrospection || c.SignedRequests || c.AliasShape != "card" || c.Delivery != consent.Poll || !c.AddedAt.Equal(h.clock.now().Truncate(time.Microsecond)) {
		t.Errorf("registered as %+v", c)
	}
	app := app{id: got.text("client_id"), key: key, dpop: h.bank.dpop}
	if got, _ := h.tokens(app, once); got.text("access_token") == "" {
		t.Errorf("a client that registered itself gets no token: %v", got)
	}
}

func TestEveryKindOfClientRegisters(t *testing.T) {
	for why, changes := range map[string]m{
		"keys by URL":              {"jwks": nil, "jwks_uri": "https://bank.example/jwks"},
		"null is left out":         {"jwks_uri": nil, "webhook_uri": json.RawMessage("null")},
		"a certificate by name":    {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "app.bank.example", "jwks": nil, "tls_client_certificate_bound_access_tokens": true},
		"a certificate of its own": {"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": m{"keys": []any{certified(t)}}, "tls_client_certificate_bound_access_tokens": true, "dpop_bound_access_tokens": false},
		"everything signed":        {"require_signed_request_object": true, "request_object_signing_alg": "ES256", "authorization_signed_response_alg": "ES256"},
		"pinged":                   {"backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": "https://bank.example/ping", "grant_types": []string{cibaGrant}},
	} {
		t.Run(why, func(t *testing.T) {
			h := open(t)
			h.server.MTLS, h.server.ClientCAs = "https://mtls.jali.example", x509.NewCertPool()
			h.server.Notify = func(kv.Tx, Ping) error { return nil }
			got := h.enrol(changes)
			// What is told can be sent back, and changes nothing.
			again := maps.Clone(got.json)
			for _, name := range []string{"registration_access_token", "registration_client_uri", "client_id_issued_at"} {
				delete(again, name)
			}
			before := must(h.consent.Client(t.Context(), consent.ClientID(got.text("client_id"))))
			put := h.json("PUT", "/oauth/register/"+got.text("client_id"), got.text("registration_access_token"), again)
			if put.status != http.StatusOK || put.body != got.body {
				t.Errorf("sent back: %v\nwant 200 %s", put, got.body)
			}
			after := must(h.consent.Client(t.Context(), consent.ClientID(got.text("client_id"))))
			if string(must(json.Marshal(before))) != string(must(json.Marshal(after))) {
				t.Errorf("before %s\nafter  %s", must(json.Marshal(before)), must(json.Marshal(after)))
			}
		})
	}
}

// certified is a public key with a certificate of its own.
func certified(t *testing.T) m {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	point := must(key.PublicKey.Bytes())
	text := base64.RawURLEncoding.EncodeToString
	return m{"kty": "EC", "crv": "P-256", "x": text(point[1:33]), "y": text(point[33:]), "kid": "1", "alg": "ES256",
		"x5c": []string{base64.StdEncoding.EncodeToString(der)}}
}

func TestWhatIsNotRegistered(t *testing.T) {
	h := open(t)
	h.server.MTLS = "https://mtls.jali.example" // and no authority that vouches for tls_client_auth
	_, token := h.invite(1)
	private := must(h.bank.key.Export())
	bad, redirect := "invalid_client_metadata", "invalid_redirect_uri"
	for _, tt := range []struct {
		why     string
		changes m
		code    string
	}{
		{"no redirect URI", m{"redirect_uris": nil}, redirect},
		{"http", m{"redirect_uris": []string{"http://bank.example/cb"}}, redirect},
		{"a fragment", m{"redirect_uris": []string{callback + "#x"}}, redirect},
		{"one good, one not", m{"redirect_uris": []string{callback, "javascript:alert(1)"}}, redirect},
		{"not a list", m{"redirect_uris": callback}, bad},
		{"not of strings", m{"redirect_uris": []any{1}}, bad},
		{"no name", m{"client_name": nil}, bad},
		{"a name in one language", m{"client_name": nil, "client_name#en": "Bank"}, bad},
		{"a name that turns the writing round", m{"client_name": "knaB\u202e"}, bad},
		{"a name that nobody sees", m{"client_name": "\u3164"}, bad},
		{"a name with a letter of another script", m{"client_name": "Mоrning Bank"}, bad},
		{"the name of a client that there is", m{"client_name#en": "bank"}, bad},
		{"a name that is a number", m{"client_name": 5}, bad},
		{"no keys", m{"jwks": nil}, bad},
		{"keys twice", m{"jwks_uri": "https://bank.example/jwks"}, bad},
		{"keys as text", m{"jwks": "{}"}, bad},
		{"a private key", m{"jwks": m{"keys": []any{json.RawMessage(private.Reveal())}}}, bad},
		{"keys without TLS", m{"jwks": nil, "jwks_uri": "http://bank.example/jwks"}, bad},
		{"keys in a file", m{"jwks": nil, "jwks_uri": "file:///etc/passwd"}, bad},
		{"a secret", m{"token_endpoint_auth_method": "client_secret_basic"}, bad},
		{"a public client", m{"token_endpoint_auth_method": "none"}, bad},
		{"an authority that nobody vouches for", m{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "a.example"}, bad},
		{"a certificate's name without it", m{"tls_client_auth_san_dns": "a.example"}, bad},
		{"RS256 assertions", m{"token_endpoint_auth_signing_alg": "RS256"}, bad},
		{"unsigned request objects", m{"request_object_signing_alg": "none"}, bad},
		{"answers signed as we do not", m{"authorization_signed_response_alg": "RS256"}, bad},
		{"unsigned introspection", m{"introspection_signed_response_alg": "none"}, bad},
		{"encrypted answers", m{"authorization_encrypted_response_alg": "RSA-OAEP-256"}, bad},
		{"bearer tokens", m{"dpop_bound_access_tokens": false}, bad},
		{"tokens bound twice", m{"dpop_bound_access_tokens": true, "tls_client_certificate_bound_access_tokens": true}, bad},
		{"a truth that is text", m{"require_signed_request_object": "true"}, bad},
		{"the implicit grant", m{"grant_types": []string{"authorization_code", "implicit"}}, bad},
		{"passwords", m{"grant_types": []string{"password"}}, bad},
		{"decoupled without a mode", m{"grant_types": []string{cibaGrant}}, bad},
		{"tokens in the front channel", m{"response_types": []string{"code token"}}, bad},
		{"another type of details", m{"authorization_details_types": []string{"payment"}}, bad},
		{"another scope", m{"scope": "openid"}, bad},
		{"a public subject", m{"subject_type": "public"}, bad},
		{"push", m{"backchannel_token_delivery_mode": "push"}, bad},
		{"ping, which is not sent here", m{"backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": "https://bank.example/ping"}, bad},
		{"user codes", m{"backchannel_token_delivery_mode": "poll", "backchannel_user_code_parameter": true}, bad},
		{"an alias shape that is none", m{"alias_shape": "passport"}, bad},
		{"a webhook without TLS", m{"webhook_uri": "http://bank.example/hook"}, bad},
		{"a software statement", m{"software_statement": "a.b.c"}, "unapproved_software_statement"},
		{"a software statement that is none", m{"software_statement": 1}, "invalid_software_statement"},
	} {
		got := h.json("POST", "/oauth/register", token, h.metadata(tt.changes))
		h.wantError(tt.why, got, 400, tt.code)
		if strings.Contains(got.body, "bank.example") {
			t.Errorf("%s: what was sent comes back: %v", tt.why, got)
		}
	}
	if h.clients() != 2 {
		t.Errorf("%d clients, want 2", h.clients())
	}
	if got := h.json("POST", "/oauth/register", token, h.metadata(nil)); got.status != http.StatusCreated {
		t.Errorf("none of these took the use: %v", got)
	}
}

// Schemes and content types have no case.
func TestRegistrationInAnyCase(t *testing.T) {
	h := open(t)
	_, token := h.invite(1)
	header := http.Header{"Authorization": {"bearer " + token}, "Content-Type": {"Application/JSON; charset=utf-8"}}
	body := " " + string(must(json.Marshal(h.metadata(nil)))) + "\n"
	if got := h.send("POST", "/oauth/register", header, strings.NewReader(body)); got.status != http.StatusCreated {
		t.Error(got)
	}
}

// One use is one client, however many try at once.
func TestAnInviteIsUsedAsOftenAsItSays(t *testing.T) {
	for range 5 {
		h := open(t)
		_, token := h.invite(3)
		var made atomic.Int32
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				switch got := h.json("POST", "/oauth/register", token, h.metadata(m{"client_name": "Bank " + strconv.Itoa(i)})); got.status {
				case http.StatusCreated:
					made.Add(1)
				case http.StatusUnauthorized, http.StatusNotFound:
				default:
					t.Errorf("got %v", got)
				}
			})
		}
		all.Wait()
		if made.Load() != 3 || h.clients() != 5 {
			t.Fatalf("%d of 64 registered and there are %d clients; want 3, and 5 with the two of before", made.Load(), h.clients())
		}
	}
}

func TestAClientKeepsItsRegistration(t *testing.T) {
	h := open(t)
	made := h.enrol(nil)
	path, token, id := "/oauth/register/"+made.text("client_id"), made.text("registration_access_token"), consent.ClientID(made.text("client_id"))
	if got := h.json("GET", path, token, nil); got.status != http.StatusOK || got.body != made.body {
		t.Errorf("GET: %v\nwant what was registered: %s", got, made.body)
	}
	resend := func(changes m) m {
		changes = maps.Clone(changes)
		changes["client_id"] = string(id)
		return h.metadata(changes)
	}
	for _, tt := range []struct {
		why     string
		changes m
		code    string
	}{
		{"without its id", m{"client_id": nil}, "invalid_client_metadata"},
		{"with another's id", m{"client_id": "client_other"}, "invalid_client_metadata"},
		{"another name, which people have not trusted", m{"client_name": "Evening Bank"}, "invalid_client_metadata"},
		{"its token", m{"registration_access_token": token}, "invalid_client_metadata"},
		{"its date", m{"client_id_issued_at": 1}, "invalid_client_metadata"},
		{"nowhere to go back to", m{"redirect_uris": nil}, "invalid_redirect_uri"},
		{"no keys", m{"jwks": nil}, "invalid_client_metadata"},
	} {
		changes := resend(m{})
		maps.Copy(changes, tt.changes)
		maps.DeleteFunc(changes, func(_ string, v any) bool { return v == nil })
		h.wantError(tt.why, h.json("PUT", path, token, changes), 400, tt.code)
	}
	got := h.json("PUT", path, token, resend(m{"redirect_uris": []string{"https://bank.example/new"}, "require_signed_request_object": true}))
	if got.status != http.StatusOK || got.text("registration_access_token") != token || got.json["require_signed_request_object"] != true {
		t.Errorf("PUT: %v", got)
	}
	got = h.json("PUT", path, token, resend(m{}))
	c := must(h.consent.Client(t.Context(), id))
	if got.status != http.StatusOK || c.SignedRequests || c.RedirectURIs[0] != callback {
		t.Errorf("what is left out of an update is taken back: %v, %+v", got, c)
	}
}

func TestARegistrationIsTheClientsOwn(t *testing.T) {
	h := open(t)
	one, two := h.enrol(nil), h.enrol(m{"client_name": "Evening Bank"})
	for _, tt := range []struct{ why, id, token string }{
		{"no token", one.text("client_id"), ""},
		{"another client's token", one.text("client_id"), two.text("registration_access_token")},
		{"an unknown client", "client_unknown", one.text("registration_access_token")},
		{"a client that the operator added", "client_bank", one.text("registration_access_token")},
		{"a client that the operator added, and no token", "client_bank", ""},
	} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			got := h.json(method, "/oauth/register/"+tt.id, tt.token, h.metadata(m{"client_id": tt.id}))
			h.wantError(method+" "+tt.why, got, 401, "invalid_token")
			if got.text("error_description") != errNotManaged.description {
				t.Errorf("%s: %v; want one answer for all", tt.why, got)
			}
		}
	}
	id := consent.ClientID(two.text("client_id"))
	if err := h.consent.SuspendClient(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	h.wantError("suspended", h.json("PUT", "/oauth/register/"+string(id), two.text("registration_access_token"), h.metadata(m{"client_id": string(id)})), 403, "unauthorized_client")
}

func TestAClientRemovesItself(t *testing.T) {
	h := open(t)
	made := h.enrol(nil)
	a := app{id: made.text("client_id"), key: h.bank.key, dpop: h.bank.dpop}
	path, token := "/oauth/register/"+a.id, made.text("registration_access_token")
	access, grant := h.scoped(a, daily, bothScopes)
	own := h.ownToken(a, bothScopes)
	if got := h.json("DELETE", path, token, nil); got.status != http.StatusNoContent || got.body != "" {
		t.Fatalf("DELETE: %v", got)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		h.wantError(method+" of what is gone", h.json(method, path, token, m{}), 401, "invalid_token")
	}
	if g, err := h.consent.Load(t.Context(), consent.ClientID(a.id), grant); err != nil || g.State != consent.Revoked || g.EndedBy != "client" {
		t.Errorf("its grant is %s by %q, %v; want revoked by the client: its person's receipt says so", g.State, g.EndedBy, err)
	}
	if _, err := h.call(a.dpop, access); err == nil {
		t.Error("its token still opens the grant")
	}
	h.wantError("its own token", h.manage("GET", a, own, grant), 401, "invalid_token")
	h.wantError("its key", h.introspect(a, access), 401, "invalid_client")
}

// Where the operator has put a client's keys in its own hands, whoever took the
// old ones, and the registration access token that lay beside them, cannot take
// that back.
func TestPinnedKeysStay(t *testing.T) {
	h := open(t)
	made := h.enrol(nil)
	a := app{id: made.text("client_id"), key: must(jose.Generate(jose.ES256)), dpop: h.bank.dpop}
	thief := a
	thief.key = h.bank.key
	if err := h.consent.SetKeys(t.Context(), consent.ClientID(a.id), fmt.Appendf(nil, `{"keys":[%s]}`, a.key.Public().JWK())); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		got := h.json(method, "/oauth/register/"+a.id, made.text("registration_access_token"), h.metadata(m{"client_id": a.id}))
		h.wantError(method+" by the old token", got, 401, "invalid_token")
	}
	if got := h.introspect(a, "x"); got.status != http.StatusOK {
		t.Errorf("by its new key: %v", got)
	}
	h.wantError("by its old key", h.introspect(thief, "x"), 401, "invalid_client")
}

// Whatever is sent, what is registered can be used: it is told as it stands,
// and sending that back changes nothing.
func FuzzRegistration(f *testing.F) {
	h := open(f)
	h.server.MTLS, h.server.ClientCAs = "https://mtls.jali.example", x509.NewCertPool()
	for _, changes := range []m{
		{}, {"client_name": nil, "client_name#zh-CN": "银行", "client_name#en": "Bank"}, {"jwks": nil, "jwks_uri": "https://b.example/k"},
		{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=b"}, {"alias_shape": "iban", "scope": scopeQuery},
		{"dpop_bound_access_tokens": false, "tls_client_certificate_bound_access_tokens": true}, {"software_statement": 1},
	} {
		f.Add(must(json.Marshal(h.metadata(changes))))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		said, err := jose.Object(body)
		if err != nil {
			return
		}
		c, err := h.server.clientOf(said)
		if err == nil {
			c.ID = "client_fuzzed"
			err = registrationError(h.consent.PutClient(context.Background(), c))
		}
		var no *refusal
		if errors.As(err, &no) && no.status == http.StatusBadRequest && strings.HasPrefix(no.code, "invalid_") || no != nil && no.code == "unapproved_software_statement" {
			return
		} else if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		c = must(h.consent.Client(context.Background(), c.ID))
		told, err := jose.Object(must(json.Marshal(h.server.information(c))))
		if err != nil {
			t.Fatalf("%q is told as what is no JSON object: %v", body, err)
		}
		back, err := h.server.clientOf(told)
		back.ID, back.AddedAt = c.ID, c.AddedAt
		if err != nil || string(must(json.Marshal(back))) != string(must(json.Marshal(c))) {
			t.Errorf("%q became\n%s, and sent back\n%s, %v", body, must(json.Marshal(c)), must(json.Marshal(back)), err)
		}
	})
}
