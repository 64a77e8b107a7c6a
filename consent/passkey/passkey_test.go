package passkey_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"jali/consent"
	"jali/consent/passkey"
	"jali/consent/passkey/software"
	"jali/internal/audit"
	"jali/internal/kv"
)

var b64 = base64.RawURLEncoding

func TestSignUpThenSignIn(t *testing.T) {
	h, a := build(t, issuer), software.New()
	in, codes := h.joins(a, " 江小白 ")
	if len(codes) != 8 {
		t.Errorf("%d recovery codes, want 8", len(codes))
	}
	c := in.Cookie
	if c.Name != "jali_session" || c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	p, recovering, err := h.with(c)
	if err != nil || recovering || p.Person != in.Session.Person || p.ID != in.Session.ID || !p.At.Equal(noon) {
		t.Errorf("Session = %+v, %v, %v; want %+v", p, recovering, err, in.Session)
	}
	if name, err := h.Name(ctx, p); err != nil || name != "江小白" {
		t.Errorf("Name = %q, %v", name, err)
	}
	keys, err := h.Passkeys(ctx, p)
	if err != nil || len(keys) != 1 || keys[0].Label != "Chrome · Linux" || keys[0].ID != a.Credentials()[0].ID {
		t.Errorf("Passkeys = %+v, %v", keys, err)
	}
	h.add(time.Hour)
	again, err := h.signsIn(a)
	h.must(err)
	if again.Session.Person != p.Person || again.Session.ID == p.ID || again.Cookie.Value == c.Value {
		t.Errorf("signed in again as %+v", again.Session)
	}
	if keys, _ := h.Passkeys(ctx, p); !keys[0].LastUsed.Equal(noon.Add(time.Hour)) {
		t.Errorf("last used %v", keys[0].LastUsed)
	}
	events, err := audit.Timeline(ctx, h.db, string(p.Person), time.Time{}, 100)
	h.must(err)
	var verbs []string
	for _, e := range events {
		verbs = append(verbs, e.Verb)
	}
	slices.Sort(verbs)
	if want := []string{"passkey.added", "person.joined", "recovery_codes.made", "session.opened", "session.opened"}; !slices.Equal(verbs, want) {
		t.Errorf("timeline %v, want %v", verbs, want)
	}
	for key, row := range h.rows() {
		for what, secret := range map[string]string{"cookie": c.Value, "name": "江小白", "label": "Chrome · Linux", "code": strings.ReplaceAll(codes[0], "-", "")[10:]} {
			if what == "label" && strings.Contains(key, "session") {
				continue // a session says what browser it is in
			}
			if strings.Contains(row, secret) || strings.Contains(key, secret) {
				t.Errorf("the %s is stored in plain, at %q", what, key)
			}
		}
	}
}

func TestANameWaitsSealed(t *testing.T) {
	h := build(t, issuer)
	_, _, err := h.BeginSignUp(ctx, "Wei Ling")
	h.must(err)
	for _, row := range h.rows() {
		if strings.Contains(row, "Wei Ling") || strings.Contains(row, base64.StdEncoding.EncodeToString([]byte("Wei Ling"))) {
			t.Error("the name of somebody who only began to sign up is stored in plain")
		}
	}
	for _, bad := range []string{"", "  ", "a\nb", "\xff", strings.Repeat("长", 61), "x\u202e"} {
		h.leavesNoTrace(passkey.ErrName, func() error { _, _, err := h.BeginSignUp(ctx, bad); return err })
	}
}

// TestAYesCanBeCheckedLongAfter gives a grant with a real assertion, and
// verifies what is kept of it by means that share nothing with the service.
func TestAYesCanBeCheckedLongAfter(t *testing.T) {
	h, a := build(t, issuer), software.New()
	in, _ := h.joins(a, "Ann")
	grants := &consent.Service{DB: h.db, StepUp: h.Service, Now: h.clock}
	h.must(grants.AddClient(ctx, consent.Client{ID: "bank", Name: consent.Name{ZH: "银行", EN: "Bank"}, RedirectURIs: []string{"https://bank.example/"},
		JWKS: json.RawMessage(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)}))
	h.must(h.db.Update(ctx, func(tx kv.Tx) error {
		_, err := grants.Push(tx, noon, consent.Request{ID: "g", Client: "bank", Asked: consent.Terms{Purpose: consent.BalanceOverview, Datatypes: []consent.Datatype{consent.Balances},
			Uses: consent.Uses{Limit: 1}, Until: noon.Add(time.Hour)}, Lapses: noon.Add(time.Minute)})
		return err
	}))
	_, err := grants.Show(ctx, in.Session, "g")
	h.must(err)
	agreed, err := grants.Prepare(ctx, in.Session, "g", consent.Choice{Accounts: []consent.AccountID{"acc"}}, []consent.AccountID{"acc"})
	h.must(err)
	options, err := h.Options(ctx, in.Session, agreed.Challenge)
	h.must(err)
	response, err := a.Get(issuer, options)
	h.must(err)
	_, _, err = grants.Give(ctx, in.Session, "g", response)
	h.must(err)

	e, err := grants.Evidence(ctx, in.Session, "g")
	h.must(err)
	var cose map[int]any
	h.must(webauthncbor.Unmarshal(e.PublicKey, &cose))
	point := slices.Concat([]byte{4}, cose[-2].([]byte), cose[-3].([]byte))
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	h.must(err)
	clientHash := sha256.Sum256(e.ClientData)
	digest := sha256.Sum256(slices.Concat(e.Authenticator, clientHash[:]))
	if !ecdsa.VerifyASN1(pub, digest[:], e.Signature) {
		t.Error("the signature is not the passkey's")
	}
	var client struct{ Type, Challenge, Origin string }
	h.must(json.Unmarshal(e.ClientData, &client))
	sum := sha256.Sum256(e.Agreement)
	if client.Type != "webauthn.get" || client.Origin != issuer || client.Challenge != b64.EncodeToString(sum[:]) {
		t.Errorf("clientData says %+v; the agreement's hash is %s", client, b64.EncodeToString(sum[:]))
	}
	rp := sha256.Sum256([]byte("localhost"))
	if !bytes.HasPrefix(e.Authenticator, rp[:]) || e.Authenticator[32]&0x05 != 0x05 {
		t.Error("authenticatorData names another site, or no verified user")
	}
	if b64.EncodeToString(e.Credential) != a.Credentials()[0].ID {
		t.Error("the evidence names another passkey")
	}
}

// forger signs assertions as an authenticator would, with any fault one likes.
type forger struct {
	key    *ecdsa.PrivateKey
	id     string
	handle []byte
}

func forge(t *testing.T, a *software.Authenticator) forger {
	t.Helper()
	raw, err := a.Export()
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		ID     string `json:"id"`
		Handle []byte `json:"user_handle"`
		Key    []byte `json:"private_key"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(list[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	return forger{key.(*ecdsa.PrivateKey), list[0].ID, list[0].Handle}
}

type assertion struct {
	kind, origin, rp string
	challenge        []byte
	flags            byte
	count            uint32
	cross            bool
}

func (f forger) sign(t *testing.T, a assertion) []byte {
	t.Helper()
	client, err := json.Marshal(map[string]any{"type": a.kind, "challenge": b64.EncodeToString(a.challenge), "origin": a.origin, "crossOrigin": a.cross})
	if err != nil {
		t.Fatal(err)
	}
	rp := sha256.Sum256([]byte(a.rp))
	auth := binary.BigEndian.AppendUint32(append(rp[:], a.flags), a.count)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(auth, hash[:]))
	sig, err := ecdsa.SignASN1(rand.Reader, f.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(map[string]any{"id": f.id, "rawId": f.id, "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(auth),
			"signature": b64.EncodeToString(sig), "userHandle": b64.EncodeToString(f.handle)}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatTheCheckRefuses(t *testing.T) {
	h, a := build(t, issuer), software.New()
	in, _ := h.joins(a, "Ann")
	bobs := software.New()
	bob, _ := h.joins(bobs, "Bob")
	f, challenge := forge(t, a), bytes.Repeat([]byte{7}, 32)
	good := assertion{"webauthn.get", issuer, "localhost", challenge, 0x05, 10, false}
	if _, err := h.check(in.Session.Person, challenge, f.sign(t, good)); err != nil {
		t.Fatalf("the forger cannot even sign rightly: %v", err)
	}
	good.count = 20
	for _, tt := range []struct {
		why    string
		change func(*assertion)
	}{
		{"another challenge", func(a *assertion) { a.challenge = bytes.Repeat([]byte{8}, 32) }},
		{"another site's page", func(a *assertion) { a.origin = "http://localhost:8090" }},
		{"https of the same", func(a *assertion) { a.origin = "https://localhost:8080" }},
		{"another site", func(a *assertion) { a.rp = "example.com" }},
		{"within another site's frame", func(a *assertion) { a.cross = true }},
		{"a creation", func(a *assertion) { a.kind = "webauthn.create" }},
		{"no user verification", func(a *assertion) { a.flags = 0x01 }},
		{"no user", func(a *assertion) { a.flags = 0x04 }},
		{"a backup that it said could not be", func(a *assertion) { a.flags |= 0x18 }},
		{"a counter that stood still", func(a *assertion) { a.count = 10 }},
		{"a counter that went back", func(a *assertion) { a.count = 9 }},
		{"a counter that began again", func(a *assertion) { a.count = 0 }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h.T = t
			bad := good
			tt.change(&bad)
			h.leavesNoTrace(passkey.ErrRefused, func() error {
				_, err := h.check(in.Session.Person, challenge, f.sign(t, bad))
				return err
			})
		})
	}
	h.T = t
	h.leavesNoTrace(passkey.ErrRefused, func() error { // ann's passkey for bob's deed
		_, err := h.check(bob.Session.Person, challenge, f.sign(t, good))
		return err
	})
	nobody := f
	nobody.handle = nil // allowed: the passkeys were named in the options
	if _, err := h.check(in.Session.Person, challenge, nobody.sign(t, good)); err != nil {
		t.Errorf("without a user handle: %v", err)
	}
	for _, junk := range []string{"", "{}", "null", `{"id":"x"}`, `[]`} {
		h.leavesNoTrace(passkey.ErrMalformed, func() error { _, err := h.check(in.Session.Person, challenge, []byte(junk)); return err })
	}
}

func TestACeremonyHasOneAnswer(t *testing.T) {
	h, a := build(t, issuer), software.New()
	in, _ := h.joins(a, "Ann")

	flow, options, err := h.BeginSignIn(ctx)
	h.must(err)
	response, err := a.Get(issuer, options)
	h.must(err)
	_, err = h.FinishSignIn(ctx, flow, response, "")
	h.must(err)
	h.leavesNoTrace(passkey.ErrFlow, func() error { _, err := h.FinishSignIn(ctx, flow, response, ""); return err })

	flow, options, err = h.BeginSignIn(ctx)
	h.must(err)
	wrong, err := a.Get("http://localhost:9999", options)
	h.must(err)
	sessions := len(sessionsOf(h, in.Session))
	if _, err := h.FinishSignIn(ctx, flow, wrong, ""); !errors.Is(err, passkey.ErrRefused) {
		t.Errorf("from another origin: %v", err)
	}
	right, err := a.Get(issuer, options)
	h.must(err)
	h.leavesNoTrace(passkey.ErrFlow, func() error { _, err := h.FinishSignIn(ctx, flow, right, ""); return err })
	if n := len(sessionsOf(h, in.Session)); n != sessions {
		t.Errorf("a refused sign-in opened a session")
	}

	for _, tt := range []struct {
		after time.Duration
		err   error
	}{{5*time.Minute - time.Second, nil}, {5 * time.Minute, passkey.ErrFlow}, {5*time.Minute + time.Second, passkey.ErrFlow}} {
		flow, options, err := h.BeginSignIn(ctx)
		h.must(err)
		response, err := a.Get(issuer, options)
		h.must(err)
		h.add(tt.after)
		if _, err := h.FinishSignIn(ctx, flow, response, ""); !errors.Is(err, tt.err) {
			t.Errorf("after %v: %v, want %v", tt.after, err, tt.err)
		}
	}

	// A ceremony of one kind is none of another.
	up, create, err := h.BeginSignUp(ctx, "Mallory")
	h.must(err)
	made, err := a.Create(issuer, create)
	h.must(err)
	fresh, err := h.signsInAs(a, 0)
	h.must(err)
	h.leavesNoTrace(passkey.ErrFlow, func() error { return h.FinishAdd(ctx, fresh.Session, up, made, "") })
}

func sessionsOf(h *house, p consent.Session) []passkey.SessionInfo {
	h.Helper()
	list, err := h.Sessions(ctx, p)
	h.must(err)
	return list
}

// signsInAs chooses the nth passkey.
func (h *house) signsInAs(a *software.Authenticator, n int) (passkey.SignedIn, error) {
	flow, options, err := h.BeginSignIn(ctx)
	if err != nil {
		return passkey.SignedIn{}, err
	}
	response, err := a.GetAs(a.Credentials()[n].ID, issuer, options)
	if err != nil {
		return passkey.SignedIn{}, err
	}
	return h.FinishSignIn(ctx, flow, response, linux)
}

func TestASecondPasskey(t *testing.T) {
	h, a, spare := build(t, issuer), software.New(), software.New()
	in, _ := h.joins(a, "Ann")
	flow, options, err := h.BeginAdd(ctx, in.Session)
	h.must(err)
	if _, err := a.Create(issuer, options); !errors.Is(err, software.ErrExcluded) {
		t.Errorf("the same authenticator again: %v, want ErrExcluded", err)
	}
	response, err := spare.Create(issuer, options)
	h.must(err)

	other, _ := h.joins(software.New(), "Bob")
	h.must(h.FinishAdd(ctx, in.Session, flow, response, "备用钥匙"))
	h.leavesNoTrace(passkey.ErrFlow, func() error { return h.FinishAdd(ctx, in.Session, flow, response, "") })

	flow, options, err = h.BeginAdd(ctx, in.Session)
	h.must(err)
	stolen, err := software.New().Create(issuer, options)
	h.must(err)
	if err := h.FinishAdd(ctx, other.Session, flow, stolen, ""); !errors.Is(err, passkey.ErrFlow) {
		t.Errorf("bob finishes ann's ceremony: %v", err)
	}

	again, err := h.signsIn(spare)
	if err != nil || again.Session.Person != in.Session.Person {
		t.Errorf("sign in with the spare one: %+v, %v", again.Session, err)
	}
	keys, err := h.Passkeys(ctx, in.Session)
	if err != nil || len(keys) != 2 || keys[0].Label != "Chrome · Linux" && keys[1].Label != "Chrome · Linux" {
		t.Fatalf("Passkeys = %+v, %v", keys, err)
	}
	h.leavesNoTrace(passkey.ErrNotFound, func() error { return h.Remove(ctx, other.Session, a.Credentials()[0].ID) })
	h.must(h.Remove(ctx, in.Session, a.Credentials()[0].ID))
	if _, err := h.signsIn(a); !errors.Is(err, passkey.ErrRefused) {
		t.Errorf("sign in with a removed passkey: %v", err)
	}
	h.leavesNoTrace(passkey.ErrLastPasskey, func() error { return h.Remove(ctx, in.Session, spare.Credentials()[0].ID) })
	h.leavesNoTrace(passkey.ErrNotFound, func() error { return h.Remove(ctx, in.Session, "!") })
}

// A stolen cookie does not let one move in: changing what guards the account
// takes a sign-in of the last 15 minutes.
func TestOldSessionsMayNotChangeTheLocks(t *testing.T) {
	h, a := build(t, issuer), software.New()
	in, _ := h.joins(a, "Ann")
	h.add(15 * time.Minute)
	for name, do := range map[string]func() error{
		"add":    func() error { _, _, err := h.BeginAdd(ctx, in.Session); return err },
		"remove": func() error { return h.Remove(ctx, in.Session, a.Credentials()[0].ID) },
		"codes":  func() error { _, err := h.NewCodes(ctx, in.Session); return err },
	} {
		t.Run(name, func(t *testing.T) { h.T = t; h.leavesNoTrace(passkey.ErrStale, do) })
	}
	h.T = t
	h.add(-time.Second)
	if _, err := h.NewCodes(ctx, in.Session); err != nil {
		t.Errorf("a second before: %v", err)
	}
}

func TestNobodyElsesCredential(t *testing.T) {
	h, a := build(t, issuer), software.New()
	h.joins(a, "Ann")
	id := a.Credentials()[0].ID
	flow, options, err := h.BeginSignUp(ctx, "Mallory")
	h.must(err)
	made, err := software.New().Create(issuer, options)
	h.must(err)
	// The new passkey claims ann's id, in every place it stands.
	var r map[string]any
	h.must(json.Unmarshal(made, &r))
	mine, err := b64.DecodeString(r["id"].(string))
	h.must(err)
	hers, err := b64.DecodeString(id)
	h.must(err)
	response := r["response"].(map[string]any)
	for _, field := range []string{"attestationObject", "authenticatorData"} {
		raw, err := b64.DecodeString(response[field].(string))
		h.must(err)
		response[field] = b64.EncodeToString(bytes.ReplaceAll(raw, mine, hers))
	}
	r["id"], r["rawId"] = id, id
	forged, err := json.Marshal(r)
	h.must(err)
	if _, _, err := h.FinishSignUp(ctx, flow, forged, ""); !errors.Is(err, passkey.ErrRefused) {
		t.Errorf("sign-up with ann's credential id: %v, want ErrRefused", err)
	}
	if _, err := h.signsIn(a); err != nil {
		t.Errorf("ann's sign-in afterwards: %v", err)
	}
}

func TestLeavingRemovesEverything(t *testing.T) {
	h, a := build(t, issuer), software.New()
	in, codes := h.joins(a, "Ann")
	_, err := h.signsIn(a)
	h.must(err)
	h.must(h.db.Update(ctx, func(tx kv.Tx) error { return h.PersonLeaves(tx, in.Session.Person) }))
	h.must(h.db.Update(ctx, func(tx kv.Tx) error { return h.PersonLeaves(tx, "who never was") }))
	for key := range h.rows() {
		if !strings.Contains(key, "audit") {
			t.Errorf("left behind: %q", key)
		}
	}
	if _, _, err := h.with(in.Cookie); !errors.Is(err, passkey.ErrSignedOut) {
		t.Errorf("the cookie: %v", err)
	}
	if _, err := h.Recover(ctx, codes[0], ""); !errors.Is(err, passkey.ErrCode) {
		t.Errorf("a recovery code: %v", err)
	}
	if _, err := h.signsIn(a); !errors.Is(err, passkey.ErrRefused) {
		t.Errorf("the passkey: %v", err)
	}
}

func TestIssuers(t *testing.T) {
	for issuer, ok := range map[string]bool{
		"http://localhost:8080": true, "http://localhost": true, "https://jali.example": true, "https://jali.example:8443": true, "https://jali.example/": true,
		"http://jali.example": false, "http://127.0.0.1:8080": false, "https://192.0.2.1": false, "https://[::1]": false, "jali.example": false, "": false, "ftp://jali.example": false,
	} {
		if _, err := passkey.New(passkey.Config{Issuer: issuer, Now: time.Now}); ok != (err == nil) {
			t.Errorf("New with issuer %q: %v", issuer, err)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	a := software.New()
	created, err := a.Create(issuer, []byte(`{"rp":{"id":"localhost","name":"x"},"user":{"id":"YWFh","name":"a","displayName":"a"},"challenge":"AAAAAAAAAAAAAAAAAAAAAA","pubKeyCredParams":[{"type":"public-key","alg":-7}]}`))
	if err != nil {
		f.Fatal(err)
	}
	got, err := a.Get(issuer, []byte(`{"rpId":"localhost","challenge":"AAAAAAAAAAAAAAAAAAAAAA"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(created)
	f.Add(got)
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"authenticatorData":"AA","clientDataJSON":"e30","attestationObject":"o2NmbXRkbm9uZQ"}}`))
	f.Fuzz(func(t *testing.T, response []byte) {
		h := build(t, issuer)
		if _, err := h.check("ann", make([]byte, 32), response); err == nil {
			t.Error("nobody's answer was taken")
		}
		if _, err := h.FinishSignIn(ctx, "no flow", response, ""); err == nil {
			t.Error("no flow, and signed in")
		}
		flow, _, err := h.BeginSignUp(ctx, "a")
		h.must(err)
		if _, _, err := h.FinishSignUp(ctx, flow, response, ""); err == nil {
			t.Error("an answer to nothing signed somebody up")
		}
	})
}
