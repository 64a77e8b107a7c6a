package openbanking

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/secret"
)

// obAccount is one OBAccount6.
type obAccount struct {
	AccountId       string           `json:"AccountId"`
	Status          string           `json:"Status"`
	Currency        string           `json:"Currency"`
	AccountTypeCode string           `json:"AccountTypeCode"` // v4: ISO 20022
	AccountSubType  string           `json:"AccountSubType"`  // v3.1
	Description     string           `json:"Description"`
	Account         []identification `json:"Account"`
}

type identification struct {
	SchemeName     string `json:"SchemeName"`
	Identification string `json:"Identification"`
}

// Accounts answers the accounts of the consent, less those that are deleted.
func (c *Connector) Accounts(ctx context.Context, v connectors.Credential) ([]connectors.Account, error) {
	k, err := c.opened(v)
	if err != nil {
		return nil, err
	}
	var all []connectors.Account
	seen := map[string]bool{}
	err = each(ctx, c, k, c.api.JoinPath("accounts"), func(p *accountPage) error {
		if p.Account == nil {
			return errNoList
		}
		for _, one := range p.Account {
			if one.AccountId == "" || seen[one.AccountId] {
				return fault.Cause("an account without an id of its own")
			}
			seen[one.AccountId] = true
			if one.Status != "Deleted" {
				all = append(all, c.version.account(one))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

type accountPage struct {
	Account []obAccount `json:"Account"`
}

func (v version) account(a obAccount) connectors.Account {
	kind, side, name := v.kindOfAccount(a)
	// A product name is kept only if it cannot hold a number.
	if d := strings.TrimSpace(a.Description); d != "" && !strings.ContainsAny(d, "0123456789０１２３４５６７８９*") {
		name = d
	}
	return connectors.Account{
		Ref: refOf(a.AccountId, kind, side), Number: secret.Of(a.number()),
		Kind: kind, Side: side, Name: name, Currency: a.Currency,
	}
}

// number is the identification that people know the account by: a card's
// before an account's.
func (a obAccount) number() string {
	best, rank := "", len(schemes)
	for _, id := range a.Account {
		scheme := id.SchemeName[strings.LastIndexByte(id.SchemeName, '.')+1:]
		at := slices.Index(schemes, scheme)
		if at < 0 {
			at = len(schemes) - 1
		}
		if id.Identification != "" && at < rank {
			best, rank = id.Identification, at
		}
	}
	return best
}

// schemes are the ends of OBExternalAccountIdentification4Code, best first.
var schemes = []string{"PAN", "IBAN", "BBAN", "SortCodeAccountNumber", "Wallet", "Paym", "any other"}

// kindOfAccount reads the member that the version has, and the other one where
// that is missing, as banks that move from one to the other answer.
func (v version) kindOfAccount(a obAccount) (connectors.AccountKind, connectors.Side, string) {
	first, second := a.AccountTypeCode, a.AccountSubType
	if v == v3 {
		first, second = second, first
	}
	word := cmp.Or(accountWords[first], accountWords[second])
	switch word {
	case "card":
		return connectors.CreditCard, connectors.Debt, "信用卡"
	case "loan":
		return connectors.Loan, connectors.Debt, "贷款"
	case "overdraft":
		return connectors.CreditLine, connectors.Debt, "透支账户"
	case "current":
		return connectors.Deposit, connectors.Asset, "活期账户"
	case "savings":
		return connectors.Deposit, connectors.Asset, "储蓄账户"
	case "fund":
		return connectors.Fund, connectors.Asset, "货币市场账户"
	case "wallet":
		if a.ecny() {
			return connectors.ECNY, connectors.Asset, "数字人民币钱包"
		}
		return connectors.WalletBalance, connectors.Asset, "电子货币"
	}
	return connectors.OtherAccount, connectors.Asset, "账户"
}

// accountWords are OBExternalCashAccountType1Code of v4 and
// OBExternalAccountSubType1Code of v3.1.
var accountWords = map[string]string{
	"CARD": "card", "CCRD": "card", "CreditCard": "card", "ChargeCard": "card",
	"LOAN": "loan", "MORT": "loan", "MGLD": "loan", "Loan": "loan", "Mortgage": "loan",
	"ODFT": "overdraft",
	"CACC": "current", "TRAN": "current", "SLRY": "current", "CASH": "current", "NREX": "current", "NFCA": "current", "VACC": "current", "CurrentAccount": "current",
	"SVGS": "savings", "LLSV": "savings", "ONDP": "savings", "Savings": "savings",
	"MOMA": "fund",
	"WALT": "wallet", "EMoney": "wallet", "PrePaidCard": "wallet",
}

// ecny reports whether a wallet is one of 数字人民币: the standard has no code
// for it, so its name or the bank's own scheme has to say so.
func (a obAccount) ecny() bool {
	if strings.Contains(a.Description, "数字人民币") || strings.Contains(strings.ToLower(a.Description), "e-cny") {
		return true
	}
	return slices.ContainsFunc(a.Account, func(id identification) bool { return strings.Contains(strings.ToUpper(id.SchemeName), "ECNY") })
}

// refOf keeps beside the bank's id whether the account is a debt, since on
// those the sign of what is owed turns, and whether it is a card's, of which the
// whole is due: balances and statements do not say it again.
func refOf(id string, kind connectors.AccountKind, side connectors.Side) connectors.AccountRef {
	prefix := string(side)
	if kind == connectors.CreditCard {
		prefix = "card"
	}
	return connectors.AccountRef{ID: secret.Of(prefix + ":" + id)}
}

// named is what a ref says.
type named struct {
	id         string
	debt, card bool
}

func readRef(ref connectors.AccountRef) (named, error) {
	prefix, id, ok := strings.Cut(ref.ID.RevealString(), ":")
	n := named{id: id, debt: prefix != string(connectors.Asset), card: prefix == "card"}
	if !ok || id == "" || (n.debt && !n.card && prefix != string(connectors.Debt)) {
		return named{}, connectors.ErrRefused.Because(fault.Cause("not an account of this dialect"))
	}
	return n, nil
}
