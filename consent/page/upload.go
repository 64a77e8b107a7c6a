package page

import (
	"errors"
	"io"
	"mime/multipart"
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
	"jali/internal/language"
)

const (
	maxUpload = billfile.MaxSize + 64<<10 // a file and the little around it
	maxFiles  = 12                        // in one go
)

var (
	errNoFile = &fault.Error{Kind: fault.Invalid, Code: "no_file", Owner: fault.Person, Action: "upload",
		Detail: "no file was chosen"}
	errManyFiles = &fault.Error{Kind: fault.Invalid, Code: "many_files", Owner: fault.Person, Action: "upload",
		Detail: "at most twelve files are looked at together"}
)

type uploadPage struct {
	Failed []failedFile
	Next   string
	Max    int // bytes of a file
}

// failedFile is one of which nothing was kept.
type failedFile struct {
	Name  string
	Wrong said
}

func (p *Page) uploadForm(w http.ResponseWriter, r *http.Request, s consent.Session) {
	p.render(w, r, http.StatusOK, "upload", p.frameOf(r, s, "upload.title", "sources",
		uploadPage{Next: localPath(r.URL.Query().Get("next")), Max: billfile.MaxSize}))
}

// upload reads the form as a stream: its token comes first, then what waits
// from before, then the files, each of which nothing but the parser holds.
func (p *Page) upload(w http.ResponseWriter, r *http.Request, s consent.Session) {
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	form, err := r.MultipartReader()
	if err != nil {
		p.fail(w, r, errForm.Because(err))
		return
	}
	v, known := &review{}, false
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			p.uploadFailed(w, r, s, v, "", formFault(err))
			return
		}
		if part.FormName() == "file" {
			if !known {
				p.fail(w, r, errToken)
				return
			}
			if part.FileName() == "" {
				continue
			}
			if !p.stage(w, r, s, v, part) {
				return
			}
			continue
		}
		b, err := io.ReadAll(io.LimitReader(part, 4096))
		if err != nil {
			p.uploadFailed(w, r, s, v, "", formFault(err))
			return
		}
		if part.FormName() == tokenField {
			if known = p.Passkeys.CheckCSRF(s, string(b)); !known {
				p.fail(w, r, errToken)
				return
			}
		}
		v.carry(part.FormName(), string(b))
	}
	switch {
	case !known:
		p.fail(w, r, errToken)
	case len(v.waiting)+len(v.Failed) == 0:
		p.uploadFailed(w, r, s, v, "", errNoFile)
	case len(v.waiting) == 0:
		p.retry(w, r, s, v)
	default:
		p.showReview(w, r, s, v)
	}
}

// stage reads one file of several. It answers false if the whole is over.
func (p *Page) stage(w http.ResponseWriter, r *http.Request, s consent.Session, v *review, part *multipart.Part) bool {
	name := called(part.FileName())
	if len(v.waiting)+len(v.Failed) >= maxFiles {
		p.uploadFailed(w, r, s, v, name, errManyFiles)
		return false
	}
	staged, err := p.Aggregate.Stage(r.Context(), s, part, billfile.Options{})
	var size *http.MaxBytesError
	switch {
	case errors.As(err, &size):
		p.uploadFailed(w, r, s, v, name, formFault(err))
		return false
	case staged.ID != "": // it may lack a word of the person's
		v.waiting = append(v.waiting, waiting{ID: staged.ID, Name: name, staged: staged, err: err, read: true})
	case err != nil && !theirs(err):
		p.fail(w, r, err)
		return false
	case err != nil:
		v.fail(name, p.views[language.Of(r)].words, err)
	}
	return true
}

// theirs reports a fault that its person can mend: a file that is wrong.
func theirs(err error) bool {
	switch fault.Of(err).Kind {
	case fault.Invalid, fault.TooLarge, fault.Unsupported, fault.Conflict, fault.Mismatch:
		return true
	}
	return false
}

// uploadFailed ends an upload with one more fault. It keeps the person on a
// page where they can go on, if it is the file that is wrong.
func (p *Page) uploadFailed(w http.ResponseWriter, r *http.Request, s consent.Session, v *review, name string, err error) {
	if !theirs(err) {
		p.fail(w, r, err)
		return
	}
	v.fail(name, p.views[language.Of(r)].words, err)
	if len(v.waiting) > 0 {
		p.showReview(w, r, s, v)
		return
	}
	p.retry(w, r, s, v)
}

// retry shows the upload page with what was wrong; its status is the last one's.
func (p *Page) retry(w http.ResponseWriter, r *http.Request, s consent.Session, v *review) {
	f := p.frameOf(r, s, "upload.title", "sources", uploadPage{Failed: v.Failed, Next: v.Next, Max: billfile.MaxSize})
	f.Self = "/upload"
	p.render(w, r, p.Status(v.status), "upload", f)
}

// called is a file's name as it may be shown: the last part of what the
// browser says, in one line.
func called(name string) string {
	name = strings.ToValidUTF8(name[strings.LastIndexAny(name, `/\`)+1:], "")
	name = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > 80 {
		name = string(runes[:80])
	}
	return name
}

// uploadAccept takes in the files that were chosen of those that wait, each by
// itself: one that fails takes none along, and none of those before it back.
func (p *Page) uploadAccept(w http.ResponseWriter, r *http.Request, s consent.Session) {
	take := r.PostForm["take"]
	if len(take) == 0 || len(take) > maxFiles {
		p.fail(w, r, errNoFile)
		return
	}
	q, v := url.Values{}, &review{}
	v.fromForm(r.PostForm)
	v.said = r.PostForm
	for i, id := range take {
		to, err := belongs(r.PostForm, id)
		var report aggregate.ImportReport
		if err == nil {
			report, err = p.Aggregate.Accept(r.Context(), s, id, slices.Contains(r.PostForm["anyway"], id), to)
		}
		if err != nil && len(q) == 0 {
			if !theirs(err) || len(v.waiting) == 0 {
				p.fail(w, r, err)
				return
			}
			p.showReviewOf(w, r, s, v, id, p.views[language.Of(r)].words.wrongFile(err), nil)
			return
		}
		if err != nil { // what came in before it did come in
			p.Log.WarnContext(r.Context(), "a file of several was not taken in", "code", fault.Of(err).Code)
			q["left"] = append(q["left"], take[i:]...)
			break
		}
		q.Add("source", report.Source.ID)
		q.Add("rows", strconv.Itoa(report.Rows))
		q.Add("known", strconv.Itoa(report.Known))
		q.Add("from", report.Covers.From.In(shanghai).Format(time.DateOnly))
		q.Add("to", report.Covers.To.Add(-1).In(shanghai).Format(time.DateOnly))
	}
	for _, f := range v.waiting {
		if !slices.Contains(take, f.ID) {
			q.Add("left", f.ID)
		}
	}
	if next := localPath(r.PostFormValue("next")); next != "" {
		q.Set("next", next)
	}
	http.Redirect(w, r, "/upload/done?"+q.Encode(), http.StatusSeeOther)
}

// takenIn is what the page says of one file afterwards.
type takenIn struct {
	Source      connectors.Source
	Rows, Known int
	Added       int
	From, To    consent.Date
	Dated       bool
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
	nth := func(name string, i int) string {
		if i < len(q[name]) {
			return q[name][i]
		}
		return ""
	}
	var files []takenIn
	added, known, month := 0, 0, ""
	for n, id := range q["source"] {
		i := slices.IndexFunc(sources, func(s connectors.Source) bool { return s.ID == id })
		f := takenIn{Rows: atoi(nth("rows", n)), Known: atoi(nth("known", n)), From: consent.Date(nth("from", n)), To: consent.Date(nth("to", n))}
		if i < 0 || n >= maxFiles || f.Rows < 0 || f.Known < 0 || f.Known > f.Rows {
			p.fail(w, r, errNoPage)
			return
		}
		f.Source, f.Added, f.Dated = sources[i], f.Rows-f.Known, f.From.Valid() && f.To.Valid()
		if f.To.Valid() {
			month = max(month, string(f.To)[:7])
		}
		files, added, known = append(files, f), added+f.Added, known+f.Known
	}
	if len(files) == 0 {
		p.fail(w, r, errNoPage)
		return
	}
	left := ""
	if len(q["left"]) > 0 {
		left = (&review{waiting: byIDs(q["left"]), Next: localPath(q.Get("next"))}).self()
	}
	p.render(w, r, http.StatusOK, "uploaded", p.frameOf(r, s, "uploaded.title", "sources", map[string]any{
		"Files": files, "Known": known, "Added": added, "Month": month, "Next": localPath(q.Get("next")), "Left": left}))
}
