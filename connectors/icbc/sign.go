package icbc

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // the platform's RSA, and what it signs answers with
	_ "crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

const minGatewayBits = 1024 // what the live gateway has

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
