package fdx

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
)

type plainAccount struct {
	Ref, Number, Name, Currency string
	Kind                        connectors.AccountKind
	Side                        connectors.Side
}

func plain(all []connectors.Account) (out []plainAccount) {
	for _, a := range all {
		out = append(out, plainAccount{a.Ref.ID.RevealString(), a.Number.RevealString(), a.Name, a.Currency, a.Kind, a.Side})
	}
	return out
}

func TestAccountsGolden(t *testing.T) {
	l := &lender{files: map[string]string{"/accounts": file(t, "accounts-v6.json")}}
	all, err := connect(t, l).Accounts(t.Context(), linked)
	if err != nil {
		t.Fatal(err)
	}
	want := []plainAccount{
		{"DEPOSIT_ACCOUNT:USD:948759it3kbm5b3fdkj454", "******2538", "Checking account", "USD", connectors.Deposit, connectors.Asset},
		{"LOC_ACCOUNT:USD:7493c12151c4bb04e27caa", "2345", "信用卡", "USD", connectors.CreditCard, connectors.Debt}, // a name with digits may hold a number
		{"LOC_ACCOUNT:CNY:loc-1", "7788", "花呗", "CNY", connectors.CreditLine, connectors.Debt},
		{"LOAN_ACCOUNT:USD:abc669672cb0869d382920", "2123", "Mortgage", "USD", connectors.Loan, connectors.Debt},
		{"ANNUITY_ACCOUNT:USD:an54565743re", "", "账户", "USD", connectors.OtherAccount, connectors.Asset},
	}
	if d := cmp.Diff(want, plain(all)); d != "" {
		t.Error(d)
	}
	if got := l.calls[0]; got != "GET /fdx/v6/accounts?limit=500&resultType=lightweight" {
		t.Errorf("asked by %s", got)
	}
}

// Version 5 wraps each account, and need not tell its currency.
func TestAccountsOfVersion5(t *testing.T) {
	second := `{"accounts":[{"locAccount":{"accountId":"3","accountType":"CHARGE","currency":{"currencyCode":"CAD"}}}]}`
	files := map[string]string{"/accounts": file(t, "accounts-v5.json"), "/accounts?offset=2": second}
	all, err := connect(t, &lender{files: files}, func(c *Config) { c.Currency = "USD" }).Accounts(t.Context(), linked)
	if err != nil {
		t.Fatal(err)
	}
	want := []plainAccount{
		{"DEPOSIT_ACCOUNT:USD:10001", "XXXX3223", "储蓄账户", "USD", connectors.Deposit, connectors.Asset},
		{"LOAN_ACCOUNT:USD:20001", "XXXX9979", "贷款", "USD", connectors.Loan, connectors.Debt},
		{"LOC_ACCOUNT:CAD:3", "", "信用卡", "CAD", connectors.CreditCard, connectors.Debt},
	}
	if d := cmp.Diff(want, plain(all)); d != "" {
		t.Error(d)
	}
	if _, err := connect(t, &lender{files: files}).Accounts(t.Context(), linked); !is(err, connectors.ErrMalformed) {
		t.Errorf("accounts of no currency: %v", err)
	}
}

func TestAccountsThatCannotBe(t *testing.T) {
	one := `{"accountCategory":"LOC_ACCOUNT","accountId":"1","currency":{"currencyCode":"CNY"}}`
	for why, body := range map[string]string{
		"twice":                 `{"accounts":[` + one + `,` + one + `]}`,
		"no id":                 `{"accounts":[` + strings.Replace(one, `"1"`, `""`, 1) + `]}`,
		"no category":           `{"accounts":[` + strings.Replace(one, "LOC_ACCOUNT", "", 1) + `]}`,
		"a currency of its own": `{"accounts":[` + strings.Replace(one, "CNY", "yuan", 1) + `]}`,
		"two categories":        `{"accounts":[{"loanAccount":{"accountId":"1"},"locAccount":{"accountId":"1"}}]}`,
		"two members alike":     `{"accounts":[{"accountId":"2","AccountID":"1","accountCategory":"LOC_ACCOUNT","currency":{"currencyCode":"CNY"}}]}`,
		"no list":               `{"account":[]}`,
	} {
		if _, err := connect(t, &lender{files: map[string]string{"/accounts": body}}).Accounts(t.Context(), linked); !is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v", why, err)
		}
	}
	// What is missing from a part would be taken for closed.
	l := &lender{files: map[string]string{"/accounts": `{"accounts":[` + one + `]}`}, status: map[string]int{"/accounts": 206}}
	if _, err := connect(t, l).Accounts(t.Context(), linked); !is(err, connectors.ErrDown) {
		t.Errorf("a part of the accounts: %v", err)
	}
}

func TestBalancesGolden(t *testing.T) {
	cny := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	l := &lender{files: map[string]string{"/accounts": `{"accounts":[` + file(t, "loc-v6.json") + `,` + file(t, "loan-v5.json") + `]}`}}
	got, err := connect(t, l).Balances(t.Context(), linked, []connectors.AccountRef{line, lent})
	if err != nil {
		t.Fatal(err)
	}
	at, then := time.Date(2026, 10, 20, 11, 59, 58, 123e6, beijing), time.Date(2026, 10, 19, 0, 0, 0, 0, time.UTC)
	want := []connectors.Balance{
		{Account: line, Kind: connectors.Outstanding, Amount: cny(169727), AsOf: at}, // 1.69727E3
		{Account: line, Kind: connectors.CreditLimit, Amount: cny(1200000), AsOf: at},
		{Account: line, Kind: connectors.Available, Amount: cny(1030273), AsOf: at},
		{Account: lent, Kind: connectors.Outstanding, Amount: cny(13325035), AsOf: then}, // with the interest that has come since
	}
	same := cmp.Comparer(func(a, b connectors.AccountRef) bool { return a.ID.Equal(b.ID) })
	if d := cmp.Diff(want, got, same); d != "" {
		t.Error(d)
	}
	if got := l.calls[0]; got != "GET /fdx/v6/accounts?accountIds=loc-1%2C20001&limit=500&resultType=details" {
		t.Errorf("asked by %s", got)
	}
}

func TestBalancesThatCannotBe(t *testing.T) {
	whole := file(t, "loc-v6.json")
	for _, tt := range []struct {
		why, body string
		want      error
	}{
		{"another account", strings.Replace(whole, `"loc-1"`, `"loc-2"`, 1), connectors.ErrMalformed},
		{"another category", strings.Replace(whole, `LOC_ACCOUNT`, `LOAN_ACCOUNT`, 1), connectors.ErrMalformed},
		{"another currency", strings.Replace(whole, `CNY`, `USD`, 1), connectors.ErrMalformed},
		{"twice", whole + "," + whole, connectors.ErrMalformed},
		{"no balance", strings.NewReplacer("currentBalance", "x", "principalBalance", "y").Replace(whole), connectors.ErrMalformed},
		{"a part of a fen", strings.Replace(whole, "10302.73", "10302.735", 1), connectors.ErrMalformed},
		{"eleven decimals", strings.Replace(whole, "10302.73", "0.12345678901", 1), connectors.ErrMalformed},
		{"beyond any sum", strings.Replace(whole, "10302.73", "1e400", 1), connectors.ErrMalformed},
		{"no number", strings.Replace(whole, "10302.73", "NaN", 1), connectors.ErrMalformed},
		{"text", strings.Replace(whole, "10302.73", `"ten"`, 1), connectors.ErrMalformed},
		{"no time", strings.Replace(whole, "T11:59", " 11:59", 1), connectors.ErrMalformed},
		{"one that could not be read", `{"accountCategory":"LOC_ACCOUNT","accountId":"loc-1","error":{"code":"500"}}`, nil},
	} {
		c := connect(t, &lender{files: map[string]string{"/accounts": `{"accounts":[` + tt.body + `]}`}})
		got, err := c.Balances(t.Context(), linked, []connectors.AccountRef{line})
		if !is(err, tt.want) || len(got) != 0 {
			t.Errorf("%s: %d balances, %v; want %v", tt.why, len(got), err, tt.want)
		}
	}
}

func TestSum(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"12", 1200, true}, {"12.3", 1230, true}, {"12.30", 1230, true}, {"-0.01", -1, true}, {"12.300", 1230, true},
		{"1.23456789E7", 1234567890, true}, {"1e2", 10000, true}, {"1E+2", 10000, true}, {"150e-2", 150, true}, {"5e-2", 5, true}, {"-2.5e1", -2500, true},
		{"0e0", 0, true}, {"1e-2", 1, true}, {"1.5e-1", 15, true},
		{"1e-3", 0, false}, {"12.345", 0, false}, {"0.12345678901", 0, false}, {"1e400", 0, false}, {"1e19", 0, false}, {"1e-400", 0, false},
		{"99999999999999999999", 0, false}, {"NaN", 0, false}, {"", 0, false}, {"1e", 0, false}, {"e1", 0, false}, {"1e1e1", 0, false}, {"--1e1", 0, false},
	} {
		got, err := sum(jsonNumber(tt.in), "CNY")
		if (err == nil) != tt.ok || (tt.ok && got != money.Amount{Minor: tt.want, Currency: "CNY"}) {
			t.Errorf("sum(%q) = %v, %v; want %d, %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}
