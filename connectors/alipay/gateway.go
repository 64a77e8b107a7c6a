package alipay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
)

// askGateway calls a method by v2.
func (c *Connector) askGateway(ctx context.Context, method, token string, params map[string]string, out answered) error {
	sealed := c.content
	if plain(method) {
		sealed = nil
	}
	a, err := c.post(ctx, method, token, params, sealed)
	if err != nil {
		return err
	}
	e, err := open(a.Body, responseOf(method))
	if err != nil {
		return connectors.ErrMalformed.Because(err)
	}
	wait := a.RetryAfter(c.now())
	if e.sign == "" {
		// An error that Alipay could not sign, since it did not know whose key
		// to use, may come without.
		var p problem
		if dial.JSON(e.raw, &p) != nil || !p.failed() {
			return connectors.ErrUnsigned.Because(fault.Cause("no signature"))
		}
		return c.decode(e.raw, out, false, wait)
	}
	if err := c.verify(ctx, e.serial, e.sign, e.raw); err != nil {
		return err
	}
	raw := e.raw
	switch encrypted := raw[0] == '"'; {
	case encrypted && sealed != nil:
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return connectors.ErrMalformed.Because(fault.Cause("the encrypted response is not a string"))
		}
		if raw, err = sealed.open(text); err != nil {
			return connectors.ErrMalformed.Because(err)
		}
	case encrypted:
		return connectors.ErrMalformed.Because(fault.Cause("the response is encrypted, and no key for it is held"))
	case sealed != nil:
		var p problem
		if dial.JSON(raw, &p) != nil || !p.failed() {
			return connectors.ErrMalformed.Because(fault.Cause("the response is not encrypted as agreed"))
		}
	}
	return c.decode(raw, out, true, wait)
}

// post signs and sends a request of v2.
func (c *Connector) post(ctx context.Context, method, token string, params map[string]string, sealed *content) (dial.Answer, error) {
	form := map[string]string{
		"app_id": c.appID, "method": method, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2",
		"timestamp": c.now().In(wire.Beijing).Format(clock), "version": "1.0", "auth_token": token,
		"app_cert_sn": c.trust.appSerial, "alipay_root_cert_sn": c.trust.rootSerial,
	}
	if plain(method) {
		maps.Copy(form, params)
	} else {
		biz, err := json.Marshal(params)
		if err != nil {
			return dial.Answer{}, fmt.Errorf("alipay: %w", err)
		}
		form["biz_content"] = string(biz)
		if sealed != nil {
			form["biz_content"], form["encrypt_type"] = sealed.seal(string(biz)), "AES"
		}
	}
	sign, err := c.sign(signText(form))
	if err != nil {
		return dial.Answer{}, fmt.Errorf("alipay: sign: %w", err)
	}
	body := url.Values{"sign": {sign}}
	for k, v := range form {
		if v != "" {
			body.Set(k, v)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.gateway, strings.NewReader(body.Encode()))
	if err != nil {
		return dial.Answer{}, fmt.Errorf("alipay: request: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	a, err := c.send(r)
	if err != nil {
		return a, err
	}
	if err := connectors.Answered(a.Status, a.RetryAfter(c.now())); err != nil {
		if errors.Is(err, connectors.ErrUnauthorized) {
			// The gateway speaks of tokens in signed answers alone.
			return a, connectors.ErrRefused.Because(fault.Cause("HTTP status", a.Status))
		}
		return a, err
	}
	return a, nil
}

// signText is the sorted k=v pairs of every parameter that has a value,
// sign_type included.
func signText(form map[string]string) string {
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
	return text.String()
}
