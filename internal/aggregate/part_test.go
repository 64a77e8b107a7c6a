package aggregate_test

import (
	"bytes"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/vault"
)

// partKeys are the parts of a person's data that have a key.
func (h *house) partKeys(p consent.Session) []string {
	h.t.Helper()
	var ids []string
	err := h.keys.View(h.t.Context(), func(tx kv.Tx) error {
		ids = nil
		for e, err := range tx.Scan(kv.Prefix("vault", "part", p.Person)) {
			if err != nil {
				return err
			}
			for rest := e.Key; len(rest) > 0; {
				var name string
				if name, rest, _ = kv.Text(rest); len(rest) == 0 {
					ids = append(ids, name)
				}
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return ids
}

// sealedRows are all rows of this room and the ledger.
func (h *house) sealedRows() map[string][]byte {
	h.t.Helper()
	rows := map[string][]byte{}
	err := h.db.View(h.t.Context(), func(tx kv.Tx) error {
		clear(rows)
		for _, room := range []string{"aggregate", "ledger"} {
			for e, err := range tx.Scan(kv.Prefix(room)) {
				if err != nil {
					return err
				}
				rows[string(e.Key)] = bytes.Clone(e.Value)
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

func (h *house) shred() {
	h.t.Helper()
	if err := h.Vault.Shred(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// Rows that were there before a connection ended are put back after its key
// is gone, as a crash or an old page of the file might: they are noise, and
// nobody hears more of it than that the connection is gone.
func TestADisconnectedConnectionsRowsAreNoise(t *testing.T) {
	h := newHouse(t)
	alipay := wallet("alipay").with(3)
	h.add(alipay, wallet("bank"))
	p := h.person("li")
	gone, stays := h.link(p, "alipay"), h.link(p, "bank")
	if _, err := h.Import(t.Context(), p.Person, strings.NewReader(soundFile), aggregate.Taking{}); err != nil {
		t.Fatal(err)
	}
	all, err := h.Connections(t.Context(), p)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	files := all[slices.IndexFunc(all, func(c aggregate.Connection) bool { return c.Imported })]
	begun := h.sealedRows()
	for _, c := range []aggregate.Connection{gone, files} {
		if err := h.Disconnect(t.Context(), p, c.ID); err != nil {
			t.Fatal(err)
		}
	}
	back := func() {
		err := h.db.Update(t.Context(), func(tx kv.Tx) error {
			for k, v := range begun {
				if err := tx.Put([]byte(k), v); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	back()
	if look, err := h.Own(t.Context(), p, time.Time{}, time.Time{}); err != nil || len(look.Accounts) != 3 {
		t.Fatalf("rows put back before the keys are destroyed: %d accounts, %v; this test cannot fail", len(look.Accounts), err)
	}
	h.shred()
	if got, want := h.partKeys(p), []string{stays.ID}; !slices.Equal(got, want) {
		t.Errorf("keys are left of %q, want of %q alone", got, want)
	}
	back()
	look, err := h.OwnAfresh(t.Context(), p, time.Time{}, time.Time{})
	if err != nil || len(look.Accounts) != 1 || len(look.Bills) != 0 || look.Accounts[0].Source.ID != "bank" {
		t.Errorf("the look after: %+v, %v; want the bank alone", look.Accounts, err)
	}
	var out bytes.Buffer
	if err := h.ExportCSV(t.Context(), p, &out); err != nil || strings.Contains(out.String(), "瑞幸") {
		t.Errorf("the export after: %v", err)
	}
	if err := h.Disconnect(t.Context(), p, gone.ID); err != nil {
		t.Errorf("disconnecting what is left of it: %v", err)
	}
	h.link(p, "alipay") // begins anew, under a key of its own
	if n := len(h.partKeys(p)); n != 2 {
		t.Errorf("%d keys, want 2", n)
	}
}

// Whatever becomes of what was begun: when its time is over there is one key
// for each connection, and none besides.
func TestNoKeyIsLeftOver(t *testing.T) {
	stage := func(h *house, p consent.Session, file string) aggregate.Upload {
		h.t.Helper()
		u, err := h.Stage(h.t.Context(), p, strings.NewReader(file), billfile.Options{})
		if err != nil {
			h.t.Fatal(err)
		}
		return u
	}
	begin := func(h *house, p consent.Session) url.Values {
		h.t.Helper()
		to, err := h.BeginLink(h.t.Context(), p, "alipay", "https://jali.example/connect/return")
		if err != nil {
			h.t.Fatal(err)
		}
		u, _ := url.Parse(to)
		return url.Values{"state": {u.Query().Get("state")}, "code": {"c"}}
	}
	for name, tt := range map[string]struct {
		do    func(h *house, alipay *fake, p consent.Session)
		want  int // connections
		begun int // keys before the sweep; 0: as many as connections
	}{
		"a login that nobody came back from": {do: func(h *house, _ *fake, p consent.Session) { begin(h, p) }, begun: 1},
		"a login that the source refused": {do: func(h *house, _ *fake, p consent.Session) {
			q := begin(h, p)
			q.Del("code")
			if _, err := h.FinishLink(t.Context(), p, q); !errors.Is(err, connectors.ErrLinkRefused) {
				t.Error(err)
			}
		}},
		"a source that tells no accounts": {do: func(h *house, f *fake, p consent.Session) {
			q := begin(h, p)
			f.accounts = nil
			if _, err := h.FinishLink(t.Context(), p, q); !errors.Is(err, connectors.ErrMalformed) {
				t.Error(err)
			}
		}},
		"linked": {do: func(h *house, _ *fake, p consent.Session) { h.link(p, "alipay") }, want: 1},
		"linked twice": {do: func(h *house, _ *fake, p consent.Session) {
			if a, b := h.link(p, "alipay"), h.link(p, "alipay"); a.ID != b.ID {
				t.Error("the second login made another connection")
			}
		}, want: 1},
		"disconnected while at the source again": {do: func(h *house, _ *fake, p consent.Session) {
			a, q := h.link(p, "alipay"), begin(h, p)
			if err := h.Disconnect(t.Context(), p, a.ID); err != nil {
				t.Error(err)
			}
			h.shred()
			if b, err := h.FinishLink(t.Context(), p, q); err != nil || b.ID == a.ID {
				t.Errorf("%+v, %v; want a connection with another key", b, err)
			}
		}, want: 1},
		"a login that took so long that it was given up": {do: func(h *house, f *fake, p consent.Session) {
			q := begin(h, p)
			f.finishing = func() {
				h.pass(time.Hour)
				if err := h.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
				h.shred()
			}
			if _, err := h.FinishLink(t.Context(), p, q); !errors.Is(err, aggregate.ErrNoLinking) {
				t.Errorf("%v, want ErrNoLinking", err)
			}
		}},
		"a file that nobody said yes to": {do: func(h *house, _ *fake, p consent.Session) { stage(h, p, soundFile) }, begun: 1},
		"more files than may wait": {do: func(h *house, _ *fake, p consent.Session) {
			for range 14 {
				stage(h, p, soundFile)
			}
		}, begun: 12},
		"a file taken in, and a second": {do: func(h *house, _ *fake, p consent.Session) {
			for _, f := range []string{soundFile, secondFile} {
				if _, err := h.Accept(t.Context(), p, stage(h, p, f).ID, false, nil); err != nil {
					t.Error(err)
				}
			}
		}, want: 1},
		"two of a kind staged before either is taken in": {do: func(h *house, _ *fake, p consent.Session) {
			a, b := stage(h, p, soundFile), stage(h, p, secondFile)
			for _, u := range []aggregate.Upload{b, a} {
				if _, err := h.Accept(t.Context(), p, u.ID, false, nil); err != nil {
					t.Error(err)
				}
			}
		}, want: 1},
		"disconnected while more of its files wait": {do: func(h *house, _ *fake, p consent.Session) {
			if _, err := h.Accept(t.Context(), p, stage(h, p, soundFile).ID, false, nil); err != nil {
				t.Error(err)
			}
			waits := stage(h, p, secondFile)
			all, _ := h.Connections(t.Context(), p)
			if err := h.Disconnect(t.Context(), p, all[0].ID); err != nil {
				t.Error(err)
			}
			if _, err := h.Accept(t.Context(), p, waits.ID, false, nil); !errors.Is(err, aggregate.ErrNoUpload) {
				t.Errorf("the file that waited: %v, want ErrNoUpload", err)
			}
		}},
		"an operator's import": {do: func(h *house, _ *fake, p consent.Session) {
			for range 2 {
				if _, err := h.Import(t.Context(), p.Person, strings.NewReader(soundFile), aggregate.Taking{}); err != nil {
					t.Error(err)
				}
			}
		}, want: 1},
		"an operator's import that was not accepted": {do: func(h *house, _ *fake, p consent.Session) {
			if _, err := h.Import(t.Context(), p.Person, strings.NewReader(oddFile), aggregate.Taking{}); !errors.Is(err, aggregate.ErrMismatch) {
				t.Error(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			alipay := wallet("alipay")
			h.add(alipay)
			p := h.person("li")
			tt.do(h, alipay, p)
			h.shred()
			if n, want := len(h.partKeys(p)), max(tt.begun, tt.want); n != want {
				t.Errorf("%d keys at first, want %d", n, want)
			}
			h.pass(2 * time.Hour)
			if err := h.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.shred()
			all, err := h.Connections(t.Context(), p)
			if err != nil || len(all) != tt.want {
				t.Errorf("%d connections, %v; want %d", len(all), err, tt.want)
			}
			want := map[string]bool{}
			for _, c := range all {
				want[c.ID] = true
			}
			got := map[string]bool{}
			for _, id := range h.partKeys(p) {
				got[id] = true
			}
			if !maps.Equal(got, want) {
				t.Errorf("keys of %v, want of the connections, %v", got, want)
			}
			for k := range h.sealedRows() {
				if strings.Contains(k, "draft") || strings.Contains(k, "upload") || strings.Contains(k, "linking") {
					t.Errorf("a row of what was begun is left: %q", k)
				}
			}
			if _, err := h.OwnAfresh(t.Context(), p, time.Time{}, time.Time{}); err != nil {
				t.Errorf("the look afterwards: %v", err)
			}
		})
	}
}

// A view that shows a connection goes with it; whoever opens it again for the
// same use is shown the rest.
func TestAViewGoesWithItsConnection(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay"), wallet("bank"))
	p := h.person("li")
	gone := h.link(p, "alipay")
	h.link(p, "bank")
	g := h.grant(p, "bank", h.everything(once))
	v := h.open("bank", g, "key-0000000000000001")
	if len(v.Accounts) != 2 {
		t.Fatal(v.Accounts)
	}
	if err := h.Disconnect(t.Context(), p, gone.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Get(t.Context(), "bank", g, v.ID); !errors.Is(err, aggregate.ErrViewNotFound) {
		t.Errorf("the view is there: %v", err)
	}
	if again := h.open("bank", g, "key-0000000000000001"); len(again.Accounts) != 1 || again.Complete || again.Accounts[0].Source != "bank" {
		t.Errorf("opened again: complete %v, %+v", again.Complete, again.Accounts)
	}
}

// Who is being asked when it is disconnected is left out; nobody meets a 500.
func TestDisconnectingWhileEverybodyAsks(t *testing.T) {
	h := newHouse(t)
	alipay, bank := wallet("alipay").with(5), wallet("bank")
	alipay.stale = func(c connectors.Credential) bool { return c.RevealString() == "credential-0" }
	h.add(alipay, bank)
	p := h.person("li")
	h.link(p, "bank")
	terms := h.everything(consent.Uses{Limit: 4, Per: "day"})
	for round := range 6 {
		c := h.link(p, "alipay")
		g := h.grant(p, "bank", terms)
		once := sync.Once{}
		alipay.set(func() {
			alipay.asked = func() {
				once.Do(func() {
					if err := h.Disconnect(t.Context(), p, c.ID); err != nil {
						t.Error(err)
					}
					h.shred()
				})
			}
			if round%2 == 0 {
				alipay.asked = nil
			}
		})
		var all sync.WaitGroup
		check := func(what string, err error, accounts int) {
			if k := fault.Of(err).Kind; err != nil && (k == fault.Internal || k == fault.Unavailable || errors.Is(err, vault.ErrShredded)) {
				t.Errorf("%s: %v", what, err)
			}
			if err == nil && accounts == 0 {
				t.Errorf("%s: the bank is not shown either", what)
			}
		}
		for i := range 3 {
			all.Go(func() {
				v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: g, Key: "key-000000000000000" + string(rune('0'+i))})
				check("a view", err, len(v.Accounts))
			})
			all.Go(func() {
				l, err := h.OwnAfresh(t.Context(), p, time.Time{}, time.Time{})
				check("an own look", err, len(l.Accounts))
			})
		}
		if round%2 == 0 {
			all.Go(func() {
				if err := h.Disconnect(t.Context(), p, c.ID); err != nil {
					t.Error(err)
				}
				h.shred()
			})
		}
		all.Wait()
		l, err := h.OwnAfresh(t.Context(), p, time.Time{}, time.Time{})
		if err != nil || len(l.Accounts) != 1 {
			t.Fatalf("after: %+v, %v", l.Accounts, err)
		}
	}
	if n := len(h.partKeys(p)); n != 1 {
		t.Errorf("%d keys are left, want the bank's", n)
	}
}
