package dial

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Answer is an HTTP answer read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends r and reads at most max bytes of the answer. Its errors are
// ErrAddress, ErrElsewhere, ErrTooLarge or ErrUnreachable with the cause; none of them holds
// the URL, whose query may be a secret.
func Do(c *http.Client, r *http.Request, max int64) (Answer, error) {
	resp, err := c.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		if errors.Is(err, ErrAddress) || errors.Is(err, ErrElsewhere) || errors.Is(err, ErrTooLarge) {
			return Answer{}, err
		}
		return Answer{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.ContentLength > max {
		return Answer{}, ErrTooLarge
	}
	body, err := ReadAll(resp.Body, max)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// RetryAfter reads the header of that name, in seconds or as a date (RFC 9110,
// section 10.2.3). What is missing, past or unreadable is 0, more than a day
// is a day.
func (a Answer) RetryAfter(now time.Time) time.Duration {
	text := strings.TrimSpace(a.Header.Get("Retry-After"))
	const longest = 24 * time.Hour
	if seconds, err := strconv.ParseUint(text, 10, 63); err == nil {
		if seconds > uint64(longest/time.Second) {
			return longest
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, min(longest, at.Sub(now)))
}
