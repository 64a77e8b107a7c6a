package berlingroup

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
)

const (
	maxAnswer = 8 << 20
	maxAgent  = 512 // bytes of a User-Agent that are passed on
)

// request is one call to the API.
type request struct {
	method   string
	url      *url.URL
	as       credential
	redirect string // TPP-Redirect-URI
	body     any
}

type href struct {
	Href string `json:"href"`
}

// call makes one call and reads its answer into out, which may be nil.
func (c *Connector) call(ctx context.Context, q request, out any) error {
	var body []byte
	if q.body != nil {
		var err error
		if body, err = json.Marshal(q.body); err != nil {
			return fmt.Errorf("berlingroup: %w", err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, q.method, q.url.String(), bytes.NewReader(body))
	if err != nil {
		return connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	h := r.Header
	h.Set("X-Request-ID", wire.UUID())
	h.Set("Accept", "application/json")
	if q.body != nil {
		h.Set("Content-Type", "application/json")
	}
	if q.as.Consent != "" {
		h.Set("Consent-ID", q.as.Consent)
	}
	if q.as.Access != "" {
		h.Set("Authorization", "Bearer "+q.as.Access)
	}
	if q.redirect != "" {
		h.Set("TPP-Redirect-Preferred", "true")
		h.Set("TPP-Redirect-URI", q.redirect)
	}
	c.attend(ctx, q, h)
	if c.seal != nil {
		if err := c.seal.put(r, body, c.now()); err != nil {
			return err
		}
	}
	a, err := c.send(r)
	switch {
	case err != nil:
		return err
	case a.Status < 200 || a.Status > 299:
		return c.refusal(a)
	case out == nil:
		return nil
	}
	return decode(a.Body, out)
}

// attend says how the person is there: PSU-IP-Address stands only in what they
// began themselves. Where a consent is asked for it must stand, and is this
// machine's where theirs is not known.
func (c *Connector) attend(ctx context.Context, q request, h http.Header) {
	p, _ := connectors.PresenceOf(ctx)
	if !p.IP.IsValid() && q.redirect != "" {
		p.IP = c.address
	}
	if p.IP.IsValid() {
		h.Set("PSU-IP-Address", p.IP.Unmap().String())
	}
	if p.UserAgent != "" && len(p.UserAgent) <= maxAgent && strings.IndexFunc(p.UserAgent, unicode.IsControl) < 0 {
		h.Set("PSU-User-Agent", p.UserAgent)
	}
}

// send makes one exchange and answers what came, whatever its status.
func (c *Connector) send(r *http.Request) (dial.Answer, error) {
	return wire.Do(c.http, r, maxAnswer)
}

func decode(body []byte, out any) error {
	if err := dial.JSON(body, out); err != nil {
		return connectors.ErrMalformed.Because(err)
	}
	return nil
}

// meanings are the message codes of the account information service, as the
// OpenAPI file lists them. What a code that is not here means, its HTTP status says. None of ours that a bank does not accept is
// mended by a person who links again.
var meanings = map[string]*fault.Error{
	"CONSENT_UNKNOWN": connectors.ErrUnauthorized, "CONSENT_INVALID": connectors.ErrUnauthorized, "CONSENT_EXPIRED": connectors.ErrUnauthorized,
	"TOKEN_UNKNOWN": connectors.ErrUnauthorized, "TOKEN_INVALID": connectors.ErrUnauthorized, "TOKEN_EXPIRED": connectors.ErrUnauthorized,
	"PSU_CREDENTIALS_INVALID": connectors.ErrUnauthorized,
	"ACCESS_EXCEEDED":         connectors.ErrBusy,
	"CERTIFICATE_INVALID":     connectors.ErrRefused, "CERTIFICATE_EXPIRED": connectors.ErrRefused, "CERTIFICATE_BLOCKED": connectors.ErrRefused,
	"CERTIFICATE_REVOKED": connectors.ErrRefused, "CERTIFICATE_MISSING": connectors.ErrRefused, "ROLE_INVALID": connectors.ErrRefused,
	"SIGNATURE_INVALID": connectors.ErrRefused, "SIGNATURE_MISSING": connectors.ErrRefused, "TIMESTAMP_INVALID": connectors.ErrRefused,
	"CORPORATE_ID_INVALID": connectors.ErrRefused,
	"SERVICE_BLOCKED":      connectors.ErrRefused, "SERVICE_INVALID": connectors.ErrRefused,
	"RESOURCE_UNKNOWN": connectors.ErrRefused, "RESOURCE_EXPIRED": connectors.ErrRefused, "RESOURCE_BLOCKED": connectors.ErrRefused,
	"FORMAT_ERROR": connectors.ErrRefused, "PARAMETER_NOT_CONSISTENT": connectors.ErrRefused, "PARAMETER_NOT_SUPPORTED": connectors.ErrRefused,
	"PERIOD_INVALID": connectors.ErrRefused, "STATUS_INVALID": connectors.ErrRefused, "SESSIONS_NOT_SUPPORTED": connectors.ErrRefused,
	"REQUESTED_FORMATS_INVALID": connectors.ErrRefused,
}

// refusal reads the messages of a failure, in the framework's own form or in
// that of RFC 7807. Their words are not passed on.
func (c *Connector) refusal(a dial.Answer) error {
	var e struct {
		Messages []struct {
			Code string `json:"code"`
		} `json:"tppMessages"`
		Code string `json:"code"`
	}
	wait := a.RetryAfter(c.now())
	told := connectors.Answered(a.Status, wait)
	if a.Status < 400 || a.Status > 499 || dial.JSON(a.Body, &e) != nil {
		return told // a gateway's page has no codes
	}
	code := e.Code
	for _, m := range e.Messages {
		if _, ok := meanings[code]; !ok {
			code = m.Code
		}
	}
	means, ok := meanings[code]
	if !ok {
		return told
	}
	return means.After(wait).Because(&refused{code, fault.Coded("the bank says", code)})
}

// refused is a cause that keeps the code.
type refused struct {
	code string
	error
}

func (r *refused) Unwrap() error { return r.error }

// says reports whether err is a refusal with one of the codes.
func says(err error, codes ...string) bool {
	var r *refused
	if !errors.As(err, &r) {
		return false
	}
	for _, code := range codes {
		if r.code == code {
			return true
		}
	}
	return false
}

// within reads a link that the bank gave, whole or relative, which must lead to
// what is under a part of its API: the consent and its token go nowhere else.
func (c *Connector) within(link string, under ...string) (*url.URL, error) {
	root := c.api.JoinPath(under...)
	u, err := c.api.Parse(link)
	if err != nil || u.Scheme != c.api.Scheme || u.Host != c.api.Host || u.User != nil || strings.Contains(u.Path, "..") ||
		!strings.HasPrefix(u.EscapedPath(), strings.TrimSuffix(root.EscapedPath(), "/")+"/") {
		return nil, fault.Cause("a link leads out of what was asked for")
	}
	u.Fragment = ""
	return u, nil
}

// first is the first text that says something.
func first(texts ...string) string {
	for i, text := range texts {
		texts[i] = strings.TrimSpace(text)
	}
	return cmp.Or(texts...)
}
