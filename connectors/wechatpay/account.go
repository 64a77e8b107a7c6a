package wechatpay

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
	"jali/internal/secret"
)

const cny = "CNY"

// Accounts answers the one account that a credential opens. It asks nobody:
// WeChat Pay has no list of a merchant's accounts.
func (c *Connector) Accounts(_ context.Context, v connectors.Credential) ([]connectors.Account, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	return []connectors.Account{{
		Ref:    connectors.AccountRef{ID: secret.Of(k.Merchant)},
		Number: secret.Of(k.Merchant),
		Kind:   connectors.Settlement, Side: connectors.Asset, Name: "经营账户", Currency: cny,
	}}, nil
}

// fen is a whole number of fen, not below zero.
type fen int64

// UnmarshalJSON takes plain digits alone: no sign, point or exponent.
func (f *fen) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseUint(string(b), 10, 63)
	if err != nil {
		return fault.Cause("not a number of fen")
	}
	*f = fen(n)
	return nil
}

// Balances asks /v3/ecommerce/fund/balance/{sub_mchid}.
func (c *Connector) Balances(ctx context.Context, v connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	var own connectors.AccountRef
	for _, ref := range refs {
		if ref.ID.Equal(secret.Of(k.Merchant)) {
			own = ref
		}
	}
	if own.ID.Empty() {
		return nil, nil
	}
	var a struct {
		Merchant  string `json:"sub_mchid"`
		Available *fen   `json:"available_amount"`
		Pending   *fen   `json:"pending_amount"`
	}
	if err := c.ask(ctx, "v3/ecommerce/fund/balance/"+k.Merchant, url.Values{"account_type": {"BASIC"}}, &a); err != nil {
		return nil, err
	}
	if a.Merchant != k.Merchant || a.Available == nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("no available_amount, or another merchant's"))
	}
	now := c.now().Truncate(time.Second).In(beijing)
	out := []connectors.Balance{{Account: own, Kind: connectors.Available, AsOf: now,
		Amount: money.Amount{Minor: int64(*a.Available), Currency: cny}}}
	if a.Pending != nil {
		out = append(out, connectors.Balance{Account: own, Kind: connectors.Frozen, AsOf: now,
			Amount: money.Amount{Minor: int64(*a.Pending), Currency: cny}})
	}
	return out, nil
}
