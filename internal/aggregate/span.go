package aggregate

import (
	"slices"
	"time"

	"jali/connectors"
)

func empty(s connectors.Span) bool { return !s.From.Before(s.To) }

// hull is the span from the first of spans to the last.
func hull(spans []connectors.Span) connectors.Span {
	var h connectors.Span
	for _, s := range spans {
		switch {
		case empty(s):
		case empty(h):
			h = s
		default:
			h = connectors.Span{From: earlier(h.From, s.From), To: later(h.To, s.To)}
		}
	}
	return h
}

// reached is the latest unbroken part of within that spans cover: what lies
// before a gap is not told to be whole.
func reached(spans []connectors.Span, within connectors.Span) connectors.Span {
	for _, s := range slices.Backward(merge(spans)) {
		if o := overlap(s, within); !empty(o) {
			return o
		}
	}
	return connectors.Span{}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// overlap is what two spans have in common.
func overlap(a, b connectors.Span) connectors.Span {
	o := connectors.Span{From: later(a.From, b.From), To: earlier(a.To, b.To)}
	if empty(o) {
		return connectors.Span{}
	}
	return o
}

// merge joins spans that touch or overlap.
func merge(spans []connectors.Span) []connectors.Span {
	spans = slices.DeleteFunc(slices.Clone(spans), empty)
	slices.SortFunc(spans, func(a, b connectors.Span) int { return a.From.Compare(b.From) })
	var out []connectors.Span
	for _, s := range spans {
		if n := len(out); n > 0 && !s.From.After(out[n-1].To) {
			out[n-1].To = later(out[n-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// covers reports whether one of merged spans holds all of s.
func covers(spans []connectors.Span, s connectors.Span) bool {
	return empty(s) || slices.ContainsFunc(spans, func(c connectors.Span) bool {
		return !c.From.After(s.From) && !c.To.Before(s.To)
	})
}

// windows cuts a span into pieces of at most most, oldest first.
func windows(s connectors.Span, most time.Duration) []connectors.Span {
	if most <= 0 || s.To.Sub(s.From) <= most {
		return []connectors.Span{s}
	}
	var out []connectors.Span
	for from := s.From; from.Before(s.To); from = from.Add(most) {
		out = append(out, connectors.Span{From: from, To: earlier(from.Add(most), s.To)})
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
