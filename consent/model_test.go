package consent

import (
	"time"

	"jali/internal/fault"
)

// life is what a grant or request is to the machine's model: a place in a line
// of states, an end and a number of uses.
type life struct {
	id        GrantID
	client    ClientID
	state     State
	gone      bool // the row was removed
	named     bool // it says whose it is
	decoupled bool
	action    Action
	target    *life
	base      int

	asked, agreed Terms
	lapses        time.Time
	lapsed        time.Time // when a sweep saw that
	decided       time.Time
	revision      int
	uses, today   int
	day           Date
	keys          map[string]time.Time
	pending       *Agreement
	ticket        Ticket // "" once it is good for nothing, whatever is said
	reminded      bool   // of this revision
}

// GoString is for rapid's report.
func (l *life) GoString() string { return string(l.id) }

// model is what the machine believes.
type model struct {
	clock   time.Time
	stepUp  time.Duration
	lives   []*life
	paused  map[ClientID]bool
	all     bool
	removed map[ClientID]bool
	told    []string
	reminds int
}

func (l *life) over(now time.Time) bool { return !now.Before(l.agreed.Until) }
func (l *life) dead(now time.Time) bool { return !now.Before(l.lapses) || !now.Before(l.asked.Until) }
func (l *life) given(now time.Time) bool {
	return l.state == Given && !l.over(now)
}
func (l *life) open() bool { return !l.gone && (l.state == Pushed || l.state == Shown) }

func (l *life) wasGiven() bool {
	return l.state == Given || l.state == Exhausted || l.state == Revoked || l.state == Expired && !l.decided.IsZero()
}

func (l *life) left(now time.Time) int {
	switch {
	case l.state != Given:
		return 0
	case l.agreed.Uses.Per == "":
		return l.agreed.Uses.Limit - l.uses
	case DateOf(now, Shanghai) > l.day:
		return l.agreed.Uses.Limit
	}
	return max(0, l.agreed.Uses.Limit-l.today)
}

// changed says what is wrong with what a request would change.
func (m *model) changed(l *life) *fault.Error {
	if t := l.target; t != nil && (!t.given(m.clock) || t.revision != l.base) {
		return ErrChanged
	}
	return nil
}

func (m *model) missing(c ClientID) *fault.Error {
	if m.removed[c] {
		return ErrNoClient
	}
	return nil
}

func firstOf(list ...*fault.Error) *fault.Error {
	for _, f := range list {
		if f != nil {
			return f
		}
	}
	return nil
}

// showing and deciding are what a request answers.
func (m *model) showing(l *life) *fault.Error {
	switch {
	case l.gone:
		return ErrNoGrant
	case !l.open() && l.state == Expired && l.decided.IsZero():
		return ErrLapsed
	case !l.open():
		return ErrDecided
	case l.dead(m.clock):
		return ErrLapsed
	}
	return firstOf(m.changed(l), m.missing(l.client))
}

func (m *model) deciding(l *life) *fault.Error {
	f := m.refusing(l)
	if f == nil {
		f = firstOf(m.changed(l), m.missing(l.client))
	}
	return f
}

func (m *model) refusing(l *life) *fault.Error {
	switch {
	case l.gone || !l.named:
		return ErrNoGrant
	case !l.open() && l.state == Expired && l.decided.IsZero():
		return ErrLapsed
	case !l.open():
		return ErrDecided
	case l.dead(m.clock):
		return ErrLapsed
	case l.state == Pushed:
		return ErrNoGrant
	}
	return nil
}

// using is what a client that reads is told.
func (m *model) using(l *life) *fault.Error {
	switch {
	case l.gone || !l.wasGiven():
		return ErrNoGrant
	case l.state == Revoked:
		return ErrRevoked
	case l.state == Expired || l.over(m.clock):
		return ErrExpired
	case m.removed[l.client]:
		return ErrNoClient
	case m.paused[l.client] || m.all:
		return ErrPaused
	case m.stepUp > 0 && !m.clock.Before(l.decided.Add(m.stepUp)):
		return ErrStepUpOld
	}
	return nil
}

func (m *model) finishing(l *life) *fault.Error {
	if l.gone || l.ticket == "" || !m.clock.Before(l.decided.Add(TicketLife)) {
		return ErrNoTicket
	}
	of := l
	if l.state == Applied {
		of = l.target
	}
	switch {
	case of.state == Refused || of.given(m.clock):
		return nil
	case of.state == Exhausted:
		return ErrSpent
	case of.state == Revoked:
		return ErrRevoked
	}
	return ErrExpired
}

// waits counts what of a client's awaits the person.
func (m *model) waits(c ClientID) int {
	n := 0
	for _, l := range m.lives {
		if l.decoupled && l.client == c && l.open() && !l.dead(m.clock) {
			n++
		}
	}
	return n
}

// over is a grant's way out of the indexes.
func (m *model) over(l *life, to State) {
	l.state = to
	if to != Exhausted {
		l.ticket = ""
	}
	last := to == Revoked
	for _, o := range m.lives {
		if last && o.client == l.client && o.given(m.clock) {
			last = false
		}
	}
	m.told = append(m.told, string(to)+" "+map[bool]string{true: "true", false: "false"}[last])
}

// revised is a yes to a revision.
func (m *model) revised(t, request *life) {
	t.asked, t.agreed, t.decided = request.asked, request.pending.Terms, m.clock
	t.revision++
	t.ticket, t.reminded = "", false
	if request.action == Replace {
		t.uses = 0
	}
}

// passes is what time alone does, where somebody looks.
func (m *model) passes() int {
	ended := 0
	for _, l := range m.lives {
		for k, at := range l.keys {
			if !m.clock.Before(at.Add(keyLife)) {
				delete(l.keys, k)
			}
		}
		if l.gone {
			continue
		}
		hasTicket := (l.state == Applied || l.ticket != "") && !l.decoupled
		switch {
		case l.open() && !m.clock.Before(l.lapses):
			l.state, l.lapsed, l.pending = Expired, m.clock, nil
			ended++
			continue
		case l.state == Expired && !l.lapsed.IsZero() && !m.clock.Before(l.lapsed.Add(lapsedStays)),
			l.state == Applied && l.decoupled && !m.clock.Before(l.lapses.Add(lapsedStays)):
			l.gone = true
			continue
		case hasTicket && !m.clock.Before(l.decided.Add(TicketLife)):
			l.ticket, l.gone = "", l.state == Applied
		}
		if l.state != Given {
			continue
		}
		if m.remindable(l) && !m.clock.Before(m.readableUntil(l).Add(-remindBefore)) && !l.reminded {
			l.reminded = true
			if m.clock.Before(m.readableUntil(l)) {
				m.reminds++
			}
		}
		if l.over(m.clock) {
			m.over(l, Expired)
			ended++
		}
	}
	return ended
}

func (m *model) remindable(l *life) bool {
	return !l.agreed.Uses.Once() && m.readableUntil(l).Sub(l.decided) > 14*24*time.Hour
}

func (m *model) readableUntil(l *life) time.Time {
	if m.stepUp > 0 && l.decided.Add(m.stepUp).Before(l.agreed.Until) {
		return l.decided.Add(m.stepUp)
	}
	return l.agreed.Until
}

// moments are when something will change by itself.
func (m *model) moments() []time.Time {
	var list []time.Time
	for _, l := range m.lives {
		if l.pending != nil && l.open() {
			list = append(list, l.pending.Until)
		}
		switch {
		case l.open():
			list = append(list, l.lapses)
		case l.state == Given || l.state == Exhausted:
			list = append(list, l.agreed.Until, l.agreed.Until.Add(-remindBefore), nextDay(m.clock, Shanghai))
			if m.stepUp > 0 {
				list = append(list, l.decided.Add(m.stepUp), l.decided.Add(m.stepUp-remindBefore))
			}
		}
		if l.ticket != "" {
			list = append(list, l.decided.Add(TicketLife))
		}
	}
	return list
}
