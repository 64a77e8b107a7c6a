package alipay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/fault"
)

// maxAnswer holds a full page of 2,000 log entries several times over.
const maxAnswer = 8 << 20

// beijing is the zone of every time on this wire.
var beijing = time.FixedZone("UTC+8", 8*60*60)

const clock = "2006-01-02 15:04:05"

// call asks the gateway for method and decodes the verified response into out.
// params are the method's own; token may be empty.
func (c *Connector) call(ctx context.Context, method, token string, params map[string]string, out any) error {
	form := map[string]string{
		"app_id": c.appID, "method": method, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2",
		"timestamp": c.now().In(beijing).Format(clock), "version": "1.0", "auth_token": token,
	}
	maps.Copy(form, params)
	sign, err := c.sign(form)
	if err != nil {
		return fmt.Errorf("alipay: sign: %w", err)
	}
	body := url.Values{"sign": {sign}}
	for k, v := range form {
		if v != "" {
			body.Set(k, v)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.gateway, strings.NewReader(body.Encode()))
	if err != nil {
		return fmt.Errorf("alipay: request: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	a, err := dial.Do(c.http, r, maxAnswer)
	switch {
	case errors.Is(err, dial.ErrTooLarge):
		return connectors.ErrMalformed.Because(err)
	case err != nil:
		return connectors.ErrDown.Because(err)
	}
	if err := connectors.Answered(a.Status, a.RetryAfter(c.now())); err != nil {
		if errors.Is(err, connectors.ErrUnauthorized) {
			// The gateway speaks of tokens in signed answers alone.
			return connectors.ErrRefused.Because(fault.Cause("HTTP status", a.Status))
		}
		return err
	}
	raw, signed, err := c.verify(a.Body, strings.ReplaceAll(method, ".", "_")+"_response")
	if err != nil {
		return err
	}
	var head problem
	if err := json.Unmarshal(raw, &head); err != nil {
		return connectors.ErrMalformed.Because(fault.Cause("the response is not of its documented form"))
	}
	if err := head.fault(a.RetryAfter(c.now())); err != nil {
		if !signed && errors.Is(err, connectors.ErrUnauthorized) {
			return connectors.ErrUnsigned.Because(fault.Cause("an unsigned word about a person's token"))
		}
		return err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return connectors.ErrMalformed.Because(fault.Cause("the response is not of its documented form"))
	}
	return nil
}

// sign is RSA2 over the sorted k=v pairs of every parameter that has a value,
// sign_type included.
func (c *Connector) sign(form map[string]string) (string, error) {
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(form)) {
		if form[k] == "" {
			continue
		}
		if text.Len() > 0 {
			text.WriteByte('&')
		}
		text.WriteString(k + "=" + form[k])
	}
	sum := sha256.Sum256([]byte(text.String()))
	sig, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, sum[:])
	return base64.StdEncoding.EncodeToString(sig), err
}

// verify answers the bytes of the response member, once Alipay's signature
// over exactly them has been checked. An error that Alipay could not sign,
// since it did not know whose key to use, may come without one: it can only
// ever become an error here, and never the one that asks a person to connect
// again. A signature that is there must be right.
func (c *Connector) verify(body []byte, name string) (raw []byte, signed bool, err error) {
	raw, sign, err := open(body, name)
	if err != nil {
		return nil, false, connectors.ErrMalformed.Because(err)
	}
	if sign == "" {
		var p problem
		if json.Unmarshal(raw, &p) == nil && p.failed() {
			return raw, false, nil
		}
		return nil, false, connectors.ErrUnsigned.Because(fault.Cause("no signature"))
	}
	sig, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		return nil, false, connectors.ErrUnsigned.Because(fault.Cause("the signature is not base64"))
	}
	sum := sha256.Sum256(raw)
	if rsa.VerifyPKCS1v15(c.alipay, crypto.SHA256, sum[:], sig) != nil {
		return nil, false, connectors.ErrUnsigned.Because(fault.Cause("the signature does not fit"))
	}
	return raw, true, nil
}

// problem is what every response may say beside its own members.
type problem struct {
	Code    string `json:"code"`
	SubCode string `json:"sub_code"`
}

// failed reports whether the response is an error; alipay.system.oauth.token
// leaves the code out when it succeeds.
func (p problem) failed() bool { return p.Code != "" && p.Code != "10000" }

// fault translates the platform's public codes. The words that came with them
// are not passed on: they may repeat what was sent.
func (p problem) fault(wait time.Duration) error {
	if !p.failed() {
		return nil
	}
	cause := errors.Join(fault.Coded("Alipay code", p.Code), fault.Coded("sub-code", p.SubCode))
	switch p.Code {
	case "20000":
		return connectors.ErrDown.After(wait).Because(cause)
	case "20001":
		return connectors.ErrUnauthorized.Because(cause)
	case "40002":
		if strings.HasPrefix(p.SubCode, "isv.code-") || strings.HasPrefix(p.SubCode, "isv.refresh-token-") {
			return connectors.ErrUnauthorized.Because(cause)
		}
	case "40004":
		if strings.HasSuffix(p.SubCode, "SYSTEM_ERROR") || strings.HasPrefix(p.SubCode, "isp.") {
			return connectors.ErrDown.After(wait).Because(cause)
		}
	case "40005":
		return connectors.ErrBusy.After(wait).Because(cause)
	case "40006":
		// Of the permissions, only the user's can be mended by linking again.
		if p.SubCode == "isv.insufficient-user-permissions" {
			return connectors.ErrUnauthorized.Because(cause)
		}
	}
	return connectors.ErrRefused.Because(cause)
}
