package aggregate

import (
	"context"

	"jali/connectors/billfile"
	"jali/consent"
)

// Reopen answers what waits under an id that Stage gave out, with all that was
// said of it before; what o says beside that is taken first. A file that lacks
// a password or a mapping waits as it came, and is read anew.
func (s *Service) Reopen(ctx context.Context, p consent.Session, id string, o billfile.Options) (Upload, error) {
	return Upload{}, ErrNoUpload
}
