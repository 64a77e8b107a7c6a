package connectors

import (
	"slices"
	"time"
)

// Empty reports that no moment lies in s.
func (s Span) Empty() bool { return !s.From.Before(s.To) }

// Overlap is what two spans have in common; the zero Span if that is nothing.
func (s Span) Overlap(o Span) Span {
	both := Span{From: Later(s.From, o.From), To: Earlier(s.To, o.To)}
	if both.Empty() {
		return Span{}
	}
	return both
}

// Merge joins spans that touch or overlap, oldest first.
func Merge(spans []Span) (merged []Span) {
	spans = slices.DeleteFunc(slices.Clone(spans), Span.Empty)
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	for _, s := range spans {
		if n := len(merged); n > 0 && !s.From.After(merged[n-1].To) {
			merged[n-1].To = Later(merged[n-1].To, s.To)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// Covers reports whether one of merged spans holds all of s.
func Covers(merged []Span, s Span) bool {
	return s.Empty() || slices.ContainsFunc(merged, func(m Span) bool { return !m.From.After(s.From) && !m.To.Before(s.To) })
}

// Earlier is the first of two moments.
func Earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Later is the last of two moments.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
