// Package wire is what the dialects have in common below their words: an
// exchange by HTTP and what its failures mean to whoever asked, the RSA keys and
// certificates that operators give and sources send, and the zone and the
// numbers that Chinese sources write.
package wire

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"jali/connectors"
	"jali/internal/dial"
)

// Do sends r and answers what came, of at most max bytes, whatever its status.
// An answer that is too large, or that leads to where the client does not go, is
// connectors.ErrMalformed; none at all is connectors.ErrDown.
func Do(c *http.Client, r *http.Request, max int64) (dial.Answer, error) {
	a, err := dial.Do(c, r, max)
	switch {
	case errors.Is(err, dial.ErrTooLarge), errors.Is(err, dial.ErrElsewhere):
		return a, connectors.ErrMalformed.Because(err)
	case err != nil:
		return a, connectors.ErrDown.Because(err)
	}
	return a, nil
}

// UUID is a random one (RFC 9562, version 4), by which sources want a request
// to be named.
func UUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
