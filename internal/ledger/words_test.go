package ledger

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/internal/kv"
)

func (l *Ledger) must(t testing.TB, f func(context.Context, kv.Tx) error) {
	t.Helper()
	if err := l.DB.Update(t.Context(), func(tx kv.Tx) error { return f(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func (l *Ledger) words(t testing.TB, person string) Words {
	t.Helper()
	w, err := l.Words(t.Context(), person)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// What a person has said is there again, the later word in place of the
// earlier, and goes with the account it was said of.
func TestWords(t *testing.T) {
	l, _, _ := openLedger(t)
	yes := Decision{A: "b1", B: "b2", AccountA: "acc", AccountB: "acc2", Link: "mirror", Yes: true, At: day("2026-11-01 10:00").UTC()}
	turned := Decision{A: "b2", B: "b1", AccountA: "acc2", AccountB: "acc", Link: "mirror", At: day("2026-11-02 10:00").UTC()}
	refund := Decision{A: "b2", B: "b1", AccountA: "acc2", AccountB: "acc", Link: "refund", Yes: true, At: day("2026-11-03 10:00").UTC()}
	back := Decision{A: "b1", B: "b2", AccountA: "acc", AccountB: "acc2", Link: "refund", At: day("2026-11-04 10:00").UTC()}
	other := Decision{A: "b3", B: "b4", AccountA: "acc3", AccountB: "acc3", Link: "mirror", Yes: true, At: day("2026-11-05 10:00").UTC()}
	for _, d := range []Decision{yes, turned, refund, back, other} {
		l.must(t, func(ctx context.Context, tx kv.Tx) error { return l.Decide(ctx, tx, "p", d) })
	}
	l.must(t, func(ctx context.Context, tx kv.Tx) error {
		return errors.Join(
			l.Correct(ctx, tx, "p", "acc", "b1", "河边面馆", "food"),
			l.Correct(ctx, tx, "p", "acc3", "b3", "", "travel"),
			l.Correct(ctx, tx, "p", "acc3", "b4", "小店", "groceries"),
			l.Correct(ctx, tx, "p", "acc3", "b4", "小店", ""),
			l.Decide(ctx, tx, "q", yes))
	})
	turned.A, turned.B, turned.AccountA, turned.AccountB = "b1", "b2", "acc", "acc2"
	want := Words{Decisions: []Decision{turned, refund, back, other},
		Filed: map[string]string{"b1": "food", "b3": "travel"}, Learnt: map[string]string{"河边面馆": "food"}}
	if diff := cmp.Diff(want, l.words(t, "p")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	l.must(t, func(_ context.Context, tx kv.Tx) error { return l.Forget(tx, "p", "acc2") })
	want.Decisions = []Decision{other}
	if diff := cmp.Diff(want, l.words(t, "p")); diff != "" {
		t.Errorf("one of the two accounts is gone: -want +got:\n%s", diff)
	}
	l.must(t, func(_ context.Context, tx kv.Tx) error { return l.Forget(tx, "p", "acc") })
	want.Filed = map[string]string{"b3": "travel"}
	if diff := cmp.Diff(want, l.words(t, "p")); diff != "" {
		t.Errorf("the account of a filed bill is gone; what was learnt of its shop stays: -want +got:\n%s", diff)
	}
	l.must(t, func(_ context.Context, tx kv.Tx) error { return l.PersonLeaves(tx, "p") })
	if diff := cmp.Diff(Words{Filed: map[string]string{}, Learnt: map[string]string{}}, l.words(t, "p")); diff != "" {
		t.Errorf("left: -want +got:\n%s", diff)
	}
	if got := l.words(t, "q"); len(got.Decisions) != 1 {
		t.Errorf("the other person has %+v", got)
	}
}

func TestDrawn(t *testing.T) {
	l, _, _ := openLedger(t)
	for _, m := range []string{"one", "two"} {
		l.must(t, func(ctx context.Context, tx kv.Tx) error { return l.Draw(ctx, tx, "p", "sig", []byte(m)) })
	}
	for _, tt := range []struct {
		person, signature, want string
	}{{"p", "sig", "two"}, {"p", "other", ""}, {"q", "sig", ""}} {
		if got, err := l.Drawn(t.Context(), tt.person, tt.signature); string(got) != tt.want || err != nil {
			t.Errorf("Drawn(%s, %q) = %q, %v; want %q", tt.person, tt.signature, got, err, tt.want)
		}
	}
	if all, err := l.AllDrawn(t.Context(), "p"); err != nil || len(all) != 1 || string(all[0]) != "two" {
		t.Errorf("AllDrawn = %q, %v", all, err)
	}
}

// There is no end of words: the one too many is refused, and those that are
// there may still be changed.
func TestWordsAreBounded(t *testing.T) {
	l, _, _ := openLedger(t)
	l.must(t, func(ctx context.Context, tx kv.Tx) error {
		for n := range maxDrawn {
			if err := l.Draw(ctx, tx, "p", fmt.Sprint(n), []byte("m")); err != nil {
				return err
			}
		}
		return nil
	})
	draw := func(signature string) error {
		return l.DB.Update(t.Context(), func(tx kv.Tx) error { return l.Draw(t.Context(), tx, "p", signature, []byte("n")) })
	}
	if err := draw("one more"); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v, want ErrFull", err)
	}
	if err := draw("7"); err != nil {
		t.Errorf("one that is there: %v", err)
	}
}
