package aggregate

import (
	"context"

	"jali/consent"
)

// Decide keeps the person's word on two bills of theirs: whether a and b are
// what link says. It holds from the next look on, also for what clients see of
// both. Bills that are not the person's answer [ErrNoBill].
func (s *Service) Decide(ctx context.Context, p consent.Session, a, b string, link Link, yes bool) error {
	return ErrNoBill
}

// Undecide takes the person's word on two bills back.
func (s *Service) Undecide(ctx context.Context, p consent.Session, a, b string, link Link) error {
	return ErrNoBill
}

// Correct files a bill under a category, and with it all others of that shop,
// those to come as well, that the person has not filed themselves. An empty
// category takes the correction back.
func (s *Service) Correct(ctx context.Context, p consent.Session, bill, category string) error {
	return ErrNoBill
}
