package audit_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

var (
	bg   = context.Background()
	noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

func store(t *testing.T) kv.DB {
	t.Helper()
	db, err := boltkv.Open(filepath.Join(t.TempDir(), "jali.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func record(t *testing.T, db kv.DB, events ...audit.Event) {
	t.Helper()
	err := db.Update(bg, func(tx kv.Tx) error {
		for _, e := range events {
			if err := audit.Append(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func timeline(t *testing.T, db kv.DB, person string, before time.Time, limit int) string {
	t.Helper()
	events, err := audit.Timeline(bg, db, person, before, limit)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

func TestTimeline(t *testing.T) {
	db := store(t)
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	record(t, db,
		audit.Event{ID: "e2", At: at(2), Person: "p1", Verb: audit.GrantUsed},
		audit.Event{ID: "e0", At: at(0), Person: "p1", Verb: audit.GrantShown},
		audit.Event{ID: "e1", At: at(1).In(time.FixedZone("", 8*3600)), Person: "p1", Verb: audit.GrantGiven},
		audit.Event{ID: "e3b", At: at(3), Person: "p1", Verb: audit.GrantUsed},
		audit.Event{ID: "e3a", At: at(3), Person: "p1", Verb: audit.GrantRevoked},
		audit.Event{ID: "other", At: at(2), Person: "p10", Verb: audit.GrantUsed},
		audit.Event{ID: "nobody", At: at(2), Verb: audit.SignedIn},
	)
	for _, tt := range []struct {
		why    string
		person string
		before time.Time
		limit  int
		want   string
	}{
		{"newest first, wherever the clock stood, and two of one instant both", "p1", time.Time{}, 10, "e3b e3a e2 e1 e0"},
		{"the limit cuts the oldest", "p1", time.Time{}, 2, "e3b e3a"},
		{"before a moment, which is not part of it", "p1", at(2), 10, "e1 e0"},
		{"the next page", "p1", at(3), 2, "e2 e1"},
		{"before everything", "p1", at(0), 10, ""},
		{"a person whose id begins the same sees their own", "p10", time.Time{}, 10, "other"},
		{"what concerns no person is no person's", "p2", time.Time{}, 10, ""},
	} {
		if got := timeline(t, db, tt.person, tt.before, tt.limit); got != tt.want {
			t.Errorf("%s: Timeline = %q, want %q", tt.why, got, tt.want)
		}
	}
}

func TestAnEventComesBackWhole(t *testing.T) {
	db := store(t)
	want := audit.Event{ID: "e1", At: noon, Person: "p1", Client: "bank", Verb: audit.GrantUsed, On: "g1",
		Facts: map[string]string{"uses_left": "0"}}
	record(t, db, want)
	got, err := audit.Timeline(bg, db, "p1", time.Time{}, 1)
	if err != nil || len(got) != 1 {
		t.Fatalf("Timeline = %v, %v", got, err)
	}
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Errorf("an event changed on its way (-want +got):\n%s", d)
	}
}

func TestNeitherDeedNorRecordAlone(t *testing.T) {
	db := store(t)
	deed := kv.Key("deed")
	whole := audit.Event{ID: "e1", At: noon, Person: "p1", Verb: audit.GrantUsed}
	for _, tt := range []struct {
		why  string
		e    func(audit.Event) audit.Event
		then error
	}{
		{"a record without an id", func(e audit.Event) audit.Event { e.ID = ""; return e }, nil},
		{"a record without a time", func(e audit.Event) audit.Event { e.At = time.Time{}; return e }, nil},
		{"a record without a verb", func(e audit.Event) audit.Event { e.Verb = ""; return e }, nil},
		{"a deed that fails after it was recorded", func(e audit.Event) audit.Event { return e }, errors.New("refused")},
	} {
		err := db.Update(bg, func(tx kv.Tx) error {
			if err := tx.Put(deed, []byte("done")); err != nil {
				return err
			}
			if err := audit.Append(tx, tt.e(whole)); err != nil {
				return err
			}
			return tt.then
		})
		if err == nil {
			t.Errorf("%s: Update = nil, want an error", tt.why)
		}
		if err := db.View(bg, func(tx kv.Tx) error {
			b, err := tx.Get(deed)
			if b != nil {
				t.Errorf("%s: the deed was kept", tt.why)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := timeline(t, db, "p1", time.Time{}, 9); got != "" {
			t.Errorf("%s: Timeline = %q, want nothing", tt.why, got)
		}
	}
}

func TestTimelineReadsNoFurtherThanAsked(t *testing.T) {
	db := store(t)
	var events []audit.Event
	for i := range 200 {
		events = append(events, audit.Event{ID: fmt.Sprint(i), At: noon.Add(time.Duration(i)), Person: "p1", Verb: audit.DataSeen})
	}
	record(t, db, events...)
	// An old row that cannot be read shall not hide the new ones.
	if err := db.Update(bg, func(tx kv.Tx) error {
		return tx.Put(kv.Key("audit", "p1", noon.Add(-time.Hour), "x"), []byte("{"))
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := audit.Timeline(bg, db, "p1", time.Time{}, 200); err != nil || len(got) != 200 {
		t.Errorf("Timeline = %d events, %v; want 200", len(got), err)
	}
	if _, err := audit.Timeline(bg, db, "p1", time.Time{}, 201); err == nil {
		t.Error("Timeline over an unreadable row = nil, want an error")
	}
}
