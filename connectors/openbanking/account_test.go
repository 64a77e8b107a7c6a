package openbanking

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/internal/secret"
)

func TestAccountsGolden(t *testing.T) {
	c := connect(t, &bank{files: map[string]string{"/accounts": file(t, "accounts.json")}})
	got, err := c.Accounts(context.Background(), linked)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d accounts, %v; want 2: one is deleted", len(got), err)
	}
	for i, want := range []struct {
		kind   connectors.AccountKind
		side   connectors.Side
		name   string
		number string
	}{
		{connectors.Deposit, connectors.Asset, "江南活期", "6217000000001234"},
		{connectors.CreditCard, connectors.Debt, "信用卡", "622262******5678"}, // the description held digits
	} {
		a := got[i]
		if a.Kind != want.kind || a.Side != want.side || a.Name != want.name || a.Number.RevealString() != want.number || a.Currency != "CNY" {
			t.Errorf("account %d: %+v %s", i, a, a.Number.RevealString())
		}
	}
	if !got[0].Ref.ID.Equal(debit.ID) || !got[1].Ref.ID.Equal(credit.ID) {
		t.Error("refs")
	}
}

func TestAccountsArePagedInsideTheAPI(t *testing.T) {
	page := func(id, next string) string {
		return fmt.Sprintf(`{"Data":{"Account":[{"AccountId":%q,"AccountTypeCode":"CACC"}]},"Links":{"Next":%q}}`, id, next)
	}
	for _, tt := range []struct {
		why   string
		files map[string]string
		want  error
		n     int
	}{
		{"two pages", map[string]string{"/accounts": page("1", "BASE/accounts?page=2"), "/accounts?page=2": page("2", "")}, nil, 2},
		{"a relative link", map[string]string{"/accounts": page("1", api+"/accounts?page=2"), "/accounts?page=2": page("2", "")}, nil, 2},
		{"another host", map[string]string{"/accounts": page("1", "https://evil.example"+api+"/accounts?page=2")}, connectors.ErrMalformed, 0},
		{"out of the API", map[string]string{"/accounts": page("1", "/token")}, connectors.ErrMalformed, 0},
		{"out by the back door", map[string]string{"/accounts": page("1", "BASE/%2e%2e/x")}, connectors.ErrMalformed, 0},
		{"a circle", map[string]string{"/accounts": page("1", "BASE/accounts")}, connectors.ErrMalformed, 0},
		{"an account without an id", map[string]string{"/accounts": page("", "")}, connectors.ErrMalformed, 0},
		{"no Data", map[string]string{"/accounts": `{}`}, connectors.ErrMalformed, 0},
		{"no JSON", map[string]string{"/accounts": `<html>`}, connectors.ErrMalformed, 0},
	} {
		c := connect(t, &bank{files: tt.files})
		got, err := c.Accounts(context.Background(), linked)
		if !errors.Is(err, tt.want) || len(got) != tt.n {
			t.Errorf("%s: %d accounts, %v; want %d, %v", tt.why, len(got), err, tt.n, tt.want)
		}
	}
}

func TestBalances(t *testing.T) {
	one := func(change string) string {
		b := `{"Data":{"Balance":[{"AccountId":"22289","CreditDebitIndicator":"Credit","Type":"ITBD","DateTime":"2026-10-20T04:00:00+00:00","Amount":{"Amount":"10.50","Currency":"CNY"}}]}}`
		old, new, _ := strings.Cut(change, "→")
		if !strings.Contains(b, old) {
			t.Fatalf("no %s in the balance", old)
		}
		return strings.Replace(b, old, new, 1)
	}
	type sums = map[connectors.BalanceKind]int64
	for _, tt := range []struct {
		why, body string
		ref       connectors.AccountRef
		want      sums
		err       error
	}{
		{"a card that is owed on", file(t, "balances-card.json"), credit,
			sums{connectors.Outstanding: 12345, connectors.Available: 987655, connectors.CreditLimit: 1000000}, nil},
		{"as it is", one(`→`), debit, sums{connectors.Booked: 1050}, nil},
		{"overdrawn", one(`"Credit"→"Debit"`), debit, sums{connectors.Booked: -1050}, nil},
		{"the words of v3", one(`ITBD→InterimAvailable`), debit, sums{connectors.Available: 1050}, nil},
		{"a type not known", one(`ITBD→XXXX`), debit, nil, nil},
		{"another account's", one(`22289→22290`), debit, nil, connectors.ErrMalformed},
		// A bank that writes a sign all the same means a debit.
		{"a sign in the amount", one(`10.50→-10.50`), debit, sums{connectors.Booked: -1050}, nil},
		{"a sign, said twice", strings.Replace(one(`10.50→-10.50`), `"Credit"`, `"Debit"`, 1), debit, sums{connectors.Booked: -1050}, nil},
		{"a plus", one(`10.50→+10.50`), debit, nil, connectors.ErrMalformed},
		{"a part of a fen", one(`10.50→10.50000000001`), debit, nil, connectors.ErrMalformed},
		{"five decimals that say nothing", one(`10.50→10.50000`), debit, sums{connectors.Booked: 1050}, nil},
		{"a credit line below zero", one(`"Type":"ITBD"→"Type":"ITBD","CreditLine":[{"Included":true,"Type":"Credit","Amount":{"Amount":"-1.00","Currency":"CNY"}}]`), debit, nil, connectors.ErrMalformed},
		{"no list", `{"Data":{"Balances":[]}}`, debit, nil, connectors.ErrMalformed},
		{"an exponent", one(`10.50→1e400`), debit, nil, connectors.ErrMalformed},
		{"NaN", one(`10.50→NaN`), debit, nil, connectors.ErrMalformed},
		{"a number", one(`"10.50"→10.50`), debit, nil, connectors.ErrMalformed},
		{"no currency", one(`,"Currency":"CNY"→`), debit, nil, connectors.ErrMalformed},
		{"no side", one(`"Credit"→""`), debit, nil, connectors.ErrMalformed},
		{"no time", one(`2026-10-20T04:00:00+00:00→today`), debit, nil, connectors.ErrMalformed},
		{"no Data", `{}`, debit, nil, connectors.ErrMalformed},
	} {
		account, _ := readRef(tt.ref)
		c := connect(t, &bank{files: map[string]string{"/accounts/" + account.id + "/balances": tt.body}})
		got, err := c.Balances(context.Background(), linked, []connectors.AccountRef{tt.ref})
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.err)
		}
		var all sums
		for _, b := range got {
			if all == nil {
				all = sums{}
			}
			all[b.Kind] = b.Amount.Minor
		}
		if d := cmp.Diff(tt.want, all); d != "" {
			t.Errorf("%s:\n%s", tt.why, d)
		}
	}
}

func TestAnAccountThatIsRefusedTakesNoOtherAlong(t *testing.T) {
	b := &bank{files: map[string]string{"/accounts/31820/balances": file(t, "balances-card.json")}}
	c := connect(t, b)
	got, err := c.Balances(context.Background(), linked, []connectors.AccountRef{debit, credit})
	if err != nil || len(got) != 3 {
		t.Errorf("%d balances, %v; want the card's 3", len(got), err)
	}
	if _, err := c.Balances(context.Background(), linked, []connectors.AccountRef{debit}); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("only refused ones: %v, want ErrRefused", err)
	}
	if _, err := c.Balances(context.Background(), linked, []connectors.AccountRef{{ID: secret.Of("22289")}}); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("a ref of another dialect: %v, want ErrRefused", err)
	}
}

func FuzzBalances(f *testing.F) {
	seed(f, "balances")
	f.Add([]byte(file(f, "balances-card.json")))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a struct{ Data struct{ Balance []obBalance } }
		if decode(b, &a) != nil {
			return
		}
		for _, ref := range []connectors.AccountRef{debit, credit} {
			list, err := readBalances(a.Data.Balance, ref)
			if err != nil {
				continue
			}
			seen := map[string]bool{}
			for _, b := range list {
				if s := string(b.Kind) + b.Amount.Currency; seen[s] || b.Amount.Currency == "" {
					t.Fatalf("two balances of one kind: %+v", list)
				} else {
					seen[s] = true
				}
			}
		}
	})
}
