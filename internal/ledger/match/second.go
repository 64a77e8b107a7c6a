package match

// second is the end of a card's number as another source tells it, and the
// account that the card seems to be of.
type second struct {
	tail  uint16
	plate int32
}

// enoughTimes is how often a number must have been seen with an account, of
// which four in five times with this one.
const enoughTimes = 3

// learnNumbers finds the second numbers of accounts: of a virtual card, or of
// one that was replaced. A shop's app calls the card by a number that no
// account has, and again and again one account of that bank has the same rare
// amount on the same day, marked as paid there: it is that account's number.
func (t *table) learnNumbers(s *shelf) {
	const plain = 300 // what mark, bank and rare amount weigh, without the days
	times := map[second]int{}
	for k, slot := range s.slots {
		x := slot.row
		up := &t.rows[x]
		if up.rank == bank || !up.rare {
			continue
		}
		tail := t.paid(x).tails[0]
		if tail == 0 || t.paid(x).tails[1] != 0 || t.tails[tail] != (parties{}) {
			continue
		}
		s.around(k, 86400, 3*86400, func(y int32) {
			low := &t.rows[y]
			if low.rank != bank || low.out != up.out || !low.rare || !t.paid(x).who.meets(t.plates[low.plate].who) {
				return
			}
			lag, ok := t.booked(up, low)
			if !ok || lag < 50 {
				return
			}
			if w, ok := t.pays(x, y); ok && w-lag >= plain {
				times[second{tail, low.plate}]++
			}
		})
	}
	all := map[uint16]int{}
	for n, seen := range times {
		all[n.tail] += seen
	}
	t.seconds = map[second]bool{}
	for n := range times {
		if times[n] >= enoughTimes && 5*times[n] >= 4*all[n.tail] {
			t.seconds[n] = true
			t.tails[n.tail] = t.tails[n.tail].or(t.plates[n.plate].who)
		}
	}
}
