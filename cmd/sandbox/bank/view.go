package bank

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"

	"jali/openapi/client"
)

// open spends a use and answers the id of the view that it opened.
func open(ctx context.Context, c *client.Client, token string) (string, error) {
	var v view
	err := c.OpenView(ctx, token, rand.Text(), struct{}{}, &v)
	return v.ID, err
}

// read reads an open view with all its bills, which costs nothing.
func read(ctx context.Context, c *client.Client, token, id string) (*view, error) {
	var v view
	path := "/v1/views/" + url.PathEscape(id)
	if err := c.Read(ctx, token, path, &v); err != nil {
		return nil, err
	}
	for v.Bills.Next != "" {
		var page bills
		query := url.Values{"cursor": {v.Bills.Next}, "limit": {"500"}}
		if err := c.Read(ctx, token, path+"/bills?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		v.Bills.Items, v.Bills.Next = append(v.Bills.Items, page.Items...), page.Next
	}
	return &v, nil
}

// view is what /v1/views answers, as far as the app shows it.
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

	Statements []statement `json:"statements"`
}

type statement struct {
	Account string  `json:"account"`
	Due     amount  `json:"due"`
	Minimum *amount `json:"minimum"`
	Paid    *amount `json:"paid"`
	DueDate string  `json:"due_date"`
	Settled bool    `json:"settled"`
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

// symbols of the currencies that have one of their own.
var symbols = map[string]string{"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$"}

// String groups the digits: ¥1,234.50, JPY 1,200.
func (a amount) String() string {
	whole, fraction, cut := strings.Cut(a.Value, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "−", whole[1:]
	}
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if cut {
		whole += "." + fraction
	}
	if symbol := symbols[a.Currency]; symbol != "" {
		return sign + symbol + whole
	}
	return a.Currency + " " + sign + whole
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
	Time         string   `json:"time"`
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
