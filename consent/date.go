package consent

import (
	"sync"
	"time"
	_ "time/tzdata" // days are counted in zones, also on a machine that knows none
)

// Date is a calendar day "2006-01-02" in Asia/Shanghai, or where a Uses names
// a zone, in that. Dates sort as strings.
type Date string

// Shanghai is the zone of every day that names no other.
var Shanghai = mustZone("Asia/Shanghai")

// DateOf is the day that a moment falls on in a zone.
func DateOf(at time.Time, zone *time.Location) Date { return Date(at.In(zone).Format(time.DateOnly)) }

// Start is the first moment of the day in Asia/Shanghai; the zero time for
// what is no date.
func (d Date) Start() time.Time {
	t, err := time.ParseInLocation(time.DateOnly, string(d), Shanghai)
	if err != nil {
		return time.Time{}
	}
	return t
}

// Valid reports whether d is a day that the calendar has, written as it should be.
func (d Date) Valid() bool {
	_, err := time.Parse(time.DateOnly, string(d))
	return err == nil && len(d) == len(time.DateOnly)
}

// Zero reports whether there is no period: no bills, no statements.
func (p Period) Zero() bool { return p == Period{} }

// Range answers the moments [from, to) that the period covers at a use at now:
// whole days of Asia/Shanghai. A zero period covers nothing: both are zero.
func (p Period) Range(now time.Time) (from, to time.Time) {
	switch {
	case p.Zero():
		return time.Time{}, time.Time{}
	case p.Days > 0:
		today := DateOf(now, Shanghai).Start()
		return today.AddDate(0, 0, 1-p.Days), today.AddDate(0, 0, 1)
	default:
		return p.From.Start(), p.To.Start().AddDate(0, 0, 1)
	}
}

// Zone is where the days of a daily limit begin and end.
func (u Uses) Zone() *time.Location {
	if u.TZ == "" {
		return Shanghai
	}
	if z, err := zone(u.TZ); err == nil {
		return z
	}
	return Shanghai // Within has let no other name in
}

// nextDay is the first moment of the day after now's in a zone.
func nextDay(now time.Time, z *time.Location) time.Time {
	y, m, d := now.In(z).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, z)
}

// zones keeps what was loaded: time.LoadLocation reads a file each time. Only
// names that exist are kept, so it is bounded by the world.
var zones sync.Map

func zone(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	zones.Store(name, z)
	return z, nil
}

func mustZone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // embedded above
	}
	return z
}
