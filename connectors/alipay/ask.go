package alipay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
)

// maxAnswer holds a full page of 2,000 log entries several times over.
const maxAnswer = 8 << 20

const clock = "2006-01-02 15:04:05"

// ask calls a method and decodes its verified answer into out. token is the
// user's and may be empty; params are the method's own.
func (c *Connector) ask(ctx context.Context, method, token string, params map[string]string, out answered) error {
	if c.api != "" {
		return c.askREST(ctx, method, token, params, out)
	}
	return c.askGateway(ctx, method, token, params, out)
}

// plain reports whether a method has no content to encrypt and, in v2, its
// parameters stand beside the common ones.
func plain(method string) bool { return method == oauthToken }

func responseOf(method string) string { return strings.ReplaceAll(method, ".", "_") + "_response" }

// send answers what came back, whatever its status.
func (c *Connector) send(r *http.Request) (dial.Answer, error) {
	return wire.Do(c.http, r, maxAnswer)
}

// sign is SHA256withRSA, which v2 calls RSA2, in base64.
func (c *Connector) sign(text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, sum[:])
	return base64.StdEncoding.EncodeToString(sig), err
}

// verify checks a signature of the certificate with this serial over the parts,
// in their order.
func (c *Connector) verify(ctx context.Context, serial, sign string, parts ...[]byte) error {
	sig, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		return connectors.ErrUnsigned.Because(fault.Cause("the signature is not base64"))
	}
	key, err := c.keyOf(ctx, serial)
	if err != nil {
		return err
	}
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, h.Sum(nil), sig) != nil {
		return connectors.ErrUnsigned.Because(fault.Cause("the signature does not fit"))
	}
	return nil
}

// unvouched is what a fault becomes that nobody signed: it never asks a person to
// connect again, and never says that a month is empty.
func unvouched(err error) error {
	if errors.Is(err, connectors.ErrUnauthorized) || errors.Is(err, errNoBill) {
		return connectors.ErrUnsigned.Because(fault.Cause("an unsigned word about a person's token or months"))
	}
	return err
}

// decode reads an answer of v2 into out. What is not signed can only ever become
// an error here.
func (c *Connector) decode(raw []byte, out answered, signed bool, wait time.Duration) error {
	err := dial.JSON(raw, out)
	if failure := out.said().fault(wait); failure != nil {
		if !signed {
			return unvouched(failure)
		}
		return failure
	}
	if err != nil {
		return connectors.ErrMalformed.Because(fault.Cause("the response is not of its documented form"))
	}
	return nil
}
