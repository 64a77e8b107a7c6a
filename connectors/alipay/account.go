package alipay

import (
	"context"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
	"jali/internal/secret"
)

const cny = "CNY"

// Accounts answers the one account that a credential opens. It asks nobody:
// Alipay has no list of accounts.
func (c *Connector) Accounts(_ context.Context, v connectors.Credential) ([]connectors.Account, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	return []connectors.Account{{
		Ref:    connectors.AccountRef{ID: secret.Of(k.User)},
		Number: secret.Of(k.User),
		Kind:   connectors.WalletBalance, Side: connectors.Asset, Name: "余额", Currency: cny,
	}}, nil
}

// Balances asks alipay.data.bill.balance.query.
func (c *Connector) Balances(ctx context.Context, v connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	var own connectors.AccountRef
	for _, ref := range refs {
		if ref.ID.Equal(secret.Of(k.User)) {
			own = ref
		}
	}
	if own.ID.Empty() {
		return nil, nil
	}
	var a struct {
		Total     string `json:"total_amount"`
		Available string `json:"available_amount"`
		Frozen    string `json:"freeze_amount"`
	}
	err = c.call(ctx, "alipay.data.bill.balance.query", k.Access, map[string]string{"biz_content": "{}"}, &a)
	if err != nil {
		return nil, err
	}
	if a.Available == "" {
		return nil, connectors.ErrMalformed.Because(fault.Cause("no available_amount"))
	}
	now := c.now().Truncate(time.Second).In(beijing)
	var out []connectors.Balance
	for _, b := range []struct {
		kind connectors.BalanceKind
		text string
	}{{connectors.Available, a.Available}, {connectors.Current, a.Total}, {connectors.Frozen, a.Frozen}} {
		if b.text == "" {
			continue
		}
		amount, err := money.Parse(b.text, cny)
		if err != nil || amount.Minor < 0 {
			return nil, connectors.ErrMalformed.Because(fault.Cause("a balance is not a sum of yuan"))
		}
		out = append(out, connectors.Balance{Account: own, Kind: b.kind, Amount: amount, AsOf: now})
	}
	return out, nil
}
