package wechatpay

import (
	"reflect"
	"slices"
	"strconv"

	"jali/connectors"
)

// listing gathers a file's bills under ids of their own.
type listing struct {
	rows []connectors.Bill
	byID map[string]int
}

// add answers the id that b has got. A row that stands twice, word for word,
// is one bill; a payment that was revoked stands a second time under its
// number, and never happened. Whatever else shares a number is told apart.
func (l *listing) add(b connectors.Bill) string {
	if l.byID == nil {
		l.byID = map[string]int{}
	}
	number := b.ID
	for n := 2; ; n++ {
		i, taken := l.byID[b.ID]
		if !taken {
			break
		}
		old := &l.rows[i]
		switch {
		case reflect.DeepEqual(*old, b):
			return b.ID
		case b.ID == number && old.Kind == b.Kind && old.Amount == b.Amount && (old.State == connectors.Failed) != (b.State == connectors.Failed):
			old.State = connectors.Failed
			return b.ID
		}
		b.ID = number + "#" + strconv.Itoa(n)
	}
	if len(l.rows) == cap(l.rows) { // bills are wide: twice the room, not a quarter more
		l.rows = slices.Grow(l.rows, max(64, len(l.rows)))
	}
	l.byID[b.ID] = len(l.rows)
	l.rows = append(l.rows, b)
	return b.ID
}
