package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/kv"
)

func TestViewHoldsWhatWasGrantedUnderAliases(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(3), wallet("wechatpay").with(2))
	p := h.person("li")
	h.link(p, "alipay")
	h.link(p, "wechatpay")
	g := h.grant(p, "bank", h.everything(once))
	v := h.open("bank", g, "key-0000000000000001")

	if len(v.Sources) != 2 || v.Sources[0].Status != aggregate.Fresh || !v.Complete || v.UsesLeft != 0 {
		t.Errorf("sources %+v, complete %v, uses left %d", v.Sources, v.Complete, v.UsesLeft)
	}
	if len(v.Accounts) != 2 || len(v.Balances) != 2 || len(v.Bills.Items) != 5 {
		t.Fatalf("%d accounts, %d balances, %d bills; want 2, 2, 5", len(v.Accounts), len(v.Balances), len(v.Bills.Items))
	}
	total := v.Totals[0]
	if total.Assets != yuan(20100) || total.Net != yuan(20100) || total.Out != yuan(101+102+103+101+102) || total.In != yuan(0) {
		t.Errorf("totals are %+v", total)
	}
	for i := 1; i < len(v.Bills.Items); i++ {
		if v.Bills.Items[i].Time.After(v.Bills.Items[i-1].Time) {
			t.Error("bills are not newest first")
		}
	}
	if !v.ExpiresAt.Equal(v.OpenedAt.Add(10 * time.Minute)) {
		t.Errorf("it lives from %v to %v", v.OpenedAt, v.ExpiresAt)
	}
	text, _ := json.Marshal([]any{v, v.Bills})
	for _, canary := range []string{"ref-alipay", "20880000", "order-alipay", "alipay-0000", string(h.accountIDs(p)[0])} {
		if strings.Contains(string(text), canary) {
			t.Errorf("the view holds %q", canary)
		}
	}
	again, err := h.Get(t.Context(), "bank", g, v.ID)
	if err != nil || !sameView(again, v) {
		t.Errorf("read again it is another: %v", err)
	}
}

func sameView(a, b aggregate.View) bool {
	x, _ := json.Marshal([]any{a, a.Bills})
	y, _ := json.Marshal([]any{b, b.Bills})
	return string(x) == string(y)
}

// Fields, datatypes and wishes narrow what is shown.
func TestViewShowsNoMoreThanGranted(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(1), wallet("wechatpay").with(1))
	p := h.person("li")
	h.link(p, "alipay")
	h.link(p, "wechatpay")

	minimal := h.everything(once)
	minimal.Fields = consent.Minimal
	b := h.open("bank", h.grant(p, "bank", minimal), "key-0000000000000001").Bills.Items[0]
	if b.Counterparty+b.Method+b.Description+b.Order != "" || !b.Time.IsZero() || b.Date != "2026-11-20" {
		t.Errorf("minimal fields show %+v", b)
	}
	standard := h.everything(once)
	standard.Fields = consent.Standard
	if b := h.open("bank", h.grant(p, "bank", standard), "key-0000000000000001").Bills.Items[0]; b.Counterparty == "" || b.Time.IsZero() || b.Description+b.Order != "" {
		t.Errorf("standard fields show %+v", b)
	}
	full := h.everything(once)
	if b := h.open("bank", h.grant(p, "bank", full), "key-0000000000000001").Bills.Items[0]; b.Description == "" || !strings.HasPrefix(b.Order, "ord_") {
		t.Errorf("full fields show %+v", b)
	}

	books := h.everything(once)
	books.Retention = 48 * time.Hour
	g := h.grant(p, "bank", books)
	v := h.open("bank", g, "key-0000000000000001")
	if want := h.clock().Add(48 * time.Hour); !v.KeepUntil.Equal(want) {
		t.Errorf("it may be kept until %v, want %v", v.KeepUntil, want)
	}
	if again, err := h.Get(t.Context(), "bank", g, v.ID); err != nil || !again.KeepUntil.Equal(v.KeepUntil) {
		t.Errorf("read again: until %v, %v", again.KeepUntil, err)
	}

	onlyBills := h.everything(once)
	onlyBills.Datatypes = []consent.Datatype{consent.Bills}
	v = h.open("bank", h.grant(p, "bank", onlyBills), "key-0000000000000001")
	if !v.KeepUntil.IsZero() {
		t.Errorf("what may not be kept says that it may until %v", v.KeepUntil)
	}
	if len(v.Balances) != 0 || v.Totals[0].Assets.Currency != "" || v.Totals[0].Out.Zero() {
		t.Errorf("a grant for bills shows balances %v, totals %+v", v.Balances, v.Totals)
	}
	onlyBalances := h.everything(once)
	v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: h.grant(p, "bank", onlyBalances), Key: "key-0000000000000001",
		Want: aggregate.Want{Sources: []string{"alipay"}, Datatypes: []consent.Datatype{consent.Balances}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Balances) != 1 || len(v.Bills.Items) != 0 || v.Totals[0].Out.Currency != "" || len(v.Sources) != 1 {
		t.Errorf("a wish for one source's balances shows %+v", v)
	}
	one := h.grant(p, "bank", h.everything(once), h.accountIDs(p)[0])
	if v := h.open("bank", one, "key-0000000000000001"); len(v.Accounts) != 1 || len(v.Bills.Items) != 1 || len(v.Sources) != 1 {
		t.Errorf("a grant of one account shows %d, bills %d, sources %d", len(v.Accounts), len(v.Bills.Items), len(v.Sources))
	}
	// A source that was not granted and one that does not exist answer alike,
	// and neither costs the use.
	g = h.grant(p, "bank", h.everything(once), h.accountIDs(p)[0])
	for _, src := range []string{"wechatpay", "nowhere"} {
		_, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-0000000000000001", Want: aggregate.Want{Sources: []string{src}}})
		if !errors.Is(err, aggregate.ErrNotGranted) {
			t.Errorf("asking for %s: %v", src, err)
		}
	}
	h.open("bank", g, "key-0000000000000002")
}

func TestOneUseUnderManyHands(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(1))
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(once))
	var won, spent int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			_, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: fmt.Sprintf("key-%016d", i)})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.Is(err, consent.ErrSpent):
				spent++
			default:
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if won != 1 || spent != 63 {
		t.Errorf("%d opened it and %d were told that it is spent; want 1 and 63", won, spent)
	}
}

func TestTwinsGetTheSameViewForOneUse(t *testing.T) {
	h := newHouse(t)
	source := wallet("alipay").with(1)
	var asked atomic.Int32
	source.asked = func() { asked.Add(1) }
	h.add(source)
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(once))
	views := make([]aggregate.View, 64)
	var wg sync.WaitGroup
	for i := range views {
		wg.Go(func() { views[i] = h.open("bank", g, "key-0000000000000001") })
	}
	wg.Wait()
	for _, v := range views {
		if !sameView(v, views[0]) {
			t.Fatal("twins got different views")
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the source was asked %d times", n)
	}
}

func TestKeysAndTheirEnd(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(1))
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(consent.Uses{Limit: 4, Per: "day"}))
	v := h.open("bank", g, "key-0000000000000001")
	open := func(key string, w aggregate.Want) error {
		_, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: key, Want: w})
		return err
	}
	if err := open("key-0000000000000001", aggregate.Want{Datatypes: []consent.Datatype{consent.Bills}}); !errors.Is(err, consent.ErrKeyReused) {
		t.Errorf("the same key for another wish: %v", err)
	}
	sweep := func() {
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, swept := range []bool{false, true} {
		if !swept {
			h.pass(10 * time.Minute)
		} else {
			sweep()
		}
		if _, err := h.Get(t.Context(), "bank", g, v.ID); !errors.Is(err, aggregate.ErrViewExpired) {
			t.Errorf("reading after ten minutes (swept: %v): %v", swept, err)
		}
		if _, err := h.Page(t.Context(), "bank", g, v.ID, "", 10); !errors.Is(err, aggregate.ErrViewExpired) {
			t.Errorf("paging after ten minutes (swept: %v): %v", swept, err)
		}
		if err := open("key-0000000000000001", aggregate.Want{}); !errors.Is(err, aggregate.ErrViewExpired) {
			t.Errorf("the key after ten minutes (swept: %v): %v", swept, err)
		}
	}
	if h.bytesUnder("view_part") != 0 {
		t.Error("a view's parts outlive it")
	}
	h.pass(23*time.Hour + 59*time.Minute)
	sweep()
	if _, err := h.Get(t.Context(), "bank", g, v.ID); errors.Is(err, aggregate.ErrViewNotFound) {
		t.Error("within a day it is forgotten that there was a view")
	}
	h.pass(2 * time.Minute)
	sweep()
	if n := h.bytesUnder("view") + h.bytesUnder("view_of") + h.bytesUnder("view_due"); n != 0 {
		t.Errorf("%d bytes are left of a view after a day", n)
	}
}

// A process that falls over between the use and the view leaves the use
// spent; the repeat makes the view without another.
func TestRepeatAfterACrashMakesTheView(t *testing.T) {
	h := newHouse(t)
	source := wallet("alipay").with(1)
	h.add(source)
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(once))
	crash := &failing{Service: h.consent}
	h.Service.Grants = crash
	crash.fail = true
	if _, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-0000000000000001"}); err == nil {
		t.Fatal("it did not fall over")
	}
	crash.fail = false
	v := h.open("bank", g, "key-0000000000000001")
	if len(v.Bills.Items) != 1 {
		t.Error("the repeat holds nothing")
	}

	late := h.grant(p, "bank", h.everything(once))
	crash.fail = true
	if _, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: late, Key: "key-0000000000000001"}); err == nil {
		t.Fatal("it did not fall over")
	}
	crash.fail = false
	h.pass(11 * time.Minute)
	if _, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: late, Key: "key-0000000000000001"}); !errors.Is(err, aggregate.ErrViewExpired) {
		t.Errorf("a repeat later than the view would have lived: %v", err)
	}
}

// late is a store whose writes come after their time.
type late struct{ kv.DB }

func (late) Update(context.Context, func(kv.Tx) error) error { return context.DeadlineExceeded }

func TestAViewThatTookTooLongIsHadByARepeat(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(1))
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(once))
	h.DB = late{h.db}
	if _, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-0000000000000001"}); !errors.Is(err, aggregate.ErrUnfinished) {
		t.Errorf("Open = %v, want ErrUnfinished", err)
	}
	h.DB = h.db
	if v := h.open("bank", g, "key-0000000000000001"); len(v.Bills.Items) != 1 {
		t.Error("the repeat holds nothing")
	}
}

// failing breaks off right after a use is spent.
type failing struct {
	*consent.Service
	fail bool
}

func (f *failing) Client(ctx context.Context, id consent.ClientID) (consent.Client, error) {
	if f.fail {
		return consent.Client{}, &fault.Error{Kind: fault.Unavailable, Code: "unavailable"}
	}
	return f.Service.Client(ctx, id)
}

// What is revoked while the sources are being asked is not shown.
func TestRevokeWhileSourcesAreAsked(t *testing.T) {
	h := newHouse(t)
	source := wallet("alipay").with(1)
	h.add(source)
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(once))
	source.asked = func() {
		if _, err := h.consent.Revoke(context.WithoutCancel(t.Context()), p, g); err != nil {
			t.Errorf("revoking: %v", err)
		}
	}
	v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-0000000000000001"})
	if !errors.Is(err, consent.ErrRevoked) || v.ID != "" {
		t.Errorf("Open = %+v, %v; want grant_revoked and nothing", v, err)
	}
	if n := h.bytesUnder("view_part"); n != 0 {
		t.Errorf("%d bytes of the view were kept", n)
	}
}

func TestRevokeEndsReading(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(1))
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(consent.Uses{Limit: 4, Per: "day"}))
	v := h.open("bank", g, "key-0000000000000001")
	if _, err := h.consent.Revoke(t.Context(), p, g); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Get(t.Context(), "bank", g, v.ID); !errors.Is(err, consent.ErrRevoked) {
		t.Errorf("Get after revoking: %v", err)
	}
	if _, err := h.Page(t.Context(), "bank", g, v.ID, "", 10); !errors.Is(err, consent.ErrRevoked) {
		t.Errorf("Page after revoking: %v", err)
	}
	if n := h.bytesUnder("view_part"); n != 0 {
		t.Errorf("%d bytes of the view were kept", n)
	}
}

// A view that was opened before the person agreed to less is gone with that;
// the same key opens what is left, and spends nothing. One before a yes that
// takes nothing away stays.
func TestNarrowingEndsWhatWasOpenedBefore(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(1))
	p := h.person("li")
	h.link(p, "alipay")
	terms := h.everything(consent.Uses{Limit: 4, Per: "day"})
	g := h.grant(p, "bank", terms)
	v := h.open("bank", g, "key-0000000000000001")

	terms.Until = terms.Until.Add(time.Hour)
	h.replace(p, "bank", g, terms)
	if _, err := h.Get(t.Context(), "bank", g, v.ID); err != nil {
		t.Errorf("Get after a renewal: %v", err)
	}
	terms.Datatypes = []consent.Datatype{consent.Bills}
	h.replace(p, "bank", g, terms)
	if n := h.bytesUnder("view_part"); n != 0 {
		t.Errorf("%d bytes of the view were kept", n)
	}
	if _, err := h.Page(t.Context(), "bank", g, v.ID, "", 10); !errors.Is(err, aggregate.ErrViewNotFound) {
		t.Errorf("Page after narrowing: %v", err)
	}
	again := h.open("bank", g, "key-0000000000000001")
	if again.ID != v.ID || len(again.Balances) != 0 || len(again.Bills.Items) != 1 || again.UsesLeft != v.UsesLeft {
		t.Errorf("opened again: %+v; want the bill alone, for the use that was spent", again)
	}
}

// What the person agrees to while the sources are being asked counts.
func TestNarrowWhileSourcesAreAsked(t *testing.T) {
	h := newHouse(t)
	source := wallet("alipay").with(1)
	h.add(source)
	p := h.person("li")
	h.link(p, "alipay")
	terms := h.everything(consent.Uses{Limit: 4, Per: "day"})
	g := h.grant(p, "bank", terms)
	source.asked = func() {
		source.asked = nil
		terms.Datatypes = []consent.Datatype{consent.Bills}
		h.replace(p, "bank", g, terms)
	}
	v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-0000000000000001"})
	if fault.Of(err).Code != "conflict" || v.ID != "" {
		t.Errorf("Open = %+v, %v; want conflict and nothing", v, err)
	}
	if v := h.open("bank", g, "key-0000000000000001"); len(v.Balances) != 0 || len(v.Bills.Items) != 1 || v.UsesLeft != 3 {
		t.Errorf("the repeat: %+v; want the bill alone, for the one use", v)
	}
}

// between is consent to which something happens between look and spending.
type between struct {
	*consent.Service
	happens func()
}

func (b *between) Spend(ctx context.Context, c consent.ClientID, g consent.GrantID, key string, request []byte) (consent.Use, error) {
	b.happens()
	return b.Service.Spend(ctx, c, g, key, request)
}

// A client that names what it wants is held to what the grant says when the
// use is spent, not to what it said a moment before.
func TestNarrowBetweenLookAndUse(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(1))
	p := h.person("li")
	h.link(p, "alipay")
	terms := h.everything(consent.Uses{Limit: 4, Per: "day"})
	g := h.grant(p, "bank", terms)
	terms.Datatypes, terms.Fields = []consent.Datatype{consent.Balances, consent.Statements}, ""
	h.Grants = &between{h.consent, func() { h.replace(p, "bank", g, terms) }}
	v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-0000000000000001",
		Want: aggregate.Want{Datatypes: []consent.Datatype{consent.Bills}}})
	if !errors.Is(err, aggregate.ErrNotGranted) || len(v.Bills.Items) > 0 {
		t.Errorf("Open = %d bills, %v; want none, and %v", len(v.Bills.Items), err, aggregate.ErrNotGranted)
	}
}

// A view is read with its own grant's token. Whoever else asks learns nothing,
// also not that it is there.
func TestForeignViews(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(1))
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(once))
	other := h.grant(p, "bank", h.everything(once))
	foreign := h.grant(p, "shop", h.everything(once))
	v := h.open("bank", g, "key-0000000000000001")
	for _, tt := range []struct {
		client consent.ClientID
		grant  consent.GrantID
		id     string
	}{
		{"bank", other, v.ID}, {"shop", foreign, v.ID}, {"bank", g, "view_none"}, {"shop", foreign, "view_none"},
	} {
		if _, err := h.Get(t.Context(), tt.client, tt.grant, tt.id); !errors.Is(err, aggregate.ErrViewNotFound) {
			t.Errorf("Get by %s: %v", tt.client, err)
		}
		if _, err := h.Page(t.Context(), tt.client, tt.grant, tt.id, "no cursor", 10); !errors.Is(err, aggregate.ErrViewNotFound) {
			t.Errorf("Page by %s: %v", tt.client, err)
		}
	}
}

func TestPaging(t *testing.T) {
	h := newHouse(t)
	source := wallet("alipay").with(777)
	source.pageSize = 50
	h.add(source)
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(once))
	v := h.open("bank", g, "key-0000000000000001")
	if len(v.Bills.Items) != 100 || v.Bills.Next == "" {
		t.Fatalf("the first page has %d bills, next %q", len(v.Bills.Items), v.Bills.Next)
	}
	for _, limit := range []int{1, 7, 99, 100, 101, 250, 500} {
		seen := map[string]bool{}
		var last time.Time
		cursor, pages := "", 0
		for {
			page, err := h.Page(t.Context(), "bank", g, v.ID, cursor, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range page.Items {
				if seen[b.ID] || !last.IsZero() && b.Time.After(last) {
					t.Fatalf("limit %d: a bill comes twice or out of order", limit)
				}
				seen[b.ID], last = true, b.Time
			}
			if pages++; page.Next == "" {
				break
			}
			if len(page.Items) != limit {
				t.Fatalf("limit %d: a page of %d", limit, len(page.Items))
			}
			cursor = page.Next
		}
		if len(seen) != 777 || pages != (777+limit-1)/limit {
			t.Errorf("limit %d: %d bills on %d pages", limit, len(seen), pages)
		}
		if limit == 1 {
			break // each of 777 pages was right; the others are quicker
		}
	}
	other := h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000001")
	for _, cursor := range []string{other.Bills.Next, "AAAA", "AAAAZAAAAAAAAAAAAAAAAAAA", v.Bills.Next + "A", v.Bills.Next[:8]} {
		if _, err := h.Page(t.Context(), "bank", g, v.ID, cursor, 10); !errors.Is(err, aggregate.ErrCursor) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

// Of all texts only those that a view gave are its cursors.
func FuzzCursor(f *testing.F) {
	h := newHouse(f)
	h.add(wallet("alipay").with(150))
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(once))
	v := h.open("bank", g, "key-0000000000000001")
	for _, s := range []string{v.Bills.Next, v.Bills.Next + "A", strings.ToLower(v.Bills.Next), "", "AAAAAAAAAAAAAAAAAAAAAAAA", "=", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		page, err := h.Page(t.Context(), "bank", g, v.ID, cursor, 50)
		switch {
		case cursor == "" || cursor == v.Bills.Next:
			if err != nil || len(page.Items) != 50 {
				t.Errorf("its own cursor: %d bills, %v", len(page.Items), err)
			}
		case !errors.Is(err, aggregate.ErrCursor):
			t.Errorf("%q passes for a cursor: %v", cursor, err)
		}
	})
}

// Two clients that compare notes find nothing to join on.
func TestClientsShareNoIDs(t *testing.T) {
	h := newHouse(t)
	h.client("card", "card")
	h.add(wallet("alipay").with(5))
	p := h.person("li")
	h.link(p, "alipay")
	ids := func(client consent.ClientID) map[string]bool {
		v := h.open(client, h.grant(p, client, h.everything(once)), "key-0000000000000001")
		all := map[string]bool{v.ID: true, string(v.Grant): true, v.Accounts[0].Alias: true}
		for _, b := range v.Bills.Items {
			all[b.ID], all[b.Order], all[b.Account] = true, true, true
		}
		return all
	}
	bank, shop, card := ids("bank"), ids("shop"), ids("card")
	for _, other := range []map[string]bool{shop, card} {
		for id := range other {
			if bank[id] {
				t.Errorf("two clients meet %q", id)
			}
		}
	}
	again := ids("bank")
	kept := 0
	for id := range again {
		if bank[id] {
			kept++
		}
	}
	if kept != 1+5+5 {
		t.Errorf("a client meets %d of its account, bills and orders again; want all 11", kept)
	}
	for id := range card {
		if strings.HasPrefix(id, "9977") && len(id) == 19 {
			return
		}
	}
	t.Error("a client that asked for cards got none")
}

func (h *house) bytesUnder(room string) int {
	h.t.Helper()
	n := 0
	h.rows(room, func(_, value []byte) { n += len(value) })
	return n
}
