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

func soakDetails(uses map[string]any) []map[string]any {
	return []map[string]any{{"type": "account_view", "actions": []string{"view"}, "datatypes": []string{"balances"},
		"purpose": "balance_overview", "uses": uses}}
}

var (
	onceUsed  = soakDetails(map[string]any{"limit": 1})
	dailyUsed = soakDetails(map[string]any{"limit": 4, "per": "day"})
)

// given goes from a push to a token, and beyond it to the code's second use
// where twice is set.
func (s *soak) given(ctx context.Context, p *benchPerson, details any, twice bool) (client.Token, error) {
	verifier := rand.Text() + rand.Text()
	code, err := s.agree(ctx, p, details, verifier)
	if err != nil {
		return client.Token{}, err
	}
	token, err := s.jali.Redeem(ctx, code, verifier)
	if err == nil && twice {
		_, again := s.jali.Redeem(ctx, code, verifier)
		err = refusedAs(again, "invalid_grant")
	}
	return token, err
}

// refusedAs answers nil for the refusal that was to come.
func refusedAs(err error, code string) error {
	if p := (*client.Problem)(nil); errors.As(err, &p) && p.Code == code {
		return nil
	}
	return fmt.Errorf("%v in place of %s", err, code)
}

func (s *soak) look(ctx context.Context, token string) error {
	var v struct{ ID string }
	if err := s.jali.OpenView(client.Present(ctx, "127.0.0.1", ""), token, rand.Text(), struct{}{}, &v); err != nil {
		return err
	}
	return s.jali.Read(ctx, token, "/v1/views/"+v.ID, nil)
}

func (s *soak) active(ctx context.Context, token string, want bool) error {
	active, err := s.jali.Introspect(ctx, token)
	if err == nil && active != want {
		err = fmt.Errorf("the token's being active is %v", active)
	}
	return err
}

// once is a grant for one use: used, and its token introspected.
func (s *soak) once(ctx context.Context, p *benchPerson) error {
	token, err := s.given(ctx, p, onceUsed, false)
	if err != nil {
		return err
	}
	return errors.Join(s.active(ctx, token.AccessToken, true), s.look(ctx, token.AccessToken))
}

// daily is a grant that recurs: refreshed, used, a token given back, and then
// revoked on the person's page.
func (s *soak) daily(ctx context.Context, p *benchPerson) error {
	token, err := s.given(ctx, p, dailyUsed, false)
	if err != nil {
		return err
	}
	fresh, err := s.jali.Refresh(ctx, token.RefreshToken)
	if err != nil {
		return err
	}
	if err := errors.Join(s.look(ctx, fresh.AccessToken), s.jali.Revoke(ctx, token.AccessToken)); err != nil {
		return err
	}
	return errors.Join(p.revoke(ctx, token.GrantID), s.active(ctx, fresh.AccessToken, false))
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
	to, err := s.jali.Push(ctx, rand.Text(), rand.Text()+rand.Text(), onceUsed)
	if err != nil {
		return err
	}
	back, err := p.visitor.decide(ctx, to, false, nil)
	if err == nil && back.Query().Get("error") != "access_denied" {
		err = errors.New("the client is not told of the refusal")
	}
	return err
}

// abandoned is pushed and never opened.
func (s *soak) abandoned(ctx context.Context, _ *benchPerson) error {
	_, err := s.jali.Push(ctx, rand.Text(), rand.Text()+rand.Text(), dailyUsed)
	return err
}

// unanswered is opened and never decided.
func (s *soak) unanswered(ctx context.Context, p *benchPerson) error {
	to, err := s.jali.Push(ctx, rand.Text(), rand.Text()+rand.Text(), onceUsed)
	if err == nil {
		_, _, err = p.visitor.get(ctx, to)
	}
	return err
}

// ask asks a person where they are signed in.
func (s *soak) ask(ctx context.Context, p *benchPerson) (client.Asked, error) {
	code, err := p.visitor.introduce(ctx)
	if err != nil {
		return client.Asked{}, err
	}
	return s.jali.Ask(ctx, client.Question{Person: code, Binding: "M7K2", Details: onceUsed})
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
	token, err := s.jali.Fetch(ctx, asked.ID)
	if err != nil {
		return err
	}
	return s.look(ctx, token.AccessToken)
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
	token, err := s.given(ctx, p, onceUsed, true)
	if err != nil {
		return err
	}
	_, unknown := s.jali.Redeem(ctx, token.GrantID+"."+rand.Text(), rand.Text()+rand.Text())
	var taken *client.Problem
	if err := s.look(ctx, token.AccessToken); !errors.As(err, &taken) || taken.Status != http.StatusUnauthorized {
		return fmt.Errorf("a token that was taken back: %v", err)
	}
	return errors.Join(refusedAs(unknown, "invalid_grant"), s.active(ctx, rand.Text(), false), p.revoke(ctx, token.GrantID))
}
