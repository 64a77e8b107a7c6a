package aggregate_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/consent"
	"jali/internal/aggregate"
)

// ownedIn is what somebody owns in each currency, with what is pending as if it
// were done: where a balance is told with that, it is.
func ownedIn(l aggregate.Look) map[string]int64 {
	own, current := map[string]int64{}, map[consent.AccountID]bool{}
	for _, b := range l.Balances {
		current[b.Account] = current[b.Account] || b.Kind == connectors.Current
	}
	for _, t := range l.Totals {
		own[t.Net.Currency] += t.Net.Minor
	}
	for _, b := range l.Bills {
		switch {
		case b.State != connectors.Pending, current[b.Account]:
		case b.Direction == connectors.Out:
			own[b.Amount.Currency] -= b.Amount.Minor
		default:
			own[b.Amount.Currency] += b.Amount.Minor
		}
	}
	return own
}

// beside is by how much what is owned grows beside what came in and went out:
// what others have paid for somebody's shopping (亲情卡) is spent, and nothing of
// theirs is less by it; what is put into funds is still theirs, and no account
// that is connected; and what was pending at the look before, told again now
// that it is booked, had gone then.
func beside(l aggregate.Look, told map[string]bool) (fen int64) {
	for _, b := range l.Bills {
		grows := b.Amount.Minor
		if b.Direction == connectors.In {
			grows = -grows
		}
		switch {
		case !b.Counted || b.Amount.Currency != "CNY":
		case b.Kind == connectors.Investment || b.Kind == connectors.Redemption:
			fen -= grows
		case told[b.ID] && b.Flow != connectors.FlowInternal, strings.HasSuffix(b.Description, "亲情卡"):
			fen += grows
		}
	}
	return fen
}

// The people of every persona connect what they have; every source tells all of
// it, and in every currency what they own changes by what came in less what went out.
func TestPersonasMoneyIsConserved(t *testing.T) {
	h, town := inTown(t)
	var all []mock.Person
	for _, k := range town.Personas() {
		who, err := town.Settle(k.ID)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, who...)
	}
	look := func(p consent.Session, from, to time.Time) aggregate.Look {
		t.Helper()
		l, err := h.OwnAfresh(t.Context(), p, from, to)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range l.Sources {
			if r.Status != aggregate.Fresh {
				t.Fatalf("%s is %s: %s", r.Source.ID, r.Status, r.Code)
			}
		}
		return l
	}
	start := h.clock()
	before, told := map[string]map[string]int64{}, map[string]bool{}
	for _, who := range all {
		l := look(h.moveIn(town, who), start.AddDate(0, 0, -5), start)
		before[who.ID] = ownedIn(l)
		for _, b := range l.Bills {
			told[b.ID] = true
		}
	}
	h.pass(20 * 24 * time.Hour)
	for _, who := range all {
		t.Run(who.Persona+"/"+who.ID, func(t *testing.T) {
			h.t = t
			l := look(h.moveIn(town, who), start, h.clock())
			if (len(l.Bills) == 0) != (who.Persona == "newcomer") {
				t.Errorf("%d bills", len(l.Bills))
			}
			is, was := ownedIn(l), before[who.ID]
			for _, total := range l.Totals {
				c := total.Net.Currency
				flow := total.In.Minor - total.Out.Minor
				if c == "CNY" {
					flow += beside(l, told) - unheld(l)
				}
				if grown := is[c] - was[c]; grown != flow {
					t.Errorf("in %d bills %v came in and %v went out; but what is owned in %s has grown by %d, not %d", len(l.Bills), total.In, total.Out, c, grown, flow)
				}
			}
			if who.Persona == "office_worker" && !slices.Equal(slices.Sorted(maps.Keys(is)), []string{"CNY", "HKD", "JPY", "USD"}) {
				t.Errorf("totals are in %v", slices.Sorted(maps.Keys(is)))
			}
			for _, g := range l.Gaps {
				t.Errorf("between %v and %v %v is missing, in a town where every movement is told", g.From, g.To, g.Missing)
			}
			if slices.Contains([]string{"shop_owner", "office_worker", "heavy_user"}, who.Persona) {
				refundsAreLinked(t, l)
			}
			nobodyIsNamed(t, town, l)
			if who.Persona == "student" {
				overdue := 0
				for _, s := range l.Statements {
					if s.DueDate.Before(h.clock()) && !s.Settled {
						overdue++
					}
				}
				if overdue == 0 {
					t.Error("no statement is overdue")
				}
			}
		})
	}
}

// nobodyIsNamed looks for real numbers in what a person's own look tells of others.
func nobodyIsNamed(t *testing.T, town *mock.Town, l aggregate.Look) {
	t.Helper()
	text, err := json.Marshal(l.Accounts)
	if err != nil {
		t.Fatal(err)
	}
	for _, canary := range town.Canaries() {
		if strings.Contains(string(text), canary) {
			t.Error("an account tells a real number")
		}
	}
}

// Whoever withdraws at an institution is asked to connect it again, whatever it
// speaks; and nothing else of theirs is touched.
func TestWhoWithdrawsAtASourceIsNeeded(t *testing.T) {
	h, town := inTown(t)
	who := town.People()[0] // who has something everywhere
	p := h.moveIn(town, who)
	for _, c := range h.reg.All() {
		id := c.Source().ID
		if !town.Serves(id, who.ID) {
			continue
		}
		if err := town.Withdraw(id, who.ID); err != nil {
			t.Fatal(err)
		}
		l, err := h.OwnAfresh(t.Context(), p, h.clock().AddDate(0, 0, -3), h.clock())
		if err != nil {
			t.Fatal(err)
		}
		all, err := h.Connections(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range all {
			if (k.State == "needs_person") != (k.Source.ID == id) {
				t.Errorf("after they withdrew from %s, %s is %s", id, k.Source.ID, k.State)
			}
		}
		for _, r := range l.Sources {
			if (r.Code == connectors.ErrUnauthorized.Code) != (r.Source.ID == id) { // of others the budget may be spent
				t.Errorf("after they withdrew from %s, %s is %s: %s", id, r.Source.ID, r.Status, r.Code)
			}
		}
		h.relink(who, p, id)
	}
}
