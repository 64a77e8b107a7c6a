package page

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"jali/consent"
	"jali/internal/kv"
)

// counterWords are what a teller's screen shows.
const counterWords = "海棠-42"

// fakeGrants holds one request to be decided, and some history.
type fakeGrants struct {
	db      kv.DB
	pending *consent.Agreement
	chosen  consent.Choice
	offered []consent.AccountID
	refused bool
	paused  map[consent.ClientID]bool
	all     bool // paused
	waiting []consent.Grant
	code    consent.Introduction
	soon    time.Time // when gr_live ends, where that is not as asked
	old     time.Time // when the yes to gr_live is too old, where that is ever
	deeds   []string

	unprepared error // what Prepare answers
}

var asked = consent.Terms{Purpose: consent.BillOverview, Datatypes: []consent.Datatype{consent.Balances, consent.Bills, consent.Statements},
	Fields: consent.Standard, Period: consent.Period{From: "2026-10-01", To: "2026-10-31"}, Uses: consent.Uses{Limit: 4, Per: "day"},
	Until: time.Date(2026, 12, 20, 16, 0, 0, 0, time.UTC)}

func (f *fakeGrants) Show(_ context.Context, p consent.Session, id consent.GrantID) (consent.Grant, error) {
	g := consent.Grant{ID: id, Client: bank.ID, Person: p.Person, State: consent.Shown, Asked: asked, Pending: f.pending}
	switch id {
	case "gr_ask":
	case "gr_narrow": // asks for one source and a moving window, once
		g.Asked.Sources = []string{"alipay", "harbour_bank"}
		g.Asked.Period, g.Asked.Uses = consent.Period{Days: 30}, consent.Uses{Limit: 1}
		g.Asked.Retention = 30 * 24 * time.Hour
	case "gr_evil":
		g.Client = evil.ID
	case "gr_done":
		g.State = consent.Given
	case "gr_more": // Riverside wants a later end, more of each bill, and a source that is not connected
		g.Revises, g.Action, g.Base = "gr_live", consent.Replace, 1
		g.Asked.Fields, g.Asked.Until = consent.Full, asked.Until.AddDate(0, 1, 0)
	case "gr_less": // Alipay alone, and all else as it was
		g.Revises, g.Action, g.Base = "gr_live", consent.Replace, 1
		g.Asked.Sources = []string{"alipay"}
	case "gr_renew":
		g.Revises, g.Action, g.Base = "gr_live", consent.Replace, 1
		g.Asked.Until = asked.Until.AddDate(0, 1, 0)
	case "gr_again": // of ten uses in all, of which one is left: ten more, and later
		g.Revises, g.Action, g.Base = "gr_live", consent.Replace, 1
		g.Asked.Uses, g.Asked.Until = consent.Uses{Limit: 10}, asked.Until.AddDate(0, 1, 0)
	case "gr_counter": // from a counter
		g.Decoupled, g.Binding = true, counterWords
	case "gr_changed":
		return g, consent.ErrChanged
	case "gr_nothing":
		return g, consent.ErrNotRevisable
	case "gr_late":
		return g, consent.ErrLapsed
	default:
		return g, consent.ErrNoGrant
	}
	return g, nil
}
func (f *fakeGrants) Prepare(_ context.Context, _ consent.Session, id consent.GrantID, c consent.Choice, offered []consent.AccountID) (consent.Agreement, error) {
	if f.unprepared != nil {
		return consent.Agreement{}, f.unprepared
	}
	f.chosen, f.offered = c, offered
	for _, a := range c.Accounts {
		if !slices.Contains(offered, a) {
			return consent.Agreement{}, consent.ErrWider
		}
	}
	g, err := f.Show(context.Background(), lin, id)
	if err != nil {
		return consent.Agreement{}, err
	}
	terms, err := g.Asked.Narrow(c, now)
	if err != nil {
		return consent.Agreement{}, err
	}
	b, _ := json.Marshal(map[string]any{"grant": id, "accounts": c.Accounts, "nonce": "MJ3K"})
	sum := sha256.Sum256(b)
	f.pending = &consent.Agreement{JSON: b, Challenge: sum[:], Terms: terms, Accounts: c.Accounts, Until: now.Add(5 * time.Minute)}
	return *f.pending, nil
}
func (f *fakeGrants) Give(_ context.Context, _ consent.Session, id consent.GrantID, response []byte) (consent.Grant, consent.Ticket, error) {
	if id == "gr_counter" {
		return consent.Grant{ID: id}, "", yes(response)
	}
	return consent.Grant{ID: "gr_live"}, "tick&t", yes(response) // of a revision, it is the revised one
}
func (f *fakeGrants) Refuse(_ context.Context, _ consent.Session, id consent.GrantID) (consent.Grant, consent.Ticket, error) {
	f.refused = true
	if id == "gr_counter" {
		return consent.Grant{ID: id}, "", nil
	}
	return consent.Grant{ID: id}, "tick&t", nil
}
func (f *fakeGrants) Revoke(_ context.Context, _ consent.Session, id consent.GrantID) (consent.Grant, error) {
	f.deeds = append(f.deeds, "revoke "+string(id))
	return consent.Grant{ID: id}, nil
}
func (f *fakeGrants) Grants(_ context.Context, p consent.Session) ([]consent.Grant, error) {
	if p.Person == "per_new" {
		return nil, nil
	}
	at := now.AddDate(0, 0, -3)
	list := []consent.Grant{
		{ID: "gr_live", Client: bank.ID, State: consent.Given, Agreed: asked, Accounts: []consent.AccountID{"ac_1", "ac_4", "ac_gone"},
			Uses: 3, Day: "2026-11-21", DayUses: 1, LastUse: now.Add(-20 * time.Minute), Revision: 3, GivenAt: at.AddDate(0, -1, 0), DecidedAt: at},
		{ID: "gr_spent", Client: bank.ID, State: consent.Exhausted, Agreed: asked, Accounts: []consent.AccountID{"ac_1"}, Uses: 1, DecidedAt: at, EndedAt: at.Add(time.Hour)},
		{ID: "gr_revoked", Client: evil.ID, State: consent.Revoked, Agreed: asked, Uses: 1, DecidedAt: at, EndedAt: at.Add(time.Hour), EndedBy: "client"},
	}
	if !f.soon.IsZero() {
		list[0].Agreed.Until = f.soon
	}
	list[1].Agreed.Uses = consent.Uses{Limit: 1}
	if f.refused {
		list = append(list, consent.Grant{ID: "gr_ask", Client: bank.ID, State: consent.Refused, Asked: asked, DecidedAt: now})
	}
	return list, nil
}
func (f *fakeGrants) ReadableUntil(g consent.Grant) time.Time {
	if g.ID == "gr_live" && !f.old.IsZero() && f.old.Before(g.Agreed.Until) {
		return f.old
	}
	return g.Agreed.Until
}
func (f *fakeGrants) Pause(_ context.Context, _ consent.Session, id consent.ClientID) error {
	f.deeds = append(f.deeds, "pause "+string(id))
	return nil
}
func (f *fakeGrants) Resume(_ context.Context, _ consent.Session, id consent.ClientID) error {
	f.deeds = append(f.deeds, "resume "+string(id))
	return nil
}
func (f *fakeGrants) Paused(context.Context, consent.Session) (map[consent.ClientID]bool, error) {
	return f.paused, nil
}
func (f *fakeGrants) Kept(context.Context, consent.Session) (map[consent.GrantID]time.Time, error) {
	return map[consent.GrantID]time.Time{"gr_live": now.AddDate(0, 0, 9), "gr_revoked": now.AddDate(0, 0, 2)}, nil
}
func (f *fakeGrants) PrepareLeave(context.Context, consent.Session) (consent.Agreement, error) {
	return consent.Agreement{JSON: []byte(`{"type":"jali/leave"}`), Challenge: []byte("leave"), Until: now.Add(time.Minute)}, nil
}
func (f *fakeGrants) Leave(ctx context.Context, _ consent.Session, response []byte, keep func(kv.Tx, consent.Farewell) error) (consent.Evidence, error) {
	if err := yes(response); err != nil {
		return consent.Evidence{}, err
	}
	f.deeds = append(f.deeds, "leave")
	proof := consent.Evidence{Agreement: []byte(`{"type":"jali/leave"}`)}
	return proof, f.db.Update(context.WithoutCancel(ctx), func(tx kv.Tx) error { return keep(tx, consent.Farewell{At: now, Evidence: proof, Grants: 5}) })
}

// Record: gr_live was agreed to and changed twice, gr_revoked once agreed to.
func (f *fakeGrants) Record(ctx context.Context, p consent.Session, id consent.GrantID) (consent.Grant, []consent.Evidence, error) {
	list, err := f.Grants(ctx, p)
	for _, g := range list {
		if g.ID != id || g.State == consent.Refused {
			continue
		}
		g.Person = p.Person
		said := func(n int) consent.Evidence {
			return consent.Evidence{Agreement: fmt.Appendf(nil, `{"grant":%q,"nonce":"SIGNED","revision":%d}`, id, n), Signature: []byte{byte(n)}}
		}
		if id == "gr_live" {
			return g, []consent.Evidence{said(1), said(2), said(3)}, nil
		}
		return g, []consent.Evidence{said(1)}, nil
	}
	return consent.Grant{}, nil, errors.Join(err, consent.ErrNoGrant)
}
func (f *fakeGrants) Revised(ctx context.Context, p consent.Session, id consent.GrantID) (consent.Grant, error) {
	if g, err := f.Show(ctx, p, id); err != nil || g.Revises == "" {
		return consent.Grant{}, err
	}
	list, err := f.Grants(ctx, p)
	if id == "gr_again" {
		list[0].Agreed.Uses, list[0].Uses = consent.Uses{Limit: 10}, 9
	}
	return list[0], err
}
func (f *fakeGrants) Waiting(context.Context, consent.Session) ([]consent.Grant, error) {
	return f.waiting, nil
}
func (f *fakeGrants) PauseAll(context.Context, consent.Session) error {
	f.deeds = append(f.deeds, "pause all")
	return nil
}
func (f *fakeGrants) ResumeAll(context.Context, consent.Session) error {
	f.deeds = append(f.deeds, "resume all")
	return nil
}
func (f *fakeGrants) AllPaused(context.Context, consent.Session) (bool, error) { return f.all, nil }
func (f *fakeGrants) RevokeAll(_ context.Context, _ consent.Session, id consent.ClientID) (int, error) {
	f.deeds = append(f.deeds, "revoke all of "+string(id))
	return 2, nil
}
func (f *fakeGrants) Introduce(context.Context, consent.Session) (consent.Introduction, error) {
	f.code = consent.Introduction{Code: "04931867", Until: now.Add(5 * time.Minute)}
	return f.code, nil
}
func (f *fakeGrants) Introduced(context.Context, consent.Session) (consent.Introduction, error) {
	return f.code, nil
}
func (f *fakeGrants) Client(_ context.Context, id consent.ClientID) (consent.Client, error) {
	switch id {
	case bank.ID:
		return bank, nil
	case evil.ID:
		return evil, nil
	}
	return consent.Client{}, consent.ErrNoClient
}

// busy lets requests wait, a code live, a grant end soon and all be paused.
func (f *fakeGrants) busy(on bool) {
	f.waiting, f.soon, f.all, f.code = nil, time.Time{}, on, consent.Introduction{}
	if on {
		f.waiting = []consent.Grant{{ID: "gr_counter", Client: bank.ID, Asked: asked, Binding: counterWords, LapsesAt: now.Add(4 * time.Minute)},
			{ID: "gr_evil", Client: evil.ID, Asked: asked, Binding: hostile, LapsesAt: now.Add(4 * time.Minute)}}
		f.soon = now.Add(60 * time.Hour)
		f.code = consent.Introduction{Code: "04931867", Until: now.Add(5 * time.Minute)}
	}
}
