package connectors

import (
	"time"

	"jali/internal/fault"
)

// Answered is what an HTTP status of a source means where its body says
// nothing better: nil for 2xx, else one of the errors above. wait is the
// answer's Retry-After. A redirect is ErrMalformed: it is never followed.
func Answered(status int, wait time.Duration) error {
	cause := fault.Cause("HTTP status", status)
	switch {
	case status >= 200 && status <= 299:
		return nil
	case status == 401:
		return ErrUnauthorized.Because(cause)
	case status == 429:
		return ErrBusy.After(wait).Because(cause)
	case status == 408, status >= 500:
		return ErrDown.After(wait).Because(cause)
	case status >= 400:
		return ErrRefused.Because(cause)
	}
	return ErrMalformed.Because(cause)
}
