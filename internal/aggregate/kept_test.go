package aggregate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/kv"
)

// paid is a payment of so many hours before the house's first morning.
func paid(id string, hours int, state connectors.BillState) connectors.Bill {
	return connectors.Bill{ID: id, At: time.Date(2026, 11, 21, 9, 0, 0, 0, shanghai).Add(-time.Duration(hours) * time.Hour), Amount: yuan(1850),
		Direction: connectors.Out, Flow: connectors.FlowOut, State: state, Kind: connectors.Payment, Counterparty: "河边面馆"}
}

func (f *fake) tell(bills ...connectors.Bill) {
	f.set(func() { f.bills[f.accounts[0].Ref.ID.RevealString()], f.windows = bills, nil })
}

// daily is a client's grant for a look every day, and its views.
func (h *house) daily(p consent.Session, client consent.ClientID) func() aggregate.View {
	terms := h.everything(consent.Uses{Limit: 4, Per: "day"})
	terms.Until = h.clock().AddDate(0, 0, 60).Truncate(time.Second)
	g, n := h.grant(p, client, terms), 0
	return func() aggregate.View {
		h.t.Helper()
		n++
		return h.open(client, g, fmt.Sprintf("key-%016d", n))
	}
}

// A bill that its source renames when it is booked has one id for a client,
// over views of one grant and of the next, and another for another client.
func TestAPendingBillKeepsItsId(t *testing.T) {
	h := newHouse(t)
	f := wallet("jiangnan_bank")
	h.add(f)
	p := h.person("li")
	h.link(p, "jiangnan_bank")
	bank, shop := h.daily(p, "bank"), h.daily(p, "shop")
	f.tell(paid("p1", 20, connectors.Pending), paid("b7", 300, connectors.Done))
	first := bank()
	if len(first.Bills.Items) != 2 || first.Bills.Items[0].State != connectors.Pending {
		t.Fatalf("pending: %+v", first.Bills.Items)
	}
	id, old := first.Bills.Items[0].ID, first.Bills.Items[1].ID
	h.pass(26 * time.Hour)
	f.tell(paid("b1", 18, connectors.Done), paid("b7", 300, connectors.Done))
	for name, v := range map[string]aggregate.View{"booked": bank(), "the next grant": h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000099")} {
		if items := v.Bills.Items; len(items) != 2 || items[0].State != connectors.Done || items[0].ID != id || items[1].ID != old {
			t.Errorf("%s: %+v, the ids were %s and %s", name, items, id, old)
		}
	}
	if items := shop().Bills.Items; len(items) != 2 || items[0].ID == id || items[1].ID == old {
		t.Errorf("another client is told %+v", items)
	}
}

// Days that are settled are not asked for again, and a grant for fewer days
// reads within what is known.
func TestOnlyWhatMayHaveChangedIsAsked(t *testing.T) {
	h := newHouse(t)
	f := wallet("jiangnan_bank").with(5)
	h.add(f)
	p := h.person("li")
	h.link(p, "jiangnan_bank")
	view := h.daily(p, "bank")
	days := func() (n float64) {
		for _, w := range f.windows {
			n += w.To.Sub(w.From).Hours() / 24
		}
		f.set(func() { f.windows = nil })
		return n
	}
	if v := view(); days() != 30 || len(v.Bills.Items) != 5 || !v.Complete {
		t.Fatalf("the first view has %d bills, complete %v", len(v.Bills.Items), v.Complete)
	}
	h.pass(time.Hour)
	if v := view(); days() != 4 || len(v.Bills.Items) != 5 || !v.Complete || v.Sources[0].Covers.To.Sub(v.Sources[0].Covers.From) < 29*24*time.Hour {
		t.Errorf("the second has %d bills of %v, complete %v", len(v.Bills.Items), v.Sources[0].Covers, v.Complete)
	}
	terms := h.everything(once)
	terms.Period = consent.Period{Days: 2}
	if v := h.open("shop", h.grant(p, "shop", terms), "key-0000000000000001"); days() != 2 || len(v.Bills.Items) != 5 || !v.Complete {
		t.Errorf("for two days there are %d bills, complete %v", len(v.Bills.Items), v.Complete)
	}
	if _, err := h.OwnAfresh(t.Context(), p, h.clock().AddDate(0, 0, -30), h.clock()); err != nil || days() != 30 {
		t.Error("who looks afresh is not told afresh")
	}
	h.pass(8 * 24 * time.Hour)
	if view(); days() != 30 {
		t.Error("after a week the source is not asked for everything")
	}
}

// A source that is down leaves what it has told; one that does not know the
// person any more has taken it back.
func TestWhatASourceHasToldStaysWhileItIsDown(t *testing.T) {
	h := newHouse(t)
	f := wallet("jiangnan_bank").with(5)
	h.add(f)
	p := h.person("li")
	h.link(p, "jiangnan_bank")
	view := h.daily(p, "bank")
	whole := view()
	h.pass(2 * time.Hour)
	f.set(func() { f.err = connectors.ErrMalformed })
	v := view()
	if r := v.Sources[0]; r.Status != aggregate.Failed || v.Complete || len(v.Bills.Items) != 5 || !r.Covers.To.Equal(whole.OpenedAt) {
		t.Errorf("with the source down: %+v, %d bills, complete %v", r, len(v.Bills.Items), v.Complete)
	}
	f.set(func() { f.err = connectors.ErrUnauthorized })
	for range 2 {
		if v := view(); v.Sources[0].Status != aggregate.Refused || len(v.Bills.Items) != 0 || v.Complete || !v.Sources[0].Covers.To.IsZero() {
			t.Errorf("with the source saying no: %+v, %d bills", v.Sources[0], len(v.Bills.Items))
		}
	}
}

// changing is a source that tells what has changed since a mark.
type changing struct {
	*fake
	log    [][]connectors.Bill // what changed at each moment
	gone   map[int][]string
	forgot bool
	since  []connectors.Mark
}

func (c *changing) Changes(_ context.Context, _ connectors.Credential, _ connectors.AccountRef, since connectors.Mark, _ connectors.Cursor) (connectors.ChangePage, error) {
	c.since = append(c.since, since)
	mark := connectors.Mark(fmt.Sprint(len(c.log)))
	if since == "" {
		return connectors.ChangePage{Mark: mark}, nil
	}
	if c.forgot {
		c.forgot = false
		return connectors.ChangePage{}, connectors.ErrMark
	}
	p := connectors.ChangePage{Mark: mark}
	var from int
	_, _ = fmt.Sscan(string(since), &from)
	for n := from; n < len(c.log); n++ {
		p.Bills = append(p.Bills, c.log[n]...)
		p.Gone = append(p.Gone, c.gone[n]...)
	}
	return p, nil
}

// Where a source tells changes, the days that it has told are not read again.
func TestChangesAreReadFromTheirMark(t *testing.T) {
	h := newHouse(t)
	c := &changing{fake: wallet("xihe_bank"), gone: map[int][]string{}}
	if err := h.reg.Register(c); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "xihe_bank")
	view := h.daily(p, "bank")
	ids := func(v aggregate.View) (all []string) {
		for _, b := range v.Bills.Items {
			all = append(all, b.ID)
		}
		return all
	}
	c.tell(paid("p1", 20, connectors.Pending), paid("b7", 100, connectors.Done))
	first := view()
	c.log, c.gone[0] = append(c.log, []connectors.Bill{paid("b1", 18, connectors.Done), paid("b2", 400, connectors.Done)}), []string{"p1", "b7"}
	h.pass(time.Hour)
	c.windows = nil
	v := view()
	if !slices.Equal(c.since, []connectors.Mark{"", "0"}) || len(c.windows) != 0 {
		t.Errorf("asked for changes from %q and for the windows %v", c.since, c.windows)
	}
	if got := ids(v); len(got) != 2 || got[0] != ids(first)[0] || !v.Complete {
		t.Errorf("the bills are %v, they were %v; complete %v", got, ids(first), v.Complete)
	}
	c.forgot = true
	c.tell(paid("b1", 18, connectors.Done))
	v = view()
	if got := ids(v); len(got) != 1 || got[0] != ids(first)[0] || !v.Complete || c.windows[0].To.Sub(c.windows[0].From) < 29*24*time.Hour {
		t.Errorf("after the mark was forgotten the bills are %v of %v, complete %v", got, c.windows, v.Complete)
	}
}

// A source that counts readings counts each list that is asked for: unattended,
// its bills are asked for once and nothing besides.
func TestACountedReadingAsksOnce(t *testing.T) {
	h := newHouse(t)
	c := &changing{fake: wallet("xihe_bank"), gone: map[int][]string{}}
	c.source.Unattended = 4
	if err := h.reg.Register(c); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "xihe_bank")
	view := h.daily(p, "bank")
	for i := range 4 {
		c.tell(paid("b1", 18+i, connectors.Done), paid("p1", 7, connectors.Pending))
		v := view()
		if len(c.windows) != 1 || len(c.since) != 0 || !v.Complete || len(v.Bills.Items) != 2 {
			t.Errorf("after reading %d it was asked for the windows %v and for changes from %q; complete %v, %d bills", i+1, c.windows, c.since, v.Complete, len(v.Bills.Items))
		}
		h.pass(26 * time.Hour) // a gap of a day, and what is pending
	}
}

// Disconnecting destroys what the source has told; so does leaving. Who counts
// what goes counts it.
func TestWhatIsKeptGoesWithItsConnection(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(7), wallet("wechatpay").with(3))
	p := h.person("li")
	c := h.link(p, "alipay")
	h.link(p, "wechatpay")
	h.daily(p, "bank")()
	rows := func(held *aggregate.Holding) (n int) {
		if err := h.db.View(t.Context(), func(tx kv.Tx) (err error) {
			n = 0
			for _, r := range []kv.Range{kv.Prefix("ledger", p.Person), kv.Prefix("ledger due")} {
				for _, err := range tx.Scan(r) {
					if err != nil {
						return err
					}
					n++
				}
			}
			*held, err = h.Held(tx, p.Person)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var held aggregate.Holding
	if n := rows(&held); n < 6 || held.Bills != 10 {
		t.Fatalf("%d rows are kept of %+v", n, held)
	}
	if err := h.Disconnect(t.Context(), p, c.ID); err != nil {
		t.Fatal(err)
	}
	if n := rows(&held); n > 4 || held.Bills != 3 {
		t.Errorf("with one connection gone %d rows are left, of %+v", n, held)
	}
	if err := h.db.Update(t.Context(), func(tx kv.Tx) error {
		if err := h.PersonLeaves(tx, p.Person); err != nil {
			return err
		}
		return h.Ledger.PersonLeaves(tx, string(p.Person))
	}); err != nil {
		t.Fatal(err)
	}
	if n := rows(&held); n != 0 {
		t.Errorf("%d rows are left of who has left", n)
	}
}

// An answer about another account than was asked for is nobody's, and is logged.
func TestStrangersAnswersAreThrownAway(t *testing.T) {
	h := newHouse(t)
	f := wallet("zhaolu_bank")
	f.accounts[0].Kind, f.accounts[0].Side = connectors.CreditCard, connectors.Debt
	due := connectors.Statement{Account: f.accounts[0].Ref, Period: connectors.Span{From: h.clock().AddDate(0, -1, 0), To: h.clock()}, Due: yuan(100), DueDate: h.clock()}
	f.due = []connectors.Statement{due}
	h.add(f)
	p := h.person("li")
	h.link(p, "zhaolu_bank")
	view := h.daily(p, "bank")
	if v := view(); len(v.Statements) != 1 || !v.Complete {
		t.Fatalf("its own: %+v", v.Statements)
	}
	var log bytes.Buffer
	h.Log = slog.New(slog.NewTextHandler(&log, nil))
	due.Account = ref("somebody-else")
	f.set(func() { f.due = append(f.due, due) })
	if v := view(); len(v.Statements) != 0 || v.Sources[0].Code != "source_malformed" || v.Complete || len(v.Balances) != 1 {
		t.Errorf("with a stranger's statement: %+v, %+v", v.Statements, v.Sources[0])
	}
	f.set(func() {
		f.due = f.due[:1]
		f.balances = append(f.balances, connectors.Balance{Account: due.Account, Kind: connectors.Outstanding, Amount: yuan(5)})
	})
	if v := view(); len(v.Balances) != 0 || v.Sources[0].Code != "source_malformed" || v.Complete || len(v.Statements) != 1 {
		t.Errorf("with a stranger's balance: %+v, %+v", v.Balances, v.Sources[0])
	}
	if told := log.String(); strings.Count(told, "about another account") != 2 || !strings.Contains(told, "zhaolu_bank") || strings.Contains(told, "somebody-else") {
		t.Errorf("the log says %s", told)
	}
}

// An export holds what is kept, also of a source that does not answer any more.
func TestAnExportHoldsWhatIsKept(t *testing.T) {
	h := newHouse(t)
	f := wallet("jiangnan_bank").with(5)
	h.add(f)
	p := h.person("li")
	h.link(p, "jiangnan_bank")
	h.daily(p, "bank")()
	f.set(func() { f.err = connectors.ErrUnauthorized })
	var out bytes.Buffer
	if err := h.ExportJSON(t.Context(), p, aggregate.About{ID: p.Person}, &out); err != nil {
		t.Fatal(err)
	}
	var e struct {
		Complete bool
		Accounts []struct {
			Kept struct {
				Bills  int
				Covers []map[string]time.Time
				ReadAt time.Time `json:"read_at"`
				Until  time.Time
			}
		}
		Bills []struct{ Order string }
	}
	if err := json.Unmarshal(out.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	k := e.Accounts[0].Kept
	if e.Complete || len(e.Bills) != 5 || e.Bills[0].Order == "" || k.Bills != 5 || len(k.Covers) != 1 || k.ReadAt.IsZero() || k.Until.Sub(k.ReadAt) != 30*24*time.Hour {
		t.Errorf("the export holds %d bills, and of what is kept that it is %+v", len(e.Bills), k)
	}
}

// endless tells bill after bill, each page with another cursor.
type endless struct {
	*fake
	text string
	n    int
}

func (e *endless) Bills(_ context.Context, _ connectors.Credential, _ connectors.AccountRef, _, to time.Time, _ connectors.Cursor) (connectors.Page, error) {
	var p connectors.Page
	for range 500 {
		e.n++
		b := paid(fmt.Sprint("e", e.n), 20, connectors.Done)
		b.Description = e.text
		p.Bills = append(p.Bills, b)
	}
	p.Next = connectors.Cursor(fmt.Sprint(e.n))
	return p, nil
}

// A source that never ends is not believed, and holds no more memory than the
// longest that is.
func TestAnEndlessSourceEnds(t *testing.T) {
	h := newHouse(t)
	e := &endless{fake: wallet("alipay"), text: strings.Repeat("无", 1000)}
	if err := h.reg.Register(e); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "alipay")
	v := h.daily(p, "bank")()
	if r := v.Sources[0]; r.Status != aggregate.Failed || r.Code != "source_malformed" || v.Complete || len(v.Bills.Items) != 0 {
		t.Errorf("it is %+v with %d bills, complete %v", r, len(v.Bills.Items), v.Complete)
	}
	if e.n > 20_000 {
		t.Errorf("%d bills of 3 kB were taken", e.n)
	}
}

// A walk that was broken off goes on where it was.
func TestABrokenWalkGoesOn(t *testing.T) {
	h := newHouse(t)
	f := wallet("wechatpay").with(5)
	f.source.MaxWindow = 24 * time.Hour
	h.add(f)
	tired := &tiring{fake: f}
	h.reg = new(connectors.Registry)
	h.Connectors = h.reg
	if err := h.reg.Register(tired); err != nil {
		t.Fatal(err)
	}
	p := h.person("li")
	h.link(p, "wechatpay")
	view := h.daily(p, "bank")
	for n, want := range []bool{false, false, true} {
		tired.left = 12
		if v := view(); v.Complete != want {
			t.Errorf("view %d is complete: %v, after %d windows: %+v", n, v.Complete, len(f.windows), v.Sources[0])
		}
	}
	if len(f.windows) != 30 {
		t.Errorf("%d windows of a day were asked for 30 days", len(f.windows))
	}
}

// tiring answers so many calls for bills and then no more.
type tiring struct {
	*fake
	left int
}

func (s *tiring) Bills(ctx context.Context, c connectors.Credential, a connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	if s.left--; s.left < 0 {
		return connectors.Page{}, connectors.ErrRefused
	}
	return s.fake.Bills(ctx, c, a, from, to, next)
}
