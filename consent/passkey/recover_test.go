package passkey_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/consent/passkey"
	"jali/consent/passkey/software"
	"jali/internal/audit"
	"jali/internal/fault"
	"jali/internal/kv"
)

func TestACodeLetsOneBackInOnce(t *testing.T) {
	h, a := build(t, issuer), software.New()
	ann, codes := h.joins(a, "Ann")
	typed := strings.ToLower(strings.ReplaceAll(codes[3], "-", " ")) // as people type
	in, err := h.Recover(ctx, typed, linux)
	h.must(err)
	p, recovering, err := h.with(in.Cookie)
	if err != nil || !recovering || p.Person != ann.Session.Person {
		t.Fatalf("Session = %+v, recovering %v, %v", p, recovering, err)
	}
	h.leavesNoTrace(passkey.ErrCode, func() error { _, err := h.Recover(ctx, codes[3], ""); return err })
	if n, err := h.CodesLeft(ctx, p); err != nil || n != 7 {
		t.Errorf("CodesLeft = %d, %v", n, err)
	}

	// It may add a passkey, and nothing else that guards the account.
	h.leavesNoTrace(passkey.ErrRecovering, func() error { _, err := h.NewCodes(ctx, p); return err })
	h.leavesNoTrace(passkey.ErrRecovering, func() error { return h.Remove(ctx, p, a.Credentials()[0].ID) })
	h.leavesNoTrace(passkey.ErrRecovering, func() error { _, err := h.Options(ctx, p, make([]byte, 32)); return err })
	h.add(time.Hour) // however long the person looks for their new key
	flow, options, err := h.BeginAdd(ctx, p)
	h.must(err)
	fresh := software.New()
	response, err := fresh.Create(issuer, options)
	h.must(err)
	h.must(h.FinishAdd(ctx, p, flow, response, ""))
	if _, recovering, err := h.with(in.Cookie); err != nil || recovering {
		t.Errorf("after adding a passkey: recovering %v, %v", recovering, err)
	}
	if _, err := h.signsIn(fresh); err != nil {
		t.Errorf("sign in with the new passkey: %v", err)
	}
	events, err := audit.Timeline(ctx, h.db, string(p.Person), time.Time{}, 100)
	h.must(err)
	i := slices.IndexFunc(events, func(e audit.Event) bool { return e.Verb == audit.CodeUsed })
	if i < 0 || events[i].Facts["codes_left"] != "7" {
		t.Errorf("the timeline does not say that a code was used: %+v", events)
	}
}

func TestACodeIsWonByOne(t *testing.T) {
	h := build(t, issuer)
	_, codes := h.joins(software.New(), "Ann")
	var won, lost, limited atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			switch _, err := h.Recover(ctx, codes[0], ""); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, passkey.ErrCode):
				lost.Add(1)
			case errors.Is(err, passkey.ErrTooOften):
				limited.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 9 || limited.Load() != 54 {
		t.Errorf("%d won, %d lost, %d limited; want 1, 9, 54", won.Load(), lost.Load(), limited.Load())
	}
}

func TestGuessingIsLimited(t *testing.T) {
	h := build(t, issuer)
	_, codes := h.joins(software.New(), "Ann")
	_, bobs := h.joins(software.New(), "Bob")
	wrong := codes[0][:len(codes[0])-5] + "00000"
	for i := range 10 {
		h.add(time.Minute)
		if _, err := h.Recover(ctx, wrong, ""); !errors.Is(err, passkey.ErrCode) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	_, err := h.Recover(ctx, codes[0], "")
	var f *fault.Error
	if !errors.As(err, &f) || !errors.Is(err, passkey.ErrTooOften) || f.RetryAfter != 6*time.Minute {
		t.Errorf("the eleventh in nine minutes: %v, retry after %v; want 6m", err, f.RetryAfter)
	}
	if _, err := h.Recover(ctx, bobs[0], ""); err != nil {
		t.Errorf("bob waits for ann's guesser: %v", err)
	}
	h.add(6 * time.Minute)
	if _, err := h.Recover(ctx, codes[0], ""); err != nil {
		t.Errorf("15 minutes after the first: %v", err)
	}
}

func TestNewCodesReplaceTheOld(t *testing.T) {
	h, a := build(t, issuer), software.New()
	in, old := h.joins(a, "Ann")
	fresh, err := h.NewCodes(ctx, in.Session)
	h.must(err)
	seen := map[string]bool{}
	for _, c := range append(slices.Clone(old), fresh...) {
		if len(c) != 35 || seen[c] {
			t.Errorf("a code of %d characters, or one that was there before", len(c))
		}
		seen[c] = true
	}
	if _, err := h.Recover(ctx, old[0], ""); !errors.Is(err, passkey.ErrCode) {
		t.Errorf("an old code: %v", err)
	}
	if _, err := h.Recover(ctx, fresh[0], ""); err != nil {
		t.Errorf("a new code: %v", err)
	}
}

func FuzzRecover(f *testing.F) {
	f.Add("00000-00000-00000-00000-00000-00000")
	f.Add("")
	f.Add("oIl")
	f.Add(strings.Repeat("ſ", 30)) // upper case is S
	h := func(t *testing.T) *house { return build(t, issuer) }
	f.Fuzz(func(t *testing.T, code string) {
		if _, err := h(t).Recover(ctx, code, ""); !errors.Is(err, passkey.ErrCode) {
			t.Errorf("Recover(%q) = %v", code, err)
		}
	})
}

// before does something ahead of the first Update.
type before struct {
	kv.DB
	once sync.Once
	do   func()
}

func (b *before) Update(ctx context.Context, f func(kv.Tx) error) error {
	b.once.Do(b.do)
	return b.DB.Update(ctx, f)
}

// A request that writes down when its session was last seen, and meanwhile the
// session becomes a whole one: it must not be made a recovering one again.
func TestRecoveredWhileARequestIsUnderWay(t *testing.T) {
	h := build(t, issuer)
	_, codes := h.joins(software.New(), "Ann")
	in, err := h.Recover(ctx, codes[0], linux)
	h.must(err)
	h.add(11 * time.Minute) // long enough for the next request to write
	meanwhile := &before{DB: h.db, do: func() {
		flow, options, err := h.BeginAdd(ctx, in.Session)
		h.must(err)
		response, err := software.New().Create(issuer, options)
		h.must(err)
		h.must(h.FinishAdd(ctx, in.Session, flow, response, ""))
	}}
	elsewhere, err := passkey.New(passkey.Config{DB: meanwhile, Issuer: issuer, Now: h.clock})
	h.must(err)
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(in.Cookie)
	if _, recovering, err := elsewhere.Session(r); err != nil || recovering {
		t.Errorf("the request under way: recovering %v, %v", recovering, err)
	}
	if _, recovering, err := h.with(in.Cookie); err != nil || recovering {
		t.Errorf("the next request: recovering %v, %v", recovering, err)
	}
}
