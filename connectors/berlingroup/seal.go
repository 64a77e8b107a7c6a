package berlingroup

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/connectors/wire"
	"jali/internal/secret"
)

// seal signs requests with the key of a QSealC.
type seal struct {
	certificate string // base64 of its DER
	keyID       string
	sign        func(digest []byte) ([]byte, error)
}

func newSeal(certificate string, key secret.Value) (*seal, error) {
	cert, err := wire.Certificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("berlingroup: Certificate %w", err)
	}
	private, err := wire.PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("berlingroup: Key %w", err)
	}
	if !private.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("berlingroup: Certificate is of another key")
	}
	// The authority's name is written as the guidelines show it: escaped as in
	// a URL, with its commas.
	authority := strings.ReplaceAll(url.PathEscape(cert.Issuer.String()), "%2C", ",")
	return &seal{
		certificate: base64.StdEncoding.EncodeToString(cert.Raw),
		keyID:       fmt.Sprintf("SN=%X,CA=%s", cert.SerialNumber, authority),
		sign: func(digest []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest)
		},
	}, nil
}

// put signs r over its body and over those of its headers that must be.
func (s *seal) put(r *http.Request, body []byte, now time.Time) error {
	sum := sha256.Sum256(body)
	r.Header.Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]))
	r.Header.Set("Date", now.UTC().Format(http.TimeFormat))
	names := []string{"digest", "x-request-id"}
	if r.Header.Get("TPP-Redirect-URI") != "" {
		names = append(names, "tpp-redirect-uri")
	}
	names = append(names, "date")
	var text bytes.Buffer
	for i, name := range names {
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(name + ": " + r.Header.Get(name))
	}
	sum = sha256.Sum256(text.Bytes())
	signature, err := s.sign(sum[:])
	if err != nil {
		return fmt.Errorf("berlingroup: sign: %w", err)
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",algorithm="rsa-sha256",headers="%s",signature="%s"`,
		s.keyID, strings.Join(names, " "), base64.StdEncoding.EncodeToString(signature)))
	r.Header.Set("TPP-Signature-Certificate", s.certificate)
	return nil
}
