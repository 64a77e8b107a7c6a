package boltkv

import (
	"path/filepath"
	"testing"

	"jali/internal/kv/kvtest"
)

func TestDB(t *testing.T) { kvtest.Run(t, opened(t)) }

func opened(t testing.TB) *DB {
	t.Helper()
	return openedAt(t, filepath.Join(t.TempDir(), "jali.db"))
}

func openedAt(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return db
}
