package cmb

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"

	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
	"github.com/emmansun/gmsm/smx509"

	"jali/internal/secret"
)

// suite is what seals and signs. id is SM2's user id and SM4's initial vector.
type suite struct {
	key   *ecdsa.PrivateKey
	bank  *ecdsa.PublicKey
	block cipher.Block
	id    []byte
}

func newSuite(c Config) (*suite, error) {
	s := &suite{id: []byte((c.UID + strings.Repeat("0", 16))[:16])}
	var err error
	if s.key, err = privateKey(c.Key); err != nil {
		return nil, err
	}
	if s.bank, err = publicKey(c.BankKey); err != nil {
		return nil, err
	}
	key := []byte(strings.TrimSpace(c.SM4Key.RevealString()))
	if len(key) == 32 {
		if raw, err := hex.DecodeString(string(key)); err == nil {
			key = raw
		}
	}
	if s.block, err = sm4.NewCipher(key); err != nil {
		return nil, errors.New("cmb: SM4Key is not 16 bytes")
	}
	return s, nil
}

// seal answers base64 of what SM4-CBC makes of text.
func (s *suite) seal(text []byte) string {
	fill := sm4.BlockSize - len(text)%sm4.BlockSize
	b := append(bytes.Clone(text), bytes.Repeat([]byte{byte(fill)}, fill)...)
	cipher.NewCBCEncrypter(s.block, s.id).CryptBlocks(b, b)
	return base64.StdEncoding.EncodeToString(b)
}

var (
	errNotSealed = errors.New("the answer is not base64 of whole blocks")
	errFilling   = errors.New("the answer ends in no filling")
)

func (s *suite) unseal(text []byte) ([]byte, error) {
	text = bytes.TrimSpace(text)
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(b, text)
	if err != nil || n == 0 || n%sm4.BlockSize != 0 {
		return nil, errNotSealed
	}
	b = b[:n]
	cipher.NewCBCDecrypter(s.block, s.id).CryptBlocks(b, b)
	fill := int(b[n-1])
	if fill == 0 || fill > sm4.BlockSize || !bytes.Equal(b[n-fill:], bytes.Repeat(b[n-1:], fill)) {
		return nil, errFilling
	}
	return b[:n-fill], nil
}

// sign answers r and s of 32 bytes each, in base64.
func (s *suite) sign(text []byte) (string, error) {
	r, t, err := sm2.SignWithSM2(rand.Reader, s.key, s.id, text)
	if err != nil {
		return "", errors.New("cmb: no signature")
	}
	var raw [64]byte
	r.FillBytes(raw[:32])
	t.FillBytes(raw[32:])
	return base64.StdEncoding.EncodeToString(raw[:]), nil
}

// signed reports whether the bank has signed text.
func (s *suite) signed(text []byte, signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && len(raw) == 64 && sm2.VerifyWithSM2(s.bank, s.id, text, new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:]))
}

// unwrap reads PEM, hexadecimal or base64; whole says that it was PEM.
func unwrap(text string) (b []byte, whole bool, err error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, true, nil
	}
	text = strings.Join(strings.Fields(text), "")
	if b, err := hex.DecodeString(text); err == nil {
		return b, false, nil
	}
	b, err = base64.StdEncoding.DecodeString(text)
	return b, false, err
}

// privateKey reads the key. Its errors say nothing of the text.
func privateKey(v secret.Value) (*ecdsa.PrivateKey, error) {
	raw, whole, err := unwrap(v.RevealString())
	if err != nil {
		return nil, errors.New("cmb: Key is neither PEM, hexadecimal nor base64")
	}
	if whole {
		return parsePrivate(raw)
	}
	k, err := ecdh.P256().NewPrivateKey(raw) // checks its range
	if err != nil {
		return nil, errors.New("cmb: Key is not an SM2 key of 32 bytes")
	}
	der, err := smx509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, errors.New("cmb: Key is not an SM2 key")
	}
	return parsePrivate(der)
}

func parsePrivate(der []byte) (*ecdsa.PrivateKey, error) {
	if parsed, err := smx509.ParsePKCS8PrivateKey(der); err == nil {
		if k, ok := parsed.(*sm2.PrivateKey); ok {
			return &k.PrivateKey, nil
		}
	}
	if k, err := smx509.ParseSM2PrivateKey(der); err == nil {
		return &k.PrivateKey, nil
	}
	return nil, errors.New("cmb: Key is not an SM2 key")
}

func publicKey(text string) (*ecdsa.PublicKey, error) {
	der, whole, err := unwrap(text)
	if err != nil {
		return nil, errors.New("cmb: BankKey is neither PEM, hexadecimal nor base64")
	}
	if !whole {
		k, err := ecdh.P256().NewPublicKey(der) // checks that it is on the curve
		if err != nil {
			return nil, errors.New("cmb: BankKey is not a point of 65 bytes on SM2's curve")
		}
		if der, err = smx509.MarshalPKIXPublicKey(k); err != nil {
			return nil, errors.New("cmb: BankKey is not an SM2 key")
		}
	}
	parsed, err := smx509.ParsePKIXPublicKey(der)
	if k, ok := parsed.(*ecdsa.PublicKey); err == nil && ok && k.Curve == sm2.P256() {
		return k, nil
	}
	return nil, errors.New("cmb: BankKey is not an SM2 key")
}
