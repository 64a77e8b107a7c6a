package alipay

import (
	"context"
	"errors"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/wire"
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

// Balances asks alipay.data.bill.balance.query, or where the application is not
// admitted to that alipay.data.bill.balancehis.query for yesterday's close.
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
	now, err := c.held(ctx, k)
	if errors.Is(err, connectors.ErrRefused) {
		refused := err
		if now, err = c.closed(ctx, k); err != nil {
			return nil, refused
		}
	}
	if err != nil {
		return nil, err
	}
	for i := range now {
		now[i].Account = own
	}
	return now, nil
}

// held is what the account holds now.
func (c *Connector) held(ctx context.Context, k credential) ([]connectors.Balance, error) {
	var a struct {
		problem
		Total     string `json:"total_amount"`
		Available string `json:"available_amount"`
		Frozen    string `json:"freeze_amount"`
	}
	if err := c.ask(ctx, "alipay.data.bill.balance.query", k.Access, map[string]string{}, &a); err != nil {
		return nil, err
	}
	if a.Available == "" {
		return nil, connectors.ErrMalformed.Because(fault.Cause("no available_amount"))
	}
	now := c.now().Truncate(time.Second).In(wire.Beijing)
	var all []connectors.Balance
	for _, b := range []struct {
		kind connectors.BalanceKind
		text string
	}{{connectors.Available, a.Available}, {connectors.Current, a.Total}, {connectors.Frozen, a.Frozen}} {
		if b.text == "" {
			continue
		}
		one, err := balance(b.kind, b.text, now)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// closed is what the account held when yesterday ended in Beijing.
func (c *Connector) closed(ctx context.Context, k credential) ([]connectors.Balance, error) {
	var a struct {
		problem
		Ending string `json:"ending_balance"`
	}
	end := midnight(c.now())
	day := end.AddDate(0, 0, -1).Format(time.DateOnly)
	if err := c.ask(ctx, "alipay.data.bill.balancehis.query", k.Access, map[string]string{"biz_date": day}, &a); err != nil {
		return nil, err
	}
	one, err := balance(connectors.Booked, a.Ending, end)
	if err != nil {
		return nil, err
	}
	return []connectors.Balance{one}, nil
}

func balance(kind connectors.BalanceKind, yuan string, at time.Time) (connectors.Balance, error) {
	amount, err := money.Parse(yuan, cny)
	if err != nil || amount.Minor < 0 {
		return connectors.Balance{}, connectors.ErrMalformed.Because(fault.Cause("a balance is not a sum of yuan"))
	}
	return connectors.Balance{Kind: kind, Amount: amount, AsOf: at}, nil
}

// midnight is the last one of Beijing.
func midnight(at time.Time) time.Time {
	at = at.In(wire.Beijing)
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, wire.Beijing)
}
