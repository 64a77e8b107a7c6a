package conntest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/internal/fault"
)

// tell makes one read, of the first account where it is of one, and answers
// what it told, a line each.
func (r *run) tell(t *testing.T, what string, k connectors.Credential) (said []string, err error) {
	t.Helper()
	ctx := context.Background()
	switch what {
	case "accounts":
		var all []connectors.Account
		all, err = r.c.Accounts(ctx, k)
		for _, a := range all {
			said = append(said, fmt.Sprint(a.Ref.ID.RevealString(), a.Number.RevealString(), a.Kind, a.Side, a.Name, a.Currency))
		}
	case "balances":
		var all []connectors.Balance
		all, err = r.c.Balances(ctx, k, r.refs[:1])
		for _, b := range all {
			said = append(said, fmt.Sprint(b.Account.ID.RevealString(), b.Kind, b.Amount))
		}
	case "bills":
		var all []connectors.Bill
		all, err = r.list(t, r.c.(connectors.BillLister), k, r.refs[0], r.recent(), r.To)
		for _, b := range all {
			said = append(said, fmt.Sprint(b.ID, b.At.Unix(), b.Amount, b.Direction, b.State, b.Kind))
		}
	case "statements":
		debt, _ := owing(r.known)
		var all []connectors.Statement
		all, err = r.c.(connectors.StatementLister).Statements(ctx, k, debt, r.year(), r.To)
		said = lines(all)
	}
	slices.Sort(said)
	return said, err
}

// amounts that are none: they are refused, not rounded or made zero.
var amounts = []string{"NaN", "1e400", "1e2", "0.12345678901", "99999999999999999999.00"}

// hostile asks a source that answers in its own manner, truly signed where it
// signs, with what was not asked for or cannot be.
func (r *run) hostile(t *testing.T) {
	defer r.Ail(mock.Trouble{})
	canary, hits := listen(t)
	reads := map[string][]string{} // what each tells in health
	for what := range r.reads(r.known) {
		r.Ail(mock.Trouble{})
		r.wire.breaks(nil)
		said, err := r.tell(t, what, r.credential)
		if err != nil || len(said) == 0 {
			t.Fatalf("%s in health: %d lines, %v", what, len(said), err)
		}
		if r.wire.count() > 0 { // else it asks nobody
			reads[what] = said
		}
	}
	down, malformed := []error{connectors.ErrDown}, []error{connectors.ErrMalformed}
	type suffering struct {
		why  string
		x    mock.Trouble
		want []error // nil: what was told in health, each line once or more
	}
	cases := []suffering{
		{"down", mock.Trouble{Down: true}, down},
		{"a gateway's 502", mock.Trouble{Status: http.StatusBadGateway}, down},
		{"broken off", mock.Trouble{Cut: true}, append(down, malformed...)},
		{"busy", mock.Trouble{Busy: true}, []error{connectors.ErrBusy}},
		{"busy for it does not say how long", mock.Trouble{Busy: true, NoWait: true}, []error{connectors.ErrBusy}},
		{"a million levels", mock.Trouble{Deep: true}, append(malformed, connectors.ErrUnsigned)},
		{"a redirect", mock.Trouble{Redirect: canary}, malformed},
		{"another person's", mock.Trouble{Strangers: true}, malformed},
		{"other names", mock.Trouble{Drift: true}, malformed},
		{"each row twice", mock.Trouble{Doubled: true}, nil},
		{"in another order", mock.Trouble{Shuffled: true}, nil},
	}
	if r.Signed {
		cases = append(cases, suffering{"signed wrongly", mock.Trouble{Forged: true}, []error{connectors.ErrUnsigned}})
	}
	for _, a := range amounts {
		if a == "1e2" && r.Numbers {
			continue
		}
		cases = append(cases, suffering{"a sum of " + a, mock.Trouble{Amount: a}, malformed})
	}
	for _, tt := range cases {
		r.Ail(tt.x)
		for what, healthy := range reads {
			if (tt.x.Strangers && (what == "accounts" || slices.Contains(r.Blind, what))) || (tt.x.Doubled && what == "bills" && r.Derived) {
				continue
			}
			said, err := r.tell(t, what, r.credential)
			if what == "accounts" && err == nil && (tt.x.Drift || tt.x.Amount != "") && slices.Equal(said, healthy) {
				continue // they hold no sum and no time that is read
			}
			if tt.want != nil {
				r.want(t, tt.why+", "+what, err, tt.want...)
				if tt.x.NoWait && err != nil && fault.Of(err).RetryAfter != 0 {
					t.Errorf("%s, %s: a wait of %v is made up", tt.why, what, fault.Of(err).RetryAfter)
				}
				continue
			}
			if tt.x.Doubled && errors.Is(err, connectors.ErrMalformed) {
				continue // it may as well be refused
			}
			if err != nil || !slices.Equal(slices.Compact(said), healthy) {
				t.Errorf("%s, %s: %d lines, want %d as in health; %v", tt.why, what, len(said), len(healthy), err)
			}
		}
	}
	r.Ail(mock.Trouble{})
	if n := hits.Load(); n > 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
	r.endingToken(t)
	for what, healthy := range reads {
		if said, err := r.tell(t, what, r.credential); err != nil || !slices.Equal(said, healthy) {
			t.Errorf("after all troubles, %s: %d lines, want %d; %v", what, len(said), len(healthy), err)
		}
	}
}

// endingToken: an access token that ends before its time is told as that, and
// a refreshed one serves. Amid a listing too: what comes then is no shorter
// listing but a failure.
func (r *run) endingToken(t *testing.T) {
	refresher, ok := r.c.(connectors.Refresher)
	if !ok || r.Tokenless {
		return
	}
	defer r.Ail(mock.Trouble{})
	balances := func() error {
		_, err := r.c.Balances(context.Background(), r.credential, r.refs[:1])
		return err
	}
	refresh := func() {
		r.Ail(mock.Trouble{})
		fresh, err := refresher.Refresh(context.Background(), r.credential)
		if err != nil {
			t.Fatalf("a token that ended is not refreshed: %v", err)
		}
		if r.credential = fresh; balances() != nil {
			t.Errorf("the token after serves no better: %v", balances())
		}
	}
	r.Ail(mock.Trouble{TokensLast: 1})
	var err error
	for range 3 {
		if err = balances(); err != nil {
			break
		}
	}
	r.want(t, "a token that ended", err, connectors.ErrUnauthorized)
	refresh()
	lister, ok := r.c.(connectors.BillLister)
	if !ok {
		return
	}
	list := func() (all []connectors.Bill, err error) {
		r.wire.breaks(nil)
		return r.list(t, lister, r.credential, r.refs[0], r.Now.AddDate(-1, 0, 0), r.To)
	}
	healthy, err := list()
	exchanges := r.wire.count()
	if err != nil {
		t.Fatal(err)
	}
	if exchanges < 2 {
		t.Log("a year's bills come in one exchange here: no token ends amid them")
	}
	for last := 1; last < exchanges; last += max(1, exchanges/4) {
		r.Ail(mock.Trouble{TokensLast: last})
		some, err := list()
		r.want(t, fmt.Sprintf("a token that ended after %d of %d exchanges of a listing", last, exchanges), err, connectors.ErrUnauthorized)
		if len(some) >= len(healthy) && len(some) > 0 {
			t.Errorf("it told all %d bills for all that", len(some))
		}
		refresh()
	}
	again, err := list()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "listed by a token after", healthy, again)
}

var origin = regexp.MustCompile(`https?:(//|\\/\\/)[^/"\\]+`)

// elsewhere has every address in every answer lead to a listener: no
// connection reaches it, whatever becomes of the read.
func (r *run) elsewhere(t *testing.T) {
	defer r.wire.breaks(nil)
	canary, hits := listen(t)
	for what, call := range r.reads(r.known) {
		r.wire.breaks(bend(func(body []byte) []byte { return origin.ReplaceAll(body, []byte(canary)) }))
		err := call(context.Background(), r.credential)
		if err != nil {
			r.want(t, "links elsewhere, "+what, err, connectors.ErrMalformed, connectors.ErrUnsigned, connectors.ErrDown)
		}
		if n := hits.Swap(0); n > 0 {
			t.Errorf("%s: %d calls to where a link led", what, n)
		}
	}
}

// listen answers the address of a server that counts who comes.
func listen(t *testing.T) (string, *atomic.Int64) {
	var hits atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(srv.Close)
	return srv.URL, &hits
}

// recent is where the last twenty days of the window begin.
func (r *run) recent() time.Time {
	if at := r.To.AddDate(0, 0, -20); at.After(r.From) {
		return at
	}
	return r.From
}
