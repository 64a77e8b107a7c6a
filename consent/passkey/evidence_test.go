package passkey_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"jali/consent"
	"jali/consent/passkey"
	"jali/consent/passkey/software"
	"jali/internal/fault"
)

// proves is the evidence of an assertion about an agreement.
func (f forger) proves(t *testing.T, agreement string, a assertion) consent.Evidence {
	t.Helper()
	var r struct {
		Response map[string]string `json:"response"`
	}
	if err := json.Unmarshal(f.sign(t, a), &r); err != nil {
		t.Fatal(err)
	}
	raw := func(name string) []byte {
		b, err := b64.DecodeString(r.Response[name])
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	point, err := f.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		t.Fatal(err)
	}
	return consent.Evidence{Agreement: []byte(agreement), Credential: []byte(f.id), PublicKey: cose,
		Authenticator: raw("authenticatorData"), ClientData: raw("clientDataJSON"), Signature: raw("signature")}
}

func TestVerifyEvidence(t *testing.T) {
	const said = `{"grant":"g"}`
	sum := sha256.Sum256([]byte(said))
	good := assertion{kind: "webauthn.get", origin: issuer, rp: "localhost", challenge: sum[:], flags: 0x05}
	again := good
	again.count = 7
	h, mine, hers := build(t, issuer), software.New(), software.New()
	h.joins(mine, "Ann")
	h.joins(hers, "Bea")
	ann, bea := forge(t, mine), forge(t, hers)
	for _, tt := range []struct {
		why    string
		change func(*assertion)
		after  func(*consent.Evidence)
		detail string // of what is refused; empty: proven
	}{
		{why: "as it was made"},
		{why: "another agreement", after: func(e *consent.Evidence) { e.Agreement = []byte(`{"grant":"h"}`) }, detail: "challenge"},
		{why: "a challenge of its own", change: func(a *assertion) { a.challenge = make([]byte, 32) }, detail: "challenge"},
		{why: "a registration", change: func(a *assertion) { a.kind = "webauthn.create" }, detail: "webauthn.get"},
		{why: "another site's page", change: func(a *assertion) { a.origin = "https://evil.example" }, detail: "origin"},
		{why: "the host on another port", change: func(a *assertion) { a.origin = "http://localhost:8081" }, detail: "origin"},
		{why: "framed elsewhere", change: func(a *assertion) { a.cross = true }, detail: "origin"},
		{why: "another site's passkey", change: func(a *assertion) { a.rp = "evil.example" }, detail: "rpIdHash"},
		{why: "nobody there", change: func(a *assertion) { a.flags = 0x04 }, detail: "presence"},
		{why: "nobody verified", change: func(a *assertion) { a.flags = 0x01 }, detail: "verification"},
		{why: "somebody else's key", after: func(e *consent.Evidence) { e.PublicKey = bea.proves(t, said, good).PublicKey }, detail: "signature"},
		{why: "a signature of something else", after: func(e *consent.Evidence) { e.Signature = ann.proves(t, said, again).Signature }, detail: "signature"},
		{why: "a flag set afterwards", change: func(a *assertion) { a.flags = 0x01 }, after: func(e *consent.Evidence) { e.Authenticator[32] |= 4 }, detail: "signature"},
		{why: "no signature", after: func(e *consent.Evidence) { e.Signature = nil }, detail: "signature"},
		{why: "no key", after: func(e *consent.Evidence) { e.PublicKey = nil }, detail: "public key"},
		{why: "no authenticator data", after: func(e *consent.Evidence) { e.Authenticator = nil }, detail: "authenticatorData"},
		{why: "no client data", after: func(e *consent.Evidence) { e.ClientData = nil }, detail: "clientDataJSON"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			a := good
			if tt.change != nil {
				tt.change(&a)
			}
			e := ann.proves(t, said, a)
			if tt.after != nil {
				tt.after(&e)
			}
			err := passkey.VerifyEvidence(e, issuer)
			switch {
			case tt.detail == "" && err != nil:
				t.Errorf("VerifyEvidence: %v, want it proven", err)
			case tt.detail != "" && (!errors.Is(err, passkey.ErrEvidence) || !strings.Contains(fault.Of(err).Detail, tt.detail)):
				t.Errorf("VerifyEvidence: %v, want ErrEvidence about %q", err, tt.detail)
			}
		})
	}
	for _, bad := range []string{"", "localhost:8080", "://"} {
		if err := passkey.VerifyEvidence(ann.proves(t, said, good), bad); !errors.Is(err, passkey.ErrEvidence) {
			t.Errorf("with issuer %q: %v", bad, err)
		}
	}
	if err := passkey.VerifyEvidence(ann.proves(t, said, good), "http://localhost:8080/path"); err != nil {
		t.Errorf("an issuer's path is no part of its origin: %v", err)
	}
}

// FuzzVerifyEvidence: whatever a receipt holds, only what the passkey signed is proven.
func FuzzVerifyEvidence(f *testing.F) {
	f.Add([]byte(`{"type":"webauthn.get"}`), make([]byte, 37), []byte{0xa0}, []byte{0x30})
	f.Add([]byte(`{"type":"webauthn.get","challenge":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","origin":"http://localhost:8080"}`),
		bytes.Repeat([]byte{0xff}, 300), []byte{0xa1, 1, 2}, []byte{})
	f.Fuzz(func(t *testing.T, client, device, key, signature []byte) {
		e := consent.Evidence{ClientData: client, Authenticator: device, PublicKey: key, Signature: signature}
		if err := passkey.VerifyEvidence(e, issuer); !errors.Is(err, passkey.ErrEvidence) {
			t.Errorf("VerifyEvidence: %v, want ErrEvidence", err)
		}
	})
}
