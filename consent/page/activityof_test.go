package page

import (
	"strings"
	"testing"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
)

// A file is told with its source's name, which for a bank without a connector
// only the connection of its files knows.
func TestActivityNamesTheSourceOfAFile(t *testing.T) {
	h := newHouse(t)
	connections, _ := h.accounts.Connections(t.Context(), lin)
	src := connections[0].Source
	for _, c := range connections {
		if c.Imported {
			src = c.Source
		}
	}
	err := h.db.Update(t.Context(), func(tx kv.Tx) error {
		return audit.Append(tx, audit.Event{ID: "ev", At: now.Add(-time.Hour), Person: string(lin.Person), Verb: audit.FileImported, Facts: map[string]string{"source": src.ID, "rows": "18"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for lang, words := range map[string]string{"en": "You took in a bill file of " + src.Name.EN, "zh-CN": "收下了" + src.Name.ZH + "的一份账单文件"} {
		if body := h.get(t, "/activity", "in", lang).Body.String(); !strings.Contains(body, words) {
			t.Errorf("%s lacks %q", lang, words)
		}
	}
}
