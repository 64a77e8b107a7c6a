package upstream

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

// executor is what the calls of one source go through.
type executor struct {
	deadline time.Duration
	day      day
	gate     *gate
	circuit  *circuit
	budget   budget
	pace     pace
	counts   struct{ answered, failed, unasked, repeats, hedges atomic.Uint64 }
}

func (p *Pool) executor(s connectors.Source) *executor {
	p.mu.RLock()
	e := p.all[s.ID]
	p.mu.RUnlock()
	if e != nil {
		return e
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.all[s.ID]; e != nil {
		return e
	}
	now := p.Now
	if now == nil {
		now = time.Now
	}
	e = &executor{deadline: cmp.Or(p.Deadline, 8*time.Second), gate: newGate(s), day: day{limit: s.PerDay, now: now}}
	if p.Allot != nil {
		e.day.allot = func(ctx context.Context, date string, n int) (int, error) {
			return p.Allot(ctx, s.ID, date, s.PerDay, n)
		}
	}
	e.circuit = newCircuit(func(from, to State) {
		log := p.Log
		if log == nil {
			log = slog.Default()
		}
		if to == Open {
			log.Warn("a source fails too often and is left alone for a while", "source", s.ID, "was", string(from))
			return
		}
		log.Info("a source's circuit has changed", "source", s.ID, "was", string(from), "is", string(to))
	})
	if p.all == nil {
		p.all = map[string]*executor{}
	}
	p.all[s.ID] = e
	return e
}

// Why a source was not asked.
var (
	errOpen  = fault.Cause("its circuit is open")
	errFull  = fault.Cause("too many calls at once")
	errSpent = fault.Cause("the calls of its day are spent")
)

// Unsent reports whether err means that nothing was sent to the source.
func Unsent(err error) bool {
	return errors.Is(err, errOpen) || errors.Is(err, errFull) || errors.Is(err, errSpent)
}

// enter waits until the source may be asked: for patience at its gate, and
// before that for the end of its circuit's trial, if that is another call of
// who's. Other people are told at once.
func (e *executor) enter(ctx context.Context, who string, patience time.Duration) (permit, error) {
	for {
		p, refused, err := e.tryEnter(ctx, who, patience)
		if refused == nil {
			return p, err
		}
		down := connectors.ErrDown.After(refused.wait).Because(errOpen)
		if patience <= 0 || refused.over == nil {
			return permit{}, down
		}
		select {
		case <-refused.over:
		case <-ctx.Done():
			return permit{}, down
		}
		// What is sent shortly before the end is lost, be it a code that is good for once.
		if end, ok := ctx.Deadline(); ctx.Err() != nil || ok && time.Until(end) < e.deadline/4 {
			return permit{}, down
		}
	}
}

func (e *executor) tryEnter(ctx context.Context, who string, patience time.Duration) (permit, *refusal, error) {
	if refused := e.circuit.shut(who); refused != nil {
		return permit{}, refused, nil
	}
	date, err := e.day.take(ctx)
	if err != nil {
		return permit{}, nil, err
	}
	if err := e.gate.enter(ctx, who, patience); err != nil {
		e.day.give(date)
		return permit{}, nil, err
	}
	p, refused := e.circuit.enter(who)
	if refused != nil {
		e.gate.leave(who)
		e.day.give(date)
	}
	return p, refused, nil
}

// again reports whether a read that failed is repeated, and after what time.
func (e *executor) again(ctx context.Context, try int, err error) (time.Duration, bool) {
	if try >= repeats || !passing(err) || Unsent(err) || ctx.Err() != nil {
		return 0, false
	}
	asked := fault.Of(err).RetryAfter
	if asked > longWait || asked == 0 && errors.Is(err, connectors.ErrBusy) {
		return 0, false
	}
	wait := firstWait << try
	wait = max(asked, wait/2+rand.N(wait)) // apart from the others who failed with it
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= wait {
		return 0, false
	}
	if !e.budget.take() {
		return 0, false
	}
	e.counts.repeats.Add(1)
	return wait, true
}

// learn tells the circuit and the budget what came of a call.
func (e *executor) learn(ctx context.Context, who string, p permit, took time.Duration, err error) {
	v := e.verdict(ctx, who, took, err)
	e.circuit.leave(p, v)
	switch v {
	case answered:
		e.counts.answered.Add(1)
		if err == nil {
			e.budget.earn()
			e.pace.add(took)
		}
	case failed, again:
		e.counts.failed.Add(1)
	}
}

// verdict says what an outcome tells of the source. What one person's account
// or quota may be the cause of is held against the source once for each person
// and window: no person alone opens a circuit by it.
func (e *executor) verdict(ctx context.Context, who string, took time.Duration, err error) verdict {
	switch f := (*fault.Error)(nil); {
	case err == nil:
		return answered
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		// A call that began shortly before the end says nothing.
		if took >= e.deadline/4 {
			return failed
		}
		return untold
	case ctx.Err() != nil:
		return untold
	case errors.Is(err, connectors.ErrDown):
		return failed
	case errors.Is(err, connectors.ErrMalformed), errors.Is(err, connectors.ErrUnsigned), errors.Is(err, connectors.ErrBusy):
		if e.circuit.blame(who) {
			return failed
		}
		return again
	case errors.As(err, &f) && f.Kind != fault.Internal:
		return answered // it said no, in its own words
	}
	return untold // a fault of ours
}
