package docs

import (
	"cmp"
	"encoding/json"
	"html/template"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"jali/internal/language"
	"jali/openapi"
	"jali/openapi/problems"
)

// explained is an entry of the catalogue in one language, and where it is met.
type explained struct {
	Code                   string
	Owner, Action          string
	Waits                  bool
	Title, Meaning, Remedy string
	Detail                 string
	Met                    []problems.Place
	Answers                []answer
	Find                   string // what a search looks in
}

func explain(e problems.Entry, lang string) explained {
	in := func(n problems.Name) string { return name{n.ZH, n.EN}.in(lang) }
	detail, _ := problems.Detail(e.Detail, lang) // a test of the catalogue holds that there are words for it
	return explained{Code: e.Code, Owner: string(e.Owner), Action: e.Action, Waits: e.Waits,
		Title: in(e.Title), Meaning: in(e.Meaning), Remedy: in(e.Remedy), Detail: detail, Met: e.Met,
		Find: strings.ToLower(strings.Join([]string{e.Code, e.Title.ZH, e.Title.EN, e.Meaning.ZH, e.Meaning.EN}, " "))}
}

// group is the codes that are first met at one place.
type group struct {
	Place problems.Place
	Codes []explained
}

func (d *docs) problems(w http.ResponseWriter, r *http.Request) {
	lang, sought := languageOf(r), strings.TrimSpace(r.URL.Query().Get("q"))
	var groups []group
	found := 0
	for _, place := range []problems.Place{problems.Data, problems.OAuth, problems.Report, problems.Sandbox} {
		if place == problems.Sandbox && d.Sandbox == nil {
			continue
		}
		g := group{Place: place}
		for _, e := range problems.All() {
			if one := explain(e, lang); e.Met[0] == place && strings.Contains(one.Find, strings.ToLower(sought)) {
				g.Codes = append(g.Codes, one)
			}
		}
		if found += len(g.Codes); len(g.Codes) > 0 {
			groups = append(groups, g)
		}
	}
	if prefersJSON(r) {
		list := []any{}
		for _, g := range groups {
			for _, e := range g.Codes {
				list = append(list, d.told(e.Code))
			}
		}
		writeJSON(w, http.StatusOK, map[string]any{"problems": list})
		return
	}
	d.render(w, r, http.StatusOK, "problems", frame{Title: words["problems.title"].in(lang), Description: words["problems.what"].in(lang), Section: "problems",
		Data: map[string]any{"Groups": groups, "Sought": sought, "Found": found}})
}

func (d *docs) problem(w http.ResponseWriter, r *http.Request) {
	lang, code := languageOf(r), r.PathValue("code")
	e, ok := problems.Find(code)
	if !ok {
		d.unknown(w, r, code)
		return
	}
	if prefersJSON(r) {
		writeJSON(w, http.StatusOK, d.told(code))
		return
	}
	one := explain(e, lang)
	one.Answers = d.answersOf(code)
	d.render(w, r, http.StatusOK, "problem", frame{Title: one.Title, Description: one.Meaning, Section: "problems",
		Data: map[string]any{"Problem": one, "Example": example(one)}})
}

// unknown answers a code that is none of ours, with those that look like it.
func (d *docs) unknown(w http.ResponseWriter, r *http.Request, code string) {
	if prefersJSON(r) {
		// Without a type of its own (RFC 9457, section 4.2.1): it is none of the API's.
		w.Header().Set("Content-Type", "application/problem+json")
		writeJSON(w, http.StatusNotFound, map[string]any{"title": http.StatusText(http.StatusNotFound), "status": http.StatusNotFound})
		return
	}
	type near struct {
		explained
		shared int
	}
	var alike []near
	for _, e := range problems.All() {
		shared := 0
		for _, part := range strings.Split(e.Code, "_") {
			if len(part) > 2 && strings.Contains(code, part) {
				shared += len(part)
			}
		}
		if shared > 0 {
			for i := 0; i < min(len(code), len(e.Code)) && code[i] == e.Code[i]; i++ {
				shared++
			}
			alike = append(alike, near{explain(e, languageOf(r)), shared})
		}
	}
	slices.SortStableFunc(alike, func(a, b near) int { return cmp.Compare(b.shared, a.shared) })
	d.render(w, r, http.StatusNotFound, "missing", frame{Title: words["problem.unknown"].in(languageOf(r)), Section: "problems",
		Data: map[string]any{"Problem": true, "Alike": alike[:min(len(alike), 5)]}})
}

func (d *docs) answersOf(code string) []answer {
	all, err := d.answers()
	if err != nil { // the documents are part of the program: a test reads them
		return nil
	}
	return all[code]
}

// told is an entry for programs, in both languages.
func (d *docs) told(code string) map[string]any {
	e, _ := problems.Find(code)
	both := func(n problems.Name) map[string]string {
		return map[string]string{language.Chinese: n.ZH, language.English: n.EN}
	}
	told := map[string]any{"code": e.Code, "owner": e.Owner, "met": e.Met, "title": both(e.Title), "meaning": both(e.Meaning), "remedy": both(e.Remedy),
		"answers": append([]answer{}, d.answersOf(code)...)}
	if e.Action != "" { // as in an answer
		told["action"] = e.Action
	}
	return told
}

// example is the body of the first answer that holds a code. A source's report
// is a part of a whole view, and has none.
func example(e explained) string {
	if len(e.Answers) == 0 || e.Answers[0].Status < http.StatusBadRequest {
		return ""
	}
	var v any = struct {
		Error string `json:"error"`
		URI   string `json:"error_uri"`
	}{e.Code, problems.URL("https://jali.example", e.Code)}
	if a := e.Answers[0]; a.Media == "application/problem+json" {
		p := openapi.Problem{Type: problems.URL("https://jali.example", e.Code), Title: e.Title, Status: a.Status, Code: e.Code,
			Owner: openapi.ProblemOwner(e.Owner), Action: openapi.ProblemAction(e.Action), Detail: e.Detail, RequestID: "4QZ3N7K2M5T6V8X9YBCDEFGHJK"}
		if e.Waits {
			p.RetryAfter = 30
		}
		v = p
	}
	b, _ := json.MarshalIndent(v, "", "  ")
	return string(b)
}

// prefersJSON reports whether JSON is asked for by name, and not less than HTML
// (RFC 9110, section 12.5.1).
func prefersJSON(r *http.Request) bool {
	weights := map[string]float64{}
	for _, part := range strings.Split(r.Header.Get("Accept"), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if v, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(v, 64); err != nil {
				continue
			}
		}
		weights[media] = max(weights[media], q)
	}
	wanted := max(weights["application/json"], weights["application/problem+json"])
	return wanted > 0 && wanted >= weights["text/html"]
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Add("Vary", "Accept")
	h.Set("Cache-Control", "no-cache")
	b, err := json.Marshal(v)
	if err != nil {
		b, status = []byte("{}"), http.StatusInternalServerError
	}
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// ticked is a text whose `code` is shown as such.
func ticked(s string) template.HTML {
	parts := strings.Split(template.HTMLEscapeString(s), "`")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = "<code>" + parts[i] + "</code>"
	}
	return template.HTML(strings.Join(parts, "")) //nolint:gosec // escaped above
}
