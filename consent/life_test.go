package consent

import (
	"errors"
	"slices"
	"testing"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

func TestForwardsHasNoWayBack(t *testing.T) {
	order := []State{Pushed, Shown, Given, Exhausted, Revoked, Refused, Expired}
	rank := map[State]int{Pushed: 0, Shown: 1, Given: 2, Exhausted: 3, Revoked: 4, Refused: 4, Expired: 4}
	for _, from := range order {
		for _, to := range order {
			g := Grant{State: from}
			err := g.move(to)
			if err == nil && rank[to] <= rank[from] {
				t.Errorf("%s -> %s is a step back", from, to)
			}
			if err != nil && g.State != from {
				t.Errorf("%s -> %s failed and moved to %s", from, to, g.State)
			}
		}
	}
}

// TestEveryDeedInEveryState walks the whole table: what may be done when, what
// it says otherwise, and where the grant stands afterwards.
func TestEveryDeedInEveryState(t *testing.T) {
	h := build(t)
	reach := map[State]func() GrantID{
		Pushed: func() GrantID { return h.push(once()) },
		Shown:  func() GrantID { return h.shown(once()) },
		Given:  func() GrantID { id, _ := h.given(once()); return id },
		Refused: func() GrantID {
			id := h.shown(once())
			_, _, err := h.Refuse(ctx, ann, id)
			h.must(err)
			return id
		},
		Exhausted: func() GrantID {
			id, _ := h.given(once())
			_, err := h.Spend(ctx, bank, id, "k", nil)
			h.must(err)
			return id
		},
		Revoked: func() GrantID {
			id, _ := h.given(once())
			_, err := h.Revoke(ctx, ann, id)
			h.must(err)
			return id
		},
		Expired: func() GrantID {
			id, _ := h.given(once())
			h.clock.add(time.Hour)
			_, err := h.Sweep(ctx)
			h.must(err)
			return id
		},
	}
	var (
		none   = (*fault.Error)(nil)
		states = []State{Pushed, Shown, Given, Refused, Exhausted, Revoked, Expired}
	)
	type row struct {
		err *fault.Error
		to  State // empty: as it was
	}
	for _, deed := range []struct {
		name string
		do   func(GrantID) error
		in   map[State]row
	}{
		{"show", func(id GrantID) error { _, err := h.Show(ctx, ann, id); return err }, map[State]row{
			Pushed: {none, Shown}, Shown: {}, Given: {ErrDecided, ""}, Refused: {ErrDecided, ""},
			Exhausted: {ErrDecided, ""}, Revoked: {ErrDecided, ""}, Expired: {ErrDecided, ""}}},
		{"show to another", func(id GrantID) error { _, err := h.Show(ctx, bob, id); return err }, map[State]row{
			Pushed: {none, Shown}, // whoever comes first
			Shown:  {ErrNoGrant, ""}, Given: {ErrNoGrant, ""}, Refused: {ErrNoGrant, ""},
			Exhausted: {ErrNoGrant, ""}, Revoked: {ErrNoGrant, ""}, Expired: {ErrNoGrant, ""}}},
		{"prepare", func(id GrantID) error {
			_, err := h.Prepare(ctx, ann, id, Choice{Accounts: wallet}, wallet)
			return err
		}, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {}, Given: {ErrDecided, ""}, Refused: {ErrDecided, ""},
			Exhausted: {ErrDecided, ""}, Revoked: {ErrDecided, ""}, Expired: {ErrDecided, ""}}},
		{"give unprepared", func(id GrantID) error { _, _, err := h.Give(ctx, ann, id, sign("ann", nil)); return err }, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {ErrNoAgreement, ""}, Given: {ErrDecided, ""}, Refused: {ErrDecided, ""},
			Exhausted: {ErrDecided, ""}, Revoked: {ErrDecided, ""}, Expired: {ErrDecided, ""}}},
		{"refuse", func(id GrantID) error { _, _, err := h.Refuse(ctx, ann, id); return err }, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {none, Refused}, Given: {ErrDecided, ""}, Refused: {ErrDecided, ""},
			Exhausted: {ErrDecided, ""}, Revoked: {ErrDecided, ""}, Expired: {ErrDecided, ""}}},
		{"spend", func(id GrantID) error { _, err := h.Spend(ctx, bank, id, "new", nil); return err }, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {ErrNoGrant, ""}, Given: {none, Exhausted}, Refused: {ErrNoGrant, ""},
			Exhausted: {ErrSpent, ""}, Revoked: {ErrRevoked, ""}, Expired: {ErrExpired, ""}}},
		{"spend as another client", func(id GrantID) error { _, err := h.Spend(ctx, other, id, "new", nil); return err }, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {ErrNoGrant, ""}, Given: {ErrNoGrant, ""}, Refused: {ErrNoGrant, ""},
			Exhausted: {ErrNoGrant, ""}, Revoked: {ErrNoGrant, ""}, Expired: {ErrNoGrant, ""}}},
		{"live", func(id GrantID) error { _, err := h.Live(ctx, bank, id); return err }, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {ErrNoGrant, ""}, Given: {}, Refused: {ErrNoGrant, ""},
			Exhausted: {}, Revoked: {ErrRevoked, ""}, Expired: {ErrExpired, ""}}},
		{"load", func(id GrantID) error { _, err := h.Load(ctx, bank, id); return err }, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {ErrNoGrant, ""}, Given: {}, Refused: {ErrNoGrant, ""},
			Exhausted: {}, Revoked: {}, Expired: {}}},
		{"revoke", func(id GrantID) error { _, err := h.Revoke(ctx, ann, id); return err }, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {ErrNoGrant, ""}, Given: {none, Revoked}, Refused: {ErrNoGrant, ""},
			Exhausted: {none, Revoked}, Revoked: {}, Expired: {}}},
		{"revoke another's", func(id GrantID) error { _, err := h.Revoke(ctx, bob, id); return err }, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {ErrNoGrant, ""}, Given: {ErrNoGrant, ""}, Refused: {ErrNoGrant, ""},
			Exhausted: {ErrNoGrant, ""}, Revoked: {ErrNoGrant, ""}, Expired: {ErrNoGrant, ""}}},
		{"revoke by client", func(id GrantID) error { return h.revokeByClient(bank, id) }, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {ErrNoGrant, ""}, Given: {none, Revoked}, Refused: {ErrNoGrant, ""},
			Exhausted: {none, Revoked}, Revoked: {}, Expired: {}}},
		{"revoke by another client", func(id GrantID) error { return h.revokeByClient(other, id) }, map[State]row{
			Pushed: {ErrNoGrant, ""}, Shown: {ErrNoGrant, ""}, Given: {ErrNoGrant, ""}, Refused: {ErrNoGrant, ""},
			Exhausted: {ErrNoGrant, ""}, Revoked: {ErrNoGrant, ""}, Expired: {ErrNoGrant, ""}}},
		{"finish with no ticket", func(id GrantID) error { _, err := h.finish(id, ""); return err }, map[State]row{
			Pushed: {ErrNoTicket, ""}, Shown: {ErrNoTicket, ""}, Given: {ErrNoTicket, ""}, Refused: {ErrNoTicket, ""},
			Exhausted: {ErrNoTicket, ""}, Revoked: {ErrNoTicket, ""}, Expired: {ErrNoTicket, ""}}},
	} {
		for _, s := range states {
			want, ok := deed.in[s]
			if !ok {
				t.Fatalf("%s: no row for %s", deed.name, s)
			}
			h.clock.set(noon)
			id := reach[s]()
			if want.to == "" {
				want.to = s
			}
			err := deed.do(id)
			if want.err == nil && err != nil || want.err != nil && !errors.Is(err, want.err) {
				t.Errorf("%s in %s: %v, want %v", deed.name, s, err, want.err)
			}
			if got := h.state(id); got != want.to {
				t.Errorf("%s in %s: now %s, want %s", deed.name, s, got, want.to)
			}
		}
	}
}

func (h house) revokeByClient(c ClientID, id GrantID) error {
	now := h.clock.now()
	return h.DB.Update(ctx, func(tx kv.Tx) error { return h.RevokeByClient(tx, now, "event-"+string(id), c, id) })
}

// What a request or a grant is good for ends at its moment, not after it,
// whether it was swept or not.
func TestTheMomentItEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before error
		at     error
		until  time.Duration
		do     func(house, GrantID) error
		reach  func(house) GrantID
	}{
		{"a request lapses", nil, ErrLapsed, 10 * time.Minute,
			func(h house, id GrantID) error { _, err := h.Show(ctx, ann, id); return err },
			func(h house) GrantID { return h.push(once()) }},
		{"a shown request lapses", nil, ErrLapsed, 10 * time.Minute,
			func(h house, id GrantID) error { _, _, err := h.Refuse(ctx, ann, id); return err },
			func(h house) GrantID { return h.shown(once()) }},
		{"a grant expires for spending", nil, ErrExpired, time.Hour,
			func(h house, id GrantID) error { _, err := h.Spend(ctx, bank, id, "k", nil); return err },
			func(h house) GrantID { id, _ := h.given(once()); return id }},
		{"a grant expires for reading", nil, ErrExpired, time.Hour,
			func(h house, id GrantID) error { _, err := h.Live(ctx, bank, id); return err },
			func(h house) GrantID { id, _ := h.given(once()); return id }},
		{"an exhausted grant is read no longer than it lasts", nil, ErrExpired, time.Hour,
			func(h house, id GrantID) error { _, err := h.Live(ctx, bank, id); return err },
			func(h house) GrantID {
				id, _ := h.given(once())
				_, err := h.Spend(ctx, bank, id, "k", nil)
				h.must(err)
				return id
			}},
	} {
		for offset, want := range map[time.Duration]error{-time.Second: tt.before, 0: tt.at, time.Second: tt.at} {
			for _, swept := range []bool{false, true} {
				h := build(t)
				id := tt.reach(h)
				h.clock.set(noon.Add(tt.until + offset))
				if swept {
					_, err := h.Sweep(ctx)
					h.must(err)
				}
				if err := tt.do(h, id); !errors.Is(err, want) {
					t.Errorf("%s, %v from its end, swept %v: %v, want %v", tt.name, offset, swept, err, want)
				}
			}
		}
	}
}

func TestTheListShowsWhatWasDecided(t *testing.T) {
	h := build(t)
	h.push(once())
	h.shown(once())
	h.clock.add(time.Second)
	given, _ := h.given(once())
	h.clock.add(time.Second)
	refused := h.shown(once())
	_, _, err := h.Refuse(ctx, ann, refused)
	h.must(err)
	list, err := h.Grants(ctx, ann)
	h.must(err)
	var ids []GrantID
	for _, g := range list {
		ids = append(ids, g.ID)
		if g.Ticket != nil || g.Pending != nil {
			t.Errorf("%s is listed with its ticket", g.State)
		}
	}
	if want := []GrantID{refused, given}; !slices.Equal(ids, want) {
		t.Errorf("Grants = %v, want %v, newest first", ids, want)
	}
	if list, _ := h.Grants(ctx, bob); len(list) != 0 {
		t.Errorf("bob sees %d grants of ann's", len(list))
	}
	h.clock.add(2 * time.Hour)
	if list, _ := h.Grants(ctx, ann); list[1].State != Expired {
		t.Errorf("a grant past its end is listed as %s before a sweep, want expired", list[1].State)
	}
}

func TestPauseStopsUseAndReading(t *testing.T) {
	h := build(t)
	id, _ := h.given(daily(4, ""))
	h.must(h.Pause(ctx, ann, bank))
	h.must(h.Pause(ctx, ann, bank))
	h.leavesNoTrace(ErrPaused, func() error { _, err := h.Spend(ctx, bank, id, "k", nil); return err })
	if _, err := h.Live(ctx, bank, id); !errors.Is(err, ErrPaused) {
		t.Errorf("Live while paused: %v", err)
	}
	if m, err := h.Paused(ctx, ann); err != nil || len(m) != 1 || !m[bank] {
		t.Errorf("Paused = %v, %v", m, err)
	}
	if m, _ := h.Paused(ctx, bob); len(m) != 0 {
		t.Error("ann's pause is bob's, too")
	}
	h.must(h.Resume(ctx, ann, bank))
	if _, err := h.Spend(ctx, bank, id, "k", nil); err != nil {
		t.Errorf("Spend after Resume: %v", err)
	}
	if got, want := h.verbs("ann", GrantID(bank)), []string{"client.paused", "client.resumed"}; !slices.Equal(got, want) {
		t.Errorf("timeline %v, want %v: doing it twice is one deed", got, want)
	}
	if err := h.Pause(ctx, ann, "nobody"); !errors.Is(err, ErrNoClient) {
		t.Errorf("Pause of nobody: %v", err)
	}
}

func TestASuspendedClientIsStoppedAtOnce(t *testing.T) {
	h := build(t)
	id, _ := h.given(daily(4, ""))
	waiting := h.shown(once())
	h.must(h.SuspendClient(ctx, bank, true))
	for name, do := range map[string]func() error{
		"spend":   func() error { _, err := h.Spend(ctx, bank, id, "k", nil); return err },
		"live":    func() error { _, err := h.Live(ctx, bank, id); return err },
		"prepare": func() error { _, err := h.Prepare(ctx, ann, waiting, Choice{Accounts: wallet}, wallet); return err },
		"push": func() error {
			return h.DB.Update(ctx, func(tx kv.Tx) error {
				_, err := h.Push(tx, noon, Request{ID: "x", Client: bank, Asked: once(), Lapses: noon.Add(time.Minute)})
				return err
			})
		},
	} {
		if err := do(); !errors.Is(err, ErrSuspended) {
			t.Errorf("%s: %v, want ErrSuspended", name, err)
		}
	}
	if _, err := h.Revoke(ctx, ann, id); err != nil {
		t.Errorf("a person revokes a suspended client's grant: %v", err)
	}
	h.must(h.SuspendClient(ctx, bank, false))
	if _, err := h.Show(ctx, ann, waiting); err != nil {
		t.Errorf("Show after the suspension: %v", err)
	}
}

func TestWhoIsToldOfAnEnd(t *testing.T) {
	h := build(t)
	first, _ := h.given(daily(4, ""))
	second, _ := h.given(daily(4, ""))
	oneShot, _ := h.given(once())
	short, _ := h.given(once())
	_ = short
	_, err := h.Spend(ctx, bank, oneShot, "k", nil)
	h.must(err)
	_, err = h.Revoke(ctx, ann, first)
	h.must(err)
	_, err = h.Revoke(ctx, ann, first)
	h.must(err)
	h.clock.add(time.Hour)
	_, err = h.Sweep(ctx)
	h.must(err)
	_, err = h.Revoke(ctx, ann, second)
	h.must(err)
	want := []string{
		"exhausted false", // an exhausted grant leaves the aliases alone
		"revoked false",   // second still lives
		"expired false",
		"revoked true",
	}
	if !slices.Equal(*h.told, want) {
		t.Errorf("hooks heard %q, want %q", *h.told, want)
	}
}

func TestAGrantPastItsEndIsNoLivingOne(t *testing.T) {
	h := build(t)
	h.given(once()) // ends in an hour, and is not swept
	long, _ := h.given(daily(4, ""))
	h.clock.add(time.Hour)
	_, err := h.Revoke(ctx, ann, long)
	h.must(err)
	if want := []string{"revoked true"}; !slices.Equal(*h.told, want) {
		t.Errorf("hooks heard %q, want %q", *h.told, want)
	}
}
