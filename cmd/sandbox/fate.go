package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"jali/connectors/mock"
	"jali/internal/fault"
)

// farthest is how far the clock may be moved ahead, all moves together: the town
// lives every day in between by when somebody asks for it.
const farthest = 400 * 24 * time.Hour

var (
	errClock   = &fault.Error{Kind: fault.Invalid, Code: "invalid_request", Detail: `send ahead, such as "72h"; the clock goes no way back, and 400 days ahead at most`}
	errTrouble = &fault.Error{Kind: fault.Invalid, Code: "invalid_request", Detail: `send institution, and what it suffers from, such as "down": true or "latency_ms": 2000; nothing more makes it well`}
	errNowhere = &fault.Error{Kind: fault.NotFound, Code: "institution_unknown", Detail: "institutions go by the ids in GET /v1/sources"}
)

// clock is the time of everything in the sandbox: jali's, the town's and the
// demo bank app's. Programs outside have to go by it in what they sign.
type clock struct {
	outside func() time.Time
	ahead   atomic.Int64 // nanoseconds
}

func (c *clock) now() time.Time { return c.outside().Add(time.Duration(c.ahead.Load())) }

// tellClock answers what time it is.
func (s *sandbox) tellClock(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]string{"now": s.now().UTC().Format(time.RFC3339), "ahead": time.Duration(s.clock.ahead.Load()).String()}, nil)
}

// moveClock moves the clock ahead, so that statements fall due, pending bills
// are booked and grants end. It is kept: nothing of it lies in the future after
// a restart.
func (s *sandbox) moveClock(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Ahead string `json:"ahead"`
	}
	err := readBody(w, r, &ask)
	by, bad := time.ParseDuration(ask.Ahead)
	if err != nil || bad != nil || by < 0 || by > farthest {
		answer(w, nil, errClock.Because(err))
		return
	}
	s.keeping.Lock()
	defer s.keeping.Unlock()
	was := s.state.Ahead
	if was+by > farthest {
		answer(w, nil, errClock)
		return
	}
	s.state.Ahead = was + by
	if err := s.state.save(); err != nil {
		s.state.Ahead = was
		answer(w, nil, fmt.Errorf("the clock's move could not be kept: %w", err))
		return
	}
	s.clock.ahead.Store(int64(s.state.Ahead))
	s.tellClock(w, r)
}

// afflict has an institution of the town suffer from what is asked for, and from
// nothing else.
func (s *sandbox) afflict(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Institution string `json:"institution"`
		LatencyMS   int    `json:"latency_ms"`
		mock.Trouble
	}
	if err := readBody(w, r, &ask); err != nil || ask.LatencyMS < 0 {
		answer(w, nil, errTrouble.Because(err))
		return
	}
	if _, ok := s.sources.Find(ask.Institution); !ok {
		answer(w, nil, errNowhere)
		return
	}
	ask.Latency = time.Duration(ask.LatencyMS) * time.Millisecond
	s.town.Ail(ask.Institution, ask.Trouble)
	answer(w, map[string]string{"institution": ask.Institution}, nil)
}
