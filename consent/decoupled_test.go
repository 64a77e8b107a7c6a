package consent

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

// asks puts a decoupled request of the bank's before ann.
func (h house) asks(id GrantID, change func(*Request)) error {
	r := Request{ID: id, Client: bank, Asked: once(), Lapses: h.clock.now().Add(10 * time.Minute), Decoupled: true, Person: "ann", Binding: "柜台 3 · 7788"}
	if change != nil {
		change(&r)
	}
	return h.ask(r)
}

func (h house) decision(c ClientID, id GrantID) (Grant, error) {
	var g Grant
	err := h.DB.View(ctx, func(tx kv.Tx) error {
		var err error
		g, err = h.Decision(tx, c, id)
		return err
	})
	return g, err
}

func (h house) waits(p Session) []GrantID {
	h.Helper()
	list, err := h.Waiting(ctx, p)
	h.must(err)
	var ids []GrantID
	for _, g := range list {
		ids = append(ids, g.ID)
	}
	return ids
}

func TestDecidedElsewhere(t *testing.T) {
	h := build(t)
	var decided []string
	h.Decided = append(h.Decided, func(_ kv.Tx, request GrantID, g Grant) error {
		decided = append(decided, fmt.Sprint(request, " ", g.ID, " ", g.State))
		return nil
	})
	h.must(h.asks("yes", nil))
	h.clock.add(time.Second)
	h.must(h.asks("no", func(r *Request) { r.Binding = "" }))
	if got := h.waits(ann); !slices.Equal(got, []GrantID{"yes", "no"}) {
		t.Errorf("Waiting = %v, oldest first", got)
	}
	if got := h.waits(bob); len(got) != 0 {
		t.Errorf("bob waits for %v", got)
	}
	if g, err := h.decision(bank, "yes"); err != nil || g.State != Pushed {
		t.Errorf("Decision before = %s, %v", g.State, err)
	}
	for who, want := range map[string]error{"prepares": ErrNoGrant, "gives": ErrNoGrant, "refuses": ErrNoGrant} {
		t.Run(who+" what was not shown", func(t *testing.T) {
			h.TB = t
			h.leavesNoTrace(want, func() error {
				var err error
				switch who {
				case "prepares":
					_, err = h.Prepare(ctx, ann, "yes", Choice{Accounts: wallet}, wallet)
				case "gives":
					_, _, err = h.Give(ctx, ann, "yes", nil)
				default:
					_, _, err = h.Refuse(ctx, ann, "yes")
				}
				return err
			})
		})
	}
	h.TB = t
	for _, id := range []GrantID{"yes", "no"} {
		h.leavesNoTrace(ErrNoGrant, func() error { _, err := h.Show(ctx, bob, id); return err })
		_, err := h.Show(ctx, ann, id)
		h.must(err)
	}
	a, err := h.Prepare(ctx, ann, "yes", Choice{Accounts: wallet}, wallet)
	h.must(err)
	if !strings.Contains(string(a.JSON), `"binding_message":"柜台 3 · 7788"`) {
		t.Errorf("the agreement lacks the binding message: %s", a.JSON)
	}
	g, ticket, err := h.Give(ctx, ann, "yes", sign("ann", a.Challenge))
	if err != nil || ticket != "" || g.State != Given {
		t.Errorf("Give = %s, ticket %q, %v", g.State, ticket, err)
	}
	if _, ticket, err = h.Refuse(ctx, ann, "no"); err != nil || ticket != "" {
		t.Errorf("Refuse = ticket %q, %v", ticket, err)
	}
	if want := []string{"yes yes given", "no no refused"}; !slices.Equal(decided, want) {
		t.Errorf("hooks heard %q, want %q", decided, want)
	}
	for _, id := range []GrantID{"yes", "no"} {
		if _, err := h.finish(id, ""); !errors.Is(err, ErrNoTicket) {
			t.Errorf("Finish without a ticket: %v", err)
		}
	}
	if g, err := h.decision(bank, "no"); err != nil || g.State != Refused {
		t.Errorf("Decision = %s, %v", g.State, err)
	}
	if _, err := h.decision(other, "yes"); !errors.Is(err, ErrNoGrant) {
		t.Errorf("Decision for another client: %v", err)
	}
	normal := h.push(once())
	if _, err := h.decision(bank, normal); !errors.Is(err, ErrNoGrant) {
		t.Errorf("Decision on what a browser decides: %v", err)
	}
	if got := h.waits(ann); len(got) != 0 {
		t.Errorf("Waiting after the decisions = %v", got)
	}
}

func TestAChangeDecidedElsewhere(t *testing.T) {
	h := build(t)
	var decided []string
	h.Decided = append(h.Decided, func(_ kv.Tx, request GrantID, g Grant) error {
		decided = append(decided, fmt.Sprint(request, " ", g.ID, " ", g.Revision))
		return nil
	})
	id, _ := h.given(daily(2, ""))
	h.must(h.asks("more", func(r *Request) { r.Action, r.Revises, r.Asked = Merge, id, daily(3, "") }))
	_, err := h.Show(ctx, ann, "more")
	h.must(err)
	if _, ticket := h.yes("more", Choice{Accounts: wallet}); ticket != "" {
		t.Error("a ticket that nobody brings")
	}
	if want := []string{fmt.Sprint("more ", id, " 2")}; !slices.Equal(decided, want) {
		t.Errorf("hooks heard %q, want %q", decided, want)
	}
	h.clock.add(30 * time.Minute) // as long as the client may ask
	_, err = h.Sweep(ctx)
	h.must(err)
	if g, err := h.decision(bank, "more"); err != nil || g.ID != id || g.Agreed.Uses.Limit != 3 {
		t.Errorf("Decision = %+v, %v", g, err)
	}
	h.clock.add(lapsedStays)
	_, err = h.Sweep(ctx)
	h.must(err)
	if s := h.state("more"); s != "" {
		t.Errorf("the request is left behind, %s", s)
	}
}

func TestWhatIsNoDecoupledRequest(t *testing.T) {
	h := build(t)
	for why, tt := range map[string]struct {
		change func(*Request)
		want   error
	}{
		"for nobody":         {func(r *Request) { r.Person = "" }, errNobody},
		"a long message":     {func(r *Request) { r.Binding = strings.Repeat("汉", 61) }, ErrBinding},
		"two lines":          {func(r *Request) { r.Binding = "a\nb" }, ErrBinding},
		"turned round":       {func(r *Request) { r.Binding = "a\u202eb" }, ErrBinding},
		"blank":              {func(r *Request) { r.Binding = " " }, ErrBinding},
		"not text":           {func(r *Request) { r.Binding = "\xff" }, ErrBinding},
		"beyond the purpose": {func(r *Request) { r.Asked.Fields = Full }, ErrTerms},
	} {
		t.Run(why, func(t *testing.T) {
			h.TB = t
			h.leavesNoTrace(tt.want, func() error { return h.asks("x", tt.change) })
		})
	}
	h.TB = t
	h.must(h.asks("x", func(r *Request) { r.Binding = strings.Repeat("汉", 60) }))
}

// Three of a client's may wait for a person; what lapsed or was decided does not.
func TestThreeMayWait(t *testing.T) {
	h := build(t)
	for i := range 3 {
		h.must(h.asks(GrantID(fmt.Sprint("r", i)), nil))
		h.clock.add(time.Minute)
	}
	full := func() error { return h.asks("fourth", nil) }
	h.leavesNoTrace(ErrWaiting, full)
	var f *fault.Error
	if err := full(); !errors.As(err, &f) || f.Kind != fault.Limited || f.RetryAfter != 7*time.Minute {
		t.Errorf("a fourth: %v after %v, want one to lapse in 7m", err, f.RetryAfter)
	}
	h.must(h.asks("bob's", func(r *Request) { r.Person = "bob" }))
	h.must(h.asks("other's", func(r *Request) { r.Client = other }))
	_, err := h.Show(ctx, ann, "r1")
	h.must(err)
	h.leavesNoTrace(ErrWaiting, full) // shown is not decided
	_, _, err = h.Refuse(ctx, ann, "r1")
	h.must(err)
	h.must(full())
	h.clock.add(7*time.Minute - time.Second)
	h.leavesNoTrace(ErrWaiting, func() error { return h.asks("fifth", nil) })
	h.clock.add(time.Second) // the first lapses, swept or not
	h.must(h.asks("fifth", nil))
	h.clock.add(time.Hour)
	if got := h.waits(ann); len(got) != 0 {
		t.Errorf("Waiting for what has lapsed: %v", got)
	}
	h.clock.add(lapsedStays)
	for range 2 {
		_, err = h.Sweep(ctx)
		h.must(err)
		h.clock.add(lapsedStays)
	}
	for key := range h.rows() {
		if strings.Contains(key, "waiting") {
			t.Errorf("left behind: %q", key)
		}
	}
}

// A client that was paused learns nothing of it: what it sees is a person who
// does not answer.
func TestAskingAPersonWhoHasPaused(t *testing.T) {
	for why, pause := range map[string]func(house) error{
		"the client": func(h house) error { return h.Pause(ctx, ann, bank) },
		"all":        func(h house) error { return h.PauseAll(ctx, ann) },
	} {
		t.Run(why, func(t *testing.T) {
			h := build(t)
			h.must(h.asks("before", nil))
			h.must(pause(h))
			h.must(h.asks("after", nil))
			h.must(h.asks("third", nil))
			h.leavesNoTrace(ErrWaiting, func() error { return h.asks("fourth", nil) })
			if got := h.waits(ann); len(got) != 0 {
				t.Errorf("Waiting = %v", got)
			}
			if g, err := h.decision(bank, "after"); err != nil || g.State != Pushed {
				t.Errorf("Decision = %s, %v", g.State, err)
			}
			h.clock.add(10 * time.Minute)
			_, err := h.Sweep(ctx)
			h.must(err)
			if g, err := h.decision(bank, "after"); err != nil || g.State != Expired {
				t.Errorf("Decision once it has lapsed = %s, %v", g.State, err)
			}
		})
	}
	h := build(t)
	h.must(h.asks("x", nil))
	h.must(h.SuspendClient(ctx, bank, true))
	if got := h.waits(ann); len(got) != 0 {
		t.Errorf("a suspended client's request waits: %v", got)
	}
}

// Whoever leaves takes what was put before them along; their clients go on
// asking until it lapses.
func TestLeavingWithRequestsWaiting(t *testing.T) {
	h := build(t)
	h.must(h.asks("open", nil))
	h.must(h.asks("given", nil))
	_, err := h.Show(ctx, ann, "given")
	h.must(err)
	h.yes("given", Choice{Accounts: wallet})
	h.must(h.PauseAll(ctx, ann))
	h.leave()
	named := regexp.MustCompile(`\bann\b|cann`) // by itself, or as CBOR has it: a random key may hold three letters
	for key, row := range h.rows() {
		if !strings.Contains(key, "audit") && (strings.Contains(key, "ann") || named.MatchString(row) || strings.Contains(row, "7788")) {
			t.Errorf("a row of ann's is left: %q = %s", key, row)
		}
	}
	if g, err := h.decision(bank, "open"); err != nil || g.State != Pushed {
		t.Errorf("Decision on the open one = %s, %v", g.State, err)
	}
	if g, err := h.decision(bank, "given"); err != nil || g.State != Revoked {
		t.Errorf("Decision on the given one = %s, %v", g.State, err)
	}
	if _, err := h.Show(ctx, bob, "open"); !errors.Is(err, ErrNoGrant) {
		t.Errorf("bob opens it: %v", err)
	}
	h.clock.add(10 * time.Minute)
	_, err = h.Sweep(ctx)
	h.must(err)
	if g, err := h.decision(bank, "open"); err != nil || g.State != Expired {
		t.Errorf("then = %s, %v", g.State, err)
	}
}
