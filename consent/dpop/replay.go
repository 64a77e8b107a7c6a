package dpop

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"jali/internal/fault"
)

var (
	// ErrReplayed is a proof or assertion that has been used before, or that
	// may have been: it says that it was issued before this process started.
	ErrReplayed = &fault.Error{Kind: fault.Unauthenticated, Code: "invalid_dpop_proof",
		Detail: "this was used before, or was issued before this server started; make a new one with a new jti"}

	// ErrFull is answered when more is remembered than the memory is made
	// for. What cannot be remembered is not accepted.
	ErrFull = &fault.Error{Kind: fault.Unavailable, Code: "busy", RetryAfter: time.Minute,
		Detail: "too many requests at this moment; try again later"}
)

// maxSeen bounds the memory at about 100 MiB. It is reached at more than 7,000
// proofs a second over a whole window.
const maxSeen = 1 << 19

// bucket is how much of time is forgotten in one step.
const bucket = time.Minute

// Replay remembers the ids of proofs, and of the assertions by which clients
// authenticate, for as long as each could be used again. It is memory and not
// storage: what was issued before it began is refused, since another process
// may have taken it. The beginning counts from its whole second, as an iat
// does. Safe for concurrent use.
type Replay struct {
	began time.Time

	mu    sync.Mutex
	count int
	seen  map[int64]map[[16]byte]struct{} // by the bucket in which it may be forgotten
}

// NewReplay begins to remember at a moment.
func NewReplay(began time.Time) *Replay {
	return &Replay{began: began.Truncate(time.Second), seen: map[int64]map[[16]byte]struct{}{}}
}

// Take accepts (whose, id) once until a moment by which what carries it has
// lapsed. The second time, and for anything issued before the beginning, it is
// ErrReplayed. Whose is a key's thumbprint or a client: ids of one are nobody
// else's business.
func (r *Replay) Take(whose, id string, issued, until, now time.Time) error {
	if issued.Before(r.began) {
		return ErrReplayed
	}
	k := fingerprint(whose, id)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	for _, b := range r.seen {
		if _, ok := b[k]; ok {
			return ErrReplayed
		}
	}
	if r.count >= maxSeen {
		return ErrFull
	}
	at := until.Unix()/int64(bucket/time.Second) + 1
	if r.seen[at] == nil {
		r.seen[at] = map[[16]byte]struct{}{}
	}
	r.seen[at][k] = struct{}{}
	r.count++
	return nil
}

// TakeProof is Take for a proof that [Verify] has answered.
func (r *Replay) TakeProof(p Proof, now time.Time) error {
	return r.Take("jkt\x00"+p.Thumbprint, p.ID, p.IssuedAt, p.IssuedAt.Add(Past+time.Second), now)
}

// forget drops the buckets whose time has passed: there are never more than a
// handful.
func (r *Replay) forget(now time.Time) {
	past := now.Unix() / int64(bucket/time.Second)
	for at, b := range r.seen {
		if at < past {
			r.count -= len(b)
			delete(r.seen, at)
		}
	}
}

// fingerprint keeps 128 bits of a hash, whatever the length of what was sent.
func fingerprint(whose, id string) [16]byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(whose)))
	sum := sha256.Sum256(append(append(b, whose...), id...))
	return [16]byte(sum[:16])
}
