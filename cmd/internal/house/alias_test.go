package house

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/vault"
)

// aliases answers how a client sees a person's accounts, by kind and source.
func (a *app) aliases(t *testing.T, access string) (seen []string) {
	t.Helper()
	got := a.open(access)
	accounts, _ := got.json["accounts"].([]any)
	for _, x := range accounts {
		seen = append(seen, x.(map[string]any)["account"].(string))
	}
	if got.status != http.StatusCreated || len(seen) != 3 {
		t.Fatalf("a view: %d, %d accounts", got.status, len(seen))
	}
	slices.Sort(seen)
	return seen
}

const spent = `[{"type":"account_view","actions":["view"],"datatypes":["balances"],"purpose":"balance_overview","uses":{"limit":1}}]`

// An alias lives as long as one grant does, and outlives those that are used up
// or run out.
func TestAnAliasEndsWithTheLastGrant(t *testing.T) {
	c := newCrowd(t, 2)
	p, bank, shop := c.people[0], c.apps[0], c.apps[2]
	turn := 0
	grant := func(a *app) (consent.GrantID, []string) {
		t.Helper()
		turn++
		c.now.Add(1)
		id, token := a.ask(t, p, turn)
		return id, a.aliases(t, token.text("access_token"))
	}
	revoke := func(ids ...consent.GrantID) {
		t.Helper()
		c.now.Add(1)
		for _, id := range ids {
			if _, err := c.Consent.Revoke(t.Context(), p.Session, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, ofShop := grant(shop)
	first, seen := grant(bank)
	second, again := grant(bank)
	if !slices.Equal(seen, again) {
		t.Errorf("two grants of one client: %q and %q", seen, again)
	}
	if both := slices.Concat(ofShop, seen); len(slices.Compact(slices.Sorted(slices.Values(both)))) != 6 {
		t.Errorf("two clients share an alias: %q", both)
	}
	revoke(first)
	third, again := grant(bank)
	if !slices.Equal(seen, again) {
		t.Errorf("one of two grants was revoked: %q, then %q", seen, again)
	}

	recurring := bank.terms
	bank.terms = spent
	fourth, again := grant(bank)
	if g, err := c.Consent.Load(t.Context(), bank.id, fourth); err != nil || g.State != consent.Exhausted || !slices.Equal(seen, again) {
		t.Errorf("of a grant that is used up: %v, %q, %v", g.State, again, err)
	}
	bank.terms = strings.Replace(recurring, `"uses"`, `"until":"`+c.clock().Add(time.Minute).UTC().Format(time.RFC3339)+`","uses"`, 1)
	fifth, _ := grant(bank)
	revoke(second, third)
	if _, err := c.behind(t, p, seen[0]); err != nil {
		t.Errorf("one grant lives: %v", err)
	}
	c.now.Add(120)
	if _, err := c.Consent.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g, err := c.Consent.Load(t.Context(), bank.id, fifth); err != nil || g.State != consent.Expired {
		t.Fatalf("it is %v, %v", g.State, err)
	}
	bank.terms = recurring
	sixth, again := grant(bank)
	if !slices.Equal(seen, again) {
		t.Errorf("the last grant ran out: %q, then %q", seen, again)
	}
	revoke(sixth)
	if _, err := c.behind(t, p, seen[0]); err != vault.ErrNoAlias {
		t.Errorf("all is revoked, but it stands for something: %v", err)
	}
	_, fresh := grant(bank)
	for _, a := range fresh {
		if slices.Contains(seen, a) {
			t.Errorf("all was revoked, and %s lives on", a)
		}
	}
	if got, err := c.behind(t, p, ofShop[0]); err != nil || got != string(shop.id) {
		t.Errorf("the other client's: of %q, %v", got, err)
	}
	if _, err := c.behind(t, c.people[1], fresh[0]); err != vault.ErrNoAlias {
		t.Errorf("asked by somebody else: %v", err)
	}
}

func (c *crowd) behind(t *testing.T, p somebody, alias string) (client string, err error) {
	t.Helper()
	b, err := c.Aggregate.Behind(t.Context(), p.Session, alias)
	if err == nil && b.Account.Name != "账户" {
		t.Errorf("it stands for %+v", b)
	}
	return string(b.Client), err
}

// A client that is removed takes its aliases along, those too whose grants were
// over before.
func TestARemovedClientsAliases(t *testing.T) {
	c := newCrowd(t, 2)
	bank, shop := c.apps[0], c.apps[2]
	bank.terms = spent
	_, token := bank.ask(t, c.people[0], 1)
	gone := bank.aliases(t, token.text("access_token"))
	_, token = shop.ask(t, c.people[0], 1)
	stays := shop.aliases(t, token.text("access_token"))
	if err := c.Consent.RemoveClient(t.Context(), bank.id); err != nil {
		t.Fatal(err)
	}
	if _, err := c.behind(t, c.people[0], gone[0]); err != vault.ErrNoAlias {
		t.Errorf("a removed client's alias: %v", err)
	}
	if _, err := c.behind(t, c.people[0], stays[0]); err != nil {
		t.Errorf("another client's alias: %v", err)
	}
}

// Another shape is for aliases to come: who has seen one goes on seeing it.
func TestANewShapeIsForNewAliases(t *testing.T) {
	c := newCrowd(t, 2)
	bank := c.apps[0]
	_, token := bank.ask(t, c.people[0], 1)
	before := bank.aliases(t, token.text("access_token"))
	if err := c.Consent.PutClient(t.Context(), bank.registration("iban", "")); err != nil {
		t.Fatal(err)
	}
	c.now.Add(1)
	_, token = bank.ask(t, c.people[0], 2)
	if after := bank.aliases(t, token.text("access_token")); !slices.Equal(before, after) || !strings.HasPrefix(after[0], "acct_") {
		t.Errorf("%q became %q", before, after)
	}
	_, token = bank.ask(t, c.people[1], 3)
	if other := bank.aliases(t, token.text("access_token")); !strings.HasPrefix(other[0], "XX") {
		t.Errorf("aliases made since: %q", other)
	}
}

// look is a person who asks their page what an alias stands for.
func (c *crowd) look(p somebody, alias string) *httptest.ResponseRecorder {
	form := url.Values{"csrf": {c.Passkeys.CSRF(p.Session)}, "alias": {alias}}
	r := httptest.NewRequest(http.MethodPost, issuer+"/alias", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", issuer)
	r.AddCookie(p.cookie)
	w := httptest.NewRecorder()
	c.Handler.ServeHTTP(w, r)
	return w
}
