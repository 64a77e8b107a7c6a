package consent

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"jali/internal/kv"
)

func TestAYesIsKeptWithItsEvidence(t *testing.T) {
	h := build(t)
	id := h.shown(once())
	a, err := h.Prepare(ctx, ann, id, Choice{Accounts: []AccountID{"card"}, Fields: Minimal, Datatypes: []Datatype{Bills}, Period: Period{Days: 7}}, wallet)
	h.must(err)
	if sum := sha256.Sum256(a.JSON); !bytes.Equal(a.Challenge, sum[:]) {
		t.Error("the challenge is not the SHA-256 of the JSON")
	}
	var says struct {
		Grant, Type, Nonce, Expires string
		Client                      struct {
			ID   string
			Name struct{ ZH, EN string }
		}
		Accounts []string
		Terms    struct {
			Purpose    string
			Datatypes  []string
			BillFields string `json:"bill_fields"`
			Period     Period
			Uses       Uses
			Until      time.Time
			Retention  string
		}
	}
	h.must(json.Unmarshal(a.JSON, &says))
	if says.Grant != string(id) || says.Client.ID != "bank" || says.Client.Name.EN != "bank" || !slices.Equal(says.Accounts, []string{"card"}) ||
		says.Terms.Purpose != "bill_overview" || !slices.Equal(says.Terms.Datatypes, []string{"bills"}) || says.Terms.BillFields != "minimal" ||
		says.Terms.Period.Days != 7 || says.Terms.Uses.Limit != 1 || !says.Terms.Until.Equal(once().Until) || says.Terms.Retention != "PT0S" ||
		len(says.Nonce) != 22 || says.Expires == "" {
		t.Errorf("the agreement says %s", a.JSON)
	}
	g, ticket, err := h.Give(ctx, ann, id, sign("ann", a.Challenge))
	h.must(err)
	if g.Evidence == nil || !bytes.Equal(g.Evidence.Agreement, a.JSON) {
		t.Error("the evidence lacks what was agreed to")
	}
	e, err := h.Evidence(ctx, ann, id)
	if err != nil || !bytes.Equal(e.Signature, g.Evidence.Signature) || !bytes.Equal(e.Agreement, a.JSON) {
		t.Errorf("Evidence = %+v, %v", e, err)
	}
	if _, err := h.Evidence(ctx, bob, id); !errors.Is(err, ErrNoGrant) {
		t.Errorf("Evidence for bob: %v", err)
	}
	if _, err := h.finish(id, ticket+"x"); !errors.Is(err, ErrNoTicket) {
		t.Errorf("Finish with another ticket: %v", err)
	}
	if got, err := h.finish(id, ticket); err != nil || got.State != Given || !slices.Equal(got.Accounts, []AccountID{"card"}) {
		t.Errorf("Finish = %+v, %v", got, err)
	}
	if _, err := h.finish(id, ticket); !errors.Is(err, ErrNoTicket) {
		t.Errorf("Finish a second time: %v", err)
	}
	for _, row := range h.rows() {
		if bytes.Contains([]byte(row), []byte(ticket)) {
			t.Error("the ticket itself is stored")
		}
	}
}

func TestWhatIsNoYes(t *testing.T) {
	h := build(t)
	first, second := h.shown(once()), h.shown(once())
	prepare := func(id GrantID) Agreement {
		t.Helper()
		a, err := h.Prepare(ctx, ann, id, Choice{Accounts: wallet}, wallet)
		h.must(err)
		return a
	}
	replaced, foreign := prepare(first), prepare(second)
	a := prepare(first)
	give := func(s Session, response []byte) func() error {
		return func() error { _, _, err := h.Give(ctx, s, first, response); return err }
	}
	tampered := bytes.Clone(a.Challenge)
	tampered[0] ^= 1
	for name, response := range map[string][]byte{
		"nothing":                 nil,
		"a tampered challenge":    sign("ann", tampered),
		"another grant's":         sign("ann", foreign.Challenge),
		"one that was replaced":   sign("ann", replaced.Challenge),
		"somebody else's passkey": sign("bob", a.Challenge),
	} {
		t.Run(name, func(t *testing.T) { h.TB = t; h.leavesNoTrace(errFinger, give(ann, response)) })
	}
	h.TB = t
	h.leavesNoTrace(ErrNoGrant, give(bob, sign("bob", a.Challenge)))
	h.clock.add(agreementLife)
	h.leavesNoTrace(ErrNoAgreement, give(ann, sign("ann", a.Challenge)))
	h.clock.add(-time.Second)
	if err := give(ann, sign("ann", a.Challenge))(); err != nil {
		t.Errorf("a second before it lapses: %v", err)
	}
	h.leavesNoTrace(ErrDecided, give(ann, sign("ann", a.Challenge))) // used
}

func TestAChoiceOutsideWhatIsOffered(t *testing.T) {
	h := build(t)
	id := h.shown(once())
	many := make([]AccountID, maxAccounts+1)
	for i := range many {
		many[i] = AccountID(string(rune('a'+i/26)) + string(rune('a'+i%26)))
	}
	for _, tt := range []struct {
		name    string
		choice  Choice
		offered []AccountID
		err     error
	}{
		{"no account", Choice{}, wallet, ErrNothingChosen},
		{"an account that was not offered", Choice{Accounts: []AccountID{"card", "bobs"}}, wallet, ErrWider},
		{"too many", Choice{Accounts: many}, many, ErrWider},
		{"wider terms", Choice{Accounts: wallet, Fields: Full}, wallet, ErrWider},
		{"an end that has passed", Choice{Accounts: wallet, Until: noon}, wallet, ErrWider},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.TB = t
			h.leavesNoTrace(tt.err, func() error { _, err := h.Prepare(ctx, ann, id, tt.choice, tt.offered); return err })
		})
	}
}

func TestATicketIsGoodForTenMinutes(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		err   error
	}{{TicketLife - time.Second, nil}, {TicketLife, ErrNoTicket}, {TicketLife + time.Second, ErrNoTicket}} {
		h := build(t)
		id, ticket := h.given(once())
		h.clock.add(tt.after)
		if _, err := h.finish(id, ticket); !errors.Is(err, tt.err) {
			t.Errorf("after %v: %v, want %v", tt.after, err, tt.err)
		}
		h.clock.add(time.Hour)
		_, err := h.Sweep(ctx)
		h.must(err)
		if _, err := h.finish(id, ticket); !errors.Is(err, ErrNoTicket) {
			t.Errorf("after a sweep: %v", err)
		}
	}
}

func TestRevokedBeforeTheCodeGetsNone(t *testing.T) {
	h := build(t)
	id, ticket := h.given(once())
	_, err := h.Revoke(ctx, ann, id)
	h.must(err)
	if _, err := h.finish(id, ticket); !errors.Is(err, ErrNoTicket) {
		t.Errorf("Finish after Revoke: %v", err)
	}
}

func TestARefusalIsHandedOn(t *testing.T) {
	h := build(t)
	id := h.shown(once())
	_, ticket, err := h.Refuse(ctx, ann, id)
	h.must(err)
	if g, err := h.finish(id, ticket); err != nil || g.State != Refused {
		t.Errorf("Finish = %s, %v", g.State, err)
	}
	if got, want := h.verbs("ann", id), []string{"grant.refused", "grant.shown"}; !slices.Equal(got, want) {
		t.Errorf("timeline %v, want %v", got, want)
	}
}

func TestPushRefusesWhatMayNotBeAsked(t *testing.T) {
	h := build(t)
	wide := once()
	wide.Fields = Full
	taken := h.push(once())
	for _, tt := range []struct {
		name   string
		id     GrantID
		client ClientID
		asked  Terms
		err    error
	}{
		{"beyond the purpose", "new", bank, wide, ErrTerms},
		{"an unknown client", "new", "nobody", once(), ErrNoClient},
		{"an id that is taken", taken, bank, once(), errBackwards},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.TB = t
			h.leavesNoTrace(tt.err, func() error {
				return h.DB.Update(ctx, func(tx kv.Tx) error {
					_, err := h.Push(tx, noon, Request{ID: tt.id, Client: tt.client, Asked: tt.asked, Lapses: noon.Add(time.Minute)})
					return err
				})
			})
		})
	}
}
