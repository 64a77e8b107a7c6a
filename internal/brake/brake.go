// Package brake bounds how often something may be tried: token buckets by
// key, in memory, of this process alone.
//
// The unit is the bucket. All that is kept of one is the moment at which it
// will be full again, so a bucket that is full needs no keeping and is
// forgotten. A table holds [Keys] buckets in order of that moment. When it is
// full, a new key takes the place of the bucket that is fullest and starts as
// empty as that one was (Metwally, Agrawal, El Abbadi: Efficient Computation
// of Frequent and Top-k Elements in Data Streams, 2005). So nobody is ever
// allowed more than an endless table would allow them: who floods the table
// from many addresses to be forgotten finds that the address they return with
// inherits at least what they had used up, and an offender in the act, whose
// bucket is the emptiest, goes last. The price is paid by newcomers while more
// than [Keys] keys are being tried at once, and they are refused only once
// every bucket in the table is empty.
//
// What a key stands for, and which tries weigh more, is not known here.
package brake

import (
	"net/netip"
	"sync"
	"time"

	"jali/internal/fault"
)

// Keys is how many buckets a Brake keeps, in some 10 MiB at most.
const Keys = 1 << 16

// ErrLimited is what a refused try is told, with RetryAfter.
var ErrLimited = &fault.Error{Kind: fault.Limited, Code: "rate_limited",
	Detail: "this was tried too often; wait as long as Retry-After says"}

// Brake holds one limit against many keys. It is safe for concurrent use. A
// nil Brake allows everything.
type Brake struct {
	name  string
	limit Limit
	now   func() time.Time
	keys  int

	mu    sync.Mutex
	byKey map[string]*bucket
	full  byFullness
}

// New makes a Brake; name is what answers call the limit: letters, digits and
// dashes. An [Off] limit makes none.
func New(name string, l Limit, now func() time.Time) *Brake {
	if l.Burst <= 0 {
		return nil
	}
	return &Brake{name: name, limit: l, now: now, keys: Keys, byKey: map[string]*bucket{}}
}

// Take takes one token of key's, if there is one. A refused try costs
// nothing, so that who waits as long as they were told is let in.
func (b *Brake) Take(key string) Answer {
	if b == nil {
		return Answer{OK: true}
	}
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.of(key, now)
	full := e.full.Sub(now)
	a := Answer{brake: b}
	if over := full + b.limit.Every - b.limit.whole(); over > 0 {
		a.After, a.full = over, full
		return a
	}
	a.OK, a.full = true, full+b.limit.Every
	a.Left = int((b.limit.whole() - a.full) / b.limit.Every)
	b.put(e, now.Add(a.full))
	return a
}

// Charge takes n more tokens of key's whether or not there are so many; what
// is owed, at most another burst, has to come back before the next try.
func (b *Brake) Charge(key string, n int) {
	if b == nil {
		return
	}
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.of(key, now)
	full := e.full.Add(time.Duration(n) * b.limit.Every)
	if most := now.Add(2 * b.limit.whole()); full.After(most) {
		full = most
	}
	b.put(e, full)
}

// Return gives back a token that [Brake.Take] took: this try was none of those
// that the limit is against.
func (b *Brake) Return(key string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byKey[key]; e != nil { // else it is full, or the table needed its place
		b.put(e, e.full.Add(-b.limit.Every))
	}
}

var translated = netip.MustParsePrefix("64:ff9b::/96")

// Address is the key of whoever calls from a host and port, as in
// http.Request.RemoteAddr: an IPv4 address, or the /64 of an IPv6 one, which is
// what one subscriber is given. An IPv4 address that a network has translated is
// itself (RFC 6052, section 2.1). What is no address is one key together.
func Address(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return "unknown"
	}
	a := at.Addr().Unmap().WithZone("")
	if b := a.As16(); translated.Contains(a) {
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if a.Is6() {
		p, _ := a.Prefix(64)
		return p.String()
	}
	return a.String()
}
