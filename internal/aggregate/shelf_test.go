package aggregate_test

import (
	"context"
	"errors"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/kv"
)

// stepping is a store that lets a test in after each of a service's writes.
type stepping struct {
	kv.DB
	after func() error
}

func (s stepping) Update(ctx context.Context, f func(kv.Tx) error) error {
	if err := s.DB.Update(ctx, f); err != nil {
		return err
	}
	return s.after()
}

// A view of very many bills is written in several transactions: it is there
// with the last and not before; who falls over between two finds it by a
// repeat; and what is revoked between two leaves nothing.
func TestAViewOfManyWrites(t *testing.T) {
	const bills = 8950
	const key = "key-0000000000000001"
	for _, tt := range []struct {
		name    string
		between func(h *house, p consent.Session, g consent.GrantID) error
		want    error
	}{
		{"left alone", func(*house, consent.Session, consent.GrantID) error { return nil }, nil},
		{"fallen over", func(*house, consent.Session, consent.GrantID) error { return context.DeadlineExceeded }, aggregate.ErrUnfinished},
		{"revoked", func(h *house, p consent.Session, g consent.GrantID) error {
			_, err := h.consent.Revoke(context.Background(), p, g)
			return err
		}, consent.ErrRevoked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			if err := h.reg.Register(many{wallet("alipay"), bills}); err != nil {
				t.Fatal(err)
			}
			p := h.person("li")
			h.link(p, "alipay")
			g := h.grant(p, "bank", h.everything(once))
			id := h.Vault.ViewID(string(g), key)
			halves := 0
			h.DB = stepping{h.db, func() error {
				n := h.viewRows()["view_part"]
				if n == 0 || n > bills/100 || halves > 0 {
					return nil
				}
				halves++
				if _, err := h.Get(t.Context(), "bank", g, id); !errors.Is(err, aggregate.ErrViewNotFound) {
					t.Errorf("half written: %v, want ErrViewNotFound", err)
				}
				return tt.between(h, p, g)
			}}
			v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: key})
			if !errors.Is(err, tt.want) || halves == 0 {
				t.Fatalf("Open = %v, want %v; met half written %d times", err, tt.want, halves)
			}
			if tt.want == consent.ErrRevoked {
				if n := h.viewRows()["view_part"]; n != 0 {
					t.Errorf("%d parts of the view are left", n)
				}
				return
			}
			if h.DB = h.db; tt.want != nil {
				v = h.open("bank", g, key)
			}
			seen, last, page := map[string]bool{}, "9999", v.Bills
			for {
				for _, b := range page.Items {
					if seen[b.ID] || b.Date > last {
						t.Fatalf("after %d bills: %s of %s, after %s", len(seen), b.ID, b.Date, last)
					}
					seen[b.ID], last = true, b.Date
				}
				if page.Next == "" {
					break
				}
				if page, err = h.Page(t.Context(), "bank", g, id, page.Next, 500); err != nil {
					t.Fatal(err)
				}
			}
			if len(seen) != bills {
				t.Errorf("the view has %d bills, want %d", len(seen), bills)
			}
		})
	}
}

// hoarder is a source that lets go of nothing.
type hoarder struct {
	many
	pages *[][]connectors.Bill
}

func (h hoarder) Bills(ctx context.Context, c connectors.Credential, a connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	p, err := h.many.Bills(ctx, c, a, from, to, next)
	*h.pages = append(*h.pages, p.Bills)
	return p, err
}

// perBill bounds what a client's view holds of each bill while it is made.
const perBill = 500

// A view over many bills holds a little of each, and never the bills.
func TestManyBillsAreHeldSmall(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // what lies on the heap is little more than what lives
	peak := func(c connectors.Connector) int {
		h := newHouse(t)
		if err := h.reg.Register(c); err != nil {
			t.Fatal(err)
		}
		p := h.person("li")
		h.link(p, "alipay")
		g := h.grant(p, "bank", h.everything(once))
		debug.FreeOSMemory()
		before := living()
		var most uint64
		var watched sync.WaitGroup
		done := make(chan struct{})
		watched.Go(func() {
			for {
				most = max(most, living())
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
		if v := h.open("bank", g, "key-0000000000000001"); len(v.Bills.Items) != 100 || !v.Complete {
			t.Fatalf("%d bills, complete %v", len(v.Bills.Items), v.Complete)
		}
		close(done)
		watched.Wait()
		return int(most - min(most, before))
	}
	each := func(of func(n int) connectors.Connector) int { return (peak(of(15_000)) - peak(of(5_000))) / 10_000 }
	var pages [][]connectors.Bill
	if n := each(func(n int) connectors.Connector { pages = nil; return hoarder{many{wallet("alipay"), n}, &pages} }); n <= perBill {
		t.Fatalf("of a source that hoards, %d bytes a bill are seen, want more than %d: this sees nothing", n, perBill)
	}
	pages = nil
	n := each(func(n int) connectors.Connector { return many{wallet("alipay"), n} })
	t.Logf("%d bytes a bill", n)
	if n > perBill {
		t.Errorf("%d bytes of each bill are held, want at most %d", n, perBill)
	}
}

// living is what the last collection found to live.
func living() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
