package house

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/consent/passkey/software"
	"jali/internal/kv"
	"jali/internal/secret"
	"jali/internal/webhook"
)

// crowdSource is an institution where everybody has a few accounts; who is
// asking stands in the credential.
type crowdSource struct {
	id    string
	kinds []connectors.AccountKind
	at    time.Time // the newest bills

	refuses *atomic.Bool // whatever was connected; nil: never
}

func (s crowdSource) Source() connectors.Source {
	return connectors.Source{ID: s.id, Name: connectors.Name{ZH: s.id, EN: s.id}, Kind: connectors.Bank}
}

func (s crowdSource) Begin(_ context.Context, state, redirect string) (connectors.Linking, error) {
	return connectors.Linking{URL: "https://source.example/?state=" + url.QueryEscape(state), RedirectURI: redirect, Keep: secret.Of("k")}, nil
}

func (s crowdSource) Finish(_ context.Context, _ connectors.Linking, q url.Values) (connectors.Credential, error) {
	return secret.Of(q.Get("code")), nil
}

func (s crowdSource) ref(c connectors.Credential, i int) connectors.AccountRef {
	return connectors.AccountRef{ID: secret.Of(fmt.Sprintf("%s/%s/%d", c.RevealString(), s.id, i))}
}

func (s crowdSource) Accounts(_ context.Context, c connectors.Credential) (all []connectors.Account, _ error) {
	for i, kind := range s.kinds {
		side := connectors.Asset
		if kind == connectors.CreditCard {
			side = connectors.Debt
		}
		all = append(all, connectors.Account{Ref: s.ref(c, i), Number: secret.Of("62220212" + digits(c, s.id, i)), Kind: kind, Side: side, Name: "账户", Currency: "CNY"})
	}
	return all, nil
}

// digits are ten that are this account's alone.
func digits(c connectors.Credential, of ...any) string {
	n := 0
	for _, r := range rander(len(c.RevealString())) + c.RevealString() + fmt.Sprint(of...) {
		n = (n*131 + int(r)) % 1e10
	}
	return fmt.Sprintf("%010d", n)
}

func (s crowdSource) which(c connectors.Credential, r connectors.AccountRef) int {
	for i := range s.kinds {
		if s.ref(c, i).ID.RevealString() == r.ID.RevealString() {
			return i
		}
	}
	return -1
}

func (s crowdSource) Balances(_ context.Context, c connectors.Credential, refs []connectors.AccountRef) (all []connectors.Balance, _ error) {
	if s.refuses != nil && s.refuses.Load() {
		return nil, connectors.ErrUnauthorized
	}
	for _, r := range refs {
		i := s.which(c, r)
		for k, kind := range []connectors.BalanceKind{connectors.Available, connectors.Frozen} {
			all = append(all, connectors.Balance{Account: r, Kind: kind, Amount: yuan(int64(1000*i + 7*k + 100)), AsOf: s.at})
		}
	}
	return all, nil
}

func yuan(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "CNY"} }

// Bills are four on each of two days, two of them at the same moment and two
// of which only the day is known; no two of a person's are over the same amount.
func (s crowdSource) Bills(_ context.Context, c connectors.Credential, r connectors.AccountRef, from, to time.Time, _ connectors.Cursor) (connectors.Page, error) {
	var page connectors.Page
	for n := range 8 {
		b := connectors.Bill{
			ID: "20261121" + digits(c, r.ID.RevealString(), n), Order: "4200" + digits(c, r.ID.RevealString(), "order", n),
			At: s.at.AddDate(0, 0, -(n / 4)), Amount: yuan(int64(10_000*len(s.id) + 100*s.which(c, r) + n)),
			Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done, Kind: connectors.Payment,
			Counterparty: []string{"瑞幸咖啡", "盒马鲜生"}[n%2], Description: []string{"生椰拿铁", "订单" + digits(c, n)}[n%2],
		}
		if n%4 >= 2 {
			b.DateOnly, b.At = true, time.Date(b.At.Year(), b.At.Month(), b.At.Day(), 0, 0, 0, 0, b.At.Location())
		}
		page.Bills = append(page.Bills, b)
	}
	return page, nil
}

func (s crowdSource) Statements(_ context.Context, c connectors.Credential, r connectors.AccountRef, from, to time.Time) (all []connectors.Statement, _ error) {
	if i := s.which(c, r); s.kinds[i] == connectors.CreditCard {
		day := time.Date(s.at.Year(), s.at.Month(), 1, 0, 0, 0, 0, s.at.Location())
		all = append(all, connectors.Statement{Account: r, Period: connectors.Span{From: day.AddDate(0, -1, 0), To: day}, Due: yuan(int64(5000 + i)), DueDate: day.AddDate(0, 0, 20)})
	}
	return all, nil
}

// crowd is a house full of people, asked for by several clients.
type crowd struct {
	*House
	apps   []*app
	people []somebody

	now     atomic.Int64 // in seconds: it moves between what is done at once
	refuses atomic.Bool  // the sources, whatever was connected
}

func (c *crowd) clock() time.Time { return time.Unix(c.now.Load(), 0) }

// anyPasskey agrees to everything.
type anyPasskey struct{}

func (anyPasskey) Check(kv.Tx, consent.PersonID, []byte, []byte) (consent.Evidence, error) {
	return consent.Evidence{Credential: []byte("passkey")}, nil
}

func (h *House) agree(ctx context.Context, s consent.Session, id consent.GrantID) (consent.Ticket, error) {
	if _, err := h.Consent.Show(ctx, s, id); err != nil {
		return "", err
	}
	accounts, err := h.Aggregate.Accounts(ctx, s)
	if err != nil {
		return "", err
	}
	var offered []consent.AccountID
	for _, a := range accounts {
		offered = append(offered, a.ID)
	}
	if _, err := h.Consent.Prepare(ctx, s, id, consent.Choice{Accounts: offered}, offered); err != nil {
		return "", err
	}
	_, ticket, err := h.Consent.Give(ctx, s, id, nil)
	return ticket, err
}

const (
	openly  = `[{"type":"account_view","actions":["view"],"datatypes":["balances","bills","statements"],"purpose":"bookkeeping","bill_fields":"full","uses":{"limit":4,"per":"day"}}]`
	sparely = `[{"type":"account_view","actions":["view"],"datatypes":["balances","bills","statements"],"purpose":"bill_overview","bill_fields":"minimal","uses":{"limit":4,"per":"day"}}]`
)

// newCrowd links every person to both sources, in an order of their own.
func newCrowd(t testing.TB, people int) *crowd {
	t.Helper()
	return newCrowdOf(t, people, func(*Config) {}, func(h http.Handler) http.Handler { return h })
}

// newCrowdOf is newCrowd in a house of which a test says more, and around whose
// handler it puts something.
func newCrowdOf(t testing.TB, people int, change func(*Config), around func(http.Handler) http.Handler) *crowd {
	t.Helper()
	c := &crowd{}
	c.now.Store(time.Now().Unix())
	sources := new(connectors.Registry)
	for _, s := range []crowdSource{
		{"harbour_bank", []connectors.AccountKind{connectors.CreditCard, connectors.CreditCard}, c.clock().Add(-time.Hour), &c.refuses},
		{"wallet", []connectors.AccountKind{connectors.WalletBalance}, c.clock().Add(-time.Hour), &c.refuses},
	} {
		if err := sources.Register(s); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	config := Config{Issuer: issuer, Data: t.TempDir(), Sources: sources, AllowPrivate: true, Now: c.clock,
		Rates: GenerousRates(), Log: slog.New(slog.DiscardHandler)}
	change(&config)
	if c.House, err = Open(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	c.Handler = around(c.Handler)
	c.promising(t)
	t.Cleanup(func() { _ = c.Close() })
	c.Consent.StepUp = anyPasskey{}
	c.now.Add(5)
	for i, how := range []struct{ shape, terms string }{{"opaque", openly}, {"opaque", sparely}, {"card", openly}, {"card", sparely}, {"iban", openly}} {
		c.apps = append(c.apps, newApp(t, c.House, c.clock, fmt.Sprint("app", i), how.shape, how.terms))
	}
	c.people = make([]somebody, people)
	c.together(len(c.people), func(i int) {
		p, err := c.join(t.Context(), i)
		if err != nil {
			t.Error(err)
			return
		}
		c.people[i] = p
		for n := range 2 {
			source := []string{"harbour_bank", "wallet"}[(n+i)%2]
			to, err := c.Aggregate.BeginLink(t.Context(), p.Session, source, issuer+"/connect/return")
			if err != nil {
				t.Error(err)
				return
			}
			at, _ := url.Parse(to)
			if _, err := c.Aggregate.FinishLink(t.Context(), p.Session, url.Values{"state": at.Query()["state"], "code": {string(p.Person)}}); err != nil {
				t.Error(err)
			}
		}
	})
	return c
}

// join signs a person up at a passkey of their own.
func (c *crowd) join(ctx context.Context, of int) (somebody, error) {
	flow, options, err := c.Passkeys.BeginSignUp(ctx, fmt.Sprint("somebody", of))
	if err != nil {
		return somebody{}, err
	}
	response, err := software.New().Create(issuer, options)
	if err != nil {
		return somebody{}, err
	}
	in, _, err := c.Passkeys.FinishSignUp(ctx, flow, response, "")
	return somebody{in.Session, in.Cookie, of}, err
}

// together does n things, some at once.
func (c *crowd) together(n int, do func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range 25 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// visit has one client ask one person, and read all that it may.
func (c *crowd) visit(t testing.TB, a *app, p somebody, turn int) {
	grant, token := a.ask(t, p, turn)
	access := token.text("access_token")
	keep := func(what string, got answer) answer {
		if got.status/100 != 2 {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
		return a.keep(what, got, p.of, turn)
	}
	if access == "" {
		return
	}
	view := keep("open", a.open(access))
	a.list(t, c, p, view)
	id := view.text("id")
	keep("view", a.get("/v1/views/"+id, access))
	for cursor, more := "", true; more; more = cursor != "" {
		cursor = keep("bills", a.get("/v1/views/"+id+"/bills?limit=12"+cursor, access)).text("next")
		if cursor != "" {
			cursor = "&cursor=" + cursor
		}
	}
	if p.of%3 > 0 { // the rest says of everybody the same
		return
	}
	keep("refresh", a.form("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.text("refresh_token")}}))
	sub := keep("introspect", a.form("/oauth/introspect", url.Values{"token": {access}})).text("sub")
	keep("decoupled", a.form("/oauth/bc-authorize", url.Values{"scope": {"openid"}, "login_hint": {sub}, "authorization_details": {a.terms}}))
	keep("grant", a.get("/oauth/grants/"+string(grant), access))
	a.keep("lost-view", a.get("/v1/views/"+strings.Repeat("a", 48), access), p.of, turn)
	a.keep("lost-cursor", a.get("/v1/views/"+id+"/bills?cursor=AAAA", access), p.of, turn)
}

// list keeps a view's orders, by what the house alone knows of them.
func (a *app) list(t testing.TB, c *crowd, p somebody, got answer) {
	var v struct {
		Sources  []struct{ Source string }
		Accounts []struct{ Account, Source string }
		Balances []struct {
			Account, Kind string
			Amount        struct{ Value string }
		}
		Totals []struct{ Currency string }
		Bills  struct {
			Items []struct {
				Account, Date, Time string
				Amount              struct{ Value string }
			}
		}
		Statements []struct {
			Account string
			Period  struct{ To time.Time }
			Due     struct{ Value string }
		}
	}
	if err := json.Unmarshal(got.body, &v); err != nil {
		t.Error(err)
		return
	}
	source, own := map[string]string{}, map[string]string{}
	err := c.db.View(t.Context(), func(tx tx) error {
		for _, x := range v.Accounts {
			client, account, err := c.Vault.Resolve(tx, string(p.Person), x.Account)
			if err != nil || client != string(a.id) {
				return fmt.Errorf("%s is %s's: %w", x.Account, client, err)
			}
			source[x.Account], own[x.Account] = x.Source, account
		}
		return nil
	})
	if err != nil || len(v.Accounts) != 3 || len(v.Bills.Items) != 24 || len(v.Statements) != 2 || len(v.Balances) != 6 {
		t.Errorf("%d accounts, %d bills, %d statements, %v", len(v.Accounts), len(v.Bills.Items), len(v.Statements), err)
	}
	lists := map[string][]item{}
	add := func(list, key, what string) { lists[list] = append(lists[list], item{key, what}) }
	for _, x := range v.Sources {
		add("sources", x.Source, x.Source)
	}
	for _, x := range v.Accounts {
		add("accounts", x.Source, own[x.Account])
	}
	for _, x := range v.Balances {
		add("accounts of balances", source[x.Account], own[x.Account])
	}
	for _, x := range v.Totals {
		add("totals", x.Currency, x.Currency)
	}
	for _, x := range v.Bills.Items {
		add("bills", newest(x.Date+x.Time), x.Amount.Value)
		add("days of bills", newest(x.Date), x.Amount.Value)
	}
	for _, x := range v.Statements {
		add("statements", newest(x.Period.To.Format(time.RFC3339)), x.Due.Value)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, items := range lists {
		if name == "days of bills" && a.terms == openly {
			continue // times are shown beside the days and sort them
		}
		a.lists = append(a.lists, list{name, p.of, items})
	}
}

// newest turns an order of text round.
func newest(s string) string {
	return strings.Map(func(r rune) rune { return '~' - r%95 }, s+strings.Repeat(" ", 40-len(s)))
}

// declared is all that two clients may have in common of one person, by its
// place in whatever document or header tells it.
var declared = func() map[string]string {
	d := map[string]string{}
	for as, places := range map[string]string{
		word: `Cache-Control Content-Type Content-Language Vary X-Content-Type-Options Referrer-Policy Content-Security-Policy Cross-Origin-Resource-Policy Pragma
			Ratelimit Ratelimit-Policy Dpop-Nonce ?iss ?state to
			type title status code owner detail active acr iss scope state token_type expires_in interval uses_left complete
			authorization_details[].type authorization_details[].actions[] authorization_details[].datatypes[] authorization_details[].locations[]
			authorization_details[].bill_fields authorization_details[].purpose authorization_details[].uses.limit authorization_details[].uses.per
			authorization_details[].retention authorization_details[].period.days
			sources[].source sources[].status data.source accounts[].source accounts[].kind accounts[].side accounts[].name balances[].kind
			totals[].currency statements[].settled items[].direction items[].flow items[].state items[].final items[].kind items[].category
			items[].counted items[].amount.currency balances[].amount.currency statements[].due.currency
			totals[].assets.currency totals[].debts.currency totals[].net.currency totals[].in.currency totals[].out.currency`,
		bills: `balances[].amount.value balances[].as_of sources[].covers.from statements[].due.value statements[].due_date
			statements[].period.from statements[].period.to totals[].assets.value totals[].debts.value totals[].net.value totals[].in.value
			totals[].out.value items[].date items[].time items[].amount.value items[].counterparty items[].description`,
		deed: `timestamp Webhook-Timestamp`,
	} {
		for place := range strings.FieldsSeq(places) {
			d[place] = as
		}
	}
	return d
}()

func TestClientsCannotJoinPeople(t *testing.T) {
	people := 200
	if raced {
		people = 30
	}
	c := newCrowd(t, people)
	const atOnce = 10
	for from := 0; from < people; from += atOnce {
		for _, a := range c.apps {
			c.now.Add(3) // no two clients do anything at the same time
			c.together(min(atOnce, people-from), func(i int) { c.visit(t, a, c.people[from+i], from/atOnce) })
		}
	}
	if t.Failed() {
		return
	}
	c.part(t, people/atOnce)
	var all []told
	for _, a := range c.apps {
		all = append(all, a.told)
	}
	for _, found := range joins(all, declared) {
		t.Error(found)
	}
	heard := map[string]bool{}
	for _, a := range all {
		for _, l := range a.leaves {
			heard[l.place()] = true
		}
	}
	for at := range declared {
		if !heard[at] {
			t.Errorf("%q is declared, but nobody has heard it", at)
		}
	}
}

// turn has a look of their own find out that both sources of some people need
// them, and answers how many events tell of it. Of these the second in which
// they are told may not be the same, unless by chance.
func (c *crowd) turn(t *testing.T) (events int) {
	who := c.people[:min(20, len(c.people))]
	c.refuses.Store(true)
	for _, p := range who {
		if _, err := c.Aggregate.Own(t.Context(), p.Session, time.Time{}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	c.refuses.Store(false)
	for range 60 {
		c.now.Add(60)
		c.Sweep(t.Context())
	}
	list, err := c.Outbox.List(t.Context(), "", false)
	if err != nil {
		t.Fatal(err)
	}
	type of struct{ source, person string }
	told := map[of][]webhook.Event{}
	for _, e := range list {
		if e.Type == webhook.NeedsPerson {
			key := of{e.Source, c.whose(t, e)}
			told[key] = append(told[key], e.Event)
			events++
		}
	}
	pairs, same := 0, 0
	for _, clients := range told {
		for i, a := range clients {
			for _, b := range clients[i+1:] {
				if pairs++; a.At.Truncate(time.Second).Equal(b.At.Truncate(time.Second)) {
					same++
				}
			}
		}
	}
	if events != len(who)*len(c.apps)*2 || same > pairs/8 { // of 400 pairs 7 by chance, 50 once in 10^23
		t.Errorf("%d events, %d of %d pairs of one person in the same second", events, same, pairs)
	}
	return events
}

func (c *crowd) whose(t *testing.T, e webhook.Delivery) (person string) {
	t.Helper()
	err := c.db.View(t.Context(), func(tx tx) error {
		g, err := c.Consent.LoadIn(tx, c.clock(), consent.ClientID(e.Client), consent.GrantID(e.Grant))
		person = string(g.Person)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return person
}

// part has people do what several clients hear of at once, and keeps what they
// are told: by pausing everything, and by leaving.
func (c *crowd) part(t *testing.T, turn int) {
	post := make(chan struct{}, 1024)
	door := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, a := range c.apps {
			if strings.TrimPrefix(r.URL.Path, "/") != string(a.id) {
				continue
			}
			got := answer{status: 0, header: http.Header{}, body: body}
			for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
				got.header[name] = r.Header[http.CanonicalHeaderKey(name)]
			}
			_ = json.Unmarshal(body, &got.json)
			a.keep("webhook", got, 0, turn)
		}
		post <- struct{}{}
	}))
	t.Cleanup(door.Close)
	for i, a := range c.apps {
		if err := c.Consent.PutClient(t.Context(), a.registration([]string{"opaque", "opaque", "card", "card", "iban"}[i], door.URL+"/"+string(a.id))); err != nil {
			t.Fatal(err)
		}
	}
	want := c.turn(t)
	for i, p := range c.people[:min(40, len(c.people))] {
		c.now.Add(2)
		if i%2 == 0 {
			if err := c.Consent.PauseAll(t.Context(), p.Session); err != nil {
				t.Fatal(err)
			}
		} else {
			if _, err := c.Consent.PrepareLeave(t.Context(), p.Session); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Consent.Leave(t.Context(), p.Session, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		want += len(c.apps)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Outbox.Run(ctx) })
	late := time.After(5 * time.Minute)
	for n := range want {
		select {
		case <-post:
		case <-late:
			t.Fatalf("%d of %d events were delivered", n, want)
		}
	}
	stop()
	running.Wait()
}
