package brake

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Limit is a bucket's size: one token comes back Every so long, and it holds
// Burst of them. The zero Limit is [Off].
type Limit struct {
	Every time.Duration
	Burst int
}

// Off is no limit.
var Off = Limit{}

var errLimit = errors.New(`a limit is a number per s, m or h and may name a burst, as "20/s burst 100", or it is "off"`)

const maxTokens = 1_000_000

// ParseLimit reads "20/s burst 100", "10/m" or "off". Without a burst it is
// the number itself.
func ParseLimit(s string) (Limit, error) {
	if s == "off" {
		return Off, nil
	}
	words := strings.Fields(s)
	if len(words) != 1 && (len(words) != 3 || words[1] != "burst") {
		return Off, errLimit
	}
	number, unit, _ := strings.Cut(words[0], "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	n, err := tokens(number)
	if err != nil || per == 0 {
		return Off, errLimit
	}
	l := Limit{Every: per / time.Duration(n), Burst: n}
	if len(words) == 3 {
		if l.Burst, err = tokens(words[2]); err != nil {
			return Off, errLimit
		}
	}
	return l, nil
}

// tokens reads 1 to a million, in plain digits.
func tokens(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 || n > maxTokens {
		return 0, errLimit
	}
	return int(n), nil
}

// whole is how long an empty bucket takes to be full.
func (l Limit) whole() time.Duration { return time.Duration(l.Burst) * l.Every }
