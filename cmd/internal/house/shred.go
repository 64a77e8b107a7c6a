package house

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"jali/internal/deletion"
	"jali/internal/fault"
)

const (
	// shredLook is how often keys that are to be destroyed are looked for:
	// deletions that come together share one rewriting of their file.
	shredLook = 5 * time.Second
	// shredRest bounds how long a rewriting that failed, or took long, is
	// followed by none. Both together stay well within a minute.
	shredRest = 30 * time.Second
	// shredShare is how many times as long as it takes nothing is rewritten.
	shredShare = 10
)

// openDeletions makes the register of what was deleted, which the vault tells
// of keys that are gone. Each asks for a new root term, unless the operator
// does that alone.
func (h *House) openDeletions(c Config) {
	h.Deletions = &deletion.Register{DB: h.db, Vault: h.Vault, Now: c.Now}
	if c.RotateAfter > 0 {
		h.Deletions.Rotation = func(tx tx, destroyed time.Time) (time.Time, error) {
			return h.Vault.RotationDue(tx, destroyed.Add(c.RotateAfter))
		}
	}
	h.Vault.Destroyed = h.Deletions.Destroyed
}

// keepShredding destroys the keys of what was deleted, until ctx ends. It asks
// the database, so nothing is lost by a crash between a deletion and this, and
// a deletion need not know of it.
func (h *House) keepShredding(ctx context.Context) {
	wait := shredLook
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		begun := time.Now()
		if err := calmly(ctx, h.Vault.Shred); err != nil {
			if ctx.Err() != nil {
				return
			}
			h.shredFailures.Inc()
			wait = min(2*wait, shredRest)
			h.log.Error("the keys of what was deleted are not destroyed yet; this will be tried again: see that the disks of the data folder and of the anchor have room and can be written to",
				"in", wait.String(), "code", fault.Of(err).Code, "err", err)
			continue
		}
		wait = min(max(shredLook, shredShare*time.Since(begun)), shredRest)
	}
}

// measureShredding says how the destroying goes.
func (h *House) measureShredding(metrics prometheus.Registerer) error {
	h.shredFailures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "jali_shred_failures_total", Help: "Attempts to destroy the keys of what was deleted that failed; each is made again.",
	})
	if metrics == nil {
		return nil
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "jali_shred_waiting", Help: "Deletions whose keys are not destroyed yet; more than a minute above 0 is wrong.",
	}, func() float64 {
		n, err := h.Vault.Waiting(context.Background())
		if err != nil {
			return math.NaN()
		}
		return float64(n)
	})
	for _, c := range []prometheus.Collector{h.shredFailures, waiting} {
		if err := metrics.Register(c); err != nil {
			return err
		}
	}
	return nil
}
