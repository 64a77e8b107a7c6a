package brake

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// Answer is what became of one try.
type Answer struct {
	OK    bool
	After time.Duration // until a try is allowed again, where this one was not
	Left  int           // further tries that are allowed at once

	brake *Brake
	full  time.Duration // until Left is the burst again
}

// Err is nil, or [ErrLimited] with the time to wait.
func (a Answer) Err() error {
	if a.OK {
		return nil
	}
	return ErrLimited.After(a.After)
}

// Tell writes an answer's headers: RateLimit-Policy and RateLimit
// (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4), and Retry-After
// of a refusal.
func (a Answer) Tell(h http.Header) {
	if a.brake == nil {
		return
	}
	reset := a.full
	if !a.OK {
		reset = a.After // never later than Retry-After (section 5)
		h.Set("Retry-After", seconds(a.After))
	}
	h.Set("RateLimit-Policy", a.brake.policy())
	h.Set("RateLimit", a.brake.quoted()+";r="+itoa(a.Left)+";t="+seconds(reset))
}

// policy is the limit as a quota: a whole bucket in the time that it takes to
// fill.
func (b *Brake) policy() string {
	return b.quoted() + ";q=" + itoa(b.limit.Burst) + ";w=" + seconds(b.limit.whole())
}

func (b *Brake) quoted() string { return `"` + b.name + `"` }

func itoa(n int) string { return strconv.Itoa(n) }

// seconds rounds up, to one at least: who comes back then is not too early.
func seconds(d time.Duration) string { return itoa(int(max(1, math.Ceil(d.Seconds())))) }
