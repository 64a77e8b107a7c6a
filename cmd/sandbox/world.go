package main

import (
	"context"
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
	errClock   = errInvalid.Saying(`the clock goes no way back, and 400 days ahead at most`)
	errNowhere = &fault.Error{Kind: fault.NotFound, Code: "institution_unknown", Detail: "institutions go by the ids in GET /v1/sources"}
)

// clock is the time of everything in the sandbox: jali's, the town's and the
// demo bank app's. Programs outside have to go by it in what they sign.
type clock struct {
	outside func() time.Time
	ahead   atomic.Int64 // nanoseconds
}

func (c *clock) now() time.Time { return c.outside().Add(time.Duration(c.ahead.Load())) }

// dated tells this time in every answer of h, so that who goes by Date (RFC 9110,
// section 6.6.1) signs what is taken here.
func (s *sandbox) dated(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
		h.ServeHTTP(w, r)
	})
}

func (s *sandbox) readClock(*http.Request) (any, error) {
	return map[string]string{"now": s.now().UTC().Format(time.RFC3339), "ahead": time.Duration(s.clock.ahead.Load()).String()}, nil
}

// moveClock moves the clock ahead, so that statements fall due, pending bills
// are booked and grants end.
func (s *sandbox) moveClock(r *http.Request) (any, error) {
	ask, err := read[struct {
		Ahead string `json:"ahead"`
	}](r)
	if err != nil {
		return nil, err
	}
	by, err := time.ParseDuration(ask.Ahead)
	if err != nil {
		return nil, errInvalid.Saying(`ahead is no duration, such as "72h"`)
	}
	if err := s.move(r.Context(), by); err != nil {
		return nil, err
	}
	return s.readClock(r)
}

// move moves the clock ahead and ends what has had its time by then. It is
// kept: nothing of it lies in the future after a restart.
func (s *sandbox) move(ctx context.Context, by time.Duration) error {
	if by < 0 || by > farthest {
		return errClock
	}
	if err := s.keepAhead(by); err != nil {
		return err
	}
	s.house.Sweep(ctx)
	return nil
}

func (s *sandbox) keepAhead(by time.Duration) error {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	was := s.state.Ahead
	if was+by > farthest {
		return errClock
	}
	s.state.Ahead = was + by
	if err := s.state.save(); err != nil {
		s.state.Ahead = was
		return fmt.Errorf("the clock's move could not be kept: %w", err)
	}
	s.clock.ahead.Store(int64(s.state.Ahead))
	return nil
}

// moveTo moves the clock to a moment, if that is still to come.
func (s *sandbox) moveTo(ctx context.Context, at time.Time) error {
	err := s.move(ctx, max(0, at.Sub(s.now())))
	if f := fault.Of(err); err != nil && f.Is(errClock) {
		err = errImpossible.Saying("the clock cannot be moved that far")
	}
	return err
}

// trouble is what an institution suffers from.
type trouble struct {
	Institution string `json:"institution"`
	LatencyMS   int64  `json:"latency_ms,omitempty"`
	mock.Trouble
}

func (s *sandbox) troubleOf(institution string) trouble {
	x := s.town.Ailing(institution)
	return trouble{institution, x.Latency.Milliseconds(), x}
}

func (s *sandbox) listTroubles(*http.Request) (any, error) {
	list := []trouble{}
	for _, source := range s.sources.All() {
		if x := s.troubleOf(source.Source().ID); x.Trouble != (mock.Trouble{}) {
			list = append(list, x)
		}
	}
	return map[string]any{"troubles": list}, nil
}

// setTrouble has an institution of the town suffer from what is asked for, and
// from nothing else.
func (s *sandbox) setTrouble(r *http.Request) (any, error) {
	x, err := read[trouble](r)
	if err != nil {
		return nil, err
	}
	if _, ok := s.sources.Find(x.Institution); !ok {
		return nil, errNowhere
	}
	x.Latency = time.Duration(x.LatencyMS) * time.Millisecond
	s.town.Ail(x.Institution, x.Trouble)
	return s.troubleOf(x.Institution), nil
}

func (s *sandbox) clearTroubles(*http.Request) (any, error) {
	s.town.Heal()
	return nil, nil
}

func (s *sandbox) clearTrouble(r *http.Request) (any, error) {
	id := r.PathValue("institution")
	if _, ok := s.sources.Find(id); !ok {
		return nil, errNowhere
	}
	s.town.Ail(id, mock.Trouble{})
	return nil, nil
}

func (s *sandbox) listSources(*http.Request) (any, error) {
	type source struct {
		ID      string  `json:"id"`
		Circuit string  `json:"circuit"`
		Running int     `json:"running"`
		Waiting int     `json:"waiting"`
		Trouble trouble `json:"trouble"`
	}
	list := []source{}
	for _, c := range s.sources.All() {
		id := c.Source().ID
		h := s.house.Upstream.Health(id)
		list = append(list, source{id, string(h.Circuit), h.Running, h.Waiting, s.troubleOf(id)})
	}
	return map[string]any{"sources": list}, nil
}

// readTown tells what an operator who registered in the town holds, so that
// the institutions' own libraries can be tried against it.
func (s *sandbox) readTown(*http.Request) (any, error) {
	people := []map[string]string{}
	for _, p := range s.town.People() {
		people = append(people, map[string]string{"id": p.ID, "name": p.Name, "login": p.Login, "password": p.Password})
	}
	return map[string]any{
		"people":                 people,
		"alipay":                 alipayAccess(s.town),
		"wechatpay":              wechatAccess(s.town.WeChatPay()),
		"wechatpay_certificates": wechatAccess(s.town.WeChatPayCertificates()),
	}, nil
}
