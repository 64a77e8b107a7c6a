package wechatpay

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/wire"
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
	held, err := c.held(ctx, "balance", k.Merchant, url.Values{"account_type": {"BASIC"}})
	if err != nil {
		return nil, err
	}
	now := c.now().Truncate(time.Second).In(wire.Beijing)
	out := []connectors.Balance{{Account: own, Kind: connectors.Available, AsOf: now,
		Amount: money.Amount{Minor: int64(*held.Available), Currency: cny}}}
	if held.Pending != nil {
		out = append(out, connectors.Balance{Account: own, Kind: connectors.Frozen, AsOf: now,
			Amount: money.Amount{Minor: int64(*held.Pending), Currency: cny}})
	}
	return out, nil
}

// funds are what an account holds, in fen.
type funds struct {
	Merchant  string `json:"sub_mchid"`
	Available *fen   `json:"available_amount"`
	Pending   *fen   `json:"pending_amount"`
}

// held asks for the balance of now or, as enddaybalance, of a day's end.
func (c *Connector) held(ctx context.Context, when, merchant string, query url.Values) (a funds, err error) {
	if err := c.ask(ctx, "v3/ecommerce/fund/"+when+"/"+merchant, query, &a); err != nil {
		return a, err
	}
	if a.Merchant != merchant || a.Available == nil {
		return a, connectors.ErrMalformed.Because(fault.Cause("no available_amount, or another merchant's"))
	}
	return a, nil
}

// vouch asks what the merchant held when the day ended, which must be what the
// book ends with: a fund-flow bill does not say whose it is, and one without an
// order of the merchant's own trade bill could be anybody's.
func (c *Connector) vouch(ctx context.Context, merchant string, d time.Time, f flow) error {
	held, err := c.held(ctx, "enddaybalance", merchant, url.Values{"date": {d.Format(time.DateOnly)}, "account_type": {"BASIC"}})
	if err != nil {
		return err
	}
	available, all := int64(*held.Available), int64(*held.Available)
	if held.Pending != nil {
		all += int64(*held.Pending)
	}
	if f.after.Minor != available && f.after.Minor != all {
		return connectors.ErrMalformed.Because(fault.Cause("a book that does not end with what the merchant held"))
	}
	return nil
}
