package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"jali/internal/secret"
)

func generate(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func inPEM(der []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "THING", Bytes: der}))
}

func bare(der []byte) string {
	text := base64.StdEncoding.EncodeToString(der)
	return text[:64] + "\n" + text[64:] + "\n"
}

// refused reports whether err is of these words, and of nothing that was given.
func refused(err error, want string) bool {
	return (err == nil) == (want == "") && (err == nil || err.Error() == want)
}

func TestKeys(t *testing.T) {
	own, small := generate(t, MinBits), generate(t, 1024)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(own)
	for _, tt := range []struct{ why, text, want string }{
		{"PKCS#8 in PEM", inPEM(x509.MarshalPKCS8PrivateKey(own)), ""},
		{"PKCS#1 in PEM", inPEM(pkcs1, nil), ""},
		{"bare base64", bare(pkcs1), ""},
		{"nothing", "", "is neither PKCS#1 nor PKCS#8"},
		{"its bytes", string(pkcs1), "is neither PEM nor base64"},
		{"something else", bare(make([]byte, 99)), "is neither PKCS#1 nor PKCS#8"},
		{"too short", bare(x509.MarshalPKCS1PrivateKey(small)), "is not an RSA key of 2048 bits or more"},
		{"not RSA", inPEM(x509.MarshalPKCS8PrivateKey(curve)), "is not an RSA key of 2048 bits or more"},
	} {
		if key, err := PrivateKey(secret.Of(tt.text)); !refused(err, tt.want) || err == nil && !key.Equal(own) {
			t.Errorf("a private key, %s: %v, want %q", tt.why, err, tt.want)
		}
	}
	public, err := x509.MarshalPKIXPublicKey(own.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why, text string
		bits      int
		want      string
	}{
		{"in PEM", inPEM(public, nil), MinBits, ""},
		{"bare base64", bare(public), MinBits, ""},
		{"a short one where that is allowed", inPEM(x509.MarshalPKIXPublicKey(small.Public())), 1024, ""},
		{"a short one", inPEM(x509.MarshalPKIXPublicKey(small.Public())), MinBits, "is not an RSA key of 2048 bits or more"},
		{"its bytes", string(public), MinBits, "is neither PEM nor base64"},
		{"a private key", inPEM(pkcs1, nil), MinBits, "is not a PKIX public key"},
		{"not RSA", inPEM(x509.MarshalPKIXPublicKey(curve.Public())), 1024, "is not an RSA key of 1024 bits or more"},
	} {
		key, err := PublicKey(tt.text, tt.bits)
		if !refused(err, tt.want) || err == nil && !key.Equal(own.Public()) && !key.Equal(small.Public()) {
			t.Errorf("a public key, %s: %v, want %q", tt.why, err, tt.want)
		}
	}
}

func TestCertificate(t *testing.T) {
	own := generate(t, MinBits)
	c := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Unix(1<<31, 0)}
	text := inPEM(x509.CreateCertificate(rand.Reader, c, c, own.Public(), own))
	for _, tt := range []struct{ why, text, want string }{
		{"as it is", text, ""},
		{"the first of two", text + inPEM([]byte("another"), nil), ""},
		{"nothing", "", "is not PEM"},
		{"a key", inPEM(x509.MarshalPKCS1PrivateKey(own), nil), "is not an X.509 certificate"},
	} {
		if crt, err := Certificate(tt.text); !refused(err, tt.want) || err == nil && crt.SerialNumber.Int64() != 7 {
			t.Errorf("%s: %v, want %q", tt.why, err, tt.want)
		}
	}
}

func TestDigitsAndCodes(t *testing.T) {
	for _, tt := range []struct {
		s            string
		digits, code bool
	}{
		{"0123456789", true, true}, {"A1Z", false, true}, {"", false, false}, {"1/1", false, false}, {"1a1", false, false},
		{"１", false, false}, {strings.Repeat("1", 10), true, true}, {strings.Repeat("1", 11), false, false},
	} {
		if Digits(tt.s, 10) != tt.digits || Code(tt.s, 10) != tt.code {
			t.Errorf("%q: digits %t, code %t", tt.s, Digits(tt.s, 10), Code(tt.s, 10))
		}
	}
}
