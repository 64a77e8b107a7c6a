package walk

import (
	"os"
	"path/filepath"
	"testing"

	"jali/internal/canary"
)

// noCanaries searches all that left, and all that lies on disk.
func (h *house) noCanaries(t *testing.T) {
	t.Helper()
	places := map[string][]byte{"an answer": h.answers.Bytes(), "the log": h.log.Bytes()}
	for _, name := range []string{"jali.db", "keys.db"} {
		b, err := os.ReadFile(filepath.Join(h.data, name))
		if err != nil {
			t.Fatal(err)
		}
		places[name] = b
	}
	canaries := h.canaries(t)
	if len(canaries) < 20 {
		t.Fatalf("only %d canaries: this search means nothing", len(canaries))
	}
	canary.None(t, canaries, places)
	t.Logf("%d canaries searched for in %d bytes of answers, %d of log, %d of database", len(canaries),
		len(places["an answer"]), len(places["the log"]), len(places["jali.db"])+len(places["keys.db"]))
}
