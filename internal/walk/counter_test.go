package walk

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"jali/openapi/client"
)

// testCounter is a person at a bank's counter: they read out a code, find the
// teller's request on their own phone, agree to it there, keep the receipt,
// and stop everything again. Nothing of it returns to the bank by the browser.
func (h *house) testCounter(t *testing.T) {
	b, person, bank := chromium(t), h.People[len(h.People)-1], h.client(t, 0)
	b.do("sign in", chromedp.Navigate(h.Issuer+"/signin"), chromedp.WaitReady(chromedp.CSS("#signin-who option")))
	b.do("as "+person.Name, chromedp.SetValue(chromedp.CSS("#signin-who"), eval[string](b,
		`[...document.querySelectorAll("#signin-who option")].find(o => o.textContent.includes("`+person.Name+`")).value`)))
	b.click("sign in", "#signin-software")
	b.see("home", "#balances")

	b.do("a code", chromedp.Navigate(h.Issuer+"/introduce"))
	b.click("make one", "#introduce-go")
	b.see("the code", "#introduction")
	b.both("introduce")
	code := strings.ReplaceAll(eval[string](b, `document.querySelector("#introduction .unseen").textContent`), " ", "")
	b.do("nothing waits", chromedp.Navigate(h.Issuer+"/requests"))
	const binding = "海棠 42"
	asked, err := bank.Ask(t.Context(), code, binding, client.AccountView{
		Datatypes: []client.Datatype{"balances"}, Purpose: "balance_overview",
		Uses: client.Uses{Limit: 2, Per: "day"}, Until: time.Now().AddDate(0, 0, 5),
	}, func(p url.Values) { p.Set("requested_expiry", "900") })
	if err != nil {
		t.Fatal(err)
	}
	b.see("the request, without loading the page by hand", ".request a.do")
	b.both("requests")
	b.click("open it", ".request a.do")
	b.see("what the teller's screen says", "#binding")
	if got := b.text("#binding"); !strings.Contains(got, binding) {
		t.Errorf("the page says %q, the counter %q", got, binding)
	}
	b.click("an account", "[name=account]")
	b.click("agree", "#agree")
	b.see("the same words", "#binding", "#agreed")
	b.both("counter-confirm")
	b.do("with whose passkey", chromedp.WaitReady(chromedp.CSS("#give-who option")), chromedp.SetValue(chromedp.CSS("#give-who"), eval[string](b,
		`[...document.querySelectorAll("#give-who option")].find(o => o.textContent.includes("`+person.Name+`")).value`)))
	b.click("sign it", "#give-software")
	b.see("it goes on at the counter", ".flash.good")
	b.look("counter-done")
	session, err := bank.Fetch(t.Context(), asked.ID)
	if err != nil {
		t.Fatal(err)
	}
	view := func(want string) {
		t.Helper()
		_, err := look(t, session, rand.Text())
		if got := outcome(err); got != want {
			t.Errorf("the counter's view: %s, want %s", got, want)
		}
	}
	view("ok")

	b.do("home says that it ends soon", chromedp.Navigate(h.Issuer+"/"))
	b.see("in five days", "#ending")
	b.do("the grants", chromedp.Navigate(h.Issuer+"/grants"))
	b.click("pause everything", "#pause-all")
	b.see("all is paused", "#all-paused")
	b.both("all-paused")
	view("403 grant_paused")
	b.click("go on", "#resume-all")
	b.see("nothing is paused", "#pause-all")
	b.do("the grant", chromedp.Navigate(h.Issuer+"/grants/"+session.Token().GrantID))
	b.see("its receipt", "#receipt-1")
	b.both("receipts")
	b.do("end it all", chromedp.Navigate(h.Issuer+"/clients/"+bank.ID+"/revoke"))
	b.both("revoke-all")
	b.click("yes", "#revoke-all-go")
	b.see("done", ".flash.good")
	view("401 grant_revoked")
	h.checkReceipts(b, session.Token().GrantID, "1", "revocation")
}

// checkReceipts downloads receipts and has the production binary say whether
// they are genuine, by the keys that the house publishes.
func (h *house) checkReceipts(b *browser, grant string, names ...string) {
	b.Helper()
	dir := b.TempDir()
	jali := filepath.Join(dir, "jali")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", jali, "jali/cmd/jali").CombinedOutput(); err != nil {
		b.Fatalf("jali does not build: %v\n%s", err, out)
	}
	args := []string{"receipt", "verify", "--lang", "both", "--issuer", h.Issuer}
	for _, name := range names {
		script := `(async () => (await fetch("/grants/` + grant + `/receipts/` + name + `")).text())()`
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		jws, err := chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
		cancel()
		file := filepath.Join(dir, name+".jwt")
		if err == nil {
			err = os.WriteFile(file, []byte(jws), 0o600)
		}
		if err != nil {
			b.Fatal(err)
		}
		args = append(args, file)
	}
	out, err := exec.CommandContext(b.Context(), jali, args...).CombinedOutput()
	if err != nil || strings.Count(string(out), ": genuine") != len(names) || !strings.Contains(string(out), grant) {
		b.Errorf("jali receipt verify: %v\n%s", err, out)
	}
}
