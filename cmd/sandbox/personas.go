package main

import (
	"jali/connectors/mock"
	"jali/internal/fault"
)

var errNoPersona = &fault.Error{Kind: fault.NotFound, Code: "persona_unknown", Detail: "personas are in GET /sandbox/personas"}

type words struct{ ZH, EN string }

type persona struct {
	ID          string
	Name, About words
}

type settler struct {
	mock.Person
	Persona string
}

func townPersonas(*mock.Town) []persona { return nil }

func townSettle(_ *mock.Town, persona string) ([]settler, error) {
	if persona == "" {
		return nil, errTownFull
	}
	return nil, errNoPersona
}

func townRemove(*mock.Town, string) error { return nil }

func townReset(*mock.Town, string) error { return nil }

var errTownFull = &fault.Error{Kind: fault.Conflict, Code: "town_full", Detail: "nobody else fits into the town; remove somebody"}
