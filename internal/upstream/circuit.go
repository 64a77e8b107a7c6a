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
	trial   *trial               // the one call of HalfOpen, while it is under way
	blamed  map[string]time.Time // until when a person's misfortunes have been counted
}

// permit lets one call through.
type permit struct{ age int }

// trial is somebody's call by which it is found out whether a source is back.
type trial struct {
	who  string
	over chan struct{}
}

// refusal says when a call that is not let through may come again: after wait
// or, where another call of the same person's is the trial, once over is closed.
type refusal struct {
	wait time.Duration
	over <-chan struct{}
}

func newCircuit(changed func(from, to State)) *circuit {
	c := &circuit{blamed: map[string]time.Time{}}
	c.breaker = circuitbreaker.NewBuilder[any]().
		WithFailureRateThreshold(failing, least, window).
		WithDelay(rest).WithJitterFactor(0.1).WithSuccessThreshold(1).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			c.age++
			if c.trial != nil {
				close(c.trial.over)
				c.trial = nil
			}
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

// shut answers why it is of no use to wait at the gate, or nil.
func (c *circuit) shut(who string) *refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trial == nil && c.breaker.RemainingDelay() == 0 {
		return nil
	}
	return c.refusal(who)
}

func (c *circuit) refusal(who string) *refusal {
	switch {
	case c.trial == nil:
		return &refusal{wait: max(c.breaker.RemainingDelay(), time.Second)}
	case c.trial.who == who:
		return &refusal{wait: time.Second, over: c.trial.over}
	}
	return &refusal{wait: time.Second}
}

func (c *circuit) enter(who string) (permit, *refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trial != nil || !c.breaker.TryAcquirePermit() {
		return permit{}, c.refusal(who)
	}
	if c.breaker.IsHalfOpen() {
		c.trial = &trial{who, make(chan struct{})}
	}
	return permit{c.age}, nil
}

func (c *circuit) leave(p permit, v verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case p.age != c.age:
	case v == answered, v == again && c.trial != nil: // it answers the others, for all we know
		c.breaker.RecordSuccess()
	case v == failed, c.trial != nil:
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
