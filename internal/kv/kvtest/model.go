package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"jali/internal/kv"
)

// model runs random transactions against a store and a map side by side.
func model(t rapid.TB, db kv.DB) {
	rapid.Check(t, func(t *rapid.T) {
		key := room()
		prefix := key()
		committed := map[string]string{}
		drawn := rapid.Custom(func(t *rapid.T) []byte {
			return append(slices.Clone(prefix), rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xff}), 1, 3).Draw(t, "key")...)
		})
		for range rapid.IntRange(1, 6).Draw(t, "transactions") {
			var err error
			inside := maps.Clone(committed)
			steps := plan(t, drawn)
			fails := rapid.Bool().Draw(t, "fails")
			err = db.Update(context.Background(), func(tx kv.Tx) error {
				inside = maps.Clone(committed)
				for _, s := range steps {
					if err := s.run(tx, inside); err != nil {
						return err
					}
				}
				if fails {
					return errOurs
				}
				return nil
			})
			switch {
			case fails && errors.Is(err, errOurs):
			case !fails && err == nil:
				committed = inside
			default:
				t.Fatalf("Update = %v, should fail: %t", err, fails)
			}
			err = db.View(context.Background(), func(tx kv.Tx) error {
				end := append(slices.Clone(prefix), 0xff, 0xff, 0xff, 0xff)
				return step{scan: &kv.Range{From: prefix, To: end}}.run(tx, committed)
			})
			if err != nil {
				t.Fatalf("after the transaction: %v", err)
			}
		}
	})
}

// step is one of a put (with a value), a delete, a get or a scan.
type step struct {
	key    []byte
	value  string
	remove bool
	scan   *kv.Range
}

func plan(t *rapid.T, key *rapid.Generator[[]byte]) []step {
	var steps []step
	for range rapid.IntRange(1, 12).Draw(t, "steps") {
		s := step{key: key.Draw(t, "key")}
		switch rapid.IntRange(0, 5).Draw(t, "verb") {
		case 0, 1:
			s.value = rapid.StringN(1, 4, 8).Draw(t, "value")
		case 2:
			s.remove = true
		case 3:
		default:
			s.scan = &kv.Range{From: key.Draw(t, "from"), To: key.Draw(t, "to"), Reverse: rapid.Bool().Draw(t, "reverse")}
		}
		steps = append(steps, s)
	}
	return steps
}

func (s step) run(tx kv.Tx, m map[string]string) error {
	switch {
	case s.scan != nil:
		return s.compare(tx, m)
	case s.remove:
		delete(m, string(s.key))
		return tx.Delete(s.key)
	case s.value != "":
		m[string(s.key)] = s.value
		return tx.Put(s.key, []byte(s.value))
	}
	got, err := tx.Get(s.key)
	if want, ok := m[string(s.key)]; string(got) != want || (got != nil) != ok {
		return fmt.Errorf("Get(%q) = %q, want %q", s.key, got, want)
	}
	return err
}

func (s step) compare(tx kv.Tx, m map[string]string) error {
	var want, got []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k >= string(s.scan.From) && k < string(s.scan.To) {
			want = append(want, k+"="+m[k])
		}
	}
	if s.scan.Reverse {
		slices.Reverse(want)
	}
	for e, err := range tx.Scan(*s.scan) {
		if err != nil {
			return err
		}
		got = append(got, string(bytes.Join([][]byte{e.Key, e.Value}, []byte("="))))
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("Scan(%q, %q, reverse %t) = %q, want %q", s.scan.From, s.scan.To, s.scan.Reverse,
			strings.Join(got, " "), strings.Join(want, " "))
	}
	return nil
}
