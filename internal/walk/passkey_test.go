package walk

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// testLostPasskey is a person who guards against losing their passkey, loses
// both of theirs all the same, and comes back with a recovery code, once.
func (h *house) testLostPasskey(t *testing.T) {
	b := chromium(t)
	b.do("sign up", chromedp.Navigate(h.Issuer+"/signup"), chromedp.SendKeys(chromedp.CSS("#signup-name"), "王小河"))
	b.click("with a passkey", "#signup-device")
	b.see("recovery codes", "#codes")
	codes := strings.Fields(b.text("#code-list"))
	if len(codes) < 8 {
		t.Fatalf("%d recovery codes, want 8", len(codes))
	}
	b.click("they are kept", "#codes-ack", "#codes-go")
	b.see("home", "main .empty")

	b.newAuthenticator()
	b.do("settings", chromedp.Navigate(h.Issuer+"/settings"))
	b.click("a second passkey", "#passkeys ~ details summary")
	b.do("name it", chromedp.SendKeys(chromedp.CSS("#passkey-label"), "手机"))
	b.click("add it", "#add-passkey-device")
	b.see("two passkeys, so that one can go", "#passkeys details summary")
	b.look("settings-two-passkeys")
	b.click("sign out", "#signout")
	b.see("signed out", `a[href="/signin"]`)
	b.do("sign in", chromedp.Navigate(h.Issuer+"/signin"))
	b.click("with the second passkey", "#signin-device")
	b.see("home", "main .empty")
	b.do("settings", chromedp.Navigate(h.Issuer+"/settings"))
	b.click("sign out", "#signout")
	b.see("signed out", `a[href="/signin"]`)

	b.newAuthenticator() // and both are lost
	recover := func() {
		b.do("recover", chromedp.Navigate(h.Issuer+"/recover"), chromedp.SendKeys(chromedp.CSS("#recover-code"), codes[len(codes)-1]))
		b.click("with a code", "#recover-go")
	}
	recover()
	b.see("a new passkey is all that this opens", "#add-passkey")
	b.look("recover-passkey")
	b.do("home is closed", chromedp.Navigate(h.Issuer+"/"))
	b.see("a new passkey first", "#add-passkey")
	b.click("add it", "#add-passkey-device")
	b.see("the settings are open again", "#passkeys")
	b.click("sign out", "#signout")
	b.see("signed out", `a[href="/signin"]`)
	recover()
	b.see("a code opens once", `#recover ~ .flash, .flash.bad[role="alert"]`)
}

// testSoftwarePasskey is somebody without any device, in the sandbox.
func (h *house) testSoftwarePasskey(t *testing.T) {
	b := chromium(t)
	b.do("sign in", chromedp.Navigate(h.Issuer+"/signin"))
	b.do("the people of the sandbox", chromedp.WaitReady(chromedp.CSS("#signin-who option")))
	b.both("signin-software")
	b.do("the people again", chromedp.WaitReady(chromedp.CSS("#signin-who option")))
	b.click("sign in as the first", "#signin-software")
	b.see("their balances", "#balances")
	b.look("home-sample")
}
