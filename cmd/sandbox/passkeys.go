package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"jali/consent/passkey/software"
	"jali/internal/fault"
)

// softwarePath is where the pages find the software passkey.
const softwarePath = "/sandbox/passkey"

var (
	errExcluded  = &fault.Error{Kind: fault.Conflict, Code: "passkey_excluded", Detail: "the software passkey holds one of this person's passkeys already"}
	errNoPasskey = &fault.Error{Kind: fault.NotFound, Code: "passkey_unknown", Detail: "the software passkey has none that fits, or several of which one has to be chosen"}
	errCeremony  = errInvalid.Saying("these are no options of a page of this sandbox")
)

// listPasskeys lists who can sign in: the sample people first, in their order.
func (s *sandbox) listPasskeys(*http.Request) (any, error) {
	type named struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	list := []named{}
	for _, c := range s.passkey.Credentials() {
		list = append(list, named{c.ID, c.Name})
	}
	people := s.people()
	rank := func(n named) int {
		i := slices.IndexFunc(people, func(p samplePerson) bool { return p.Credential == n.ID })
		if i < 0 {
			return len(people)
		}
		return i
	}
	for i, n := range list {
		if r := rank(n); r < len(people) && people[r].Persona != "" {
			list[i].Name += " · " + people[r].Persona
		}
	}
	slices.SortStableFunc(list, func(a, b named) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
	return list, nil
}

type challenge struct {
	ID      string          `json:"id"`
	Options json.RawMessage `json:"options"`
}

func (s *sandbox) createPasskey(r *http.Request) (any, error) {
	c, err := read[challenge](r)
	if err != nil {
		return nil, err
	}
	response, err := s.passkey.Create(s.ready.Issuer, c.Options)
	if err != nil {
		return nil, passkeyFault(err)
	}
	return json.RawMessage(response), s.keepPasskeys()
}

func (s *sandbox) usePasskey(r *http.Request) (any, error) {
	c, err := read[challenge](r)
	if err != nil {
		return nil, err
	}
	get := s.passkey.Get
	if c.ID != "" {
		get = func(origin string, options []byte) ([]byte, error) { return s.passkey.GetAs(c.ID, origin, options) }
	}
	response, err := get(s.ready.Issuer, c.Options)
	return json.RawMessage(response), passkeyFault(err)
}

func passkeyFault(err error) error {
	switch {
	case errors.Is(err, software.ErrExcluded):
		return errExcluded.Because(err)
	case errors.Is(err, software.ErrNone), errors.Is(err, software.ErrChoose):
		return errNoPasskey.Because(err)
	case errors.Is(err, software.ErrOptions), errors.Is(err, software.ErrOrigin):
		return errCeremony.Because(err)
	}
	return err
}
