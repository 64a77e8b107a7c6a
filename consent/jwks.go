package consent

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"unicode/utf8"
)

const (
	maxKeys      = 16
	maxKeysSize  = 64 << 10
	maxKeySize   = 16 << 10
	maxKeysDepth = 8
	maxKeyID     = 128
)

// CheckKeys holds a client's key set (RFC 7517) to: public signing keys alone,
// each with an id of its own and for an algorithm of FAPI 2.0 (ES256, PS256,
// EdDSA, or Ed25519 as RFC 9864 names it). Certificates (x5c) are of the key
// that they stand with.
func CheckKeys(raw []byte) error {
	_, err := readKeys(raw, func(err error) error { return err })
	return err
}

// UsableKeys answers a key set with only the keys that [CheckKeys] takes: a
// set that a client publishes may have others in it, for other servers (RFC
// 7517, section 5). A private key fails it all the same, and so does a set
// of which nothing is left.
func UsableKeys(raw []byte) ([]byte, error) {
	keys, err := readKeys(raw, func(error) error { return nil })
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"keys": keys})
}

// readKeys answers the keys that are acceptable. unfit decides whether one
// that is not fails the set.
func readKeys(raw []byte, unfit func(error) error) ([]json.RawMessage, error) {
	if len(raw) > maxKeysSize {
		return nil, ErrClient.Saying("the key set is larger than 64 KiB")
	}
	var (
		set  map[string]json.RawMessage // not a struct: that would take "Keys" for "keys"
		keys []json.RawMessage
	)
	if json.Unmarshal(raw, &set) != nil || json.Unmarshal(set["keys"], &keys) != nil {
		return nil, ErrClient.Saying("the key set is not JSON of the form {\"keys\": [...]}")
	}
	if !utf8.Valid(raw) || !namesOnce(raw) {
		return nil, ErrClient.Saying("the key set has a member twice, is nested too deeply or is not UTF-8")
	}
	if len(keys) > maxKeys {
		return nil, ErrClient.Saying("the key set has 1 to 16 keys")
	}
	seen := map[string]bool{}
	var fit []json.RawMessage
	for _, one := range keys {
		var k map[string]json.RawMessage
		if json.Unmarshal(one, &k) != nil {
			return nil, ErrClient.Saying("a key of the set is not an object")
		}
		if hasPrivate(k) {
			return nil, ErrClient.Saying("the key set holds a private or symmetric key: register public keys alone, and replace the one that was shown")
		}
		if err := checkKey(one, k); err != nil {
			if err := unfit(err); err != nil {
				return nil, err
			}
			continue
		}
		kid := member(k, "kid")
		if seen[kid] {
			return nil, ErrClient.Saying("two keys have the same kid")
		}
		seen[kid] = true
		fit = append(fit, one)
	}
	if len(fit) == 0 {
		return nil, ErrClient.Saying("the key set has 1 to 16 keys")
	}
	return fit, nil
}

func checkKey(raw []byte, k map[string]json.RawMessage) error {
	switch kid := member(k, "kid"); {
	case len(raw) > maxKeySize:
		return ErrClient.Saying("a key is larger than 16 KiB")
	case kid == "" || len(kid) > maxKeyID:
		return ErrClient.Saying("every key has a kid of 1 to 128 characters")
	case k["use"] != nil && member(k, "use") != "sig":
		return ErrClient.Saying("a key is for signing: use is sig, or left out")
	case k["key_ops"] != nil && !verifies(k["key_ops"]):
		return ErrClient.Saying("a key is for checking signatures: key_ops holds verify, or is left out")
	case !usable(k):
		return ErrClient.Saying("every key is for ES256 on P-256, PS256 with RSA of 2048 to 4096 bits, EdDSA or Ed25519, and its alg, if it has one, says that")
	case k["x5c"] != nil && !certified(k):
		return ErrClient.Saying("x5c holds 1 to 4 certificates in base64, the first of the key that it stands with (RFC 7517, section 4.7)")
	}
	return nil
}

func hasPrivate(k map[string]json.RawMessage) bool {
	return slices.ContainsFunc([]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}, func(name string) bool { return k[name] != nil }) ||
		member(k, "kty") == "oct"
}

// usable reports whether a key is for an algorithm that is taken here: the one
// it names, or the only one of its kind (RFC 7517, section 4.4: alg is optional).
func usable(k map[string]json.RawMessage) bool {
	alg, kty := member(k, "alg"), member(k, "kty")
	if k["alg"] == nil {
		alg = map[string]string{"EC": "ES256", "RSA": "PS256", "OKP": "EdDSA"}[kty]
	}
	switch alg {
	case "ES256":
		if kty != "EC" || member(k, "crv") != "P-256" || len(octets(k, "x")) != 32 || len(octets(k, "y")) != 32 {
			return false
		}
		_, err := ecdh.P256().NewPublicKey(slices.Concat([]byte{4}, octets(k, "x"), octets(k, "y")))
		return err == nil // on the curve
	case "PS256":
		n, e := octets(k, "n"), octets(k, "e")
		return kty == "RSA" && len(n) >= 256 && len(n) <= 512 && n[0] >= 0x80 && n[len(n)-1]&1 == 1 && bytes.Equal(e, []byte{1, 0, 1})
	case "EdDSA", "Ed25519":
		return kty == "OKP" && member(k, "crv") == "Ed25519" && len(octets(k, "x")) == 32
	}
	return false
}

func verifies(ops json.RawMessage) bool {
	var list []string
	return json.Unmarshal(ops, &list) == nil && slices.Contains(list, "verify")
}

// namesOnce reports whether no object in a JSON value has a member twice:
// which of the two counts is every reader's own idea.
func namesOnce(raw []byte) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	type level struct {
		names map[string]bool // nil in an array
		value bool            // a value, not a name, comes next
	}
	var open []level
	for {
		t, err := d.Token()
		if err != nil || len(open) > maxKeysDepth {
			return err == io.EOF
		}
		if t == json.Delim('}') || t == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].names != nil {
			top := &open[n-1]
			if top.value = !top.value; top.value {
				name, _ := t.(string)
				if top.names[name] {
					return false
				}
				top.names[name] = true
				continue
			}
		}
		switch t {
		case json.Delim('{'):
			open = append(open, level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		}
	}
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
