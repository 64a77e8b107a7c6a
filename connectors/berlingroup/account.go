package berlingroup

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
	"jali/internal/secret"
)

// several is the currency of an account that holds several.
const several = "XXX"

// identified is an accountReference: how an account is known beside its id.
type identified struct {
	IBAN      string `json:"iban"`
	BBAN      string `json:"bban"`
	PAN       string `json:"pan"`
	MaskedPAN string `json:"maskedPan"`
	Currency  string `json:"currency"`
}

// is reports whether a reference in an answer can be that of the account asked
// for. What neither says, it cannot be told by.
func (a identified) is(b identified) bool {
	same := func(x, y string) bool { return x == "" || y == "" || x == y }
	return same(a.IBAN, b.IBAN) && same(a.BBAN, b.BBAN) && same(a.PAN, b.PAN) && same(a.MaskedPAN, b.MaskedPAN) &&
		(a.Currency == several || b.Currency == several || same(a.Currency, b.Currency))
}

func (a identified) number() string { return first(a.IBAN, a.BBAN, a.PAN, a.MaskedPAN) }

// ref is what an AccountRef holds: the bank's id, and what an answer about the
// account must agree with.
type ref struct {
	ID   string `json:"id"`
	Card bool   `json:"card,omitempty"` // of /card-accounts
	Debt bool   `json:"debt,omitempty"` // on those the sign of what is owed turns: a balance does not say it again
	identified
}

func readRef(r connectors.AccountRef) (ref, error) {
	var k ref
	if json.Unmarshal(r.ID.Reveal(), &k) != nil || k.ID == "" {
		return k, connectors.ErrRefused.Because(fault.Cause("not an account of this dialect"))
	}
	return k, nil
}

// at is where the account is read, or a part of it.
func (c *Connector) at(k ref, part ...string) *url.URL {
	return c.api.JoinPath(append(k.path(), part...)...)
}

func (k ref) path() []string {
	if k.Card {
		return []string{"card-accounts", url.PathEscape(k.ID)}
	}
	return []string{"accounts", url.PathEscape(k.ID)}
}

// detail is an accountDetails or a cardAccountDetails.
type detail struct {
	ID       string `json:"resourceId"`
	Product  string `json:"product"`
	Type     string `json:"cashAccountType"`
	Status   string `json:"status"`
	Usage    string `json:"usage"`
	Limit    *sum   `json:"creditLimit"`
	Positive bool   `json:"debitAccounting"`
	identified
	Balances []balance `json:"balances"`
}

// sum is an amount with its sign. Some banks write the number bare.
type sum struct {
	Currency string      `json:"currency"`
	Amount   json.Number `json:"amount"`
}

func (s sum) parse() (money.Amount, error) {
	m, err := money.Parse(s.Amount.String(), s.Currency)
	if err != nil || strings.HasPrefix(s.Amount.String(), "+") {
		return money.Amount{}, fault.Cause("an amount is not a decimal of its currency")
	}
	return m, nil
}

// Accounts answers the accounts of the consent, less those that are deleted.
func (c *Connector) Accounts(ctx context.Context, v connectors.Credential) ([]connectors.Account, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	var a struct {
		Accounts *[]detail `json:"accounts"`
	}
	if err := c.call(ctx, request{method: http.MethodGet, url: c.api.JoinPath("accounts"), as: k}, &a); err != nil {
		return nil, err
	}
	all, err := accounts(a.Accounts, false)
	if err != nil || !c.cards {
		return all, err
	}
	var b struct {
		Accounts *[]detail `json:"cardAccounts"`
	}
	if err := c.call(ctx, request{method: http.MethodGet, url: c.api.JoinPath("card-accounts"), as: k}, &b); err != nil {
		return nil, err
	}
	cards, err := accounts(b.Accounts, true)
	return append(all, cards...), err
}

func accounts(list *[]detail, card bool) ([]connectors.Account, error) {
	if list == nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("no list of accounts"))
	}
	var all []connectors.Account
	seen, parts := map[string]bool{}, map[string]bool{}
	for _, d := range *list {
		if d.ID == "" || seen[d.ID] {
			return nil, connectors.ErrMalformed.Because(fault.Cause("an account without an id of its own"))
		}
		seen[d.ID] = true
		parts[d.number()] = parts[d.number()] || d.Currency != several
	}
	for _, d := range *list {
		// An account of several currencies may be listed whole and in parts: what
		// is in the parts would be counted twice.
		if d.Status == "deleted" || (d.Currency == several && parts[d.number()]) {
			continue
		}
		a, err := d.account(card)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func (d detail) account(card bool) (connectors.Account, error) {
	kind, side, name := kindOfAccount(d.Type)
	if card {
		kind, side, name = connectors.CreditCard, connectors.Debt, "信用卡"
	}
	if d.Usage == "ORGA" && kind == connectors.Deposit {
		name = "单位账户"
	}
	// A product's name is kept only if it cannot hold a number.
	if p := strings.TrimSpace(d.Product); p != "" && !strings.ContainsAny(p, "0123456789０１２３４５６７８９*") {
		name = p
	}
	id, err := sealed(ref{ID: d.ID, Card: card, Debt: side == connectors.Debt, identified: d.identified})
	if err != nil {
		return connectors.Account{}, err
	}
	a := connectors.Account{Ref: connectors.AccountRef{ID: id}, Number: secret.Of(d.number()), Kind: kind, Side: side, Name: name, Currency: d.Currency}
	if d.Currency == several {
		a.Currency = ""
	}
	return a, nil
}

// kindOfAccount reads ExternalCashAccountType1Code.
func kindOfAccount(code string) (connectors.AccountKind, connectors.Side, string) {
	switch code {
	case "CARD":
		return connectors.CreditCard, connectors.Debt, "信用卡"
	case "LOAN":
		return connectors.Loan, connectors.Debt, "贷款"
	case "CACC", "TRAN", "SLRY", "CASH", "NREX", "":
		return connectors.Deposit, connectors.Asset, "活期账户"
	case "SVGS", "LLSV", "SACC", "ONDP", "MGLD", "CPAC":
		return connectors.Deposit, connectors.Asset, "储蓄账户"
	case "MOMA":
		return connectors.Fund, connectors.Asset, "货币市场账户"
	}
	return connectors.OtherAccount, connectors.Asset, "账户"
}
