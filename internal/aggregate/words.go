package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/ledger"
	"jali/vault"
)

// exportedWords is what the person has said of their bills.
type exportedWords struct {
	Decisions []exportedDecision `json:"decisions"`
	Filed     map[string]string  `json:"filed"`  // bill -> category
	Learnt    map[string]string  `json:"learnt"` // shop -> category
	Mappings  []billfile.Mapping `json:"mappings"`
}

type exportedDecision struct {
	A    string    `json:"a"`
	B    string    `json:"b"`
	Link string    `json:"link"`
	Yes  bool      `json:"yes"`
	At   time.Time `json:"at"`
}

func (s *Service) words(ctx context.Context, p consent.PersonID) (exportedWords, error) {
	said, err := s.Ledger.Words(ctx, string(p))
	if err != nil {
		return exportedWords{}, err
	}
	e := exportedWords{Decisions: []exportedDecision{}, Filed: said.Filed, Learnt: said.Learnt, Mappings: []billfile.Mapping{}}
	for _, d := range said.Decisions {
		e.Decisions = append(e.Decisions, exportedDecision{d.A, d.B, d.Link, d.Yes, d.At.In(consent.Shanghai)})
	}
	drawn, err := s.Ledger.AllDrawn(ctx, string(p))
	if err != nil {
		return exportedWords{}, err
	}
	for _, b := range drawn {
		var m billfile.Mapping
		if json.Unmarshal(b, &m) != nil {
			return exportedWords{}, errUnreadable
		}
		e.Mappings = append(e.Mappings, m)
	}
	return e, nil
}

// points are all the balances that are kept of an account: what its files told,
// or what its source has.
func (s *Service) points(ctx context.Context, p consent.PersonID, a answer, account int) (all []exportedSum, err error) {
	var told []ledger.Point
	if a.Imported {
		told, err = s.Ledger.Points(ctx, a.book(p, account), time.Time{}, time.Time{})
	}
	for _, k := range a.kept {
		if k.account.ID == a.accounts[account].ID {
			told = k.kept.Points
		}
	}
	if errors.Is(err, vault.ErrShredded) { // disconnected meanwhile
		return nil, nil
	}
	for _, b := range told {
		all = append(all, exportedSum{a.accounts[account].ID, b.Kind, amountOf(b.Amount), b.At})
	}
	return all, err
}
