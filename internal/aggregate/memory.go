package aggregate

import (
	"slices"
	"sync"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/ledger"
)

const (
	lookLife    = 2 * time.Minute
	poorLife    = 20 * time.Second // of a look in which a source failed: it may be back soon
	mostLooks   = 64
	mostRecalls = 50_000 // bills in all of them
)

// memory holds each session's last look for a while, and the answers that it
// was made of, so that neither turning a page asks a source again nor a word
// about bills. What it holds is in no other place and in no file; a
// session sees its own and nobody else's. The zero memory is ready.
type memory struct {
	mu      sync.Mutex
	looks   map[lookOf]recalled
	changes changes
}

// changes counts what makes looks under way stale: sources is of what they
// were asked, said of what people say of their bills, which is joined anew
// without asking.
type changes struct{ sources, said int }

// lookOf is a session of a person.
type lookOf struct {
	person  consent.PersonID
	session string
}

type recalled struct {
	span    connectors.Span // as it was asked for
	look    Look
	until   time.Time
	answers []answer        // that it was made of
	over    connectors.Span // as they were asked
	stale   bool            // something was said of its bills since they were joined
}

// recall answers the session's last look, if it was over the same span.
func (m *memory) recall(p consent.Session, span connectors.Span, now time.Time) (recalled, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.looks[lookOf{p.Person, p.ID}]
	if !ok || !r.span.From.Equal(span.From) || !r.span.To.Equal(span.To) || !now.Before(r.until) {
		return recalled{}, false
	}
	r.look = r.look.copy()
	return r, true
}

// last answers the bills of the session's last look, whatever its span.
func (m *memory) last(p consent.Session) []OwnBill {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.looks[lookOf{p.Person, p.ID}].look.Bills
}

// begin answers what keep wants to know that nothing has changed meanwhile.
func (m *memory) begin() changes {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes
}

// keep remembers a look that was begun at a count of changes, in place of the
// session's last. One that is joined anew lives no longer than it would have.
func (m *memory) keep(begun changes, p consent.Session, r recalled, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := lookOf{p.Person, p.ID}
	delete(m.looks, of)
	m.drop(now)
	if begun.sources != m.changes.sources || p.ID == "" || len(r.look.Bills) > mostRecalls {
		return
	}
	for len(m.looks) >= mostLooks || m.bills()+len(r.look.Bills) > mostRecalls {
		m.dropOldest()
	}
	if r.until.IsZero() {
		r.until = now.Add(lookLife)
		if slices.ContainsFunc(r.look.Sources, func(r SourceReport) bool { return r.Code != "" }) {
			r.until = now.Add(poorLife)
		}
	}
	r.look, r.stale = r.look.copy(), begun.said != m.changes.said
	if m.looks == nil {
		m.looks = map[lookOf]recalled{}
	}
	m.looks[of] = r
}

// rejoin has all of a person's looks joined anew before they are shown again,
// also those that are being made.
func (m *memory) rejoin(p consent.PersonID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes.said++
	for of, r := range m.looks {
		if of.person == p {
			r.stale = true
			m.looks[of] = r
		}
	}
}

// forget drops all of a person's looks, also those that are being made.
func (m *memory) forget(p consent.PersonID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes.sources++
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

// remembered is what of answers a look can be joined from again.
func remembered(answers []answer) []answer {
	all := make([]answer, len(answers))
	for i, a := range answers {
		all[i] = answer{known: a.known, report: a.report, complete: a.complete, balances: a.balances, bills: a.bills, statements: a.statements}
		for _, k := range a.kept {
			all[i].kept = append(all[i].kept, &keeping{account: k.account, kept: &ledger.Kept{Points: k.kept.Points}})
		}
	}
	return all
}
