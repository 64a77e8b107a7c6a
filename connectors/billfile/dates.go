package billfile

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

var (
	threeParts = regexp.MustCompile(`^(\d{1,4})[-/. 年](\d{1,2}|[A-Za-z]{3,9})[-/. 月,]+(\d{1,4})日?(?:[T ,]+(.*))?$`)
	monthFirst = regexp.MustCompile(`^([A-Za-z]{3,9})[-. ]+(\d{1,2})[-, ]+(\d{2}|\d{4})(?:[T ,]+(.*))?$`)
	closed     = regexp.MustCompile(`^(\d{8})(?:[T ]?(\d{6}|\d{1,2}:.*))?$`)
	clockLike  = regexp.MustCompile(`^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)? ?([AaPp][Mm])?(Z|[+-]\d{2}:?\d{2})?$`)
)

// parseDate reads a day, or a day and a time, whose parts stand in order: "ymd",
// "dmy" or "mdy". It takes 2024-01-02, 2024/1/2, 2024年1月2日, 20240102,
// 24/03/2025, 24 Mar 2025, 3/24/25 and Mar 24, 2025, each with or without a
// clock. A day of another order is refused where it cannot be one of this,
// and so is a year of two digits before the month.
func parseDate(s, order string) (at time.Time, dayOnly, ok bool) {
	s = clean(norm.NFKC.String(s))
	var y, m, d, clock string
	switch p := threeParts.FindStringSubmatch(s); {
	case p != nil && order == "ymd":
		y, m, d, clock = p[1], p[2], p[3], p[4]
		if len(y) != 4 {
			return at, false, false
		}
	case p != nil && order == "dmy":
		d, m, y, clock = p[1], p[2], p[3], p[4]
	case p != nil && order == "mdy":
		m, d, y, clock = p[1], p[2], p[3], p[4]
	case p == nil && order == "mdy":
		if p = monthFirst.FindStringSubmatch(s); p == nil {
			p = monthless(s, order)
		}
		if p == nil {
			return at, false, false
		}
		m, d, y, clock = p[1], p[2], p[3], p[4]
	default:
		if p = monthless(s, order); p == nil {
			return at, false, false
		}
		y, m, d, clock = p[1], p[2], p[3], p[4]
		if order == "dmy" {
			y, d = d, y
		}
	}
	if len(y) == 2 {
		y = "20" + y
	}
	if len(y) != 4 {
		return at, false, false
	}
	year, err1 := strconv.Atoi(y)
	day, err2 := strconv.Atoi(d)
	month := monthOf(m)
	at = time.Date(year, month, day, 0, 0, 0, 0, zone)
	if err1 != nil || err2 != nil || month == 0 || at.Day() != day || at.Month() != month || !plausible(at) {
		return time.Time{}, false, false
	}
	if clock == "" {
		return at, true, true
	}
	return withClock(at, clock)
}

// monthless reads eight digits, and answers them in the order that they have.
func monthless(s, order string) []string {
	p := closed.FindStringSubmatch(s)
	if p == nil {
		return nil
	}
	n := p[1]
	if order == "ymd" {
		return []string{"", n[:4], n[4:6], n[6:], p[2]}
	}
	return []string{"", n[:2], n[2:4], n[4:], p[2]}
}

func monthOf(s string) time.Month {
	if n, err := strconv.Atoi(s); err == nil && n >= 1 && n <= 12 {
		return time.Month(n)
	}
	if len(s) < 3 {
		return 0
	}
	for m := time.January; m <= time.December; m++ {
		if strings.EqualFold(m.String(), s) || strings.EqualFold(m.String()[:3], s) || m == time.September && strings.EqualFold(s, "Sept") {
			return m
		}
	}
	return 0
}

// withClock is a moment of the day. A zone that it names is believed.
func withClock(day time.Time, clock string) (at time.Time, dayOnly, ok bool) {
	clock = clean(clock)
	if len(clock) == 6 && strings.Trim(clock, "0123456789") == "" {
		clock = clock[:2] + ":" + clock[2:4] + ":" + clock[4:]
	}
	p := clockLike.FindStringSubmatch(clock)
	if p == nil {
		return at, false, false
	}
	h, _ := strconv.Atoi(p[1])
	m, _ := strconv.Atoi(p[2])
	s, _ := strconv.Atoi(p[3])
	if half := strings.ToLower(p[4]); half != "" {
		if h < 1 || h > 12 {
			return at, false, false
		}
		if h %= 12; half == "pm" {
			h += 12
		}
	}
	if h > 23 || m > 59 || s > 59 {
		return at, false, false
	}
	at = day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second)
	if p[5] != "" {
		there, err := time.Parse("2006-01-02 15:04:05 Z0700", at.Format("2006-01-02 15:04:05 ")+strings.Replace(p[5], ":", "", 1))
		if err != nil {
			return at, false, false
		}
		at = there.In(zone)
	}
	return at, false, true
}
