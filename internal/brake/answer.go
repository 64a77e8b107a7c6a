package brake

import (
	"math"
	"net/http"
	"strconv"
	"strings"
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
	Quota{Name: a.brake.name, Limit: a.brake.limit.Burst, Window: a.brake.limit.whole(), Left: a.Left, Reset: reset}.Tell(h)
}

// Quota is how much of something may be had in a window of time, and how much
// is left for as long as Reset. A bucket is one: whole in the time that it takes
// to fill.
type Quota struct {
	Name   string // a word of letters, digits, -, _
	Limit  int
	Window time.Duration
	Left   int
	Reset  time.Duration
}

// Tell writes a quota into an answer's RateLimit-Policy and RateLimit, beside
// those of other names that are told there.
func (q Quota) Tell(h http.Header) {
	name := `"` + q.Name + `"`
	beside(h, "RateLimit-Policy", name, ";q="+itoa(q.Limit)+";w="+seconds(q.Window))
	beside(h, "RateLimit", name, ";r="+itoa(max(0, q.Left))+";t="+seconds(q.Reset))
}

// beside puts a member into a header's list, in place of one of the same name.
func beside(h http.Header, field, name, parameters string) {
	var list []string
	for _, member := range strings.Split(h.Get(field), ", ") {
		if member != "" && !strings.HasPrefix(member, name+";") {
			list = append(list, member)
		}
	}
	h.Set(field, strings.Join(append(list, name+parameters), ", "))
}

func itoa(n int) string { return strconv.Itoa(n) }

// seconds rounds up, to one at least: who comes back then is not too early.
func seconds(d time.Duration) string { return itoa(int(max(1, math.Ceil(d.Seconds())))) }
