package main

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/consent"
	"jali/internal/fault"
)

// personJSON is somebody who can be acted for.
type personJSON struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Persona     string           `json:"persona"`
	Town        string           `json:"town"`
	Accounts    []accountJSON    `json:"accounts"`
	Connections []connectionJSON `json:"connections"`
	Grants      []grantJSON      `json:"grants"`
	Requests    []waitingJSON    `json:"requests"`
	Paused      []string         `json:"paused"`
	AllPaused   bool             `json:"all_paused"`
}

type accountJSON struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Side   string `json:"side"`
}

type connectionJSON struct {
	ID       string    `json:"id"`
	Source   string    `json:"source"`
	State    string    `json:"state"`
	Imported bool      `json:"imported"`
	Since    time.Time `json:"since"`
}

type waitingJSON struct {
	GrantID  string    `json:"grant_id"`
	ClientID string    `json:"client_id"`
	Binding  string    `json:"binding_message"`
	LapsesAt time.Time `json:"lapses_at"`
}

type peopleJSON struct {
	People []personJSON `json:"people"`
}

var (
	errNotCustomer = &fault.Error{Kind: fault.Conflict, Code: "not_a_customer", Detail: "this person has nothing at that institution"}
	errLogin       = &fault.Error{Kind: fault.Conflict, Code: "login_failed", Detail: "the institution did not let the person through; see its troubles"}
)

// session is what the rooms know a signed-in person by.
func (p samplePerson) session() consent.Session {
	return consent.Session{ID: "sandbox", Person: consent.PersonID(p.ID)}
}

// people are those who can be acted for, in their order.
func (s *sandbox) people() []samplePerson {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	return slices.Clone(s.state.People)
}

// person answers one of them who has not left jali by their own pages.
func (s *sandbox) person(ctx context.Context, id string) (samplePerson, error) {
	all := s.people()
	i := slices.IndexFunc(all, func(p samplePerson) bool { return p.ID == id && id != "" })
	if i < 0 {
		return samplePerson{}, errStranger
	}
	_, err := s.house.Passkeys.Name(ctx, all[i].session())
	if err != nil && fault.Of(err).Kind != fault.Internal {
		err = errStranger.Because(err)
	}
	return all[i], err
}

// as answers the visitor who is signed in as one of them.
func (s *sandbox) as(ctx context.Context, id string) (*visitor, samplePerson, error) {
	p, err := s.person(ctx, id)
	if err != nil {
		return nil, p, err
	}
	v, err := s.visitors.get(ctx, p)
	return v, p, err
}

func (s *sandbox) listPeople(r *http.Request) (any, error) { return s.told(r.Context(), s.people()) }

// told tells of people, but those who have left.
func (s *sandbox) told(ctx context.Context, people []samplePerson) (peopleJSON, error) {
	list := peopleJSON{People: []personJSON{}}
	for _, p := range people {
		_, err := s.person(ctx, p.ID)
		if errors.Is(err, errStranger) {
			continue
		}
		var one personJSON
		if err == nil {
			one, err = s.personNow(ctx, p)
		}
		if err != nil {
			return peopleJSON{}, err
		}
		list.People = append(list.People, one)
	}
	return list, nil
}

// personNow tells all there is of a person.
func (s *sandbox) personNow(ctx context.Context, p samplePerson) (personJSON, error) {
	one := personJSON{ID: p.ID, Name: p.Name, Persona: p.Persona, Town: p.Town, Accounts: []accountJSON{}, Connections: []connectionJSON{},
		Grants: []grantJSON{}, Requests: []waitingJSON{}, Paused: []string{}}
	own := p.session()
	accounts, err := s.house.Aggregate.Accounts(ctx, own)
	if err != nil {
		return one, err
	}
	for _, a := range accounts {
		one.Accounts = append(one.Accounts, accountJSON{string(a.ID), a.Source.ID, a.Name, string(a.Kind), string(a.Side)})
	}
	connections, err := s.house.Aggregate.Connections(ctx, own)
	if err != nil {
		return one, err
	}
	for _, c := range connections {
		one.Connections = append(one.Connections, connectionJSON{c.ID, c.Source.ID, c.State, c.Imported, c.LinkedAt.UTC()})
	}
	grants, err := s.house.Consent.Grants(ctx, own)
	if err != nil {
		return one, err
	}
	if one.Grants, err = s.grantsNow(ctx, grants); err != nil {
		return one, err
	}
	waiting, err := s.house.Consent.Waiting(ctx, own)
	if err != nil {
		return one, err
	}
	for _, g := range waiting {
		one.Requests = append(one.Requests, waitingJSON{string(g.ID), string(g.Client), g.Binding, g.LapsesAt.UTC()})
	}
	paused, err := s.house.Consent.Paused(ctx, own)
	if err != nil {
		return one, err
	}
	for c := range paused {
		one.Paused = append(one.Paused, string(c))
	}
	slices.Sort(one.Paused)
	one.AllPaused, err = s.house.Consent.AllPaused(ctx, own)
	return one, err
}

func (s *sandbox) readPerson(r *http.Request) (any, error) {
	p, err := s.person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.personNow(r.Context(), p)
}

// townsperson is who a person is in the town.
func (s *sandbox) townsperson(p samplePerson) (mock.Person, bool) {
	all := s.town.People()
	i := slices.IndexFunc(all, func(who mock.Person) bool { return who.ID == p.Town })
	if i < 0 {
		return mock.Person{}, false
	}
	return all[i], true
}

type reportJSON struct {
	Source string `json:"source"`
	Status string `json:"status"`
	Code   string `json:"code,omitempty"`
}

func (s *sandbox) lookAsPerson(r *http.Request) (any, error) {
	p, err := s.person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	reports, err := s.look(r.Context(), p)
	return map[string]any{"sources": reports}, err
}

// there is how a sample person sits before their pages.
var there = connectors.Presence{IP: netip.MustParseAddr("127.0.0.1"), UserAgent: "Jali sandbox"}

// look asks a person's sources as their home page does.
func (s *sandbox) look(ctx context.Context, p samplePerson) ([]reportJSON, error) {
	l, err := s.house.Aggregate.OwnAfresh(connectors.Present(ctx, there), p.session(), time.Time{}, time.Time{})
	list := []reportJSON{}
	for _, report := range l.Sources {
		list = append(list, reportJSON{report.Source.ID, string(report.Status), report.Code})
	}
	return list, err
}

type ofClient struct {
	ClientID string `json:"client_id"`
}

func (s *sandbox) pauseClient(r *http.Request) (any, error) {
	return s.switched(r, s.house.Consent.Pause, s.house.Consent.PauseAll)
}

func (s *sandbox) resumeClient(r *http.Request) (any, error) {
	return s.switched(r, s.house.Consent.Resume, s.house.Consent.ResumeAll)
}

func (s *sandbox) switched(r *http.Request, one func(context.Context, consent.Session, consent.ClientID) error, all func(context.Context, consent.Session) error) (any, error) {
	return s.withClient(r, func(ctx context.Context, p samplePerson, client consent.ClientID) error {
		if client == "" {
			return all(ctx, p.session())
		}
		return one(ctx, p.session(), client)
	})
}

func (s *sandbox) revokeAll(r *http.Request) (any, error) {
	return s.withClient(r, func(ctx context.Context, p samplePerson, client consent.ClientID) error {
		_, err := s.house.Consent.RevokeAll(ctx, p.session(), client)
		return err
	})
}

// withClient does what a person does with a client, and answers the person.
func (s *sandbox) withClient(r *http.Request, do func(context.Context, samplePerson, consent.ClientID) error) (any, error) {
	of, err := read[ofClient](r)
	if err != nil {
		return nil, err
	}
	p, err := s.person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if of.ClientID != "" {
		if _, err := s.house.Consent.Client(r.Context(), consent.ClientID(of.ClientID)); err != nil {
			return nil, err
		}
	}
	if err := do(r.Context(), p, consent.ClientID(of.ClientID)); err != nil {
		return nil, err
	}
	return s.personNow(r.Context(), p)
}

func (s *sandbox) connectSource(r *http.Request) (any, error) {
	ask, err := read[struct {
		Source string `json:"source"`
	}](r)
	if err != nil {
		return nil, err
	}
	v, p, err := s.as(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	source, ok := s.sources.Find(ask.Source)
	if !ok {
		return nil, errNowhere
	}
	who, lives := s.townsperson(p)
	if _, ok := source.(connectors.Linker); !ok || !lives || !s.town.Serves(ask.Source, p.Town) {
		return nil, errNotCustomer
	}
	if err := v.connect(r.Context(), ask.Source, who); err != nil {
		var ours *refusedError
		if errors.As(err, &ours) && ours.code == "internal" { // no institution's doing
			return nil, err
		}
		return nil, errLogin.Because(err)
	}
	return s.personNow(r.Context(), p)
}

func (s *sandbox) disconnect(r *http.Request) (any, error) {
	p, err := s.person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return nil, s.house.Aggregate.Disconnect(r.Context(), p.session(), r.PathValue("connection"))
}
