package conntest_test

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/internal/dial"
)

// TestTroublesOfTheTown: each institution fails in its own manner, and means
// the same by it.
func TestTroublesOfTheTown(t *testing.T) {
	town := found(t)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	ctx := context.Background()
	first := town.Banks()[0]
	for id, c := range map[string]interface {
		connectors.Connector
		connectors.Linker
	}{
		mock.Alipay: wallet(t, town, client), mock.WeChatPay: shop(t, town, client), first.ID: bank(t, first, client),
		mock.DonglingBank: dongling(t, town, client), mock.ZhaoluBank: zhaolu(t, town, client),
	} {
		p := town.People()[0]
		if id == first.ID {
			p = borrower(t, town, first)
		}
		begin := func() (connectors.Linking, url.Values) {
			l, err := c.Begin(ctx, "astateof128randombits", "http://127.0.0.1/linked")
			if err != nil {
				t.Fatal(err)
			}
			return l, login(p)(t, l.URL, true)
		}
		l, q := begin()
		k, err := c.Finish(ctx, l, q)
		if err != nil {
			t.Fatal(err)
		}
		accounts, err := c.Accounts(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		refs := []connectors.AccountRef{accounts[0].Ref}
		for _, tt := range []struct {
			why  string
			set  func(string, bool)
			want error
		}{
			{"down", town.SetDown, connectors.ErrDown},
			{"busy", town.SetBusy, connectors.ErrBusy},
			{"forged", town.BadSignature, connectors.ErrUnsigned},
		} {
			l, q := begin()
			tt.set(id, true)
			if tt.why == "forged" && id == first.ID {
				_, err = c.Finish(ctx, l, q) // a bank signs its ID tokens alone
			} else {
				_, err = c.Balances(ctx, k, refs)
			}
			tt.set(id, false)
			if !errors.Is(err, tt.want) {
				t.Errorf("%s is %s: %v, want %v", id, tt.why, err, tt.want)
			}
		}
		if _, err := c.Balances(ctx, k, refs); err != nil {
			t.Errorf("%s, well again: %v", id, err)
		}
	}
}
