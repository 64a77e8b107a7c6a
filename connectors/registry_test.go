package connectors_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
	"jali/internal/secret"
)

// pond is a source of one account, as small as a Connector can be.
type pond struct{ source connectors.Source }

func (p pond) Source() connectors.Source { return p.source }

func (p pond) Accounts(context.Context, connectors.Credential) ([]connectors.Account, error) {
	return []connectors.Account{{
		Ref:    connectors.AccountRef{ID: secret.Of("6222021234567890")},
		Number: secret.Of("6222021234567890"),
		Kind:   connectors.Deposit, Side: connectors.Asset, Name: "储蓄卡", Currency: "CNY",
	}}, nil
}

func (p pond) Balances(_ context.Context, _ connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	var out []connectors.Balance
	for _, ref := range refs {
		out = append(out, connectors.Balance{Account: ref, Kind: connectors.Available,
			Amount: money.Amount{Minor: 1050, Currency: "CNY"}})
	}
	return out, nil
}

func at(id string) pond {
	return pond{connectors.Source{ID: id, Name: connectors.Name{ZH: "江南银行", EN: "Jiangnan Bank"}, Kind: connectors.Bank}}
}

func TestRegister(t *testing.T) {
	var r connectors.Registry
	for _, tt := range []struct {
		c  connectors.Connector
		ok bool
	}{
		{at("wechatpay"), true},
		{at("alipay"), true},
		{at("jiangnan_bank"), true},
		{at("alipay"), false}, // taken
		{at(""), false},
		{at("Alipay"), false}, // ids stand in URLs and keys
		{at("a/b"), false},
		{nil, false},
	} {
		if err := r.Register(tt.c); (err == nil) != tt.ok {
			t.Errorf("Register(%v) = %v, want ok %v", tt.c, err, tt.ok)
		}
	}
	var ids []string
	for _, c := range r.All() {
		ids = append(ids, c.Source().ID)
	}
	if got := fmt.Sprint(ids); got != "[alipay jiangnan_bank wechatpay]" {
		t.Errorf("All = %v, want them sorted and each once", got)
	}
	if _, ok := r.Find("nowhere"); ok {
		t.Error("Find answers a source that nobody registered")
	}
	if c, ok := r.Find("wechatpay"); !ok || c.Source().ID != "wechatpay" {
		t.Errorf("Find(wechatpay) = %v, %v", c, ok)
	}
	r.All()[0] = nil
	if c, _ := r.Find("alipay"); c == nil {
		t.Error("a caller can change the registry through All")
	}
}

func TestRegistryBearsConcurrentUse(t *testing.T) {
	var r connectors.Registry
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			_ = r.Register(at(fmt.Sprintf("bank_%d", i%16))) // the second of each pair is refused
			_, _ = r.Find("bank_0")
			_ = r.All()
		})
	}
	wg.Wait()
	if got := len(r.All()); got != 16 {
		t.Errorf("%d sources, want 16", got)
	}
}

func TestAnswered(t *testing.T) {
	for status, want := range map[int]error{
		200: nil, 204: nil, 302: connectors.ErrMalformed, 400: connectors.ErrRefused, 401: connectors.ErrUnauthorized,
		403: connectors.ErrRefused, 408: connectors.ErrDown, 429: connectors.ErrBusy, 500: connectors.ErrDown, 503: connectors.ErrDown,
	} {
		if got := connectors.Answered(status, 0); !errors.Is(got, want) {
			t.Errorf("Answered(%d) = %v, want %v", status, got, want)
		}
	}
	if got := fault.Of(connectors.Answered(429, time.Minute)).RetryAfter; got != time.Minute {
		t.Errorf("Answered(429, a minute) says to wait %v", got)
	}
}

func ExampleRegistry() {
	var r connectors.Registry
	for _, id := range []string{"wechatpay", "alipay"} {
		if err := r.Register(at(id)); err != nil {
			fmt.Println(err)
		}
	}
	for _, c := range r.All() {
		fmt.Println(c.Source().ID)
	}
	// Output:
	// alipay
	// wechatpay
}

// A connector is asked for accounts first, then for what they hold. Abilities
// beyond that are found by asking whether the connector has them.
func ExampleConnector() {
	ctx := context.Background()
	var c connectors.Connector = at("jiangnan_bank")
	accounts, _ := c.Accounts(ctx, secret.Of("credential"))
	balances, _ := c.Balances(ctx, secret.Of("credential"), []connectors.AccountRef{accounts[0].Ref})
	fmt.Println(accounts[0].Name, accounts[0].Number, balances[0].Amount)

	_, bills := c.(connectors.BillLister)
	fmt.Println("tells bills:", bills)
	// Output:
	// 储蓄卡 [secret] 10.50 CNY
	// tells bills: false
}

// What a source failed with is told by kind, whatever its dialect.
func ExampleAnswered() {
	err := connectors.Answered(401, 0)
	fmt.Println(errors.Is(err, connectors.ErrUnauthorized))
	// Output:
	// true
}
