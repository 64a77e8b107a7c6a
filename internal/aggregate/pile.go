package aggregate

import (
	"cmp"
	"context"
	"encoding/base64"
	"iter"
	"slices"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/ledger"
	"jali/internal/ledger/match"
)

// told is a bill and the account that tells it.
type told struct {
	account *account
	*ledger.Known
}

// pile is the bills of a look, packed, with what was found between them: some
// 250 bytes of each, for there may be very many. Who shows them has one in the
// hand at a time.
type pile struct {
	bills  []told
	ids    [][idSize]byte       // Jali's own, of each
	counts []bool               // of each
	links  map[int]match.Joined // of those that have any: most have none
	words  ledger.Words         // what the person said of them
	also   map[int][]string     // ids that some went by before

	suggested []Suggestion
}

const idSize = 16

// join puts a person's bills as answered on a pile and finds mirrors and
// refunds, as far as the person has not said themselves what is one.
func (s *Service) join(ctx context.Context, person consent.PersonID, answers []answer) (*pile, error) {
	words, err := s.Ledger.Words(ctx, string(person))
	if err != nil {
		return nil, err
	}
	n := 0
	for _, a := range answers {
		n += len(a.bills)
	}
	p := &pile{bills: make([]told, 0, n), ids: make([][idSize]byte, 0, n), words: words, also: map[int][]string{}}
	names := map[string][]string{} // by connection
	also := map[string]string{}    // what bills went by before -> their ids
	for _, a := range answers {
		names[a.ID] = sourceNames(a.report.Source)
		for _, t := range a.bills {
			p.bills = append(p.bills, t)
			p.ids = append(p.ids, s.idOf(t))
			for _, seed := range t.Also() {
				i, was := len(p.ids)-1, written(s.idBy(t, seed))
				p.also[i], also[was] = append(p.also[i], was), p.id(i)
			}
		}
	}
	var bill connectors.Bill
	item := func(i int) match.Item {
		a := p.bills[i].account
		bill = p.bills[i].Bill()
		return match.Item{ID: p.id(i), Account: string(a.ID), Source: a.Source, Names: names[a.Link], Tail: a.tail(), Kind: a.Kind, Bill: &bill}
	}
	p.words.Follow(also)
	decided := make([]match.Decision, len(p.words.Decisions))
	for i, d := range p.words.Decisions {
		decided[i] = match.Decision{A: d.A, B: d.B, Link: match.Link(d.Link), Yes: d.Yes}
	}
	r := match.Over(n, item, decided)
	p.suggested, p.counts, p.links = r.Suggestions, make([]bool, n), map[int]match.Joined{}
	for i, j := range r.Joined {
		p.counts[i] = j.Counted
		if len(j.Mirrors) > 0 || j.Refunds != "" { // else it flows as it says itself
			p.links[i] = j
		}
	}
	return p, nil
}

// idOf is Jali's own id of a bill: the same each time it is read, and saying
// nothing of the source's.
func (s *Service) idOf(t told) [idSize]byte { return s.idBy(t, t.Seed()) }

func (s *Service) idBy(t told, seed string) [idSize]byte {
	return [idSize]byte(s.Vault.MAC("bill", string(t.account.ID), seed))
}

func written(id [idSize]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func (p *pile) id(i int) string { return written(p.ids[i]) }

// len is how many bills there are; on no pile there are none.
func (p *pile) len() int {
	if p == nil {
		return 0
	}
	return len(p.bills)
}

// mirrored are the bills that have mirrors, by id.
func (p *pile) mirrored() map[string]told {
	m := map[string]told{}
	for i, j := range p.links {
		if len(j.Mirrors) > 0 {
			m[p.id(i)] = p.bills[i]
		}
	}
	return m
}

func (p *pile) own(i int) OwnBill {
	t, found := p.bills[i], p.links[i]
	b := OwnBill{ID: p.id(i), Account: t.account.ID, Bill: t.Bill(), Counted: p.counts[i], Mirrors: found.Mirrors, Refunds: found.Refunds, Sure: found.Sure}
	b.Category, b.CategoryBy = p.words.File(b.ID, &b.Bill)
	b.Flow = cmp.Or(found.Flow, b.Flow)
	b.Also = p.also[i]
	return b
}

// all are the bills, newest first, in an order that every reading shares.
func (p *pile) all() []OwnBill {
	bills := make([]OwnBill, len(p.bills))
	for i := range bills {
		bills[i] = p.own(i)
	}
	slices.SortFunc(bills, func(a, b OwnBill) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	return bills
}

// counted are the amounts that belong into totals, and where they flow.
func (p *pile) counted() iter.Seq2[connectors.Flow, money.Amount] {
	return func(yield func(connectors.Flow, money.Amount) bool) {
		for i, counts := range p.counts {
			if !counts {
				continue
			}
			b := p.bills[i].Bill()
			if !yield(cmp.Or(p.links[i].Flow, b.Flow), b.Amount) {
				return
			}
		}
	}
}

// moment is when a client is told that a bill was.
type moment struct {
	at    int64 // in the day; before all others where the day alone is told
	day   int32 // 20261121 at the source
	place int32 // in the pile
}

// newestFirst orders the pile by what a client is told of each bill's moment,
// and answers together what that leaves in no order: the bills of one moment.
func (p *pile) newestFirst(times bool) iter.Seq[[]moment] {
	order := make([]moment, len(p.bills))
	for i, t := range p.bills {
		y, m, d := t.At.Date()
		order[i] = moment{day: int32(y*10000 + int(m)*100 + d), at: -1 << 63, place: int32(i)}
		if times && !t.DateOnly() {
			order[i].at = t.At.UnixNano()
		}
	}
	compare := func(a, b moment) int { return cmp.Or(cmp.Compare(b.day, a.day), cmp.Compare(b.at, a.at)) }
	slices.SortFunc(order, compare)
	return func(yield func([]moment) bool) {
		for len(order) > 0 {
			n := slices.IndexFunc(order, func(m moment) bool { return compare(m, order[0]) != 0 })
			if n < 0 {
				n = len(order)
			}
			if !yield(order[:n]) {
				return
			}
			order = order[n:]
		}
	}
}
