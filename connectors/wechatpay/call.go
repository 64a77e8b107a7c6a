package wechatpay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
)

const (
	maxAnswer = 1 << 20
	// skew is how far an answer's clock may be from ours, as published.
	skew = 300 * time.Second
)

// Errors of the bill API that say something of a day, not of the call.
var (
	errNoStatement = fault.Cause("the day has no statement")
	errCreating    = fault.Cause("the day's statement is not made yet")
)

// ask signs a GET, and decodes its answer into out once WeChat Pay's signature
// over it has been checked.
func (c *Connector) ask(ctx context.Context, path string, query url.Values, out any) error {
	u := c.api.JoinPath(path)
	u.RawQuery = query.Encode()
	a, err := c.send(ctx, u, maxAnswer)
	if err != nil {
		return err
	}
	if a.Status < 200 || a.Status > 299 {
		return c.refusal(ctx, a)
	}
	if err := c.verify(ctx, a); err != nil {
		return err
	}
	if err := dial.JSON(a.Body, out); err != nil {
		return connectors.ErrMalformed.Because(err)
	}
	return nil
}

// send makes one signed GET and answers what came, whatever its status.
func (c *Connector) send(ctx context.Context, u *url.URL, limit int64) (dial.Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return dial.Answer{}, connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	stamp, nonce := strconv.FormatInt(c.now().Unix(), 10), rand.Text()
	sum := sha256.Sum256([]byte(http.MethodGet + "\n" + r.URL.RequestURI() + "\n" + stamp + "\n" + nonce + "\n\n"))
	sig, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, sum[:])
	if err != nil {
		return dial.Answer{}, fmt.Errorf("wechatpay: sign: %w", err)
	}
	r.Header.Set("Authorization", fmt.Sprintf(
		`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",signature="%s",timestamp="%s",serial_no="%s"`,
		c.mchID, nonce, base64.StdEncoding.EncodeToString(sig), stamp, c.serial))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Jali")
	if c.asks != "" {
		r.Header.Set("Wechatpay-Serial", c.asks)
	}
	return c.do(r, limit)
}

func (c *Connector) do(r *http.Request, limit int64) (dial.Answer, error) {
	return wire.Do(c.http, r, limit)
}

// verify checks the four Wechatpay- headers against the body as it came.
func (c *Connector) verify(ctx context.Context, a dial.Answer) error {
	key, err := c.platformKey(ctx, a.Header.Get("Wechatpay-Serial"))
	if err != nil {
		return err
	}
	if err := signedBy(key, a, c.now()); err != nil {
		return connectors.ErrUnsigned.Because(err)
	}
	return nil
}

func signedBy(key *rsa.PublicKey, a dial.Answer, now time.Time) error {
	stamp, nonce := a.Header.Get("Wechatpay-Timestamp"), a.Header.Get("Wechatpay-Nonce")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || nonce == "" {
		return fault.Cause("no timestamp or nonce")
	}
	if off := now.Sub(time.Unix(seconds, 0)).Abs(); off >= skew {
		return fault.Cause("the timestamp is too far off")
	}
	sig, err := base64.StdEncoding.DecodeString(a.Header.Get("Wechatpay-Signature"))
	if err != nil {
		return fault.Cause("the signature is not base64")
	}
	sum := sha256.New()
	sum.Write([]byte(stamp + "\n" + nonce + "\n"))
	sum.Write(a.Body)
	sum.Write([]byte("\n"))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum.Sum(nil), sig) != nil {
		return fault.Cause("the signature does not fit")
	}
	return nil
}

// refusal translates an error answer. Those from before WeChat Pay knew who
// asked come unsigned; they can become an error, but never say that a day is
// empty or that a merchant has left. A signature that is there must be right.
func (c *Connector) refusal(ctx context.Context, a dial.Answer) error {
	signed := a.Header.Get("Wechatpay-Signature") != ""
	if signed {
		if err := c.verify(ctx, a); err != nil {
			return err
		}
	}
	return c.meaning(a, signed)
}

func (c *Connector) meaning(a dial.Answer, signed bool) error {
	var e struct {
		Code string `json:"code"`
	}
	_ = dial.JSON(a.Body, &e) // a gateway's page has no code
	cause := errors.Join(fault.Cause("HTTP status", a.Status), fault.Coded("code", e.Code))
	wait := a.RetryAfter(c.now())
	switch e.Code {
	case "NO_STATEMENT_EXIST", "STATEMENT_CREATING":
		if !signed {
			return connectors.ErrUnsigned.Because(cause)
		}
		if e.Code == "STATEMENT_CREATING" {
			return connectors.ErrRefused.Because(errCreating)
		}
		return connectors.ErrRefused.Because(errNoStatement)
	case "NO_AUTH":
		if !signed {
			return connectors.ErrUnsigned.Because(cause)
		}
		// The merchant is not, or no longer, under this service provider.
		return connectors.ErrUnauthorized.Because(cause)
	case "RATELIMIT_EXCEEDED", "FREQUENCY_LIMITED", "FREQUENCY_LIMIT_EXCEED":
		return connectors.ErrBusy.After(wait).Because(cause)
	case "SYSTEM_ERROR":
		return connectors.ErrDown.After(wait).Because(cause)
	}
	if a.Status == http.StatusUnauthorized {
		// SIGN_ERROR: the service provider's own key, which no person can mend.
		return connectors.ErrRefused.Because(cause)
	}
	return connectors.Answered(a.Status, wait)
}
