package aggregate

import (
	"slices"
	"sync"
	"time"

	"jali/connectors"
	"jali/consent"
)

const (
	lookLife    = 2 * time.Minute
	poorLife    = 20 * time.Second // of a look in which a source failed: it may be back soon
	mostLooks   = 64
	mostRecalls = 50_000 // bills in all of them
)

// memory holds each session's last look for a while, so that turning a page
// asks no source again. What it holds is in no other place and in no file; a
// session sees its own and nobody else's. The zero memory is ready.
type memory struct {
	mu      sync.Mutex
	looks   map[lookOf]recalled
	changes int // counts what makes looks under way stale
}

// lookOf is a session of a person.
type lookOf struct {
	person  consent.PersonID
	session string
}

type recalled struct {
	span  connectors.Span // as it was asked for
	look  Look
	until time.Time
}

// recall answers the session's last look, if it was over the same span.
func (m *memory) recall(p consent.Session, span connectors.Span, now time.Time) (Look, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.looks[lookOf{p.Person, p.ID}]
	if !ok || !r.span.From.Equal(span.From) || !r.span.To.Equal(span.To) || !now.Before(r.until) {
		return Look{}, false
	}
	return r.look.copy(), true
}

// last answers the bills of the session's last look, whatever its span.
func (m *memory) last(p consent.Session) []OwnBill {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.looks[lookOf{p.Person, p.ID}].look.Bills
}

// begin answers what keep wants to know that nothing has changed meanwhile.
func (m *memory) begin() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes
}

// keep remembers a look that was begun at a count of changes, in place of the
// session's last.
func (m *memory) keep(begun int, p consent.Session, span connectors.Span, l Look, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := lookOf{p.Person, p.ID}
	delete(m.looks, of)
	m.drop(now)
	if begun != m.changes || p.ID == "" || len(l.Bills) > mostRecalls {
		return
	}
	for len(m.looks) >= mostLooks || m.bills()+len(l.Bills) > mostRecalls {
		m.dropOldest()
	}
	life := lookLife
	if slices.ContainsFunc(l.Sources, func(r SourceReport) bool { return r.Code != "" }) {
		life = poorLife
	}
	if m.looks == nil {
		m.looks = map[lookOf]recalled{}
	}
	m.looks[of] = recalled{span, l.copy(), now.Add(life)}
}

// forget drops all of a person's looks, also those that are being made.
func (m *memory) forget(p consent.PersonID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	for of := range m.looks {
		if of.person == p {
			delete(m.looks, of)
		}
	}
}

// sweep drops what has had its time.
func (m *memory) sweep(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(now)
}

func (m *memory) drop(now time.Time) {
	for of, r := range m.looks {
		if !now.Before(r.until) {
			delete(m.looks, of)
		}
	}
}

func (m *memory) dropOldest() {
	var oldest lookOf
	var until time.Time
	for of, r := range m.looks {
		if until.IsZero() || r.until.Before(until) {
			oldest, until = of, r.until
		}
	}
	delete(m.looks, oldest)
}

func (m *memory) bills() (n int) {
	for _, r := range m.looks {
		n += len(r.look.Bills)
	}
	return n
}

// copy is one that its reader may sort and cut.
func (l Look) copy() Look {
	l.Sources, l.Accounts, l.Balances = slices.Clone(l.Sources), slices.Clone(l.Accounts), slices.Clone(l.Balances)
	l.Totals, l.Bills, l.Statements = slices.Clone(l.Totals), slices.Clone(l.Bills), slices.Clone(l.Statements)
	l.Filed = slices.Clone(l.Filed)
	l.Suggestions, l.Decided, l.Gaps, l.LoanUses = slices.Clone(l.Suggestions), slices.Clone(l.Decided), slices.Clone(l.Gaps), slices.Clone(l.LoanUses)
	return l
}
