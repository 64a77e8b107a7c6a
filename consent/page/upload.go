package page

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
)

// maxUpload is a file and the little around it.
const maxUpload = billfile.MaxSize + 64<<10

var errNoFile = &fault.Error{Kind: fault.Invalid, Code: "no_file", Owner: fault.Person, Action: "upload",
	Detail: "no file was chosen"}

type uploadPage struct {
	Wrong said // the last try's
	Next  string
	Max   int // bytes of a file
}

type previewPage struct {
	aggregate.Upload
	Kinds    []kindCount
	Problems []problem
	Next     string
}

type kindCount struct {
	Kind  connectors.Kind
	Count int
}

// problem is one disagreement of a file with itself, in words.
type problem struct{ Text, Claimed, Rows string }

func (p *Page) uploadForm(w http.ResponseWriter, r *http.Request, s consent.Session) {
	p.render(w, r, http.StatusOK, "upload", p.frameOf(r, s, "upload.title", "sources",
		uploadPage{Next: localPath(r.URL.Query().Get("next")), Max: billfile.MaxSize}))
}

// upload reads the form as a stream: its token comes first, then the file,
// which nothing but the parser keeps.
func (p *Page) upload(w http.ResponseWriter, r *http.Request, s consent.Session) {
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	form, err := r.MultipartReader()
	if err != nil {
		p.fail(w, r, errForm.Because(err))
		return
	}
	next, known := "", false
	for {
		part, err := form.NextPart()
		if err != nil {
			p.uploadFailed(w, r, s, next, partFault(err))
			return
		}
		switch part.FormName() {
		case tokenField, "next":
			b, err := io.ReadAll(io.LimitReader(part, 4096))
			if err != nil {
				p.uploadFailed(w, r, s, next, partFault(err))
				return
			}
			if part.FormName() == "next" {
				next = localPath(string(b))
				continue
			}
			if known = p.Passkeys.CheckCSRF(s, string(b)); !known {
				p.fail(w, r, errToken)
				return
			}
		case "file":
			if !known {
				p.fail(w, r, errToken)
				return
			}
			if part.FileName() == "" {
				p.uploadFailed(w, r, s, next, errNoFile)
				return
			}
			staged, err := p.Aggregate.Stage(r.Context(), s, part, billfile.Options{})
			var size *http.MaxBytesError
			switch {
			case errors.As(err, &size):
				p.uploadFailed(w, r, s, next, partFault(err))
			case err != nil:
				p.uploadFailed(w, r, s, next, err)
			default:
				p.preview(w, r, s, staged, next)
			}
			return
		}
	}
}

func partFault(err error) error {
	if errors.Is(err, io.EOF) {
		return errNoFile
	}
	return formFault(err)
}

// uploadFailed keeps the person on the page where they can try again, if it is
// the file that is wrong.
func (p *Page) uploadFailed(w http.ResponseWriter, r *http.Request, s consent.Session, next string, err error) {
	f := fault.Of(err)
	switch f.Kind {
	case fault.Invalid, fault.TooLarge, fault.Unsupported, fault.Conflict, fault.Mismatch:
	default:
		p.fail(w, r, err)
		return
	}
	words := p.views[language(r)].words
	wrong := words.fault(f)
	var place *billfile.Place
	if errors.As(err, &place) {
		wrong.Detail = words.place(place)
	}
	page := p.frameOf(r, s, "upload.title", "sources", uploadPage{Wrong: wrong, Next: next, Max: billfile.MaxSize})
	page.Self = "/upload"
	p.render(w, r, p.Status(f.Kind), "upload", page)
}

func (p *Page) preview(w http.ResponseWriter, r *http.Request, s consent.Session, u aggregate.Upload, next string) {
	words := p.views[language(r)].words
	d := previewPage{Upload: u, Next: next}
	for k, n := range u.Report.Kinds {
		d.Kinds = append(d.Kinds, kindCount{k, n})
	}
	slices.SortFunc(d.Kinds, func(a, b kindCount) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(string(a.Kind), string(b.Kind))
	})
	for _, pr := range u.Report.Problems {
		d.Problems = append(d.Problems, words.problem(pr))
	}
	f := p.frameOf(r, s, "preview.title", "sources", d)
	f.Self = "/upload"
	p.render(w, r, http.StatusOK, "preview", f)
}

func (p *Page) uploadAccept(w http.ResponseWriter, r *http.Request, s consent.Session) {
	report, err := p.Aggregate.Accept(r.Context(), s, r.PathValue("upload"), r.PostFormValue("accept_mismatch") == "yes")
	if err != nil {
		p.fail(w, r, err)
		return
	}
	q := url.Values{"source": {report.Source.ID}, "rows": {strconv.Itoa(report.Rows)}, "known": {strconv.Itoa(report.Known)},
		"from": {report.Covers.From.In(shanghai).Format(time.DateOnly)}, "to": {report.Covers.To.Add(-1).In(shanghai).Format(time.DateOnly)}}
	if next := localPath(r.PostFormValue("next")); next != "" {
		q.Set("next", next)
	}
	http.Redirect(w, r, "/upload/done?"+q.Encode(), http.StatusSeeOther)
}

// uploadDone says what was taken in; a reload says it again and does nothing.
func (p *Page) uploadDone(w http.ResponseWriter, r *http.Request, s consent.Session) {
	q := r.URL.Query()
	sources := p.Aggregate.Sources()
	connections, err := p.Aggregate.Connections(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	for _, c := range connections {
		sources = append(sources, c.Source)
	}
	i := slices.IndexFunc(sources, func(s connectors.Source) bool { return s.ID == q.Get("source") })
	rows, known := atoi(q.Get("rows")), atoi(q.Get("known"))
	if i < 0 || rows < 0 || known < 0 || known > rows {
		p.fail(w, r, errNoPage)
		return
	}
	from, to := consent.Date(q.Get("from")), consent.Date(q.Get("to"))
	month := ""
	if to.Valid() {
		month = string(to)[:7]
	}
	p.render(w, r, http.StatusOK, "uploaded", p.frameOf(r, s, "uploaded.title", "sources", map[string]any{
		"Source": sources[i], "Rows": rows, "Known": known, "Added": rows - known, "From": from, "To": to,
		"Dated": from.Valid() && to.Valid(), "Month": month, "Next": localPath(q.Get("next"))}))
}
