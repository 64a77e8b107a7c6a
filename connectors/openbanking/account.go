package openbanking

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
	"jali/internal/secret"
)

// maxPages is how many pages of one listing are believed in.
const maxPages = 500

type links struct {
	Next string `json:"Next"`
}

// obAccount is one OBAccount6.
type obAccount struct {
	AccountId       string `json:"AccountId"`
	Status          string `json:"Status"`
	Currency        string `json:"Currency"`
	AccountTypeCode string `json:"AccountTypeCode"` // v4: ISO 20022
	AccountSubType  string `json:"AccountSubType"`  // v3.1
	Description     string `json:"Description"`
	Account         []struct {
		SchemeName     string `json:"SchemeName"`
		Identification string `json:"Identification"`
	} `json:"Account"`
}

// Accounts answers the accounts of the consent, less those that are deleted.
func (c *Connector) Accounts(ctx context.Context, v connectors.Credential) ([]connectors.Account, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	var all []connectors.Account
	seen := map[string]bool{}
	u := c.api.JoinPath("accounts")
	for range maxPages {
		var a struct {
			Data *struct {
				Account []obAccount `json:"Account"`
			} `json:"Data"`
			Links links `json:"Links"`
		}
		if err := c.call(ctx, http.MethodGet, u, k.Access, nil, &a); err != nil {
			return nil, err
		}
		if a.Data == nil || a.Data.Account == nil {
			return nil, connectors.ErrMalformed.Because(fault.Cause("no Data with a list"))
		}
		for _, one := range a.Data.Account {
			if one.AccountId == "" || seen[one.AccountId] {
				return nil, connectors.ErrMalformed.Because(fault.Cause("an account without an id of its own"))
			}
			seen[one.AccountId] = true
			if one.Status != "Deleted" {
				all = append(all, one.account())
			}
		}
		if a.Links.Next == "" {
			return all, nil
		}
		if u, err = c.within(a.Links.Next); err != nil {
			return nil, connectors.ErrMalformed.Because(err)
		}
	}
	return nil, connectors.ErrMalformed.Because(fault.Cause("pages without an end"))
}

func (a obAccount) account() connectors.Account {
	kind, side, name := kindOfAccount(a.AccountTypeCode, a.AccountSubType)
	// A product name is kept only if it cannot hold a number.
	if d := strings.TrimSpace(a.Description); d != "" && !strings.ContainsAny(d, "0123456789０１２３４５６７８９*") {
		name = d
	}
	return connectors.Account{
		Ref: refOf(a.AccountId, side), Number: secret.Of(a.number()),
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
var schemes = []string{"PAN", "IBAN", "BBAN", "SortCodeAccountNumber", "Paym", "any other"}

func kindOfAccount(code, subType string) (connectors.AccountKind, connectors.Side, string) {
	switch code {
	case "CARD", "CCRD":
		return connectors.CreditCard, connectors.Debt, "信用卡"
	case "LOAN":
		return connectors.Loan, connectors.Debt, "贷款"
	case "CACC", "TRAN", "SLRY", "CASH", "NREX":
		return connectors.Deposit, connectors.Asset, "活期账户"
	case "SVGS", "LLSV", "SACC", "ONDP", "MGLD", "CPAC":
		return connectors.Deposit, connectors.Asset, "储蓄账户"
	case "MOMA":
		return connectors.Fund, connectors.Asset, "货币市场账户"
	}
	switch subType {
	case "CreditCard", "ChargeCard":
		return connectors.CreditCard, connectors.Debt, "信用卡"
	case "Loan", "Mortgage":
		return connectors.Loan, connectors.Debt, "贷款"
	case "CurrentAccount":
		return connectors.Deposit, connectors.Asset, "活期账户"
	case "Savings":
		return connectors.Deposit, connectors.Asset, "储蓄账户"
	case "EMoney", "PrePaidCard":
		return connectors.WalletBalance, connectors.Asset, "电子货币"
	}
	return connectors.OtherAccount, connectors.Asset, "账户"
}

// obBalance is one OBCashBalance1. Amounts have no sign: the indicator has it.
type obBalance struct {
	AccountId  string   `json:"AccountId"`
	Amount     obAmount `json:"Amount"`
	Indicator  string   `json:"CreditDebitIndicator"`
	Type       string   `json:"Type"`
	DateTime   string   `json:"DateTime"`
	CreditLine []struct {
		Type   string    `json:"Type"`
		Amount *obAmount `json:"Amount"`
	} `json:"CreditLine"`
}

type obAmount struct {
	Amount   string `json:"Amount"`
	Currency string `json:"Currency"`
}

func (a obAmount) parse() (money.Amount, error) {
	m, err := money.Parse(a.Amount, a.Currency)
	if err != nil || m.Minor < 0 || strings.HasPrefix(a.Amount, "+") || strings.HasPrefix(a.Amount, "-") {
		return money.Amount{}, fault.Cause("an Amount is not an unsigned decimal of a currency")
	}
	return m, nil
}

// Balances asks for each account's balances, several accounts at once.
func (c *Connector) Balances(ctx context.Context, v connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	told := make([][]connectors.Balance, len(refs))
	refused := make([]error, len(refs))
	places := make(chan struct{}, c.source.Concurrent)
	var wg sync.WaitGroup
	for i, ref := range refs {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if ctx.Err() != nil {
				return
			}
			var err error
			defer func() {
				switch {
				case errors.Is(err, connectors.ErrRefused):
					refused[i] = err // an account that was closed keeps its own from nobody
				case err != nil:
					cancel(err) // the first one stays
				}
			}()
			defer fault.Caught(&err)
			told[i], err = c.balances(ctx, k.Access, ref)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		err := context.Cause(ctx)
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			err = connectors.ErrDown.Because(err)
		}
		return nil, err
	}
	if !slices.Contains(refused, nil) {
		return nil, refused[0]
	}
	return slices.Concat(told...), nil
}

// refOf keeps beside the bank's id whether the account is a debt, since on
// those the sign of what is owed turns: a balance does not say it again.
func refOf(id string, side connectors.Side) connectors.AccountRef {
	return connectors.AccountRef{ID: secret.Of(string(side) + ":" + id)}
}

func readRef(ref connectors.AccountRef) (id string, debt bool, err error) {
	side, id, ok := strings.Cut(ref.ID.RevealString(), ":")
	if !ok || id == "" || (side != string(connectors.Asset) && side != string(connectors.Debt)) {
		return "", false, connectors.ErrRefused.Because(fault.Cause("not an account of this dialect"))
	}
	return id, side == string(connectors.Debt), nil
}

func (c *Connector) balances(ctx context.Context, token string, ref connectors.AccountRef) ([]connectors.Balance, error) {
	id, _, err := readRef(ref)
	if err != nil {
		return nil, err
	}
	var a struct {
		Data *struct {
			Balance []obBalance `json:"Balance"`
		} `json:"Data"`
	}
	if err := c.call(ctx, http.MethodGet, c.api.JoinPath("accounts", url.PathEscape(id), "balances"), token, nil, &a); err != nil {
		return nil, err
	}
	if a.Data == nil || a.Data.Balance == nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("no Data with a list"))
	}
	out, err := readBalances(a.Data.Balance, ref)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	return out, nil
}

// readBalances keeps the best of the types that mean the same, per currency.
func readBalances(list []obBalance, ref connectors.AccountRef) ([]connectors.Balance, error) {
	id, debt, err := readRef(ref)
	if err != nil {
		return nil, err
	}
	type slot struct {
		kind     connectors.BalanceKind
		currency string
	}
	best := map[slot]int{}
	var out []connectors.Balance
	put := func(b connectors.Balance, rank int) {
		s := slot{b.Kind, b.Amount.Currency}
		old, there := best[s]
		switch {
		case there && rank >= old:
			return
		case there:
			out = slices.DeleteFunc(out, func(o connectors.Balance) bool { return slot{o.Kind, o.Amount.Currency} == s })
		}
		best[s] = rank
		out = append(out, b)
	}
	for _, b := range list {
		if b.AccountId != id {
			return nil, fault.Cause("a balance of another account")
		}
		amount, err := b.Amount.parse()
		if err != nil {
			return nil, err
		}
		at, err := time.Parse(time.RFC3339, b.DateTime)
		if err != nil {
			return nil, fault.Cause("DateTime is not a time")
		}
		switch b.Indicator {
		case "Credit", "CRDT":
		case "Debit", "DBIT":
			amount = amount.Neg()
		default:
			return nil, fault.Cause("CreditDebitIndicator is neither Credit nor Debit")
		}
		kind, rank := kindOfBalance(b.Type)
		if debt && kind != connectors.Available {
			// A debit is owed; a credit is the bank's debt to the person.
			amount = amount.Neg()
			if kind == connectors.Booked {
				kind = connectors.Outstanding
			}
		}
		if kind != "" {
			put(connectors.Balance{Account: ref, Kind: kind, Amount: amount, AsOf: at}, rank)
		}
		for _, line := range b.CreditLine {
			if line.Amount == nil || (line.Type != "Credit" && line.Type != "CRDT" && line.Type != "Pre-Agreed" && line.Type != "PREA") {
				continue
			}
			limit, err := line.Amount.parse()
			if err != nil {
				return nil, err
			}
			put(connectors.Balance{Account: ref, Kind: connectors.CreditLimit, Amount: limit, AsOf: at}, 0)
		}
	}
	return out, nil
}

// kindOfBalance reads OBExternalBalanceType1Code of v4 (ISO 20022) and v3.1;
// rank prefers the one that is nearest to now. What looks ahead or back is
// left out.
func kindOfBalance(code string) (kind connectors.BalanceKind, rank int) {
	switch code {
	case "ITAV", "InterimAvailable":
		return connectors.Available, 0
	case "CLAV", "ClosingAvailable":
		return connectors.Available, 1
	case "OPAV", "OpeningAvailable":
		return connectors.Available, 2
	case "ITBD", "InterimBooked":
		return connectors.Booked, 0
	case "CLBD", "ClosingBooked":
		return connectors.Booked, 1
	case "ITCL", "InterimCleared":
		return connectors.Booked, 2
	case "OPBD", "OpeningBooked":
		return connectors.Booked, 3
	case "PRCD", "PreviouslyClosedBooked":
		return connectors.Booked, 4
	case "XPCD", "Expected":
		return connectors.Current, 0
	}
	return "", 0
}
