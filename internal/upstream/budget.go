package upstream

import (
	"slices"
	"sync"
	"time"
)

// In tenths of a repeat.
const (
	repeat = 10
	earned = 1           // by each call that goes well
	most   = 10 * repeat // kept for later
	early  = 3 * repeat  // there before any call went well
)

// budget bounds the calls that nobody asked for, repeats and hedges, to a share
// of those that went well: a source that fails all over gets no storm of them.
type budget struct {
	mu   sync.Mutex
	left int // less early
}

func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.left+earned, most-early)
}

func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < repeat-early {
		return false
	}
	b.left -= repeat
	return true
}

// pace is how long a source took of late.
type pace struct {
	mu   sync.Mutex
	took [64]time.Duration
	n    int // ever
}

func (p *pace) add(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took[p.n%len(p.took)] = d
	p.n++
}

// slow is a time that some 19 of 20 calls stay well within.
func (p *pace) slow() (time.Duration, bool) {
	p.mu.Lock()
	known := slices.Clone(p.took[:min(p.n, len(p.took))])
	p.mu.Unlock()
	if len(known) < 16 {
		return 0, false
	}
	slices.Sort(known)
	return known[len(known)*19/20] * 6 / 5, true
}
