package docs

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jali/internal/language"
	"jali/openapi"
)

func TestGuidesAreWholeInBothLanguages(t *testing.T) {
	all, err := library()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range language.All {
		files, err := filepath.Glob("guides/" + folder[lang] + "/*.md")
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != len(all[lang]) {
			t.Errorf("%d guides in %s, %d of them in order", len(files), lang, len(all[lang]))
		}
		for _, g := range all[lang] {
			if g.Title == "" || g.Summary == "" || len(g.Heads) == 0 {
				t.Errorf("%s in %s lacks its title, its summary or its sections", g.Name, lang)
			}
			// Raw HTML is left out with a comment: something would be missing.
			if strings.Contains(string(g.Lead)+string(g.Body), "<!--") {
				t.Errorf("%s in %s has HTML in it", g.Name, lang)
			}
			if strings.Contains(string(g.Body), "<th></th>") {
				t.Errorf("%s in %s has a table whose column has no name", g.Name, lang)
			}
			if strings.Contains(string(g.Body), "<img") {
				t.Errorf("%s in %s has a picture", g.Name, lang)
			}
		}
	}
	for i, en := range all[language.English] {
		zh := all[language.Chinese][i]
		if a, b := anchors(en.Heads), anchors(zh.Heads); !slices.Equal(a, b) {
			t.Errorf("%s: the languages have other headings: %v, %v", en.Name, a, b)
		}
		if a, b := shapes(t, "en", en.Name), shapes(t, "zh", en.Name); !slices.Equal(a, b) {
			t.Errorf("%s: the languages have other levels of headings or other blocks:\n%v\n%v", en.Name, a, b)
		}
	}
}

func anchors(heads []*head) (all []string) {
	for _, h := range heads {
		all = append(append(all, h.ID), anchors(h.Heads)...)
	}
	return all
}

// shapes are the levels of a guide's headings and the languages of its blocks.
func shapes(t *testing.T, folder, name string) (all []string) {
	t.Helper()
	b, err := os.ReadFile("guides/" + folder + "/" + name + ".md")
	if err != nil {
		t.Fatal(err)
	}
	inside, last := false, 1
	for _, line := range strings.Split(string(b), "\n") {
		if kind, ok := strings.CutPrefix(line, "```"); ok {
			if inside = !inside; inside {
				if kind == "" {
					t.Errorf("%s/%s has a block without a language", folder, name)
				}
				all = append(all, kind)
			}
			continue
		}
		if m := regexp.MustCompile(`^(#+) `).FindString(line); m != "" && !inside {
			if level := len(m) - 1; level > last+1 || level > 3 {
				t.Errorf("%s/%s: %q is too deep below a heading of level %d", folder, name, line, last)
			} else {
				last = level
			}
			all = append(all, m)
		}
	}
	return all
}

var linked = regexp.MustCompile(`<a [^>]*?href="([^"]*)"`)

// Every link of every page leads somewhere: to a page, an anchor in it, an
// operation of the document.
func TestLinksLeadSomewhere(t *testing.T) {
	if got := broken(t, map[string]string{"/docs": `<a href="/docs/guides/none"><a href="/docs/guides/errors#none"><a href="/docs/reference#/data/None"><a href="none.md"><a href="#none"><a href="/problems/none">`}); len(got) != 6 {
		t.Fatalf("of six planted links it sees %v", got)
	}
	h := New(Config{})
	pages := map[string]string{}
	for _, path := range paths() {
		for _, lang := range []string{"zh", "en"} {
			pages[path+"?lang="+lang] = ask(t, h, "GET", path+"?lang="+lang).Body.String()
		}
	}
	for _, b := range broken(t, pages) {
		t.Error(b)
	}
}

func broken(t *testing.T, pages map[string]string) (complaints []string) {
	t.Helper()
	h := New(Config{})
	doc, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	operations := map[string]bool{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, tag := range op.Tags {
				operations["/"+tag+"/"+op.OperationID] = true
			}
		}
	}
	seen := map[string]string{}
	for at, body := range pages {
		for _, m := range linked.FindAllStringSubmatch(body, -1) {
			to, anchor, _ := strings.Cut(strings.ReplaceAll(m[1], "&amp;", "&"), "#")
			if strings.HasPrefix(to, "https://") || to == "/openapi.yaml" || to == "/sandbox/docs" {
				continue
			}
			if to == "" {
				to = at
			}
			there, ok := seen[to]
			if !ok && strings.HasPrefix(to, "/") {
				if w := ask(t, h, "GET", to); w.Code == http.StatusOK {
					there = w.Body.String()
				}
				seen[to] = there
			}
			switch {
			case there == "":
				complaints = append(complaints, at+" leads to "+to+", which is not there")
			case anchor == "" || strings.HasPrefix(anchor, "/") && strings.HasPrefix(to, "/docs/reference") && operations[anchor]:
			case !strings.Contains(there, `id="`+anchor+`"`):
				complaints = append(complaints, at+" leads to "+to+"#"+anchor+", which is not there")
			}
		}
	}
	return complaints
}

func TestMarkdown(t *testing.T) {
	src := "# A *title*\n\nWhat `one` gets,\nin short.\n\n## 做 It twice\n\n<b onclick=x>raw</b> [x](views.md#a) [y](javascript:alert(1))\n\n<script>alert(1)</script>\n\n### Do\n\n## 做 It twice\n\n" +
		"| a | b |\n|--:|---|\n| 1 | 2 |\n\n```sh\necho \"<b>\" && true\n```\n"
	g, made, err := readGuide("x", "en", []byte(src), nil)
	if err != nil {
		t.Fatal(err)
	}
	if g.Title != "A title" || g.Summary != "What one gets, in short." || !slices.Equal(made, []string{"做-it-twice", "do", "做-it-twice-2"}) {
		t.Errorf("%q, %q, %v", g.Title, g.Summary, made)
	}
	if len(g.Heads) != 2 || len(g.Heads[0].Heads) != 1 {
		t.Errorf("%d sections", len(g.Heads))
	}
	body := string(g.Body)
	for _, bad := range []string{"<b ", "<script", "javascript:", " style=", " align="} {
		if strings.Contains(body, bad) {
			t.Errorf("it holds %s:\n%s", bad, body)
		}
	}
	for _, want := range []string{`href="/docs/guides/views#a"`, "echo &quot;&lt;b&gt;&quot; &amp;&amp; true\n</code>", `<pre tabindex="0">`, `id="do"`, "</tbody>\n</table></div>"} {
		if !strings.Contains(body, want) {
			t.Errorf("it lacks %s:\n%s", want, body)
		}
	}
	for _, src := range []string{"", "text", "## Two\n\nx", "# One\n\n## Two"} {
		if _, _, err := readGuide("x", "en", []byte(src), nil); err == nil {
			t.Errorf("%q passes as a guide", src)
		}
	}
}
