package aggregate

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"jali/consent"
	"jali/internal/kv"
	"jali/vault"
)

// A connection is a part of its person's data: what belongs to it is sealed
// under a key of the connection's own, which disconnecting destroys. The part
// is there before the connection is, while somebody logs in at the source or a
// file waits for its yes: as a draft, which becomes a connection or is
// abandoned, by the sweep if by nobody else.

// draft is a part without a connection.
type draft struct {
	Person consent.PersonID `json:"person"`
	Part   string           `json:"part"`
	Until  time.Time        `json:"until"`
}

// draftGrace is how long a draft outlives what was begun with it: somebody may
// be about to finish that.
const draftGrace = 5 * time.Minute

func draftKey(p consent.PersonID, part string) []byte {
	return kv.Key("aggregate", "draft", p, part)
}

// draft begins a part. The row comes first, so that no crash leaves a key that
// nobody will destroy.
func (s *Service) draft(ctx context.Context, p consent.PersonID, until time.Time) (part string, err error) {
	d := draft{Person: p, Part: rand.Text(), Until: until.Add(draftGrace)}
	err = s.DB.Update(ctx, func(tx kv.Tx) error { return kv.Store(tx, draftKey(p, d.Part), d) })
	if err != nil {
		return "", err
	}
	return d.Part, s.Vault.NewPart(ctx, string(p), d.Part)
}

// adopt makes a draft a connection's part, unless it was abandoned meanwhile.
func adopt(tx kv.Tx, p consent.PersonID, part string) error {
	if b, err := tx.Get(draftKey(p, part)); err != nil {
		return err
	} else if b == nil {
		return ErrNoLinking
	}
	return tx.Delete(draftKey(p, part))
}

// abandon ends a part that is still a draft, and leaves a connection's alone.
func (s *Service) abandon(tx kv.Tx, p consent.PersonID, part string) error {
	if b, err := tx.Get(draftKey(p, part)); err != nil || b == nil {
		return err
	}
	if err := tx.Delete(draftKey(p, part)); err != nil {
		return err
	}
	return s.Vault.PartEnds(tx, string(p), part)
}

// abandoned is abandon of what came to nothing. Where it fails the sweep does it.
func (s *Service) abandoned(ctx context.Context, p consent.PersonID, part string) {
	err := s.DB.Update(context.WithoutCancel(ctx), func(tx kv.Tx) error { return s.abandon(tx, p, part) })
	if err != nil {
		s.log().WarnContext(ctx, "a key that nobody needs is kept until the next sweep", "code", code(err))
	}
}

// partGone says of a key that was destroyed that its connection is gone, as it
// is to everybody who asks a moment later.
func partGone(part string, err error) error {
	if part != "" && errors.Is(err, vault.ErrShredded) {
		return ErrNoConnection.Because(err)
	}
	return err
}
