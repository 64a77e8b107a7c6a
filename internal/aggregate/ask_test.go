package aggregate_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/audit"
	"jali/internal/kv"
)

func (h *house) rows(room string, each func(key, value []byte)) {
	h.t.Helper()
	err := h.db.View(h.t.Context(), func(tx kv.Tx) error {
		for e, err := range tx.Scan(kv.Prefix("aggregate", room)) {
			if err != nil {
				return err
			}
			each(e.Key, e.Value)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// One source's trouble is its own.
func TestFailingSourcesTakeNobodyAlong(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(*fake)
		status aggregate.Status
		code   string
		owner  string
		action string
		state  string // of the connection, afterwards
	}{
		{"down", func(f *fake) { f.err = connectors.ErrDown }, aggregate.Failed, "source_down", "source", "", "healthy"},
		{"slower than its deadline", func(f *fake) { f.slow = time.Minute }, aggregate.Failed, "source_down", "source", "", "healthy"},
		{"badly signed", func(f *fake) { f.err = connectors.ErrUnsigned }, aggregate.Failed, "source_signature", "source", "", "healthy"},
		{"busy", func(f *fake) { f.err = connectors.ErrBusy }, aggregate.Failed, "source_busy", "source", "", "healthy"},
		{"refusing", func(f *fake) { f.err = connectors.ErrRefused }, aggregate.Refused, "source_refused", "source", "", "healthy"},
		{"unlinked there", func(f *fake) { f.err = connectors.ErrUnauthorized }, aggregate.Refused, "source_unauthorized", "person", "reconnect", "needs_person"},
		{"an error of ours", func(f *fake) { f.err = errors.New("c4n4ry") }, aggregate.Failed, "internal", "us", "", "healthy"},
		{"a dialect that panics", func(f *fake) { f.boom = "c4n4ry" }, aggregate.Failed, "source_malformed", "source", "", "healthy"},
		{"somebody else's account", func(f *fake) { f.balances[0].Account = ref("ref-of-another") }, aggregate.Failed, "source_malformed", "source", "", "healthy"},
		{"a negative bill", func(f *fake) { f.bills["ref-wechatpay"][0].Amount = yuan(-1) }, aggregate.Failed, "source_malformed", "source", "", "healthy"},
		{"another account's statement", func(f *fake) {
			f.due = []connectors.Statement{{Account: ref("ref-of-another"), Due: yuan(1)}}
		}, aggregate.Failed, "source_malformed", "source", "", "healthy"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h := newHouse(t)
			h.Deadline = 300 * time.Millisecond
			bad := wallet("wechatpay").with(1)
			h.add(wallet("alipay").with(1), bad)
			p := h.person("li")
			h.link(p, "alipay")
			h.link(p, "wechatpay")
			tt.change(bad)
			v := h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000001")
			byID := map[string]aggregate.Report{}
			for _, r := range v.Sources {
				byID[r.Source] = r
			}
			got := byID["wechatpay"]
			if got.Status != tt.status || got.Code != tt.code || got.Owner != tt.owner || got.Action != tt.action {
				t.Errorf("it is reported as %+v", got)
			}
			if v.Complete {
				t.Error("the view says that it is complete")
			}
			if byID["alipay"].Status != aggregate.Fresh || len(v.Bills.Items) == 0 || len(v.Balances) == 0 {
				t.Errorf("the other source is %+v, with %d bills and %d balances", byID["alipay"], len(v.Bills.Items), len(v.Balances))
			}
			cs, err := h.Connections(t.Context(), p)
			if err != nil || cs[1].State != tt.state {
				t.Errorf("the connection is %q, %v; want %q", cs[1].State, err, tt.state)
			}
		})
	}
}

// stuck does not mind its context.
type stuck struct {
	*fake
	until chan struct{}
}

func (s stuck) Balances(context.Context, connectors.Credential, []connectors.AccountRef) ([]connectors.Balance, error) {
	<-s.until
	return nil, nil
}

func TestStuckDialectHoldsNobodyUp(t *testing.T) {
	h := newHouse(t)
	h.Deadline = 100 * time.Millisecond
	s := stuck{wallet("wechatpay").with(1), make(chan struct{})}
	defer close(s.until)
	h.add(wallet("alipay"))
	if err := h.reg.Register(s); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "alipay")
	h.link(p, "wechatpay")
	v := h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000001")
	if v.Sources[1].Status != aggregate.Failed || len(v.Bills.Items) != 1 {
		t.Errorf("the report is %+v; of its bills, which came, %d are there", v.Sources[1], len(v.Bills.Items))
	}
}

// A connection whose source refused its credential is not asked until the
// person has linked it again, and then the accounts are the same ones.
func TestNeedsPersonUntilLinkedAgain(t *testing.T) {
	h := newHouse(t)
	f := wallet("alipay").with(1)
	h.add(f)
	p := h.person("li")
	first := h.link(p, "alipay")
	before := h.accountIDs(p)
	g := h.grant(p, "bank", h.everything(consent.Uses{Limit: 4, Per: "day"}))
	f.set(func() { f.err = connectors.ErrUnauthorized })
	h.open("bank", g, "key-0000000000000001")
	f.set(func() { f.err, f.creds = nil, nil })
	if v := h.open("bank", g, "key-0000000000000002"); v.Sources[0].Code != "source_unauthorized" || len(f.creds) != 0 {
		t.Errorf("it was asked %d times, and reported as %+v", len(f.creds), v.Sources[0])
	}
	again := h.link(p, "alipay")
	if again.ID != first.ID || again.State != "healthy" {
		t.Errorf("linked again it is %+v, before it was %+v", again, first)
	}
	if after := h.accountIDs(p); len(after) != 1 || after[0] != before[0] {
		t.Errorf("accounts were %v and are %v", before, after)
	}
	if v := h.open("bank", g, "key-0000000000000003"); v.Sources[0].Status != aggregate.Fresh || len(v.Accounts) != 1 {
		t.Errorf("the old grant sees %+v", v.Sources)
	}
}

// Callers that come together refresh once, and the new credential is stored
// before anybody uses it.
func TestRefreshOnceForAll(t *testing.T) {
	h := newHouse(t)
	f := wallet("alipay")
	f.stale = func(c connectors.Credential) bool { return c.RevealString() == "credential-0" }
	h.add(f)
	p := h.person("li")
	h.link(p, "alipay")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := h.Own(t.Context(), p, time.Time{}, time.Time{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if f.refreshes != 1 {
		t.Errorf("refreshed %d times", f.refreshes)
	}
	for _, c := range f.creds {
		if c != "credential-1" {
			t.Errorf("asked with %s", c)
		}
	}
}

func TestWindowsAreWalked(t *testing.T) {
	h := newHouse(t)
	f := wallet("alipay").with(3)
	f.source.MaxWindow = 7 * 24 * time.Hour
	h.add(f)
	p := h.person("li")
	h.link(p, "alipay")
	v := h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000001")
	if len(f.windows) != 5 || len(v.Bills.Items) != 3 || !v.Complete {
		t.Errorf("%d windows, %d bills, complete %v; want 5, 3, true", len(f.windows), len(v.Bills.Items), v.Complete)
	}
	for i := 1; i < len(f.windows); i++ {
		if !f.windows[i].From.Equal(f.windows[i-1].To) {
			t.Errorf("between windows %d and %d is a gap", i-1, i)
		}
	}
}

// bounded goes back three days and no further.
type bounded struct{ *fake }

func (b bounded) Bills(ctx context.Context, c connectors.Credential, a connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	p, err := b.fake.Bills(ctx, c, a, from, to, next)
	p.Covers = connectors.Span{From: time.Date(2026, 11, 18, 0, 0, 0, 0, shanghai), To: to}
	return p, err
}

func TestShortMemoryIsNotComplete(t *testing.T) {
	h := newHouse(t)
	if err := h.reg.Register(bounded{wallet("alipay").with(1)}); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "alipay")
	v := h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000001")
	if r := v.Sources[0]; v.Complete || r.Status != aggregate.Fresh || !r.Covers.From.Equal(time.Date(2026, 11, 18, 0, 0, 0, 0, shanghai)) {
		t.Errorf("complete %v, %+v", v.Complete, r)
	}
}

func TestLinkingStates(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay"))
	p, other := h.person("li"), h.person("wang")
	begin := func() string {
		to, err := h.BeginLink(t.Context(), p, "alipay", "https://jali.example/return")
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(to)
		return u.Query().Get("state")
	}
	finish := func(p consent.Session, state ...string) error {
		_, err := h.FinishLink(t.Context(), p, url.Values{"state": state, "code": {"c"}})
		return err
	}
	state := begin()
	elsewhere := p
	elsewhere.ID = "another session"
	for why, err := range map[string]error{
		"no state":          finish(p),
		"two states":        finish(p, state, state),
		"an unknown one":    finish(p, strings.Repeat("A", 43)),
		"another person's":  finish(other, state),
		"another session's": finish(elsewhere, state),
		"an unknown source": func() error {
			if _, err := h.BeginLink(t.Context(), p, "nowhere", "https://jali.example/return"); !errors.Is(err, aggregate.ErrNoSource) {
				t.Errorf("an unknown source: %v", err)
			}
			return aggregate.ErrNoLinking
		}(),
	} {
		if !errors.Is(err, aggregate.ErrNoLinking) {
			t.Errorf("%s: %v", why, err)
		}
	}
	if err := finish(p, state); err != nil {
		t.Errorf("none of these used it up, and it fails: %v", err)
	}
	if err := finish(p, state); !errors.Is(err, aggregate.ErrNoLinking) {
		t.Errorf("twice: %v", err)
	}
	late := begin()
	h.pass(10 * time.Minute)
	if err := finish(p, late); !errors.Is(err, aggregate.ErrNoLinking) {
		t.Errorf("late: %v", err)
	}
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.bytesUnder("linking"); n != 0 {
		t.Errorf("%d bytes of links that were never made", n)
	}
	// Refused by the person: nothing is stored.
	refused := begin()
	if _, err := h.FinishLink(t.Context(), other, url.Values{"state": {refused}}); err == nil {
		t.Error("a stranger finished it")
	}
	if _, err := h.FinishLink(t.Context(), p, url.Values{"state": {refused}}); !errors.Is(err, connectors.ErrLinkRefused) {
		t.Errorf("refused: %v", err)
	}
	if cs, _ := h.Connections(t.Context(), other); len(cs) != 0 {
		t.Errorf("a stranger has %v", cs)
	}
}

func TestDisconnectForgetsEverything(t *testing.T) {
	h := newHouse(t)
	f := wallet("alipay").with(1)
	h.add(f)
	p, other := h.person("li"), h.person("wang")
	c := h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(once))
	if err := h.Disconnect(t.Context(), other, c.ID); !errors.Is(err, aggregate.ErrNoConnection) {
		t.Errorf("somebody else's: %v", err)
	}
	if err := h.Disconnect(t.Context(), p, c.ID); err != nil {
		t.Fatal(err)
	}
	for _, room := range []string{"connection", "account", "ref"} {
		if n := h.bytesUnder(room); n != 0 {
			t.Errorf("%d bytes are left of %ss", n, room)
		}
	}
	if f.unlinked != 1 {
		t.Error("the source was not told")
	}
	if v := h.open("bank", g, "key-0000000000000001"); len(v.Accounts) != 0 || v.Complete {
		t.Errorf("its grant still sees %v, complete %v", v.Accounts, v.Complete)
	}
	h.wantVerbs(p, audit.SourceUnlinked, audit.SourceLinked)
}

// wantVerbs holds that these verbs stand in the timeline, each once.
func (h *house) wantVerbs(p consent.Session, verbs ...string) {
	h.t.Helper()
	events, err := audit.Timeline(h.t.Context(), h.db, string(p.Person), time.Time{}, 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, v := range verbs {
		n := 0
		for _, e := range events {
			if e.Verb == v {
				n++
			}
		}
		if n != 1 {
			h.t.Errorf("%s stands in the timeline %d times", v, n)
		}
	}
}

// Nothing of a person's numbers, credentials or bills is in the file in clear.
func TestNothingLiesOpen(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(3))
	p := h.person("li")
	h.link(p, "alipay")
	h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000001")
	if _, err := h.BeginLink(t.Context(), p, "alipay", "https://jali.example/return"); err != nil {
		t.Fatal(err)
	}
	err := h.db.View(t.Context(), func(tx kv.Tx) error {
		for e, err := range tx.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			for _, canary := range []string{"ref-alipay", "20880000", "credential-0", "verifier", "瑞幸", "order-alipay", "acct_"} {
				if strings.Contains(string(e.Key), canary) || strings.Contains(string(e.Value), canary) {
					if canary == "acct_" && strings.HasPrefix(string(e.Key[1:]), "vault") {
						continue // aliases are the vault's to keep
					}
					t.Errorf("%q stands in a row of %.20q", canary, e.Key)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPersonLeaves(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(1))
	p, other := h.person("li"), h.person("wang")
	h.link(p, "alipay")
	h.link(other, "alipay")
	h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000001")
	if _, err := h.Own(t.Context(), p, time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := h.db.Update(t.Context(), func(tx kv.Tx) error { return h.PersonLeaves(tx, p.Person) }); err != nil {
		t.Fatal(err)
	}
	for _, room := range []string{"connection", "account", "ref", "linking", "upload", "upload_part", "seen", "view_of", "view", "view_part", "view_due"} {
		h.rows(room, func(key, value []byte) {
			if strings.Contains(string(key), "li\x00") || strings.HasPrefix(room, "view") {
				t.Errorf("a row of %s is left", room)
			}
		})
	}
	if len(h.accountIDs(other)) != 1 {
		t.Error("somebody else's accounts went along")
	}
}

// plain is a source that tells accounts and balances, and nothing else.
type plain struct{ connectors.Connector }

func (plain) Begin(ctx context.Context, state, redirect string) (connectors.Linking, error) {
	return (*fake)(nil).Begin(ctx, state, redirect)
}

func (plain) Finish(ctx context.Context, l connectors.Linking, q url.Values) (connectors.Credential, error) {
	return (*fake)(nil).Finish(ctx, l, q)
}

// A view is complete if every source has answered for everything: one that
// cannot has not.
func TestWhatASourceCannotTellIsMissing(t *testing.T) {
	for _, tt := range []struct {
		why      string
		side     connectors.Side
		asked    []consent.Datatype
		complete bool
	}{
		{"balances are all that it has", connectors.Debt, []consent.Datatype{consent.Balances}, true},
		{"it knows no bills", connectors.Asset, []consent.Datatype{consent.Balances, consent.Bills}, false},
		{"it knows no statements, and holds a debt", connectors.Debt, []consent.Datatype{consent.Statements}, false},
		{"it holds nothing that statements are of", connectors.Asset, []consent.Datatype{consent.Statements}, true},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h := newHouse(t)
			f := wallet("alipay")
			f.accounts[0].Side = tt.side
			if err := h.reg.Register(plain{f}); err != nil {
				t.Fatal(err)
			}
			p := h.person("li")
			h.link(p, "alipay")
			v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: h.grant(p, "bank", h.everything(once)), Key: "key-0000000000000001",
				Want: aggregate.Want{Datatypes: tt.asked}})
			if err != nil || v.Complete != tt.complete {
				t.Errorf("complete %v, %v", v.Complete, err)
			}
			if c := v.Sources[0].Covers; c != (connectors.Span{}) {
				t.Errorf("without bills it covers %v", c)
			}
		})
	}
}

// Files of two parts of a month leave days between unknown: what is said to be
// covered is the last part without a gap, and nothing of the future.
func TestCoversHasNoGap(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	late := strings.NewReplacer("2026-11-01", "2026-11-18", "2026-11-15 23", "2026-11-21 23", "2026-11-16 08", "2026-11-21 08",
		"2026-11-09", "2026-11-18", "2026-11-08", "2026-11-19").Replace(soundFile)
	for _, file := range []string{soundFile, late} {
		if _, err := h.Import(t.Context(), p.Person, strings.NewReader(file), aggregate.Taking{Accept: true}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := h.Own(t.Context(), p, time.Date(2026, 11, 1, 0, 0, 0, 0, shanghai), time.Date(2026, 12, 1, 0, 0, 0, 0, shanghai))
	if err != nil {
		t.Fatal(err)
	}
	c := l.Sources[0].Covers
	if !c.From.Equal(time.Date(2026, 11, 18, 0, 0, 0, 0, shanghai)) || c.To.After(h.clock()) || l.Complete || l.Sources[0].AsOf.After(h.clock()) {
		t.Errorf("covers %v to %v as of %v, complete %v", c.From, c.To, l.Sources[0].AsOf, l.Complete)
	}
}
