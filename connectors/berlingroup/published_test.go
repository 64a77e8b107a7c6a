package berlingroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"jali/connectors"
)

// example reads one of the examples that the framework is published with,
// where they lie beside the project. They are not part of it.
func example(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../shared/data/berlingroup/examples", name))
	if os.IsNotExist(err) {
		t.Skip("the published examples are not here; testdata has their form")
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPublishedExamples(t *testing.T) {
	whole := refOf(ref{ID: "3dc3d5b3-7023-4848-9853-f5400a64e80f", identified: identified{Currency: several}})
	main := refOf(ref{ID: "3d9a81b3-a47d-4130-8765-a9c0ff861b99", Card: true, Debt: true, identified: identified{MaskedPAN: "525412******3241"}})
	at := func(r connectors.AccountRef, part string) string {
		k, err := readRef(r)
		if err != nil {
			t.Fatal(err)
		}
		return "GET /" + filepath.Join(append(k.path(), part)...)
	}
	for _, tt := range []struct {
		example, path string
		ref           connectors.AccountRef
		want          []string
	}{
		{"accountListExample1.json", "GET /accounts", whole, []string{"deposit EUR Girokonto", "deposit USD Fremdwährungskonto"}},
		{"accountListExample2.json", "GET /accounts", whole, []string{"deposit EUR Girokonto", "deposit USD Fremdwährungskonto"}},
		{"accountListExample3.json", "GET /accounts", whole, []string{"deposit EUR Girokonto", "deposit USD Fremdwährungskonto"}},
		{"balancesExample1_RegularAccount.json", at(whole, "balances"), whole, []string{"booked 500.00 EUR", "current 900.00 EUR"}},
		{"balancesExample2_MulticurrencyAcount.json", at(whole, "balances"), whole, []string{"booked 500.00 EUR", "current 900.00 EUR", "booked 350.00 USD", "current 350.00 USD"}},
		{"balancesExample3_RegularAccount.json", at(whole, "balances"), whole, []string{"booked 1000.00 EUR", "available 300.00 EUR"}},
		{"cardAccountDetailsExample.json", at(main, ""), main, []string{"outstanding 14355.78 EUR", "credit_limit 15000.00 EUR"}},
		{"balancesExample_CardAccount.json", at(main, "balances"), main, []string{"outstanding 14355.78 EUR"}},
		// Money to John Miles without a sign: by the framework's own rule it came in.
		{"transactionsExample1_RegularAccount_json.json", at(whole, "transactions"), whole, []string{"1234567 in 256.67 EUR", "1234568 in 343.01 EUR", "1234569 out 100.03 EUR pending"}},
		{"transactionsExample3_MulticurrencyAccount_json.json", at(whole, "transactions"), whole,
			[]string{"1234567 out 256.67 EUR", "1234568 in 343.01 EUR", "1234569 in 100.00 USD", "1234570 out 100.03 EUR pending"}},
	} {
		b := &bank{files: map[string]string{tt.path: example(t, tt.example)}}
		if tt.path == at(main, "balances") {
			b.files[at(main, "")] = `{"cardAccount":{"resourceId":"3d9a81b3-a47d-4130-8765-a9c0ff861b99"}}`
		}
		c := connect(t, b, func(k *Config) {
			k.CardAccounts = false
			k.Now = func() time.Time { return time.Date(2017, 10, 27, 12, 0, 0, 0, beijing) }
		})
		var got []string
		var err error
		switch {
		case tt.path == "GET /accounts":
			var all []connectors.Account
			all, err = c.Accounts(t.Context(), linked)
			for _, a := range all {
				got = append(got, fmt.Sprint(a.Kind, " ", a.Currency, " ", a.Name))
			}
		case tt.path == at(whole, "transactions"):
			var page connectors.Page
			page, err = c.Bills(t.Context(), linked, tt.ref, time.Date(2017, 10, 1, 0, 0, 0, 0, beijing), c.now(), "")
			for _, x := range page.Bills {
				line := fmt.Sprint(x.ID, " ", x.Direction, " ", x.Amount)
				if x.State == connectors.Pending {
					line += " pending"
				}
				got = append(got, line)
			}
		default:
			var all []connectors.Balance
			all, err = c.Balances(t.Context(), linked, []connectors.AccountRef{tt.ref})
			for _, x := range all {
				got = append(got, fmt.Sprint(x.Kind, " ", x.Amount))
			}
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, %v; want %q", tt.example, got, err, tt.want)
		}
	}
}
