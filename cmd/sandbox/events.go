package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/webhook"
)

type newEvent struct {
	Type       string `json:"type"`
	Grant      string `json:"grant_id"`
	Person     string `json:"person"`
	Source     string `json:"source"`
	Client     string `json:"client_id"`
	RequestURI string `json:"request_uri"`
	AuthReqID  string `json:"auth_req_id"`
}

type happened struct {
	Type       string    `json:"type"`
	Moved      string    `json:"moved"`
	Now        time.Time `json:"now"`
	RedirectTo string    `json:"redirect_to,omitempty"`
	Deliveries []string  `json:"deliveries"`
}

// fireEvent has something happen by the deed that causes it in production, and
// answers what clients are told of it.
func (s *sandbox) fireEvent(r *http.Request) (any, error) {
	e, err := read[newEvent](r)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	before, err := s.house.Outbox.List(ctx, "", false)
	if err != nil {
		return nil, err
	}
	old := map[string]bool{}
	for _, d := range before {
		old[d.ID] = true
	}
	done := happened{Type: e.Type, Deliveries: []string{}}
	ahead := s.clock.ahead.Load()
	if err := s.happen(ctx, e, &done); err != nil {
		return nil, err
	}
	after, err := s.house.Outbox.List(ctx, "", false)
	if err != nil {
		return nil, err
	}
	for _, d := range after {
		if !old[d.ID] {
			done.Deliveries = append(done.Deliveries, d.ID)
		}
	}
	done.Now, done.Moved = s.now().UTC(), time.Duration(s.clock.ahead.Load()-ahead).String()
	return done, nil
}

func (s *sandbox) happen(ctx context.Context, e newEvent, done *happened) error {
	switch e.Type {
	case webhook.GrantGiven, webhook.GrantChanged, webhook.GrantRefused:
		d := decision{ClientID: e.Client, RequestURI: e.RequestURI, AuthReqID: e.AuthReqID, Person: e.Person, Decision: verdict(e.Type != webhook.GrantRefused)}
		made, err := s.decide(ctx, d)
		done.RedirectTo = made.RedirectTo
		var f *fault.Error
		if errors.As(err, &f) && f.Kind != fault.Internal && !f.Is(errDecision) && !f.Is(errStranger) && !f.Is(errNotWaiting) {
			err = errImpossible.Saying("this request cannot be decided so: it was decided, it lapsed, or its client is suspended").Because(err)
		}
		return err
	case webhook.Trial:
		if e.Client == "" {
			return errInvalid.Saying("name the client by client_id")
		}
		if _, err := s.house.Consent.Client(ctx, consent.ClientID(e.Client)); err != nil {
			return err
		}
		tested, err := s.house.Outbox.Test(ctx, e.Client)
		if errors.Is(err, webhook.ErrNowhere) || errors.Is(err, webhook.ErrSuspended) {
			return errImpossible.Saying("this client has no webhook address, or is suspended").Because(err)
		}
		if err == nil {
			done.Deliveries = append(done.Deliveries, tested.ID)
		}
		return err
	case webhook.NeedsPerson:
		return s.withdraw(ctx, e.Person, e.Source)
	}
	if e.Grant == "" {
		return errInvalid.Saying("name the grant by grant_id")
	}
	g, err := s.grant(ctx, e.Grant)
	if err != nil {
		return err
	}
	return s.befall(ctx, e.Type, g)
}

// befall has something happen to a grant.
func (s *sandbox) befall(ctx context.Context, what string, g consent.Grant) error {
	own := consent.Session{Person: g.Person}
	if g.State != consent.Given && what != webhook.RetentionEnded && what != webhook.GrantRevoked {
		return errImpossible.Saying("only a grant that is given and living can come to this")
	}
	switch what {
	case webhook.GrantUsed:
		return s.spend(ctx, g)
	case webhook.GrantExhausted:
		if g.Agreed.Uses.Per != "" {
			return errImpossible.Saying("a grant with uses per day is not used up; it expires")
		}
		for range g.Left(s.now()) {
			if err := s.spend(ctx, g); err != nil {
				return err
			}
		}
		return nil
	case webhook.GrantRevoked:
		if g.State == consent.Revoked || g.State == consent.Expired {
			return errImpossible.Saying("this is over already")
		}
		return s.revoke(ctx, g)
	case webhook.GrantExpiring:
		at, ok := s.house.Consent.RemindsAt(g)
		if !ok || at.Before(s.now()) {
			return errImpossible.Saying("that is told of grants for more than one use that live longer than fourteen days, once, seven days before their end")
		}
		return s.moveTo(ctx, at)
	case webhook.GrantExpired:
		return s.moveTo(ctx, g.Agreed.Until)
	case webhook.GrantPaused:
		return s.turned(ctx, g, true, s.house.Consent.Pause(ctx, own, g.Client))
	case webhook.GrantResumed:
		if err := s.house.Consent.Resume(ctx, own, g.Client); err != nil {
			return err
		}
		return s.turned(ctx, g, false, s.house.Consent.ResumeAll(ctx, own))
	default: // retention.ended
		kept, err := s.house.Consent.Kept(ctx, own)
		if err != nil {
			return err
		}
		until, ok := kept[g.ID]
		if !ok {
			return errImpossible.Saying("nothing that was seen by this grant may still be kept; use one with a retention")
		}
		return s.moveTo(ctx, until)
	}
}

// turned fails where a switch has not changed what a grant is.
func (s *sandbox) turned(ctx context.Context, g consent.Grant, paused bool, err error) error {
	if err != nil {
		return err
	}
	is, err := s.grantAnswer(ctx, string(g.ID))
	if err == nil && is.Paused != paused {
		err = errImpossible.Saying("the person has paused all clients as well")
	}
	return err
}

// spend uses a grant once, as its client would.
func (s *sandbox) spend(ctx context.Context, g consent.Grant) error {
	_, err := s.house.Aggregate.Open(ctx, aggregate.OpenRequest{Grant: g.ID, Client: g.Client, Key: "sandbox-" + rand.Text()})
	if f := fault.Of(err); err != nil && f.Kind != fault.Internal && f.Kind != fault.Unavailable {
		return errImpossible.Saying("this grant opens nothing now: it is used up for today, or its client is paused or suspended").Because(err)
	}
	return err
}

// withdraw has an institution end a person's consent, and the person look.
func (s *sandbox) withdraw(ctx context.Context, person, source string) error {
	if person == "" || source == "" {
		return errInvalid.Saying("name the person and the source")
	}
	p, err := s.person(ctx, person)
	if err != nil {
		return err
	}
	state, err := s.connectionState(ctx, p, source)
	switch {
	case err != nil:
		return err
	case state == "":
		return aggregate.ErrNoConnection
	case state == needsPerson:
		return errImpossible.Saying("this connection needs its person already; connect it again first")
	}
	if err := s.town.Withdraw(source, p.Town); err != nil {
		return err
	}
	if _, err := s.look(ctx, p); err != nil {
		return err
	}
	if state, err = s.connectionState(ctx, p, source); err == nil && state != needsPerson {
		err = errImpossible.Saying("the look did not come through to the institution; see its troubles and its circuit")
	}
	return err
}

const needsPerson = "needs_person"

// connectionState is that of a person's live connection to a source; empty:
// there is none.
func (s *sandbox) connectionState(ctx context.Context, p samplePerson, source string) (state string, err error) {
	all, err := s.house.Aggregate.Connections(ctx, p.session())
	for _, c := range all {
		if c.Source.ID == source && !c.Imported {
			state = c.State
		}
	}
	return state, err
}
