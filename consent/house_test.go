package consent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"jali/internal/audit"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

var ctx = context.Background()

// noon is a Wednesday noon in Shanghai.
var noon = time.Date(2026, 11, 18, 12, 0, 0, 0, Shanghai)

const (
	bank  ClientID = "bank"
	other ClientID = "other"
)

var (
	ann = Session{ID: "s1", Person: "ann"}
	bob = Session{ID: "s2", Person: "bob"}
)

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func (c *clock) add(d time.Duration) { c.set(c.now().Add(d)) }

// finger stands in for a passkey: it takes the answer that sign makes.
type finger struct{}

var errFinger = &fault.Error{Kind: fault.Denied, Code: "passkey_refused"}

func (finger) Check(_ kv.Tx, p PersonID, challenge, response []byte) (Evidence, error) {
	if string(response) != string(sign(p, challenge)) {
		return Evidence{}, errFinger
	}
	return Evidence{Credential: []byte("key of " + p), Signature: response}, nil
}

func sign(p PersonID, challenge []byte) []byte {
	return []byte(string(p) + " " + hex.EncodeToString(challenge))
}

// house is a Service with two clients.
type house struct {
	*Service
	testing.TB
	clock *clock
	told  *[]string // what the hooks heard: "state lastLiving"
}

func build(t testing.TB) house {
	t.Helper()
	db, err := boltkv.Open(filepath.Join(t.TempDir(), "jali.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c := &clock{t: noon}
	h := house{&Service{DB: db, StepUp: finger{}, Now: c.now}, t, c, new([]string)}
	h.Ended = append(h.Ended, func(_ kv.Tx, g Grant, last bool) error {
		*h.told = append(*h.told, fmt.Sprint(g.State, " ", last))
		return nil
	})
	for _, id := range []ClientID{bank, other} {
		h.must(h.AddClient(ctx, testClient(id)))
	}
	return h
}

func (h house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// once is a one-shot request that ends in an hour.
func once() Terms {
	return Terms{
		Purpose: BillOverview, Datatypes: []Datatype{Balances, Bills}, Fields: Standard,
		Period: Period{Days: 30}, Uses: Uses{Limit: 1}, Until: noon.Add(time.Hour).UTC(),
	}
}

func daily(limit int, tz string) Terms {
	t := once()
	t.Uses = Uses{Limit: limit, Per: "day", TZ: tz}
	t.Until = noon.Add(30 * 24 * time.Hour).UTC()
	return t
}

func (h house) push(asked Terms) GrantID {
	h.Helper()
	id := GrantID(rand.Text())
	now := h.clock.now()
	h.must(h.DB.Update(ctx, func(tx kv.Tx) error {
		_, err := h.Push(tx, now, Request{ID: id, Client: bank, Asked: asked, Lapses: now.Add(10 * time.Minute)})
		return err
	}))
	return id
}

func (h house) shown(asked Terms) GrantID {
	h.Helper()
	id := h.push(asked)
	_, err := h.Show(ctx, ann, id)
	h.must(err)
	return id
}

var wallet = []AccountID{"wallet", "card"}

func (h house) given(asked Terms) (GrantID, Ticket) {
	h.Helper()
	id := h.shown(asked)
	a, err := h.Prepare(ctx, ann, id, Choice{Accounts: wallet}, wallet)
	h.must(err)
	_, ticket, err := h.Give(ctx, ann, id, sign("ann", a.Challenge))
	h.must(err)
	return id, ticket
}

func (h house) finish(id GrantID, t Ticket) (Grant, error) {
	var g Grant
	now := h.clock.now()
	err := h.DB.Update(ctx, func(tx kv.Tx) error {
		var err error
		g, err = h.Finish(tx, now, id, t)
		return err
	})
	return g, err
}

func (h house) state(id GrantID) State {
	h.Helper()
	var g Grant
	h.must(h.DB.View(ctx, func(tx kv.Tx) error {
		var err error
		if g, err = getGrant(tx, id); errors.Is(err, ErrNoGrant) {
			err = nil
		}
		return err
	}))
	return g.State
}

// verbs is what stands in a person's timeline of one thing or of all, by name:
// events of one microsecond have no order.
func (h house) verbs(p PersonID, id GrantID) []string {
	h.Helper()
	events, err := audit.Timeline(ctx, h.DB, string(p), time.Time{}, 1000)
	h.must(err)
	var list []string
	for _, e := range events {
		if id == "" || e.On == string(id) {
			list = append(list, e.Verb)
		}
	}
	slices.Sort(list)
	return list
}

// rows is everything that is stored.
func (h house) rows() map[string]string {
	h.Helper()
	m := map[string]string{}
	h.must(h.DB.View(ctx, func(tx kv.Tx) error {
		clear(m)
		for row, err := range tx.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			m[string(row.Key)] = string(row.Value)
		}
		return nil
	}))
	return m
}

// leavesNoTrace fails if f, which fails, stored anything.
func (h house) leavesNoTrace(want error, f func() error) {
	h.Helper()
	before := h.rows()
	if err := f(); !errors.Is(err, want) {
		h.Errorf("got %v, want %v", err, want)
	}
	if after := h.rows(); !maps.Equal(before, after) {
		h.Errorf("a failed deed left %d rows of %d, or changed them", len(after), len(before))
	}
}
