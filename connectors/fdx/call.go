package fdx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
)

const maxAnswer = 8 << 20

var (
	errNothing = fault.Cause("there is no data for what was asked")
	errAnother = fault.Cause("the answer is to another call")
)

// send makes one exchange and answers what came, whatever its status.
func (c *Connector) send(r *http.Request) (dial.Answer, error) {
	r.Header.Set("Accept", "application/json")
	return wire.Do(c.c.HTTP, r, maxAnswer)
}

// call makes one call of the API with a bearer token and answers its status.
// body and out may be nil.
func (c *Connector) call(ctx context.Context, method string, u *url.URL, token string, body, out any) (int, error) {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return 0, fmt.Errorf("fdx: %w", err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), &sent)
	if err != nil {
		return 0, connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	interaction := wire.UUID()
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("x-fapi-interaction-id", interaction)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	attended(ctx, r.Header)
	a, err := c.send(r)
	if err != nil {
		return 0, err
	}
	if echo := a.Header.Get("x-fapi-interaction-id"); echo != "" && !strings.EqualFold(echo, interaction) {
		return a.Status, connectors.ErrMalformed.Because(errAnother)
	}
	if a.Status < 200 || a.Status > 299 {
		return a.Status, c.refusal(a)
	}
	if out == nil {
		return a.Status, nil
	}
	return a.Status, decode(a.Body, out)
}

// attended says whether the person is there, and where.
func attended(ctx context.Context, h http.Header) {
	p, there := connectors.PresenceOf(ctx)
	if !there {
		h.Set("FDX-API-Actor-Type", "BATCH")
		return
	}
	h.Set("FDX-API-Actor-Type", "USER")
	if p.IP.IsValid() {
		h.Set("x-fapi-customer-ip-address", p.IP.Unmap().String())
	}
	if !p.Since.IsZero() {
		h.Set("x-fapi-auth-date", p.Since.UTC().Format(http.TimeFormat))
	}
	if p.UserAgent != "" {
		h.Set("x-customer-user-agent", p.UserAgent)
	}
}

func decode(body []byte, out any) error {
	if dial.JSON(body, out) != nil {
		return connectors.ErrMalformed.Because(fault.Cause("the answer is not of its documented form"))
	}
	return nil
}

// codes are FDX's error codes as far as they say more than their HTTP status.
var codes = map[string]*fault.Error{
	"401":  connectors.ErrRefused.Because(fault.Cause("FDX 401: invalid input")),
	"403":  connectors.ErrRefused.Because(fault.Cause("FDX 403: forbidden")),
	"601":  connectors.ErrUnauthorized.Because(fault.Cause("FDX 601: customer not found")),
	"602":  connectors.ErrUnauthorized.Because(fault.Cause("FDX 602: customer not authorized")),
	"603":  connectors.ErrUnauthorized.Because(fault.Cause("FDX 603: customer not authenticated")),
	"701":  connectors.ErrRefused.Because(fault.Cause("FDX 701: account not found")),
	"702":  connectors.ErrRefused.Because(fault.Cause("FDX 702: invalid date")),
	"703":  connectors.ErrRefused.Because(fault.Cause("FDX 703: invalid date range")),
	"704":  connectors.ErrRefused.Because(fault.Cause("FDX 704: account type not supported")),
	"705":  connectors.ErrRefused.Because(fault.Cause("FDX 705: account is closed")),
	"1104": connectors.ErrRefused.Because(errNothing),
	"1106": connectors.ErrRefused.Because(fault.Cause("FDX 1106: version not supported")),
	"1107": connectors.ErrRefused.Because(errNothing),
	"1108": connectors.ErrRefused.Because(errNothing),
	"1203": connectors.ErrRefused.Because(fault.Cause("FDX 1203: content type not supported")),
	"1206": connectors.ErrRefused.Because(fault.Cause("FDX 1206: method not allowed")),
	"1207": connectors.ErrBusy.Because(fault.Cause("FDX 1207: too many requests")),
	"1300": connectors.ErrRefused.Because(fault.Cause("FDX 1300: statement is processing")),
}

// refusal reads an Error. Its words are not passed on, and its code is heard
// where the status is of a refusal: a gateway's failure has none, and 501 only
// for a version that is not spoken.
func (c *Connector) refusal(a dial.Answer) error {
	wait := a.RetryAfter(c.c.Now())
	var e struct {
		Code json.RawMessage `json:"code"` // the schema says text, its examples have numbers
	}
	if dial.JSON(a.Body, &e) == nil && (a.Status < 500 || a.Status == http.StatusNotImplemented) {
		code := strings.Trim(string(e.Code), `"`)
		if f := codes[code]; f != nil && a.Status >= 400 && a.Status != http.StatusUnauthorized && a.Status != http.StatusTooManyRequests {
			return f.After(wait)
		}
	}
	return connectors.Answered(a.Status, wait)
}

// nothing reports a refusal that says no more than that a list is empty.
func nothing(err error) bool { return errors.Is(err, errNothing) }

// pages is what of a list says how it goes on.
type pages struct {
	Page struct {
		NextOffset  string `json:"nextOffset"`
		NextPageKey string `json:"nextPageKey"`
	} `json:"page"`
	Links struct {
		Next struct {
			Href string `json:"href"`
		} `json:"next"`
	} `json:"links"`
}

// turn is the query member that asks for the next page: pageKey since 6.3,
// offset before. The zero turn is the first page's.
type turn struct {
	By    string `json:"by"`
	Value string `json:"value"`
	Page  int    `json:"page"`
}

const (
	maxPages  = 500
	maxCursor = 2048 // bytes
)

// after answers how to go on after the page of t; ok is false on the last.
func (p pages) after(t turn) (next turn, ok bool, err error) {
	next = turn{Page: t.Page + 1}
	switch {
	case p.Page.NextPageKey != "":
		next.By, next.Value = "pageKey", p.Page.NextPageKey
	case p.Page.NextOffset != "":
		next.By, next.Value = "offset", p.Page.NextOffset
	case p.Links.Next.Href != "":
		u, err := url.Parse(p.Links.Next.Href)
		if err != nil {
			return turn{}, false, fault.Cause("links.next is not an address")
		}
		q := u.Query()
		for _, name := range []string{"pageKey", "offset", "offSet"} { // the published examples have both
			if q.Get(name) != "" && next.By == "" {
				next.By, next.Value = name, q.Get(name)
			}
		}
		if next.By == "offSet" {
			next.By = "offset"
		}
		if next.By == "" {
			return turn{}, false, fault.Cause("links.next holds no cursor")
		}
	default:
		return turn{}, false, nil
	}
	if (next.By == t.By && next.Value == t.Value) || next.Page > maxPages || len(next.Value) > maxCursor {
		return turn{}, false, fault.Cause("pages without an end")
	}
	return next, true, nil
}

// ask writes t into a query.
func (t turn) ask(q url.Values) {
	if t.By != "" {
		q.Set(t.By, t.Value)
	}
}
