package icbc

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // the platform's RSA, and what it signs answers with
	_ "crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
	"strings"

	"jali/internal/secret"
)

const (
	minBits        = 2048
	minGatewayBits = 1024 // what the live gateway has
)

// digests are those of the sign types that are spoken here.
var digests = map[string]crypto.Hash{"RSA": crypto.SHA1, "RSA2": crypto.SHA256}

// orderedText is what a request is signed over: WebUtils.buildOrderedSignStr.
func orderedText(path string, params map[string]string) string {
	var b strings.Builder
	b.WriteString(path)
	mark := byte('?')
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if params[name] != "" {
			b.WriteByte(mark)
			b.WriteString(name + "=" + params[name])
			mark = '&'
		}
	}
	if mark == '?' {
		b.WriteByte(mark)
	}
	return b.String()
}

func (c *Connector) sign(text string) (string, error) {
	hash := digests[c.signType]
	sig, err := rsa.SignPKCS1v15(rand.Reader, c.key, hash, sum(hash, []byte(text)))
	return base64.StdEncoding.EncodeToString(sig), err
}

// signed reports whether the gateway has signed these bytes.
func (c *Connector) signed(answer []byte, signature string) bool {
	sig, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && rsa.VerifyPKCS1v15(c.bank, crypto.SHA1, sum(crypto.SHA1, answer), sig) == nil
}

func sum(hash crypto.Hash, b []byte) []byte {
	h := hash.New()
	h.Write(b)
	return h.Sum(nil)
}

// privateKey reads PEM or bare base64. Its errors say nothing of the text.
func privateKey(v secret.Value) (*rsa.PrivateKey, error) {
	der, err := unwrap(v.RevealString())
	if err != nil {
		return nil, errors.New("icbc: Key is neither PEM nor base64")
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, errors.New("icbc: Key is neither PKCS#1 nor PKCS#8")
		}
		var ok bool
		if key, ok = parsed.(*rsa.PrivateKey); !ok {
			return nil, errors.New("icbc: Key is not an RSA key")
		}
	}
	if key.N.BitLen() < minBits {
		return nil, errors.New("icbc: Key is shorter than 2048 bits")
	}
	return key, nil
}

func publicKey(text string) (*rsa.PublicKey, error) {
	der, err := unwrap(text)
	if err != nil {
		return nil, errors.New("icbc: BankKey is neither PEM nor base64")
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("icbc: BankKey is not a PKIX public key")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minGatewayBits {
		return nil, errors.New("icbc: BankKey is not an RSA key of 1024 bits or more")
	}
	return key, nil
}

func unwrap(text string) ([]byte, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
}
