package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"jali/cmd/internal/house"
	"jali/connectors"
	"jali/connectors/mock"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/discreet"
	"jali/internal/fault"
	"jali/internal/nodump"
	"jali/internal/secret"
	"jali/server"
)

// TestMain is also the house that TestNoCanaryLeaves looks at from outside.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "a house of spies" {
		if err := spied(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// spying is what a house of spies is told on its standard input.
type spying struct {
	Data, Ready      string
	Numbers, Tokens  []string
	Webhook, Monitor string // where the second client is told; where to monitor and to give orders
}

// mood is what all spies do until they are told otherwise.
var mood atomic.Int32

// moods are the ways in which a source, or its dialect, goes wrong. Each quotes
// what must not leave.
var moods = []struct {
	name string
	do   func(said string) error
}{
	{"well", func(string) error { return nil }},
	{"an error of others", func(said string) error { return errors.New("no such account: " + said) }},
	{"an error that wraps", func(said string) error { return fmt.Errorf("account %s: %w", said, io.ErrUnexpectedEOF) }},
	{"a fault with a cause", func(said string) error { return connectors.ErrMalformed.Because(errors.New(said)) }},
	{"a fault in a chain", func(said string) error {
		return fmt.Errorf("%s: %w", said, connectors.ErrBusy.After(time.Second).Because(&url.Error{Op: "Get", URL: "https://x/?token=" + said, Err: errors.New(said)}))
	}},
	{"a path", func(said string) error { return &fs.PathError{Op: "open", Path: "/t/" + said, Err: errors.New(said)} }},
	{"JSON that does not fit", func(said string) error { return json.Unmarshal([]byte(`{"n":"`+said+`"}`), &struct{ N int }{}) }},
	{"a number that is none", func(said string) error { _, err := strconv.ParseInt(said+"x", 10, 64); return err }},
	{"a panic with a text", func(said string) error { panic("account " + said) }},
	{"a panic with an error", func(said string) error { panic(fmt.Errorf("account %s: %w", said, io.EOF)) }},
	{"a panic with bytes", func(said string) error { panic([]byte(said)) }},
	{"a panic of the program", func(said string) error { return *map[string]*error{}[said] }},
	{"a panic of another goroutine", func(said string) error {
		var err error
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer fault.Caught(&err)
			panic(said)
		}()
		<-done
		return err
	}},
	{"joined errors", func(said string) error { return errors.Join(errors.New(said), connectors.ErrDown) }},
	{"a library's log", func(said string) error { log.Printf("Unsolicited response starting with %q", said); return nil }},
	{"the process's log", func(said string) error {
		slog.Warn("a dialect says", "err", errors.New(said), "account", secret.Of(said), "row", struct{ Number string }{said})
		return nil
	}},
	{"waiting", func(string) error { select {} }},
	{"a leak", func(said string) error {
		fmt.Fprintln(os.Stderr, base64.StdEncoding.EncodeToString([]byte(`{"account":"`+planted(said)+`"}`)))
		return nil
	}},
}

// planted is said in groups: the one thing that a house of spies does let out.
func planted(said string) string {
	if len(said) < 19 {
		return said
	}
	return said[:4] + "-" + said[4:8] + "-" + said[8:12] + "-" + said[12:16] + "-" + said[16:]
}

// spy is a source whose dialect tells what it must not wherever it can.
type spy struct {
	nth   int
	login string
	spying
}

// at answers one of the things that must not leave, and goes wrong as it is
// told. Spies are out of step, so that one view sees several moods.
func (s *spy) at(call int) (string, error) {
	said := s.Numbers[(s.nth*7+call)%len(s.Numbers)]
	if call%2 == 1 {
		said = s.Tokens[(s.nth*7+call)%len(s.Tokens)]
	}
	m := int(mood.Load())
	switch moods[m].name {
	case "well", "waiting", "a leak":
	default:
		m = 1 + (m-1+s.nth)%(len(moods)-3)
	}
	if moods[m].name == "a leak" && (s.nth != 0 || call != 2) {
		m = 0 // once is enough
	}
	return said, moods[m].do(said)
}

func (s *spy) Source() connectors.Source {
	id := fmt.Sprintf("spy_%d", s.nth)
	return connectors.Source{ID: id, Name: connectors.Name{ZH: "密探", EN: "Spy"}, Kind: connectors.Bank}
}

func (s *spy) Begin(_ context.Context, state, redirect string) (connectors.Linking, error) {
	_, err := s.at(1)
	return connectors.Linking{URL: s.login + "?" + url.Values{"state": {state}, "to": {redirect}}.Encode(), RedirectURI: redirect, Keep: secret.Of(s.Tokens[0])}, err
}

func (s *spy) Finish(context.Context, connectors.Linking, url.Values) (connectors.Credential, error) {
	token, err := s.at(3)
	return secret.Of(token), err
}

func (s *spy) Stale(connectors.Credential, time.Time) bool { return true }

func (s *spy) Refresh(context.Context, connectors.Credential) (connectors.Credential, error) {
	token, err := s.at(5)
	return secret.Of(token), err
}

func (s *spy) Unlink(context.Context, connectors.Credential) error {
	_, err := s.at(7)
	return err
}

// accounts are a fifth of the numbers each.
func (s *spy) accounts() []string {
	return slices.Collect(func(yield func(string) bool) {
		for i := s.nth; i < len(s.Numbers) && yield(s.Numbers[i]); i += spies {
		}
	})
}

const spies = 5

func (s *spy) Accounts(context.Context, connectors.Credential) (list []connectors.Account, err error) {
	_, err = s.at(0)
	for _, n := range s.accounts() {
		list = append(list, connectors.Account{Ref: connectors.AccountRef{ID: secret.Of(n)}, Number: secret.Of(n),
			Kind: connectors.Deposit, Side: connectors.Asset, Name: "储蓄卡", Currency: "CNY"})
	}
	return list, err
}

func (s *spy) Balances(_ context.Context, _ connectors.Credential, refs []connectors.AccountRef) (list []connectors.Balance, err error) {
	_, err = s.at(2)
	for _, r := range refs {
		list = append(list, connectors.Balance{Account: r, Kind: connectors.Current, Amount: money.Amount{Minor: 1234, Currency: "CNY"}, AsOf: time.Now()})
	}
	return list, err
}

// Bills name other accounts in every text, as people and sources do.
func (s *spy) Bills(_ context.Context, _ connectors.Credential, a connectors.AccountRef, from, _ time.Time, _ connectors.Cursor) (page connectors.Page, err error) {
	_, err = s.at(4)
	own := a.ID.RevealString()
	other := s.Numbers[(slices.Index(s.Numbers, own)+1)%len(s.Numbers)]
	page.Bills = []connectors.Bill{{
		ID: own + other, At: from.Add(time.Hour), Amount: money.Amount{Minor: 100, Currency: "CNY"}, Direction: connectors.Out, Flow: connectors.FlowOut,
		State: connectors.Done, Kind: connectors.Transfer, RawKind: "转账" + other, Category: other, Counterparty: "收款账户" + other,
		Method: "储蓄卡(" + own + ")", Description: "转入 " + planted(other) + "，付款账户" + own, Order: own, Merchant: other, Refs: []string{own, other}, Note: other,
	}}
	return page, err
}

func (s *spy) Statements(_ context.Context, _ connectors.Credential, a connectors.AccountRef, from, to time.Time) ([]connectors.Statement, error) {
	_, err := s.at(6)
	return nil, err
}

// grim stands before the town's institutions and answers in their place with
// what must not leave.
func (s *spying) grim(town http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number, token := s.Numbers[11], s.Tokens[11]
		body := fmt.Sprintf(`{"code":"%s","message":"account %s","sub_msg":"%s","Errors":[{"ErrorCode":"%s","Message":"token %s"}],"error":"%s","error_description":"%s"}`,
			number, number, token, number, token, number, token)
		h := w.Header()
		switch m := int(mood.Load()); {
		case moods[m].name == "well" || moods[m].name == "waiting" || moods[m].name == "a leak":
			town.ServeHTTP(w, r)
		case m%5 == 0:
			http.Error(w, body, http.StatusInternalServerError)
		case m%5 == 1:
			h.Set("Retry-After", number)
			h.Set("WWW-Authenticate", `Bearer error="`+token+`"`)
			http.Error(w, body, http.StatusTooManyRequests)
		case m%5 == 2:
			_, _ = io.WriteString(w, body+number)
		case m%5 == 3:
			http.Redirect(w, r, "https://"+token+".example/?"+number, http.StatusFound)
		default: // an answer, and more than that
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = fmt.Fprintf(c, "HTTP/1.1 503 %s\r\nX-Token: %s\r\nContent-Length: 2\r\n\r\n{}%s", token, token, body)
				_ = c.Close()
			}
		}
	})
}

// spied is the house: the sandbox's, with spies among its sources, that logs all
// it can and is watched as an operator would.
func spied() error {
	defer discreet.Dying("house of spies")
	if err := nodump.Set(); err != nil {
		return err
	}
	var s spying
	if err := json.NewDecoder(os.Stdin).Decode(&s); err != nil {
		return err
	}
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	log := discreet.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
	discreet.Take(log)
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		http.Redirect(w, r, q.Get("to")+"?"+url.Values{"state": {q.Get("state")}, "code": {s.Tokens[1]}}.Encode(), http.StatusFound)
	}))
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	ctx := context.Background()
	box, err := start(ctx, flags{
		Addr: "localhost:0", TownAddr: "127.0.0.1:0", BankAddr: "127.0.0.1:0", Data: s.Data, Ready: s.Ready, Town: s.grim,
		House: func(c *house.Config) {
			c.Metrics = metrics
			for i := range spies {
				if err := c.Sources.Register(&spy{i, login.URL, s}); err != nil {
					panic(err)
				}
			}
			c.Extra["/spies/"] = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("token " + s.Tokens[2]) })
		},
	}, log)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", house.Health(box.house, metrics, true))
	mux.HandleFunc("/mood", func(w http.ResponseWriter, r *http.Request) {
		m := slices.IndexFunc(moods, func(m struct {
			name string
			do   func(string) error
		}) bool {
			return m.name == r.URL.Query().Get("is")
		})
		mood.Store(int32(m))
	})
	mux.HandleFunc("/tour", func(w http.ResponseWriter, r *http.Request) { box.tour(r.Context(), s) })
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic(errors.New("account " + s.Numbers[3])) })
	l, err := net.Listen("tcp", s.Monitor)
	if err != nil {
		return err
	}
	told, err := box.house.Consent.Client(ctx, consent.ClientID(box.ready.Clients[1].ClientID))
	if err == nil {
		told.WebhookURI = s.Webhook
		err = box.house.Consent.PutClient(ctx, told)
	}
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return server.Serve(ctx, server.HTTP(mux, log), l, 0)
}

// tour has the first sample person see all their pages and try to connect the
// spies, and the second begin to leave. What these pages say is the person's own.
func (s *sandbox) tour(ctx context.Context, told spying) {
	v, err := s.visitors.get(ctx, s.state.People[0])
	if err != nil {
		slog.Error("nobody can sign in", "err", err)
		return
	}
	for i := range spies {
		_ = v.connect(ctx, fmt.Sprintf("spy_%d", i), mock.Person{Login: told.Numbers[i], Password: told.Tokens[i]})
	}
	for _, page := range []string{"/", "/home", "/sources", "/grants", "/activity", "/export", "/settings", "/requests", "/consent/" + told.Numbers[5], "/sources/" + told.Tokens[5] + "/connect"} {
		_, _, _ = v.get(ctx, page)
	}
	_, _, _ = v.form(ctx, "/sources/upload", url.Values{"file": {told.Numbers[6]}})
	if tell, err := s.house.Aggregate.Parting(ctx, consent.Session{Person: consent.PersonID(s.state.People[0].ID)}); err == nil {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		tell(ctx)
	}
}
