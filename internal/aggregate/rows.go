package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/vault"
)

// link is a connection as it is stored.
type link struct {
	ID          string            `json:"id"`
	Source      string            `json:"source"`
	Called      *called           `json:"called,omitempty"` // by its files, for when no connector is here that knows it
	Imported    bool              `json:"imported,omitempty"`
	NeedsPerson bool              `json:"needs_person,omitempty"`
	LinkedAt    time.Time         `json:"linked_at"`
	Covers      []connectors.Span `json:"covers,omitempty"`     // of imported files of any of its accounts, merged, in order
	Credential  []byte            `json:"credential,omitempty"` // sealed
}

// called is what files say of their source.
type called struct {
	Name connectors.Name       `json:"name"`
	Kind connectors.SourceKind `json:"kind"`
}

// pot is an account as it is stored.
type pot struct {
	ID       consent.AccountID      `json:"id"`
	Link     string                 `json:"link"`
	Source   string                 `json:"source"`
	Kind     connectors.AccountKind `json:"kind"`
	Side     connectors.Side        `json:"side"`
	Currency string                 `json:"currency,omitempty"`
	Gone     bool                   `json:"gone,omitempty"`   // its source does not list it any more
	Covers   []connectors.Span      `json:"covers,omitempty"` // of imported files, merged, in order
	Sealed   []byte                 `json:"sealed"`
}

// plate is what is sealed of an account.
type plate struct {
	Ref    string `json:"ref"`
	Number string `json:"number,omitempty"`
	Name   string `json:"name"`
	Holder string `json:"holder,omitempty"` // as an imported file names its owner
	Called string `json:"called,omitempty"` // by the person, where no file names it
	Named  bool   `json:"named,omitempty"`  // Name is the person's, too, who drew its file's columns
}

// account is a pot with its plate open.
type account struct {
	pot
	plate
}

// tail is the last four digits of the number, where it is long enough that
// they do not tell it. A login that ends otherwise has none.
func (p plate) tail() string {
	if len(p.Number) < 8 {
		return ""
	}
	last := p.Number[len(p.Number)-4:]
	if strings.Trim(last, "0123456789") != "" {
		return ""
	}
	return last
}

// known is one connection with its accounts.
type known struct {
	link
	accounts []account
}

func linkKey(p consent.PersonID, id string) []byte { return kv.Key("aggregate", "connection", p, id) }
func potKey(p consent.PersonID, id consent.AccountID) []byte {
	return kv.Key("aggregate", "account", p, id)
}

// refKey finds an account by its source's own name for it, which is kept as a
// MAC: what is linked again keeps its id.
func (s *Service) refKey(p consent.PersonID, source, ref string) []byte {
	return kv.Key("aggregate", "ref", p, source, s.Vault.MAC("account-ref", string(p), source, ref))
}

// rowsOf reads all of a prefix as records.
func rowsOf[T any](tx kv.Tx, r kv.Range) ([]T, error) {
	var all []T
	for e, err := range tx.Scan(r) {
		if err != nil {
			return nil, err
		}
		var v T
		if err := kv.Decode(e.Value, &v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// drop deletes all of a prefix.
func drop(tx kv.Tx, r kv.Range) error {
	var keys [][]byte
	for e, err := range tx.Scan(r) {
		if err != nil {
			return err
		}
		keys = append(keys, slices.Clone(e.Key))
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// load answers a person's connections, oldest first, and opens their accounts.
func (s *Service) load(ctx context.Context, p consent.PersonID) ([]known, error) {
	var links []link
	var pots []pot
	err := s.DB.View(ctx, func(tx kv.Tx) (err error) {
		if links, err = rowsOf[link](tx, kv.Prefix("aggregate", "connection", p)); err != nil {
			return err
		}
		pots, err = rowsOf[pot](tx, kv.Prefix("aggregate", "account", p))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(links, func(a, b link) int { return a.LinkedAt.Compare(b.LinkedAt) })
	all := make([]known, len(links))
	place, gone := make(map[string]int, len(links)), map[string]bool{}
	for i, l := range links {
		all[i].link = l
		place[l.ID] = i
	}
	for _, a := range pots {
		i, ok := place[a.Link]
		if !ok || a.Gone {
			continue
		}
		var plain plate
		switch err := s.open(ctx, "account", p, a.Link, string(a.ID), a.Sealed, &plain); {
		case errors.Is(err, ErrNoConnection): // disconnected since we read it
			gone[a.Link] = true
		case err != nil:
			return nil, err
		}
		all[i].accounts = append(all[i].accounts, account{a, plain})
	}
	return slices.DeleteFunc(all, func(k known) bool { return gone[k.ID] }), nil
}

// seal and open keep records of one connection of a person's, or of what
// will be one: [ErrNoConnection] once its key is destroyed.
func (s *Service) seal(ctx context.Context, kind string, p consent.PersonID, part, key string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	b, err := s.Vault.Seal(ctx, vault.Record{Kind: kind, Person: string(p), Part: part, Key: key}, plain)
	return b, partGone(part, err)
}

var errUnreadable = kv.ErrRecord.Because(fault.Cause("aggregate: a sealed record is not what it was sealed as"))

func (s *Service) open(ctx context.Context, kind string, p consent.PersonID, part, key string, sealed []byte, v any) error {
	plain, err := s.Vault.Open(ctx, vault.Record{Kind: kind, Person: string(p), Part: part, Key: key}, sealed)
	if err != nil {
		return partGone(part, err)
	}
	if json.Unmarshal(plain.Reveal(), v) != nil {
		return errUnreadable // json's own error may quote the record
	}
	return nil
}
