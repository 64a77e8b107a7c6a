package wire

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"jali/internal/secret"
)

// MinBits is the shortest RSA key that is taken where a source asks for no
// shorter one.
const MinBits = 2048

// The errors of what follows are read after the name of what was given ("Key is
// neither PEM nor base64"), and say nothing of the text.

// PrivateKey reads an RSA key of MinBits or more: PKCS#1 or PKCS#8, in PEM or in
// the bare base64 that some sources' key tools write.
func PrivateKey(v secret.Value) (*rsa.PrivateKey, error) {
	der, err := unwrap(v.RevealString())
	if err != nil {
		return nil, err
	}
	var parsed any
	if parsed, err = x509.ParsePKCS1PrivateKey(der); err != nil {
		parsed, err = x509.ParsePKCS8PrivateKey(der)
	}
	if err != nil {
		return nil, errors.New("is neither PKCS#1 nor PKCS#8")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < MinBits {
		return nil, short(MinBits)
	}
	return key, nil
}

// PublicKey reads an RSA key of that many bits or more: PKIX, in PEM or in bare
// base64.
func PublicKey(text string, bits int) (*rsa.PublicKey, error) {
	der, err := unwrap(text)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("is not a PKIX public key")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < bits {
		return nil, short(bits)
	}
	return key, nil
}

// Certificate reads the first of a text in PEM.
func Certificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("is not PEM")
	}
	crt, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.New("is not an X.509 certificate")
	}
	return crt, nil
}

func short(bits int) error { return fmt.Errorf("is not an RSA key of %d bits or more", bits) }

func unwrap(text string) ([]byte, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, errors.New("is neither PEM nor base64")
	}
	return der, nil
}
