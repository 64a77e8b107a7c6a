package consent

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
)

func (h house) request(r Request) error {
	now := h.clock.now()
	r.ID, r.Lapses = GrantID(rand.Text()), now.Add(10*time.Minute)
	return h.ask(r)
}

func (h house) ask(r Request) error {
	now := h.clock.now()
	return h.DB.Update(ctx, func(tx kv.Tx) error { _, err := h.Push(tx, now, r); return err })
}

// revising is a request to change a grant, shown.
func (h house) revising(how Action, id GrantID, asked Terms) GrantID {
	h.Helper()
	request := GrantID(rand.Text())
	h.must(h.ask(Request{ID: request, Client: bank, Asked: asked, Lapses: h.clock.now().Add(10 * time.Minute), Action: how, Revises: id}))
	_, err := h.Show(ctx, ann, request)
	h.must(err)
	return request
}

func (h house) yes(request GrantID, c Choice) (Grant, Ticket) {
	h.Helper()
	a, err := h.Prepare(ctx, ann, request, c, wallet)
	h.must(err)
	g, ticket, err := h.Give(ctx, ann, request, sign("ann", a.Challenge))
	h.must(err)
	return g, ticket
}

func (h house) stored(id GrantID) Grant {
	h.Helper()
	var g Grant
	h.must(h.DB.View(ctx, func(tx kv.Tx) error {
		var err error
		g, err = getGrant(tx, id)
		return err
	}))
	return g
}

func TestAChangeIsSignedForWhatItIs(t *testing.T) {
	h := build(t)
	var changed []Grant
	h.Changed = append(h.Changed, func(_ kv.Tx, _, is Grant) error { changed = append(changed, is); return nil })
	id, _ := h.given(daily(2, ""))
	h.clock.add(time.Hour)
	more := daily(3, "")
	more.Datatypes, more.Fields, more.Period = []Datatype{Balances, Statements}, "", Period{Days: 60}
	request := h.revising(Merge, id, more)
	if g, err := h.Revised(ctx, ann, request); err != nil || g.ID != id || g.Agreed.Uses.Limit != 2 {
		t.Errorf("Revised = %+v, %v", g, err)
	}
	if _, err := h.Revised(ctx, bob, request); !errors.Is(err, ErrNoGrant) {
		t.Errorf("Revised for bob: %v", err)
	}
	a, err := h.Prepare(ctx, ann, request, Choice{Accounts: []AccountID{"card"}}, wallet)
	h.must(err)
	var says struct {
		Grant, Revises GrantID
		Action         Action
		Revision       int
		Terms          struct{ Datatypes []Datatype }
		Accounts       []AccountID
		Before         struct {
			Revision int
			Terms    struct{ Datatypes []Datatype }
			Accounts []AccountID
		}
	}
	h.must(json.Unmarshal(a.JSON, &says))
	if says.Grant != request || says.Revises != id || says.Action != Merge || says.Revision != 2 || says.Before.Revision != 1 ||
		!slices.Equal(says.Terms.Datatypes, []Datatype{Balances, Bills, Statements}) || !slices.Equal(says.Before.Terms.Datatypes, []Datatype{Balances, Bills}) ||
		!slices.Equal(says.Accounts, []AccountID{"card"}) || !slices.Equal(says.Before.Accounts, []AccountID{"card", "wallet"}) {
		t.Errorf("the agreement says %s", a.JSON)
	}
	h.leavesNoTrace(errFinger, func() error { _, _, err := h.Give(ctx, ann, request, sign("bob", a.Challenge)); return err })
	g, ticket, err := h.Give(ctx, ann, request, sign("ann", a.Challenge))
	h.must(err)
	if g.ID != id || g.Revision != 2 || !g.GivenAt.Equal(noon) || !g.DecidedAt.Equal(noon.Add(time.Hour)) || g.Agreed.Uses.Limit != 3 ||
		g.Agreed.Period.Days != 60 || g.Agreed.Fields != Standard || !bytes.Equal(g.Evidence.Agreement, a.JSON) {
		t.Errorf("Give answers %+v", g)
	}
	if len(changed) != 1 || changed[0].ID != id || changed[0].Evidence == nil {
		t.Errorf("Changed heard %+v", changed)
	}
	if live, err := h.Live(ctx, bank, id); err != nil || !slices.Equal(live.Accounts, []AccountID{"card"}) {
		t.Errorf("Live = %v, %v: an account that was unticked is still open", live.Accounts, err)
	}
	if s := h.state(request); s != Applied {
		t.Errorf("the request is %s", s)
	}
	if got, err := h.finish(request, ticket); err != nil || got.ID != id {
		t.Errorf("Finish = %s, %v", got.ID, err)
	}
	if s := h.state(request); s != "" {
		t.Errorf("the request is still here, %s", s)
	}
	if got, want := h.verbs("ann", id), []string{"grant.changed", "grant.given", "grant.shown"}; !slices.Equal(got, want) {
		t.Errorf("timeline %v, want %v", got, want)
	}
	rec, said, err := h.Record(ctx, ann, id)
	if err != nil || rec.ID != id || len(said) != 2 || !bytes.Equal(said[1].Agreement, a.JSON) || bytes.Contains(said[0].Agreement, []byte("revises")) {
		t.Errorf("Record = %d yeses, %v", len(said), err)
	}
	if e, err := h.Evidence(ctx, ann, id); err != nil || !bytes.Equal(e.Agreement, a.JSON) {
		t.Errorf("Evidence is not the last yes: %v", err)
	}
	if _, _, err := h.Record(ctx, bob, id); !errors.Is(err, ErrNoGrant) {
		t.Errorf("Record for bob: %v", err)
	}
	if list, _ := h.Grants(ctx, ann); len(list) != 1 || list[0].ID != id {
		t.Errorf("Grants lists %d", len(list))
	}
}

func TestWhatCannotBeChanged(t *testing.T) {
	h := build(t)
	id, _ := h.given(daily(2, ""))
	gone, _ := h.given(once())
	_, err := h.Revoke(ctx, ann, gone)
	h.must(err)
	spent, _ := h.given(once())
	_, err = h.Spend(ctx, bank, spent, "k", nil)
	h.must(err)
	open := h.shown(once())
	var over GrantID
	over, _ = h.given(once())
	h.clock.add(time.Hour)
	asked := daily(2, "")
	for why, r := range map[string]Request{
		"no such grant":          {Client: bank, Action: Merge, Revises: "nothing"},
		"another client's":       {Client: other, Action: Replace, Revises: id},
		"revoked":                {Client: bank, Action: Replace, Revises: gone},
		"used up":                {Client: bank, Action: Merge, Revises: spent},
		"a request":              {Client: bank, Action: Replace, Revises: open},
		"past its end":           {Client: bank, Action: Replace, Revises: over},
		"nothing named":          {Client: bank, Action: Merge},
		"a new one of an old":    {Client: bank, Action: Create, Revises: id},
		"no action":              {Client: bank, Revises: id},
		"an unknown action":      {Client: bank, Action: "update", Revises: id},
		"put to somebody else":   {Client: bank, Action: Replace, Revises: id, Person: "bob", Decoupled: true},
		"put to nobody in words": {Client: bank, Action: "", Revises: id, Person: "ann", Decoupled: true},
	} {
		r.Asked = asked
		h.leavesNoTrace(ErrNotRevisable, func() error { h.Logf("%s", why); return h.request(r) })
	}
}

// What a request would change may be something else by the time it is decided.
func TestAChangeOfWhatHasChanged(t *testing.T) {
	for why, meanwhile := range map[string]func(house, GrantID){
		"revoked": func(h house, id GrantID) { _, err := h.Revoke(ctx, ann, id); h.must(err) },
		"expired": func(h house, _ GrantID) { h.clock.set(noon.Add(time.Hour)) },
		"changed": func(h house, id GrantID) { h.yes(h.revising(Replace, id, once()), Choice{Accounts: wallet}) },
		"used up": func(h house, id GrantID) { _, err := h.Spend(ctx, bank, id, "k", nil); h.must(err) },
		"left":    func(h house, _ GrantID) { h.leave() },
	} {
		t.Run(why, func(t *testing.T) {
			h := build(t)
			id, _ := h.given(once())
			h.clock.add(55 * time.Minute)
			longer := once()
			longer.Until = noon.Add(2 * time.Hour)
			request := h.revising(Replace, id, longer)
			a, err := h.Prepare(ctx, ann, request, Choice{Accounts: wallet}, wallet)
			h.must(err)
			meanwhile(h, id)
			want := ErrChanged
			if why == "left" {
				want = ErrNoGrant // and so has the request
			}
			for name, do := range map[string]func() error{
				"show":    func() error { _, err := h.Show(ctx, ann, request); return err },
				"revised": func() error { _, err := h.Revised(ctx, ann, request); return err },
				"prepare": func() error { _, err := h.Prepare(ctx, ann, request, Choice{Accounts: wallet}, wallet); return err },
				"give":    func() error { _, _, err := h.Give(ctx, ann, request, sign("ann", a.Challenge)); return err },
			} {
				h.Logf("%s", name)
				h.leavesNoTrace(want, do)
			}
		})
	}
}

func (h house) leave() {
	h.Helper()
	a, err := h.PrepareLeave(ctx, ann)
	h.must(err)
	_, err = h.Leave(ctx, ann, sign("ann", a.Challenge), nil)
	h.must(err)
}

func TestARefusedChangeChangesNothing(t *testing.T) {
	h := build(t)
	id, _ := h.given(daily(2, ""))
	before := h.stored(id)
	request := h.revising(Replace, id, daily(4, ""))
	g, ticket, err := h.Refuse(ctx, ann, request)
	h.must(err)
	if after := h.stored(id); g.ID != request || after.Revision != before.Revision || after.Agreed.Uses != before.Agreed.Uses || after.State != Given {
		t.Errorf("after a no to %s the grant is %+v", g.ID, after)
	}
	if g, err := h.finish(request, ticket); err != nil || g.State != Refused || g.ID != request {
		t.Errorf("Finish = %s %s, %v", g.ID, g.State, err)
	}
}

// What was used counts on after a merge; a replace begins anew, but for today.
func TestUsesAfterAChange(t *testing.T) {
	total := func(n int) Terms { x := daily(n, ""); x.Uses = Uses{Limit: n}; return x }
	for _, tt := range []struct {
		why         string
		before      Terms
		how         Action
		asked       Terms
		left, later int // today, and tomorrow
	}{
		{"a merge keeps what was used", total(3), Merge, total(4), 2, 2},
		{"a replace begins anew", total(3), Replace, total(3), 3, 3},
		{"a renewal gives no second day's worth", daily(3, ""), Replace, daily(3, ""), 1, 3},
		{"nor does a merge", daily(3, ""), Merge, daily(4, ""), 2, 4},
		{"less than was used today", daily(3, ""), Replace, daily(1, ""), 0, 1},
		{"from in all to daily, today's are counted", total(3), Replace, daily(3, ""), 1, 3},
		{"from daily to in all", daily(3, ""), Replace, total(2), 2, 2},
		{"today is today in any zone", daily(3, ""), Replace, daily(3, "Europe/Vienna"), 1, 3},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h := build(t)
			id, _ := h.given(tt.before)
			for i := range 2 {
				_, err := h.Spend(ctx, bank, id, fmt.Sprint(i), nil)
				h.must(err)
			}
			g, _ := h.yes(h.revising(tt.how, id, tt.asked), Choice{Accounts: wallet})
			now := h.clock.now()
			if left, later := g.Left(now), g.Left(now.Add(24*time.Hour)); left != tt.left || later != tt.later {
				t.Errorf("%d left today and %d tomorrow, want %d and %d", left, later, tt.left, tt.later)
			}
			if u, err := h.Spend(ctx, bank, id, "0", nil); err != nil || !u.Repeat {
				t.Errorf("a key from before: %+v, %v; want a repeat", u, err)
			}
		})
	}
}

func TestAMergeLeavesSomethingToUse(t *testing.T) {
	h := build(t)
	asked := daily(3, "")
	asked.Uses = Uses{Limit: 3}
	id, _ := h.given(asked)
	request := h.revising(Merge, id, asked)
	a, err := h.Prepare(ctx, ann, request, Choice{Accounts: wallet, Uses: Uses{Limit: 1}}, wallet)
	h.must(err)
	_, err = h.Spend(ctx, bank, id, "k", nil)
	h.must(err)
	h.leavesNoTrace(ErrChanged, func() error { _, _, err := h.Give(ctx, ann, request, sign("ann", a.Challenge)); return err })
	h.leavesNoTrace(ErrTooFew, func() error {
		_, err := h.Prepare(ctx, ann, request, Choice{Accounts: wallet, Uses: Uses{Limit: 1}}, wallet)
		return err
	})
}

func TestWhatAChangeOffers(t *testing.T) {
	h := build(t)
	id, _ := h.given(daily(2, ""))
	request := h.revising(Replace, id, daily(2, ""))
	h.leavesNoTrace(ErrWider, func() error { // card was disconnected
		_, err := h.Prepare(ctx, ann, request, Choice{Accounts: wallet}, []AccountID{"wallet"})
		return err
	})
	if _, err := h.Show(ctx, bob, request); !errors.Is(err, ErrNoGrant) {
		t.Errorf("bob is shown a change of ann's: %v", err)
	}
}

// A ticket that was not handed on before the change would bring a code for
// what the grant was.
func TestAnOldTicketDoesNotOutliveAChange(t *testing.T) {
	h := build(t)
	id, old := h.given(once())
	_, ticket := h.yes(h.revising(Replace, id, once()), Choice{Accounts: wallet})
	if _, err := h.finish(id, old); !errors.Is(err, ErrNoTicket) {
		t.Errorf("Finish of the first yes: %v", err)
	}
	_ = ticket
}

func TestFinishOfAChangeOfWhatHasEnded(t *testing.T) {
	for why, tt := range map[string]struct {
		end  func(house, GrantID) error
		want error
	}{
		"revoked": {func(h house, id GrantID) error { _, err := h.Revoke(ctx, ann, id); return err }, ErrRevoked},
		"used up": {func(h house, id GrantID) error { _, err := h.Spend(ctx, bank, id, "k", nil); return err }, ErrSpent},
		"expired": {func(h house, _ GrantID) error { h.clock.set(noon.Add(time.Hour)); return nil }, ErrExpired},
		"too old": {func(h house, _ GrantID) error { h.clock.add(TicketLife); _, err := h.Sweep(ctx); return err }, ErrNoTicket},
	} {
		t.Run(why, func(t *testing.T) {
			h := build(t)
			id, _ := h.given(once())
			if why == "expired" {
				h.clock.set(noon.Add(55 * time.Minute))
			}
			request := h.revising(Replace, id, once())
			_, ticket := h.yes(request, Choice{Accounts: wallet})
			h.must(tt.end(h, id))
			if _, err := h.finish(request, ticket); !errors.Is(err, tt.want) {
				t.Errorf("Finish: %v, want %v", err, tt.want)
			}
			h.clock.add(lapsedStays)
			_, err := h.Sweep(ctx)
			h.must(err)
			if s := h.state(request); s != "" {
				t.Errorf("the request is left behind, %s", s)
			}
		})
	}
}

// A recurring grant that lasts longer than two weeks is announced once for
// each yes, a week before its end.
func TestReminders(t *testing.T) {
	const week = 7 * 24 * time.Hour
	h := build(t)
	reminders := func() int {
		n := 0
		for _, v := range h.verbs("ann", "") {
			if v == audit.GrantExpiring {
				n++
			}
		}
		return n
	}
	sweep := func(at time.Time, want int) {
		t.Helper()
		h.clock.set(at)
		_, err := h.Sweep(ctx)
		h.must(err)
		if n := reminders(); n != want {
			t.Errorf("at +%v there are %d reminders, want %d", at.Sub(noon), n, want)
		}
	}
	id, _ := h.given(daily(4, "")) // 30 days
	short, long := daily(4, ""), once()
	short.Until, long.Until = noon.Add(2*week).UTC(), noon.Add(4*week).UTC()
	h.given(short)
	h.given(long)
	end := noon.Add(30 * 24 * time.Hour)
	sweep(end.Add(-week-time.Second), 0)
	sweep(end.Add(-week), 1)
	sweep(end.Add(-week+time.Second), 1)
	renewed := daily(4, "")
	renewed.Until = end.Add(4 * week).UTC()
	h.yes(h.revising(Replace, id, renewed), Choice{Accounts: wallet})
	sweep(end.Add(time.Second), 1)
	sweep(end.Add(3*week-time.Second), 1)
	sweep(end.Add(3*week), 2)
	for key := range h.rows() {
		if strings.Contains(key, dueRemind) {
			t.Errorf("a reminder is left: %q", key)
		}
	}
	_, err := h.Revoke(ctx, ann, id)
	h.must(err)
	sweep(end.Add(8*week), 2)
}

// Where the yes is too old to be read by before the grant ends, that moment is
// what is announced, once for each yes, to the person and to the client.
func TestRemindersOfAnOldYes(t *testing.T) {
	const day = 24 * time.Hour
	begins := func(life time.Duration) (house, GrantID, func(at time.Time, want int)) {
		h := build(t)
		h.StepUpLife = life
		h.listens(bank)
		id, _ := h.given(daily(4, "")) // 30 days
		return h, id, func(at time.Time, want int) {
			t.Helper()
			h.clock.set(at)
			_, err := h.Sweep(ctx)
			h.must(err)
			said, told := 0, 0
			for _, v := range h.verbs("ann", "") {
				if v == audit.GrantExpiring {
					said++
				}
			}
			for _, v := range h.queued(bank) {
				if strings.HasPrefix(v, webhook.GrantExpiring) {
					told++
				}
			}
			if said != want || told != want {
				t.Errorf("at +%v it was said %d times and told %d times; want %d", at.Sub(noon), said, told, want)
			}
		}
	}
	t.Run("each yes", func(t *testing.T) {
		h, id, sweep := begins(20 * day)
		sweep(noon.Add(13*day-time.Second), 0)
		sweep(noon.Add(13*day), 1)
		sweep(noon.Add(23*day), 1) // nothing more before its end
		renewed := daily(4, "")
		renewed.Until = noon.Add(60 * day).UTC()
		h.yes(h.revising(Replace, id, renewed), Choice{Accounts: wallet})
		sweep(noon.Add(36*day-time.Second), 1)
		sweep(noon.Add(36*day), 2)
		sweep(noon.Add(61*day), 2)
	})
	t.Run("its end comes first", func(t *testing.T) {
		_, _, sweep := begins(180 * day)
		sweep(noon.Add(23*day-time.Second), 0)
		sweep(noon.Add(23*day), 1)
	})
	t.Run("too short a life to be worth it", func(t *testing.T) {
		_, _, sweep := begins(14 * day)
		sweep(noon.Add(29*day), 0)
	})
	t.Run("swept when it is too late", func(t *testing.T) {
		_, _, sweep := begins(20 * day)
		sweep(noon.Add(20*day), 0)
	})
	t.Run("a longer life since", func(t *testing.T) {
		h, _, sweep := begins(20 * day)
		h.StepUpLife = 25 * day
		sweep(noon.Add(13*day), 0)
		sweep(noon.Add(18*day), 1)
	})
	t.Run("a longer life and another yes since", func(t *testing.T) {
		h, id, sweep := begins(20 * day)
		h.StepUpLife = 25 * day
		h.clock.set(noon.Add(day))
		renewed := daily(4, "")
		renewed.Until = noon.Add(60 * day).UTC()
		h.yes(h.revising(Replace, id, renewed), Choice{Accounts: wallet})
		sweep(noon.Add(13*day), 0)
		sweep(noon.Add(19*day), 1)
		sweep(noon.Add(59*day), 1)
	})
}

func TestAnOldYesIsNotReadBy(t *testing.T) {
	const life = 10 * 24 * time.Hour
	for offset, want := range map[time.Duration]error{-time.Second: nil, 0: ErrStepUpOld, time.Second: ErrStepUpOld} {
		h := build(t)
		h.StepUpLife = life
		id, _ := h.given(daily(4, ""))
		h.clock.add(life + offset)
		_, live := h.Live(ctx, bank, id)
		_, spend := h.Spend(ctx, bank, id, "k", nil)
		if !errors.Is(live, want) || !errors.Is(spend, want) {
			t.Errorf("%v from the end of a yes: Live %v, Spend %v; want %v", offset, live, spend, want)
		}
		h.yes(h.revising(Replace, id, daily(4, "")), Choice{Accounts: wallet})
		if _, err := h.Live(ctx, bank, id); err != nil {
			t.Errorf("after a new yes: %v", err)
		}
	}
}
