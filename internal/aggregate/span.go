package aggregate

import (
	"slices"
	"time"

	"jali/connectors"
)

// hull is the span from the first of spans to the last.
func hull(spans []connectors.Span) connectors.Span {
	var h connectors.Span
	for _, s := range spans {
		switch {
		case s.Empty():
		case h.Empty():
			h = s
		default:
			h = connectors.Span{From: connectors.Earlier(h.From, s.From), To: connectors.Later(h.To, s.To)}
		}
	}
	return h
}

// reached is the latest unbroken part of within that spans cover: what lies
// before a gap is not told to be whole.
func reached(spans []connectors.Span, within connectors.Span) connectors.Span {
	for _, s := range slices.Backward(connectors.Merge(spans)) {
		if o := s.Overlap(within); !o.Empty() {
			return o
		}
	}
	return connectors.Span{}
}

// windows cuts a span into pieces of at most most, oldest first.
func windows(s connectors.Span, most time.Duration) []connectors.Span {
	if most <= 0 || s.To.Sub(s.From) <= most {
		return []connectors.Span{s}
	}
	var out []connectors.Span
	for from := s.From; from.Before(s.To); from = from.Add(most) {
		out = append(out, connectors.Span{From: from, To: connectors.Earlier(from.Add(most), s.To)})
	}
	return out
}

// within reports whether a bill's moment lies in s. One of which only the day is
// known lies in it with its day.
func within(at time.Time, dateOnly bool, s connectors.Span) bool {
	if !dateOnly {
		return !at.Before(s.From) && at.Before(s.To)
	}
	day := at.Format(time.DateOnly)
	return s.From.Format(time.DateOnly) <= day && day <= s.To.Add(-1).Format(time.DateOnly)
}
