package main

import (
	"encoding/json"
	"fmt"

	"jali/internal/jose"
	"jali/internal/secret"
)

// key is a sample client's: it signs its assertions and its proofs.
type key struct{ jose.PrivateKey }

func newKey() (key, error) {
	k, err := jose.Generate(jose.ES256)
	return key{k}, err
}

// JWK is the public key.
func (k key) JWK() json.RawMessage { return k.Public().JWK() }

func (k key) publicSet() json.RawMessage { return set(k.JWK()) }

func (k key) privateSet() (json.RawMessage, error) {
	private, err := k.Export()
	if err != nil {
		return nil, err
	}
	return set(private.Reveal()), nil
}

func set(jwk []byte) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"keys":[%s]}`, jwk))
}

// MarshalJSON and UnmarshalJSON keep the key in the sandbox's own state file.
func (k key) MarshalJSON() ([]byte, error) {
	private, err := k.Export()
	if err != nil {
		return nil, err
	}
	return private.Reveal(), nil
}

func (k *key) UnmarshalJSON(b []byte) (err error) {
	k.PrivateKey, err = jose.ParsePrivateKey(secret.New(append([]byte(nil), b...)))
	return err
}
