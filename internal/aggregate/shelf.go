package aggregate

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"slices"
	"strconv"
	"time"

	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
)

const (
	viewLife  = 10 * time.Minute
	graveLife = 24 * time.Hour // how long a view that has gone answers that it has
	chunkSize = 100            // bills in one sealed part, and on a first page
	shelfSize = 20             // parts that one transaction writes
	maxLimit  = 500
)

// shelved is what stands in clear of a view: whose it is, which connections it
// shows and when it goes.
type shelved struct {
	Client consent.ClientID `json:"client"`
	Grant  consent.GrantID  `json:"grant"`
	Person consent.PersonID `json:"person"`
	Until  time.Time        `json:"until"`
	Parts  int              `json:"parts"` // of bills
	Links  []string         `json:"links,omitempty"`

	Unfinished bool `json:"unfinished,omitempty"` // not all is written yet: there is no such view
}

// chunk is one sealed part: part 0 the view without its bills, the others
// bills in order. Part stands in it so that one cannot be laid in another's place.
type chunk struct {
	Part  int    `json:"part"`
	Total int    `json:"total"` // bills in all
	View  *View  `json:"view,omitempty"`
	Bills []Bill `json:"bills,omitempty"`
}

// viewHash is what a grant's view is kept under. Another grant's is looked for in
// a place where nothing is, and so is one that nobody has: there is no telling
// the two apart by how long that takes.
func (s *Service) viewHash(grant consent.GrantID, id string) string {
	return s.Vault.ViewHash(string(grant) + " " + id)
}

func viewKey(hash string) []byte        { return kv.Key("aggregate", "view", hash) }
func partKey(hash string, n int) []byte { return kv.Key("aggregate", "view_part", hash, n) }
func viewOfKey(v shelved, h string) []byte {
	return kv.Key("aggregate", "view_of", v.Person, v.Grant, h)
}
func dueKey(at time.Time, hash string) []byte {
	return kv.Key("aggregate", "view_due", at, hash)
}

// shelve keeps a view under its hash, each part sealed under its id, and answers
// its first page. Of very many bills no more than a few parts are here at a
// time: these are written one transaction after the other, and with the last of
// them the view is there.
func (s *Service) shelve(ctx context.Context, g consent.Grant, v View, bills iter.Seq[Bill], total int) (first BillPage, err error) {
	hash := s.viewHash(g.ID, v.ID)
	row := shelved{Client: g.Client, Grant: g.ID, Person: g.Person, Until: v.ExpiresAt, Links: v.links, Unfinished: true}
	var parts []kv.Entry
	add := func(c chunk) error {
		plain, err := kv.Pack(c)
		if err != nil {
			return err
		}
		sealed, err := s.Vault.SealView(v.ID, plain)
		parts = append(parts, kv.Entry{Key: partKey(hash, c.Part), Value: sealed})
		return err
	}
	some := make([]Bill, 0, min(chunkSize, total))
	chunked := func() error {
		row.Parts++
		if row.Parts == 1 {
			first = BillPage{Items: slices.Clone(some), Next: s.next(v.ID, len(some), total)}
		}
		if err := add(chunk{Part: row.Parts, Total: total, Bills: some}); err != nil {
			return err
		}
		some = some[:0]
		return nil
	}
	begun := false
	for b := range bills {
		if some = append(some, b); len(some) < chunkSize {
			continue
		}
		if err := chunked(); err != nil {
			return first, err
		}
		if len(parts) == shelfSize {
			if err := s.lay(ctx, hash, row, parts, begun); err != nil {
				return first, err
			}
			begun, parts = true, parts[:0]
		}
	}
	if len(some) > 0 {
		if err := chunked(); err != nil {
			return first, err
		}
	}
	if err := add(chunk{Total: total, View: &v}); err != nil {
		return first, err
	}
	row.Unfinished = false
	return first, s.lay(ctx, hash, row, parts, begun)
}

// lay writes parts of a view and what stands in clear of it. A view that was
// torn down since it was begun is not gone on with.
func (s *Service) lay(ctx context.Context, hash string, row shelved, parts []kv.Entry, begun bool) error {
	return s.DB.Update(ctx, func(tx kv.Tx) error {
		if err := stand(tx, row.Person, row.Links); err != nil {
			return err
		}
		var is shelved
		switch found, err := kv.Load(tx, viewKey(hash), &is); {
		case err != nil:
			return err
		case begun && !found:
			return errRaced
		case !begun && found: // we fell over while it was made before
			if err := s.tear(tx, hash); err != nil {
				return err
			}
		}
		for _, p := range parts {
			if err := tx.Put(p.Key, p.Value); err != nil {
				return err
			}
		}
		if err := kv.Store(tx, viewOfKey(row, hash), hash); err != nil {
			return err
		}
		if err := kv.Store(tx, dueKey(row.Until, hash), hash); err != nil {
			return err
		}
		return kv.Store(tx, viewKey(hash), row)
	})
}

// read answers the given parts of a client's view, sealed.
func (s *Service) read(ctx context.Context, client consent.ClientID, grant consent.GrantID, id string, parts func(shelved) (from, to int)) (row shelved, sealed map[int][]byte, err error) {
	hash, now := s.viewHash(grant, id), s.now()
	err = s.DB.View(ctx, func(tx kv.Tx) error {
		row, sealed = shelved{}, map[int][]byte{}
		switch ok, err := kv.Load(tx, viewKey(hash), &row); {
		case err != nil:
			return err
		case !ok || row.Client != client || row.Grant != grant || row.Unfinished && now.Before(row.Until):
			return ErrViewNotFound
		case !now.Before(row.Until):
			return ErrViewExpired
		}
		from, to := parts(row)
		for n := from; n <= min(to, row.Parts); n++ {
			b, err := tx.Get(partKey(hash, n))
			if err != nil {
				return err
			}
			if b == nil {
				return errTorn
			}
			sealed[n] = bytes.Clone(b)
		}
		return nil
	})
	return row, sealed, err
}

var errTorn = kv.ErrRecord.Because(fault.Cause("aggregate: a part of a view is missing or is another's"))

func (s *Service) openPart(id string, n int, sealed []byte) (chunk, error) {
	plain, err := s.Vault.OpenView(id, sealed)
	if err != nil {
		return chunk{}, err
	}
	var c chunk
	if kv.Unpack(plain, &c) != nil || c.Part != n {
		return chunk{}, errTorn
	}
	return c, nil
}

// Shelved is what stands in clear of a view: its id stands nowhere.
type Shelved struct {
	Grant  consent.GrantID
	Client consent.ClientID
	Until  time.Time // it can be read, if nothing else stops it
}

// Shelf answers every view that can still be read or still answers that it has
// gone, and reads all there are: for a house that a developer looks into.
func (s *Service) Shelf(ctx context.Context) ([]Shelved, error) {
	var list []Shelved
	for rows, err := range kv.Batches(ctx, s.DB, kv.Prefix("aggregate", "view"), sweepBatch) {
		if err != nil {
			return nil, err
		}
		for _, e := range rows {
			var row shelved
			if err := kv.Decode(e.Value, &row); err != nil {
				return nil, err
			}
			if !row.Unfinished {
				list = append(list, Shelved{row.Grant, row.Client, row.Until})
			}
		}
	}
	return list, nil
}

// Get answers an open view again. A grant that is exhausted still reads; one
// that was revoked does not.
func (s *Service) Get(ctx context.Context, client consent.ClientID, grant consent.GrantID, id string) (View, error) {
	if _, err := s.Grants.Live(ctx, client, grant); err != nil {
		return View{}, err
	}
	_, sealed, err := s.read(ctx, client, grant, id, func(shelved) (int, int) { return 0, 1 })
	if err != nil {
		return View{}, err
	}
	head, err := s.openPart(id, 0, sealed[0])
	if err != nil {
		return View{}, err
	}
	if head.View == nil {
		return View{}, errTorn
	}
	v := *head.View
	if b, ok := sealed[1]; ok {
		c, err := s.openPart(id, 1, b)
		if err != nil {
			return View{}, err
		}
		v.Bills.Items = c.Bills
		v.Bills.Next = s.next(id, len(c.Bills), head.Total)
	}
	return v, nil
}

// Page answers at most limit bills (1 to 500) from where cursor stands; the
// empty cursor stands before the first. Only the parts that hold them are
// opened.
func (s *Service) Page(ctx context.Context, client consent.ClientID, grant consent.GrantID, id, cursor string, limit int) (BillPage, error) {
	if _, err := s.Grants.Live(ctx, client, grant); err != nil {
		return BillPage{}, err
	}
	limit = min(max(limit, 1), maxLimit)
	var offset int
	var fault error
	_, sealed, err := s.read(ctx, client, grant, id, func(shelved) (int, int) {
		// Whether the view is there comes before whether the cursor is its own.
		if offset, fault = s.place(id, cursor); fault != nil {
			return 1, 0
		}
		return offset/chunkSize + 1, (offset+limit-1)/chunkSize + 1
	})
	if err == nil {
		err = fault
	}
	if err != nil {
		return BillPage{}, err
	}
	var p BillPage
	total := 0
	for n := offset/chunkSize + 1; ; n++ {
		b, ok := sealed[n]
		if !ok {
			break
		}
		c, err := s.openPart(id, n, b)
		if err != nil {
			return BillPage{}, err
		}
		total = c.Total
		skip := max(0, offset-(n-1)*chunkSize)
		take := min(len(c.Bills), skip+limit-len(p.Items))
		if skip < take {
			p.Items = append(p.Items, c.Bills[skip:take]...)
		}
	}
	p.Next = s.next(id, offset+len(p.Items), total)
	return p, nil
}

// next is the cursor at an offset, or empty at the end. A cursor says where it
// stands to nobody but its own view.
func (s *Service) next(id string, offset, total int) string {
	if offset >= total {
		return ""
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(offset))
	return base64.RawURLEncoding.EncodeToString(append(b, s.cursorMAC(id, offset)...))
}

func (s *Service) cursorMAC(id string, offset int) []byte {
	return s.Vault.MAC("cursor", id, strconv.Itoa(offset))[:14]
}

func (s *Service) place(id, cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) != 4+14 {
		return 0, ErrCursor
	}
	offset := int(binary.BigEndian.Uint32(b))
	if subtle.ConstantTimeCompare(b[4:], s.cursorMAC(id, offset)) != 1 {
		return 0, ErrCursor
	}
	return offset, nil
}

// tearShown removes the views that show a connection: whoever opens one again,
// under the same key, is shown the others for the same use.
func (s *Service) tearShown(tx kv.Tx, p consent.PersonID, id string) error {
	hashes, err := rowsOf[string](tx, kv.Prefix("aggregate", "view_of", p))
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		var row shelved
		if _, err := kv.Load(tx, viewKey(hash), &row); err != nil {
			return err
		}
		if !slices.Contains(row.Links, id) {
			continue
		}
		if err := s.tear(tx, hash); err != nil {
			return err
		}
	}
	return nil
}

// tear removes a view whole, as if it had never been opened.
func (s *Service) tear(tx kv.Tx, hash string) error {
	var row shelved
	ok, err := kv.Load(tx, viewKey(hash), &row)
	if err != nil || !ok {
		return err
	}
	if err := drop(tx, kv.Prefix("aggregate", "view_part", hash)); err != nil {
		return err
	}
	for _, k := range [][]byte{viewOfKey(row, hash), dueKey(row.Until, hash), dueKey(row.Until.Add(graveLife), hash), viewKey(hash)} {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
