package bank

import (
	"context"
	"crypto/rand"
	"net/url"

	"jali/openapi/client"
)

// readAll spends a use and reads every bill that it opened.
func readAll(ctx context.Context, c *client.Client, token string) (*view, error) {
	var v view
	if err := c.OpenView(ctx, token, rand.Text(), struct{}{}, &v); err != nil {
		return nil, err
	}
	for v.Bills.Next != "" {
		var page bills
		query := url.Values{"cursor": {v.Bills.Next}, "limit": {"500"}}
		if err := c.Read(ctx, token, "/v1/views/"+url.PathEscape(v.ID)+"/bills?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		v.Bills.Items, v.Bills.Next = append(v.Bills.Items, page.Items...), page.Next
	}
	return &v, nil
}

// view is what POST /v1/views answers, as far as the app shows it.
type view struct {
	ID        string    `json:"id"`
	OpenedAt  string    `json:"opened_at"`
	ExpiresAt string    `json:"expires_at"`
	Complete  bool      `json:"complete"`
	UsesLeft  int       `json:"uses_left"`
	Sources   []source  `json:"sources"`
	Accounts  []account `json:"accounts"`
	Balances  []balance `json:"balances"`
	Totals    []total   `json:"totals"`
	Bills     bills     `json:"bills"`
}

type source struct {
	Source string `json:"source"`
	Status string `json:"status"`
	AsOf   string `json:"as_of"`
}

type account struct {
	Account string `json:"account"`
	Source  string `json:"source"`
	Kind    string `json:"kind"`
	Side    string `json:"side"`
	Name    string `json:"name"`
}

type amount struct {
	Value    string `json:"value"`
	Currency string `json:"currency"`
}

type balance struct {
	Account string `json:"account"`
	Kind    string `json:"kind"`
	Amount  amount `json:"amount"`
}

// total has the sums of the datatypes that were granted.
type total struct {
	Currency string  `json:"currency"`
	Assets   *amount `json:"assets"`
	Debts    *amount `json:"debts"`
	Net      *amount `json:"net"`
	In       *amount `json:"in"`
	Out      *amount `json:"out"`
}

type bills struct {
	Items []bill `json:"items"`
	Next  string `json:"next"`
}

type bill struct {
	ID           string   `json:"id"`
	Account      string   `json:"account"`
	Date         string   `json:"date"`
	Amount       amount   `json:"amount"`
	Direction    string   `json:"direction"`
	Flow         string   `json:"flow"`
	State        string   `json:"state"`
	Kind         string   `json:"kind"`
	Category     string   `json:"category"`
	Counterparty string   `json:"counterparty"`
	Counted      bool     `json:"counted"`
	Mirrors      []string `json:"mirrors"`
}
