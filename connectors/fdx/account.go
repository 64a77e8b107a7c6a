package fdx

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/secret"
)

// entity is one AccountWithDetails or its descriptor: the members themselves
// in version 6, or wrapped in one of these in version 5.
type entity struct {
	details
	Deposit    *details `json:"depositAccount"`
	Loan       *details `json:"loanAccount"`
	Loc        *details `json:"locAccount"`
	Investment *details `json:"investmentAccount"`
	Insurance  *details `json:"insuranceAccount"`
	Annuity    *details `json:"annuityAccount"`
	Commercial *details `json:"commercialAccount"`
}

type details struct {
	Category      string `json:"accountCategory"`
	ID            string `json:"accountId"`
	Type          string `json:"accountType"`
	Number        string `json:"accountNumber"`
	NumberDisplay string `json:"accountNumberDisplay"`
	DisplayName   string `json:"displayName"` // before 6.0
	Product       string `json:"productName"`
	Status        string `json:"status"`
	BalanceType   string `json:"balanceType"`
	Currency      struct {
		Code string `json:"currencyCode"`
	} `json:"currency"`
	Error *struct{} `json:"error"`

	AsOf      string      `json:"balanceAsOf"`
	Current   json.Number `json:"currentBalance"`
	Available json.Number `json:"availableBalance"`
	Value     json.Number `json:"currentValue"` // of investments
	Principal json.Number `json:"principalBalance"`
	PayOff    json.Number `json:"payOffAmount"`
	Line      json.Number `json:"creditLine"`
	Credit    json.Number `json:"availableCredit"`
	Ledger    json.Number `json:"currentLedgerBalance"` // of commercial accounts
	Spendable json.Number `json:"currentAvailableBalance"`

	due
	Bills []bills `json:"bills"`
}

// due is what of an account tells what is to be paid before 6.4.
type due struct {
	NextAmount  json.Number `json:"nextPaymentAmount"`
	NextDate    string      `json:"nextPaymentDate"`
	Minimum     json.Number `json:"minimumPaymentAmount"`
	LastBalance json.Number `json:"lastStmtBalance"`
	LastDate    string      `json:"lastStmtDate"`
}

const (
	deposit    = "DEPOSIT_ACCOUNT"
	wallet     = "DIGITAL_WALLET"
	commercial = "COMMERCIAL_ACCOUNT"
	investment = "INVESTMENT_ACCOUNT"
	insurance  = "INSURANCE_ACCOUNT"
	annuity    = "ANNUITY_ACCOUNT"
	loc        = "LOC_ACCOUNT"
	bnpl       = "BNPL_ACCOUNT"
	loan       = "LOAN_ACCOUNT"
)

// unwrapped is the account whatever the version, with its category.
func (e entity) unwrapped() (details, error) {
	d, wrapped := e.details, 0
	for _, w := range []struct {
		category string
		in       *details
	}{
		{deposit, e.Deposit}, {loan, e.Loan}, {loc, e.Loc}, {investment, e.Investment}, {insurance, e.Insurance},
		{annuity, e.Annuity}, {commercial, e.Commercial},
	} {
		if w.in != nil {
			d, wrapped = *w.in, wrapped+1
			d.Category = w.category
		}
	}
	switch {
	case wrapped > 1 || (wrapped == 1 && e.ID != ""):
		return d, fault.Cause("an account of several categories")
	case d.ID == "" || len(d.ID) > 256:
		return d, fault.Cause("an account without an accountId")
	case d.Category == "":
		return d, fault.Cause("an account without an accountCategory")
	}
	return d, nil
}

// Accounts answers the accounts of the consent, less those that are closed.
func (c *Connector) Accounts(ctx context.Context, v connectors.Credential) ([]connectors.Account, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	var all []connectors.Account
	seen := map[string]bool{}
	err = c.list(ctx, k.Access, url.Values{"resultType": {"lightweight"}}, func(d details) error {
		if seen[d.ID] {
			return fault.Cause("an account stands twice")
		}
		seen[d.ID] = true
		a, err := c.account(d)
		if err == nil && d.Status != "CLOSED" {
			all = append(all, a)
		}
		return err
	})
	return all, err
}

// list walks GET /accounts. An answer in parts (206) is as good as none: what
// is missing would be taken for closed.
func (c *Connector) list(ctx context.Context, token string, q url.Values, each func(details) error) error {
	q.Set("limit", strconv.Itoa(c.c.Source.PageSize))
	var t turn
	for {
		u := c.api.JoinPath("accounts")
		t.ask(q)
		u.RawQuery = q.Encode()
		var a struct {
			pages
			Accounts *[]entity `json:"accounts"`
		}
		status, err := c.call(ctx, http.MethodGet, u, token, nil, &a)
		switch {
		case nothing(err):
			return nil
		case err != nil:
			return err
		case status == http.StatusPartialContent:
			return connectors.ErrDown.Because(fault.Cause("the answer is in parts, HTTP status", status))
		case a.Accounts == nil:
			return connectors.ErrMalformed.Because(fault.Cause("no accounts"))
		}
		for _, e := range *a.Accounts {
			d, err := e.unwrapped()
			if err == nil {
				err = each(d)
			}
			if err != nil {
				return connectors.ErrMalformed.Because(err)
			}
		}
		next, more, err := a.after(t)
		if err != nil {
			return connectors.ErrMalformed.Because(err)
		}
		if !more {
			return nil
		}
		q.Del(t.By)
		t = next
	}
}

func (c *Connector) account(d details) (connectors.Account, error) {
	currency := cmp.Or(d.Currency.Code, c.c.Currency)
	if !threeLetters(currency) {
		return connectors.Account{}, fault.Cause("an account without a currency")
	}
	kind, side, name := d.kind()
	// A product name is kept only if it cannot hold a number.
	if p := strings.TrimSpace(d.Product); p != "" && !strings.ContainsAny(p, "0123456789０１２３４５６７８９*") {
		name = p
	}
	return connectors.Account{
		Ref: refOf(d.Category, currency, d.ID), Number: secret.Of(cmp.Or(d.Number, d.NumberDisplay, d.DisplayName)),
		Kind: kind, Side: side, Name: name, Currency: currency,
	}, nil
}

func (d details) kind() (connectors.AccountKind, connectors.Side, string) {
	switch d.Category {
	case loc:
		switch d.Type {
		case "CREDITCARD", "CHARGE":
			return connectors.CreditCard, connectors.Debt, "信用卡"
		}
		return connectors.CreditLine, connectors.Debt, "信用额度"
	case bnpl:
		return connectors.CreditLine, connectors.Debt, "先买后付"
	case loan:
		return connectors.Loan, connectors.Debt, "贷款"
	case deposit, commercial:
		switch d.Type {
		case "COMMERCIALLOAN":
			return connectors.Loan, connectors.Debt, "贷款"
		case "COMMERCIALLINEOFCREDIT":
			return connectors.CreditLine, connectors.Debt, "信用额度"
		case "SAVINGS", "CD", "MONEYMARKET", "HIGHINTERESTSAVINGSACCOUNT":
			return connectors.Deposit, connectors.Asset, "储蓄账户"
		}
		return connectors.Deposit, connectors.Asset, "活期账户"
	case wallet:
		return connectors.WalletBalance, connectors.Asset, "电子钱包"
	case investment:
		return connectors.Fund, connectors.Asset, "投资账户"
	}
	if d.BalanceType == "LIABILITY" {
		return connectors.OtherAccount, connectors.Debt, "账户"
	}
	return connectors.OtherAccount, connectors.Asset, "账户"
}

// ref is an account as its own institution knows it, with what its amounts
// need that they do not say themselves.
type ref struct{ category, currency, id string }

func refOf(category, currency, id string) connectors.AccountRef {
	return connectors.AccountRef{ID: secret.Of(category + ":" + currency + ":" + id)}
}

func readRef(a connectors.AccountRef) (ref, error) {
	parts := strings.SplitN(a.ID.RevealString(), ":", 3)
	if len(parts) != 3 || parts[0] == "" || !threeLetters(parts[1]) || parts[2] == "" {
		return ref{}, connectors.ErrRefused.Because(fault.Cause("not an account of this dialect"))
	}
	return ref{parts[0], parts[1], parts[2]}, nil
}

// Balances asks for the details of the accounts given and of no others.
func (c *Connector) Balances(ctx context.Context, v connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	asked := map[string]connectors.AccountRef{}
	var ids []string
	for _, one := range refs {
		r, err := readRef(one)
		if err != nil {
			return nil, err
		}
		asked[r.id] = one
		ids = append(ids, r.id)
	}
	var all []connectors.Balance
	for some := range slices.Chunk(ids, accountsAsked) {
		err := c.list(ctx, k.Access, url.Values{"resultType": {"details"}, "accountIds": {strings.Join(some, ",")}}, func(d details) error {
			one, ok := asked[d.ID]
			if !ok {
				return fault.Cause("an account that was not asked for")
			}
			delete(asked, d.ID) // told twice, it is one that was not asked for
			told, err := c.balances(d, one)
			all = append(all, told...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c *Connector) balances(d details, one connectors.AccountRef) ([]connectors.Balance, error) {
	r, err := readRef(one)
	switch {
	case err != nil:
		return nil, err
	case d.Category != r.category, d.Currency.Code != "" && d.Currency.Code != r.currency:
		return nil, fault.Cause("an account that is another now")
	case d.Error != nil:
		return nil, nil // the institution could not read it
	}
	at := c.c.Now()
	if d.AsOf != "" {
		if at, err = time.Parse(time.RFC3339, d.AsOf); err != nil {
			return nil, fault.Cause("balanceAsOf is not a time")
		}
	}
	type told struct {
		kind   connectors.BalanceKind
		amount json.Number
	}
	var list []told
	switch r.category {
	case loc, bnpl:
		list = []told{{connectors.Outstanding, cmp.Or(d.Current, d.Principal)}, {connectors.CreditLimit, d.Line}, {connectors.Available, d.Credit}}
	case loan:
		list = []told{{connectors.Outstanding, cmp.Or(d.PayOff, d.Principal, d.Current)}}
	case investment:
		list = []told{{connectors.Current, cmp.Or(d.Value, d.Current)}}
	case commercial:
		list = []told{{connectors.Booked, cmp.Or(d.Ledger, d.Current)}, {connectors.Available, cmp.Or(d.Spendable, d.Available)}}
	default:
		list = []told{{connectors.Booked, d.Current}, {connectors.Available, d.Available}}
	}
	var out []connectors.Balance
	for _, t := range list {
		if t.amount == "" {
			continue
		}
		amount, err := sum(t.amount, r.currency)
		if err != nil {
			return nil, err
		}
		out = append(out, connectors.Balance{Account: one, Kind: t.kind, Amount: amount, AsOf: at})
	}
	if r.category != insurance && r.category != annuity && (len(out) == 0 || out[0].Kind != list[0].kind) {
		return nil, fault.Cause("details of an account without its balance")
	}
	return out, nil
}
