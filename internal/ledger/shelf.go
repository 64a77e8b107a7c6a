package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"jali/connectors"
	"jali/internal/kv"
	"jali/vault"
)

// shelf is one account's part of the ledger.
type shelf struct {
	vault Sealer
	Account
}

// month counts months of UTC.
type month int

func monthOf(t time.Time) month {
	t = t.UTC()
	return month(t.Year()*12 + int(t.Month()) - 1)
}

func (m month) String() string {
	return time.Date(int(m)/12, time.Month(m%12+1), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
}

// monthsOf lists the months that [from, to) touches, and one more on either
// side, if they are few: a bill may have moved by some days since it was pending.
func monthsOf(from, to time.Time) ([]month, bool) {
	if from.IsZero() || to.IsZero() {
		return nil, false
	}
	if !from.Before(to) {
		return nil, true
	}
	first, last := monthOf(from)-1, monthOf(to.Add(-1))+1
	if last-first >= maxMonths {
		return nil, false
	}
	var all []month
	for m := first; m <= last; m++ {
		all = append(all, m)
	}
	return all, true
}

func (s shelf) importKey(id string) []byte { return kv.Key("ledger", s.Person, s.ID, "import", id) }

// monthName is how a month stands in keys.
func (s shelf) monthName(m month) string {
	return hex.EncodeToString(s.vault.MAC("ledger.month", s.Person, s.ID, m.String())[:macSize])
}

func (s shelf) billsKey(month, id string, n int) []byte {
	return kv.Key("ledger", s.Person, s.ID, "month", month, id, n)
}

func (s shelf) billsRecord(key []byte) vault.Record {
	return vault.Record{Kind: "bills", Person: s.Person, Part: s.Part, Key: hex.EncodeToString(key)}
}

func (s shelf) importRecord(id string) vault.Record {
	return vault.Record{Kind: "import", Person: s.Person, Part: s.Part, Key: s.ID + "/" + id}
}

// imports answers which imports of an account are to be seen, and their forms.
func (s shelf) imports(tx kv.Tx) (map[string]string, error) {
	seen := map[string]string{}
	r := kv.Prefix("ledger", s.Person, s.ID, "import")
	for e, err := range tx.Scan(r) {
		if err != nil {
			return nil, err
		}
		id, _, ok := kv.Text(e.Key[len(r.From)-1:])
		if !ok {
			return nil, errMoved
		}
		var h importHead
		if err := kv.Decode(e.Value, &h); err != nil {
			return nil, err
		}
		seen[id] = h.Form
	}
	return seen, nil
}

// sheets answers the sheets of some imports, or their keys alone: of a month,
// or with an empty name of all; no more than most, if that is not 0.
func (s shelf) sheets(tx kv.Tx, month string, of func(id string) bool, values bool, most int) (rows []kv.Entry, err error) {
	r := kv.Prefix("ledger", s.Person, s.ID, "month")
	names := len(r.From) - 1
	if month != "" {
		r = kv.Prefix("ledger", s.Person, s.ID, "month", month)
	}
	for e, err := range tx.Scan(r) {
		if err != nil {
			return nil, err
		}
		_, rest, _ := kv.Text(e.Key[names:])
		id, _, ok := kv.Text(rest)
		if !ok {
			return nil, errMoved
		}
		if !of(id) {
			continue
		}
		row := kv.Entry{Key: bytes.Clone(e.Key)}
		if values {
			row.Value = bytes.Clone(e.Value)
		}
		if rows = append(rows, row); len(rows) == most {
			break
		}
	}
	return rows, nil
}

func (s shelf) sealSheet(ctx context.Context, key []byte, bills []connectors.Bill) (kv.Entry, error) {
	rows := make([]row, len(bills))
	for i, b := range bills {
		rows[i] = toRow(b, "", false)
	}
	plain, err := kv.Pack(rows)
	if err != nil {
		return kv.Entry{}, err
	}
	sealed, err := s.vault.Seal(ctx, s.billsRecord(key), plain)
	return kv.Entry{Key: key, Value: sealed}, err
}

func (s shelf) openSheet(ctx context.Context, e kv.Entry) (rows []row, err error) {
	plain, err := s.vault.Open(ctx, s.billsRecord(e.Key), e.Value)
	if err != nil {
		return nil, err
	}
	return rows, kv.Unpack(plain.Reveal(), &rows)
}

// Bills answers an account's imported bills of [from, to), oldest first, each
// as the imports together tell it; zero times mean all.
func (l *Ledger) Bills(ctx context.Context, a Account, from, to time.Time) ([]Known, error) {
	s := shelf{l.Vault, a}
	months, few := monthsOf(from, to)
	names := []string{""}
	if few {
		names = names[:0]
		for _, m := range months {
			names = append(names, s.monthName(m))
		}
	}
	var sheets []kv.Entry
	var seen map[string]string
	err := l.DB.View(ctx, func(tx kv.Tx) (err error) {
		sheets = nil
		if seen, err = s.imports(tx); err != nil {
			return err
		}
		for _, name := range names {
			more, err := s.sheets(tx, name, isIn(seen), true, 0)
			if err != nil {
				return err
			}
			sheets = append(sheets, more...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	forms := formsOf(seen)
	bills, told, err := s.merge(ctx, sheets, func(id string) formset { return forms[seen[id]] })
	if err == nil && len(forms) > 1 {
		bills, err = pairForms(bills, told)
	}
	if err != nil {
		return nil, err
	}
	bills = slices.DeleteFunc(bills, func(b Known) bool {
		return !from.IsZero() && b.At.Before(from) || !to.IsZero() && !b.At.Before(to)
	})
	slices.SortFunc(bills, func(a, b Known) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Seed(), b.Seed())) })
	return bills, nil
}

// isIn answers whether an import is among some.
func isIn(seen map[string]string) func(id string) bool {
	return func(id string) bool {
		_, ok := seen[id]
		return ok
	}
}

// merge opens sheets and keeps of each bill the version that holds, and which
// forms told of it.
func (s shelf) merge(ctx context.Context, sheets []kv.Entry, form func(id string) formset) ([]Known, []formset, error) {
	var bills []Known
	var told []formset
	names := len(kv.Prefix("ledger", s.Person, s.ID, "month").From) - 1
	at := map[string]int{} // of bills, by id
	for i := range sheets {
		rows, err := s.openSheet(ctx, sheets[i])
		if err != nil {
			return nil, nil, err
		}
		_, rest, _ := kv.Text(sheets[i].Key[names:])
		id, _, _ := kv.Text(rest)
		of := form(id)
		sheets[i].Value = nil
		bills, told = slices.Grow(bills, len(rows)), slices.Grow(told, len(rows))
		for n := range rows {
			is := Know(rows[n].bill())
			id := is.ID()
			before, ok := at[id]
			if !ok {
				at[id] = len(bills)
				bills, told = append(bills, is), append(told, of)
				continue
			}
			told[before] |= of
			if better, err := holds(bills[before], is); err != nil {
				return nil, nil, err
			} else if better {
				bills[before] = is
			}
		}
	}
	return bills, told, nil
}

// holds reports whether a bill is better told by is than by was.
func holds(was, is Known) (bool, error) {
	a, err := versionOf(was.Bill())
	if err != nil {
		return false, err
	}
	b, err := versionOf(is.Bill())
	return a.compare(b) < 0, err
}
