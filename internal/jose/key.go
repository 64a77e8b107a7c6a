package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"sync"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// Sizes of what is parsed: the largest RSA key that is accepted takes less
// than 1 KiB as a public JWK and 4 KiB as a private one.
const (
	maxKeyBytes = 16 << 10
	maxSetBytes = 64 << 10
	maxSetKeys  = 16
)

// PublicKey checks signatures. Its zero value checks none.
type PublicKey struct {
	id    string
	alg   string // the only algorithm the key is for; empty: all its kind can do
	raw   any    // *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey
	thumb string
}

// ID is the key's "kid", or empty.
func (k PublicKey) ID() string { return k.id }

// Thumbprint is the key's RFC 7638 SHA-256 thumbprint in base64url: "jkt".
func (k PublicKey) Thumbprint() string { return k.thumb }

// Ed25519 answers the 32 bytes of an Ed25519 key; of another kind, nil.
func (k PublicKey) Ed25519() []byte {
	p, _ := k.raw.(ed25519.PublicKey)
	return slices.Clone(p)
}

// Is reports whether this is the same key as one that crypto/x509 has read.
func (k PublicKey) Is(other crypto.PublicKey) bool {
	same, ok := k.raw.(interface{ Equal(crypto.PublicKey) bool })
	return ok && same.Equal(other)
}

// JWK is the key as JSON, without a private part and without what an outsider
// put beside it.
func (k PublicKey) JWK() json.RawMessage {
	out, err := jwk.FromRaw(k.raw)
	if err != nil {
		return nil // only the zero key
	}
	b, err := marshalKey(out, k.id, k.alg)
	if err != nil {
		return nil
	}
	return b
}

func marshalKey(k jwk.Key, id, alg string) ([]byte, error) {
	for name, value := range map[string]string{"kid": id, "alg": alg, "use": "sig"} {
		if value != "" {
			if err := k.Set(name, value); err != nil {
				return nil, err
			}
		}
	}
	return json.Marshal(k)
}

// Algorithms are those the key may be used with.
func (k PublicKey) Algorithms() []string {
	return slices.DeleteFunc(Algorithms(), func(alg string) bool { return !k.fits(alg) })
}

func (k PublicKey) fits(alg string) bool {
	if k.alg != "" && k.alg != alg {
		return false
	}
	switch k.raw.(type) {
	case *ecdsa.PublicKey:
		return alg == ES256
	case *rsa.PublicKey:
		return alg == PS256
	case ed25519.PublicKey:
		return alg == EdDSA || alg == Ed25519
	}
	return false
}

// KeySet is the keys of one client or issuer, parsed.
type KeySet []PublicKey

// ParseKeySet reads a JWK Set (RFC 7517, section 5) of at most 64 KiB and 16
// keys. Keys that are not for checking signatures, or of a kind that is not
// accepted, are left out, as section 5 has it; a set without a usable key, or
// with a private or symmetric one, is ErrKey.
func ParseKeySet(raw []byte) (KeySet, error) {
	if len(raw) > maxSetBytes {
		return nil, ErrKey.Saying("the key set is larger than 64 KiB")
	}
	top, ok := members(raw)
	if !ok {
		return nil, ErrKey.Saying("the key set is not a JSON object, or has a member twice")
	}
	var each []json.RawMessage
	if json.Unmarshal(top["keys"], &each) != nil || len(each) > maxSetKeys {
		return nil, ErrKey.Saying("the key set needs \"keys\", an array of at most 16")
	}
	var set KeySet
	for _, one := range each {
		m, ok := members(one)
		if !ok {
			return nil, ErrKey.Saying("a key of the set is not an object")
		}
		if isSecret(m) {
			return nil, ErrKey.Saying("the key set holds a private or symmetric key: send public keys only, and replace that one")
		}
		if k, err := publicKey(one, m); err == nil {
			set = append(set, k)
		}
	}
	if len(set) == 0 {
		return nil, ErrKey.Saying("the key set has no key for ES256, PS256 (2048 bits or more), EdDSA or Ed25519 signatures")
	}
	return set, nil
}

// ParsePublicKey reads one public JWK.
func ParsePublicKey(raw []byte) (PublicKey, error) {
	if len(raw) > maxKeyBytes {
		return PublicKey{}, ErrKey
	}
	m, ok := members(raw)
	if !ok {
		return PublicKey{}, ErrKey.Saying("the key is not a JSON object, or has a member twice")
	}
	if isSecret(m) {
		return PublicKey{}, ErrKey.Saying("a public key is wanted and this one is private or symmetric")
	}
	return publicKey(raw, m)
}

func isSecret(m Claims) bool {
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if m.Has(name) {
			return true
		}
	}
	return false
}

func publicKey(raw []byte, m Claims) (PublicKey, error) {
	if len(raw) > maxKeyBytes || !forSignatures(m, "verify") {
		return PublicKey{}, ErrKey.Saying("the key is not for checking signatures")
	}
	bare := Claims{} // jwx reads no certificates and no URLs that a stranger put beside the key
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e"} {
		if m.Has(name) {
			bare[name] = m[name]
		}
	}
	small, err := json.Marshal(bare)
	if err != nil {
		return PublicKey{}, ErrKey.Because(err)
	}
	parsed, err := jwk.ParseKey(small)
	if err != nil {
		return PublicKey{}, ErrKey.Because(err)
	}
	var plain any
	if err := parsed.Raw(&plain); err != nil {
		return PublicKey{}, ErrKey.Because(err)
	}
	id, _ := m.String("kid")
	alg, _ := m.String("alg")
	return newPublicKey(plain, id, alg)
}

// forSignatures heeds "use", "key_ops" and "alg" (RFC 7517, section 4).
func forSignatures(m Claims, op string) bool {
	if use, ok := m.String("use"); m.Has("use") && (!ok || use != "sig") {
		return false
	}
	if m.Has("key_ops") {
		var ops []string
		if json.Unmarshal(m["key_ops"], &ops) != nil || !slices.Contains(ops, op) {
			return false
		}
	}
	if m.Has("alg") {
		if alg, ok := m.String("alg"); !ok || !slices.Contains(Algorithms(), alg) {
			return false
		}
	}
	id, ok := m.String("kid")
	return !m.Has("kid") || ok && len(id) <= 256
}

// newPublicKey checks a key that jwx or crypto has read.
func newPublicKey(plain any, id, alg string) (PublicKey, error) {
	switch p := plain.(type) {
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return PublicKey{}, ErrKey.Saying("of the curves only P-256 is accepted")
		}
		if _, err := p.ECDH(); err != nil {
			return PublicKey{}, ErrKey.Because(err)
		}
	case *rsa.PublicKey:
		if n := p.N.BitLen(); n < 2048 || n > 4096 || p.E < 65537 || p.E%2 == 0 {
			return PublicKey{}, ErrKey.Saying("RSA keys are accepted from 2048 to 4096 bits with a public exponent from 65537")
		}
	case ed25519.PublicKey:
		if len(p) != ed25519.PublicKeySize {
			return PublicKey{}, ErrKey
		}
	default:
		return PublicKey{}, ErrKey.Saying("this kind of key is not accepted")
	}
	k := PublicKey{id: id, alg: alg, raw: plain}
	if alg != "" && !k.fits(alg) {
		return PublicKey{}, ErrKey.Saying("the key's \"alg\" does not fit its kind")
	}
	out, err := jwk.FromRaw(plain)
	if err != nil {
		return PublicKey{}, ErrKey.Because(err)
	}
	thumb, err := out.Thumbprint(crypto.SHA256)
	if err != nil {
		return PublicKey{}, ErrKey.Because(err)
	}
	k.thumb = base64.RawURLEncoding.EncodeToString(thumb)
	return k, nil
}

// Sets remembers parsed key sets by their bytes, so that a client's keys are
// parsed once and not with every request. The zero Sets is ready; it holds at
// most 1024.
type Sets struct {
	mu   sync.RWMutex
	kept map[[sha256.Size]byte]KeySet
}

// Parse is [ParseKeySet], remembered.
func (s *Sets) Parse(raw []byte) (KeySet, error) {
	at := sha256.Sum256(raw)
	s.mu.RLock()
	set, ok := s.kept[at]
	s.mu.RUnlock()
	if ok {
		return set, nil
	}
	set, err := ParseKeySet(raw)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || len(s.kept) >= 1024 {
		s.kept = map[[sha256.Size]byte]KeySet{}
	}
	s.kept[at] = set
	return set, nil
}

// remembered keeps public keys that came in headers, by their text: whoever
// sends one sends it with every proof. It holds at most 4096 of at most 1 KiB.
type remembered struct {
	mu   sync.RWMutex
	kept map[string]PublicKey
}

var ownKeys remembered

func (r *remembered) parse(raw []byte) (PublicKey, error) {
	r.mu.RLock()
	k, ok := r.kept[string(raw)]
	r.mu.RUnlock()
	if ok {
		return k, nil
	}
	k, err := ParsePublicKey(raw)
	if err != nil || len(raw) > 1<<10 {
		return k, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil || len(r.kept) >= 4096 {
		r.kept = map[string]PublicKey{}
	}
	r.kept[string(raw)] = k
	return k, nil
}
