package aggregate

import (
	"testing"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/secret"
)

func TestAgree(t *testing.T) {
	for _, tt := range []struct {
		why, a, b string
		want      bool
	}{
		{"the same in full", "6225881234561234", "6225 8812 3456 1234", true},
		{"one digit differs", "6225881234561234", "6225881234561235", false},
		{"the end of it", "6225881234561234", "****1234", true},
		{"another end", "6225881234561234", "****1235", false},
		{"only digits, few", "1234", "****1234", true},
		{"masked in the middle", "6225****1234", "622588******1234", true},
		{"masked, begins otherwise", "6217****1234", "622588******1234", false},
		{"crosses for digits", "6225XXXXXXXX1234", "6225881234561234", true},
		{"an IBAN that begins with a cross", "XK051212012345678906", "XK051212012345678907", false},
		{"too little to be seen", "****34", "6225881234561234", false},
		{"one is not told", "", "6225881234561234", false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got, turned := agree(tt.a, tt.b), agree(tt.b, tt.a); got != tt.want || turned != tt.want {
				t.Errorf("agree(%q, %q) = %v, and turned round %v; want %v", tt.a, tt.b, got, turned, tt.want)
			}
		})
	}
}

// Which account a file's is, among those that are here.
func TestWhichAccountAFileIsOf(t *testing.T) {
	pots := func(all ...account) []known {
		k := known{link: link{ID: "link", Imported: true}}
		for _, a := range all {
			a.Kind, a.Side, a.Link = connectors.Deposit, connectors.Asset, "link"
			k.accounts = append(k.accounts, a)
		}
		return []known{k}
	}
	have := func(id, number, currency, holder string) account {
		return account{pot{ID: "", Currency: currency}, plate{Number: number, Holder: holder, Name: id}}
	}
	for _, tt := range []struct {
		why      string
		here     []known
		number   string
		currency string
		holder   string
		want     string // the Name of the account; empty: a new one
	}{
		{"its number in full", pots(have("a", "6225881234561234", "CNY", ""), have("b", "6225881234569999", "CNY", "")), "6225881234561234", "CNY", "", "a"},
		{"its number, whoever holds it", pots(have("a", "6225881234561234", "CNY", "li")), "6225881234561234", "CNY", "wang", "a"},
		{"its number, another currency", pots(have("a", "6225881234561234", "CNY", "")), "6225881234561234", "USD", "", ""},
		{"its end", pots(have("a", "6225881234561234", "CNY", ""), have("b", "6225881234569999", "CNY", "")), "****1234", "CNY", "", "a"},
		{"its end, another holder", pots(have("a", "6225881234561234", "CNY", "li")), "****1234", "CNY", "wang", ""},
		{"two end like it: nobody can say", pots(have("a", "6225881234561234", "CNY", ""), have("b", "6217001234561234", "CNY", "")), "****1234", "CNY", "", ""},
		{"two end like it, one begins like it", pots(have("a", "6225881234561234", "CNY", ""), have("b", "6217001234561234", "CNY", "")), "6217****1234", "CNY", "", "b"},
		{"no number on either side", pots(have("a", "", "CNY", "li"), have("b", "6225881234561234", "CNY", "")), "", "CNY", "li", "a"},
		{"no number, no holder told", pots(have("a", "", "CNY", "li")), "", "CNY", "", "a"},
		{"no number, and one that has one", pots(have("a", "6225881234561234", "CNY", "")), "", "CNY", "", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			for i := range tt.here[0].accounts {
				a := &tt.here[0].accounts[i]
				a.ID = consent.AccountID("id-of-" + a.Name)
			}
			f := &billfile.File{Holder: secret.Of(tt.holder), Accounts: []billfile.Account{{Account: connectors.Account{Number: secret.Of(tt.number),
				Kind: connectors.Deposit, Side: connectors.Asset, Currency: tt.currency}}}}
			if got, err := recognise(tt.here, f, nil); err != nil || got.accounts[0].Name != tt.want {
				t.Errorf("it is %q, %v, want %q", got.accounts[0].Name, err, tt.want)
			}
		})
	}
}
