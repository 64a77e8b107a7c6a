package openbanking

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
)

const maxAnswer = 8 << 20

// Causes that are told from one another.
var (
	errNotFound  = fault.Cause("no such resource")
	errConsent   = fault.Cause("the consent does not stand")
	errAgain     = fault.Cause("the person has to log in at the bank again")
	errForbidden = fault.Cause("HTTP status", http.StatusForbidden)
	errRequest   = fault.Cause("HTTP status", http.StatusBadRequest)
	errNoList    = fault.Cause("no Data with a list")
)

// send makes one exchange and answers what came, whatever its status.
func send(client *http.Client, r *http.Request) (dial.Answer, error) {
	return wire.Do(client, r, maxAnswer)
}

// sendThere makes one exchange with an endpoint of the authorization server, and
// with nothing else: no redirect takes an assertion or a refresh token to another
// host, nor puts another's document in the place of the issuer's.
func (c *Connector) sendThere(r *http.Request) (dial.Answer, error) {
	return send(dial.Only(c.http, r.URL), r)
}

func decode(body []byte, out any) error {
	if err := dial.JSON(body, out); err != nil {
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
	r.Header.Set("x-fapi-interaction-id", wire.UUID())
	if body != nil {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	present(ctx, r.Header)
	a, err := send(c.toAPI, r)
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

// refusal reads an OBErrorResponse1, with the codes of v4 and of v3.1. Its words
// are not passed on.
func refusal(a dial.Answer, now time.Time) error {
	if a.Status == http.StatusBadRequest || a.Status == http.StatusForbidden || a.Status == http.StatusNotFound {
		for _, code := range codes(a.Body) {
			switch code {
			case "U009", "UK.OBIE.Resource.InvalidConsentStatus", "UK.OB.Resource.InvalidConsentStatus":
				return connectors.ErrUnauthorized.Because(errConsent)
			case "U028", "UK.OBIE.Reauthenticate", "UK.OB.Reauthenticate":
				return connectors.ErrUnauthorized.Because(errAgain)
			case "U011", "UK.OBIE.Resource.NotFound", "UK.OB.Resource.NotFound":
				return connectors.ErrRefused.Because(errNotFound)
			}
		}
	}
	switch a.Status {
	case http.StatusForbidden:
		return connectors.ErrRefused.Because(errForbidden)
	case http.StatusBadRequest:
		return connectors.ErrRefused.Because(errRequest)
	}
	return connectors.Answered(a.Status, a.RetryAfter(now))
}

// codes are those of an OBErrorResponse1; a gateway's page has none.
func codes(body []byte) (all []string) {
	var e struct {
		Errors []struct {
			ErrorCode string `json:"ErrorCode"`
		} `json:"Errors"`
	}
	if dial.JSON(body, &e) != nil {
		return nil
	}
	for _, one := range e.Errors {
		all = append(all, one.ErrorCode)
	}
	return all
}

// read makes one call with a person's token. A bank may refuse without saying
// why: then the consent is looked at, since one that does not stand any more is
// the person's to give again.
func (c *Connector) read(ctx context.Context, k credential, u *url.URL, out any) error {
	err := c.call(ctx, http.MethodGet, u, k.Access, nil, out)
	if errors.Is(err, errForbidden) {
		if ended := c.standing(ctx, k.Consent); errors.Is(ended, connectors.ErrUnauthorized) {
			return ended
		}
	}
	return err
}

// maxPages is how many pages of one listing are believed in.
const maxPages = 500

type links struct {
	Next string `json:"Next"`
}

// each reads a listing page by page, and gives take the Data of each. What take
// answers makes the answer malformed.
func each[T any](ctx context.Context, c *Connector, k credential, u *url.URL, take func(*T) error) error {
	for range maxPages {
		var page struct {
			Data  *T    `json:"Data"`
			Links links `json:"Links"`
		}
		if err := c.read(ctx, k, u, &page); err != nil {
			return err
		}
		if page.Data == nil {
			return connectors.ErrMalformed.Because(errNoList)
		}
		if err := take(page.Data); err != nil {
			return connectors.ErrMalformed.Because(err)
		}
		if page.Links.Next == "" {
			return nil
		}
		next, err := c.within(page.Links.Next)
		if err != nil {
			return connectors.ErrMalformed.Because(err)
		}
		if next.String() == u.String() {
			break
		}
		u = next
	}
	return connectors.ErrMalformed.Because(fault.Cause("pages without an end"))
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
