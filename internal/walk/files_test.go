package walk

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// testFiles is the sample person with files: they decide a pair, file a bill
// elsewhere, look at their sums, and bring two more files, of which one has a
// password and the other columns that nobody knows.
func (h *house) testFiles(t *testing.T) {
	b := chromium(t)
	b.axe = h.Issuer
	b.do("sign in", chromedp.Navigate(h.Issuer+"/signin"), chromedp.WaitReady(chromedp.CSS("#signin-who option")))
	b.do("as "+h.People[2].Name, chromedp.SetValue(chromedp.CSS("#signin-who"), eval[string](b,
		`[...document.querySelectorAll("#signin-who option")].find(o => o.textContent.includes("`+h.People[2].Name+`")).value`)))
	b.click("sign in", "#signin-software")
	b.see("what lacks and what waits", "#gaps [data-gap]", "#to-decide")
	b.both("home-files")

	b.click("to the pairs", "#to-decide a")
	b.see("a pair", `.pair-card[data-link="mirror"]`)
	b.both("duplicates")
	b.click("they are the same", ".pair-card:first-of-type .decide form:first-child button")
	b.see("it was noted", ".flash.good", `#decided [data-said="yes"]`, "#no-pairs")
	b.both("duplicates-decided")
	b.click("take it back", `#decided [data-said="yes"] button`)
	b.see("the pair waits again", `.pair-card[data-link="mirror"]`)
	b.do("by keyboard, that they are not", chromedp.Focus(chromedp.CSS(".pair-card:first-of-type .decide form:last-child button")), chromedp.KeyEvent("\r"))
	b.see("it was noted", `#decided [data-said="no"]`)

	b.do("a payment of several pots", chromedp.Navigate(h.Issuer+"/?q=%E5%BD%B1%E5%9F%8E"))
	b.see("that its parts are unknown", "[data-bill] [data-note]")
	b.click("all that is known", "[data-bill] .bill-more summary")
	b.see("its category", "[data-bill] .correct select")
	b.both("bill")
	b.click("all that is known", "[data-bill] .bill-more summary")
	b.do("another category", chromedp.SetValue(chromedp.CSS("[data-bill] .correct select"), "education"))
	b.click("file it", "[data-bill] .correct button")
	b.see("it was filed, where it was", "#done-filed", "[data-bill] [data-corrected]", `#filter-text[value="影城"]`)
	b.click("all that is known", "[data-bill] .bill-more summary")
	b.click("take it back", "[data-bill] .uncorrect button")
	b.do("it is as it was", chromedp.WaitNotPresent(chromedp.CSS("[data-bill] [data-corrected]")))
	b.do("borrowed money", chromedp.Navigate(h.Issuer+"/?q=%E5%80%9F%E5%91%97"))
	b.see("that it bought a fund", `[data-loan="loan"]`)
	b.click("why that is said", "[data-bill] .bill-more summary")
	b.see("the reason", ".loan-why")
	b.click("to the fund", ".loan-why a")
	b.see("the fund", `[data-loan="investment"]`)

	b.do("sums", chromedp.Navigate(h.Issuer+"/sums"))
	b.see("sums", `[data-sums="month"]`, `[data-sums="category"]`, "#plot-flow-CNY canvas", "#plot-worth-CNY canvas")
	b.both("sums")

	table := filepath.Join(t.TempDir(), "村镇银行.csv")
	if err := os.WriteFile(table, []byte("\ufeff办理日,事由,发生额,结存,对家\r\n2026-05-03,买菜,-31.20,968.80,老街菜场\r\n2026-05-09,利息,0.35,969.15,\r\n2026-05-12,买米,-60.00,909.15,粮油店\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	archive, err := filepath.Abs("../../connectors/billfile/testdata/aes256.zip")
	if err != nil {
		t.Fatal(err)
	}
	b.do("two files at once", chromedp.Navigate(h.Issuer+"/upload"), chromedp.SetUploadFiles(chromedp.CSS("#upload-file"), []string{archive, table}))
	b.both("upload-files")
	b.do("the files again", chromedp.SetUploadFiles(chromedp.CSS("#upload-file"), []string{archive, table}))
	b.click("read them", "#upload-go")
	b.see("what they lack", `[data-state="password"]`, `[data-state="mapping"]`)
	b.both("review")
	b.do("a wrong password", chromedp.SendKeys(chromedp.CSS("[name=password]"), "000000"))
	b.click("open it", ".password button")
	b.see("that it is wrong", `[data-code="file_password"]`)
	b.look("review-wrong-password")
	b.do("the right one", chromedp.SendKeys(chromedp.CSS("[name=password]"), "240117"))
	b.click("open it", ".password button")
	b.see("what it holds", `[data-state="ready"] .file-account`)
	b.do("whose the table is", chromedp.SendKeys(chromedp.CSS("[name=map_source]"), "老街村镇银行"), chromedp.SendKeys(chromedp.CSS("[name=map_account]"), "买菜卡"),
		chromedp.SetValue(chromedp.CSS("[name=col_date]"), "办理日"), chromedp.SetValue(chromedp.CSS("[name=col_amount]"), "发生额"),
		chromedp.SetValue(chromedp.CSS("[name=col_balance]"), "结存"), chromedp.SetValue(chromedp.CSS("[name=col_counterparty]"), "对家"), chromedp.SetValue(chromedp.CSS("[name=col_description]"), "事由"))
	b.click("read it like this", ".map-go")
	b.see("both can be taken in", `[data-state="ready"] ~ [data-state="ready"]`)
	b.click("how it was read", ".file:nth-of-type(2) .first summary")
	b.both("review-ready")
	b.click("the archive's own sums differ", "[name=anyway]")
	b.click("take them in", "#accept-go")
	b.see("taken in", `#uploaded[data-added="5"]`)
	b.both("uploaded")

	b.do("the same columns again", chromedp.Navigate(h.Issuer+"/upload"), chromedp.SetUploadFiles(chromedp.CSS("#upload-file"), []string{table}))
	b.click("read it", "#upload-go")
	b.see("it is known how, and what is here", `[data-state="ready"] .file-rows[data-rows="3"][data-known="3"]`)
}
