package aggregate_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
)

// counted is a source that bears so many readings a day without its person and
// answers ErrBusy to more, counting by balances.
type counted struct {
	*fake
	unattended atomic.Int32
	presences  sync.Map // of connectors.Presence
}

func bankOf(limit int) *counted {
	f := wallet("xihe_bank").with(3)
	f.source.Unattended = limit
	return &counted{fake: f}
}

func (c *counted) Balances(ctx context.Context, cred connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	if p, ok := connectors.PresenceOf(ctx); ok {
		c.presences.Store(p, true)
	} else if int(c.unattended.Add(1)) > c.source.Unattended {
		return nil, connectors.ErrBusy
	}
	return c.fake.Balances(ctx, cred, refs)
}

// often is a grant for more looks than a source bears.
func often(h *house) consent.Terms {
	terms := h.everything(consent.Uses{Limit: 4, Per: "day"})
	terms.Period = consent.Period{Days: 10}
	return terms
}

func TestUnattendedReadingsAreBudgeted(t *testing.T) {
	h := newHouse(t)
	bank := bankOf(4)
	h.add(wallet("alipay").with(2))
	if err := h.reg.Register(bank); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "alipay")
	h.link(p, "xihe_bank")
	midnight := time.Date(2026, 11, 22, 0, 0, 0, 0, shanghai)
	var grants []consent.GrantID
	for range 3 { // three clients' worth: they share what the connection bears
		grants = append(grants, h.grant(p, "bank", often(h)))
	}
	n := 0
	view := func(present *aggregate.Presence) (aggregate.View, aggregate.Report) {
		t.Helper()
		v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: grants[n%3], Key: fmt.Sprintf("key-%016d", n), Present: present})
		if err != nil {
			t.Fatal(err)
		}
		n++
		if len(v.Sources) != 2 || v.Sources[0].Status != aggregate.Fresh || v.Sources[0].Unattended != nil {
			t.Fatalf("the other source is %+v", v.Sources[0])
		}
		return v, v.Sources[1]
	}
	for left := 3; left >= 0; left-- {
		v, r := view(nil)
		if r.Status != aggregate.Fresh || r.Unattended == nil || r.Unattended.Limit != 4 || r.Unattended.Left != left || !r.Unattended.ResetsAt.Equal(midnight) || !v.Complete {
			t.Fatalf("with %d left to be: %+v, %+v", left, r, r.Unattended)
		}
	}
	v, r := view(nil)
	if r.Status != aggregate.Skipped || r.Code != "source_budget" || r.Owner != "source" || r.RetryAfter != midnight.Sub(h.clock()) || v.Complete || r.Unattended.Left != 0 {
		t.Errorf("the fifth is %+v, complete %v", r, v.Complete)
	}
	if len(v.Bills.Items) != 5 || !r.AsOf.Equal(v.OpenedAt) || r.Covers.To.IsZero() {
		t.Errorf("what the bank has told before is not told: %d bills, as of %v, of %v", len(v.Bills.Items), r.AsOf, r.Covers)
	}
	if len(v.Balances) != 1 {
		t.Errorf("%d balances are told, of which the bank's are of another time", len(v.Balances))
	}
	if _, r := view(&aggregate.Presence{IP: netip.MustParseAddr("203.0.113.25"), UserAgent: "BankApp", Since: h.clock()}); r.Status != aggregate.Fresh || r.Unattended.Left != 0 {
		t.Errorf("with the person there: %+v", r)
	}
	if _, told := bank.presences.Load(connectors.Presence{IP: netip.MustParseAddr("203.0.113.25"), UserAgent: "BankApp", Since: h.clock()}); !told {
		t.Error("the source is not told how the person is there")
	}
	if l, err := h.OwnAfresh(connectors.Present(t.Context(), connectors.Presence{IP: netip.MustParseAddr("203.0.113.25")}), p, time.Time{}, time.Time{}); err != nil || l.Sources[1].Status != aggregate.Fresh {
		t.Errorf("the person's own look: %+v, %v", l.Sources, err)
	}
	if l, err := h.OwnAfresh(connectors.Present(t.Context(), connectors.Presence{Since: p.At}), p, time.Time{}, time.Time{}); err != nil || l.Sources[1].Status != aggregate.Skipped {
		t.Errorf("from nowhere: %+v, %v", l.Sources, err)
	}
	if got := bank.unattended.Load(); got != 4 {
		t.Errorf("the source was read %d times without the person", got)
	}
	h.pass(14 * time.Hour)
	bank.unattended.Store(0)
	if _, r := view(nil); r.Status != aggregate.Fresh || r.Unattended.Left != 3 || !r.Unattended.ResetsAt.Equal(midnight.AddDate(0, 0, 1)) {
		t.Errorf("a day later: %+v, %+v", r, r.Unattended)
	}
}

// However many come at once, the source is not asked more often than it bears.
func TestUnattendedReadingsAreNotOvershot(t *testing.T) {
	h := newHouse(t)
	bank := bankOf(4)
	if err := h.reg.Register(bank); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "xihe_bank")
	var grants []consent.GrantID
	for range 32 {
		grants = append(grants, h.grant(p, "bank", h.everything(once)))
	}
	var fresh, skipped atomic.Int32
	var all sync.WaitGroup
	for _, g := range grants {
		all.Go(func() {
			v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-0000000000000001"})
			if err != nil {
				t.Error(err)
				return
			}
			switch v.Sources[0].Status {
			case aggregate.Fresh:
				fresh.Add(1)
			case aggregate.Skipped:
				skipped.Add(1)
			}
		})
	}
	all.Wait()
	if fresh.Load() != 4 || skipped.Load() != 28 || bank.unattended.Load() != 4 {
		t.Errorf("%d fresh, %d skipped, %d readings; want 4, 28, 4", fresh.Load(), skipped.Load(), bank.unattended.Load())
	}
}

// A reading that never reached the source is not counted; one that failed there is.
func TestWhatWasNotSentIsGivenBack(t *testing.T) {
	h := newHouse(t)
	bank := bankOf(20)
	if err := h.reg.Register(bank); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "xihe_bank")
	left := func(n int) int {
		t.Helper()
		v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: h.grant(p, "bank", h.everything(once)), Key: fmt.Sprintf("key-%016d", n)})
		if err != nil {
			t.Fatal(err)
		}
		return v.Sources[0].Unattended.Left
	}
	bank.set(func() { bank.err = connectors.ErrDown })
	down, n := 0, 0
	for ; n < 12; n++ { // until the circuit opens
		if left(n) != 19-n {
			break
		}
		down++
	}
	if down == 0 || down == 12 {
		t.Fatalf("after %d failures readings are still sent", down)
	}
	for ; n < 15; n++ {
		if got := left(n); got != 20-down {
			t.Errorf("the source was left alone, and %d readings are left of %d", got, 20-down)
		}
	}
}

// What all processes together have of a source's day is not overshot, and is
// there again the next day.
func TestAllot(t *testing.T) {
	h := newHouse(t)
	var sum atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			n, err := h.Allot(t.Context(), "alipay", "2026-11-21", 100, 7)
			if err != nil {
				t.Error(err)
			}
			sum.Add(int32(n))
		})
	}
	all.Wait()
	if sum.Load() != 100 {
		t.Errorf("%d of 100 calls were given", sum.Load())
	}
	for _, tt := range []struct {
		source, day string
		want        int
	}{
		{"alipay", "2026-11-22", 7},
		{"alipay", "2026-11-21", 7}, // a clock behind gets of the later day
		{"wechatpay", "2026-11-21", 7},
	} {
		if n, err := h.Allot(t.Context(), tt.source, tt.day, 100, 7); err != nil || n != tt.want {
			t.Errorf("%s on %s: %d, %v; want %d", tt.source, tt.day, n, err, tt.want)
		}
	}
}
