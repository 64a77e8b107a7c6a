package docs

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"sync"

	"jali/internal/language"
)

//go:embed guides
var guideFiles embed.FS

// order is the way through the guides.
var order = []string{"first-view", "grants", "views", "renewing", "webhooks", "authenticating", "errors", "going-live"}

// guide is one guide in one language.
type guide struct {
	Name    string
	Title   string
	Summary string        // its first paragraph, as plain text
	Brief   template.HTML // the same, with its code words as such
	Lead    template.HTML // the same, as it is shown
	Body    template.HTML
	Heads   []*head // its sections

	Before, After *guide
}

// head is a heading below the guide's title.
type head struct {
	ID, Text string
	Heads    []*head
}

// library holds the guides by language. The anchors of both languages are made
// from the English headings, so that a link holds in either.
var library = sync.OnceValues(func() (map[string][]*guide, error) {
	all := map[string][]*guide{}
	for _, name := range order {
		var anchors []string
		for _, lang := range []string{language.English, language.Chinese} {
			src, err := guideFiles.ReadFile("guides/" + folder[lang] + "/" + name + ".md")
			if err != nil {
				return nil, err
			}
			g, made, err := readGuide(name, lang, src, anchors)
			if err != nil {
				return nil, fmt.Errorf("docs: the guide %s in %s: %w", name, lang, err)
			}
			anchors = made
			if n := len(all[lang]); n > 0 {
				g.Before = all[lang][n-1]
				g.Before.After = g
			}
			all[lang] = append(all[lang], g)
		}
	}
	return all, nil
})

var folder = map[string]string{language.Chinese: "zh", language.English: "en"}

func guidesIn(lang string) []*guide {
	all, err := library()
	if err != nil { // guides are part of the program: a test reads each
		return nil
	}
	return all[lang]
}

func (d *docs) guide(w http.ResponseWriter, r *http.Request) {
	lang := languageOf(r)
	guides := guidesIn(lang)
	for _, g := range guides {
		if g.Name == r.PathValue("name") {
			d.render(w, r, http.StatusOK, "guide", frame{Title: g.Title, Description: g.Summary, Section: "guides",
				Data: map[string]any{"Guides": guides, "Guide": g}})
			return
		}
	}
	d.missing(w, r)
}
