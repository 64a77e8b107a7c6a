package upstream

import (
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// State is how a source's circuit stands.
type State string

const (
	Closed   State = "closed"    // it is asked
	Open     State = "open"      // it is left alone
	HalfOpen State = "half_open" // one call tries whether it is back
)

const (
	failing = 0.5              // of the calls…
	window  = 30 * time.Second // …of this time…
	least   = 10               // …if they are so many, open the circuit…
	rest    = 10 * time.Second // …for so long, and longer than a call may take
)

// verdict is what a call tells of its source.
type verdict uint8

const (
	untold   verdict = iota // nothing: it was called off, or the fault is ours
	answered                // it is there
	failed
	again // failed as it did for this person before
)

// circuit is failsafe-go's breaker, held to two rules more: what a call tells
// counts only in the state in which it was let through, so that latecomers of
// an outage do not decide a trial; and what is untold counts for nothing.
type circuit struct {
	mu      sync.Mutex // around all of breaker, whose listener runs under it
	breaker circuitbreaker.CircuitBreaker[any]
	age     int                  // changes of state so far
	trial   bool                 // the one call of HalfOpen is under way
	blamed  map[string]time.Time // until when a person's misfortunes have been counted
}

// permit lets one call through.
type permit struct{ age int }

func newCircuit(changed func(from, to State)) *circuit {
	c := &circuit{blamed: map[string]time.Time{}}
	c.breaker = circuitbreaker.NewBuilder[any]().
		WithFailureRateThreshold(failing, least, window).
		WithDelay(rest).WithJitterFactor(0.1).WithSuccessThreshold(1).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			c.age++
			c.trial = false
			changed(stateOf(e.OldState), stateOf(e.NewState))
		}).Build()
	return c
}

func stateOf(s circuitbreaker.State) State {
	switch s {
	case circuitbreaker.OpenState:
		return Open
	case circuitbreaker.HalfOpenState:
		return HalfOpen
	}
	return Closed
}

func (c *circuit) state() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return stateOf(c.breaker.State())
}

// shut reports whether it is of no use to wait at the gate, and when it may be.
func (c *circuit) shut() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := c.wait()
	return wait, wait > 0
}

func (c *circuit) wait() time.Duration {
	if c.trial {
		return time.Second
	}
	return c.breaker.RemainingDelay()
}

func (c *circuit) enter() (permit, time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trial || !c.breaker.TryAcquirePermit() {
		return permit{}, max(c.wait(), time.Second), false
	}
	c.trial = c.breaker.IsHalfOpen()
	return permit{c.age}, 0, true
}

func (c *circuit) leave(p permit, v verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case p.age != c.age:
	case v == answered, v == again && c.trial: // it answers the others, for all we know
		c.breaker.RecordSuccess()
	case v == failed, c.trial:
		c.breaker.RecordFailure()
	}
}

// blame reports whether a failure that may be who's own is the first of them in
// the window.
func (c *circuit) blame(who string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Before(c.blamed[who]) {
		return false
	}
	if len(c.blamed) >= 1024 { // so many at once have no fault of their own
		clear(c.blamed)
	}
	c.blamed[who] = now.Add(window)
	return true
}
