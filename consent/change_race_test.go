package consent

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"jali/internal/fault"
)

// internal reports an error that nobody outside may be told.
func internal(err error) bool { return err != nil && fault.Of(err).Kind == fault.Internal }

// A form that is sent 64 times at once is one yes, in each of 200 rounds: of
// new grants and of changes, and of yeses beside noes.
func TestOneOfManyAnswersCounts(t *testing.T) {
	h := build(t)
	grant, _ := h.given(daily(4, ""))
	for round := range 200 {
		id := GrantID("")
		switch round % 2 {
		case 0:
			id = h.shown(once())
		case 1:
			id = h.revising(Replace, grant, daily(4, ""))
		}
		a, err := h.Prepare(ctx, ann, id, Choice{Accounts: wallet}, wallet)
		h.must(err)
		var yes, no, late atomic.Int32
		tickets := make([]Ticket, 64)
		atOnce(func(i int) {
			var err error
			if round%4 > 1 && i%2 == 1 {
				_, tickets[i], err = h.Refuse(ctx, ann, id)
			} else {
				_, tickets[i], err = h.Give(ctx, ann, id, sign("ann", a.Challenge))
			}
			switch {
			case errors.Is(err, ErrDecided):
				late.Add(1)
			case err != nil:
				t.Errorf("round %d: %v", round, err)
			case round%4 > 1 && i%2 == 1:
				no.Add(1)
			default:
				yes.Add(1)
			}
		})
		if yes.Load()+no.Load() != 1 || late.Load() != 63 {
			t.Fatalf("round %d: %d yes, %d no, %d late; want one answer", round, yes.Load(), no.Load(), late.Load())
		}
		finished := 0
		for _, ticket := range tickets {
			if ticket == "" {
				continue
			}
			if _, err := h.finish(id, ticket); err != nil {
				t.Fatalf("round %d: the winner's ticket: %v", round, err)
			}
			finished++
		}
		if finished != 1 {
			t.Fatalf("round %d: %d tickets", round, finished)
		}
	}
	g, said, err := h.Record(ctx, ann, grant)
	if err != nil || len(said) != g.Revision || g.State != Given {
		t.Errorf("%s at revision %d with %d yeses, %v", g.State, g.Revision, len(said), err)
	}
}

// A change, a revocation and uses that meet leave one of the two outcomes, and
// every use that was let in is counted once.
func TestAChangeMeetsARevocationAndUses(t *testing.T) {
	h := build(t)
	for round := range 200 {
		id, _ := h.given(daily(4, ""))
		change := h.revising(Replace, id, daily(2, ""))
		a, err := h.Prepare(ctx, ann, change, Choice{Accounts: wallet[:1]}, wallet)
		h.must(err)
		var changed, ended, used atomic.Int32
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range 9 {
			all.Go(func() {
				<-start
				var err error
				switch i {
				case 0:
					if _, _, err = h.Give(ctx, ann, change, sign("ann", a.Challenge)); err == nil {
						changed.Add(1)
					} else if errors.Is(err, ErrChanged) {
						err = nil
					}
				case 1:
					if _, err = h.Revoke(ctx, ann, id); err == nil {
						ended.Add(1)
					}
				case 2:
					if _, err = h.RevokeAll(ctx, ann, bank); err == nil {
						ended.Add(1)
					}
				default:
					var u Use
					if u, err = h.Spend(ctx, bank, id, fmt.Sprint(i), nil); err == nil {
						used.Add(1)
						if n := len(u.Grant.Accounts); u.Grant.Revision == 2 && n != 1 || u.Grant.Revision == 1 && n != 2 {
							t.Errorf("a use of revision %d opens %d accounts", u.Grant.Revision, n)
						}
					} else if errors.Is(err, ErrRevoked) || errors.Is(err, ErrSpentToday) {
						err = nil
					}
				}
				if internal(err) || err != nil {
					t.Errorf("round %d, %d: %v", round, i, err)
				}
			})
		}
		close(start)
		all.Wait()
		g, said, err := h.Record(ctx, ann, id)
		if err != nil || g.State != Revoked || g.Revision != 1+int(changed.Load()) || len(said) != g.Revision || g.DayUses != int(used.Load()) || used.Load() > 4 {
			t.Fatalf("round %d: %s at revision %d of %d yeses, %d uses of %d, %v", round, g.State, g.Revision, 1+changed.Load(), g.DayUses, used.Load(), err)
		}
	}
}
