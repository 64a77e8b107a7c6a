package page

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/language"
	"jali/internal/secret"
)

// review is all files of one go: what waits for the person's yes, what lacks a
// word of theirs, and what could not be read. Nothing of it is kept between
// two pages but the ids of what waits.
type review struct {
	Files  []reviewed
	Failed []failedFile
	Next   string
	Self   string
	Ready  int // files that can be taken in

	waiting []waiting
	said    url.Values // to which accounts they belong, as it was said last
	status  fault.Kind // of the last failure
}

// waiting is one staged file; its name is what the browser called it.
type waiting struct {
	ID, Name string

	read   bool // what follows is what a reading of it gave
	staged aggregate.Upload
	err    error
}

// reviewed is a waiting file as it is shown.
type reviewed struct {
	ID, Name string
	State    string // "ready", "password", "mapping"
	Wrong    said   // why the last try to open it failed
	aggregate.Upload
	Accounts []reviewedAccount
	Problems []problem
	Mapping  *mappingForm
}

// reviewedAccount is what a file tells of one account.
type reviewedAccount struct {
	aggregate.AccountReport
	Kinds []kindCount
	Whose *whose
}

type kindCount struct {
	Kind  connectors.Kind
	Count int
	Share int // of the most, in percent
}

// problem is one disagreement of a file with itself, in words.
type problem struct{ Text, Claimed, Rows string }

// carry takes a field that says what waits from before.
func (v *review) carry(name, value string) {
	switch name {
	case "next":
		v.Next = localPath(value)
	case "u":
		if value != "" && len(v.waiting) < maxFiles && !slices.ContainsFunc(v.waiting, func(f waiting) bool { return f.ID == value }) {
			v.waiting = append(v.waiting, waiting{ID: value})
		}
	case "n": // of the u before it
		if n := len(v.waiting); n > 0 && v.waiting[n-1].Name == "" {
			v.waiting[n-1].Name = called(value)
		}
	}
}

func byIDs(ids []string) (all []waiting) {
	for _, id := range ids {
		all = append(all, waiting{ID: id})
	}
	return all
}

// self is where the same files are shown again.
func (v *review) self() string {
	q := url.Values{}
	for _, f := range v.waiting {
		q.Add("u", f.ID)
	}
	if v.Next != "" {
		q.Set("next", v.Next)
	}
	return "/upload/review?" + q.Encode()
}

func (v *review) fail(name string, words *catalog, err error) {
	f := fault.Of(err)
	v.status = f.Kind
	v.Failed = append(v.Failed, failedFile{name, words.wrongFile(err)})
}

// wrongFile says what is wrong with a file, and where.
func (c *catalog) wrongFile(err error) said {
	wrong := c.fault(fault.Of(err))
	var place *billfile.Place
	if errors.As(err, &place) {
		wrong.Detail = c.place(place)
	}
	var unknown *billfile.Unknown
	if errors.As(err, &unknown) {
		wrong.Detail = c.or("unknown_file."+unknown.Looks, wrong.Detail)
	}
	return wrong
}

// fromForm takes what waits out of a small form, whose u and n alternate.
func (v *review) fromForm(form url.Values) {
	v.Next = localPath(form.Get("next"))
	for i, id := range form["u"] {
		v.carry("u", id)
		if i < len(form["n"]) {
			v.carry("n", form["n"][i])
		}
	}
}

func (p *Page) uploadReview(w http.ResponseWriter, r *http.Request, s consent.Session) {
	v := &review{}
	v.fromForm(r.URL.Query())
	if len(v.waiting) == 0 {
		http.Redirect(w, r, "/upload", http.StatusSeeOther)
		return
	}
	p.showReview(w, r, s, v)
}

// uploadPassword tries a password on one of the files that wait.
func (p *Page) uploadPassword(w http.ResponseWriter, r *http.Request, s consent.Session) {
	password := r.PostFormValue("password")
	if password == "" || len(password) > 256 {
		p.fail(w, r, errForm)
		return
	}
	p.reopen(w, r, s, billfile.Options{Password: secret.Of(password)})
}

// reopen reads one of the files that wait anew, with what was said of it now.
func (p *Page) reopen(w http.ResponseWriter, r *http.Request, s consent.Session, o billfile.Options) {
	v, id := &review{}, r.PathValue("upload")
	v.fromForm(r.PostForm)
	v.carry("u", id)
	staged, err := p.Aggregate.Reopen(r.Context(), s, id, o)
	if err != nil && !theirs(err) {
		p.fail(w, r, err)
		return
	}
	i := slices.IndexFunc(v.waiting, func(f waiting) bool { return f.ID == id })
	if i < 0 {
		p.fail(w, r, errManyFiles)
		return
	}
	f := &v.waiting[i]
	f.staged, f.err, f.read = staged, err, true
	words := p.views[language.Of(r)].words
	wrong := said{}
	switch {
	case o.Mapping != nil && err != nil && !errors.Is(err, billfile.ErrPassword):
		wrong = words.wrongFile(err)
		f.read = false // as it waits, beside what was tried
	case !o.Password.Empty() && errors.Is(err, billfile.ErrPassword):
		wrong = words.wrongFile(err)
	}
	p.showReviewOf(w, r, s, v, id, wrong, o.Mapping)
}

func (p *Page) showReview(w http.ResponseWriter, r *http.Request, s consent.Session, v *review) {
	p.showReviewOf(w, r, s, v, "", said{}, nil)
}

// showReviewOf shows all that waits; of the file tried, what was wrong with the
// try, and the mapping that was drawn.
func (p *Page) showReviewOf(w http.ResponseWriter, r *http.Request, s consent.Session, v *review, tried string, wrong said, drawn *billfile.Mapping) {
	words := p.views[language.Of(r)].words
	var here []waiting
	for _, f := range v.waiting {
		if !f.read {
			f.staged, f.err = p.Aggregate.Reopen(r.Context(), s, f.ID, billfile.Options{})
		}
		one := reviewed{ID: f.ID, Name: f.Name, Upload: f.staged}
		if f.ID == tried {
			one.Wrong = wrong
		}
		var table *billfile.Unmapped
		switch {
		case f.err == nil:
			one.ready(words, v.said)
			v.Ready++
		case errors.As(f.err, &table):
			one.State, one.Mapping = "mapping", words.mappingForm(table)
			if f.ID == tried && drawn != nil {
				one.Mapping.Mapping = *drawn
			}
		case errors.Is(f.err, billfile.ErrPassword):
			one.State = "password"
		case theirs(f.err) || errors.Is(f.err, aggregate.ErrNoUpload):
			v.fail(f.Name, words, f.err)
			continue
		default:
			p.fail(w, r, f.err)
			return
		}
		here = append(here, f)
		v.Files = append(v.Files, one)
	}
	if v.waiting = here; len(here) == 0 {
		p.retry(w, r, s, v)
		return
	}
	v.Self = v.self()
	status := http.StatusOK
	if wrong.Code != "" {
		status = http.StatusBadRequest
	}
	f := p.frameOf(r, s, "preview.title", "sources", v)
	f.Self = v.Self
	p.render(w, r, status, "review", f)
}

// ready is what a file holds, in words.
func (f *reviewed) ready(words *catalog, said url.Values) {
	f.State = "ready"
	for n, a := range f.Report.Accounts {
		f.Accounts = append(f.Accounts, reviewedAccount{a, kinds(a.Kinds), words.whose(f.ID, n, a, said)})
	}
	for _, pr := range f.Report.Problems {
		f.Problems = append(f.Problems, words.problem(pr))
	}
	if f.Upload.Mapping != nil {
		f.Mapping = words.mappingForm(&billfile.Unmapped{Header: f.Upload.Mapping.Header})
		f.Mapping.Mapping = *f.Upload.Mapping
	}
}

// kinds are counts, the most first.
func kinds(counts map[connectors.Kind]int) []kindCount {
	var all []kindCount
	for k, n := range counts {
		all = append(all, kindCount{Kind: k, Count: n})
	}
	slices.SortFunc(all, func(a, b kindCount) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(string(a.Kind), string(b.Kind))
	})
	for i := range all {
		all[i].Share = max(1, 100*all[i].Count/max(1, all[0].Count))
	}
	return all
}

// ReportAccount is an account of a file as it is called on the page.
func (c *catalog) ReportAccount(a aggregate.AccountReport) string {
	name := a.Name
	if name == "" {
		name = c.T("account.kind." + string(a.Kind))
	}
	if a.Tail != "" {
		name += " ···" + a.Tail
	}
	return name
}
