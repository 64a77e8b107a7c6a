package consent

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
)

const (
	maxKeys     = 16
	maxKeysSize = 64 << 10
	maxKeyID    = 128
)

// checkKeys holds a client's key set (RFC 7517) to: public signing keys alone,
// each with an id of its own and an algorithm of FAPI 2.0 (ES256, PS256,
// EdDSA, or Ed25519 as RFC 9864 names it).
func checkKeys(raw []byte) error {
	if len(raw) > maxKeysSize {
		return ErrClient.Saying("the key set is larger than 64 KiB")
	}
	var set struct {
		Keys []map[string]json.RawMessage `json:"keys"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&set); err != nil {
		return ErrClient.Saying("the key set is not JSON of the form {\"keys\": [...]}")
	}
	if _, err := d.Token(); err != io.EOF {
		return ErrClient.Saying("the key set has something after its end")
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return ErrClient.Saying("the key set has 1 to 16 keys")
	}
	seen := map[string]bool{}
	for _, k := range set.Keys {
		kid := member(k, "kid")
		switch {
		case hasPrivate(k):
			return ErrClient.Saying("the key set holds a private or symmetric key: register public keys alone, and replace the one that was shown")
		case kid == "" || len(kid) > maxKeyID:
			return ErrClient.Saying("every key has a kid of 1 to 128 characters")
		case seen[kid]:
			return ErrClient.Saying("two keys have the same kid")
		case k["use"] != nil && member(k, "use") != "sig":
			return ErrClient.Saying("a key is for signing: use is sig, or left out")
		case !usable(k):
			return ErrClient.Saying("every key names its alg and is of it: ES256 on P-256, PS256 with RSA of 2048 to 8192 bits, EdDSA or Ed25519")
		}
		seen[kid] = true
	}
	return nil
}

func hasPrivate(k map[string]json.RawMessage) bool {
	return slices.ContainsFunc([]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}, func(name string) bool { return k[name] != nil }) ||
		member(k, "kty") == "oct"
}

func usable(k map[string]json.RawMessage) bool {
	switch alg, kty := member(k, "alg"), member(k, "kty"); alg {
	case "ES256":
		if kty != "EC" || member(k, "crv") != "P-256" || len(octets(k, "x")) != 32 || len(octets(k, "y")) != 32 {
			return false
		}
		_, err := ecdh.P256().NewPublicKey(slices.Concat([]byte{4}, octets(k, "x"), octets(k, "y")))
		return err == nil // on the curve
	case "PS256":
		n, e := octets(k, "n"), octets(k, "e")
		return kty == "RSA" && len(n) >= 256 && len(n) <= 1024 && n[0] >= 0x80 && n[len(n)-1]&1 == 1 && bytes.Equal(e, []byte{1, 0, 1})
	case "EdDSA", "Ed25519":
		return kty == "OKP" && member(k, "crv") == "Ed25519" && len(octets(k, "x")) == 32
	}
	return false
}

// member is a string member, or empty.
func member(k map[string]json.RawMessage, name string) string {
	var s string
	if json.Unmarshal(k[name], &s) != nil {
		return ""
	}
	return s
}

// octets is a base64url member, or nothing.
func octets(k map[string]json.RawMessage, name string) []byte {
	b, err := base64.RawURLEncoding.Strict().DecodeString(member(k, name))
	if err != nil {
		return nil
	}
	return b
}
