// Package upstream stands between whoever wants something of a source and the
// source's connector. It decides whether the source is asked now, how often and
// for how long, so that a source which fails, hangs or wants to be left alone
// costs nobody else anything.
//
// The unit is the call: one method of a connector, that is one page and not a
// whole listing. Each source has an executor to itself, made of the limits in
// its [connectors.Source]; a call goes through, from the outside in,
//
//	deadline  of the whole, with all waiting and repeating
//	repeats   of reads alone, out of a budget that successful calls fill
//	circuit   open where too many calls failed of late; then one on trial
//	day       its calls
//	gate      calls at once and a second; persons take turns
//	hedge     a second read where the first is slow and the source allows it
//
// and comes back with what the connector answered, or with one of package
// connectors' faults. A connector that panics has answered nonsense, one that
// does not mind its context holds nobody up, though it keeps its place at the
// gate until it is back: so what hangs is bounded too.
//
// Persons are told apart by a text that the caller makes up; it is kept in
// memory alone, while it matters. Of circuits, rates and budgets each process
// knows its own; a day's calls are shared by whoever implements [Pool.Allot].
package upstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

// Pool holds the executors. The zero Pool is ready; it is not copied.
type Pool struct {
	Deadline time.Duration    // of a call with its waits and repeats; 0: 8 seconds. An earlier one of its context holds
	Now      func() time.Time // tells a source's day; nil: time.Now
	Log      *slog.Logger     // nil: slog.Default
	// Allot gives at most n of a source's calls of a day, of which all
	// processes together have limit; 0: they are spent. nil: this process has
	// them all, and begins anew when it starts.
	Allot func(ctx context.Context, source, day string, limit, n int) (granted int, err error)

	mu  sync.RWMutex
	all map[string]*executor // by source
}

// Read asks a source for something that may be asked for twice.
func Read[T any](ctx context.Context, p *Pool, source connectors.Source, who string, f func(context.Context) (T, error)) (T, error) {
	e := p.executor(source)
	ctx, cancel := context.WithTimeout(ctx, e.deadline)
	defer cancel()
	twice := repeatable(ctx, source)
	ask := once[T]
	if twice && source.Hedge {
		ask = hedged[T]
	}
	v, err := ask(ctx, e, who, f)
	for try := 0; err != nil && twice; try++ {
		wait, again := e.again(ctx, try, err)
		if !again {
			return v, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return v, err
		}
		w, then := ask(ctx, e, who, f)
		if Unsent(then) {
			return v, err // what the source said tells more
		}
		v, err = w, then
	}
	return v, err
}

// Write has a source do something, and does not ask again whatever comes of it.
func Write[T any](ctx context.Context, p *Pool, source connectors.Source, who string, f func(context.Context) (T, error)) (T, error) {
	e := p.executor(source)
	ctx, cancel := context.WithTimeout(ctx, e.deadline)
	defer cancel()
	return once(ctx, e, who, f)
}

// repeatable reports whether a read may be sent more than once: not where the
// source counts how often it is read while the person is away.
func repeatable(ctx context.Context, s connectors.Source) bool {
	_, present := connectors.PresenceOf(ctx)
	return present || s.Unattended == 0
}

const (
	repeats   = 2 // of one read
	firstWait = 100 * time.Millisecond
	longWait  = 2 * time.Second // a source that wants longer is not waited for
	patience  = 3 * time.Second // at the gate
)

func once[T any](ctx context.Context, e *executor, who string, f func(context.Context) (T, error)) (T, error) {
	c, err := start(ctx, e, who, patience, f)
	if err != nil {
		var none T
		return none, err
	}
	return c.wait(ctx)
}

// hedged asks a second time where the first is slower than nearly all calls of
// late, and takes what comes first. What is still under way then is called off.
func hedged[T any](ctx context.Context, e *executor, who string, f func(context.Context) (T, error)) (none T, _ error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first, err := start(ctx, e, who, patience, f)
	if err != nil {
		return none, err
	}
	slow, known := e.pace.slow()
	if !known {
		return first.wait(ctx)
	}
	timer := time.NewTimer(slow)
	defer timer.Stop()
	select {
	case a := <-first.answer:
		return first.told(ctx, a)
	case <-ctx.Done():
		return first.wait(ctx)
	case <-timer.C:
	}
	if !e.budget.take() {
		return first.wait(ctx)
	}
	second, err := start(ctx, e, who, 0, f)
	if err != nil {
		return first.wait(ctx)
	}
	e.counts.hedges.Add(1)
	var a answer[T]
	select {
	case a = <-first.answer:
	case a = <-second.answer:
		first, second = second, first
	case <-ctx.Done():
		second.drop()
		return first.wait(ctx)
	}
	v, err := first.told(ctx, a)
	if passing(err) {
		return second.wait(ctx)
	}
	second.drop()
	return v, err
}

// passing reports whether an error may be gone a moment later.
func passing(err error) bool {
	return errors.Is(err, connectors.ErrDown) || errors.Is(err, connectors.ErrBusy)
}

// call is one that has been let through. Exactly one of told, wait and drop
// ends it.
type call[T any] struct {
	e      *executor
	who    string
	permit permit
	begun  time.Time
	answer chan answer[T] // never blocks
}

type answer[T any] struct {
	v   T
	err error
}

var (
	// errPanicked is a connector that panicked over an answer of its source.
	errPanicked = connectors.ErrMalformed.Saying("the source's answer could not be read, and was thrown away")
	errLeft     = fault.Cause("the connector ended its goroutine")
)

// start lets f go once the source may be asked: see enter.
func start[T any](ctx context.Context, e *executor, who string, patience time.Duration, f func(context.Context) (T, error)) (*call[T], error) {
	permit, err := e.enter(ctx, who, patience)
	if err != nil {
		e.counts.unasked.Add(1)
		return nil, err
	}
	c := &call[T]{e: e, who: who, permit: permit, begun: time.Now(), answer: make(chan answer[T], 1)}
	go func() {
		a := answer[T]{err: errLeft}
		defer func() {
			if p := (*fault.Panic)(nil); errors.As(a.err, &p) { // here, or where the connector caught it
				a = answer[T]{err: errPanicked.Because(p)}
			}
			e.gate.leave(who)
			c.answer <- a
		}()
		defer fault.Caught(&a.err)
		a.v, a.err = f(ctx)
	}()
	return c, nil
}

// wait answers with f or with ctx, whichever ends first.
func (c *call[T]) wait(ctx context.Context) (none T, _ error) {
	select {
	case a := <-c.answer:
		return c.told(ctx, a)
	case <-ctx.Done():
		c.e.learn(ctx, c.who, c.permit, time.Since(c.begun), ctx.Err())
		return none, connectors.ErrDown.Because(ctx.Err())
	}
}

// told takes in what f answered.
func (c *call[T]) told(ctx context.Context, a answer[T]) (T, error) {
	c.e.learn(ctx, c.who, c.permit, time.Since(c.begun), a.err)
	return a.v, a.err
}

// drop forgets a call that nobody waits for any more.
func (c *call[T]) drop() { c.e.circuit.leave(c.permit, untold) }
