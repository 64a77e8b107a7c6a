// Package conntest is the behaviour that every connector must show, whatever
// its dialect: [Run] links, reads, breaks off and breaks down.
//
// Failures of the wire are made by a transport between the connector and its
// source, so that the source, real or imagined, need not know how to fail. What
// only the source can do, such as truly signing another's account, is asked of
// it by Setup.Ail, where it can.
package conntest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/internal/dial"
)

// Setup is a source in working order with one person who is known there.
type Setup struct {
	// Connect makes the connector under test, which must use the client given.
	Connect func(*testing.T, *http.Client) connectors.Connector
	// Login does what the person does on the source's page, and answers the
	// query that comes back to the redirect URI.
	Login func(t *testing.T, page string, agree bool) url.Values
	// Dead answers a credential that looks like the one given and opens nothing.
	Dead func(connectors.Credential) connectors.Credential
	// Now is the source's clock and the connector's; it stands still.
	Now time.Time
	// From and To bound a window in which the person has bills.
	From, To time.Time
	// Signed says that the source signs its balances and bills.
	Signed bool
	// Secrets are texts that must show nowhere: numbers, names, tokens.
	Secrets func() []string

	// Presence are the headers in which the source is told that the person is
	// there; empty: it is not told.
	Presence Headers
	// Ail makes the source suffer from x and from nothing else, until it is
	// called again; nil: it cannot.
	Ail func(x mock.Trouble)
	// Blind are the reads ("balances", "bills", "statements") whose answers do
	// not say whose they are: a stranger's cannot be told from one's own.
	Blind []string
	// Derived says that bills have no ids at the source: one told twice is two.
	Derived bool
	// Standing says that what comes back of linking is no code that is spent: it
	// serves for as long as the consent stands.
	Standing bool
	// Tokenless says that reads show no token which might end.
	Tokenless bool
	// Numbers says that sums are JSON numbers, of which 1e2 is one.
	Numbers bool
}

// Headers are names of headers, empty where the source has none for it.
type Headers struct{ IP, UserAgent, Since string }

const redirect = "http://127.0.0.1/linked"

// Run holds the connector against the contract. Abilities that it has beyond
// Connector are found and tested; Linker is required.
func Run(t *testing.T, s Setup) {
	leaks := goleak.IgnoreCurrent()
	client := dial.New(dial.Config{AllowPrivate: true})
	wire := &wire{next: client.Transport}
	client.Transport = wire
	var log bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&locked{w: &log}, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(old)

	r := &run{Setup: s, wire: wire, c: s.Connect(t, client)}
	t.Run("source", r.source)
	t.Run("link", r.link)
	if r.credential.Empty() {
		t.Fatal("no credential came of linking: nothing else can be tested")
	}
	t.Run("accounts", r.accounts)
	t.Run("balances", r.balances)
	if lister, ok := r.c.(connectors.BillLister); ok {
		t.Run("bills", func(t *testing.T) { r.bills(t, lister) })
	}
	if lister, ok := r.c.(connectors.StatementLister); ok {
		t.Run("statements", func(t *testing.T) { r.statements(t, lister) })
	}
	t.Run("presence", r.presence)
	if refresher, ok := r.c.(connectors.Refresher); ok {
		t.Run("refresh", func(t *testing.T) { r.refresh(t, refresher) })
	}
	t.Run("dead credential", r.dead)
	t.Run("faults of the wire", r.faults)
	t.Run("deadline", r.deadline)
	t.Run("links elsewhere", r.elsewhere)
	if s.Ail != nil {
		t.Run("hostile", r.hostile)
	}
	if unlinker, ok := r.c.(connectors.Unlinker); ok {
		t.Run("unlink", func(t *testing.T) { r.unlink(t, unlinker) })
	}
	t.Run("secrets", func(t *testing.T) {
		if len(r.errs) == 0 || len(s.Secrets()) == 0 {
			t.Fatal("no errors or no secrets: this check could not fail")
		}
		said := log.String() + strings.Join(r.errs, "\n") + r.shown
		for i, secret := range s.Secrets() {
			if len(secret) >= 4 && strings.Contains(said, secret) {
				t.Errorf("secret %d shows in an error, a log line or a printed account", i)
			}
		}
	})
	client.CloseIdleConnections()
	goleak.VerifyNone(t, leaks)
}

type run struct {
	Setup
	wire       *wire
	c          connectors.Connector
	credential connectors.Credential
	known      []connectors.Account
	refs       []connectors.AccountRef // of those
	errs       []string
	shown      string
}

// want checks an error, and keeps its text for the search for secrets.
func (r *run) want(t *testing.T, what string, got error, want ...error) {
	t.Helper()
	if got != nil {
		r.errs = append(r.errs, fmt.Sprintf("%v %+v %#v", got, got, got))
	}
	if !slices.ContainsFunc(want, func(w error) bool { return is(got, w) }) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (r *run) source(t *testing.T) {
	s := r.c.Source()
	if s.ID == "" || s.Name.ZH == "" || s.Name.EN == "" || (s.Kind != connectors.Wallet && s.Kind != connectors.Bank) {
		t.Errorf("the source does not say who it is: %+v", s)
	}
	if s.History < 0 || s.MaxWindow < 0 || s.Concurrent < 0 {
		t.Errorf("the source has limits below zero: %+v", s)
	}
}

func (r *run) login(t *testing.T, agree bool) (connectors.Linking, url.Values) {
	t.Helper()
	linker, ok := r.c.(connectors.Linker)
	if !ok {
		t.Fatal("the connector is no Linker")
	}
	l, err := linker.Begin(context.Background(), "astateof128randombits", redirect)
	if err != nil {
		t.Fatal(err)
	}
	if l.RedirectURI != redirect {
		t.Errorf("RedirectURI = %q, want the one given", l.RedirectURI)
	}
	q := r.Login(t, l.URL, agree)
	if got := q.Get("state"); got != "astateof128randombits" {
		t.Errorf("state came back as %q", got)
	}
	return l, q
}

func (r *run) link(t *testing.T) {
	l, q := r.login(t, false)
	linker := r.c.(connectors.Linker)
	_, err := linker.Finish(context.Background(), l, q)
	r.want(t, "the person refused", err, connectors.ErrLinkRefused)

	// A code is spent once, and a second try may cost the tokens of the first:
	// it is tried on a link of its own. At some sources a link ends the person's
	// older ones, so that the one to go on with is the last.
	l, q = r.login(t, true)
	if _, err = linker.Finish(context.Background(), l, q); err != nil {
		t.Fatal(err)
	}
	if !r.Standing {
		_, err = linker.Finish(context.Background(), l, q)
		r.want(t, "a code that is spent", err, connectors.ErrLinkRefused)
	}
	_, err = linker.Finish(context.Background(), l, url.Values{})
	r.want(t, "nothing came back", err, connectors.ErrLinkRefused)
	l, q = r.login(t, true)
	if r.credential, err = linker.Finish(context.Background(), l, q); err != nil {
		t.Fatal(err)
	}
}

func (r *run) accounts(t *testing.T) {
	first, err := r.c.Accounts(context.Background(), r.credential)
	if err != nil || len(first) == 0 {
		t.Fatalf("%d accounts, %v", len(first), err)
	}
	second, err := r.c.Accounts(context.Background(), r.credential)
	if err != nil || len(second) != len(first) {
		t.Fatalf("read again: %d accounts, %v", len(second), err)
	}
	for i, a := range first {
		r.shown += fmt.Sprintf("%v %+v %#v", a, a, a)
		switch {
		case a.Ref.ID.Empty(), a.Kind == "", a.Side != connectors.Asset && a.Side != connectors.Debt:
			t.Errorf("account %d lacks a ref, a kind or a side: %+v", i, a)
		case a.Name == "" || strings.ContainsAny(a.Name, "0123456789"):
			t.Errorf("account %d is named %q", i, a.Name)
		case !a.Ref.ID.Equal(second[i].Ref.ID) || !a.Number.Equal(second[i].Number):
			t.Errorf("account %d is another when read again", i)
		}
		for _, other := range r.refs {
			if other.ID.Equal(a.Ref.ID) {
				t.Errorf("account %d stands twice", i)
			}
		}
		r.refs = append(r.refs, a.Ref)
	}
	r.known = first
}

func (r *run) balances(t *testing.T) {
	got, err := r.c.Balances(context.Background(), r.credential, r.refs)
	if err != nil || (len(got) == 0) != r.c.Source().NoBalances {
		t.Fatalf("%d balances, %v", len(got), err)
	}
	kinds := map[string]bool{}
	for _, b := range got {
		at := slices.IndexFunc(r.refs, func(ref connectors.AccountRef) bool { return ref.ID.Equal(b.Account.ID) })
		if at < 0 {
			t.Error("a balance of an account that was not asked for")
		}
		if b.Kind == "" || b.Amount.Currency == "" || b.AsOf.IsZero() || b.AsOf.After(r.Now.Add(time.Minute)) {
			t.Errorf("a balance without a kind, a currency or a time: kind %q, of %v", b.Kind, b.AsOf)
		}
		slot := fmt.Sprint(at, b.Kind, b.Amount.Currency)
		if kinds[slot] {
			t.Errorf("two balances %s of one account", b.Kind)
		}
		kinds[slot] = true
	}
	if got, err := r.c.Balances(context.Background(), r.credential, nil); err != nil || len(got) != 0 {
		t.Errorf("of no accounts: %d balances, %v", len(got), err)
	}
}

func (r *run) refresh(t *testing.T, refresher connectors.Refresher) {
	if refresher.Stale(r.credential, r.Now) {
		t.Error("a new credential is stale")
	}
	if !refresher.Stale(r.credential, r.Now.AddDate(20, 0, 0)) {
		t.Error("a credential of twenty years ago is not stale")
	}
	fresh, err := refresher.Refresh(context.Background(), r.credential)
	if err != nil {
		t.Fatal(err)
	}
	if refresher.Stale(fresh, r.Now) {
		t.Error("a refreshed credential is stale")
	}
	if _, err := r.c.Balances(context.Background(), fresh, r.refs); err != nil {
		t.Errorf("with the refreshed credential: %v", err)
	}
	r.credential = fresh
	_, err = refresher.Refresh(context.Background(), r.Dead(r.credential))
	r.want(t, "a dead credential refreshed", err, connectors.ErrUnauthorized)
}

func (r *run) dead(t *testing.T) {
	for why, k := range map[string]connectors.Credential{"dead": r.Dead(r.credential), "none of this dialect": {}} {
		if k.Equal(r.credential) {
			t.Fatal("Setup.Dead answers the living credential")
		}
		// Where a credential says itself which account it opens, the dead one's
		// is asked for, as a caller would.
		known := r.known
		if accounts, err := r.c.Accounts(context.Background(), k); err == nil {
			known = accounts
		} else {
			r.want(t, "accounts with a credential that is "+why, err, connectors.ErrUnauthorized)
		}
		for what, call := range r.reads(known) {
			if what != "accounts" {
				r.want(t, what+" with a credential that is "+why, call(context.Background(), k), connectors.ErrUnauthorized)
			}
		}
	}
}

func (r *run) unlink(t *testing.T, unlinker connectors.Unlinker) {
	for range 2 { // told twice, it is as good
		if err := unlinker.Unlink(context.Background(), r.credential); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.c.Balances(context.Background(), r.credential, r.refs)
	r.want(t, "balances after unlinking", err, connectors.ErrUnauthorized)
}

// reads are the calls that a view of accounts is made of.
func (r *run) reads(accounts []connectors.Account) map[string]func(context.Context, connectors.Credential) error {
	var refs []connectors.AccountRef
	for _, a := range accounts {
		refs = append(refs, a.Ref)
	}
	calls := map[string]func(context.Context, connectors.Credential) error{
		"accounts": func(ctx context.Context, k connectors.Credential) error {
			_, err := r.c.Accounts(ctx, k)
			return err
		},
	}
	if !r.c.Source().NoBalances {
		calls["balances"] = func(ctx context.Context, k connectors.Credential) error {
			_, err := r.c.Balances(ctx, k, refs)
			return err
		}
	}
	if lister, ok := r.c.(connectors.BillLister); ok {
		calls["bills"] = func(ctx context.Context, k connectors.Credential) error {
			_, err := lister.Bills(ctx, k, refs[0], r.windows(r.From, r.To)[0].From, r.windows(r.From, r.To)[0].To, "")
			return err
		}
	}
	if lister, ok := r.c.(connectors.StatementLister); ok {
		if debt, ok := owing(accounts); ok {
			calls["statements"] = func(ctx context.Context, k connectors.Credential) error {
				_, err := lister.Statements(ctx, k, debt, r.year(), r.To)
				return err
			}
		}
	}
	return calls
}

// owing finds an account of debt.
func owing(accounts []connectors.Account) (connectors.AccountRef, bool) {
	for _, a := range accounts {
		if a.Side == connectors.Debt {
			return a.Ref, true
		}
	}
	return connectors.AccountRef{}, false
}

// year is a year before now, at midnight: far enough back for statements.
func (r *run) year() time.Time {
	y, m, d := r.Now.Date()
	return time.Date(y-1, m, d, 0, 0, 0, 0, r.Now.Location())
}

// windows parts [from, to) as a caller must, by what the source bears.
func (r *run) windows(from, to time.Time) []connectors.Span {
	longest := r.c.Source().MaxWindow
	if longest <= 0 {
		return []connectors.Span{{From: from, To: to}}
	}
	var all []connectors.Span
	for ; to.Sub(from) > longest; from = from.Add(longest) {
		all = append(all, connectors.Span{From: from, To: from.Add(longest)})
	}
	return append(all, connectors.Span{From: from, To: to})
}

// locked lets handlers of several goroutines write to one buffer.
type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
