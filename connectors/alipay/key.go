package alipay

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"

	"jali/internal/secret"
)

// minBits is the shortest RSA key that is taken.
const minBits = 2048

// privateKey reads PEM or the bare base64 of the key tool. Its errors say
// nothing of the text.
func privateKey(v secret.Value) (*rsa.PrivateKey, error) {
	der, err := unwrap(v.RevealString())
	if err != nil {
		return nil, errors.New("alipay: Key is neither PEM nor base64")
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, errors.New("alipay: Key is neither PKCS#1 nor PKCS#8")
		}
		var ok bool
		if key, ok = parsed.(*rsa.PrivateKey); !ok {
			return nil, errors.New("alipay: Key is not an RSA key")
		}
	}
	if key.N.BitLen() < minBits {
		return nil, errors.New("alipay: Key is shorter than 2048 bits")
	}
	return key, nil
}

func publicKey(text string) (*rsa.PublicKey, error) {
	der, err := unwrap(text)
	if err != nil {
		return nil, errors.New("alipay: AlipayKey is neither PEM nor base64")
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("alipay: AlipayKey is not a PKIX public key")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minBits {
		return nil, errors.New("alipay: AlipayKey is not an RSA key of 2048 bits or more")
	}
	return key, nil
}

func unwrap(text string) ([]byte, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
}
