package walk

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"jali/openapi/client"
)

// daily asks for balances and bills four times a day.
var daily = client.AccountView{
	Datatypes: []client.Datatype{"balances", "bills"}, Purpose: "bookkeeping", Uses: client.Uses{Limit: 4, Per: "day"},
}

// testOwnHands is a person with a recurring grant: they pause the client and
// let it go on, end the sessions they left open, and take their data along.
func (h *house) testOwnHands(t *testing.T) {
	person := h.People[3]
	c := h.client(t, 1)
	session := h.given(t, c, person.ID, daily)
	if session.Token().RefreshToken == "" {
		t.Error("a recurring grant has no refresh token")
	}
	var seen *client.View
	view := func(want string) {
		t.Helper()
		v, err := look(t, session, rand.Text())
		if got := outcome(err); got != want {
			t.Errorf("a view: %s, want %s", got, want)
		}
		if err == nil {
			seen = v
		}
	}
	view("ok")

	b := chromium(t)
	b.do("sign in", chromedp.Navigate(h.Issuer+"/signin"), chromedp.WaitReady(chromedp.CSS("#signin-who option")))
	b.do("as "+person.Name, chromedp.SetValue(chromedp.CSS("#signin-who"), eval[string](b,
		`[...document.querySelectorAll("#signin-who option")].find(o => o.textContent.includes("`+person.Name+`")).value`)))
	b.click("sign in", "#signin-software")
	b.see("home", "#balances")

	b.do("grants", chromedp.Navigate(h.Issuer+"/grants"))
	b.both("grants-living")
	b.click("pause", chromedp.CSS("#pause-"+c.ID))
	b.see("paused", chromedp.CSS("#resume-"+c.ID))
	view("403 grant_paused")
	b.click("let it go on", chromedp.CSS("#resume-"+c.ID))
	b.see("not paused", chromedp.CSS("#pause-"+c.ID))
	view("ok")

	b.click("to what stands behind an alias", "#to-alias")
	b.see("the question", "#alias-form")
	b.both("alias")
	alias := seen.Accounts[0]
	b.do("an alias as it is read out, by keyboard alone", chromedp.Focus(chromedp.CSS("#alias")), chromedp.KeyEvent(alias.Account[:9]+" "+alias.Account[9:]+"\r"))
	b.see("whose it is", "#alias-found")
	if said := b.text("#alias-found"); !strings.Contains(said, alias.Name) {
		t.Errorf("%s is %s, the page says %q", alias.Account, alias.Name, said)
	}
	b.look("alias-found-zh")
	b.do("one letter off", chromedp.Focus(chromedp.CSS("#alias")), chromedp.KeyEvent("x"+alias.Account+"\r"))
	b.see("that it is nobody's", "#alias-wrong")

	b.do("settings", chromedp.Navigate(h.Issuer+"/settings"))
	if n := eval[int](b, `document.querySelectorAll("[data-session]").length`); n < 2 {
		t.Errorf("%d sessions are listed, the sandbox has one of its own for this person", n)
	}
	b.click("end the others", "#end-others")
	b.miss("one session is left", "#end-others")

	var kept struct {
		Connections, Accounts, Grants []any
	}
	if err := json.Unmarshal([]byte(b.download("#export-json")), &kept); err != nil {
		t.Fatalf("the JSON export: %v", err)
	}
	if len(kept.Accounts) != len(person.Accounts) || len(kept.Grants) == 0 {
		t.Errorf("the JSON export has %d accounts and %d grants; the person has %d accounts", len(kept.Accounts), len(kept.Grants), len(person.Accounts))
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.download("#export-csv"), "\ufeff"))).ReadAll()
	if err != nil || len(rows) < 20 {
		t.Errorf("the CSV export has %d rows, %v", len(rows), err)
	}
}

// download posts the form of a button as a click would, and answers the file.
func (b *browser) download(button chromedp.CSS) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(async () => {
		const form = document.querySelector("`+string(button)+`").form
		const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) })
		return answer.ok ? answer.text() : "status " + answer.status
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatal(err)
	}
	return text
}
