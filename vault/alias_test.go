package vault

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"jali/internal/kv"
)

func TestAliasIsOneAmong64(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	got := make([]string, 64)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			p, err := h.Pair(bg, "p1", "bank")
			if err == nil {
				got[i], err = h.alias(p, "a1", "opaque")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, a := range got {
		if a != got[0] || a == "" {
			t.Fatalf("aliases %q and %q for one account", got[0], a)
		}
	}
}

func TestAliasesArePairwise(t *testing.T) {
	h := newHouse(t)
	seen := map[string]string{}
	for _, person := range []string{"p1", "p2"} {
		h.person(t, person)
		for _, client := range []string{"bank", "shop"} {
			p := h.pair(t, person, client)
			for _, account := range []string{"a1", "a2"} {
				who := person + "/" + account
				alias, err := h.alias(p, account, "opaque")
				if err != nil {
					t.Fatal(err)
				}
				if other, ok := seen[alias]; ok {
					t.Errorf("%s for %s and %s alike", alias, who, other)
				}
				seen[alias] = who
				if got, err := h.resolve(t, person, alias); err != nil || got != client+"/"+account {
					t.Errorf("Resolve = %s, %v; want %s", got, err, client+"/"+account)
				}
				if id, again := p.ID("bill_", account), h.pair(t, person, client).ID("bill_", account); id != again || seen[id] != "" {
					t.Errorf("ID = %s, then %s, seen as %q", id, again, seen[id])
				} else {
					seen[id] = who
				}
			}
			if p.ID("bill_", "ab", "c") == p.ID("bill_", "a", "bc") || p.ID("bill_", "x")[5:] == p.ID("ord_", "x")[4:] {
				t.Error("ids of different things are the same")
			}
		}
	}
}

func TestAliasStays(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	first, err := h.alias(h.pair(t, "p1", "bank"), "a1", "opaque")
	if err != nil {
		t.Fatal(err)
	}
	h.open(t)
	p := h.pair(t, "p1", "bank")
	if again, err := h.alias(p, "a1", "card"); err != nil || again != first {
		t.Errorf("after a restart, asked for another shape: %q, %v; want %q", again, err, first)
	}
	err = h.db.View(bg, func(tx kv.Tx) error {
		if got, err := p.Alias(tx, "a1", "opaque"); err != nil || got != first {
			t.Errorf("in a View: %q, %v; want %q", got, err, first)
		}
		_, err := p.Alias(tx, "a2", "opaque")
		return err
	})
	if !errors.Is(err, kv.ErrReadOnly) {
		t.Errorf("a new alias in a View = %v, want ErrReadOnly", err)
	}
	for _, tt := range []struct{ account, shape string }{{"a1", "phone"}, {"a1", ""}, {"", "opaque"}} {
		if got, err := h.alias(p, tt.account, tt.shape); err == nil {
			t.Errorf("Alias(%q, %q) = %q, want an error", tt.account, tt.shape, got)
		}
	}
}

func TestAClosureRunAgainDrawsTheSame(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	p := h.pair(t, "p1", "bank")
	var drawn []string
	again := errors.New("serialization failure")
	for _, end := range []error{again, again, nil} {
		err := h.db.Update(bg, func(tx kv.Tx) error {
			alias, err := p.Alias(tx, "a1", "opaque")
			drawn = append(drawn, alias)
			return errors.Join(err, end)
		})
		if !errors.Is(err, end) {
			t.Fatal(err)
		}
	}
	if drawn[0] != drawn[2] || drawn[1] != drawn[2] {
		t.Errorf("drawn: %q", drawn)
	}
}

func TestEpochs(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	end := func(tx kv.Tx) error { return h.EndEpoch(tx, "p1", "bank") }
	h.do(t, end) // before there was anything: nothing to do
	before := h.pair(t, "p1", "bank")
	other, err := h.alias(h.pair(t, "p1", "shop"), "a1", "opaque")
	if err != nil {
		t.Fatal(err)
	}
	old, err := h.alias(before, "a1", "opaque")
	if err != nil {
		t.Fatal(err)
	}
	h.do(t, end)
	if _, err := h.alias(before, "a1", "opaque"); !errors.Is(err, ErrEpochEnded) {
		t.Errorf("Alias of a Pair from before = %v, want ErrEpochEnded", err)
	}
	after := h.pair(t, "p1", "bank")
	fresh, err := h.alias(after, "a1", "opaque")
	if err != nil || fresh == old {
		t.Errorf("the next epoch's alias = %q, %v; want another than %q", fresh, err, old)
	}
	if before.ID("bill_", "b1") == after.ID("bill_", "b1") {
		t.Error("ids are the same in two epochs")
	}
	h.person(t, "p2")
	foreign, err := h.alias(h.pair(t, "p2", "bank"), "a1", "opaque")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, tt := range []struct{ why, person, alias string }{
		{"ended", "p1", old},
		{"another person's", "p1", foreign},
		{"asked by another person", "p2", fresh},
		{"asked by somebody without any", "nobody", fresh},
		{"made up", "p1", "acct_aaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{"the beginning of one", "p1", fresh[:len(fresh)-1]},
		{"one and more", "p1", fresh + "a"},
		{"empty", "p1", ""},
	} {
		_, err := h.resolve(t, tt.person, tt.alias)
		if !errors.Is(err, ErrNoAlias) {
			t.Errorf("%s: Resolve = %v, want ErrNoAlias", tt.why, err)
			continue
		}
		said = append(said, err.Error())
	}
	for _, s := range said {
		if s != said[0] {
			t.Errorf("answers differ: %q and %q", said[0], s)
		}
	}
	if got, err := h.resolve(t, "p1", other); err != nil || got != "shop/a1" {
		t.Errorf("the other client's alias = %q, %v; want it to live on", got, err)
	}
}

func TestForgettingAClient(t *testing.T) {
	h := newHouse(t)
	var aliases []string
	for _, person := range []string{"p1", "p2", "p3"} {
		h.person(t, person)
		for _, client := range []string{"bank", "shop"} {
			for _, account := range []string{"a1", "a2"} {
				alias, err := h.alias(h.pair(t, person, client), account, "card")
				if err != nil {
					t.Fatal(err)
				}
				if person == "p1" {
					aliases = append(aliases, alias)
				}
			}
		}
	}
	for n := 0; ; n++ {
		done := false
		h.do(t, func(tx kv.Tx) (err error) { done, err = h.ForgetClient(tx, "bank", 2); return err })
		if done {
			if n == 0 {
				t.Error("all is forgotten at once")
			}
			break
		}
	}
	for i, alias := range aliases {
		if _, err := h.resolve(t, "p1", alias); errors.Is(err, ErrNoAlias) != (i < 2) {
			t.Errorf("alias %d: %v", i, err)
		}
	}
	if err := h.Shred(bg); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []kv.Range{kv.Prefix("vault", "pair", "p1", "bank"), kv.Prefix("vault", "pair", "p3", "bank")} {
		if err := h.keys.View(bg, func(tx kv.Tx) error {
			for range tx.Scan(prefix) {
				return errors.New("a key of the client's is left")
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}

func TestAPairThatOvertakesTheEndOfItsEpoch(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				p, err := h.Pair(bg, "p1", "bank")
				if err != nil {
					t.Errorf("Pair = %v", err)
					return
				}
				if _, err := h.alias(p, "a1", "opaque"); err != nil && !errors.Is(err, ErrEpochEnded) {
					t.Errorf("Alias = %v", err)
				}
			}
		})
	}
	for range 10 {
		h.do(t, func(tx kv.Tx) error { return h.EndEpoch(tx, "p1", "bank") })
		if err := h.Shred(bg); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if err := h.Shred(bg); err != nil {
		t.Fatal(err)
	}
	keys := 0
	if err := h.keys.View(bg, func(tx kv.Tx) error {
		keys = 0
		for _, err := range tx.Scan(kv.Prefix("vault", "pair", "p1")) {
			if err != nil {
				return err
			}
			keys++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if keys > 1 {
		t.Errorf("%d epoch keys are left, want at most that of the living epoch", keys)
	}
}

var ibanShape = regexp.MustCompile(`^XX(00|01|99)[A-Z0-9]{1,30}$`)

func TestShapes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "random")
		if a := opaque(random); !regexp.MustCompile(`^acct_[a-z2-7]{26}$`).MatchString(a) {
			t.Errorf("opaque = %q", a)
		}
		a := card(random)
		if len(a) != 19 || !strings.HasPrefix(a, cardPrefix) || !passesLuhn(a) {
			t.Errorf("card = %q", a)
		}
		i := iban(random)
		if !ibanShape.MatchString(i) || mod97(i[4:]+"XX"+i[2:4]) != 1 {
			t.Errorf("iban = %q", i)
		}
	})
	// Published examples: Luhn's in ISO/IEC 7812's common test number, ISO
	// 13616's in the IBAN registry.
	if !passesLuhn("4111111111111111") || passesLuhn("4111111111111112") || luhn("7992739871") != 3 {
		t.Error("Luhn")
	}
	if mod97("WEST12345698765432GB82") != 1 || mod97("WEST12345698765432GB83") == 1 {
		t.Error("modulo 97")
	}
}

// passesLuhn is written the other way round than luhn: doubling by position
// from the left of a number of known length.
func passesLuhn(s string) bool {
	sum := 0
	for i, c := range s {
		d := int(c - '0')
		if (len(s)-i)%2 == 0 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return sum%10 == 0
}

// A client sees no alias twice, whoever the two accounts belong to; of another
// client's it knows nothing.
func TestWhatIsTakenIsDrawnAgain(t *testing.T) {
	h := newHouse(t)
	shapes["narrow"] = func(random []byte) string { return fmt.Sprint(random[0] % 6) }
	defer delete(shapes, "narrow")
	for _, client := range []string{"bank", "shop"} {
		seen := map[string]bool{}
		for _, person := range []string{"p1", "p2"} {
			h.person(t, person)
			p := h.pair(t, person, client)
			for _, account := range []string{"a1", "a2"} {
				alias, err := h.alias(p, account, "narrow")
				if err != nil || seen[alias] {
					t.Errorf("Alias = %q, %v, taken: %t", alias, err, seen[alias])
				}
				seen[alias] = true
			}
		}
	}
}

// People write numbers down in their own way.
func TestAnAliasAsItIsWritten(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	for _, shape := range []string{"opaque", "card", "iban"} {
		alias, err := h.alias(h.pair(t, "p1", "app-"+shape), "a1", shape)
		if err != nil {
			t.Fatal(err)
		}
		fours := alias
		for i := len(alias) - 4; i > 5; i -= 4 {
			fours = fours[:i] + " " + fours[i:]
		}
		wide := strings.Map(func(r rune) rune { return r + '！' - '!' }, alias)
		for _, written := range []string{alias, "\u3000" + alias + "\r\n", fours, strings.ReplaceAll(fours, " ", "-"), strings.ToUpper(alias), strings.ToLower(alias), wide} {
			if got, err := h.resolve(t, "p1", written); err != nil || got != "app-"+shape+"/a1" {
				t.Errorf("Resolve(%q) = %q, %v", written, got, err)
			}
		}
	}
}

func FuzzTidy(f *testing.F) {
	for _, s := range []string{"9977 0000 0000 0000 000", "acct_AAAA", "xx00-ＡＢ", "\xff\x00", "ǅ", "xſ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := tidy(s)
		if again := tidy(once); again != once {
			t.Errorf("tidy(%q) = %q, and of that %q", s, once, again)
		}
		if strings.ContainsAny(once, " -\t\n") {
			t.Errorf("tidy(%q) = %q", s, once)
		}
	})
}

func TestNoKnownCardBeginsLikeAnAlias(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		} else if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above this test")
		}
	}
	f, err := os.Open(filepath.Join(filepath.Dir(dir), "shared", "data", "bin", "cn-bin.csv"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the list of issuers' numbers is not beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) < 1000 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		if bin := row[0]; strings.HasPrefix(bin, cardPrefix) || strings.HasPrefix(cardPrefix, bin) {
			t.Errorf("issuer's number %s and ours, %s, meet", bin, cardPrefix)
		}
	}
}
