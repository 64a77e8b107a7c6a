package consent

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
)

// maxChain is how many certificates may stand with a key.
const maxChain = 4

// certified reports whether the certificates that stand with a key (RFC 7517,
// section 4.7) can be read and the first is the key's own.
func certified(k map[string]json.RawMessage) bool {
	var list []string
	if json.Unmarshal(k["x5c"], &list) != nil || len(list) == 0 || len(list) > maxChain {
		return false
	}
	for i, one := range list {
		der, err := base64.StdEncoding.Strict().DecodeString(one)
		if err != nil {
			return false
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return false
		}
		if key, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); i == 0 && (!ok || !key.Equal(publicKey(k))) {
			return false
		}
	}
	return true
}

// publicKey is the key of a JWK that is usable.
func publicKey(k map[string]json.RawMessage) crypto.PublicKey {
	switch member(k, "kty") {
	case "EC":
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, octets(k, "x"), octets(k, "y")))
		if err != nil {
			return nil
		}
		return key
	case "RSA":
		return &rsa.PublicKey{N: new(big.Int).SetBytes(octets(k, "n")), E: 65537}
	}
	return ed25519.PublicKey(octets(k, "x"))
}

// holdsCertificate reports whether a key set that was checked has a certificate.
func holdsCertificate(jwks []byte) bool {
	var (
		set  map[string]json.RawMessage
		keys []map[string]json.RawMessage
	)
	return json.Unmarshal(jwks, &set) == nil && json.Unmarshal(set["keys"], &keys) == nil &&
		slices.ContainsFunc(keys, func(k map[string]json.RawMessage) bool { return k["x5c"] != nil })
}
