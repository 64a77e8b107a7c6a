package consent

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jali/internal/audit"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

// TestAnyLife walks grants of two clients through random lives, ten thousand
// of them in CI (.ci/run), beside a model of what a grant is, with the clock set to a
// second before, at and after every moment at which something ends.
func TestAnyLife(t *testing.T) {
	for _, name := range []string{"rapid.checks", "rapid.steps", "rapid.seed"} {
		was := flag.Lookup(name).Value.String()
		t.Cleanup(func() { _ = flag.Set(name, was) })
	}
	lives := "500"
	if os.Getenv("CI") == "true" && !raced { // one goroutine walks, and the detector would take minutes
		lives = "5000"
	}
	if os.Getenv("CI") == "true" { // the same lives each time; new ones are for whoever runs this by hand
		if err := flag.Set("rapid.seed", "20261122"); err != nil {
			t.Fatal(err)
		}
	}
	empty := &memory{rows: map[string][]byte{}}
	register(t, empty)
	for _, where := range []struct {
		name   string
		checks string // on each of two runs side by side
		open   func(*testing.T) func() kv.DB
	}{
		{"bbolt", "10", func(t *testing.T) func() kv.DB {
			dir, n := t.TempDir(), 0
			return func() kv.DB {
				n++
				db, err := boltkv.Open(filepath.Join(dir, fmt.Sprint(n, ".db")))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = db.Close() })
				register(t, db)
				return db
			}
		}},
		{"memory", lives, func(*testing.T) func() kv.DB { return func() kv.DB { return empty.clone() } }},
	} {
		t.Run(where.name, func(t *testing.T) {
			if err := errors.Join(flag.Set("rapid.checks", where.checks), flag.Set("rapid.steps", "24")); err != nil {
				t.Fatal(err)
			}
			for _, side := range []string{"left", "right"} {
				t.Run(side, func(t *testing.T) {
					t.Parallel()
					open := where.open(t)
					rapid.Check(t, func(rt *rapid.T) { live(rt, open()) })
				})
			}
		})
	}
}

func register(t *testing.T, db kv.DB) {
	s := &Service{DB: db, Now: func() time.Time { return noon }}
	for _, id := range []ClientID{bank, other} {
		if err := s.AddClient(ctx, testClient(id)); err != nil {
			t.Fatal(err)
		}
	}
}

// machine is a Service and what should be true of it.
type machine struct {
	*Service
	*model
	key  int
	seen map[GrantID]seen
	on   *life // what agree is about
}

type seen struct {
	raw   []byte
	grant Grant
}

func live(rt *rapid.T, db kv.DB) {
	m := &machine{seen: map[GrantID]seen{}, model: &model{clock: noon.UTC(), paused: map[ClientID]bool{}, removed: map[ClientID]bool{}}}
	var told []string
	m.Service = &Service{DB: db, StepUp: finger{}, Now: func() time.Time { return m.clock }}
	m.Ended = append(m.Ended, func(_ kv.Tx, g Grant, last bool) error {
		told = append(told, fmt.Sprint(g.State, " ", last))
		return nil
	})
	if rapid.Bool().Draw(rt, "steps up") {
		m.stepUp = 16 * 24 * time.Hour
		m.StepUpLife = m.stepUp
	}
	m.push(rt)
	rt.Repeat(map[string]func(*rapid.T){
		"push": m.push, "show": m.show, "agree": m.agree, "agree again": m.agree, "agree once more": m.agree, "prepare": m.prepare, "give": m.give,
		"refuse": m.refuse, "finish": m.finish, "spend": m.spend, "repeat": m.repeat, "revoke": m.revoke,
		"revoke all": m.revokeAll, "pause": m.pause, "pause all": m.pauseAll, "remove": m.remove, "sweep": m.sweeps,
		"wait": m.wait, "wait on": m.wait, "": m.check,
	})
	if !slices.Equal(told, m.told) {
		rt.Fatalf("hooks heard %q, want %q", told, m.told)
	}
	events, err := audit.Timeline(ctx, db, "ann", time.Time{}, 1000)
	reminds := len(slices.DeleteFunc(events, func(e audit.Event) bool { return e.Verb != audit.GrantExpiring }))
	if err != nil || reminds != m.reminds {
		rt.Fatalf("%d reminders, %v; want %d", reminds, err, m.reminds)
	}
}

func (m *machine) wants(rt *rapid.T, what string, l *life, err error, want *fault.Error) bool {
	rt.Helper()
	if want == nil && err != nil || want != nil && !errors.Is(err, want) {
		rt.Fatalf("%s of %s in %s at %v: %v, want %v", what, l.id, l.state, m.clock, err, want)
	}
	return err == nil
}

func (m *machine) one(rt *rapid.T, prefer func(*life) bool) *life {
	if m.on != nil {
		return m.on
	}
	if some := slices.DeleteFunc(slices.Clone(m.lives), func(l *life) bool { return !prefer(l) }); len(some) > 0 && rapid.IntRange(0, 9).Draw(rt, "likely") > 0 {
		return rapid.SampledFrom(some).Draw(rt, "which")
	}
	return rapid.SampledFrom(m.lives).Draw(rt, "which")
}

// stored is getGrant, but reads again only what has changed.
func (m *machine) stored(tx kv.Tx, id GrantID) (Grant, error) {
	raw, err := tx.Get(grantKey(id))
	if s := m.seen[id]; err == nil && raw != nil && bytes.Equal(s.raw, raw) {
		return s.grant, nil
	}
	g, err := getGrant(tx, id)
	if err == nil {
		var read Grant
		if err = kv.Decode(raw, &read); err == nil && !reflect.DeepEqual(g, read) {
			err = fmt.Errorf("%s is remembered as %+v, and is %+v", id, g, read)
		}
	}
	m.seen[id] = seen{bytes.Clone(raw), g}
	return g, err
}

// check compares what is stored with what should be.
func (m *machine) check(rt *rapid.T) {
	indexed, given, somebody := 0, 0, false
	if err := m.DB.View(ctx, func(tx kv.Tx) error {
		indexed, given = 0, 0
		for _, index := range []string{"given", "living"} {
			for range tx.Scan(kv.Prefix(room, index)) {
				indexed++
			}
		}
		for _, l := range m.lives {
			g, err := m.stored(tx, l.id)
			if l.gone != errors.Is(err, ErrNoGrant) || !l.gone && err != nil {
				return fmt.Errorf("%s: %w, removed %v", l.id, err, l.gone)
			}
			if !l.gone && (g.State != l.state || g.Revision != l.revision || g.Uses != l.uses || g.left(m.clock) != l.left(m.clock) ||
				!g.DecidedAt.Equal(l.decided) || g.Asked.Uses != l.asked.Uses || !g.Asked.Until.Equal(l.asked.Until)) {
				return fmt.Errorf("%s is %+v; want %+v", l.id, g, *l)
			}
			if l.state == Given {
				given += 2
			}
			if !l.decoupled {
				continue
			}
			somebody = true
			of, want := l, error(nil)
			switch {
			case l.gone:
				want = ErrNoGrant
			case l.state == Applied:
				of = l.target
			}
			if d, err := m.Decision(tx, l.client, l.id); !errors.Is(err, want) || err == nil && (d.ID != of.id || d.State != of.state) {
				return fmt.Errorf("decision on %s: %s %s, %w", l.id, d.ID, d.State, err)
			}
		}
		return nil
	}); err != nil || indexed != given {
		rt.Fatalf("%d rows in two indexes of %d given, %v", indexed, given/2, err)
	}
	if somebody {
		m.checkWaiting(rt)
	}
	l := m.one(rt, (*life).wasGiven)
	_, err := m.Live(ctx, l.client, l.id)
	m.wants(rt, "Live", l, err, m.using(l))
}

func (m *machine) checkWaiting(rt *rapid.T) {
	var waits []GrantID
	for _, l := range m.lives {
		if l.decoupled && l.open() && !l.dead(m.clock) && m.changed(l) == nil && m.missing(l.client) == nil && !m.paused[l.client] && !m.all {
			waits = append(waits, l.id)
		}
	}
	list, err := m.Waiting(ctx, ann)
	slices.SortFunc(list, func(a, b Grant) int { return strings.Compare(string(a.ID), string(b.ID)) }) // of one moment there is no order
	if err != nil || !slices.EqualFunc(list, waits, func(g Grant, id GrantID) bool { return g.ID == id }) {
		rt.Fatalf("Waiting = %v, %v; want %v", list, err, waits)
	}
}
