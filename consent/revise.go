package consent

import (
	"context"

	"jali/internal/kv"
)

// Revised answers the grant that a request would change, as it stands: the
// page shows the difference. For a request that changes none it is the zero
// Grant.
func (s *Service) Revised(ctx context.Context, p Session, request GrantID) (Grant, error) {
	panic("unwritten")
}

// Waiting answers the decoupled requests that await this person's decision,
// oldest first.
func (s *Service) Waiting(ctx context.Context, p Session) ([]Grant, error) {
	panic("unwritten")
}

// Decision answers what became of a client's decoupled request: a grant in
// state Pushed, Shown, Given, Exhausted, Refused, Revoked or Expired; of one that revised
// another grant, that grant. Package oauth alone asks.
func (s *Service) Decision(tx kv.Tx, client ClientID, request GrantID) (Grant, error) {
	panic("unwritten")
}

// PauseAll stops every grant of every client from being used until ResumeAll.
// Clients that were paused one by one stay so.
func (s *Service) PauseAll(ctx context.Context, p Session) error { panic("unwritten") }

// ResumeAll undoes PauseAll.
func (s *Service) ResumeAll(ctx context.Context, p Session) error { panic("unwritten") }

// AllPaused reports whether the person has paused everything.
func (s *Service) AllPaused(ctx context.Context, p Session) (bool, error) { panic("unwritten") }

// RevokeAll ends every grant that the person has given a client, in one
// transaction, and answers how many.
func (s *Service) RevokeAll(ctx context.Context, p Session, client ClientID) (int, error) {
	panic("unwritten")
}

// RemoveClient ends all grants of a client and takes it from the register. It
// is suspended first, so that nothing is used while that goes on, and can be
// called again where it was cut short.
func (s *Service) RemoveClient(ctx context.Context, id ClientID) error { panic("unwritten") }

// Record answers what a receipt of a grant or of its end is made of:
// the grant in any state after given, and the evidence of each yes, oldest
// first.
func (s *Service) Record(ctx context.Context, p Session, id GrantID) (Grant, []Evidence, error) {
	panic("unwritten")
}
