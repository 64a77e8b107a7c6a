package house

import (
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"jali/connectors"
	"jali/internal/upstream"
)

type silentSource struct{ connectors.Connector }

func (silentSource) Source() connectors.Source { return connectors.Source{ID: "jiangnan_bank"} }

// What is measured of the sources changes with them, and tells of no person.
func TestSourcesAreMeasured(t *testing.T) {
	registry := &connectors.Registry{}
	if err := registry.Register(silentSource{}); err != nil {
		t.Fatal(err)
	}
	pool := &upstream.Pool{Log: slog.New(slog.DiscardHandler)}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(sourceMetrics{pool, registry})
	read := func() map[string]float64 {
		t.Helper()
		families, err := metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]float64{}
		for _, f := range families {
			for _, m := range f.Metric {
				name := f.GetName()
				for _, l := range m.Label {
					if l.GetName() == "outcome" {
						name += " " + l.GetValue()
					} else if l.GetName() != "source" || l.GetValue() != "jiangnan_bank" {
						t.Errorf("%s has the label %s=%s", f.GetName(), l.GetName(), l.GetValue())
					}
				}
				all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
		return all
	}
	if all := read(); len(all) != 8 || all["jali_source_circuit"] != 0 {
		t.Errorf("of a source that nobody has asked: %v", all)
	}
	for range 20 {
		_, _ = upstream.Write(t.Context(), pool, connectors.Source{ID: "jiangnan_bank"}, "person", func(context.Context) (int, error) { return 0, connectors.ErrDown })
	}
	if all := read(); all["jali_source_circuit"] != 2 || all["jali_source_calls_total failed"] != 10 || all["jali_source_calls_total unasked"] != 10 {
		t.Errorf("of one that fails: %v", all)
	}
}
