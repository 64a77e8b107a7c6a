package aggregate

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/kv"
	"jali/internal/secret"
)

const (
	uploadLife  = time.Hour
	maxUploads  = 12       // of one person, waiting; the oldest goes
	maxWaiting  = 64 << 20 // bytes of them all; likewise
	uploadChunk = 256 << 10
	uploadBatch = 4 // chunks in one transaction
)

// upload is a staged file's row. The file as it came is sealed beside it, and
// so is what was said of it: whoever takes it in reads it anew.
type upload struct {
	ID     string           `json:"id"`
	Person consent.PersonID `json:"person"`
	Until  time.Time        `json:"until"`
	Part   string           `json:"part"`           // the connection's, or that of what may become one
	Into   string           `json:"into,omitempty"` // the connection whose files were like it, when it came
	Size   int              `json:"size"`
	Said   []byte           `json:"said"` // sealed
}

// saidOf are the options with which a file waits, laid open to be sealed.
type saidOf struct {
	Password string            `json:"password,omitempty"`
	Mapping  *billfile.Mapping `json:"mapping,omitempty"`
}

func uploadKey(p consent.PersonID, id string) []byte { return kv.Key("aggregate", "upload", p, id) }
func uploadPartKey(p consent.PersonID, id string, n int) []byte {
	return kv.Key("aggregate", "upload_part", p, id, n)
}

func uploadPart(id string, n int) string { return id + "/" + strconv.Itoa(n) }

// Stage reads an exported file and keeps it sealed until Accept or an hour
// has gone. A file that cannot be read stores nothing, but one that lacks a
// password or a mapping ([billfile.ErrPassword], [billfile.ErrUnmapped]) waits:
// then Upload.ID is for [Service.Reopen].
func (s *Service) Stage(ctx context.Context, p consent.Session, file io.Reader, o billfile.Options) (Upload, error) {
	data, err := io.ReadAll(io.LimitReader(file, billfile.MaxSize+1))
	switch {
	case err != nil:
		return Upload{}, billfile.ErrInterrupted.Because(err)
	case len(data) > billfile.MaxSize:
		return Upload{}, billfile.ErrTooLarge
	}
	u, into, err := s.preview(ctx, p.Person, data, o)
	if err != nil && !lacks(err) {
		return Upload{}, err
	}
	row := upload{ID: rand.Text(), Person: p.Person, Until: s.now().Add(uploadLife), Part: into, Into: into, Size: len(data)}
	if into == "" {
		var failed error
		if row.Part, failed = s.draft(ctx, p.Person, row.Until); failed != nil {
			return Upload{}, failed
		}
	}
	if failed := s.keepUpload(ctx, row, data, o); failed != nil {
		s.abandoned(ctx, p.Person, row.Part)
		return Upload{}, failed
	}
	u.ID = row.ID
	return u, err
}

// lacks reports whether a word of the person's may open a file.
func lacks(err error) bool {
	return errors.Is(err, billfile.ErrPassword) || errors.Is(err, billfile.ErrUnmapped)
}

// preview answers what a file holds, and the connection it would come into.
func (s *Service) preview(ctx context.Context, p consent.PersonID, data []byte, o billfile.Options) (u Upload, into string, err error) {
	r, err := s.readFile(ctx, p, bytes.NewReader(data), o)
	if err != nil {
		return Upload{}, "", err
	}
	at, err := s.placeOf(ctx, p, r.File(), nil)
	if err != nil {
		return Upload{}, "", err
	}
	u.Report, _, err = s.which(ctx, p, r)
	u.Mapping = r.File().Mapping
	return u, at.link, err
}

// keepUpload seals a file some chunks at a time. Its row comes first, so that
// no crash leaves chunks that nobody looks for.
func (s *Service) keepUpload(ctx context.Context, row upload, data []byte, o billfile.Options) (err error) {
	if row.Said, err = s.sealSaid(ctx, row, o); err != nil {
		return err
	}
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		if err := s.makeRoom(tx, row.Person, row.Size); err != nil {
			return err
		}
		return kv.Store(tx, uploadKey(row.Person, row.ID), row)
	})
	n := 0
	for some := range slices.Chunk(slices.Collect(slices.Chunk(data, uploadChunk)), uploadBatch) {
		if err != nil {
			return err
		}
		var rows []kv.Entry
		for _, chunk := range some {
			sealed, err := s.seal(ctx, "upload", row.Person, row.Part, uploadPart(row.ID, n), chunk)
			if err != nil {
				return err
			}
			rows = append(rows, kv.Entry{Key: uploadPartKey(row.Person, row.ID, n), Value: sealed})
			n++
		}
		err = s.DB.Update(ctx, func(tx kv.Tx) error {
			if b, err := tx.Get(uploadKey(row.Person, row.ID)); err != nil {
				return err
			} else if b == nil {
				return ErrNoUpload // its person has left, or its connection
			}
			for _, e := range rows {
				if err := tx.Put(e.Key, e.Value); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return err
}

func (s *Service) sealSaid(ctx context.Context, row upload, o billfile.Options) ([]byte, error) {
	return s.seal(ctx, "upload", row.Person, row.Part, row.ID, saidOf{o.Password.RevealString(), o.Mapping})
}

// makeRoom drops the oldest staged files until one more of a size fits.
func (s *Service) makeRoom(tx kv.Tx, p consent.PersonID, size int) error {
	rows, err := rowsOf[upload](tx, kv.Prefix("aggregate", "upload", p))
	if err != nil {
		return err
	}
	for _, row := range rows {
		size += row.Size
	}
	slices.SortFunc(rows, func(a, b upload) int { return a.Until.Compare(b.Until) })
	for len(rows) > 0 && (len(rows) >= maxUploads || size > maxWaiting) {
		if err := s.dropUpload(tx, rows[0]); err != nil {
			return err
		}
		size -= rows[0].Size
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

// Reopen answers what waits under an id that Stage gave out, with all that was
// said of it before; what o says beside that is taken first. A file that lacks
// a password or a mapping waits as it came, and is read anew.
func (s *Service) Reopen(ctx context.Context, p consent.Session, id string, o billfile.Options) (Upload, error) {
	row, data, said, err := s.unstage(ctx, p.Person, id)
	if err != nil {
		return Upload{}, err
	}
	told := !o.Password.Empty() || o.Mapping != nil
	if o.Password.Empty() {
		o.Password = said.Password
	}
	if o.Mapping == nil {
		o.Mapping = said.Mapping
	}
	u, _, err := s.preview(ctx, p.Person, data, o)
	u.ID = id
	if !told || err != nil && !lacks(err) { // what was said before holds
		return u, err
	}
	var failed error
	if row.Said, failed = s.sealSaid(ctx, row, o); failed != nil {
		return Upload{}, failed
	}
	failed = s.DB.Update(ctx, func(tx kv.Tx) error {
		if b, err := tx.Get(uploadKey(p.Person, id)); err != nil {
			return err
		} else if b == nil {
			return ErrNoUpload
		}
		return kv.Store(tx, uploadKey(p.Person, id), row)
	})
	if failed != nil {
		return Upload{}, failed
	}
	return u, err
}

// Accept takes a staged file in. A file with Problems needs acceptMismatch;
// without, the answer is the report and [ErrMismatch], and the file goes on
// waiting. to is the person's word on each account for which the report asks
// Which, in the report's order. Where it says nothing, the file goes where it
// seems to belong; if that is nowhere, the answer is [ErrWhich].
func (s *Service) Accept(ctx context.Context, p consent.Session, id string, acceptMismatch bool, to []Belongs) (ImportReport, error) {
	row, data, said, err := s.unstage(ctx, p.Person, id)
	if err != nil {
		return ImportReport{}, err
	}
	r, err := s.readFile(ctx, p.Person, bytes.NewReader(data), said)
	if err != nil {
		return ImportReport{}, err
	}
	how, err := s.settled(ctx, p.Person, r, Taking{Accept: acceptMismatch, to: to, asks: true})
	if err != nil {
		return ImportReport{}, err
	}
	return s.takeIn(ctx, p.Person, r, how, &row)
}

// unstage opens a staged file and what was said of it.
func (s *Service) unstage(ctx context.Context, p consent.PersonID, id string) (row upload, data []byte, o billfile.Options, err error) {
	var sealed [][]byte
	now := s.now()
	err = s.DB.View(ctx, func(tx kv.Tx) error {
		row, sealed = upload{}, nil
		switch ok, err := kv.Load(tx, uploadKey(p, id), &row); {
		case err != nil:
			return err
		case !ok || !now.Before(row.Until):
			return ErrNoUpload
		}
		for n := 0; n*uploadChunk < row.Size; n++ {
			b, err := tx.Get(uploadPartKey(p, id, n))
			if err != nil {
				return err
			} else if b == nil {
				return ErrNoUpload // it is still coming in
			}
			sealed = append(sealed, bytes.Clone(b))
		}
		return nil
	})
	if err != nil {
		return row, nil, o, err
	}
	var said saidOf
	err = s.open(ctx, "upload", p, row.Part, row.ID, row.Said, &said)
	for n, b := range sealed {
		var chunk []byte
		if err == nil {
			err = s.open(ctx, "upload", p, row.Part, uploadPart(id, n), b, &chunk)
		}
		data = append(data, chunk...)
	}
	if errors.Is(err, ErrNoConnection) { // dropped since we read it
		err = ErrNoUpload.Because(err)
	}
	return row, data, billfile.Options{Password: secret.Of(said.Password), Mapping: said.Mapping}, err
}
