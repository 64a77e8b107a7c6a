package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"jali/openapi/client"
)

// deed is one thing that people and clients do.
type deed struct {
	name string
	do   func(*soak, context.Context, *benchPerson) error
}

// deeds are done in turn. Half of what is asked for comes to nothing, as in
// life.
var deeds = []deed{
	{"once", (*soak).once},
	{"abandoned", (*soak).abandoned},
	{"daily", (*soak).daily},
	{"refused", (*soak).refused},
	{"once", (*soak).once},
	{"abandoned", (*soak).abandoned},
	{"unanswered", (*soak).unanswered},
	{"decoupled", (*soak).decoupled},
	{"wrong", (*soak).wrong},
	{"unpolled", (*soak).unpolled},
}

func soakWants(uses client.Uses) client.AccountView {
	return client.AccountView{Datatypes: []client.Datatype{"balances"}, Purpose: "balance_overview", Uses: uses}
}

var (
	onceUsed  = soakWants(client.Uses{Limit: 1})
	dailyUsed = soakWants(client.Uses{Limit: 4, Per: "day"})
)

// given goes from a push to a token, and beyond it to the code's second use
// where twice is set.
func (s *soak) given(ctx context.Context, p *benchPerson, wanted client.AccountView, twice bool) (*client.Session, error) {
	a, err := s.agree(ctx, p, wanted)
	if err != nil {
		return nil, err
	}
	session, err := s.redeem(ctx, a)
	if err == nil && twice {
		_, again := s.redeem(ctx, a)
		err = refusedAs(again, "invalid_grant")
	}
	return session, err
}

// refusedAs answers nil for the refusal that was to come.
func refusedAs(err error, code string) error {
	if p := (*client.Problem)(nil); errors.As(err, &p) && p.Code == code {
		return nil
	}
	return fmt.Errorf("%v in place of %s", err, code)
}

func (s *soak) look(ctx context.Context, session *client.Session) error {
	v, err := session.OpenView(ctx, client.OpenViewParams{IdempotencyKey: rand.Text(), PersonAddress: "127.0.0.1"}, client.Want{})
	if err == nil {
		_, err = session.ReadView(ctx, v.ID)
	}
	return err
}

func (s *soak) active(ctx context.Context, token string, want bool) error {
	said, err := s.jali.Introspect(ctx, token)
	if err == nil && said.Active != want {
		err = fmt.Errorf("the token's being active is %v", said.Active)
	}
	return err
}

// once is a grant for one use: used, and its token introspected.
func (s *soak) once(ctx context.Context, p *benchPerson) error {
	session, err := s.given(ctx, p, onceUsed, false)
	if err != nil {
		return err
	}
	return errors.Join(s.active(ctx, session.Token().AccessToken, true), s.look(ctx, session))
}

// daily is a grant that recurs: refreshed, used, a token given back, and then
// revoked on the person's page.
func (s *soak) daily(ctx context.Context, p *benchPerson) error {
	session, err := s.given(ctx, p, dailyUsed, false)
	if err != nil {
		return err
	}
	first := session.Token()
	if err := session.Renew(ctx); err != nil {
		return err
	}
	if err := errors.Join(s.look(ctx, session), s.jali.Revoke(ctx, first.AccessToken)); err != nil {
		return err
	}
	return errors.Join(p.revoke(ctx, first.GrantID), s.active(ctx, session.Token().AccessToken, false))
}

// revoke takes a grant back on the person's page.
func (p *benchPerson) revoke(ctx context.Context, grant string) error {
	page, _, err := p.visitor.get(ctx, "/grants/"+grant)
	if err == nil {
		_, _, err = p.visitor.form(ctx, "/grants/"+grant+"/revoke", url.Values{"csrf": {csrfOf(page)}})
	}
	return err
}

func (s *soak) refused(ctx context.Context, p *benchPerson) error {
	asking, err := s.jali.Push(ctx, onceUsed)
	if err != nil {
		return err
	}
	back, err := p.visitor.decide(ctx, asking.URL, false, nil)
	if err == nil && back.Query().Get("error") != "access_denied" {
		err = errors.New("the client is not told of the refusal")
	}
	return err
}

// abandoned is pushed and never opened.
func (s *soak) abandoned(ctx context.Context, _ *benchPerson) error {
	_, err := s.jali.Push(ctx, dailyUsed)
	return err
}

// unanswered is opened and never decided.
func (s *soak) unanswered(ctx context.Context, p *benchPerson) error {
	asking, err := s.jali.Push(ctx, onceUsed)
	if err == nil {
		_, _, err = p.visitor.get(ctx, asking.URL)
	}
	return err
}

// ask asks a person where they are signed in.
func (s *soak) ask(ctx context.Context, p *benchPerson) (*client.Asked, error) {
	code, err := p.visitor.introduce(ctx)
	if err != nil {
		return nil, err
	}
	return s.jali.Ask(ctx, code, "M7K2", onceUsed)
}

// decoupled is asked for and given on the person's own pages.
func (s *soak) decoupled(ctx context.Context, p *benchPerson) error {
	asked, err := s.ask(ctx, p)
	if err != nil {
		return err
	}
	request, _, _ := strings.Cut(asked.ID, ".")
	if err := p.visitor.decideHere(ctx, request, true, nil); err != nil {
		return err
	}
	session, err := s.jali.Fetch(ctx, asked.ID)
	if err != nil {
		return err
	}
	return s.look(ctx, session)
}

// unpolled is asked for and refused there, and the client never comes for it.
func (s *soak) unpolled(ctx context.Context, p *benchPerson) error {
	asked, err := s.ask(ctx, p)
	if err != nil {
		return err
	}
	request, _, _ := strings.Cut(asked.ID, ".")
	return p.visitor.decideHere(ctx, request, false, nil)
}

// wrong is what must be refused: a code's second use, which takes its tokens
// back, a token nobody gave, a code nobody gave.
func (s *soak) wrong(ctx context.Context, p *benchPerson) error {
	session, err := s.given(ctx, p, onceUsed, true)
	if err != nil {
		return err
	}
	grant := session.Token().GrantID
	_, unknown := s.redeem(ctx, answered{&client.Authorization{State: "s", Verifier: rand.Text() + rand.Text()},
		url.Values{"state": {"s"}, "iss": {s.jali.Issuer}, "code": {grant + "." + rand.Text()}}})
	var taken *client.Problem
	if err := s.look(ctx, session); !errors.As(err, &taken) || taken.Status != http.StatusUnauthorized {
		return fmt.Errorf("a token that was taken back: %v", err)
	}
	return errors.Join(refusedAs(unknown, "invalid_grant"), s.active(ctx, rand.Text(), false), p.revoke(ctx, grant))
}
