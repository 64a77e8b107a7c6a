package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/internal/kv"
)

// town is ten people with three accounts at each of three clients, one of each
// shape, and one person more who had as many and took them back.
type town struct {
	*house
	living, ended []string
}

func newTown(t testing.TB) town {
	t.Helper()
	town := town{house: newHouse(t)}
	for i := range 11 {
		person := fmt.Sprint("p", i)
		town.person(t, person)
		for shape := range shapes {
			pair := town.pair(t, person, "app-"+shape)
			for _, account := range []string{"a1", "a2", "a3"} {
				alias, err := town.alias(pair, account, shape)
				if err != nil {
					t.Fatal(err)
				}
				if i == 10 {
					town.ended = append(town.ended, alias)
				} else {
					town.living = append(town.living, alias)
				}
			}
			if i == 10 {
				town.do(t, func(tx kv.Tx) error { return town.EndEpoch(tx, person, "app-"+shape) })
			}
		}
	}
	town.person(t, "guesser")
	return town
}

// guess is an alias as somebody would make one up who knows all the shapes, or
// has others' before them: new ones, neighbours, pieces and the revoked.
func (town town) guess(r *rand.Rand) string {
	random := make([]byte, 0, 32)
	for range 4 {
		random = binary.BigEndian.AppendUint64(random, r.Uint64())
	}
	near := []byte(town.living[r.IntN(len(town.living))])
	switch r.IntN(6) {
	case 0:
		return opaque(random)
	case 1:
		return card(random)
	case 2:
		return iban(random)
	case 3:
		at := len(near) - 1 - r.IntN(13)
		if near[at]++; near[at] == '9'+1 || near[at] == 'z'+1 || near[at] == 'Z'+1 {
			near[at] -= 2
		}
		return string(near)
	case 4:
		return string(near[:r.IntN(len(near))])
	default:
		return town.ended[r.IntN(len(town.ended))]
	}
}

// The people of the town share a guesser between them: whoever it is that
// asks, a million guesses meet no account of theirs.
func TestAMillionGuesses(t *testing.T) {
	town := newTown(t)
	const hands, batch = 4, 1000
	guesses := 1_000_000
	if raced {
		guesses /= 20
	}
	var wg sync.WaitGroup
	for hand := range hands {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(hand), 26))
			for done := 0; done < guesses/hands; done += batch {
				person := fmt.Sprint("p", r.IntN(11))
				err := town.db.View(bg, func(tx kv.Tx) error {
					for range batch {
						alias := town.guess(r)
						if client, account, err := town.Resolve(tx, person, alias); !errors.Is(err, ErrNoAlias) {
							return fmt.Errorf("Resolve(%s, %q) = %q, %q, %w", person, alias, client, account, err)
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	// The same loop finds what is there, or it could not fail.
	if got, err := town.resolve(t, "p0", town.living[0]); err != nil || !strings.HasPrefix(got, "app-") {
		t.Errorf("a known alias resolves to %q, %v", got, err)
	}
}

// BenchmarkGuess takes turns with aliases that nobody has, that another person
// has, and that were revoked, as many of each, and reports Welch's t of the
// latter's times against the first's: beyond ±4.5 one could tell them apart.
func BenchmarkGuess(b *testing.B) {
	town := newTown(b)
	r := rand.New(rand.NewPCG(1, 2))
	var guesses [3][]string
	for _, alias := range town.ended {
		if strings.HasPrefix(alias, "acct_") { // all alike but in what they stand for
			guesses[2] = append(guesses[2], alias)
		}
	}
	for _, alias := range town.living[9:] { // of others than who asks
		if len(guesses[1]) < len(guesses[2]) && strings.HasPrefix(alias, "acct_") {
			guesses[1] = append(guesses[1], alias)
			guesses[0] = append(guesses[0], opaque([]byte(alias)[9:]))
		}
	}
	var took [3]sample
	for b.Loop() {
		err := town.db.View(bg, func(tx kv.Tx) error {
			for range 64 {
				for _, kind := range r.Perm(3) {
					alias := guesses[kind][r.IntN(len(guesses[kind]))]
					begun := time.Now()
					_, _, err := town.Resolve(tx, "p0", alias)
					took[kind].add(float64(time.Since(begun)))
					if !errors.Is(err, ErrNoAlias) {
						return fmt.Errorf("%q resolves", alias)
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(took[1].welch(took[0]), "t-foreign")
	b.ReportMetric(took[2].welch(took[0]), "t-revoked")
	b.ReportMetric(took[0].mean, "ns/guess")
}

// sample keeps mean and variance of what was measured (Welford), without what
// lies beyond a hundred microseconds: the machine was elsewhere then.
type sample struct{ n, mean, m2 float64 }

func (s *sample) add(x float64) {
	if x > 1e5 {
		return
	}
	s.n++
	d := x - s.mean
	s.mean += d / s.n
	s.m2 += d * (x - s.mean)
}

// welch is Welch's t of two samples.
func (s sample) welch(o sample) float64 {
	return (s.mean - o.mean) / math.Sqrt(s.m2/(s.n-1)/s.n+o.m2/(o.n-1)/o.n)
}
