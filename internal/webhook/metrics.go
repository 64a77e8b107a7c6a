package webhook

import (
	"context"
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"jali/internal/kv"
)

// metrics name no client and no grant.
type metrics struct{ attempts *prometheus.CounterVec }

// count counts an attempt by how it left what it was made for: still waiting,
// which is a failure, or at its end.
func (m metrics) count(k kind, as State) {
	if as == Waiting {
		as = "failed"
	}
	m.attempts.WithLabelValues(string(k), string(as)).Inc()
}

func (o *Outbox) measure() error {
	o.met.attempts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jali_webhook_attempts_total", Help: "Attempts to tell clients, by kind and by how they ended.",
	}, []string{"kind", "outcome"})
	if o.Metrics == nil {
		return nil
	}
	oldest := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "jali_webhook_oldest_seconds", Help: "How long the oldest event that no client has taken has waited.",
	}, o.oldest)
	for _, c := range []prometheus.Collector{o.met.attempts, oldest} {
		if err := o.Metrics.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// oldest is the age in seconds of the oldest event that waits; 0 for none.
func (o *Outbox) oldest() float64 {
	var age float64
	err := o.DB.View(context.Background(), func(tx kv.Tx) error {
		age = 0
		f, found, err := end(tx, kv.Prefix(room, "waiting"))
		if err != nil || !found {
			return err
		}
		r, _, err := f.load(tx)
		age = o.now().Sub(r.Since).Seconds()
		return err
	})
	if err != nil {
		return math.NaN()
	}
	return age
}
