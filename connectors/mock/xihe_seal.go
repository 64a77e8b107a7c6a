package mock

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

const sealSkew = 5 * time.Minute // between the Date of a request and the bank's clock

var sealPart = regexp.MustCompile(`(?:^|,)\s*(keyId|algorithm|headers|signature)="([^"]*)"`)

// checkSeal answers the message code of what is wrong with a signed request, or
// nothing. trusted does the same for the certificate.
func checkSeal(h http.Header, body []byte, now time.Time, trusted func(*x509.Certificate) string) string {
	text := h.Get("Signature")
	switch {
	case text == "" || h.Get("Digest") == "":
		return "SIGNATURE_MISSING"
	case h.Get("TPP-Signature-Certificate") == "":
		return "CERTIFICATE_MISSING"
	}
	der, err := base64.StdEncoding.DecodeString(h.Get("TPP-Signature-Certificate"))
	if err != nil {
		return "CERTIFICATE_INVALID"
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "CERTIFICATE_INVALID"
	}
	if code := trusted(cert); code != "" {
		return code
	}
	part := map[string]string{}
	for _, m := range sealPart.FindAllStringSubmatch(text, -1) {
		if _, twice := part[m[1]]; twice {
			return "SIGNATURE_INVALID"
		}
		part[m[1]] = m[2]
	}
	sum := sha256.Sum256(body)
	names := strings.Fields(strings.ToLower(part["headers"]))
	must := []string{"digest", "x-request-id", "date"}
	for _, name := range []string{"PSU-ID", "PSU-Corporate-ID", "TPP-Redirect-URI"} {
		if h.Get(name) != "" {
			must = append(must, strings.ToLower(name))
		}
	}
	date, err := http.ParseTime(h.Get("Date"))
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	switch {
	case err != nil || date.Sub(now).Abs() > sealSkew:
		return "TIMESTAMP_INVALID"
	case !ok, part["algorithm"] != "rsa-sha256", !sealKey(part["keyId"], cert),
		h.Get("Digest") != "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]):
		return "SIGNATURE_INVALID"
	}
	for _, name := range must {
		if !slices.Contains(names, name) {
			return "SIGNATURE_INVALID"
		}
	}
	lines := make([]string, 0, len(names))
	for _, name := range names {
		values := h.Values(name)
		if len(values) != 1 {
			return "SIGNATURE_INVALID"
		}
		lines = append(lines, name+": "+strings.TrimSpace(values[0]))
	}
	if !verifiesPKCS1(key, []byte(strings.Join(lines, "\n")), part["signature"]) {
		return "SIGNATURE_INVALID"
	}
	return ""
}

// sealKey reports whether a keyId is the certificate's: its number in
// hexadecimal, and who issued it.
func sealKey(id string, cert *x509.Certificate) bool {
	number, issuer, ok := strings.Cut(strings.TrimPrefix(id, "SN="), ",CA=")
	n, hex := new(big.Int).SetString(number, 16)
	name, err := url.PathUnescape(issuer)
	return ok && strings.HasPrefix(id, "SN=") && hex && err == nil && n.Cmp(cert.SerialNumber) == 0 && name == cert.Issuer.String()
}
