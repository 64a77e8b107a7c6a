package upstream

import "time"

// Health is how a source's executor does. It tells of no person.
type Health struct {
	Circuit State
	Running int // calls under way
	Waiting int // calls at the gate

	// Since the process started.
	Answered uint64 // calls that the source answered, be it with no
	Failed   uint64
	Unasked  uint64 // calls that were not made
	Repeats  uint64 // calls that were made again
	Hedges   uint64
}

// Health answers how a source does; one that nobody has asked yet does well.
func (p *Pool) Health(source string) Health {
	p.mu.RLock()
	e := p.all[source]
	p.mu.RUnlock()
	if e == nil {
		return Health{Circuit: Closed}
	}
	running, waiting := e.gate.waiting()
	n := &e.counts
	return Health{Circuit: e.circuit.state(), Running: running, Waiting: waiting,
		Answered: n.answered.Load(), Failed: n.failed.Load(), Unasked: n.unasked.Load(), Repeats: n.repeats.Load(), Hedges: n.hedges.Load()}
}

// Slow is a time that nearly all calls of a source stayed within of late; 0
// where there were too few to tell.
func (p *Pool) Slow(source string) time.Duration {
	p.mu.RLock()
	e := p.all[source]
	p.mu.RUnlock()
	if e == nil {
		return 0
	}
	slow, _ := e.pace.slow()
	return slow
}
