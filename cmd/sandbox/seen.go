package main

import (
	"maps"
	"sync"
	"time"

	"jali/consent"
)

// seen is when clients last showed themselves, to a minute.
type seen struct {
	mu   sync.Mutex
	last map[consent.ClientID]time.Time
}

func (s *seen) note(c consent.ClientID, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now = now.Truncate(time.Minute); now.After(s.last[c]) {
		s.last[c] = now
	}
}

// at is zero for one that never did.
func (s *seen) at(c consent.ClientID) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[c]
}

func (s *seen) forget(c consent.ClientID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, c)
}

func (s *seen) all() map[consent.ClientID]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.last)
}
