package client

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// Signer makes a compact JWS (RFC 7515) over header and claims, to which it adds
// its alg and kid. It is used at once by several goroutines. [Key] is one.
type Signer interface {
	Sign(header map[string]any, claims any) (string, error)
	// JWK is the public key (RFC 7517), as the "jwk" header of a DPoP proof has it.
	JWK() json.RawMessage
}

// Key signs with ES256, PS256 (RFC 7518) or EdDSA over Ed25519 (RFC 8037).
type Key struct {
	signer   crypto.Signer
	alg, kid string
	public   json.RawMessage
}

// jwk is a key of one of the three kinds (RFC 7518, section 6; RFC 8037, section 2).
type jwk struct {
	Crv string `json:"crv,omitempty"` // first as RFC 7638 wants them
	E   bits   `json:"e,omitempty"`
	Kty string `json:"kty"`
	N   bits   `json:"n,omitempty"`
	X   bits   `json:"x,omitempty"`
	Y   bits   `json:"y,omitempty"`

	Kid string `json:"kid,omitempty"`
	Alg string `json:"alg,omitempty"`
	Use string `json:"use,omitempty"`

	D bits `json:"d,omitempty"`
	P bits `json:"p,omitempty"`
	Q bits `json:"q,omitempty"`
}

// bits are bytes in base64url without padding.
type bits []byte

func (b bits) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

func (b *bits) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	return err
}

const (
	coordinate = 32   // bytes of a number of P-256
	leastRSA   = 2048 // bits (RFC 7518, section 3.5)
	mostRSA    = 4096 // bits
	keyCap     = 16 << 10
)

var (
	errKey     = errors.New("client: this is no private JWK of P-256, Ed25519 or RSA (2048 to 4096 bits), nor a JWK Set with one")
	errKeyKind = errors.New("client: keys are ECDSA on P-256, Ed25519, or RSA of 2048 to 4096 bits")
)

// NewKey makes a Key of a private key, which may be in a hardware module. An
// empty kid becomes the thumbprint (RFC 7638).
func NewKey(key crypto.Signer, kid string) (*Key, error) {
	k, public := &Key{signer: key, kid: kid}, jwk{}
	switch p := key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		if p.Curve != elliptic.P256() || err != nil {
			return nil, errKeyKind
		}
		k.alg, public = "ES256", jwk{Kty: "EC", Crv: "P-256", X: point[1 : 1+coordinate], Y: point[1+coordinate:]}
	case ed25519.PublicKey:
		k.alg, public = "EdDSA", jwk{Kty: "OKP", Crv: "Ed25519", X: bits(p)}
	case *rsa.PublicKey:
		if n := p.N.BitLen(); n < leastRSA || n > mostRSA {
			return nil, errKeyKind
		}
		k.alg, public = "PS256", jwk{Kty: "RSA", N: p.N.Bytes(), E: big.NewInt(int64(p.E)).Bytes()}
	default:
		return nil, errKeyKind
	}
	thumb, err := json.Marshal(public) // required members alone, in their order
	if err != nil {
		return nil, err
	}
	if k.kid == "" {
		sum := sha256.Sum256(thumb)
		k.kid = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	public.Kid, public.Alg, public.Use = k.kid, k.alg, "sig"
	k.public, err = json.Marshal(public)
	return k, err
}

// ParseKey reads a private JWK, or a JWK Set with nothing but one.
func ParseKey(b []byte) (*Key, error) {
	if len(b) > keyCap {
		return nil, errKey
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if json.Unmarshal(b, &set) != nil {
		return nil, errKey
	}
	if len(set.Keys) == 0 {
		set.Keys = make([]jwk, 1)
		if json.Unmarshal(b, &set.Keys[0]) != nil {
			return nil, errKey
		}
	}
	if len(set.Keys) != 1 {
		return nil, errKey
	}
	private, err := set.Keys[0].private()
	if err != nil {
		return nil, errKey
	}
	return NewKey(private, set.Keys[0].Kid)
}

// private is the key, whose two halves belong together.
func (j jwk) private() (crypto.Signer, error) {
	switch {
	case j.Kty == "EC" && j.Crv == "P-256":
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), j.D)
		if err != nil {
			return nil, err
		}
		if point, err := key.PublicKey.Bytes(); err != nil || !bytes.Equal(point[1:], append(bytes.Clone(j.X), j.Y...)) {
			return nil, errKey
		}
		return key, nil
	case j.Kty == "OKP" && j.Crv == "Ed25519" && len(j.D) == ed25519.SeedSize:
		key := ed25519.NewKeyFromSeed(j.D)
		if !bytes.Equal(key[ed25519.SeedSize:], j.X) {
			return nil, errKey
		}
		return key, nil
	case j.Kty == "RSA" && len(j.N) <= mostRSA/8 && len(j.E) <= 4:
		key := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: number(j.N), E: int(number(j.E).Int64())},
			D:         number(j.D), Primes: []*big.Int{number(j.P), number(j.Q)},
		}
		if err := key.Validate(); err != nil {
			return nil, err
		}
		key.Precompute()
		return key, nil
	}
	return nil, errKey
}

func number(b bits) *big.Int { return new(big.Int).SetBytes(b) }

// JWK is the public key, with kid, alg and use: what is registered.
func (k *Key) JWK() json.RawMessage { return k.public }

// Sign makes a compact JWS.
func (k *Key) Sign(header map[string]any, claims any) (string, error) {
	whole := map[string]any{"alg": k.alg, "kid": k.kid}
	for name, value := range header {
		whole[name] = value
	}
	h, err := json.Marshal(whole)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(body)
	signature, err := k.sign([]byte(input))
	if err != nil {
		return "", fmt.Errorf("client: the key does not sign: %w", err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func (k *Key) sign(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	switch k.alg {
	case "EdDSA":
		return k.signer.Sign(rand.Reader, input, crypto.Hash(0))
	case "PS256":
		return k.signer.Sign(rand.Reader, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	}
	der, err := k.signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var s struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &s); err != nil || len(rest) > 0 || s.R.BitLen() > 8*coordinate || s.S.BitLen() > 8*coordinate {
		return nil, errors.New("its signature is none of ECDSA")
	}
	raw := make([]byte, 2*coordinate) // RFC 7518, section 3.4
	s.R.FillBytes(raw[:coordinate])
	s.S.FillBytes(raw[coordinate:])
	return raw, nil
}
