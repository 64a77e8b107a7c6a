package match

import "math"

// usual is how many days an account's bank usually takes to book what was
// paid, by the weekday of the payment, as its own bills show: some book a
// payment of Friday on Monday. Money given back is counted apart.
type usual struct {
	days [2][7][maxLag + 2]int32 // from a day early
	sum  [2][maxLag + 2]int32
}

const (
	maxLag    = 8 // days
	mostTimes = 400
)

// atFirst is what is expected before anything is known, in a thousand: of a
// day early, the same day, the next and so on.
var atFirst = [2][maxLag + 2]float64{
	{20, 500, 340, 90, 40, 10}, // later than that a payment is never booked
	{30, 400, 250, 130, 70, 40, 30, 20, 20, 10},
}

func lagOf(upper, lower *row) (kind, weekday, slot int, ok bool) {
	if upper.refund || lower.refund {
		kind = 1
	}
	d := int(lower.day) - int(upper.day)
	if d < -1 || d > maxLag || atFirst[kind][d+1] == 0 {
		return 0, 0, 0, false
	}
	return kind, int((upper.day%7 + 7) % 7), d + 1, true
}

// lateness is what a lag weighs: 100 for half of all bookings, 0 for a
// quarter, and so on.
type lateness [2][7][maxLag + 2]int

// expected is the lateness of an account of which nothing is known.
var expected = (&usual{}).weigh()

// weigh mixes an account's own few bookings with what is expected of any.
func (u *usual) weigh() (l lateness) {
	const worth = 8 // bookings that an expectation is worth
	for kind := range l {
		var all float64
		for _, n := range u.sum[kind] {
			all += float64(n)
		}
		for weekday := range l[kind] {
			var day float64
			for _, n := range u.days[kind][weekday] {
				day += float64(n)
			}
			for slot := range l[kind][weekday] {
				p := (float64(u.sum[kind][slot]) + worth*atFirst[kind][slot]/1000) / (all + worth)
				p = (float64(u.days[kind][weekday][slot]) + worth*p) / (day + worth)
				l[kind][weekday][slot] = max(int(math.Round(200+100*math.Log2(p))), -400)
			}
		}
	}
	return l
}

// learn counts how late each account's bank books, in pairs that are beyond
// doubt whatever the day: rare amounts whose texts name each other.
func (t *table) learn(s *shelf) {
	const beyondDoubt = 500 // without what the days say
	learnt := make([]usual, len(t.plates))
	times := make([][2]int, len(t.plates))
	for k, slot := range s.slots {
		x := slot.row
		up := &t.rows[x]
		if up.rank == bank || !up.rare {
			continue
		}
		s.around(k, 2*86400, 9*86400, func(y int32) {
			low := &t.rows[y]
			if low.rank >= up.rank || low.out != up.out || !low.rare || !up.dateOnly && !low.dateOnly {
				return
			}
			kind, weekday, slot, ok := lagOf(up, low)
			if !ok || times[low.plate][kind] == mostTimes {
				return
			}
			w, ok := t.pays(x, y)
			if lag, _ := t.booked(up, low); !ok || w-lag < beyondDoubt {
				return
			}
			learnt[low.plate].days[kind][weekday][slot]++
			learnt[low.plate].sum[kind][slot]++
			times[low.plate][kind]++
		})
	}
	t.usual = make([]lateness, len(learnt))
	for i := range learnt {
		t.usual[i] = learnt[i].weigh()
	}
}
