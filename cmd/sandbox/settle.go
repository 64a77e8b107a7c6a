package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/consent/passkey/software"

	"golang.org/x/sync/errgroup"
)

// residents is how many of the townspeople have moved in at jali. The others
// are there for who signs up by hand.
const residents = 4

// settle has the sample people sign up and connect their sources, by the same
// pages as anybody; on a later start it finds them there.
func (s *sandbox) settle(ctx context.Context) error {
	own := strings.TrimSuffix(s.ready.Sandbox, "/sandbox")
	s.visitors = &visitors{byPerson: map[string]*visitor{}, open: func() (*visitor, error) {
		return newVisitor(s.ready.Issuer, own, s.passkey)
	}}
	before := s.state.People
	var founders [residents]samplePerson
	var together errgroup.Group
	for i, who := range s.town.People()[:residents] {
		together.Go(func() (err error) {
			known := slices.IndexFunc(before, func(p samplePerson) bool { return p.Town == who.ID })
			var left *refusedError
			if known >= 0 {
				founders[i] = before[known]
				_, err = s.visitors.get(ctx, founders[i])
			}
			if known < 0 || errors.As(err, &left) { // who has left jali moves in as somebody new
				if founders[i], err = s.moveIn(ctx, who); err == nil && i == filer {
					err = s.bring(ctx, founders[i].ID)
				}
			}
			return err
		})
	}
	if err := together.Wait(); err != nil {
		return err
	}
	if err := s.keepPeople(func(all []samplePerson) []samplePerson {
		return append(founders[:], slices.DeleteFunc(all, func(p samplePerson) bool { return p.Persona == "" })...)
	}); err != nil {
		return err
	}
	for _, p := range founders {
		one, err := s.personNow(ctx, p)
		if err != nil {
			return err
		}
		ready := ReadyPerson{ID: p.ID, Name: p.Name, Accounts: []ReadyAccount{}}
		sources := map[string]bool{}
		for _, a := range one.Accounts {
			sources[a.Source] = true
			ready.Accounts = append(ready.Accounts, ReadyAccount{ID: a.ID, Source: a.Source, Name: a.Name})
		}
		for _, c := range one.Connections {
			if c.State != "healthy" {
				delete(sources, c.Source)
			}
		}
		if len(before) == 0 && len(sources) < 3 {
			return fmt.Errorf("%s has %d healthy sources", p.Town, len(sources))
		}
		s.ready.People = append(s.ready.People, ready)
	}
	return nil
}

// moveIn signs a townsperson up. Where not all of their sources could be
// connected, they have moved in all the same.
func (s *sandbox) moveIn(ctx context.Context, who mock.Person) (samplePerson, error) {
	v, err := s.visitors.open()
	if err != nil {
		return samplePerson{}, err
	}
	credential, err := v.signUp(ctx, who.Name)
	if err != nil {
		return samplePerson{}, fmt.Errorf("signing up: %w", err)
	}
	person, err := v.person(ctx)
	if err != nil {
		return samplePerson{}, err
	}
	return samplePerson{Town: who.ID, ID: person, Name: who.Name, Credential: credential, Persona: who.Persona}, s.connectAll(ctx, v, who)
}

// connectAll has a person connect every source of theirs that one connects by
// logging in, and goes on where one of them lets nobody through.
func (s *sandbox) connectAll(ctx context.Context, v *visitor, who mock.Person) error {
	var errs []error
	for _, source := range s.sources.All() {
		id := source.Source().ID
		if _, ok := source.(connectors.Linker); !ok || !s.town.Serves(id, who.ID) {
			continue
		}
		if err := v.connect(ctx, id, who); err != nil {
			errs = append(errs, fmt.Errorf("connecting %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// keepPasskeys writes the software passkeys where the next start finds them.
func (s *sandbox) keepPasskeys() (err error) {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	if s.state.Passkeys, err = s.passkey.Export(); err != nil {
		return err
	}
	return s.state.save()
}

// openPasskey answers the software passkey with what it held before.
func (s *sandbox) openPasskey() (err error) {
	if len(s.state.Passkeys) == 0 {
		s.passkey = software.New()
		return nil
	}
	s.passkey, err = software.Import(s.state.Passkeys)
	return err
}

// visitors keeps a signed-in visitor for each sample person.
type visitors struct {
	open func() (*visitor, error)

	mu       sync.Mutex
	byPerson map[string]*visitor
}

func (vs *visitors) get(ctx context.Context, p samplePerson) (*visitor, error) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if v := vs.byPerson[p.ID]; v != nil {
		if id, err := v.person(ctx); err == nil && id == p.ID {
			return v, nil
		}
	}
	v, err := vs.open()
	if err != nil {
		return nil, err
	}
	if err := v.signIn(ctx, p.Credential); err != nil {
		return nil, err
	}
	vs.byPerson[p.ID] = v
	return v, nil
}

// forget signs a visitor out of what is kept here.
func (vs *visitors) forget(person string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	delete(vs.byPerson, person)
}
