package aggregate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/connectors/money"
	"jali/consent"
)

// Sized is a file whose bytes may be read anywhere and more than once, as
// *bytes.Reader and *io.SectionReader are.
type Sized interface {
	io.ReaderAt
	Size() int64
}

// readFile reads a file's head, by a mapping that the person has drawn before
// where its columns are theirs to know. The answer's bills are not in memory.
func (s *Service) readFile(ctx context.Context, p consent.PersonID, file Sized, o billfile.Options) (*billfile.Reader, error) {
	r, err := billfile.Open(file, file.Size(), o)
	var table *billfile.Unmapped
	if o.Mapping != nil || !errors.As(err, &table) {
		return r, err
	}
	drawn, failed := s.Ledger.Drawn(ctx, string(p), billfile.Signature(table.Header))
	switch {
	case failed != nil:
		return nil, failed
	case drawn == nil:
		return nil, err
	case json.Unmarshal(drawn, &o.Mapping) != nil:
		return nil, errUnreadable
	}
	return billfile.Open(file, file.Size(), o)
}

// shown is how many of an account's bills a report shows as they were read.
const shown = 5

// tally is a report in the making.
type tally struct {
	ImportReport
	sums []flowSums // of all, then of each account
	err  error
}

type flowSums map[string]*FlowSum

func (s *Service) newTally(f *billfile.File) *tally {
	t := &tally{ImportReport: ImportReport{Format: f.Format, Source: s.source(link{Source: f.Source.ID, Called: &called{f.Source.Name, f.Source.Kind}}),
		Problems: f.Problems, Kinds: map[connectors.Kind]int{}}, sums: make([]flowSums, len(f.Accounts)+1)}
	for i := range t.sums {
		t.sums[i] = flowSums{}
	}
	for _, a := range f.Accounts {
		t.Covers = hull([]connectors.Span{t.Covers, a.Covers})
		r := AccountReport{Kind: a.Kind, Side: a.Side, Name: a.Name, Tail: plate{Number: a.Number.RevealString()}.tail(), Currency: a.Currency,
			Covers: a.Covers, Kinds: map[connectors.Kind]int{}}
		if n := len(a.Balances); n > 0 {
			r.Balances = slices.Compact([]billfile.Balance{a.Balances[0], a.Balances[n-1]})
		}
		t.Accounts = append(t.Accounts, r)
	}
	return t
}

func (t *tally) add(row billfile.Row) {
	a := &t.Accounts[row.Account]
	t.Rows++
	a.Rows++
	t.Kinds[row.Kind]++
	a.Kinds[row.Kind]++
	if len(a.First) < shown {
		a.First = append(a.First, row.Bill)
	}
	if t.err == nil {
		t.err = errors.Join(t.sums[0].add(row.Bill), t.sums[row.Account+1].add(row.Bill))
	}
}

func (s flowSums) add(b connectors.Bill) error {
	key := string(b.Flow) + " " + b.Amount.Currency
	if s[key] == nil {
		s[key] = &FlowSum{Flow: b.Flow, Sum: money.Amount{Currency: b.Amount.Currency}}
	}
	sum, err := s[key].Sum.Add(b.Amount)
	if err != nil {
		return errTotal.Because(err)
	}
	s[key].Count++
	s[key].Sum = sum
	return nil
}

func (s flowSums) list() []FlowSum {
	var all []FlowSum
	for _, f := range s {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b FlowSum) int {
		return cmp.Or(cmp.Compare(a.Flow, b.Flow), cmp.Compare(a.Sum.Currency, b.Sum.Currency))
	})
	return all
}

// report is the tally when all rows were added; known says how many of each
// account's bills are here already.
func (t *tally) report(known func(account int) int) (ImportReport, error) {
	if t.err != nil {
		return ImportReport{}, t.err
	}
	t.Sums = t.sums[0].list()
	t.Known = 0
	for i := range t.Accounts {
		t.Accounts[i].Sums = t.sums[i+1].list()
		t.Accounts[i].Known = known(i)
		t.Known += t.Accounts[i].Known
	}
	return t.ImportReport, nil
}
