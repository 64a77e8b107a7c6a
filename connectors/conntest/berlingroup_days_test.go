package conntest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/berlingroup"
	"jali/connectors/mock"
	"jali/internal/dial"
)

// days is a town whose clock is turned, with somebody linked at Xihe Bank.
type days struct {
	town   *mock.Town
	at     time.Time
	client *http.Client
	c      *berlingroup.Connector
	k      connectors.Credential
	all    []connectors.Account
}

// TestXiheBankOverDays: its parts go on with one town, whose clock only advances.
func TestXiheBankOverDays(t *testing.T) {
	d := &days{at: now, client: dial.New(dial.Config{AllowPrivate: true})}
	t.Cleanup(d.client.CloseIdleConnections)
	var handler atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.Load().(http.Handler).ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	var err error
	if d.town, err = mock.New(mock.Config{Seed: 7, Now: d.clock, BaseURL: srv.URL}); err != nil {
		t.Fatal(err)
	}
	handler.Store(d.town.Handler())
	t.Run("what was pending is booked", d.booksWhatWasPending)
	t.Run("changes", d.tellsChanges)
	t.Run("four readings a day", d.bearsFourReadings)
	t.Run("consents end", d.endsConsents)
	t.Run("ninety days", d.tellsNinetyDays)
}

func (d *days) clock() time.Time { return d.at }

// link links somebody with an account and a card anew, which ends their older link.
func (d *days) link(t *testing.T, delta berlingroup.Delta) {
	t.Helper()
	d.c = xihe(t, d.town, d.client, func(c *berlingroup.Config) {
		c.API, c.Metadata, c.Source.Unattended, c.Delta, c.Now = d.town.Xihe().RedirectAPIBase, "", 0, delta, d.clock
	})
	l, err := d.c.Begin(context.Background(), "a-state-of-128-random-bits", "http://127.0.0.1/linked")
	if err != nil {
		t.Fatal(err)
	}
	if d.k, err = d.c.Finish(context.Background(), l, login(d.town.People()[4])(t, l.URL, true)); err != nil {
		t.Fatal(err)
	}
	if d.all, err = d.c.Accounts(here(), d.k); err != nil {
		t.Fatal(err)
	}
}

// here is a call with the person there.
func here() context.Context {
	return connectors.Present(context.Background(), connectors.Presence{IP: netip.MustParseAddr("198.51.100.7")})
}

func (d *days) bills(t *testing.T, a connectors.Account) (bills []connectors.Bill) {
	t.Helper()
	for next := connectors.Cursor(""); ; {
		page, err := d.c.Bills(here(), d.k, a.Ref, d.at.AddDate(0, 0, -30), d.at, next)
		if err != nil {
			t.Fatal(err)
		}
		bills = append(bills, page.Bills...)
		if next = page.Next; next == "" {
			return bills
		}
	}
}

func (d *days) changes(t *testing.T, a connectors.Account, since connectors.Mark) (bills []connectors.Bill, mark connectors.Mark) {
	t.Helper()
	for next := connectors.Cursor(""); ; {
		page, err := d.c.Changes(here(), d.k, a.Ref, since, next)
		if err != nil {
			t.Fatal(err)
		}
		bills = append(bills, page.Bills...)
		if next = page.Next; next == "" {
			return bills, page.Mark
		}
	}
}

// pending turns the clock until something of the account is pending.
func (d *days) pending(t *testing.T, a connectors.Account) connectors.Bill {
	t.Helper()
	for range 60 {
		for _, b := range d.bills(t, a) {
			if b.State == connectors.Pending {
				return b
			}
		}
		d.at = d.at.Add(12 * time.Hour)
	}
	t.Fatal("nothing is pending in thirty days")
	return connectors.Bill{}
}

// booksWhatWasPending: a pending row has no transactionId and gets
// one. Where the bank tells that the two are one, Was tells it; where it does
// not, it is left out, and so it is on cards, whose rows have nothing to tell it by.
func (d *days) booksWhatWasPending(t *testing.T) {
	d.link(t, "")
	for _, tt := range []struct {
		why      string
		card     bool
		rebooked bool
		told     bool
	}{
		{"told by the entry", false, false, true},
		{"under another entry", false, true, false},
		{"of a card", true, false, false},
	} {
		a := d.all[slices.IndexFunc(d.all, func(a connectors.Account) bool { return (a.Kind == connectors.CreditCard) == tt.card })]
		d.town.Ail(mock.XiheBank, mock.Trouble{Rebooked: tt.rebooked})
		was := d.pending(t, a)
		d.at = d.at.Add(25 * time.Hour)
		told, booked := 0, 0
		for _, b := range d.bills(t, a) {
			if b.ID == was.ID {
				t.Errorf("%s: it is booked under the id that it had", tt.why)
			}
			if b.Was == was.ID {
				told++
			}
			if b.Amount == was.Amount && b.Direction == was.Direction && b.Counterparty == was.Counterparty && b.State == connectors.Done && !b.At.Before(was.At) {
				booked++
			}
		}
		if booked != 1 || (told == 1) != tt.told {
			t.Errorf("%s: booked %d times, told %d times", tt.why, booked, told)
		}
	}
	d.town.Heal()
}

// tellsChanges: read by its deltas alone, an account holds what it holds
// read whole. What overlaps is known by its id.
func (d *days) tellsChanges(t *testing.T) {
	for _, delta := range []berlingroup.Delta{berlingroup.ByEntryReference, berlingroup.ByDeltaList, ""} {
		d.link(t, delta)
		a, known, again := d.all[0], map[string]bool{}, 0
		for _, b := range d.bills(t, a) {
			if b.State == connectors.Done {
				known[b.ID] = true
			}
		}
		first, mark := d.changes(t, a, "")
		if len(first) != 0 || mark == "" {
			t.Fatalf("%q: this moment has %d bills and the mark %q", delta, len(first), mark)
		}
		for range 12 {
			d.at = d.at.Add(36 * time.Hour)
			var news []connectors.Bill
			news, mark = d.changes(t, a, mark)
			for _, b := range news {
				if b.State == connectors.Pending {
					continue
				}
				if known[b.ID] {
					again++
				}
				known[b.ID] = true
			}
		}
		whole := 0
		for _, b := range d.bills(t, a) {
			if b.State == connectors.Done {
				whole++
				if !known[b.ID] {
					t.Errorf("%q: a bill of %v was never told as new", delta, b.At)
				}
			}
		}
		if (again > 0) != (delta != berlingroup.ByEntryReference) || whole == 0 {
			t.Errorf("%q: %d bills were told again, of %d", delta, again, whole)
		}
	}
}

// bearsFourReadings of each thing while the person is away.
func (d *days) bearsFourReadings(t *testing.T) {
	d.link(t, "")
	if got := d.c.Source().Unattended; got != 4 {
		t.Errorf("the source says %d readings a day", got)
	}
	read := func(ctx context.Context) error {
		_, err := d.c.Balances(ctx, d.k, []connectors.AccountRef{d.all[0].Ref})
		return err
	}
	for i := range 6 {
		err := read(context.Background())
		if (i < 4 && err != nil) || (i >= 4 && !errors.Is(err, connectors.ErrBusy)) {
			t.Errorf("reading %d: %v", i+1, err)
		}
	}
	if err := read(here()); err != nil {
		t.Errorf("with the person there: %v", err)
	}
	d.at = d.at.Add(24 * time.Hour)
	if err := read(context.Background()); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

// endsConsents: by the person at the bank, by its time, and by a
// newer one.
func (d *days) endsConsents(t *testing.T) {
	for why, end := range map[string]func(*days){
		"revoked at the bank": func(d *days) {
			if err := d.town.Withdraw(mock.XiheBank, d.town.People()[4].ID); err != nil {
				t.Fatal(err)
			}
		},
		"half a year old": func(d *days) { d.at = d.at.AddDate(0, 0, 181) },
		"replaced": func(d *days) {
			old := d.k
			d.link(t, "")
			d.k = old
		},
	} {
		d.link(t, "")
		end(d)
		if _, err := d.c.Balances(here(), d.k, []connectors.AccountRef{d.all[0].Ref}); !errors.Is(err, connectors.ErrUnauthorized) {
			t.Errorf("%s, balances: %v", why, err)
		}
		if _, err := d.c.Refresh(here(), d.k); !errors.Is(err, connectors.ErrUnauthorized) {
			t.Errorf("%s, refresh: %v", why, err)
		}
	}
}

// tellsNinetyDays: a day after its authentication a person's older bookings are
// refused by the bank, and not asked for.
func (d *days) tellsNinetyDays(t *testing.T) {
	d.link(t, "")
	d.at = d.at.Add(24 * time.Hour)
	at := d.at.In(beijing)
	oldest := time.Date(at.Year(), at.Month(), at.Day()-89, 0, 0, 0, 0, beijing)
	page, err := d.c.Bills(here(), d.k, d.all[0].Ref, d.at.AddDate(-1, 0, 0), d.at, "")
	if err != nil || !page.Covers.From.Equal(oldest) {
		t.Errorf("a year: covers %v, %v", page.Covers, err)
	}
}
