package berlingroup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
)

func TestAccountsGolden(t *testing.T) {
	b := &bank{files: map[string]string{"GET /accounts": file(t, "accounts.json"), "GET /card-accounts": file(t, "card-accounts.json")}}
	got, err := connect(t, b).Accounts(context.Background(), linked)
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		Number, Name, Currency string
		Kind                   connectors.AccountKind
		Side                   connectors.Side
	}
	var all []seen
	for _, a := range got {
		all = append(all, seen{a.Number.RevealString(), a.Name, a.Currency, a.Kind, a.Side})
	}
	// The account of several currencies whose parts are listed too is left out,
	// and what is deleted; a product's name that holds digits is not shown.
	want := []seen{
		{"DE12500105170648489890", "Girokonto", "EUR", connectors.Deposit, connectors.Asset},
		{"DE12500105170648489890", "活期账户", "USD", connectors.Deposit, connectors.Asset},
		{"BARC12345612345678", "Multicurrency", "", connectors.Deposit, connectors.Asset},
		{"DE89370400440532013000", "贷款", "EUR", connectors.Loan, connectors.Debt},
		{"DE02120300000000202051", "单位账户", "EUR", connectors.Deposit, connectors.Asset},
		{"525412******3241", "Basic Credit", "EUR", connectors.CreditCard, connectors.Debt},
	}
	if d := cmp.Diff(want, all); d != "" {
		t.Error(d)
	}
	if !got[0].Ref.ID.Equal(giro.ID) || !got[5].Ref.ID.Equal(card.ID) {
		t.Error("the refs are not those that the other tests read by")
	}
	b = &bank{files: map[string]string{"GET /accounts": file(t, "accounts.json")}}
	if got, err = connect(t, b, func(c *Config) { c.CardAccounts = false }).Accounts(context.Background(), linked); err != nil || len(got) != 5 || len(b.seen) != 1 {
		t.Errorf("a bank without card accounts: %d accounts in %d calls, %v", len(got), len(b.seen), err)
	}
	for why, body := range map[string]string{
		"no list": `{}`, "another list": `{"accounts_v2":[]}`, "no id": `{"accounts":[{"currency":"EUR"}]}`,
		"an id twice": `{"accounts":[{"resourceId":"1"},{"resourceId":"1"}]}`, "a page": `<html>`,
	} {
		b := &bank{files: map[string]string{"GET /accounts": body, "GET /card-accounts": file(t, "card-accounts.json")}}
		if _, err := connect(t, b).Accounts(context.Background(), linked); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestBalances(t *testing.T) {
	eur := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "EUR"} }
	jpy, kwd := money.Amount{Minor: 350, Currency: "JPY"}, money.Amount{Minor: -1250, Currency: "KWD"}
	yesterday := day(20) // the end of it
	loan := refOf(ref{ID: "e80e", Debt: true})
	plain := refOf(ref{ID: "e80e"})
	of := func(change string) string {
		old, new, _ := strings.Cut(change, "→")
		if !strings.Contains(file(t, "balances.json"), old) {
			t.Fatalf("no %s in the balances", old)
		}
		return strings.Replace(file(t, "balances.json"), old, new, 1)
	}
	told := func(kind connectors.BalanceKind, amount money.Amount, at time.Time) string {
		return fmt.Sprint(kind, " ", amount, " ", at.Format(time.RFC3339))
	}
	for _, tt := range []struct {
		why, body string
		ref       connectors.AccountRef
		want      []string
		err       error
	}{
		{"as published", of("→"), giro, []string{told(connectors.Booked, eur(50000), yesterday), told(connectors.Current, eur(90000), now)}, nil},
		{"several currencies, of none and three decimals", file(t, "balances-several.json"), plain, []string{told(connectors.Booked, eur(50000), yesterday),
			told(connectors.Current, eur(90000), now), told(connectors.Booked, jpy, yesterday), told(connectors.Current, kwd, now)}, nil},
		{"with and without a credit line", file(t, "balances-limit.json"), plain, []string{told(connectors.Booked, eur(100000), now), told(connectors.Available, eur(30000), now)}, nil},
		{"a loan owes what is below zero", of("500.00→-500.00"), loan, []string{told(connectors.Outstanding, eur(50000), yesterday), told(connectors.Current, eur(-90000), now)}, nil},
		{"a number", of(`"500.00"→500.00`), giro, []string{told(connectors.Booked, eur(50000), yesterday), told(connectors.Current, eur(90000), now)}, nil},
		{"a type of the bank's own", of("expected→xheld"), giro, []string{told(connectors.Booked, eur(50000), yesterday)}, nil},
		{"of tomorrow", of("2026-10-19→2026-10-21"), giro, []string{told(connectors.Booked, eur(50000), now), told(connectors.Current, eur(90000), now)}, nil},
		{"another account's", of("DE12500105170648489890→DE67100100101306118605"), giro, nil, connectors.ErrMalformed},
		{"an exponent", of("500.00→1e400"), giro, nil, connectors.ErrMalformed},
		{"NaN", of("500.00→NaN"), giro, nil, connectors.ErrMalformed},
		{"a plus", of("500.00→+500.00"), giro, nil, connectors.ErrMalformed},
		{"a part of a cent", of("500.00→500.001"), giro, nil, connectors.ErrMalformed},
		{"no currency", of(`"currency": "EUR", →`), giro, nil, connectors.ErrMalformed},
		{"no day", of("2026-10-19→19.10.2026"), giro, nil, connectors.ErrMalformed},
		{"no list", `{"account":{}}`, giro, nil, connectors.ErrMalformed},
	} {
		b := &bank{files: map[string]string{"GET /accounts/e80e/balances": tt.body}}
		got, err := connect(t, b).Balances(context.Background(), linked, []connectors.AccountRef{tt.ref})
		var all []string
		for _, one := range got {
			all = append(all, told(one.Kind, one.Amount, one.AsOf.In(beijing)))
			if !one.Account.ID.Equal(tt.ref.ID) {
				t.Errorf("%s: of another account", tt.why)
			}
		}
		if !errors.Is(err, tt.err) || !slices.Equal(all, tt.want) {
			t.Errorf("%s: %v, %v; want %v, %v", tt.why, all, err, tt.want, tt.err)
		}
	}
}

func TestBalancesOfACard(t *testing.T) {
	for _, tt := range []struct {
		why, change string
		want        map[connectors.BalanceKind]int64
		err         error
	}{
		{"as published", "→", map[connectors.BalanceKind]int64{connectors.Outstanding: 1435578, connectors.CreditLimit: 1500000}, nil},
		{"with debits below zero", `"debitAccounting": true, →`, map[connectors.BalanceKind]int64{connectors.Outstanding: -1435578, connectors.CreditLimit: 1500000}, nil},
		{"with what can be spent", "nonInvoiced\"→interimAvailable\",\"creditLimitIncluded\":true",
			map[connectors.BalanceKind]int64{connectors.Outstanding: 1435578, connectors.Available: 417586, connectors.CreditLimit: 1500000}, nil},
		{"another card's", "525412→525499", nil, connectors.ErrMalformed},
		{"another id", `"3d9a", "maskedPan"→"3d9b", "maskedPan"`, nil, connectors.ErrMalformed},
		{"no card", "cardAccount\"→card\"", nil, connectors.ErrMalformed},
		{"a limit that is no sum", "\"15000\"→\"high\"", nil, connectors.ErrMalformed},
	} {
		old, new, _ := strings.Cut(tt.change, "→")
		if !strings.Contains(file(t, "card-account.json"), old) {
			t.Fatalf("no %s in the card", old)
		}
		b := &bank{files: map[string]string{"GET /card-accounts/3d9a": strings.Replace(file(t, "card-account.json"), old, new, 1)}}
		got, err := connect(t, b).Balances(context.Background(), linked, []connectors.AccountRef{card})
		var all map[connectors.BalanceKind]int64
		for _, one := range got {
			if all == nil {
				all = map[connectors.BalanceKind]int64{}
			}
			all[one.Kind] = one.Amount.Minor
		}
		if !errors.Is(err, tt.err) || cmp.Diff(tt.want, all) != "" {
			t.Errorf("%s: %v, %v; want %v, %v", tt.why, all, err, tt.want, tt.err)
		}
	}
	// A bank that tells the balances apart, and one that says among them what it counts.
	for _, answer := range []string{`"debitAccounting":true,"balances":[`, `"balances":[{"debitAccounting":true},`} {
		b := &bank{files: map[string]string{"GET /card-accounts/3d9a": `{"cardAccount":{"resourceId":"3d9a","creditLimit":{"currency":"EUR","amount":"1"}}}`,
			"GET /card-accounts/3d9a/balances": `{"cardAccount":{"maskedPan":"525412******3241"},` + answer + `{"balanceType":"closingBooked","balanceAmount":{"currency":"EUR","amount":"9"}}]}`}}
		got, err := connect(t, b).Balances(context.Background(), linked, []connectors.AccountRef{card})
		if err != nil || len(got) != 2 || got[0].Amount.Minor != 900 || got[0].Kind != connectors.Outstanding {
			t.Errorf("%s: %v, %v", answer, got, err)
		}
	}
}

// An account that is gone keeps the others' balances from nobody.
func TestOneRefusedAccountOfTwo(t *testing.T) {
	other := refOf(ref{ID: "closed"})
	b := &bank{files: map[string]string{"GET /accounts/e80e/balances": file(t, "balances.json")}}
	c := connect(t, b)
	got, err := c.Balances(context.Background(), linked, []connectors.AccountRef{giro, other})
	if err != nil || len(got) != 2 {
		t.Errorf("%d balances, %v", len(got), err)
	}
	if _, err := c.Balances(context.Background(), linked, []connectors.AccountRef{other}); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("alone: %v", err)
	}
}

type breaks struct{}

func (breaks) RoundTrip(*http.Request) (*http.Response, error) {
	panic("account DE12500105170648489890")
}

// A panic while accounts are asked side by side would end the process, and
// print its value; it is the call's error.
func TestAPanicBesideIsAnError(t *testing.T) {
	c, err := New(config("http://127.0.0.1:1", &http.Client{Transport: breaks{}}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Balances(t.Context(), linked, []connectors.AccountRef{giro, giro})
	var p *fault.Panic
	if !errors.As(err, &p) || p.Type != "string" || strings.Contains(err.Error(), "DE12") {
		t.Errorf("it answers %v, want a panic without its value", err)
	}
}

func FuzzAccounts(f *testing.F) {
	f.Add([]byte(file(f, "accounts.json")))
	f.Add([]byte(file(f, "card-accounts.json")))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a struct {
			Accounts *[]detail `json:"accounts"`
			Cards    *[]detail `json:"cardAccounts"`
		}
		if decode(b, &a) != nil {
			return
		}
		for card, list := range map[bool]*[]detail{false: a.Accounts, true: a.Cards} {
			all, err := accounts(list, card)
			if err != nil {
				continue
			}
			for _, one := range all {
				if k, err := readRef(one.Ref); err != nil || k.Card != card || one.Name == "" || strings.ContainsAny(one.Name, "0123456789") {
					t.Fatalf("an account became %+v, %v", one, err)
				}
			}
		}
	})
}

func FuzzBalances(f *testing.F) {
	for _, name := range []string{"balances.json", "balances-several.json", "balances-limit.json", "card-account.json"} {
		f.Add([]byte(file(f, name)), false)
		f.Add([]byte(file(f, name)), true)
	}
	c, err := New(config("https://bank.example", http.DefaultClient))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte, debt bool) {
		var a struct {
			Card *detail `json:"cardAccount"`
			detail
		}
		if decode(b, &a) != nil {
			return
		}
		if a.Card != nil {
			a.detail = *a.Card
		}
		got, err := c.readBalances(a.detail, ref{Debt: debt}, giro)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, one := range got {
			slot := fmt.Sprint(one.Kind, one.Amount.Currency)
			if one.Kind == "" || one.Amount.Currency == "" || one.AsOf.After(now) || seen[slot] {
				t.Fatalf("a balance became %+v", one)
			}
			seen[slot] = true
		}
	})
}
