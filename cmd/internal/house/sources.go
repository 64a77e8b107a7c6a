package house

import (
	"github.com/prometheus/client_golang/prometheus"

	"jali/connectors"
	"jali/internal/upstream"
)

// sourceMetrics tells how the executors of the sources do.
type sourceMetrics struct {
	pool    *upstream.Pool
	sources *connectors.Registry
}

var (
	sourceCircuit = prometheus.NewDesc("jali_source_circuit", "Whether a source is asked: 0 closed, 1 one call on trial, 2 open and left alone.", []string{"source"}, nil)
	sourceRunning = prometheus.NewDesc("jali_source_calls_running", "Calls to a source under way.", []string{"source"}, nil)
	sourceWaiting = prometheus.NewDesc("jali_source_calls_waiting", "Calls that wait for a place at a source.", []string{"source"}, nil)
	sourceCalls   = prometheus.NewDesc("jali_source_calls_total", "Calls to a source: answered, failed, or unasked, which were not made.", []string{"source", "outcome"}, nil)
	sourceRepeats = prometheus.NewDesc("jali_source_repeats_total", "Calls to a source that were made again after a failure.", []string{"source"}, nil)
	sourceHedges  = prometheus.NewDesc("jali_source_hedges_total", "Calls to a source that were made twice because the first was slow.", []string{"source"}, nil)
)

func (m sourceMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sourceCircuit, sourceRunning, sourceWaiting, sourceCalls, sourceRepeats, sourceHedges} {
		to <- d
	}
}

func (m sourceMetrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.sources.All() {
		id := c.Source().ID
		health := m.pool.Health(id)
		gauge := func(d *prometheus.Desc, v int) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), id)
		}
		count := func(d *prometheus.Desc, v uint64, labels ...string) {
			to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{id}, labels...)...)
		}
		gauge(sourceCircuit, map[upstream.State]int{upstream.Closed: 0, upstream.HalfOpen: 1, upstream.Open: 2}[health.Circuit])
		gauge(sourceRunning, health.Running)
		gauge(sourceWaiting, health.Waiting)
		count(sourceCalls, health.Answered, "answered")
		count(sourceCalls, health.Failed, "failed")
		count(sourceCalls, health.Unasked, "unasked")
		count(sourceRepeats, health.Repeats)
		count(sourceHedges, health.Hedges)
	}
}

// openUpstream makes the executors that all sources are asked through.
func (h *House) openUpstream(c Config) error {
	h.Upstream = &upstream.Pool{Now: c.Now, Log: c.Log}
	if c.Metrics == nil || c.Sources == nil {
		return nil
	}
	return c.Metrics.Register(sourceMetrics{h.Upstream, c.Sources})
}
