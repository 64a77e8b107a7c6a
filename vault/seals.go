package vault

import (
	"context"
	"sync"
	"sync/atomic"

	"jali/internal/fault"
	"jali/internal/kv"
)

// ErrTermSpent is a term in which nothing more may be sealed until the next
// has begun.
var ErrTermSpent = &fault.Error{Kind: fault.Unavailable, Code: "term_spent", Owner: fault.Us,
	Detail: "as much has been sealed in this root term as may be; run jali key rotate, what is sealed already still opens"}

const (
	// mostSeals is how often one key may seal with nonces drawn at random
	// (NIST SP 800-38D, section 8.3).
	mostSeals = 1 << 32

	// sealBlock is how many seals are reserved at once. So many are lost to a
	// term with each start.
	sealBlock = 1 << 16
)

// seals counts what is sealed in one term: records, each under a key of its
// holder's and the term's, and keys, all under the root's. No key has sealed
// more than the term has, and most of them far less: the count is of the worst
// case. Views are not in it, they have keys of no term.
//
// What may be sealed is reserved in Keys, ahead and in blocks, so that a crash
// never makes the count too low. A database that was put back counts from
// where it was then; that a rotation is due at half the limit leaves room for
// what had been sealed since.
type seals struct {
	keys           kv.DB
	term           uint32
	most           uint64
	used, reserved atomic.Uint64
	reserving      sync.Mutex
}

func sealsKey(term uint32) []byte { return kv.Key("vault", "seals", int64(term)) }

// reservedSeals answers what is reserved in each term.
func reservedSeals(tx kv.Tx) (map[uint32]uint64, error) {
	reserved := map[uint32]uint64{}
	for e, err := range tx.Scan(kv.Prefix("vault", "seals")) {
		if err != nil {
			return nil, err
		}
		var n uint64
		if err := kv.Decode(e.Value, &n); err != nil {
			return nil, err
		}
		_, rest, _ := kv.Text(e.Key)
		_, rest, _ = kv.Text(rest)
		term, _, _ := kv.Number(rest)
		reserved[uint32(term)] = n
	}
	return reserved, nil
}

func newSeals(keys kv.DB, term uint32, reserved uint64) *seals {
	s := &seals{keys: keys, term: term, most: mostSeals}
	s.used.Store(reserved)
	s.reserved.Store(reserved)
	return s
}

// add counts n seals that are about to be made, or refuses them.
func (s *seals) add(ctx context.Context, n uint64) error {
	used, reserved := s.used.Add(n), s.reserved.Load()
	switch {
	case used > reserved:
		if err := s.reserve(ctx, used); err != nil {
			s.used.Add(-n)
			return err
		}
	case used+sealBlock/2 >= reserved && used-n+sealBlock/2 < reserved && reserved < s.most:
		_ = s.reserve(ctx, reserved+1) // ahead, by one alone: nobody waits, and who comes to the end of the block tries again
	}
	return nil
}

// reserve sees that seals up to upto are on disk.
func (s *seals) reserve(ctx context.Context, upto uint64) error {
	s.reserving.Lock()
	defer s.reserving.Unlock()
	if upto <= s.reserved.Load() {
		return nil
	}
	if upto > s.most {
		return ErrTermSpent
	}
	next := min(upto-1+sealBlock, s.most)
	if err := s.keys.Update(ctx, func(tx kv.Tx) error { return kv.Store(tx, sealsKey(s.term), next) }); err != nil {
		return err
	}
	s.reserved.Store(next)
	return nil
}

// due reports whether it is time for the next term.
func (s *seals) due() bool { return s.used.Load() >= s.most/2 }
