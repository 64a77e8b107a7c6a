package consent

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"jali/internal/fault"
	"jali/internal/kv"
)

// most is how many grants and requests one sequence has.
const most = 7

func (m *machine) push(rt *rapid.T) {
	if len(m.lives) == most {
		rt.Skip("enough")
	}
	l := &life{id: GrantID(fmt.Sprint("g", len(m.lives))), client: bank, state: Pushed, keys: map[string]time.Time{}}
	if rapid.IntRange(0, 3).Draw(rt, "other") == 0 {
		l.client = other
	}
	l.asked = once()
	if rapid.Bool().Draw(rt, "daily") {
		l.asked.Uses.Per = "day"
	}
	l.asked.Uses.Limit = rapid.IntRange(1, 3).Draw(rt, "limit")
	l.asked.Until = m.clock.Add(rapid.SampledFrom([]time.Duration{time.Hour, 14 * 24 * time.Hour, 20 * 24 * time.Hour}).Draw(rt, "until")).Truncate(time.Second)
	l.lapses, l.decoupled = m.clock.Add(10*time.Minute), rapid.IntRange(0, 3).Draw(rt, "decoupled") == 0
	r := Request{ID: l.id, Client: l.client, Asked: l.asked, Lapses: l.lapses, Decoupled: l.decoupled}
	if l.decoupled {
		r.Person = "ann"
	}
	want := m.missing(l.client)
	if len(m.lives) > 0 && rapid.Bool().Draw(rt, "revises") {
		l.action = rapid.SampledFrom([]Action{Merge, Replace}).Draw(rt, "action")
		l.target = m.one(rt, func(t *life) bool { return t.given(m.clock) && t.client == l.client })
		l.base, r.Action, r.Revises = l.target.revision, l.action, l.target.id
		t := l.target
		switch {
		case want != nil:
		case t.gone || t.client != l.client || !t.given(m.clock):
			want = ErrNotRevisable
		case l.action == Merge && t.agreed.Uses.Per != l.asked.Uses.Per:
			want = ErrTerms
		case l.action == Merge:
			l.asked.Uses.Limit = max(l.asked.Uses.Limit, t.agreed.Uses.Limit)
			if t.agreed.Until.After(l.asked.Until) {
				l.asked.Until = t.agreed.Until
			}
		}
	}
	l.named = l.decoupled || l.target != nil
	if want == nil && l.decoupled && m.waits(l.client) >= maxWaiting {
		want = ErrWaiting
	}
	now := m.clock
	err := m.DB.Update(ctx, func(tx kv.Tx) error { _, err := m.Push(tx, now, r); return err })
	if m.wants(rt, "Push", l, err, want) {
		m.lives = append(m.lives, l)
	} else if len(m.lives) == 0 {
		rt.Fatal("the first is refused")
	}
}

// agree goes all the way to a yes, of what is open or of something new: by
// single steps few lives would come as far as a second one.
func (m *machine) agree(rt *rapid.T) {
	on := m.one(rt, (*life).open)
	if n := len(m.lives); !on.open() && n < most {
		if m.push(rt); len(m.lives) == n {
			return
		}
		on = m.lives[n]
	}
	m.on = on
	for _, step := range []func(*rapid.T){m.show, m.prepare, m.give} {
		step(rt)
	}
	m.on = nil
}

func (m *machine) show(rt *rapid.T) {
	l := m.one(rt, (*life).open)
	if l.named && !l.gone {
		_, err := m.Show(ctx, bob, l.id)
		m.wants(rt, "Show to bob", l, err, ErrNoGrant)
	}
	_, err := m.Show(ctx, ann, l.id)
	if m.wants(rt, "Show", l, err, m.showing(l)) {
		l.state, l.named = Shown, true
	}
}

func (m *machine) prepare(rt *rapid.T) {
	l := m.one(rt, func(l *life) bool { return l.state == Shown })
	c := Choice{Accounts: wallet}
	if rapid.Bool().Draw(rt, "less often") {
		c.Uses = Uses{Limit: rapid.IntRange(1, l.asked.Uses.Limit).Draw(rt, "limit"), Per: l.asked.Uses.Per}
	}
	want := m.deciding(l)
	limit := max(c.Uses.Limit, 0)
	if limit == 0 {
		limit = l.asked.Uses.Limit
	}
	if want == nil && l.action == Merge && l.asked.Uses.Per == "" && limit <= l.target.uses {
		want = ErrTooFew
	}
	a, err := m.Prepare(ctx, ann, l.id, c, wallet)
	if m.wants(rt, "Prepare", l, err, want) {
		l.pending = &a
	}
}

func (m *machine) give(rt *rapid.T) {
	l := m.one(rt, func(l *life) bool { return l.state == Shown && l.pending != nil })
	want, answer := m.deciding(l), []byte(nil)
	if l.pending != nil {
		answer = sign("ann", l.pending.Challenge)
	}
	switch {
	case want != nil:
	case l.pending == nil || !m.clock.Before(l.pending.Until):
		want = ErrNoAgreement
	case l.action == Merge && l.pending.Terms.Uses.Per == "" && l.pending.Terms.Uses.Limit <= l.target.uses:
		want = ErrChanged
	}
	g, ticket, err := m.Give(ctx, ann, l.id, answer)
	if !m.wants(rt, "Give", l, err, want) {
		return
	}
	of := l
	if l.decided, l.ticket = m.clock, ticket; l.target != nil {
		of, l.state = l.target, Applied
		m.revised(of, l)
	} else {
		l.state, l.agreed, l.revision = Given, l.pending.Terms, 1
	}
	if g.ID != of.id || g.Revision != of.revision || (ticket == "") != l.decoupled {
		rt.Fatalf("Give of %s answers %s, revision %d, ticket %q", l.id, g.ID, g.Revision, ticket)
	}
	l.pending = nil
}

func (m *machine) refuse(rt *rapid.T) {
	l := m.one(rt, func(l *life) bool { return l.state == Shown })
	_, ticket, err := m.Refuse(ctx, ann, l.id)
	if m.wants(rt, "Refuse", l, err, m.refusing(l)) {
		l.state, l.decided, l.ticket, l.pending = Refused, m.clock, ticket, nil
	}
}

func (m *machine) finish(rt *rapid.T) {
	l := m.one(rt, func(l *life) bool { return l.ticket != "" })
	var g Grant
	now, want := m.clock, m.finishing(l)
	err := m.DB.Update(ctx, func(tx kv.Tx) error {
		var err error
		g, err = m.Finish(tx, now, l.id, l.ticket)
		return err
	})
	if m.wants(rt, "Finish", l, err, want) {
		if l.ticket, l.gone = "", l.state == Applied; l.gone != (g.ID != l.id) {
			rt.Fatalf("Finish of %s answers %s", l.id, g.ID)
		}
	}
}

func (m *machine) spend(rt *rapid.T) {
	l := m.one(rt, func(l *life) bool { return l.state == Given })
	want := m.using(l)
	if want == nil && l.left(m.clock) == 0 {
		if want = ErrSpent; l.state == Given && l.agreed.Uses.Per != "" {
			want = ErrSpentToday
		}
	}
	m.key++
	key := fmt.Sprint("k", m.key)
	_, err := m.Spend(ctx, l.client, l.id, key, nil)
	if !m.wants(rt, "Spend", l, err, want) {
		return
	}
	if day := DateOf(m.clock, Shanghai); day > l.day {
		l.day, l.today = day, 0
	}
	l.uses, l.today, l.keys[key] = l.uses+1, l.today+1, m.clock
	if l.agreed.Uses.Per == "" && l.left(m.clock) == 0 {
		m.over(l, Exhausted)
	}
}

func (m *machine) repeat(rt *rapid.T) {
	l := m.one(rt, func(l *life) bool { return len(l.keys) > 0 })
	if len(l.keys) == 0 {
		rt.Skip("no key")
	}
	u, err := m.Spend(ctx, l.client, l.id, rapid.SampledFrom(slices.Sorted(maps.Keys(l.keys))).Draw(rt, "key"), nil)
	if m.wants(rt, "a repeat", l, err, m.using(l)) && (!u.Repeat || u.Left != l.left(m.clock)) {
		rt.Fatalf("a repeat: %+v, want %d left", u, l.left(m.clock))
	}
}

func (m *machine) revoke(rt *rapid.T) {
	l := m.one(rt, (*life).wasGiven)
	var want *fault.Error
	if l.gone || !l.wasGiven() {
		want = ErrNoGrant
	}
	_, err := m.Revoke(ctx, ann, l.id)
	if m.wants(rt, "Revoke", l, err, want) && (l.state == Exhausted || l.given(m.clock)) {
		m.over(l, Revoked)
	}
}

func (m *machine) revokeAll(rt *rapid.T) {
	c := rapid.SampledFrom([]ClientID{bank, other}).Draw(rt, "client")
	n, err := m.RevokeAll(ctx, ann, c)
	ended := 0
	for _, s := range []State{Exhausted, Given} {
		for _, l := range m.lives {
			if l.client == c && l.state == s && !l.over(m.clock) {
				m.over(l, Revoked)
				ended++
			}
		}
	}
	if err != nil || n != ended {
		rt.Fatalf("RevokeAll = %d, %v; want %d", n, err, ended)
	}
}

func (m *machine) pause(rt *rapid.T) {
	c := rapid.SampledFrom([]ClientID{bank, other}).Draw(rt, "client")
	do, gone := m.Pause, m.removed[c]
	if m.paused[c] {
		do, gone = m.Resume, false // also one that is gone
	}
	if err := do(ctx, ann, c); gone != errors.Is(err, ErrNoClient) || !gone && err != nil {
		rt.Fatalf("Pause or Resume: %v", err)
	}
	if !gone {
		m.paused[c] = !m.paused[c]
	}
}

func (m *machine) pauseAll(rt *rapid.T) {
	do := m.PauseAll
	if m.all {
		do = m.ResumeAll
	}
	if err := do(ctx, ann); err != nil {
		rt.Fatal(err)
	}
	m.all = !m.all
	if on, err := m.AllPaused(ctx, ann); err != nil || on != m.all {
		rt.Fatalf("AllPaused = %v, %v", on, err)
	}
}

func (m *machine) remove(rt *rapid.T) {
	if rapid.IntRange(0, 3).Draw(rt, "rarely") > 0 {
		rt.Skip("clients stay")
	}
	want := m.missing(other)
	if err := m.RemoveClient(ctx, other); want == nil && err != nil || want != nil && !errors.Is(err, want) {
		rt.Fatalf("RemoveClient: %v, want %v", err, want)
	}
	m.removed[other] = true
	for _, l := range m.lives {
		switch {
		case l.client != other || l.state != Given:
		case l.over(m.clock):
			m.over(l, Expired)
		default:
			m.over(l, Revoked)
		}
	}
}

func (m *machine) sweeps(rt *rapid.T) {
	n, err := m.Sweep(ctx)
	if want := m.passes(); err != nil || n != want {
		rt.Fatalf("Sweep = %d, %v; want %d", n, err, want)
	}
}

func (m *machine) wait(rt *rapid.T) {
	to := m.clock.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(rt, "a while"))
	if list := slices.DeleteFunc(m.moments(), func(at time.Time) bool { return !at.After(m.clock) }); len(list) > 0 {
		at := rapid.SampledFrom(list).Draw(rt, "moment")
		to = at.Add(rapid.SampledFrom([]time.Duration{-time.Second, 0, time.Second}).Draw(rt, "off"))
	}
	if to.After(m.clock) {
		m.clock = to
	}
}
