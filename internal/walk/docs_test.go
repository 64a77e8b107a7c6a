package walk

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// watch notes what the browser asks of other origins than one, what a content
// security policy kept it from, and what scripts threw.
type watch struct {
	mu     sync.Mutex
	origin string
	faults []string
}

func (b *browser) watch(origin string) *watch {
	b.Helper()
	w := &watch{origin: origin}
	note := func(format string, args ...any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
	}
	err := chromedp.Listen(b.ctx, func(ev any) {
		switch ev := ev.(type) {
		case *network.EventRequestWillBeSent:
			if u := ev.Request.URL; !strings.HasPrefix(u, w.origin+"/") && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "about:") {
				note("%s asks for %s", ev.DocumentURL, u)
			}
		case *log.EventEntryAdded:
			if ev.Entry.Source == log.EntrySourceSecurity {
				note("security: %s", ev.Entry.Text)
			}
		case *runtime.EventExceptionThrown:
			note("a script threw: %s", ev.ExceptionDetails.Text)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// take answers what was noted since it was last asked.
func (w *watch) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	faults := w.faults
	w.faults = nil
	return faults
}

// testDocs reads the docs as a developer does: every kind of page in both
// languages, at a desk and on a phone, in light and dark, by keyboard. No page
// asks another origin for anything.
func (h *house) testDocs(t *testing.T) {
	b := chromium(t)
	b.axe = h.Issuer
	w := b.watch(h.Issuer)
	b.seesPlanted(w)

	b.do("the docs", chromedp.Navigate(h.Issuer+"/docs"))
	guides := eval[[]string](b, `[...document.querySelectorAll('a[href^="/docs/guides/"]')].map((a) => a.getAttribute("href"))`)
	if len(guides) == 0 {
		t.Error("no guides")
	}
	pages := slices.Concat([]string{"/docs", "/problems", "/problems?q=grant", "/problems/grant_spent", "/problems/invalid_grant", "/problems/source_down", "/problems/grant_spend", "/docs/nowhere"}, guides)
	for _, lang := range []string{"zh", "en"} {
		for _, page := range pages {
			to := page + "?lang=" + lang
			if strings.Contains(page, "?") {
				to = page + "&lang=" + lang
			}
			b.do(to, chromedp.Navigate(h.Issuer+to))
			b.whole(to)
			b.look("docs" + strings.NewReplacer("/docs", "", "/", "-", "?", "-", "=", "-").Replace(page) + "-" + lang)
			for _, f := range w.take() {
				t.Errorf("%s: %s", to, f)
			}
		}
		b.dark(func() {
			for _, page := range []string{"/docs", guides[0], "/problems/grant_spent"} {
				b.do("in the dark", chromedp.Navigate(h.Issuer+page+"?lang="+lang))
				b.whole(page)
				b.look("docs" + strings.NewReplacer("/docs", "", "/", "-").Replace(page) + "-dark-" + lang)
			}
		})
	}
	b.references(h.Issuer, w)
	b.keys(h.Issuer + guides[0] + "?lang=en")
}

// seesPlanted holds that the watch notes what it is there for.
func (b *browser) seesPlanted(w *watch) {
	b.Helper()
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src http:")
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<link rel="icon" href="data:,"><script>let inline</script><img src="http://127.0.0.1:1/x.png">`)
	}))
	defer bad.Close()
	own := w.origin
	w.origin = bad.URL
	b.do("a page with faults", chromedp.Navigate(bad.URL+"/"))
	b.whole("a page with faults")
	w.origin = own
	if got := strings.Join(w.take(), "\n"); !strings.Contains(got, "127.0.0.1:1/x.png") || !strings.Contains(got, "security: ") {
		b.Fatalf("of planted faults the watch notes %q", got)
	}
}

// dark shows what follows as to somebody who prefers dark pages.
func (b *browser) dark(f func()) {
	b.Helper()
	set := func(scheme string) {
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
			b.Fatal(err)
		}
	}
	set("dark")
	f()
	set("light")
}

// swaggers are the rules of axe-core that Swagger UI breaks by itself, and why
// that stays so.
var swaggers = map[string]string{
	"heading-order": "its schemas stand under an h4, whatever stands before them",
	"select-name":   "its choice among a request's examples has a label that is not tied to it",
}

// references looks at the pages that Swagger UI draws: as they come, with an
// operation that is open, and in the dark.
func (b *browser) references(issuer string, w *watch) {
	b.Helper()
	for _, page := range []string{"/docs/reference", "/sandbox/docs"} {
		name := "docs" + strings.ReplaceAll(strings.TrimPrefix(page, "/docs"), "/", "-")
		b.do(page, chromedp.Navigate(issuer+page+"?lang=zh"))
		b.see("operations", ".opblock")
		b.lookAtSwagger(name + "-zh")
		b.do(page, chromedp.Navigate(issuer+page+"?lang=en")) // what Swagger UI draws is the same
		b.see("operations", ".opblock")
		b.press("an operation", ".opblock-post .opblock-summary-control")
		b.see("it is open", ".opblock-body .response")
		b.lookAtSwagger(name + "-en-open")
		b.dark(func() { b.lookAtSwagger(name + "-en-dark") })
		if tried := eval[bool](b, `!!document.querySelector(".try-out")`); tried != (page == "/sandbox/docs") {
			b.Errorf("%s can be tried out: %v; no page can make the proofs of the data API", page, tried)
		}
	}
	b.do("the sandbox's clock", chromedp.Navigate("about:blank"), chromedp.Navigate(issuer+"/sandbox/docs?lang=en#/world/ReadClock"))
	b.press("try it", "#operations-world-ReadClock .try-out__btn", "#operations-world-ReadClock .execute")
	b.see("it is answered", "#operations-world-ReadClock .live-responses-table .response")
	if got := b.text("#operations-world-ReadClock .live-responses-table .response .response-col_status"); !strings.Contains(got, "200") {
		b.Errorf("the clock that is tried answers %q", got)
	}
	b.do("a link to an operation", chromedp.Navigate(issuer+"/docs/reference#/data/OpenView"))
	b.see("it is open", `#operations-data-OpenView .opblock-body`)
	for _, f := range w.take() {
		b.Errorf("the references: %s", f)
	}
}

func (b *browser) lookAtSwagger(name string) {
	b.Helper()
	for _, size := range []struct {
		name  string
		width int64
	}{{"phone", 390}, {"desk", 1280}} {
		b.do("look at "+name, chromedp.EmulateViewport(size.width, 900))
		if wide := eval[int64](b, "document.documentElement.scrollWidth"); wide > size.width {
			b.Errorf("%s is %d pixels wide on a %s", name, wide, size.name)
		}
		for _, found := range b.breaks() {
			if rule, _, _ := strings.Cut(found, " "); swaggers[rule] == "" {
				b.Errorf("%s on a %s breaks %.400s", name, size.name, found)
			}
		}
		b.shoot(name + "-" + size.name)
	}
}

func (b *browser) shoot(name string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(path.Join(b.shots, path.Base(b.Name())+"-"+name+".png"), png, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// keys goes through a guide by keyboard: the first stop is the link past the
// header, and every command and its button are on the way.
func (b *browser) keys(guide string) {
	b.Helper()
	b.do(guide, chromedp.Navigate(guide))
	b.see("a guide with commands", "button.copy")
	want := eval[int](b, `document.querySelectorAll("pre, button.copy").length`)
	reached := map[string]bool{}
	for i := range 400 {
		b.do("tab", chromedp.KeyEvent(kb.Tab))
		at := eval[string](b, `(() => { const e = document.activeElement, all = [...document.querySelectorAll("pre, button.copy")];
			return e === document.body ? "end" : all.includes(e) ? "stop " + all.indexOf(e) : e.className; })()`)
		if i == 0 && at != "skip" {
			b.Errorf("the first stop is %q, not the link past the header", at)
		}
		if strings.HasPrefix(at, "stop ") {
			reached[at] = true
		}
		if at == "end" {
			break
		}
	}
	if len(reached) != want {
		b.Errorf("by keyboard %d of %d commands and buttons are reached", len(reached), want)
	}
	eval[bool](b, `(() => { const button = document.querySelector("button.copy"); // what it says changes back
		new MutationObserver(() => { button.said ||= button.textContent; }).observe(button, {childList: true}); return true; })()`)
	b.do("copy", chromedp.Focus(chromedp.CSS("button.copy")), chromedp.KeyEvent(kb.Enter))
	b.do("it says so", chromedp.Poll[chromedp.Void](`document.querySelector("button.copy").said == "Copied"`))
}
