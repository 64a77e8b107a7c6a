package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"jali/internal/secret"
)

// PrivateKey signs. It is safe for concurrent use, and prints without its
// private part, which lives in closures.
type PrivateKey struct {
	pub    PublicKey
	alg    string
	sign   func(message []byte) ([]byte, error)
	export func() ([]byte, error)
}

// Generate makes a key for one of [Algorithms]; its id is its thumbprint.
func Generate(alg string) (PrivateKey, error) {
	var (
		key crypto.Signer
		err error
	)
	switch alg {
	case ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case PS256:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case EdDSA, Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		return PrivateKey{}, ErrKey.Saying("keys are made for ES256, PS256, EdDSA and Ed25519")
	}
	if err != nil {
		return PrivateKey{}, err
	}
	return newPrivateKey(key, "", alg)
}

// ParsePKCS8 reads a DER private key (RFC 5958). P-256 signs with ES256, RSA
// with PS256, Ed25519 under the name EdDSA. Its id is its thumbprint.
func ParsePKCS8(der secret.Value) (PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der.Reveal())
	if err != nil {
		return PrivateKey{}, ErrKey.Saying("this is not a PKCS #8 private key")
	}
	return newPrivateKey(key, "", "")
}

// ParsePrivateKey reads a private JWK, as [PrivateKey.Export] writes it.
func ParsePrivateKey(raw secret.Value) (PrivateKey, error) {
	b := raw.Reveal()
	m, ok := members(b)
	if len(b) > maxKeyBytes || !ok || !forSignatures(m, "sign") {
		return PrivateKey{}, ErrKey.Saying("this is not a private signature key as a JWK")
	}
	parsed, err := jwk.ParseKey(b)
	if err != nil {
		return PrivateKey{}, ErrKey // jwx's words may quote the key
	}
	var plain any
	if err := parsed.Raw(&plain); err != nil {
		return PrivateKey{}, ErrKey
	}
	id, _ := m.String("kid")
	alg, _ := m.String("alg")
	return newPrivateKey(plain, id, alg)
}

func newPrivateKey(plain any, id, alg string) (PrivateKey, error) {
	switch p := plain.(type) {
	case *ecdsa.PrivateKey:
		alg = or(alg, ES256)
	case *rsa.PrivateKey:
		if err := p.Validate(); err != nil {
			return PrivateKey{}, ErrKey
		}
		alg = or(alg, PS256)
	case ed25519.PrivateKey:
		alg = or(alg, EdDSA)
	}
	key, ok := plain.(crypto.Signer)
	if !ok {
		return PrivateKey{}, ErrKey.Saying("this key is not private")
	}
	pub, err := newPublicKey(key.Public(), id, alg)
	if err != nil {
		return PrivateKey{}, err
	}
	pub.id = or(id, pub.thumb)
	return PrivateKey{
		pub:  pub,
		alg:  alg,
		sign: func(message []byte) ([]byte, error) { return signers[alg].Sign(message, plain) },
		export: func() ([]byte, error) {
			out, err := jwk.FromRaw(plain)
			if err != nil {
				return nil, err
			}
			return marshalKey(out, pub.id, alg)
		},
	}, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Public is the key that checks what this one signs.
func (k PrivateKey) Public() PublicKey { return k.pub }

// Algorithm is the one the key signs with.
func (k PrivateKey) Algorithm() string { return k.alg }

// Empty reports whether there is no key.
func (k PrivateKey) Empty() bool { return k.sign == nil }

// Format keeps every verb from walking into the closures.
func (k PrivateKey) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "[private key %s]", k.pub.thumb)
}

// Export answers the key as a JWK with its private part.
func (k PrivateKey) Export() (secret.Value, error) {
	if k.Empty() {
		return secret.Value{}, ErrKey
	}
	b, err := k.export()
	return secret.New(b), err
}

// SignBytes answers the bare signature over message, for formats that are no
// JWS. Such a key signs no JWS besides: what one format means must not be read
// as the other.
func (k PrivateKey) SignBytes(message []byte) ([]byte, error) {
	if k.Empty() {
		return nil, ErrKey
	}
	return k.sign(message)
}

// Sign answers claims, which marshal to a JSON object, as a compact JWS. The
// header has the key's alg and kid, and what header adds or replaces: "typ",
// or "jwk" in place of "kid". A nil value takes a member out.
func (k PrivateKey) Sign(header map[string]any, claims any) (string, error) {
	if k.Empty() {
		return "", ErrKey
	}
	all := map[string]any{"kid": k.pub.id}
	maps.Copy(all, header)
	all["alg"] = k.alg
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	head, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding
	message := b64.AppendEncode(nil, head)
	message = b64.AppendEncode(append(message, '.'), body)
	sig, err := k.sign(message)
	if err != nil {
		return "", err
	}
	return string(b64.AppendEncode(append(message, '.'), sig)), nil
}
