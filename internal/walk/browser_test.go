package walk

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is Chromium with a virtual authenticator, and somebody who looks at
// every page in both languages, at a desk and on a phone.
type browser struct {
	*testing.T
	ctx   context.Context
	shots string
	n     int
	axe   string // the origin whose pages are held against the rules of axe-core; empty: none

	authenticator webauthn.AuthenticatorID
}

// patience is for one step of a person in the browser.
const patience = 60 * time.Second

func chromium(t *testing.T) *browser {
	path, err := exec.LookPath("chromium")
	need(t, "Chromium", "install Debian's chromium and fonts-noto-cjk", err == nil)
	flags := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("lang", "zh-CN"), chromedp.Flag("accept-lang", "zh-CN"),
	}
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), flags...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	b := &browser{T: t, ctx: ctx, shots: os.Getenv("JALI_SHOTS")}
	if b.shots == "" {
		b.shots = "shots"
	}
	if err := os.MkdirAll(b.shots, 0o755); err != nil {
		t.Fatal(err)
	}
	// The browser lives as long as the context of its first step.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	b.newAuthenticator()
	return b
}

// newAuthenticator puts a device with a passkey store, and a person who always
// passes its check, in the place of the one before.
func (b *browser) newAuthenticator() {
	b.Helper()
	if b.authenticator != "" {
		if _, err := chromedp.Call(b.ctx, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: b.authenticator}); err != nil {
			b.Fatal(err)
		}
	}
	made, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Ctap2version: "ctap2_1", Transport: "internal",
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.authenticator = made.AuthenticatorID
}

// do runs steps and says which one failed, with a picture of the page.
func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		picture := filepath.Join(b.shots, path.Base(b.Name())+"-failed.png")
		if png, e := chromedp.Run(ctx, chromedp.FullScreenshot(100)); e == nil {
			_ = os.WriteFile(picture, png, 0o644)
		}
		at, _ := chromedp.Run(ctx, chromedp.Location())
		text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText.slice(0, 600)"))
		b.Fatalf("%s: %v\nat %s, see %s\n%s", what, err, at, picture, text)
	}
}

func (b *browser) click(what string, selectors ...chromedp.CSS) {
	b.Helper()
	for _, s := range selectors {
		b.do(what+": "+string(s), chromedp.Click(s))
	}
}

// press presses buttons by keyboard: a page that scrolls by itself, as Swagger
// UI does to the operation of a link, moves them away from under a mouse.
func (b *browser) press(what string, selectors ...chromedp.CSS) {
	b.Helper()
	for _, s := range selectors {
		b.do(what+": "+string(s), chromedp.WaitVisible(s), chromedp.Focus(s), chromedp.KeyEvent(kb.Enter))
	}
}

// see waits for a page that shows something, and for the rest of that page.
func (b *browser) see(what string, selectors ...chromedp.CSS) {
	b.Helper()
	for _, s := range selectors {
		b.do(what+": "+string(s), chromedp.WaitVisible(s))
	}
	b.whole(what)
}

// miss waits for a page without something: for the whole of it, since half a
// page has nothing of its other half.
func (b *browser) miss(what string, s chromedp.CSS) {
	b.Helper()
	b.do(what+": no "+string(s), chromedp.WaitNotPresent(s), chromedp.WaitReady(chromedp.CSS("body")))
	b.whole(what)
	b.do(what+": still no "+string(s), chromedp.WaitNotPresent(s))
}

// whole waits until the page that is coming is there to its end.
func (b *browser) whole(what string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState == "complete" || new Promise(done => addEventListener("load", () => done(true)))`,
		chromedp.EvalAwaitPromise)); err != nil {
		b.Fatalf("%s: the page does not come to its end: %v", what, err)
	}
}

func (b *browser) text(selector chromedp.CSS) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Text(selector))
	if err != nil {
		b.Fatalf("%s: %v", selector, err)
	}
	return s
}

func eval[T any](b *browser, script string) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.Fatalf("%s: %v", script, err)
	}
	return v
}

// look takes a picture of the page as it stands, at a desk and on a phone. A
// page that is wider than the phone fails.
func (b *browser) look(name string) {
	b.Helper()
	b.n++
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"desk", 1280, 900}, {"phone", 390, 844}} {
		b.do("look at "+name, chromedp.EmulateViewport(size.width, size.height))
		if wide := eval[int64](b, "document.documentElement.scrollWidth"); wide > size.width {
			b.Errorf("%s is %d pixels wide on a screen of %d", name, wide, size.width)
		}
		b.holds(name + " on a " + size.name)
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		cancel()
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.shots, fmt.Sprintf("%s-%02d-%s-%s.png", path.Base(b.Name()), b.n, name, size.name)), png, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	b.do("back to the desk", chromedp.EmulateViewport(1280, 900))
}

// holds wants no violation of axe-core's rules on the page as it stands.
func (b *browser) holds(what string) {
	b.Helper()
	if at := eval[string](b, "location.origin"); b.axe == "" || at != b.axe {
		return
	}
	if found := b.breaks(); len(found) > 0 {
		b.Errorf("%s breaks rules of axe-core: %s", what, strings.Join(found, "; "))
	}
}

// breaks answers which of axe-core's rules the page breaks, and where, once its
// colours have stopped changing.
func (b *browser) breaks() []string {
	b.Helper()
	rules, err := os.ReadFile("node/node_modules/axe-core/axe.min.js")
	need(b.T, "axe-core", "run `npm ci --prefix internal/walk/node`", err == nil)
	eval[bool](b, string(rules)+";true")
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`(async () => {
		const running = () => document.getAnimations().filter((a) => a.playState == "running" && a.effect.getComputedTiming().endTime < Infinity);
		for (let now; (now = running()).length > 0;) await Promise.allSettled(now.map((a) => a.finished));
		const found = await axe.run(document, {resultTypes: ["violations"]});
		return found.violations.map((v) => v.id + " at " + v.nodes.map((n) => n.target.join(" ")).join(", "));
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatal(err)
	}
	return found
}

// glance takes a picture of what is seen without scrolling: the README's.
func (b *browser) glance(name string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(b.shots, name+".png"), png, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// both looks at a page in Chinese and in English, by the page's own switch.
func (b *browser) both(name string) {
	b.Helper()
	b.look(name + "-zh")
	b.click("switch to English", "#lang-en")
	b.see("the switch back", "#lang-zh")
	b.look(name + "-en")
	b.click("switch to Chinese", "#lang-zh")
	b.see("the switch to English", "#lang-en")
}

// testBrowser is a person's whole way: they sign up, connect a wallet, take in
// a file, answer a bank's request, see what it sees, and take it back.
func (h *house) testBrowser(t *testing.T) {
	b := chromium(t)
	file := alipayFile(t)

	b.do("open jali", chromedp.Navigate(h.Issuer))
	b.both("landing")
	b.do("sign up", chromedp.Navigate(h.Issuer+"/signup"), chromedp.SendKeys(chromedp.CSS("#signup-name"), "林小舟"))
	b.look("signup")
	b.click("sign up with a passkey", "#signup-device")
	b.see("recovery codes", "#codes")
	b.look("codes")
	b.click("the codes are kept", "#codes-ack", "#codes-go")
	b.see("home", "main .empty")

	b.click("to sources", `a[href="/sources"]`)
	b.both("sources-empty")
	for _, source := range []string{"alipay", "jiangnan_bank", "beishan_bank"} { // the last by the hybrid flow
		b.click("connect "+source, chromedp.CSS("#connect-"+source))
		b.see("the town's login page", `input[name="login"]`)
		if source == "alipay" {
			b.look("town-login")
		}
		b.click("choose who one is", ".people a:first-of-type")
		b.see("filled in", `input[name="password"]`)
		b.click("sign in at the source", "form .do button:first-of-type")
		if source != "alipay" { // a bank asks which accounts
			b.do("the accounts", chromedp.WaitReady(chromedp.CSS(`input[name="chosen"]`)))
			b.click("open these accounts", "form .do button:first-of-type")
		}
		b.see(source+" is connected", chromedp.CSS(`[data-source="`+source+`"]`))
	}
	b.both("sources")

	b.do("upload", chromedp.Navigate(h.Issuer+"/upload"), chromedp.SetUploadFiles(chromedp.CSS("#upload-file"), []string{file}))
	b.look("upload")
	b.click("read the file", "#upload-go")
	b.see("what the file holds", "#preview-rows")
	b.look("preview")
	b.click("take it in", "#accept-go")
	b.see("taken in", "#uploaded")

	b.do("home", chromedp.Navigate(h.Issuer))
	b.see("balances and bills", "#balances", "#bills")
	b.both("home")

	// The bank app asks; the person narrows, agrees, and the app shows it.
	h.ask(b)
	b.both("consent")
	if eval[int](b, `document.querySelectorAll('input[name="account"]:checked').length`) != 0 {
		t.Error("accounts are ticked before the person has ticked one")
	}
	b.do("tick two accounts", chromedp.Click(chromedp.CSS(`fieldset.group:nth-of-type(1) label.tick:nth-of-type(1)`)), chromedp.Click(chromedp.CSS(`fieldset.group:nth-of-type(2) label.tick:nth-of-type(1)`)))
	b.click("narrow", "#narrow summary")
	b.do("fewer days", chromedp.SetValue(chromedp.CSS("#narrow-days"), "14"))
	b.look("consent-narrowed")
	b.click("agree", "#agree")
	b.see("what is signed", "#agreed")
	b.both("confirm")
	b.click("sign", "#give-device")
	b.see("the bank shows it", "#totals", "#accounts", "#bills")
	fmt.Fprintln(h.answers, eval[string](b, "document.documentElement.outerHTML"))
	b.look("bank-zh")
	if got := eval[int](b, `document.querySelectorAll("#accounts li").length`); got != 2 {
		t.Errorf("the bank app shows %d accounts, the person ticked 2", got)
	}
	if eval[int](b, `document.querySelectorAll("#bills tbody tr").length`) == 0 {
		t.Error("the bank app shows no bills")
	}
	b.do("the bank in English", chromedp.Navigate(h.Bank+"/?lang=en"))
	b.see("the bank in English", "#totals")
	b.look("bank-en")
	b.glance("bank")
	b.click("look again with a grant for one look", "#refresh")
	b.see("the grant is spent", `#problem[data-code="grant_spent"]`)
	b.look("bank-spent")

	// After the use there is a notice; the grant says what it was used for.
	b.do("home", chromedp.Navigate(h.Issuer))
	b.see("a notice", "#dismiss-notices")
	b.both("home-notice")
	b.click("dismiss it", "#dismiss-notices button")
	b.miss("no notice left", "#dismiss-notices")

	// Asked again, the person refuses.
	h.ask(b)
	b.click("refuse", "#refuse")
	b.see("the bank is told no", `#problem[data-code="access_denied"]`)

	// And agrees once more, then revokes: the view is gone for the client.
	h.ask(b)
	b.click("tick one account", `fieldset.group:nth-of-type(1) label.tick:nth-of-type(1)`)
	b.click("agree", "#agree")
	b.see("what is signed", "#agreed")
	b.click("sign", "#give-device")
	b.see("the bank shows it", "#totals")
	b.do("grants", chromedp.Navigate(h.Issuer+"/grants"))
	b.both("grants")
	b.click("grants that have ended", "main details summary")
	b.click("the newest grant", `main details [data-grant]:first-of-type a`)
	b.see("the grant", "#revoke")
	b.both("grant")
	b.click("revoke", "#revoke", "#revoke-go")
	b.see("it is revoked", `#grant[data-state="revoked"]`)
	b.do("the bank", chromedp.Navigate(h.Bank+"/"))
	b.see("the grant is revoked", `#problem[data-code="grant_revoked"]`)
	if eval[bool](b, `!!document.querySelector("#bills")`) {
		t.Error("the bank app still shows bills of a revoked grant")
	}

	b.do("activity", chromedp.Navigate(h.Issuer+"/activity"))
	b.see("the timeline", `[data-verb="grant.revoked"]`, `[data-verb="grant.used"]`, `[data-verb="grant.refused"]`, `[data-verb="bills.imported"]`)
	b.both("activity")
	b.do("settings", chromedp.Navigate(h.Issuer+"/settings"))
	b.both("settings")
	id := b.text("#person-id")
	if strings.TrimSpace(id) == "" {
		t.Error("settings do not tell the person's id")
	}
	b.do("leave", chromedp.Navigate(h.Issuer+"/settings/leave"))
	b.look("leave")
	b.click("delete everything", "#leave-ack", "#leave-device")
	b.see("the receipt", "#receipt")
	b.look("left")
	b.do("home", chromedp.Navigate(h.Issuer))
	b.see("signed out", `a[href="/signin"]`)
}

// ask begins at the bank app and comes to the consent page.
func (h *house) ask(b *browser) {
	b.Helper()
	b.do("the bank app", chromedp.Navigate(h.Bank+"/"))
	b.click("ask for one look", "#ask")
	b.see("the consent page", "#consent-form")
	at, err := chromedp.Run(b.ctx, chromedp.Location())
	if u, e := url.Parse(at); err != nil || e != nil || !strings.HasPrefix(u.Path, "/consent/") {
		b.Fatalf("the consent page is at %s, %v", at, err)
	}
}
