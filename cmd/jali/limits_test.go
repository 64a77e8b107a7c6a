package main

import (
	"strings"
	"testing"
	"time"

	"jali/connectors"
)

// What an operator says that a source bears is what the source says, whatever
// its dialect, but for what a dialect can tell no more of.
func TestLimitsOfTheConfig(t *testing.T) {
	private, public, _ := keyFiles(t)
	const base = `sources:
  - {id: wallet, dialect: alipay, app-id: "1", key-file: KEY, public-key-file: PUBLIC, limits: {LIMITS}}
`
	const day = 24 * time.Hour
	for _, tt := range []struct {
		why, limits, err string
		want             connectors.Source
	}{
		{"none", "", "", connectors.Source{History: 6 * 365 * day, MaxWindow: 31 * day}},
		{"all", "history-days: 90, window-days: 7, calls-at-once: 3, total-calls-at-once: 20, calls-per-second: 2.5, calls-per-day: 1000, unattended-per-day: 8, hedge: true", "",
			connectors.Source{History: 90 * day, MaxWindow: 7 * day, Concurrent: 3, Total: 20, PerSecond: 2.5, PerDay: 1000, Unattended: 8, Hedge: true}},
		{"more than the dialect can tell", "window-days: 400", "", connectors.Source{History: 6 * 365 * day, MaxWindow: 31 * day}},
		{"below zero", "calls-per-day: -1", "not below zero", connectors.Source{}},
		{"a rate that is none", "calls-per-second: .nan", "not below zero", connectors.Source{}},
		{"no limit of ours", "page-size: 10", "page-size", connectors.Source{}},
	} {
		text := strings.NewReplacer("KEY,", private+",", "PUBLIC", public).Replace(strings.Replace(base, "LIMITS", tt.limits, 1))
		registry, err := loadSources(fileOf(t, "jali.yaml", []byte(text)))
		if tt.err != "" || err != nil {
			if err == nil || tt.err == "" || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want one that names %q", tt.why, err, tt.err)
			}
			continue
		}
		c, _ := registry.Find("wallet")
		got := c.Source()
		tt.want.ID, tt.want.Name, tt.want.Kind, tt.want.PageSize = got.ID, got.Name, got.Kind, got.PageSize
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.why, got, tt.want)
		}
	}
}
