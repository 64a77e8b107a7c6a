package aggregate

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/ledger"
	"jali/internal/secret"
	"jali/vault"
)

const (
	uploadLife  = time.Hour
	maxUploads  = 4   // of one person, waiting; the oldest goes
	uploadChunk = 500 // bills in one sealed part
)

// upload is a staged file's row; its parts are sealed beside it.
type upload struct {
	ID     string           `json:"id"`
	Person consent.PersonID `json:"person"`
	Until  time.Time        `json:"until"`
	Part   string           `json:"part"`           // the connection's, if there comes to be one
	Into   string           `json:"into,omitempty"` // the connection whose files were like it, when it came
	Parts  int              `json:"parts"`
}

// staged is one sealed part of a file: part 0 all but its bills.
type staged struct {
	Part  int               `json:"part"`
	File  *fileHead         `json:"file,omitempty"`
	Bills []connectors.Bill `json:"bills,omitempty"`
}

// fileHead is a file without its bills, its secrets laid open to be sealed.
type fileHead struct {
	Format   string                 `json:"format"`
	Source   string                 `json:"source"`
	Called   called                 `json:"called"`
	Ref      string                 `json:"ref"`
	Number   string                 `json:"number"`
	Holder   string                 `json:"holder"`
	Kind     connectors.AccountKind `json:"kind"`
	Side     connectors.Side        `json:"side"`
	Name     string                 `json:"name"`
	Currency string                 `json:"currency"`
	Covers   connectors.Span        `json:"covers"`
	Problems []billfile.Problem     `json:"problems"`
}

// taken is a file on its way in.
type taken struct {
	fileHead
	bills []connectors.Bill
}

func takenOf(f *billfile.File) taken {
	a := f.Accounts[0]
	t := taken{fileHead{Format: f.Format, Source: f.Source.ID, Called: called{f.Source.Name, f.Source.Kind}, Ref: a.Ref.ID.RevealString(), Number: a.Number.RevealString(),
		Holder: f.Holder.RevealString(), Kind: a.Kind, Side: a.Side, Name: a.Name, Currency: a.Currency,
		Covers: a.Covers, Problems: f.Problems}, a.Bills}
	if t.Ref == "" {
		t.Ref = "holder:" + t.Holder // two people's files are two accounts
	}
	return t
}

func uploadKey(p consent.PersonID, id string) []byte { return kv.Key("aggregate", "upload", p, id) }
func uploadPartKey(p consent.PersonID, id string, n int) []byte {
	return kv.Key("aggregate", "upload_part", p, id, n)
}

// Stage parses an exported file and keeps it sealed until Accept or an hour
// has gone. A file that cannot be read stores nothing.
func (s *Service) Stage(ctx context.Context, p consent.Session, file io.Reader, o billfile.Options) (Upload, error) {
	f, err := billfile.Read(file, o)
	if err != nil {
		return Upload{}, err
	}
	t := takenOf(f)
	report, err := s.report(ctx, p.Person, t)
	if err != nil {
		return Upload{}, err
	}
	now := s.now()
	row := upload{ID: rand.Text(), Person: p.Person, Until: now.Add(uploadLife)}
	if _, row.Into, err = s.fileAccount(ctx, p.Person, t); err != nil {
		return Upload{}, err
	}
	if row.Part, err = s.draft(ctx, p.Person, row.Until); err != nil {
		return Upload{}, err
	}
	parts := []staged{{Part: 0, File: &t.fileHead}}
	for bills := range slices.Chunk(t.bills, uploadChunk) {
		parts = append(parts, staged{Part: len(parts), Bills: bills})
	}
	sealed := make([][]byte, len(parts))
	for i, part := range parts {
		if sealed[i], err = s.seal(ctx, "upload", p.Person, row.Part, uploadPart(row.ID, i), part); err != nil {
			return Upload{}, err
		}
	}
	row.Parts = len(parts)
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		if err := s.dropOldest(tx, p.Person); err != nil {
			return err
		}
		for i, b := range sealed {
			if err := tx.Put(uploadPartKey(p.Person, row.ID, i), b); err != nil {
				return err
			}
		}
		return kv.Store(tx, uploadKey(p.Person, row.ID), row)
	})
	if err != nil {
		return Upload{}, err
	}
	return Upload{ID: row.ID, Report: report}, nil
}

func uploadPart(id string, n int) string { return id + "/" + strconv.Itoa(n) }

// dropOldest makes room for one more staged file.
func (s *Service) dropOldest(tx kv.Tx, p consent.PersonID) error {
	rows, err := rowsOf[upload](tx, kv.Prefix("aggregate", "upload", p))
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b upload) int { return a.Until.Compare(b.Until) })
	for len(rows) >= maxUploads {
		if err := s.dropUpload(tx, rows[0]); err != nil {
			return err
		}
		rows = rows[1:]
	}
	return nil
}

// dropUpload removes a staged file, and has its key destroyed unless that has
// become a connection's.
func (s *Service) dropUpload(tx kv.Tx, u upload) error {
	if err := drop(tx, kv.Prefix("aggregate", "upload_part", u.Person, u.ID)); err != nil {
		return err
	}
	if err := tx.Delete(uploadKey(u.Person, u.ID)); err != nil {
		return err
	}
	return s.abandon(tx, u.Person, u.Part)
}

// Accept takes a staged file in: all of it in one transaction, or nothing. A
// file with Problems needs acceptMismatch; without, the answer is the report
// and [ErrMismatch], and the file goes on waiting.
func (s *Service) Accept(ctx context.Context, p consent.Session, id string, acceptMismatch bool) (ImportReport, error) {
	row, t, err := s.unstage(ctx, p.Person, id)
	if err != nil {
		return ImportReport{}, err
	}
	return s.takeIn(ctx, p.Person, t, acceptMismatch, row.Part, &row)
}

func (s *Service) unstage(ctx context.Context, p consent.PersonID, id string) (upload, taken, error) {
	var row upload
	var sealed [][]byte
	now := s.now()
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		row, sealed = upload{}, nil
		switch ok, err := kv.Load(tx, uploadKey(p, id), &row); {
		case err != nil:
			return err
		case !ok || !now.Before(row.Until):
			return ErrNoUpload
		}
		for n := range row.Parts {
			b, err := tx.Get(uploadPartKey(p, id, n))
			if err != nil {
				return err
			}
			sealed = append(sealed, slices.Clone(b))
		}
		return nil
	})
	if err != nil {
		return upload{}, taken{}, err
	}
	var t taken
	for n, b := range sealed {
		var part staged
		switch err := s.open(ctx, "upload", p, row.Part, uploadPart(id, n), b, &part); {
		case errors.Is(err, ErrNoConnection): // dropped since we read it
			return upload{}, taken{}, ErrNoUpload.Because(err)
		case err != nil:
			return upload{}, taken{}, err
		}
		if part.File != nil {
			t.fileHead = *part.File
		}
		t.bills = append(t.bills, part.Bills...)
	}
	return row, t, nil
}

// Import takes a file in for a person by id, without their session: for an
// operator at the machine. With Problems and without acceptMismatch it answers
// the full report and [ErrMismatch], and stores nothing.
func (s *Service) Import(ctx context.Context, person consent.PersonID, file io.Reader, acceptMismatch bool) (ImportReport, error) {
	if _, err := s.seal(ctx, "probe", person, "", "probe", true); err != nil {
		if f := faultOf(err); person == "" || errors.Is(err, vault.ErrShredded) || f.Kind == ErrNoPerson.Kind {
			return ImportReport{}, ErrNoPerson.Because(err)
		}
		return ImportReport{}, err
	}
	f, err := billfile.Read(file, billfile.Options{})
	if err != nil {
		return ImportReport{}, err
	}
	part, err := s.draft(ctx, person, s.now())
	if err != nil {
		return ImportReport{}, err
	}
	report, err := s.takeIn(ctx, person, takenOf(f), acceptMismatch, part, nil)
	if err != nil {
		s.abandoned(ctx, person, part)
	}
	return report, err
}

// report says what a file holds and how much of it is here.
func (s *Service) report(ctx context.Context, p consent.PersonID, t taken) (ImportReport, error) {
	r := ImportReport{Format: t.Format, Source: s.source(link{Source: t.Source, Called: &t.Called}), Rows: len(t.bills), Covers: t.Covers,
		Problems: t.Problems, Kinds: map[connectors.Kind]int{}}
	sums := map[string]*FlowSum{}
	for _, b := range t.bills {
		r.Kinds[b.Kind]++
		key := string(b.Flow) + " " + b.Amount.Currency
		if sums[key] == nil {
			sums[key] = &FlowSum{Flow: b.Flow}
		}
		sum, err := sums[key].Sum.Add(b.Amount)
		if err != nil {
			return ImportReport{}, errTotal.Because(err)
		}
		sums[key].Count++
		sums[key].Sum = sum
	}
	for _, f := range sums {
		r.Sums = append(r.Sums, *f)
	}
	slices.SortFunc(r.Sums, func(a, b FlowSum) int {
		return cmp.Or(cmp.Compare(a.Flow, b.Flow), cmp.Compare(a.Sum.Currency, b.Sum.Currency))
	})
	account, link, err := s.fileAccount(ctx, p, t)
	if err != nil || account == "" {
		return r, err
	}
	r.Known, err = s.Ledger.Known(ctx, ledger.Account{Person: string(p), Part: link, ID: string(account)}, t.bills)
	return r, err
}

// fileAccount answers the account that files like t have made before, and its
// connection, or nothing.
func (s *Service) fileAccount(ctx context.Context, p consent.PersonID, t taken) (id consent.AccountID, link string, err error) {
	err = s.DB.View(ctx, func(tx kv.Tx) error {
		b, err := tx.Get(s.refKey(p, t.Source, true, t.Ref))
		if id, link = consent.AccountID(b), ""; err != nil || id == "" {
			return err
		}
		var have pot
		_, err = kv.Load(tx, potKey(p, id), &have)
		link = have.Link
		return err
	})
	return id, link, err
}

// takeIn stores connection, account, bills and the audit event in one
// transaction, and with them drops the staged copy. The draft part becomes the
// connection's, if there is none yet.
func (s *Service) takeIn(ctx context.Context, p consent.PersonID, t taken, acceptMismatch bool, part string, from *upload) (ImportReport, error) {
	report, err := s.report(ctx, p, t)
	if err != nil {
		return ImportReport{}, err
	}
	if len(t.Problems) > 0 && !acceptMismatch {
		return report, ErrMismatch
	}
	for range 3 {
		if err = s.tryTakeIn(ctx, p, t, part, from, &report); !errors.Is(err, errRaced) {
			break
		}
	}
	if err != nil {
		return ImportReport{}, err
	}
	return report, nil
}

func (s *Service) tryTakeIn(ctx context.Context, p consent.PersonID, t taken, part string, from *upload, report *ImportReport) error {
	_, before, err := s.fileAccount(ctx, p, t)
	if err != nil {
		return err
	}
	found := connectors.Account{Ref: connectors.AccountRef{ID: secret.Of(t.Ref)}, Number: secret.Of(t.Number),
		Kind: t.Kind, Side: t.Side, Name: t.Name, Currency: t.Currency}
	id := cmp.Or(before, part)
	pots, err := s.potsOf(ctx, p, id, t.Source, true, []connectors.Account{found})
	var n named
	if err == nil {
		n = pots[0]
		n.Sealed, err = s.seal(ctx, "account", p, id, string(n.ID), plate{Ref: t.Ref, Number: t.Number, Name: t.Name, Holder: t.Holder})
	}
	if before != "" && errors.Is(err, ErrNoConnection) {
		err = errRaced // disconnected since we looked
	}
	if err != nil {
		return err
	}
	now, event := s.now(), rand.Text()
	defer s.memory.forget(p)
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		if from != nil { // taken in once, whoever presses twice
			if b, err := tx.Get(uploadKey(p, from.ID)); err != nil {
				return err
			} else if b == nil {
				return ErrNoUpload
			}
		}
		switch account, err := tx.Get(n.ref); {
		case err != nil:
			return err
		case account == nil && before != "", account != nil && string(account) != string(n.ID):
			return errRaced
		}
		if err := s.become(tx, p, before, part); err != nil {
			return err
		}
		if from != nil {
			if err := s.dropUpload(tx, *from); err != nil {
				return err
			}
		}
		l := link{ID: id, Source: t.Source, Called: &t.Called, Imported: true, LinkedAt: now}
		if _, err := kv.Load(tx, linkKey(p, id), &l); err != nil {
			return err
		}
		l.Covers = merge(append(slices.Clone(l.Covers), t.Covers))
		if err := kv.Store(tx, linkKey(p, id), l); err != nil {
			return err
		}
		if err := kv.Store(tx, potKey(p, n.ID), n.pot); err != nil {
			return err
		}
		if err := tx.Put(n.ref, []byte(n.ID)); err != nil {
			return err
		}
		added, err := s.Ledger.Put(ctx, tx, ledger.Account{Person: string(p), Part: id, ID: string(n.ID)}, t.bills)
		if err != nil {
			return err
		}
		report.Known = len(t.bills) - added
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p), Verb: audit.FileImported, On: id,
			Facts: map[string]string{"source": t.Source, "format": t.Format, "rows": strconv.Itoa(len(t.bills)),
				"new": strconv.Itoa(added), "problems": strconv.Itoa(len(t.Problems))}})
	})
	return partGone(id, err)
}
