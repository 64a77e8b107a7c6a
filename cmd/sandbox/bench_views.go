package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"jali/connectors"
	"jali/consent"
	"jali/openapi/client"
)

const (
	pause    = time.Second     // between the asks of one who pauses
	turns    = 2               // views and plain calls in turn, since a machine's mood changes
	patience = 8 * time.Second // a source's deadline at jali is as long
)

// views measures views over the first n sources under every load.
func (b *benchCmd) views(ctx context.Context, t *benchTown, n int, tell func(string, ...any)) (rows []viewRow, err error) {
	want := 2 + b.Full*b.Rounds*turns
	for _, many := range b.AtOnce {
		want += many * b.Rounds
	}
	tell("%d sources: the grants for %d views", n, want)
	sessions, _, err := b.sessions(ctx, t, n, want)
	if err != nil {
		return nil, err
	}
	take := func(many int) (some []*client.Session) {
		some, sessions = sessions[:many], sessions[many:]
		return some
	}
	view := func(sessions []*client.Session) func(int) error {
		return func(i int) error { return t.view(ctx, sessions[i], n) }
	}
	plain := func(i int) error { return b.plain(ctx, t.people[i%len(t.people)].links[:n]) }
	// Once for the connections.
	for i := range take(2) {
		if err := plain(i); err != nil {
			return nil, err
		}
	}
	for _, many := range b.AtOnce {
		tell("%d sources: %d at once, a second between asks", n, many)
		row := viewRow{sources: n, atOnce: many, paused: true}
		if row.view, err = pausing(ctx, many, b.Rounds, view(take(many*b.Rounds))); err != nil {
			return nil, err
		}
		if row.plain, err = pausing(ctx, many, b.Rounds, plain); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	tell("%d sources: %d at once, without a pause", n, b.Full)
	row := viewRow{sources: n, atOnce: b.Full}
	for turn := range turns {
		for _, side := range []struct {
			sum *asked
			do  func(int) error
		}{{&row.view, view(take(b.Full * b.Rounds))}, {&row.plain, plain}} {
			stop := func() {}
			if side.sum == &row.view && turn == turns-1 && b.Profile != "" {
				if stop, err = profile(b.Profile); err != nil {
					return nil, err
				}
			}
			part, err := together(b.Full, b.Full*b.Rounds, side.do)
			stop()
			if err != nil {
				return nil, err
			}
			side.sum.join(part)
		}
	}
	return append(rows, row), nil
}

// pausing has many ask rounds times each, a second after each answer. They
// begin spread over a second.
func pausing(ctx context.Context, many, rounds int, do func(int) error) (asked, error) {
	a := asked{took: make([]time.Duration, many*rounds)}
	var short atomic.Int64
	begun := time.Now()
	var group errgroup.Group
	for who := range many {
		group.Go(func() error {
			wait := pause * time.Duration(who) / time.Duration(many)
			for round := range rounds {
				select {
				case <-time.After(wait):
				case <-ctx.Done():
					return ctx.Err()
				}
				i, at := who*rounds+round, time.Now()
				err := do(i)
				a.took[i], wait = time.Since(at), pause
				if errors.Is(err, errShort) {
					short.Add(1)
				} else if err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	a.all, a.short = time.Since(begun), int(short.Load())
	slices.Sort(a.took)
	return a, err
}

// view opens a view and sees that every source has answered in it.
func (t *benchTown) view(ctx context.Context, session *client.Session, sources int) error {
	v, err := session.OpenView(ctx, client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{})
	if err != nil {
		return fmt.Errorf("opening a view: %w", err)
	}
	if len(v.Sources) != sources {
		return fmt.Errorf("a view over %d sources tells of %d", sources, len(v.Sources))
	}
	for _, s := range v.Sources {
		if string(s.Code) == connectors.ErrDown.Code {
			return errShort
		}
		if s.Status != "fresh" {
			return fmt.Errorf("in a view %s is %s (%s): nothing that was measured is worth anything", s.Source, s.Status, s.Code)
		}
	}
	return nil
}

// plain makes the calls that a view makes, side by side as it does, and
// nothing else.
func (b *benchCmd) plain(ctx context.Context, links []benchLink) error {
	first, last := b.period(time.Now())
	from, _ := time.ParseInLocation(time.DateOnly, first, consent.Shanghai)
	to, _ := time.ParseInLocation(time.DateOnly, last, consent.Shanghai)
	to = to.AddDate(0, 0, 1)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var all errgroup.Group
	for _, l := range links {
		all.Go(func() error {
			_, err := l.Balances(ctx, l.credential, l.accounts)
			return err
		})
		lister, ok := l.Connector.(connectors.BillLister)
		if !ok {
			continue
		}
		for _, a := range l.accounts {
			all.Go(func() error {
				for next := connectors.Cursor(""); ; {
					page, err := lister.Bills(ctx, l.credential, a, from, to, next)
					if err != nil || page.Next == "" {
						return err
					}
					next = page.Next
				}
			})
		}
	}
	err := all.Wait()
	if errors.Is(err, connectors.ErrDown) {
		return errShort
	}
	if err != nil {
		return fmt.Errorf("the plain calls: %w", err)
	}
	return nil
}

// profile writes what the CPU does until it is stopped.
func profile(path string) (stop func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
