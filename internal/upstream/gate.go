package upstream

import (
	"context"
	"slices"
	"sync"
	"time"

	"jali/connectors"
)

// gate bounds a source's calls at once and in any second. Persons who
// wait take turns, each with one call, however many they bring; and one alone
// never has more than half of the places.
type gate struct {
	places  int
	recent  []time.Time   // the last calls, as many as may fall into…
	stretch time.Duration // …any time so long; 0: no limit

	mu      sync.Mutex
	running map[string]int // by person; no zeros
	taken   int
	queue   []*line // who waits, in turn
	next    int     // of recent: the oldest
	timer   *time.Timer
}

// line is one person's waiting calls.
type line struct {
	who   string
	calls []chan struct{}
}

func newGate(s connectors.Source) *gate {
	g := &gate{places: s.Total, running: map[string]int{}}
	if g.places <= 0 {
		g.places = 64
	}
	if s.PerSecond > 0 {
		n := max(1, int(s.PerSecond))
		g.recent = make([]time.Time, n)
		g.stretch = time.Duration(float64(n) / s.PerSecond * float64(time.Second))
	}
	return g
}

// enter waits for a place, and for no longer than patience.
func (g *gate) enter(ctx context.Context, who string, patience time.Duration) error {
	g.mu.Lock()
	if len(g.queue) == 0 && g.room(who) && g.pause() <= 0 {
		g.take(who)
		g.mu.Unlock()
		return nil
	}
	if patience <= 0 {
		g.mu.Unlock()
		return full()
	}
	turn := make(chan struct{})
	g.join(who, turn)
	g.admit()
	g.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.quit(who, turn) {
		return nil // its turn came at the same moment
	}
	return full()
}

func full() error {
	return connectors.ErrBusy.Saying("the source is asked by many at once; ask again in a moment").After(time.Second).Because(errFull)
}

// leave gives the place back.
func (g *gate) leave(who string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.give(who)
}

func (g *gate) give(who string) {
	g.taken--
	if g.running[who]--; g.running[who] == 0 {
		delete(g.running, who)
	}
	g.admit()
}

// admit lets in as many as there is room for, each person in turn.
func (g *gate) admit() {
	for i := 0; i < len(g.queue) && g.taken < g.places; {
		l := g.queue[i]
		if !g.room(l.who) {
			i++
			continue
		}
		if wait := g.pause(); wait > 0 {
			g.wake(wait)
			return
		}
		g.take(l.who)
		close(l.calls[0])
		l.calls = l.calls[1:]
		g.queue = slices.Delete(g.queue, i, i+1)
		if len(l.calls) > 0 {
			g.queue = append(g.queue, l)
		}
	}
}

func (g *gate) wake(wait time.Duration) {
	if g.timer != nil {
		g.timer.Reset(wait)
		return
	}
	g.timer = time.AfterFunc(wait, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.admit()
	})
}

func (g *gate) room(who string) bool {
	return g.taken < g.places && g.running[who] < max(4, g.places/2)
}

func (g *gate) take(who string) {
	g.taken++
	g.running[who]++
	if g.stretch > 0 {
		g.recent[g.next] = time.Now()
		g.next = (g.next + 1) % len(g.recent)
	}
}

// pause is for how long nobody may be let in.
func (g *gate) pause() time.Duration {
	if g.stretch == 0 || g.recent[g.next].IsZero() {
		return 0
	}
	return g.stretch - time.Since(g.recent[g.next])
}

func (g *gate) join(who string, turn chan struct{}) {
	for _, l := range g.queue {
		if l.who == who {
			l.calls = append(l.calls, turn)
			return
		}
	}
	g.queue = append(g.queue, &line{who, []chan struct{}{turn}})
}

// quit reports whether turn still waited.
func (g *gate) quit(who string, turn chan struct{}) bool {
	for i, l := range g.queue {
		if l.who != who {
			continue
		}
		at := slices.Index(l.calls, turn)
		if at < 0 {
			return false
		}
		if l.calls = slices.Delete(l.calls, at, at+1); len(l.calls) == 0 {
			g.queue = slices.Delete(g.queue, i, i+1)
		}
		return true
	}
	return false
}

func (g *gate) waiting() (running, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.queue {
		waiting += len(l.calls)
	}
	return g.taken, waiting
}
