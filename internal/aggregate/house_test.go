package aggregate_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/internal/ledger"
	"jali/internal/secret"
	"jali/vault"
	"jali/vault/anchor"
	"jali/vault/kek"
)

// house is everything that a look goes through, on real files, with sources
// that a test sets as it likes.
type house struct {
	*aggregate.Service
	t       testing.TB
	dir     string
	db      *boltkv.DB
	keys    *boltkv.DB
	consent *consent.Service
	reg     *connectors.Registry

	mu  sync.Mutex
	now time.Time
}

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

func newHouse(t testing.TB) *house {
	t.Helper()
	h := houseIn(t, t.TempDir())
	for _, c := range []string{"bank", "shop"} {
		h.client(consent.ClientID(c), "opaque")
	}
	return h
}

// houseIn founds a house in a folder, or opens the one that is there.
func houseIn(t testing.TB, dir string) *house {
	t.Helper()
	path := filepath.Join(dir, "kek.key")
	key, err := kek.OpenFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = kek.CreateFile(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	bolt := func(name string) *boltkv.DB {
		db, err := boltkv.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	h := &house{t: t, dir: dir, db: bolt("jali.db"), keys: bolt("keys.db"), reg: new(connectors.Registry), now: time.Date(2026, 11, 21, 10, 0, 0, 0, shanghai)}
	held, err := anchor.At(filepath.Join(dir, "anchor"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(t.Context(), vault.Config{DB: h.db, Keys: h.keys, KEK: key, Anchor: held, Now: h.clock})
	if err != nil {
		t.Fatal(err)
	}
	h.consent = &consent.Service{DB: h.db, StepUp: yes{}, Now: h.clock}
	h.Service = &aggregate.Service{DB: h.db, Vault: v, Grants: h.consent, Connectors: h.reg,
		Ledger: &ledger.Ledger{DB: h.db, Vault: v}, Now: h.clock, Log: slog.New(slog.DiscardHandler), Deadline: 5 * time.Second}
	h.consent.Ended = []func(kv.Tx, consent.Grant, bool) error{h.GrantEnded}
	h.consent.Changed = []func(kv.Tx, consent.Grant, consent.Grant) error{h.GrantChanged}
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// yes is a passkey that agrees to everything.
type yes struct{}

func (yes) Check(_ kv.Tx, _ consent.PersonID, _, _ []byte) (consent.Evidence, error) {
	return consent.Evidence{}, nil
}

func (h *house) client(id consent.ClientID, shape string) {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		h.t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	jwks := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"k","x":%q,"y":%q}]}`, b64(point[1:33]), b64(point[33:]))
	err = h.consent.AddClient(h.t.Context(), consent.Client{ID: id, Name: consent.Name{ZH: "银行", EN: "Bank"}, JWKS: json.RawMessage(jwks),
		RedirectURIs: []string{"https://bank.example/back"}, AliasShape: shape})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) person(name string) consent.Session {
	h.t.Helper()
	if err := h.Vault.NewPerson(h.t.Context(), name); err != nil {
		h.t.Fatal(err)
	}
	return consent.Session{ID: "session-of-" + name, Person: consent.PersonID(name), At: h.clock()}
}

// link connects a source by its login page.
func (h *house) link(p consent.Session, source string) aggregate.Connection {
	h.t.Helper()
	c, err := h.tryLink(p, source)
	if err != nil {
		h.t.Fatalf("linking %s: %v", source, err)
	}
	h.pass(time.Second) // connections are told apart by when they were made
	return c
}

func (h *house) tryLink(p consent.Session, source string) (aggregate.Connection, error) {
	to, err := h.BeginLink(h.t.Context(), p, source, "https://jali.example/connections/return")
	if err != nil {
		return aggregate.Connection{}, err
	}
	u, err := url.Parse(to)
	if err != nil {
		return aggregate.Connection{}, err
	}
	return h.FinishLink(h.t.Context(), p, url.Values{"state": {u.Query().Get("state")}, "code": {"c"}})
}

// everything is what a bookkeeping app may ask for.
func (h *house) everything(uses consent.Uses) consent.Terms {
	return consent.Terms{Purpose: consent.Bookkeeping, Datatypes: []consent.Datatype{consent.Balances, consent.Bills, consent.Statements},
		Sources: []string{}, Fields: consent.Full, Period: consent.Period{Days: 30}, Uses: uses, Until: h.clock().Add(24 * time.Hour).Truncate(time.Second)}
}

var once = consent.Uses{Limit: 1}

// grant is a person's yes to all of their accounts, or to some.
func (h *house) grant(p consent.Session, client consent.ClientID, terms consent.Terms, only ...consent.AccountID) consent.GrantID {
	h.t.Helper()
	return h.agree(p, consent.Request{Client: client, Asked: terms}, only...)
}

// replace is a person's yes to other terms of a grant.
func (h *house) replace(p consent.Session, client consent.ClientID, g consent.GrantID, terms consent.Terms, only ...consent.AccountID) {
	h.t.Helper()
	h.agree(p, consent.Request{Client: client, Asked: terms, Action: consent.Replace, Revises: g}, only...)
}

func (h *house) agree(p consent.Session, r consent.Request, only ...consent.AccountID) consent.GrantID {
	h.t.Helper()
	ctx, id := context.WithoutCancel(h.t.Context()), consent.GrantID(rand.Text())
	offered := h.accountIDs(p)
	if len(only) == 0 {
		only = offered
	}
	r.ID, r.Lapses = id, h.clock().Add(5*time.Minute)
	err := h.db.Update(ctx, func(tx kv.Tx) error {
		_, err := h.consent.Push(tx, h.clock(), r)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.consent.Show(ctx, p, id); err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.consent.Prepare(ctx, p, id, consent.Choice{Accounts: only}, offered); err != nil {
		h.t.Fatal(err)
	}
	if _, _, err := h.consent.Give(ctx, p, id, nil); err != nil {
		h.t.Fatal(err)
	}
	return id
}

func (h *house) accountIDs(p consent.Session) []consent.AccountID {
	h.t.Helper()
	accounts, err := h.Accounts(h.t.Context(), p)
	if err != nil {
		h.t.Fatal(err)
	}
	var ids []consent.AccountID
	for _, a := range accounts {
		ids = append(ids, a.ID)
	}
	return ids
}

func (h *house) open(client consent.ClientID, grant consent.GrantID, key string) aggregate.View {
	h.t.Helper()
	v, err := h.Open(h.t.Context(), aggregate.OpenRequest{Client: client, Grant: grant, Key: key})
	if err != nil {
		h.t.Fatalf("opening a view: %v", err)
	}
	return v
}

func yuan(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "CNY"} }

// fake is a source that does everything as a test says.
type fake struct {
	source   connectors.Source
	accounts []connectors.Account
	balances []connectors.Balance
	bills    map[string][]connectors.Bill // by ref
	due      []connectors.Statement

	slow  time.Duration
	err   error  // of every question
	boom  any    // panicked with
	asked func() // told of every question for balances
	// finishing is told of whoever comes back from the login page.
	finishing func()
	pageSize  int
	stale     func(connectors.Credential) bool

	mu        sync.Mutex
	refreshes int
	unlinked  int
	windows   []connectors.Span
	creds     []string
}

func ref(id string) connectors.AccountRef { return connectors.AccountRef{ID: secret.Of(id)} }

// wallet is a healthy source with one account of ¥100.50.
func wallet(id string) *fake {
	number := "20880000" + id
	return &fake{
		source: connectors.Source{ID: id, Name: connectors.Name{ZH: id, EN: id}, Kind: connectors.Wallet},
		accounts: []connectors.Account{{Ref: ref("ref-" + id), Number: secret.Of(number), Kind: connectors.WalletBalance,
			Side: connectors.Asset, Name: "余额", Currency: "CNY"}},
		balances: []connectors.Balance{{Account: ref("ref-" + id), Kind: connectors.Available, Amount: yuan(10050), AsOf: time.Date(2026, 11, 21, 9, 0, 0, 0, shanghai)}},
		bills:    map[string][]connectors.Bill{},
	}
}

// with gives the source's first account n payments of ¥1.01, ¥1.02, … one an hour before the other.
func (f *fake) with(n int) *fake {
	r := f.accounts[0].Ref.ID.RevealString()
	for i := range n {
		f.bills[r] = append(f.bills[r], connectors.Bill{
			ID: fmt.Sprintf("%s-%05d", f.source.ID, i), At: time.Date(2026, 11, 20, 20, 0, 0, 0, shanghai).Add(-time.Duration(i) * time.Minute),
			Amount: yuan(int64(101 + i)), Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done, Kind: connectors.Payment,
			Counterparty: "瑞幸咖啡", Description: "生椰拿铁", Order: fmt.Sprintf("order-%s-%d", f.source.ID, i),
		})
	}
	return f
}

func (h *house) add(sources ...*fake) {
	h.t.Helper()
	for _, f := range sources {
		if err := h.reg.Register(f); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) answer(ctx context.Context, c connectors.Credential) error {
	f.mu.Lock()
	slow, err, boom := f.slow, f.err, f.boom
	f.creds = append(f.creds, c.RevealString())
	f.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if boom != nil {
		panic(boom)
	}
	return err
}

func (f *fake) Source() connectors.Source { return f.source }

func (f *fake) Accounts(ctx context.Context, c connectors.Credential) ([]connectors.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accounts, f.err
}

func (f *fake) Balances(ctx context.Context, c connectors.Credential, _ []connectors.AccountRef) ([]connectors.Balance, error) {
	f.mu.Lock()
	asked := f.asked
	f.mu.Unlock()
	if asked != nil {
		asked()
	}
	return f.balances, f.answer(ctx, c)
}

func (f *fake) Bills(ctx context.Context, c connectors.Credential, a connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	if err := f.answer(ctx, c); err != nil {
		return connectors.Page{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.windows = append(f.windows, connectors.Span{From: from, To: to})
	var page connectors.Page
	at := 0
	if next != "" {
		_, _ = fmt.Sscanf(string(next), "%d", &at)
	}
	var all []connectors.Bill
	for _, b := range f.bills[a.ID.RevealString()] {
		if !b.At.Before(from) && b.At.Before(to) {
			all = append(all, b)
		}
	}
	size := f.pageSize
	if size == 0 {
		size = 1000
	}
	page.Bills = all[at:min(at+size, len(all))]
	if at+size < len(all) {
		page.Next = connectors.Cursor(fmt.Sprint(at + size))
	}
	return page, nil
}

func (f *fake) Statements(ctx context.Context, c connectors.Credential, a connectors.AccountRef, _, _ time.Time) ([]connectors.Statement, error) {
	return f.due, nil
}

func (f *fake) Begin(_ context.Context, state, redirect string) (connectors.Linking, error) {
	return connectors.Linking{URL: "https://source.example/login?state=" + url.QueryEscape(state), RedirectURI: redirect, Keep: secret.Of("verifier")}, nil
}

func (f *fake) Finish(_ context.Context, l connectors.Linking, q url.Values) (connectors.Credential, error) {
	if f != nil && f.finishing != nil {
		f.finishing()
	}
	if l.Keep.RevealString() != "verifier" || q.Get("code") == "" {
		return connectors.Credential{}, connectors.ErrLinkRefused
	}
	return secret.Of("credential-0"), nil
}

func (f *fake) Stale(c connectors.Credential, _ time.Time) bool { return f.stale != nil && f.stale(c) }

func (f *fake) Refresh(context.Context, connectors.Credential) (connectors.Credential, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refreshes++
	return secret.Of(fmt.Sprintf("credential-%d", f.refreshes)), nil
}

func (f *fake) Unlink(context.Context, connectors.Credential) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unlinked++
	return nil
}
