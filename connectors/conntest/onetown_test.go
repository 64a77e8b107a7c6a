package conntest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"jali/connectors"
	"jali/connectors/berlingroup"
	"jali/connectors/mock"
	"jali/internal/dial"
)

// told is what one institution tells of one person in a month.
type told struct {
	source     string
	accounts   []connectors.Account
	bills      []connectors.Bill
	tails      []string // of the accounts that those stand under
	statements []connectors.Statement
}

// everything reads a person's last month at every institution of a town.
func everything(t *testing.T, town *mock.Town, p mock.Person) (all []told) {
	t.Helper()
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	town.XiheAgrees(often)
	sources := []interface {
		connectors.Connector
		connectors.Linker
		connectors.BillLister
	}{wallet(t, town, client), shop(t, town, client), lender(t, town, client), xihe(t, town, client, func(*berlingroup.Config) {}),
		dongling(t, town, client), zhaolu(t, town, client)}
	for _, b := range town.Banks() {
		sources = append(sources, bank(t, b, client))
	}
	ids := []string{mock.Alipay, mock.WeChatPay, mock.Qingshi, mock.XiheBank, mock.DonglingBank, mock.ZhaoluBank}
	for _, b := range town.Banks() {
		ids = append(ids, b.ID)
	}
	ctx := here()
	for i, c := range sources {
		if !town.Serves(ids[i], p.ID) {
			continue
		}
		l, err := c.Begin(ctx, "a-state-of-128-random-bits", "http://127.0.0.1/linked")
		if err != nil {
			t.Fatal(err)
		}
		k, err := c.Finish(ctx, l, login(p)(t, l.URL, true))
		if err != nil {
			t.Fatalf("%s: %v", ids[i], err)
		}
		one := told{source: ids[i]}
		if one.accounts, err = c.Accounts(ctx, k); err != nil {
			t.Fatal(err)
		}
		for _, a := range one.accounts {
			number := a.Number.RevealString()
			longest := c.Source().MaxWindow
			for from, end := now.AddDate(0, 0, -45), now; from.Before(end); {
				to := end
				if longest > 0 && to.Sub(from) > longest {
					to = from.Add(longest)
				}
				for next, more := connectors.Cursor(""), true; more; more = next != "" {
					page, err := c.Bills(ctx, k, a.Ref, from, to, next)
					if err != nil {
						t.Fatalf("%s: %v", ids[i], err)
					}
					for _, b := range page.Bills {
						one.bills, one.tails = append(one.bills, b), append(one.tails, number[max(0, len(number)-4):])
					}
					next = page.Next
				}
				from = to
			}
			if s, ok := c.(connectors.StatementLister); ok && a.Side == connectors.Debt {
				found, err := s.Statements(ctx, k, a.Ref, now.AddDate(0, -3, 0), now)
				if err != nil {
					t.Fatal(err)
				}
				one.statements = append(one.statements, found...)
			}
		}
		all = append(all, one)
	}
	return all
}

// TestTheTownIsOneTown: what happened stands in every book that it touches.
func TestTheTownIsOneTown(t *testing.T) {
	town := found(t)
	p := town.People()[0]
	all := everything(t, town, p)
	if len(all) < 7 {
		t.Fatalf("%s has something at %d institutions", p.Name, len(all))
	}
	kinds := map[connectors.Kind]int{}
	joined := map[connectors.Kind]int{} // across two institutions, by kind in the first
	for i, one := range all {
		if len(one.accounts) == 0 || len(one.bills) == 0 {
			t.Errorf("%s tells %d accounts and %d bills", one.source, len(one.accounts), len(one.bills))
		}
		for _, b := range one.bills {
			kinds[b.Kind]++
			twins := 0
			for j, other := range all {
				if i == j {
					continue
				}
				for _, twin := range other.bills {
					if slices.ContainsFunc(twin.Refs, func(ref string) bool { return slices.Contains(b.Refs, ref) }) && twin.Kind == b.Kind {
						twins++
						if twin.Amount != b.Amount {
							t.Errorf("a %s of %v at %s has another sum at %s", b.Kind, b.At, one.source, other.source)
						}
					}
				}
			}
			if twins > 0 {
				joined[b.Kind]++
			}
			if paid := one.source == mock.Alipay && strings.HasSuffix(b.Method, ")"); paid && twins == 0 {
				t.Errorf("a %s by %s of %v stands in Alipay alone", b.Kind, b.Method, b.At)
			}
		}
	}
	for _, k := range []connectors.Kind{connectors.Payment, connectors.Transfer, connectors.Repayment} {
		if joined[k] == 0 {
			t.Errorf("no %s stands in two books: %v", k, joined)
		}
	}
	for _, k := range []connectors.Kind{connectors.Income, connectors.Refund, connectors.Topup} {
		if kinds[k] == 0 {
			t.Errorf("no %s in a month: %v", k, kinds)
		}
	}
	if kinds[connectors.Other] > 0 {
		t.Errorf("%d bills have words that no dialect knows", kinds[connectors.Other])
	}
	due := 0
	for _, one := range all {
		for _, s := range one.statements {
			if one.source == mock.Qingshi && s.Due.Minor > 0 && !s.DueDate.IsZero() {
				due++
			}
		}
	}
	if due == 0 {
		t.Error("no statement of 花呗 falls due")
	}
}

// TestTwoTownsOfOneSeed: they tell the same, but for what is drawn anew.
func TestTwoTownsOfOneSeed(t *testing.T) {
	show := func() (lines []string) {
		town := found(t)
		for _, one := range everything(t, town, town.People()[0]) {
			for i, b := range one.bills {
				lines = append(lines, fmt.Sprint(one.source, one.tails[i], b.ID, b.At.UTC(), b.Amount, b.Direction, b.State, b.Kind, b.Counterparty, b.Description, b.Order, b.Refs))
			}
			for _, s := range one.statements {
				lines = append(lines, fmt.Sprint(one.source, s.Due, s.DueDate, s.Minimum))
			}
		}
		return lines
	}
	first, second := show(), show()
	if len(first) < 100 || !slices.Equal(first, second) {
		t.Errorf("%d lines and %d", len(first), len(second))
		for i := range min(len(first), len(second)) {
			if first[i] != second[i] {
				t.Fatalf("line %d:\n%s\n%s", i, first[i], second[i])
			}
		}
	}
}
