package house

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"

	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/secret"
)

// Import is what `import` is told of one file. Taken is false where nothing was
// stored: the file disagrees with itself and that was not accepted, or it was
// only looked at.
type Import struct {
	Report aggregate.ImportReport `json:"report"`
	Taken  bool                   `json:"taken"`
}

// importSaid is the first part of what the verb sends; the file is the second.
// A password stands here and nowhere else: addresses are logged.
type importSaid struct {
	Password string            `json:"password,omitempty"`
	Mapping  *billfile.Mapping `json:"mapping,omitempty"`
	Accept   bool              `json:"accept,omitempty"`
	Dry      bool              `json:"dry,omitempty"`
	Account  string            `json:"account,omitempty"`
	Size     int64             `json:"size"`
}

// importNews is a line of the answer: how far it is, then what came of it.
type importNews struct {
	Progress *aggregate.Progress `json:"progress,omitempty"`
	Done     *Import             `json:"done,omitempty"`
	Code     string              `json:"code,omitempty"`
	Detail   string              `json:"detail,omitempty"`
}

var errImportForm = &fault.Error{Kind: fault.Invalid, Code: "invalid_request", Detail: "this is not the form that the verb sends"}

// bills takes a file in for a person. The answer begins when the file has come whole.
func (a *admin) bills(w http.ResponseWriter, r *http.Request) {
	out := newPatient(w)
	said, file, done, err := a.receive(r)
	if err != nil {
		a.answer(w, nil, err)
		return
	}
	defer done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.house.stopping, cancel)()
	tell := func(n importNews) {
		if json.NewEncoder(out).Encode(n) != nil {
			cancel() // nobody is there any more
		}
	}
	report, err := a.house.Aggregate.Import(ctx, consent.PersonID(r.PathValue("id")), file, aggregate.Taking{
		Options: billfile.Options{Password: secret.Of(said.Password), Mapping: said.Mapping}, Accept: said.Accept, Dry: said.Dry, Called: said.Account,
		Progress: func(p aggregate.Progress) { tell(importNews{Progress: &p}) }})
	switch {
	case errors.Is(err, aggregate.ErrMismatch), err == nil && said.Dry:
		tell(importNews{Done: &Import{Report: report}})
	case err != nil:
		f := fault.Of(err)
		a.log.Warn("a file was not imported", "code", f.Code, "err", err)
		tell(importNews{Code: f.Code, Detail: f.Detail})
	default:
		tell(importNews{Done: &Import{Report: report, Taken: true}})
	}
}

// receive reads the form. The file has come whole if the form has.
func (a *admin) receive(r *http.Request) (said importSaid, file aggregate.Sized, done func(), err error) {
	form, err := r.MultipartReader()
	if err != nil {
		return said, nil, nil, errImportForm.Because(err)
	}
	part, err := form.NextPart()
	if err != nil {
		return said, nil, nil, errImportForm.Because(err)
	}
	if err := json.NewDecoder(io.LimitReader(part, readCap)).Decode(&said); err != nil {
		return said, nil, nil, errImportForm.Because(fault.Cause("the first part is no JSON")) // json's own error may quote it
	}
	if part, err = form.NextPart(); err != nil {
		return said, nil, nil, billfile.ErrInterrupted.Because(err)
	}
	if file, done, err = spool(a.house.data, part, said.Size); err != nil {
		return said, nil, nil, err
	}
	if _, err := form.NextPart(); err != io.EOF {
		done()
		return said, nil, nil, billfile.ErrInterrupted.Because(err)
	}
	return said, file, done, nil
}

// Import sends a file of a size and answers what came of it; how.Progress is
// told meanwhile. An end of ctx ends the import.
func (t *Talker) Import(ctx context.Context, person string, file io.Reader, size int64, how aggregate.Taking) (Import, error) {
	body, pipe := io.Pipe()
	defer body.Close()
	form := multipart.NewWriter(pipe)
	go func() {
		var err error
		defer func() { _ = pipe.CloseWithError(err) }()
		defer fault.Caught(&err)
		err = sendImport(form, importSaid{how.Password.RevealString(), how.Mapping, how.Accept, how.Dry, how.Called, size}, file)
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/people/"+url.PathEscape(person)+"/bills", body)
	if err != nil {
		return Import{}, err
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	answer, err := t.send(r)
	if err != nil {
		return Import{}, err
	}
	defer answer.Close()
	for lines := json.NewDecoder(answer); ; {
		var n importNews
		switch err := lines.Decode(&n); {
		case ctx.Err() != nil:
			return Import{}, ctx.Err()
		case err != nil:
			return Import{}, errors.Join(errors.New("the server broke off; look before importing again"), err)
		case n.Code != "":
			return Import{}, &Refusal{n.Code, n.Detail}
		case n.Done != nil:
			return *n.Done, nil
		case n.Progress != nil && how.Progress != nil:
			how.Progress(*n.Progress)
		}
	}
}

func sendImport(form *multipart.Writer, said importSaid, file io.Reader) error {
	part, err := form.CreateFormField("said")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(part).Encode(said); err != nil {
		return err
	}
	if part, err = form.CreateFormFile("file", "file"); err != nil {
		return err
	}
	if _, err := io.Copy(part, file); err != nil {
		return err
	}
	return form.Close()
}
