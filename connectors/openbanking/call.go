package openbanking

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/fault"
)

const maxAnswer = 8 << 20

// Causes of a refusal for something that is not there, and of one for a
// consent that was revoked at the bank or has run out.
var (
	errNotFound = fault.Cause("no such resource")
	errConsent  = fault.Cause("the consent does not stand")
)

// send makes one exchange and answers what came, whatever its status.
func (c *Connector) send(r *http.Request) (dial.Answer, error) {
	a, err := dial.Do(c.http, r, maxAnswer)
	switch {
	case errors.Is(err, dial.ErrTooLarge):
		return a, connectors.ErrMalformed.Because(err)
	case err != nil:
		return a, connectors.ErrDown.Because(err)
	}
	return a, nil
}

func decode(body []byte, out any) error {
	if json.Unmarshal(body, out) != nil {
		return connectors.ErrMalformed.Because(fault.Cause("the answer is not of its documented form"))
	}
	return nil
}

// call makes one call to the resource API with a bearer token. body and out
// may be nil.
func (c *Connector) call(ctx context.Context, method string, u *url.URL, token string, body, out any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return fmt.Errorf("openbanking: %w", err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), &sent)
	if err != nil {
		return connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("x-fapi-interaction-id", uuid())
	if body != nil {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	present(ctx, r.Header)
	a, err := c.send(r)
	if err != nil {
		return err
	}
	if a.Status < 200 || a.Status > 299 {
		return refusal(a, c.now())
	}
	if out == nil {
		return nil
	}
	return decode(a.Body, out)
}

// present tells the bank of the person who is there (Read/Write Data API
// Profile, Request Headers): their address says that they are.
func present(ctx context.Context, h http.Header) {
	p, _ := connectors.PresenceOf(ctx)
	if !p.IP.IsValid() {
		return
	}
	h.Set("x-fapi-customer-ip-address", p.IP.Unmap().String())
	if p.UserAgent != "" {
		h.Set("x-customer-user-agent", p.UserAgent)
	}
	if !p.Since.IsZero() {
		h.Set("x-fapi-auth-date", p.Since.UTC().Format(http.TimeFormat))
	}
}

// refusal reads an OBErrorResponse1. Its words are not passed on.
func refusal(a dial.Answer, now time.Time) error {
	var e struct {
		Errors []struct {
			ErrorCode string `json:"ErrorCode"`
		} `json:"Errors"`
	}
	_ = json.Unmarshal(a.Body, &e) // a gateway's page has no codes
	for _, one := range e.Errors {
		switch one.ErrorCode {
		case "U009", "UK.OBIE.Resource.InvalidConsentStatus", "UK.OB.Resource.InvalidConsentStatus", "UK.OBIE.Reauthenticate":
			if a.Status == http.StatusForbidden || a.Status == http.StatusBadRequest {
				return connectors.ErrUnauthorized.Because(errConsent)
			}
		case "U011", "UK.OBIE.Resource.NotFound", "UK.OB.Resource.NotFound":
			if a.Status == http.StatusBadRequest || a.Status == http.StatusNotFound {
				return connectors.ErrRefused.Because(errNotFound)
			}
		}
	}
	return connectors.Answered(a.Status, a.RetryAfter(now))
}

// uuid is a random UUID (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// within reads a link that the bank gave, which must stay inside its API: the
// token goes nowhere else.
func (c *Connector) within(link string) (*url.URL, error) {
	u, err := c.api.Parse(link)
	if err != nil || u.Scheme != c.api.Scheme || u.Host != c.api.Host || u.User != nil ||
		!strings.HasPrefix(u.EscapedPath(), strings.TrimSuffix(c.api.EscapedPath(), "/")+"/") || strings.Contains(u.Path, "..") {
		return nil, fault.Cause("a link leads out of the API")
	}
	u.Fragment = ""
	return u, nil
}
