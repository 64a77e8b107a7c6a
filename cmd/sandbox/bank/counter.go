package bank

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"jali/openapi/client"
)

// counter is a request made for a customer who stands before somebody at the
// bank and decides on a phone of their own (OpenID CIBA Core 1.0, by poll).
type counter struct {
	id       string // auth_req_id; empty: there is none
	binding  string // what both screens show
	until    time.Time
	interval time.Duration
	next     time.Time // before it, Jali is not asked again
}

// bindingLetters are few enough to compare at a glance; they tell the requests
// of one counter apart and guard nothing.
const bindingLetters = 4

// longer is by how much a slow_down lengthens the interval (CIBA Core, section 11).
const longer = 5 * time.Second

// counterPage shows the form for the customer's code, or how it stands with
// their request, about which it asks when it is time.
func (a *App) counterPage(w http.ResponseWriter, r *http.Request) {
	rememberLanguage(w, r)
	s := a.session(r)
	if s == nil || a.copy(s).counter.id == "" {
		a.render(w, a.newCounterPage(r, counter{}, nil), http.StatusOK)
		return
	}
	a.look(context.WithoutCancel(r.Context()), s) // a token that comes is not lost with the browser's patience
	now := a.copy(s).counter
	if now.id == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	a.render(w, a.newCounterPage(r, now, nil), http.StatusOK)
}

// askCounter asks the person who has read out a code.
func (a *App) askCounter(w http.ResponseWriter, r *http.Request) {
	if !sameSite(r) {
		http.Error(w, "this form was sent from another site", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	code := strings.NewReplacer(" ", "", "-", "").Replace(r.PostFormValue("code"))
	if len(code) != 8 || strings.Trim(code, "0123456789") != "" {
		a.render(w, a.newCounterPage(r, counter{}, &client.Problem{Code: "code_digits"}), http.StatusUnprocessableEntity)
		return
	}
	now := a.now()
	c := counter{binding: rand.Text()[:bindingLetters]}
	asked, err := a.jali.Ask(r.Context(), code, c.binding, wanted)
	if err != nil {
		p, status := a.problem(err), http.StatusUnprocessableEntity
		if p.Code == "unreachable" {
			status = http.StatusBadGateway
		}
		a.render(w, a.newCounterPage(r, counter{}, p), status)
		return
	}
	c.id, c.interval = asked.ID, time.Duration(asked.Interval)*time.Second
	c.until, c.next = now.Add(time.Duration(asked.ExpiresIn)*time.Second), now.Add(c.interval)
	a.begin(w, &session{at: now, counter: c})
	http.Redirect(w, r, "/counter", http.StatusSeeOther)
}

// look asks Jali once whether the customer has decided, if it is time. With
// their yes comes a token, and the view is opened.
func (a *App) look(ctx context.Context, s *session) {
	now, due := a.now(), counter{}
	a.keep(func() {
		if c := &s.counter; !now.Before(c.next) {
			due, c.next = *c, now.Add(c.interval)
		}
	})
	if due.id == "" {
		return
	}
	jali, err := a.jali.Fetch(ctx, due.id)
	p := new(client.Problem)
	switch known := errors.As(err, &p); {
	case known && p.Code == "authorization_pending":
		return
	case known && p.Code == "slow_down":
		a.keep(func() {
			s.counter.interval += longer
			s.counter.next = s.counter.next.Add(longer)
		})
		return
	case err != nil && !known && now.Before(due.until): // out of reach: the next time, perhaps
		a.log.Warn("jali cannot be asked about a request", "error", err)
		return
	}
	a.keep(func() {
		s.jali, s.problem = jali, a.problem(err)
		s.counter.next = due.until.Add(time.Hour) // nobody asks while the view opens
	})
	if err == nil {
		a.open(ctx, s, client.OpenViewParams{}) // the customer's device is not this one
	}
	a.keep(func() { s.counter = counter{} })
}
