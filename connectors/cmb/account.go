package cmb

import (
	"context"
	"slices"
	"strings"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/wire"
	"jali/internal/fault"
	"jali/internal/secret"
)

// currencies is 币种, as far as it could be read.
var currencies = map[string]string{"10": "CNY"}

// kinds are the names of cardType. What the holder is called is not shown.
var kinds = map[string]string{
	"LI": "活期账户", "CD": "通知存款", "TD": "定期存款", "DT": "保证金", "SD": "结构性存款", "LAD": "大额存单",
}

// totalAccounts is the body of an answer of TotalAccountDirect.
type totalAccounts struct {
	Accounts []totalAccount `json:"TotalAccountDirectRsp"`
}

type totalAccount struct {
	Card     string `json:"cardNbr"`
	Kind     string `json:"cardType"`
	Currency string `json:"currencyNbr"`
	Status   string `json:"status"` // A, B; C is closed
}

// customer asks for the accounts of a customer number. One that has none does
// not stand.
func (c *Connector) customer(ctx context.Context, k credential) ([]totalAccount, error) {
	type asked struct {
		Client   string `json:"clientNbr"`
		Card     string `json:"cardNbr"`
		Type     string `json:"queryType"`
		Currency string `json:"currency"`
	}
	body := struct {
		Asked []asked `json:"TotalAccountDirectReq"`
	}{[]asked{{Client: k.Client, Type: "C"}}}
	var answer totalAccounts
	if err := c.call(ctx, "TotalAccountDirect", body, &answer); err != nil {
		return nil, err
	}
	switch {
	case answer.Accounts == nil:
		return nil, connectors.ErrMalformed.Because(fault.Cause("no list of accounts"))
	case len(answer.Accounts) == 0:
		return nil, connectors.ErrUnauthorized.Because(fault.Cause("the customer number opens nothing"))
	}
	return answer.Accounts, nil
}

// Accounts answers the accounts of the customer that are open.
func (c *Connector) Accounts(ctx context.Context, v connectors.Credential) ([]connectors.Account, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	told, err := c.customer(ctx, k)
	if err != nil {
		return nil, err
	}
	return list(k, told)
}

func list(k credential, told []totalAccount) ([]connectors.Account, error) {
	var all []connectors.Account
	seen := map[string]bool{}
	for _, a := range told {
		card := strings.TrimSpace(a.Card)
		if !wire.Code(card, 35) || seen[card] {
			return nil, connectors.ErrMalformed.Because(fault.Cause("an account without a number of its own"))
		}
		seen[card] = true
		if strings.TrimSpace(a.Status) == "C" {
			continue
		}
		one := connectors.Account{Ref: connectors.AccountRef{ID: secret.Of(k.Client + ":" + card)}, Number: secret.Of(card),
			Kind: connectors.Deposit, Side: connectors.Asset, Name: kinds[strings.TrimSpace(a.Kind)], Currency: currencies[strings.TrimSpace(a.Currency)]}
		if one.Name == "" {
			one.Kind, one.Name = connectors.OtherAccount, "其他账户"
		}
		all = append(all, one)
	}
	return all, nil
}

// card answers the number of an account of this customer.
func (k credential) card(ref connectors.AccountRef) (string, error) {
	client, card, _ := strings.Cut(ref.ID.RevealString(), ":")
	switch {
	case !wire.Code(client, 10) || !wire.Code(card, 35):
		return "", connectors.ErrRefused.Because(fault.Cause("not an account of this dialect"))
	case client != k.Client:
		return "", connectors.ErrUnauthorized.Because(fault.Cause("an account of another customer"))
	}
	return card, nil
}

// batch is how many accounts NTQADINF takes.
const batch = 30

// details is the body of an answer of NTQADINF.
type details struct {
	Rows []detail `json:"ntqadinfz"`
}

type detail struct {
	Number    string `json:"accnbr"`
	Currency  string `json:"ccynbr"`
	Online    string `json:"onlblv"` // 联机余额
	Available string `json:"avlblv"` // 可用余额
	Held      string `json:"hldblv"` // 冻结余额
	Code      string `json:"errcod"`
}

// Balances asks for 30 accounts at a time. An account that the bank has an
// error about is left out, unless it has one about each.
func (c *Connector) Balances(ctx context.Context, v connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	type asked struct {
		Number string `json:"accnbr"`
	}
	var all []connectors.Balance
	told := false
	for some := range slices.Chunk(refs, batch) {
		by := map[string]connectors.AccountRef{}
		var body struct {
			Asked []asked `json:"ntqadinfx"`
		}
		for _, ref := range some {
			card, err := k.card(ref)
			if err != nil {
				return nil, err
			}
			by[card] = ref
			body.Asked = append(body.Asked, asked{card})
		}
		var answer details
		if err := c.call(ctx, "NTQADINF", body, &answer); err != nil {
			return nil, err
		}
		balances, any, err := answer.balances(by)
		if err != nil {
			return nil, connectors.ErrMalformed.Because(err)
		}
		now := c.now()
		for i := range balances {
			balances[i].AsOf = now
		}
		all, told = append(all, balances...), told || any
	}
	if len(refs) > 0 && !told {
		if _, err := c.customer(ctx, k); err != nil {
			return nil, err
		}
		return nil, connectors.ErrRefused.Because(fault.Cause("the bank has an error about each account"))
	}
	return all, nil
}

// balances reads the rows of those accounts that were asked for, and whether
// there was one without an error.
func (d details) balances(by map[string]connectors.AccountRef) (all []connectors.Balance, told bool, err error) {
	if d.Rows == nil {
		return nil, false, fault.Cause("no list of balances")
	}
	seen := map[string]bool{}
	for _, row := range d.Rows {
		card := strings.TrimSpace(row.Number)
		ref, known := by[card]
		if !known || seen[card] {
			return nil, false, fault.Cause("a balance that was not asked for")
		}
		seen[card] = true
		if code := strings.TrimSpace(row.Code); code != success {
			if code == "" {
				return nil, false, fault.Cause("a balance without an errcod")
			}
			continue
		}
		told = true
		currency := currencies[strings.TrimSpace(row.Currency)]
		if currency == "" {
			continue
		}
		for _, part := range []struct {
			kind connectors.BalanceKind
			text string
		}{{connectors.Booked, row.Online}, {connectors.Available, row.Available}, {connectors.Frozen, row.Held}} {
			if part.kind == connectors.Frozen && strings.TrimSpace(part.text) == "" {
				continue
			}
			sum, err := money.Parse(strings.TrimSpace(part.text), currency)
			if err != nil {
				return nil, false, fault.Cause("a balance that is none")
			}
			if part.kind != connectors.Frozen || sum.Minor != 0 {
				all = append(all, connectors.Balance{Account: ref, Kind: part.kind, Amount: sum})
			}
		}
	}
	return all, told, nil
}
