package unionpay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/fault"
)

const (
	maxAnswer = 12 << 20 // a file in base64, with the rest
	// manyMembers is more than any message has.
	manyMembers = 64
)

// message is a request or an answer: members and values.
type message map[string]string

// text is what a signature is over: the members but the signature, sorted, as
// name=value with & between. A member without a value is left out.
func (m message) text() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if name != "signature" && m[name] != "" {
			parts = append(parts, name+"="+m[name])
		}
	}
	return strings.Join(parts, "&")
}

// digest is the SHA-256 of a text, in hex: what version 5.1.0 signs in place
// of the text.
func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	again := sha256.Sum256([]byte(hex.EncodeToString(sum[:])))
	return again[:]
}

// parseMessage takes an answer apart, which is name=value with & between and
// nothing escaped.
func parseMessage(body []byte) (message, error) {
	if !utf8.Valid(body) {
		return nil, fault.Cause("the answer is not UTF-8")
	}
	m := message{}
	for part := range strings.SplitSeq(string(body), "&") {
		name, value, ok := strings.Cut(part, "=")
		if _, twice := m[name]; !ok || name == "" || twice || len(m) == manyMembers {
			return nil, fault.Cause("the answer is not made of members and values")
		}
		m[name] = value
	}
	return m, nil
}

// ask signs a message, sends it and answers what came back, once UnionPay's
// signature over it has been checked. An answer that is not signed is at most
// an error, and never one that says something of a merchant or a day.
func (c *Connector) ask(ctx context.Context, m message) (message, error) {
	m["version"], m["encoding"], m["signMethod"], m["certId"] = "5.1.0", "UTF-8", "01", c.certID.String()
	sig, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, digest(m.text()))
	if err != nil {
		return nil, err
	}
	m["signature"] = base64.StdEncoding.EncodeToString(sig)
	form := url.Values{}
	for name, value := range m {
		form.Set(name, value)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.files.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
	answer, err := c.do(r, maxAnswer)
	if err != nil {
		return nil, err
	}
	a, err := parseMessage(answer.Body)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	signed := a["signature"] != ""
	if signed {
		if err := c.verify(a); err != nil {
			return nil, connectors.ErrUnsigned.Because(err)
		}
	}
	if code := a["respCode"]; code != "00" {
		return a, refusal(code, signed, answer.RetryAfter(c.now()))
	}
	if !signed {
		return nil, connectors.ErrUnsigned.Because(fault.Cause("the answer is not signed"))
	}
	return a, nil
}

// verify checks an answer's certificate and then its signature.
func (c *Connector) verify(m message) error {
	if m["version"] != "5.1.0" || m["signMethod"] != "01" {
		return fault.Cause("signed by another method than was asked for")
	}
	crt, err := wire.Certificate(m["signPubKeyCert"])
	if err != nil {
		return fault.Cause("signPubKeyCert cannot be read")
	}
	if _, err := crt.Verify(x509.VerifyOptions{Roots: c.roots, Intermediates: c.middle, CurrentTime: c.now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return fault.Cause("signPubKeyCert does not lead to a root that was given")
	}
	// "041@…@中国银联股份有限公司@00016494"
	if names := strings.Split(crt.Subject.CommonName, "@"); len(names) < 3 || names[2] != c.signer {
		return fault.Cause("signPubKeyCert is not of UnionPay")
	}
	key, ok := crt.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < wire.MinBits {
		return fault.Cause("signPubKeyCert is not of an RSA key of 2048 bits or more")
	}
	sig, err := base64.StdEncoding.DecodeString(m["signature"])
	if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, digest(m.text()), sig) != nil {
		return fault.Cause("the signature does not fit")
	}
	return nil
}

// errNoFile says that there is no file of a date.
var errNoFile = fault.Cause("there is no file of that date")

// refusal translates a respCode ("应答码").
func refusal(code string, signed bool, wait time.Duration) error {
	cause := fault.Coded("respCode", code)
	switch code {
	case "98", "31":
		if !signed {
			return connectors.ErrUnsigned.Because(cause)
		}
		if code == "98" {
			return connectors.ErrRefused.Because(errNoFile)
		}
		// 商户状态不正确: the merchant is not, or no longer, the acquirer's.
		return connectors.ErrUnauthorized.Because(cause)
	case "02", "03", "04":
		return connectors.ErrDown.After(wait).Because(cause)
	case "06":
		return connectors.ErrBusy.After(wait).Because(cause)
	case "":
		return connectors.ErrMalformed.Because(fault.Cause("no respCode"))
	}
	return connectors.ErrRefused.Because(cause)
}
