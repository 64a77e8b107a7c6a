package alipay

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/fault"
)

// askREST calls a method by v3: queries are GET with their parameters in the
// URL, a method that changes something is POST with a JSON body.
func (c *Connector) askREST(ctx context.Context, method, token string, params map[string]string, out answered) error {
	verb, body, query := http.MethodGet, "", url.Values{}
	if plain(method) {
		text, err := json.Marshal(params)
		if err != nil {
			return fmt.Errorf("alipay: %w", err)
		}
		verb, body = http.MethodPost, string(text)
	} else {
		for name, value := range params {
			query.Set(name, value)
		}
		query.Set("auth_token", token)
	}
	path := "/v3/" + strings.ReplaceAll(method, ".", "/")
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	header := http.Header{"Accept": {"application/json"}}
	if body != "" {
		header.Set("Content-Type", "application/json")
	}
	if c.content != nil {
		header.Set("alipay-encrypt-type", "AES")
		if body != "" {
			header.Set("Content-Type", "text/plain")
			body = c.content.seal(body)
		}
	}
	if c.trust.rootSerial != "" {
		header.Set("alipay-root-cert-sn", c.trust.rootSerial)
	}
	authorization, err := c.authorization(verb, path, body)
	if err != nil {
		return fmt.Errorf("alipay: sign: %w", err)
	}
	header.Set("Authorization", authorization)
	r, err := http.NewRequestWithContext(ctx, verb, c.api+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("alipay: request: %w", err)
	}
	maps.Copy(r.Header, header)
	a, err := c.send(r)
	if err != nil {
		return err
	}
	return c.readREST(ctx, a, out)
}

// authorization is the header of opendocs.alipay.com/open-v3/054q58.
func (c *Connector) authorization(verb, path, body string) (string, error) {
	auth := "app_id=" + c.appID
	if c.trust.appSerial != "" {
		auth += ",app_cert_sn=" + c.trust.appSerial
	}
	auth += ",nonce=" + rand.Text() + ",timestamp=" + strconv.FormatInt(c.now().UnixMilli(), 10)
	sign, err := c.sign(auth + "\n" + verb + "\n" + path + "\n" + body + "\n")
	return "ALIPAY-SHA256withRSA " + auth + ",sign=" + sign, err
}

// readREST reads an answer of v3. Its signature is over time, nonce and body.
func (c *Connector) readREST(ctx context.Context, a dial.Answer, out answered) error {
	h, failed := a.Header, a.Status < 200 || a.Status > 299
	sign := h.Get("alipay-signature")
	if sign == "" && !failed {
		return connectors.ErrUnsigned.Because(fault.Cause("no signature"))
	}
	if sign != "" {
		err := c.verify(ctx, h.Get("alipay-sn"), sign,
			[]byte(h.Get("alipay-timestamp")+"\n"+h.Get("alipay-nonce")+"\n"), a.Body, []byte("\n"))
		if err != nil {
			return err
		}
	}
	if failed {
		err := restFault(a.Status, restCode(a.Body), a.RetryAfter(c.now()))
		if sign == "" {
			return unvouched(err)
		}
		return err
	}
	raw := a.Body
	if c.content != nil {
		var err error
		if raw, err = c.content.open(string(raw)); err != nil {
			return connectors.ErrMalformed.Because(err)
		}
	}
	if dial.JSON(raw, out) != nil {
		return connectors.ErrMalformed.Because(fault.Cause("the answer is not of its documented form"))
	}
	return nil
}

// restCode is the code of an error of v3, or empty: a proxy's page has none.
func restCode(body []byte) string {
	var p struct {
		Code string `json:"code"`
	}
	if dial.JSON(body, &p) != nil {
		return ""
	}
	return p.Code
}
