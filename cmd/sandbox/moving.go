package main

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"golang.org/x/net/html"
)

func (s *sandbox) listPersonas(*http.Request) (any, error) {
	type name struct {
		ZH string `json:"zh"`
		EN string `json:"en"`
	}
	type told struct {
		ID    string `json:"id"`
		Name  name   `json:"name"`
		About name   `json:"about"`
	}
	list := []told{}
	for _, p := range s.town.Personas() {
		list = append(list, told{p.ID, name(p.Name), name(p.About)})
	}
	return map[string]any{"personas": list}, nil
}

// addPeople has a persona move in: into the town, and then into jali by the
// same pages as anybody.
func (s *sandbox) addPeople(r *http.Request) (any, error) {
	ask, err := read[struct {
		Persona string `json:"persona"`
	}](r)
	if err != nil {
		return nil, err
	}
	settled, err := s.town.Settle(ask.Persona)
	if err != nil {
		return nil, err
	}
	var moved []samplePerson
	for _, who := range settled {
		p, err := s.moveIn(r.Context(), who)
		if p.ID == "" {
			return nil, err
		}
		s.notAll(r.Context(), err)
		moved = append(moved, p)
	}
	if err := s.keepPeople(func(all []samplePerson) []samplePerson { return append(all, moved...) }); err != nil {
		return nil, err
	}
	return s.told(r.Context(), moved)
}

// notAll logs that somebody could not connect all of their sources: what they
// have connected, they tell.
func (s *sandbox) notAll(ctx context.Context, err error) {
	if err != nil {
		s.log.WarnContext(ctx, "not every source could be connected", "err", err)
	}
}

// keepPeople writes who there is, with their passkeys, where the next start
// finds them.
func (s *sandbox) keepPeople(change func([]samplePerson) []samplePerson) error {
	s.keeping.Lock()
	s.state.People = change(slices.Clone(s.state.People))
	s.keeping.Unlock()
	return s.keepPasskeys()
}

// removePerson has a person leave by their settings page, and the town, if it
// is no home of theirs.
func (s *sandbox) removePerson(r *http.Request) (any, error) {
	v, p, err := s.as(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := v.leaveJali(r.Context(), p.Credential); err != nil {
		return nil, err
	}
	s.visitors.forget(p.ID)
	if p.Persona != "" {
		if err := s.town.Remove(p.Town); err != nil {
			return nil, err
		}
	}
	return nil, s.keepPeople(func(all []samplePerson) []samplePerson {
		return slices.DeleteFunc(all, func(o samplePerson) bool { return o.ID == p.ID })
	})
}

// leaveJali deletes the person with all that is kept of them.
func (v *visitor) leaveJali(ctx context.Context, credential string) error {
	page, _, err := v.page(ctx, "/settings/leave")
	if err != nil {
		return err
	}
	options := find(page, func(n *html.Node) bool { return attribute(n, "id") == "leave-options" })
	form := find(page, func(n *html.Node) bool { return attribute(n, "id") == "leave" })
	if options == nil || options.FirstChild == nil || form == nil {
		return errors.New("one cannot leave by that page")
	}
	v.signing.Lock()
	defer v.signing.Unlock()
	response, err := v.passkey.GetAs(credential, v.issuer, []byte(options.FirstChild.Data))
	if err != nil {
		return err
	}
	fields := filled(form, nil)
	fields.Set("response", string(response))
	_, _, err = v.form(ctx, attribute(form, "action"), fields)
	return err
}

// resetPerson ends all that a person has, and begins their life in the town
// and their connections anew.
func (s *sandbox) resetPerson(r *http.Request) (any, error) {
	ctx := r.Context()
	v, p, err := s.as(ctx, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := s.clear(ctx, p); err != nil {
		return nil, err
	}
	if err := s.town.Reset(p.Town); err != nil {
		return nil, err
	}
	if who, ok := s.townsperson(p); ok {
		s.notAll(ctx, s.connectAll(ctx, v, who))
	}
	if p.Town == s.town.People()[filer].ID {
		if err := s.bring(ctx, p.ID); err != nil {
			return nil, err
		}
	}
	return s.personNow(ctx, p)
}

// clear ends what a person has asked, given, paused and connected.
func (s *sandbox) clear(ctx context.Context, p samplePerson) error {
	own, c := p.session(), s.house.Consent
	if err := c.ResumeAll(ctx, own); err != nil { // or what waits would not be put before them
		return err
	}
	paused, err := c.Paused(ctx, own)
	if err != nil {
		return err
	}
	for client := range paused {
		if err := c.Resume(ctx, own, client); err != nil {
			return err
		}
	}
	waiting, err := c.Waiting(ctx, own)
	if err != nil {
		return err
	}
	for _, g := range waiting {
		if _, err := c.Show(ctx, own, g.ID); err != nil {
			return err
		}
		if _, _, err := c.Refuse(ctx, own, g.ID); err != nil {
			return err
		}
	}
	grants, err := c.Grants(ctx, own)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if _, err := c.RevokeAll(ctx, own, g.Client); err != nil {
			return err
		}
	}
	connections, err := s.house.Aggregate.Connections(ctx, own)
	if err != nil {
		return err
	}
	for _, l := range connections {
		if err := s.house.Aggregate.Disconnect(ctx, own, l.ID); err != nil {
			return err
		}
	}
	return nil
}
