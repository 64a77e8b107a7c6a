package house

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"jali/connectors"
	"jali/internal/kv/boltkv"
	"jali/vault/kek"
)

func found(t *testing.T, data string) (*House, error) {
	t.Helper()
	return Open(t.Context(), Config{Issuer: "http://localhost:8080", Data: data, Sources: &connectors.Registry{}, Log: slog.New(slog.DiscardHandler)})
}

// A folder that has lost a file is refused as it is: a new file in its place
// would look like the old one, emptied.
func TestAFolderThatLostAFileIsLeftAlone(t *testing.T) {
	for _, lost := range [][]string{{"jali.db"}, {"keys.db"}, {"kek.key"}, {"kek.key", "jali.db"}, {"kek.key", "keys.db"}} {
		t.Run(strings.Join(lost, "+"), func(t *testing.T) {
			data := t.TempDir()
			h, err := found(t, data)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			for _, name := range lost {
				if err := os.Remove(filepath.Join(data, name)); err != nil {
					t.Fatal(err)
				}
			}
			h, err = found(t, data)
			if err == nil {
				t.Fatal("it opens", h.Close())
			}
			if !strings.Contains(err.Error(), "missing") {
				t.Errorf("the message %q does not say what is missing", err)
			}
			for _, name := range lost {
				if _, err := os.Stat(filepath.Join(data, name)); !os.IsNotExist(err) {
					t.Errorf("%s was made anew: %v", name, err)
				}
			}
		})
	}
}

// A first start that was cut short between its files goes on.
func TestAFirstStartCutShort(t *testing.T) {
	data := t.TempDir()
	if _, err := kek.CreateFile(filepath.Join(data, "kek.key")); err != nil {
		t.Fatal(err)
	}
	keys, err := boltkv.Open(filepath.Join(data, keysFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := found(t, data)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReadyUntilAStoreStops(t *testing.T) {
	h, err := found(t, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	site := Health(h, prometheus.NewRegistry(), false)
	ask := func(path string) int {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code
	}
	if got := ask("/readyz"); got != http.StatusOK {
		t.Errorf("ready: %d", got)
	}
	if err := h.keys.Close(); err != nil {
		t.Fatal(err)
	}
	if got := ask("/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("with its keys closed it is ready: %d", got)
	}
	if got := ask("/healthz"); got != http.StatusOK {
		t.Errorf("the process answers all the same: %d", got)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}
