package alipay

import (
	"context"
	"crypto/md5"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/fault"
)

// maxCerts is how many certificates are kept that were fetched.
const maxCerts = 8

// trust knows which key an answer must be signed with.
type trust struct {
	key *rsa.PublicKey // key mode; nil: certificate mode

	appSerial, rootSerial string // sent with every request
	roots, between        *x509.CertPool
	subject               string
	fetching              chan struct{} // holds one: who fetches

	mu    *sync.Mutex
	known map[string]*x509.Certificate // by serial
}

// newTrust parses what c gives of either mode.
func newTrust(c Config, own *rsa.PrivateKey) (trust, error) {
	if c.AppCert == "" && c.AlipayCert == "" && c.RootCert == "" {
		key, err := wire.PublicKey(c.AlipayKey, wire.MinBits)
		if err != nil {
			return trust{}, fmt.Errorf("alipay: AlipayKey %w", err)
		}
		return trust{key: key}, nil
	}
	if c.AlipayKey != "" {
		return trust{}, errors.New("alipay: AlipayKey and certificates are two modes: leave one out")
	}
	t := trust{roots: x509.NewCertPool(), between: x509.NewCertPool(), fetching: make(chan struct{}, 1),
		mu: &sync.Mutex{}, known: map[string]*x509.Certificate{}}
	app, err := certificates(c.AppCert)
	if err != nil {
		return trust{}, fmt.Errorf("alipay: AppCert: %w", err)
	}
	if public, ok := app[0].PublicKey.(*rsa.PublicKey); !ok || !public.Equal(&own.PublicKey) {
		return trust{}, errors.New("alipay: AppCert is not the certificate of Key")
	}
	t.appSerial = serial(app[0])
	roots, err := certificates(c.RootCert)
	if err != nil {
		return trust{}, fmt.Errorf("alipay: RootCert: %w", err)
	}
	var serials []string
	for _, root := range roots {
		t.roots.AddCert(root)
		if signedWithRSA(root) {
			serials = append(serials, serial(root))
		}
	}
	t.rootSerial = strings.Join(serials, "_")
	platform, err := certificates(c.AlipayCert)
	if err != nil {
		return trust{}, fmt.Errorf("alipay: AlipayCert: %w", err)
	}
	for _, one := range platform[1:] {
		t.between.AddCert(one)
	}
	t.subject = string(platform[0].RawSubject)
	if err := t.verify(platform, c.Now()); err != nil {
		return trust{}, errors.New("alipay: AlipayCert has expired or does not chain to RootCert: download both anew from the open platform")
	}
	t.known[serial(platform[0])] = platform[0]
	return t, nil
}

// verify reports whether chain, leaf first, is Alipay's at now.
func (t trust) verify(chain []*x509.Certificate, now time.Time) error {
	between := t.between.Clone()
	for _, one := range chain[1:] {
		between.AddCert(one)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fault.Cause("the certificate does not chain to a root")
	}
	if key, ok := chain[0].PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() < wire.MinBits {
		return fault.Cause("the certificate holds no RSA key of 2048 bits or more")
	}
	if string(chain[0].RawSubject) != t.subject {
		return fault.Cause("the certificate is somebody else's") // every application has one of the same roots
	}
	return nil
}

// find answers the key of the certificate with a serial, if it is known and valid.
func (t trust) find(serial string, now time.Time) (*rsa.PublicKey, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.known[serial]
	if !ok || now.After(one.NotAfter) {
		return nil, false
	}
	key, ok := one.PublicKey.(*rsa.PublicKey)
	return key, ok
}

func (t trust) keep(serial string, one *x509.Certificate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) > maxCerts {
		clear(t.known)
	}
	t.known[serial] = one
}

// keyOf answers the key that an answer with this serial must be signed with.
// One caller at a time fetches what is not known.
func (c *Connector) keyOf(ctx context.Context, serial string) (*rsa.PublicKey, error) {
	t := c.trust
	if t.key != nil {
		return t.key, nil
	}
	if serial == "" {
		return nil, connectors.ErrUnsigned.Because(fault.Cause("the answer does not say which certificate signed it"))
	}
	if key, ok := t.find(serial, c.now()); ok {
		return key, nil
	}
	select {
	case t.fetching <- struct{}{}:
		defer func() { <-t.fetching }()
	case <-ctx.Done():
		return nil, connectors.ErrDown.Because(ctx.Err())
	}
	if key, ok := t.find(serial, c.now()); ok {
		return key, nil
	}
	one, err := c.fetchCert(ctx, serial)
	if err != nil {
		return nil, err
	}
	t.keep(serial, one)
	key, _ := t.find(serial, c.now())
	if key == nil {
		return nil, connectors.ErrUnsigned.Because(fault.Cause("the certificate has expired"))
	}
	return key, nil
}

// fetchCert asks alipay.open.app.alipaycert.download. Its answer comes without a
// signature: all that is believed of it is what the roots have signed.
func (c *Connector) fetchCert(ctx context.Context, wanted string) (*x509.Certificate, error) {
	const method = "alipay.open.app.alipaycert.download"
	var a struct {
		problem
		Content string `json:"alipay_cert_content"`
	}
	body, err := c.post(ctx, method, "", map[string]string{"alipay_cert_sn": wanted}, nil)
	if err != nil {
		return nil, err
	}
	e, err := open(body.Body, responseOf(method))
	if err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	if err := c.decode(e.raw, &a, false, body.RetryAfter(c.now())); err != nil {
		return nil, err
	}
	text, err := base64.StdEncoding.DecodeString(a.Content)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("alipay_cert_content is not base64"))
	}
	chain, err := certificates(string(text))
	if err != nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("alipay_cert_content holds no certificate"))
	}
	if serial(chain[0]) != wanted {
		return nil, connectors.ErrUnsigned.Because(fault.Cause("another certificate than the one that signed"))
	}
	if err := c.trust.verify(chain, c.now()); err != nil {
		return nil, connectors.ErrUnsigned.Because(err)
	}
	return chain[0], nil
}

// certificates reads PEM. Alipay's file of roots holds some of SM2, too, which
// sign nothing here: those are passed over.
func certificates(text string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if one, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("holds no certificate in PEM")
	}
	return all, nil
}

// serial is what Alipay calls a certificate: MD5 over its issuer, most specific
// name first (RFC 2253), and its number in decimal.
func serial(one *x509.Certificate) string {
	var issuer pkix.RDNSequence
	if _, err := asn1.Unmarshal(one.RawIssuer, &issuer); err != nil {
		return ""
	}
	sum := md5.Sum([]byte(issuer.String() + one.SerialNumber.String()))
	return hex.EncodeToString(sum[:])
}

func signedWithRSA(one *x509.Certificate) bool {
	switch one.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return true
	}
	return false
}
