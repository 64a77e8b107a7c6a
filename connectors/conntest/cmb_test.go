package conntest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/cmb"
	"jali/connectors/conntest"
	"jali/connectors/mock"
	"jali/internal/dial"
	"jali/internal/secret"
)

func TestCMB(t *testing.T) {
	town := found(t)
	conntest.Run(t, conntest.Setup{
		Connect: func(t *testing.T, client *http.Client) connectors.Connector { return zhaolu(t, town, client) },
		Login:   login(town.People()[0]), Dead: altered(map[string]any{"client": "1000000001"}),
		Now: now, From: now.AddDate(0, 0, -180), To: now, Signed: true, Secrets: town.Canaries,
		Ail: func(x mock.Trouble) { town.Ail(mock.ZhaoluBank, x) },
	})
}

func zhaolu(t *testing.T, town *mock.Town, client *http.Client) *cmb.Connector {
	t.Helper()
	a := town.Zhaolu()
	c, err := cmb.New(cmb.Config{API: a.APIURL, Authorize: a.AuthorizeURL, Token: a.TokenURL, UID: a.UID, Key: secret.Of(a.Key),
		SM4Key: secret.Of(a.SM4Key), BankKey: a.BankKey, HTTP: client, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestChangesOfCMB: what happened since a mark is told once, page by page, and is
// what a listing of those days tells.
func TestChangesOfCMB(t *testing.T) {
	town := found(t)
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	ctx := context.Background()
	at := now
	a := town.Zhaolu()
	c, err := cmb.New(cmb.Config{API: a.APIURL, Authorize: a.AuthorizeURL, Token: a.TokenURL, UID: a.UID, Key: secret.Of(a.Key),
		SM4Key: secret.Of(a.SM4Key), BankKey: a.BankKey, HTTP: client, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.Begin(ctx, "a-state-of-128-random-bits", "http://127.0.0.1/linked")
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.Finish(ctx, l, login(town.People()[0])(t, l.URL, true))
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := c.Accounts(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	changes := func(since connectors.Mark) (ids []string, mark connectors.Mark) {
		for next, more := connectors.Cursor(""), true; more; more = next != "" {
			page, err := c.Changes(ctx, k, accounts[0].Ref, since, next)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range page.Bills {
				ids = append(ids, b.ID)
			}
			next, mark = page.Next, page.Mark
		}
		return ids, mark
	}
	ids, mark := changes("")
	if len(ids) != 0 || mark == "" {
		t.Fatalf("without a mark: %d bills, mark %q", len(ids), mark)
	}
	if ids, mark = changes(mark); len(ids) != 0 {
		t.Errorf("nothing has happened, and %d bills are told", len(ids))
	}
	town.Move(300 * 24 * time.Hour)
	at = now.Add(300 * 24 * time.Hour)
	ids, mark = changes(mark)
	listed := 0
	for next, more := connectors.Cursor(""), true; more; more = next != "" {
		page, err := c.Bills(ctx, k, accounts[0].Ref, now, at, next)
		if err != nil {
			t.Fatal(err)
		}
		listed, next = listed+len(page.Bills), page.Next
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			t.Error("a bill is told twice")
		}
		seen[id] = true
	}
	if len(ids) < 6 || len(ids) != listed {
		t.Errorf("%d changes, %d bills listed", len(ids), listed)
	}
	if ids, _ = changes(mark); len(ids) != 0 {
		t.Errorf("told again: %d", len(ids))
	}
}
