package aggregate_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/kv"
)

// deaf is a source whose answer to a parting never comes.
type deaf struct{ *fake }

func (d deaf) Unlink(ctx context.Context, c connectors.Credential) error {
	_ = d.fake.Unlink(ctx, c)
	<-ctx.Done()
	return errors.New("credential-0 was not heard")
}

// Whoever leaves is gone from every source that can be told, though neither
// rows nor keys are left when it is told, and one source does not listen.
func TestPartingTellsEverySourceOnce(t *testing.T) {
	h := newHouse(t)
	a, b, d := wallet("alipay"), wallet("jiangnan_bank"), deaf{wallet("harbour_bank")}
	h.add(a, b)
	if err := h.reg.Register(d); err != nil {
		t.Fatal(err)
	}
	if err := h.reg.Register(plain{wallet("meituan")}); err != nil { // cannot be told
		t.Fatal(err)
	}
	p, other := h.person("li"), h.person("wang")
	for _, source := range []string{"harbour_bank", "alipay", "jiangnan_bank", "meituan"} {
		h.link(p, source)
	}
	h.link(other, "alipay")
	if _, err := h.Import(t.Context(), p.Person, strings.NewReader(soundFile), aggregate.Taking{}); err != nil {
		t.Fatal(err)
	}
	tell, err := h.Parting(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if a.unlinked+b.unlinked+d.unlinked != 0 {
		t.Fatal("sources are told before the person has left")
	}
	h.consent.Leaving = []func(kv.Tx, consent.PersonID) error{h.PersonLeaves,
		func(tx kv.Tx, p consent.PersonID) error { return h.Vault.PersonLeaves(tx, string(p)) }}
	if _, err := h.consent.PrepareLeave(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := h.consent.Leave(t.Context(), p, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.Vault.Shred(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // patience with the deaf one ends when all have been told
		for told := 0; told < 3 && ctx.Err() == nil; runtime.Gosched() {
			told = 0
			for _, f := range []*fake{a, b, d.fake} {
				f.set(func() { told += f.unlinked })
			}
		}
		cancel()
	}()
	tell(ctx)
	for _, f := range []*fake{a, b, d.fake} {
		f.set(func() {
			if f.unlinked != 1 {
				t.Errorf("%s was told %d times", f.source.ID, f.unlinked)
			}
		})
	}
}
