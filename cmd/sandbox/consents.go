package main

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"jali/consent"
	"jali/internal/fault"
)

// decision is what a person decides. A request that is decided on their own
// device is named by its auth_req_id, in place of client and request_uri.
type decision struct {
	ClientID   string `json:"client_id"`
	RequestURI string `json:"request_uri"`
	AuthReqID  string `json:"auth_req_id"`
	Person     string `json:"person"`
	Decision   string `json:"decision"` // "allow", "deny" or "show"
	choice
}

// choice is by what a yes is less than what was asked.
type choice struct {
	Accounts  []string `json:"accounts"` // nil: every offered one is ticked
	Sources   []string `json:"sources"`  // of these alone
	Datatypes []string `json:"datatypes"`
	Fields    string   `json:"bill_fields"`
	Period    struct {
		Days int    `json:"days"`
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"period"`
	Uses struct {
		Limit int    `json:"limit"`
		Per   string `json:"per"`
	} `json:"uses"`
	Until string `json:"until"`
}

type decided struct {
	Decision   string `json:"decision"`
	GrantID    string `json:"grant_id,omitempty"`
	RedirectTo string `json:"redirect_to,omitempty"`
}

var (
	errDay        = errInvalid.Saying("from, to and until are days of the calendar, such as 2026-12-01")
	errDecision   = errInvalid.Saying("name the request by client_id and request_uri, or by auth_req_id")
	errNotWaiting = &fault.Error{Kind: fault.NotFound, Code: "request_not_found", Detail: "no such request waits for this person: it is unknown, somebody else's, decided or expired, or its client is paused"}
	errStranger   = &fault.Error{Kind: fault.NotFound, Code: "person_unknown", Detail: "people and their ids are in GET /sandbox/people"}
)

// decideConsent does what the person would have done in the browser.
func (s *sandbox) decideConsent(r *http.Request) (any, error) {
	d, err := read[decision](r)
	if err != nil {
		return nil, err
	}
	return s.decide(r.Context(), d)
}

func (s *sandbox) decide(ctx context.Context, d decision) (decided, error) {
	here := d.AuthReqID != ""
	if here == (d.ClientID != "" || d.RequestURI != "") || !here && (d.ClientID == "" || d.RequestURI == "") {
		return decided{}, errDecision
	}
	for _, day := range []string{d.Period.From, d.Period.To, d.Until} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return decided{}, errDay
		}
	}
	v, p, err := s.as(ctx, d.Person)
	if err != nil {
		return decided{}, err
	}
	if len(d.Sources) > 0 {
		if d.Accounts, err = s.accountsAt(ctx, p, d.Accounts, d.Sources); err != nil {
			return decided{}, err
		}
	}
	var (
		page []byte
		to   *url.URL
		done = decided{Decision: d.Decision}
	)
	if here {
		request, _, _ := strings.Cut(d.AuthReqID, ".") // as our auth_req_id begin
		page, err = v.openHere(ctx, request)
	} else { // a request that is not put before the person leads back at once
		page, to, err = v.get(ctx, "/oauth/authorize?"+url.Values{"client_id": {d.ClientID}, "request_uri": {d.RequestURI}}.Encode())
	}
	if err == nil && to == nil {
		if done.GrantID, err = s.becomes(ctx, requestOf(page), d.Decision); err != nil {
			return decided{}, err
		}
		to, err = v.answerAs(ctx, page, d.Decision, d.choice, here)
	}
	if err != nil {
		return decided{}, asFault(err)
	}
	if to != nil {
		done.RedirectTo = to.String()
	}
	return done, nil
}

// becomes is the id of what a decision makes of a request: one that changes a
// grant is gone when it has.
func (s *sandbox) becomes(ctx context.Context, request, decision string) (string, error) {
	g, err := s.grant(ctx, request)
	if err == nil && g.Revises != "" && decision == verdict(true) {
		return string(g.Revises), nil
	}
	return request, err
}

// requestOf is the id of the request that a consent page is about.
func requestOf(page []byte) string {
	action, err := actionOf(page, "/refuse")
	if err != nil {
		return ""
	}
	id, _ := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(action, "/consent/"), "/refuse"))
	return id
}

// openHere opens a request that waits on the person's own pages.
func (v *visitor) openHere(ctx context.Context, request string) ([]byte, error) {
	waiting, _, err := v.page(ctx, "/requests")
	if err != nil {
		return nil, err
	}
	at := "/consent/" + request
	if find(waiting, func(n *html.Node) bool { return n.Data == "a" && attribute(n, "href") == at }) == nil {
		return nil, errNotWaiting
	}
	page, _, err := v.get(ctx, at)
	return page, asFault(err)
}

// answerAs decides the request of a page, and answers where the browser goes
// then; one that is decided here stays.
func (v *visitor) answerAs(ctx context.Context, page []byte, decision string, c choice, here bool) (to *url.URL, err error) {
	switch decision {
	case "show":
		return nil, nil
	case "deny":
		var action string
		if action, err = actionOf(page, "/refuse"); err != nil {
			return nil, err
		}
		if !here {
			return v.leave(ctx, action, url.Values{"csrf": {csrfOf(page)}})
		}
		_, to, err = v.form(ctx, action, url.Values{"csrf": {csrfOf(page)}})
	default:
		var next string
		if next, err = v.agree(ctx, page, c); err != nil {
			return nil, err
		}
		if _, to, err = v.get(ctx, next); err == nil && to == nil && !here {
			return nil, errNoReturn
		}
	}
	if err == nil && here {
		err = stays(to)
	}
	return to, err
}

// accountsAt are the ids of a person's accounts at some sources; ticked, if not
// nil, says which of them.
func (s *sandbox) accountsAt(ctx context.Context, p samplePerson, ticked, sources []string) ([]string, error) {
	own, err := s.house.Aggregate.Accounts(ctx, p.session())
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, a := range own {
		if slices.Contains(sources, a.Source.ID) && (ticked == nil || slices.Contains(ticked, string(a.ID))) {
			ids = append(ids, string(a.ID))
		}
	}
	return ids, nil
}

// narrow sets a consent form's fields to what the person chooses. What the form
// has no field for was not asked for.
func (c choice) narrow(fields url.Values) error {
	set := url.Values{}
	if c.Datatypes != nil {
		set["datatype"] = c.Datatypes
	}
	for name, value := range map[string]string{"fields": c.Fields, "from": c.Period.From, "to": c.Period.To, "until": c.Until} {
		if value != "" {
			set.Set(name, value)
		}
	}
	if c.Period.Days > 0 {
		set.Set("days", strconv.Itoa(c.Period.Days))
	}
	if c.Uses.Limit > 0 {
		per := "total:"
		if c.Uses.Per != "" {
			per = "day:"
		}
		set.Set("uses", per+strconv.Itoa(c.Uses.Limit))
	}
	for name := range set {
		if !fields.Has(name) {
			return consent.ErrWider
		}
	}
	maps.Copy(fields, set)
	return nil
}

// refusals are what a page can answer to a decision, as the sandbox's document
// has them.
var refusals = map[string]*fault.Error{
	"nothing_chosen": consent.ErrNothingChosen, "choice_wider": consent.ErrWider, "too_few_uses": consent.ErrTooFew,
	"client_suspended": consent.ErrSuspended, "request_decided": consent.ErrDecided,
	"grant_changed": consent.ErrChanged, "request_expired": consent.ErrLapsed, "grant_not_found": errNotWaiting, "request_not_found": errNotWaiting,
}

// asFault is a page's answer as the sandbox tells it.
func asFault(err error) error {
	var r *refusedError
	if errors.As(err, &r) && refusals[r.code] != nil {
		return refusals[r.code].Because(err)
	}
	return err
}

// introduce has a person's page show the code by which they name themselves to
// a client, and answers it.
func (s *sandbox) introduce(r *http.Request) (any, error) {
	who, err := read[struct {
		Person string `json:"person"`
	}](r)
	if err != nil {
		return nil, err
	}
	v, _, err := s.as(r.Context(), who.Person)
	if err != nil {
		return nil, err
	}
	code, err := v.introduce(r.Context())
	return map[string]string{"code": code}, err
}
