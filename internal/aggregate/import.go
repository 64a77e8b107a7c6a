package aggregate

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/ledger"
	"jali/vault"
)

// Taking is how a file is taken in.
type Taking struct {
	billfile.Options
	Accept   bool           // in spite of its Problems
	Dry      bool           // nothing is stored, whatever the file is
	Progress func(Progress) // told now and then; nil: nobody
	Called   string         // the account of a file that names none, as [Belongs]; empty: their only one, or else as [Service.Accept]

	to   []Belongs // of each account, in place of Called
	asks bool      // there is somebody to be asked, should it be doubtful
}

// belongs is the person's word on the nth account.
func (t Taking) belongs(n int) Belongs {
	if t.to == nil {
		return Belongs{Called: t.Called}
	}
	if n < len(t.to) {
		return t.to[n]
	}
	return Belongs{}
}

const (
	progressEvery = 10_000  // rows, after which progress is told
	progressBytes = 4 << 20 // likewise, while a file is read through
)

// Import takes a file in for a person by id, without their session: for an
// operator at the machine. With Problems and without Accept it answers the full
// report and [ErrMismatch], and stores nothing. Memory does not grow with the
// file. An end of ctx leaves nothing of it.
func (s *Service) Import(ctx context.Context, person consent.PersonID, file Sized, how Taking) (ImportReport, error) {
	if _, err := s.seal(ctx, "probe", person, "", "probe", true); err != nil {
		if f := faultOf(err); person == "" || errors.Is(err, vault.ErrShredded) || f.Kind == ErrNoPerson.Kind {
			return ImportReport{}, ErrNoPerson.Because(err)
		}
		return ImportReport{}, err
	}
	r, err := s.readFile(ctx, person, &watched{Sized: file, ctx: ctx, tell: how.tell}, how.Options)
	if err != nil {
		return ImportReport{}, err
	}
	if how, err = s.settled(ctx, person, r, how); err != nil {
		return ImportReport{}, err
	}
	return s.takeIn(ctx, person, r, how, nil)
}

// watched is a file whose first reading is told of, and ends with a context.
type watched struct {
	Sized
	ctx   context.Context
	tell  func(Progress)
	asked int64 // from here on it is told next
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if off >= w.asked && w.asked < w.Size() {
		w.tell(Progress{Stage: "reading", Done: int(off), Of: int(w.Size())})
		w.asked = off + progressBytes
	}
	return w.Sized.ReadAt(p, off)
}

func (t Taking) tell(p Progress) {
	if t.Progress != nil {
		t.Progress(p)
	}
}

// takeIn takes a file in and drops the staged copy that it came from, in one
// write. Who is overtaken by another file of the same accounts begins again.
func (s *Service) takeIn(ctx context.Context, p consent.PersonID, r *billfile.Reader, how Taking, from *upload) (report ImportReport, err error) {
	mismatch := len(r.File().Problems) > 0 && !how.Accept
	how.Dry = how.Dry || mismatch
	for range 3 {
		report, err = s.tryTakeIn(ctx, p, r, how, from)
		if !errors.Is(err, errRaced) && !errors.Is(err, ledger.ErrRaced) {
			break
		}
	}
	if err == nil && mismatch {
		err = ErrMismatch
	}
	return report, err
}

func (s *Service) tryTakeIn(ctx context.Context, p consent.PersonID, r *billfile.Reader, how Taking, from *upload) (report ImportReport, err error) {
	f := r.File()
	at, err := s.placeOf(ctx, p, f, how.belongs)
	if err != nil {
		return ImportReport{}, err
	}
	part := at.link
	if part == "" && !how.Dry {
		if from != nil && from.Into == "" {
			part = from.Part
		} else if part, err = s.draft(ctx, p, s.now().Add(uploadLife)); err != nil {
			return ImportReport{}, err
		}
		defer func() {
			if err != nil && (from == nil || part != from.Part) {
				s.abandoned(ctx, p, part)
			}
		}()
	}
	books := at.books(p, part)
	begin := s.Ledger.Begin
	if how.Dry {
		begin = s.Ledger.BeginDry
	}
	i, err := begin(ctx, string(p), books)
	if err != nil {
		return ImportReport{}, err
	}
	i.Form = f.Format
	defer func() {
		if failed := i.Close(ctx); failed != nil {
			s.log().WarnContext(ctx, "what an import has left is cleared away by the next sweep", "code", code(failed))
		}
	}()
	t := s.newTally(f)
	if err := t.walk(ctx, r, how, func(row billfile.Row) error { return i.Add(ctx, books[row.Account].ID, row.Bill) }); err != nil {
		return ImportReport{}, partGone(part, err)
	}
	for n, a := range f.Accounts {
		i.AddPoints(books[n].ID, pointsOf(a))
		t.Accounts[n].Account = at.accounts[n].ID
	}
	if err := i.Seal(ctx); err != nil {
		return ImportReport{}, partGone(part, err)
	}
	report, err = t.report(func(n int) int {
		_, added := i.Count(books[n].ID)
		return t.Accounts[n].Rows - added
	})
	if err != nil || how.Dry {
		return report, err
	}
	return report, s.finish(ctx, p, f, at, part, books, i, report, from)
}

// walk adds a file's bills to the tally and to an import.
func (t *tally) walk(ctx context.Context, r *billfile.Reader, how Taking, add func(billfile.Row) error) error {
	p := Progress{Stage: "storing"}
	if how.Dry {
		p.Stage = "comparing"
	}
	for _, a := range r.File().Accounts {
		p.Of += a.Rows
	}
	for row, err := range r.Bills() {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			t.add(row)
			err = add(row)
		}
		if err != nil {
			return err
		}
		if p.Done++; p.Done%progressEvery == 0 {
			how.tell(p)
		}
	}
	how.tell(p)
	return nil
}

// books are where the file's accounts are in the ledger; those that are new
// get their id.
func (at place) books(p consent.PersonID, part string) []ledger.Account {
	books := make([]ledger.Account, len(at.accounts))
	for i, a := range at.accounts {
		books[i] = ledger.Account{Person: string(p), Part: cmp.Or(a.Link, part), ID: cmp.Or(string(a.ID), rand.Text())}
	}
	return books
}

func pointsOf(a billfile.Account) []ledger.Point {
	var points []ledger.Point
	for _, b := range a.Balances {
		points = append(points, ledger.Point{At: b.At, Amount: b.Amount})
	}
	return points
}

// finish makes what came in visible: connection, accounts, bills and the audit
// event in one transaction, and the staged copy goes with it. Where nothing is
// new, the event is all that is written.
func (s *Service) finish(ctx context.Context, p consent.PersonID, f *billfile.File, at place, part string, books []ledger.Account,
	i *ledger.Import, report ImportReport, from *upload) error {
	pots, err := s.potsIn(ctx, p, f, at, books)
	if err != nil {
		return partGone(part, err)
	}
	mapping, err := s.freshMapping(ctx, p, f)
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
		if here, err := filed(tx, p, f.Source.ID); err != nil {
			return err
		} else if !slices.Equal(here, at.here) {
			return errRaced
		}
		if at.link == "" {
			if err := adopt(tx, p, part); err != nil {
				return err
			}
		}
		if from != nil {
			if err := s.dropUpload(tx, *from); err != nil {
				return err
			}
		}
		l := link{ID: part, Source: f.Source.ID, Called: &called{f.Source.Name, f.Source.Kind}, Imported: true, LinkedAt: now}
		if _, err := kv.Load(tx, linkKey(p, part), &l); err != nil {
			return err
		}
		l.Covers = connectors.Merge(append(slices.Clone(l.Covers), report.Covers))
		if err := storeIfNew(tx, linkKey(p, part), l); err != nil {
			return err
		}
		for n, a := range pots {
			var was pot
			if _, err := kv.Load(tx, potKey(p, a.ID), &was); err != nil {
				return err
			}
			a.Covers = connectors.Merge(append(slices.Clone(was.Covers), f.Accounts[n].Covers))
			if err := storeIfNew(tx, potKey(p, a.ID), a); err != nil {
				return err
			}
		}
		if mapping != nil {
			if err := s.Ledger.Draw(ctx, tx, string(p), billfile.Signature(f.Mapping.Header), mapping); err != nil && !errors.Is(err, ledger.ErrFull) {
				return err
			}
		}
		if err := i.Finish(tx); err != nil {
			return err
		}
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p), Verb: audit.FileImported, On: part,
			Facts: map[string]string{"source": f.Source.ID, "format": f.Format, "rows": strconv.Itoa(report.Rows),
				"new": strconv.Itoa(report.Rows - report.Known), "problems": strconv.Itoa(len(f.Problems))}})
	})
	return partGone(part, err)
}

// storeIfNew writes a record where it differs from what is there.
func storeIfNew(tx kv.Tx, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if old, err := tx.Get(key); err != nil || bytes.Equal(old, b) {
		return err
	}
	return tx.Put(key, b)
}

// potsIn makes the rows of a file's accounts. One that is here is sealed anew
// only if the file says more of it: its whole number, its holder.
func (s *Service) potsIn(ctx context.Context, p consent.PersonID, f *billfile.File, at place, books []ledger.Account) ([]pot, error) {
	pots := make([]pot, len(f.Accounts))
	for n, a := range f.Accounts {
		was, is := at.accounts[n].plate, at.accounts[n].plate
		if _, _, full := visible(is.Number); !full && len(a.Number.RevealString()) > 0 {
			if _, _, now := visible(a.Number.RevealString()); now || is.Number == "" {
				is.Number = a.Number.RevealString()
			}
		}
		is.Ref, is.Holder = cmp.Or(is.Ref, a.Ref.ID.RevealString()), cmp.Or(is.Holder, f.Holder.RevealString())
		if at.accounts[n].ID == "" {
			is.Name, is.Called, is.Named = a.Name, at.called[n], f.Mapping != nil
		}
		pots[n] = at.accounts[n].pot
		if pots[n].ID != "" && is == was {
			continue
		}
		if pots[n].ID == "" {
			pots[n] = pot{ID: consent.AccountID(books[n].ID), Link: books[n].Part, Source: f.Source.ID, Kind: a.Kind, Side: a.Side, Currency: a.Currency}
		}
		var err error
		if pots[n].Sealed, err = s.seal(ctx, "account", p, pots[n].Link, string(pots[n].ID), is); err != nil {
			return nil, err
		}
	}
	return pots, nil
}

// freshMapping answers the mapping by which a file was read, to be kept, unless
// it is.
func (s *Service) freshMapping(ctx context.Context, p consent.PersonID, f *billfile.File) ([]byte, error) {
	if f.Mapping == nil {
		return nil, nil
	}
	b, err := json.Marshal(f.Mapping)
	if err != nil {
		return nil, err
	}
	switch was, err := s.Ledger.Drawn(ctx, string(p), billfile.Signature(f.Mapping.Header)); {
	case err != nil:
		return nil, err
	case bytes.Equal(was, b):
		return nil, nil
	}
	return b, nil
}
