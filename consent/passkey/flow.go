package passkey

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"jali/consent"
	"jali/internal/kv"
)

// flowLife is how long a ceremony waits for the authenticator's answer.
const flowLife = 5 * time.Minute

// Kinds of flow.
const (
	signUp = "sign_up"
	signIn = "sign_in"
	addKey = "add"
)

// flow is a ceremony under way. It is kept under the hash of its name, which
// the browser alone has.
type flow struct {
	Kind    string               `json:"kind"`
	Until   time.Time            `json:"until"`
	Data    webauthn.SessionData `json:"data"`
	Person  consent.PersonID     `json:"person,omitempty"`
	Session string               `json:"session,omitempty"` // of an addition
	Name    []byte               `json:"name,omitempty"`    // of a sign-up, sealed under the flow's name
}

func (s *Service) keepFlow(ctx context.Context, name string, f flow) error {
	h := hashOf(name)
	return s.db.Update(ctx, func(tx kv.Tx) error {
		if err := (due{At: f.Until, Kind: "flow", Hash: h}).put(tx); err != nil {
			return err
		}
		return kv.Store(tx, flowKey(h), f)
	})
}

// takeFlow reads a ceremony and removes it: whatever becomes of the answer, it
// has had its one.
func takeFlow(tx kv.Tx, name, kind string, now time.Time) (flow, error) {
	h := hashOf(name)
	var f flow
	ok, err := kv.Load(tx, flowKey(h), &f)
	if err != nil {
		return flow{}, err
	}
	if !ok || f.Kind != kind {
		return flow{}, ErrFlow
	}
	if err := (due{At: f.Until, Kind: "flow", Hash: h}).delete(tx); err != nil {
		return flow{}, err
	}
	if err := tx.Delete(flowKey(h)); err != nil {
		return flow{}, err
	}
	if !now.Before(f.Until) {
		return flow{}, ErrFlow
	}
	return f, nil
}

// Until a person is made there is no key of theirs to seal a name with, so it
// is sealed under the name of the flow, of which only the hash is stored. The
// key is used once: the nonce can be zero.
func flowCipher(name string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(name), nil, "jali sign-up name v1", 32)
	if err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

func sealUnder(name, plain string) ([]byte, error) {
	c, err := flowCipher(name)
	if err != nil {
		return nil, err
	}
	return c.Seal(nil, make([]byte, c.NonceSize()), []byte(plain), nil), nil
}

func openUnder(name string, sealed []byte) (string, error) {
	c, err := flowCipher(name)
	if err != nil {
		return "", err
	}
	b, err := c.Open(nil, make([]byte, c.NonceSize()), sealed, nil)
	return string(b), err
}
