package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/kv"
	"jali/internal/secret"
)

// rotating is a source whose refresh tokens can be used once, and whose access
// tokens are good for one look.
type rotating struct {
	*fake
	mu        sync.Mutex
	now       int // the only credential that it accepts
	refreshes int
	reused    int
	used      map[string]int
}

func newRotating() *rotating {
	return &rotating{fake: wallet("alipay").with(1), used: map[string]int{}}
}

func (r *rotating) name() string { return fmt.Sprintf("credential-%d", r.now) }

// Stale: every credential but the newest that a test has let through.
func (r *rotating) Stale(c connectors.Credential, _ time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used[c.RevealString()] > 0
}

func (r *rotating) Refresh(_ context.Context, c connectors.Credential) (connectors.Credential, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refreshes++
	if c.RevealString() != r.name() {
		r.reused++
		return connectors.Credential{}, connectors.ErrUnauthorized
	}
	r.now++
	return secret.Of(r.name()), nil
}

func (r *rotating) Balances(ctx context.Context, c connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	r.mu.Lock()
	wrong := c.RevealString() != r.name()
	r.mu.Unlock()
	if wrong {
		return nil, connectors.ErrUnauthorized
	}
	return r.fake.Balances(ctx, c, refs)
}

func (r *rotating) age() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used[r.name()]++
}

// A hundred callers at once trade an old credential for one new one.
func TestAHundredCallersRefreshOnce(t *testing.T) {
	h := newHouse(t)
	r := newRotating()
	if err := h.reg.Register(r); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "alipay")
	var grants []consent.GrantID
	for range 100 {
		grants = append(grants, h.grant(p, "bank", h.everything(once)))
	}
	r.age()
	var all sync.WaitGroup
	for _, g := range grants {
		all.Go(func() {
			v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-0000000000000001"})
			if err != nil || v.Sources[0].Status != aggregate.Fresh {
				t.Errorf("%v, %+v", err, v.Sources)
			}
		})
	}
	all.Wait()
	if r.refreshes != 1 || r.reused != 0 {
		t.Errorf("refreshed %d times, %d of them with a credential that was traded already", r.refreshes, r.reused)
	}
}

// stoppable is a store that stops when a test says.
type stoppable struct {
	kv.DB
	stop atomic.Bool
}

var errStop = errors.New("the machine has stopped")

func (f *stoppable) Update(ctx context.Context, do func(kv.Tx) error) error {
	if f.stop.Load() {
		return errStop
	}
	return f.DB.Update(ctx, do)
}

// stopping stops the store once the source has traded a credential.
type stopping struct {
	*rotating
	store *stoppable
}

func (s stopping) Refresh(ctx context.Context, c connectors.Credential) (connectors.Credential, error) {
	fresh, err := s.rotating.Refresh(ctx, c)
	s.store.stop.Store(err == nil)
	return fresh, err
}

// A crash between the source's answer and its storing: nobody reads with what
// is stored nowhere, and afterwards the person is told how to mend it.
func TestACrashBetweenRefreshAndStore(t *testing.T) {
	h := newHouse(t)
	store := &stoppable{DB: h.db}
	r := stopping{newRotating(), store}
	h.DB = store
	if err := h.reg.Register(r); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	connection := h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(consent.Uses{Limit: 4, Per: "day"}))
	r.age()
	if _, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-0000000000000001"}); !errors.Is(err, errStop) {
		t.Errorf("with the store gone a view is %v", err)
	}
	if len(r.creds) != 0 {
		t.Errorf("the source was read with %v, which is stored nowhere", r.creds)
	}
	store.stop.Store(false)
	for n := range 3 { // the source knows the old credential no more
		v := h.open("bank", g, fmt.Sprintf("key-%016d", 2+n))
		if s := v.Sources[0]; s.Status != aggregate.Refused || s.Code != "source_unauthorized" || s.Owner != "person" || s.Action != "reconnect" || v.Complete || len(v.Bills.Items) != 0 {
			t.Errorf("it is %+v with %d bills, complete %v", s, len(v.Bills.Items), v.Complete)
		}
	}
	if r.refreshes != 2 || r.reused != 1 {
		t.Errorf("refreshed %d times, %d of them in vain; a refused connection is not asked again", r.refreshes, r.reused)
	}
	all, err := h.Connections(t.Context(), p)
	if err != nil || len(all) != 1 || all[0].State != "needs_person" {
		t.Fatalf("its person sees %+v, %v", all, err)
	}
	h.pass(time.Hour)
	look, err := h.OwnAfresh(t.Context(), p, time.Time{}, time.Time{})
	if err != nil || look.Sources[0].Action != "reconnect" {
		t.Errorf("its person's look says %+v, %v", look.Sources, err)
	}
	r.mu.Lock()
	r.now, r.used = 0, map[string]int{}
	r.mu.Unlock()
	if again := h.link(p, "alipay"); again.ID != connection.ID || again.State != "healthy" {
		t.Errorf("linked again it is %+v", again)
	}
}

// What a source gave in a refresh is on disk before the source is asked with it.
func TestARotatedTokenIsStoredFirst(t *testing.T) {
	dir := t.TempDir()
	h := houseIn(t, dir)
	h.client("bank", "opaque")
	r := newRotating()
	if err := h.reg.Register(r); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "alipay")
	var rows [][]byte // of the connection, at each reading
	r.asked = func() {
		if err := h.db.View(context.Background(), func(tx kv.Tx) error {
			for e, err := range tx.Scan(kv.Prefix("aggregate", "connection", p.Person)) {
				if err != nil {
					return err
				}
				rows = append(rows, append([]byte(nil), e.Value...))
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	for n := range 3 {
		h.open("bank", h.grant(p, "bank", h.everything(once)), fmt.Sprintf("key-%016d", n))
		r.age()
	}
	if len(rows) != 3 || string(rows[0]) == string(rows[1]) || string(rows[1]) == string(rows[2]) {
		t.Errorf("of %d readings with a credential each, the stored one was the same", len(rows))
	}
	// Another process, with nothing in memory, goes on from what is stored.
	_ = h.db.Close()
	_ = h.keys.Close()
	h = houseIn(t, dir)
	if err := h.reg.Register(r); err != nil {
		t.Fatal(err)
	}
	r.asked = nil
	look, err := h.OwnAfresh(t.Context(), p, time.Time{}, time.Time{})
	if err != nil || look.Sources[0].Status != aggregate.Fresh || r.reused != 0 {
		t.Errorf("after a restart: %+v, %v; %d in vain", look.Sources, err, r.reused)
	}
}
