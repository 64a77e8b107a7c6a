package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"

	"jali/internal/kv"
	"jali/openapi/client"
)

// damage changes rows of a running house and answers how to put them back,
// and whether they still are as they were damaged.
func (s *sandbox) damage(t *testing.T, rows kv.Range, change func([]byte) []byte) (mend func(), untouched func() bool) {
	t.Helper()
	db, ctx := s.house.Consent.DB, t.Context()
	var before, after []kv.Entry
	put := func(all []kv.Entry) error {
		return db.Update(ctx, func(tx kv.Tx) error {
			for _, e := range all {
				if err := tx.Put(e.Key, e.Value); err != nil {
					return err
				}
			}
			return nil
		})
	}
	scan := func() (all []kv.Entry) {
		err := db.View(ctx, func(tx kv.Tx) error {
			all = nil
			for e, err := range tx.Scan(rows) {
				if err != nil {
					return err
				}
				all = append(all, kv.Entry{Key: bytes.Clone(e.Key), Value: bytes.Clone(e.Value)})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if before = scan(); len(before) == 0 {
		t.Fatal("there are no such rows to damage")
	}
	for _, e := range before {
		after = append(after, kv.Entry{Key: e.Key, Value: change(bytes.Clone(e.Value))})
	}
	if err := put(after); err != nil {
		t.Fatal(err)
	}
	mend = func() {
		if err := put(before); err != nil {
			t.Fatal(err)
		}
	}
	untouched = func() bool {
		return slices.EqualFunc(after, scan(), func(a, b kv.Entry) bool {
			return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value)
		})
	}
	return mend, untouched
}

// sealedBit turns a bit of what is sealed in a member of a record.
func sealedBit(member string) func([]byte) []byte {
	return func(row []byte) []byte {
		var m map[string]json.RawMessage
		var sealed []byte
		if json.Unmarshal(row, &m) != nil || json.Unmarshal(m[member], &sealed) != nil || len(sealed) == 0 {
			panic("the record is another now")
		}
		sealed[len(sealed)/2] ^= 4
		m[member], _ = json.Marshal(sealed)
		row, _ = json.Marshal(m)
		return row
	}
}

func one(key []byte) kv.Range { return kv.Range{From: key, To: append(bytes.Clone(key), 0)} }

func middleBit(row []byte) []byte {
	row[len(row)/2] ^= 4
	return row
}

func half(row []byte) []byte { return row[:len(row)/2] }

// Whatever is damaged in a house that serves, its clients are told that it is
// ours to mend, nothing is written over what is left, and once it is mended
// the same request is answered as if nothing had been.
func TestADamagedRecordInService(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	person := r.People[0].ID
	c := ledger(t, r)
	given := func() *client.Session { return given(t, r, c, person, oneLook) }
	look := func(s *client.Session) (*client.View, error) { return look(t, s, "a-key-of-16-chars") }
	const sealed, record = "sealed_record", "record_damaged"

	for _, tt := range []struct {
		why    string
		rows   func(*client.Session) kv.Range
		change func([]byte) []byte
		code   string
	}{
		{"a sealed account", func(*client.Session) kv.Range { return kv.Prefix("aggregate", "account", person) }, sealedBit("sealed"), sealed},
		{"an account's row", func(*client.Session) kv.Range { return kv.Prefix("aggregate", "account", person) }, half, record},
		{"a connection's row", func(*client.Session) kv.Range { return kv.Prefix("aggregate", "connection", person) }, half, record},
		{"a grant's row", func(s *client.Session) kv.Range { return one(kv.Key("consent", "grant", s.Token().GrantID)) }, half, record},
		{"a client's row", func(*client.Session) kv.Range { return one(kv.Key("consent", "client", c.ID)) }, half, record},
	} {
		t.Run(tt.why, func(t *testing.T) {
			session := given()
			mend, untouched := s.damage(t, tt.rows(session), tt.change)
			_, err := look(session)
			if p := (*client.Problem)(nil); !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Owner != "us" || p.Code != tt.code {
				t.Errorf("POST /v1/views: %+v, want 503 %s, owner us", err, tt.code)
			}
			if !untouched() {
				t.Error("something was written over what is damaged")
			}
			mend()
			if v, err := look(session); err != nil || !v.Complete {
				t.Errorf("once it is mended the repeat answers %+v, %v", v, err)
			}
		})
	}

	t.Run("a client's row, to OAuth", func(t *testing.T) {
		mend, untouched := s.damage(t, one(kv.Key("consent", "client", c.ID)), half)
		defer mend()
		_, err := c.Push(t.Context(), oneLook)
		if p := (*client.Problem)(nil); !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Code != "temporarily_unavailable" {
			t.Errorf("PAR: %+v, want 503 temporarily_unavailable", err)
		}
		if !untouched() {
			t.Error("something was written over the client")
		}
	})

	t.Run("a view", func(t *testing.T) {
		session := given()
		v, err := look(session)
		if err != nil {
			t.Fatal(err)
		}
		mend, untouched := s.damage(t, kv.Prefix("aggregate", "view_part"), middleBit)
		_, err = session.ReadView(t.Context(), v.ID)
		if p := (*client.Problem)(nil); !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Owner != "us" || p.Code != sealed {
			t.Errorf("GET of the view: %+v, want 503 %s, owner us", err, sealed)
		}
		if !untouched() {
			t.Error("something was written over the view")
		}
		mend()
		if _, err := session.ReadView(t.Context(), v.ID); err != nil {
			t.Errorf("once it is mended: %v", err)
		}
	})

	// One source down never takes the others along, whyever it is.
	t.Run("a credential", func(t *testing.T) {
		session := given()
		var only kv.Range // the first connection of several
		err := s.house.Consent.DB.View(t.Context(), func(tx kv.Tx) error {
			for e, err := range tx.Scan(kv.Prefix("aggregate", "connection", person)) {
				only = one(bytes.Clone(e.Key))
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		_, untouched := s.damage(t, only, sealedBit("credential"))
		v, err := look(session)
		if err != nil || v.Complete {
			t.Fatalf("the view: %+v, %v", v, err)
		}
		failed := 0
		for _, source := range v.Sources {
			switch {
			case source.Status == "failed" && source.Owner == "us":
				failed++
			case source.Status != "fresh":
				t.Errorf("%s is %s, owner %q", source.Source, source.Status, source.Owner)
			}
		}
		if failed != 1 || len(v.Sources) < 2 {
			t.Errorf("%d of %d sources failed by us, want one of several", failed, len(v.Sources))
		}
		if !untouched() {
			t.Error("something was written over the credential")
		}
	})
}
