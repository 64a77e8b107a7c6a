package docs

import "net/http"

// referenced is a document, and whether calls can be made from its page. Those
// of the data API cannot: every call needs a proof that only a client can make.
type referenced struct {
	Document string
	TryIt    bool
}

func (d *docs) reference(w http.ResponseWriter, r *http.Request, of referenced) {
	title, section := "reference.title", "reference"
	if of.TryIt {
		title, section = "reference.sandbox", "sandbox"
	}
	d.render(w, r, http.StatusOK, "reference", frame{Title: words[title].in(languageOf(r)), Section: section, Data: of})
}
