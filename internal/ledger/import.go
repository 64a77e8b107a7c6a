package ledger

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/kv"
)

const (
	// maxHeld is how many bills of an import wait in memory to be put with
	// others of their month.
	maxHeld = 16 << 10
	// maxNear is of how many bills that are here already the names are kept.
	maxNear = 64 << 10
	// batchSize is how many sealed bytes are written in one transaction.
	batchSize = 1 << 20
)

// ErrRaced is an import that another of the same accounts has overtaken, or
// whose accounts were forgotten. Nothing of it is to be seen; begin again.
var ErrRaced = &fault.Error{Kind: fault.Conflict, Code: "import_raced", Detail: "the account has changed meanwhile; try again"}

// Import is a file's bills on their way in. Add takes them in any order, and
// writes what is new, or better than what is here, in transactions of some
// megabyte. None of it is to be seen until Finish, which is a single write for
// all accounts of the file. It is one caller's, and is closed in any case:
//
//	i, err := l.Begin(ctx, person, accounts)
//	defer i.Close(ctx)
//	… i.Add(ctx, account, bill) …
//	err = i.Seal(ctx)
//	err = db.Update(ctx, func(tx kv.Tx) error { …; return i.Finish(tx) })
type Import struct {
	ID   string
	Form string // of the file, as package billfile calls it; is set before the first Add

	ledger   *Ledger
	person   string
	accounts map[string]*intake
	order    []string
	held     int        // bills that wait
	near     int        // names that are kept
	dry      bool       // nothing is written
	pending  []kv.Entry // sealed, and not written yet
	size     int        // of those
	written  bool       // some batch was
	heads    []kv.Entry
}

// intake is one account's part of an import.
type intake struct {
	shelf
	seen    map[string]string // imports that were to be seen when this began, and their forms
	waiting map[month][]connectors.Bill
	names   map[month]map[name]here
	sheets  map[month]int                    // written of this import
	alike   map[month]map[peer]map[name]node // where another form tells of the account as well
	points  []Point
	added   int // bills that were not here
	known   int // bills that were
	writes  bool
}

// name stands for a bill's id in memory.
type name [16]byte

func nameOf(id string) (n name) {
	sum := sha256.Sum256([]byte(id))
	copy(n[:], sum[:])
	return n
}

// here is what is known of a bill that is here, or came before in the file.
type here struct {
	version
	old     bool // it was to be seen before
	forms   formset
	counted bool
}

// importHead makes an import of an account visible. What is sealed of it are points.
type importHead struct {
	Bills  int    `json:"bills"` // that were not here before
	Form   string `json:"form,omitempty"`
	Sealed []byte `json:"sealed,omitempty"`
}

// opening is there while an import has written something and is not finished.
type opening struct {
	Person   string   `json:"person"`
	Import   string   `json:"import"`
	Accounts []string `json:"accounts"`
	Dead     bool     `json:"dead,omitempty"` // it may not be finished any more
}

func openKey(person, id string) []byte { return kv.Key("ledger open", person, id) }

// Begin begins an import into accounts of a person's.
func (l *Ledger) Begin(ctx context.Context, person string, accounts []Account) (*Import, error) {
	i := &Import{ID: rand.Text(), ledger: l, person: person, accounts: map[string]*intake{}}
	err := l.DB.View(ctx, func(tx kv.Tx) error {
		i.order = nil
		for _, a := range accounts {
			in := &intake{shelf: shelf{l.Vault, a}, waiting: map[month][]connectors.Bill{},
				names: map[month]map[name]here{}, sheets: map[month]int{}, alike: map[month]map[peer]map[name]node{}}
			var err error
			if in.seen, err = in.imports(tx); err != nil {
				return err
			}
			i.accounts[a.ID], i.order = in, append(i.order, a.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.running.Store(i.ID, true)
	return i, nil
}

// BeginDry is Begin of an import that only counts.
func (l *Ledger) BeginDry(ctx context.Context, person string, accounts []Account) (*Import, error) {
	i, err := l.Begin(ctx, person, accounts)
	if err == nil {
		i.dry = true
	}
	return i, err
}

// Add takes a bill of one of the accounts.
func (i *Import) Add(ctx context.Context, account string, b connectors.Bill) error {
	in, m := i.accounts[account], monthOf(b.At)
	in.waiting[m] = append(in.waiting[m], b)
	if i.held++; i.held < maxHeld {
		return nil
	}
	return i.flush(ctx)
}

// AddPoints takes what the file says that an account held.
func (i *Import) AddPoints(account string, points []Point) {
	i.accounts[account].points = append(i.accounts[account].points, points...)
}

// flush compares all that waits with what is here, and seals what is to be written.
func (i *Import) flush(ctx context.Context) error {
	for _, id := range i.order {
		in := i.accounts[id]
		for _, m := range slices.Sorted(maps.Keys(in.waiting)) {
			if err := i.flushMonth(ctx, in, m); err != nil {
				return err
			}
		}
		clear(in.waiting)
	}
	i.held = 0
	return nil
}

func (i *Import) flushMonth(ctx context.Context, in *intake, m month) error {
	if err := i.look(ctx, in, m); err != nil {
		return err
	}
	forms := formsOf(in.seen, i.Form)
	own := forms[i.Form]
	several := len(forms) > 1 && own != 0
	var write []connectors.Bill
	var fresh []connectors.Bill // told by this form for the first time
	added := in.added
	for _, b := range in.waiting[m] {
		n := nameOf(b.ID)
		is, err := versionOf(b)
		if err != nil {
			return err
		}
		was, there := in.here(m, n)
		if several && was.forms&own == 0 {
			fresh = append(fresh, b)
		}
		switch {
		case there && was.old && !was.counted:
			in.known++
		case !there:
			in.added++
		}
		now := here{is, was.old, was.forms | own, true}
		if !there || was.compare(is) < 0 || several && was.forms&own == 0 {
			write = append(write, b)
		}
		if there && was.compare(is) > 0 {
			now.version = was.version
		}
		if _, ok := in.names[m][n]; !ok {
			i.near++
		}
		in.names[m][n] = now
	}
	if several {
		paired := in.added - added - in.pairFresh(m, fresh, own)
		in.added, in.known = in.added-paired, in.known+paired
	}
	in.writes = in.writes || len(write) > 0
	if i.dry {
		return nil
	}
	for bills := range slices.Chunk(write, sheetSize) {
		e, err := in.sealSheet(ctx, in.billsKey(in.monthName(m), i.ID, in.sheets[m]), bills)
		if err != nil {
			return err
		}
		in.sheets[m]++
		i.pending = append(i.pending, e)
		if i.size += len(e.Value); i.size >= batchSize {
			if err := i.write(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// here answers what is known of a bill, in its month and beside it.
func (in *intake) here(m month, n name) (best here, ok bool) {
	for _, m := range []month{m - 1, m, m + 1} {
		h, there := in.names[m][n]
		if !there {
			continue
		}
		if !ok || best.compare(h.version) < 0 {
			best.version = h.version
		}
		best.old, best.counted, best.forms, ok = best.old || h.old, best.counted || h.counted, best.forms|h.forms, true
	}
	return best, ok
}

// look reads the names of a month's bills and of those beside it.
func (i *Import) look(ctx context.Context, in *intake, m month) error {
	if i.near >= maxNear {
		for _, other := range i.accounts {
			clear(other.names)
			clear(other.alike)
		}
		i.near = 0
	}
	for _, m := range []month{m - 1, m, m + 1} {
		if in.names[m] != nil {
			continue
		}
		in.names[m] = map[name]here{}
		if len(in.seen) == 0 {
			continue
		}
		var sheets []kv.Entry
		err := i.ledger.DB.View(ctx, func(tx kv.Tx) (err error) {
			sheets, err = in.shelf.sheets(tx, in.monthName(m), isIn(in.seen), true, 0)
			return err
		})
		if err != nil {
			return err
		}
		forms := formsOf(in.seen, i.Form)
		bills, told, err := in.merge(ctx, sheets, func(id string) formset { return forms[in.seen[id]] })
		if err != nil {
			return err
		}
		for n := range bills {
			b := bills[n].Bill()
			v, err := versionOf(b)
			if err != nil {
				return err
			}
			in.names[m][nameOf(b.ID)] = here{version: v, old: true, forms: told[n]}
			if len(forms) > 1 {
				in.put(m, b, told[n])
			}
		}
		i.near += len(bills)
	}
	return nil
}

// write puts what is sealed in a transaction of its own. The first of an import
// says that there is one, so that no crash leaves rows that nobody looks for.
func (i *Import) write(ctx context.Context) error {
	first := !i.written
	i.written = true // or not: whoever clears away will see
	err := i.ledger.DB.Update(ctx, func(tx kv.Tx) error {
		if first {
			if err := kv.Store(tx, openKey(i.person, i.ID), opening{Person: i.person, Import: i.ID, Accounts: i.order}); err != nil {
				return err
			}
		} else if err := i.alive(tx); err != nil {
			return err
		}
		return putAll(tx, i.pending)
	})
	i.pending, i.size = nil, 0
	return err
}

// alive refuses to go on with what a deletion has ended.
func (i *Import) alive(tx kv.Tx) error {
	var o opening
	switch ok, err := kv.Load(tx, openKey(i.person, i.ID), &o); {
	case err != nil:
		return err
	case !ok || o.Dead:
		return ErrRaced
	}
	return nil
}

func putAll(tx kv.Tx, rows []kv.Entry) error {
	for _, e := range rows {
		if err := tx.Put(e.Key, e.Value); err != nil {
			return err
		}
	}
	return nil
}

// Seal ends the adding: all but the last of it is written after that.
func (i *Import) Seal(ctx context.Context) error {
	if err := i.flush(ctx); err != nil || i.dry {
		return err
	}
	for _, id := range i.order {
		in := i.accounts[id]
		fresh, err := in.freshPoints(ctx, i.ledger)
		if err != nil {
			return err
		}
		if !in.writes && len(fresh) == 0 {
			continue
		}
		h := importHead{Bills: in.added, Form: i.Form}
		if len(fresh) > 0 {
			if h.Sealed, err = in.sealPoints(ctx, i.ID, fresh); err != nil {
				return err
			}
		}
		b, err := json.Marshal(h)
		if err != nil {
			return err
		}
		i.heads = append(i.heads, kv.Entry{Key: in.importKey(i.ID), Value: b})
	}
	return nil
}

// News reports, of a sealed import, whether there is anything to finish.
func (i *Import) News() bool { return len(i.heads) > 0 }

// Count answers how many of an account's bills were here before and how many
// were not; it is known when the import is sealed.
func (i *Import) Count(account string) (known, added int) {
	in := i.accounts[account]
	return in.known, in.added
}

// Finish makes a sealed import visible, in the caller's transaction.
func (i *Import) Finish(tx kv.Tx) error {
	if i.written {
		if err := i.alive(tx); err != nil {
			return err
		}
		if err := tx.Delete(openKey(i.person, i.ID)); err != nil {
			return err
		}
	}
	for _, id := range i.order {
		in := i.accounts[id]
		if seen, err := in.imports(tx); err != nil {
			return err
		} else if !maps.Equal(seen, in.seen) {
			return ErrRaced
		}
	}
	if err := putAll(tx, i.pending); err != nil {
		return err
	}
	return putAll(tx, i.heads)
}

// Close removes what an import has written that was not finished. Where it
// cannot, [Ledger.Sweep] does.
func (i *Import) Close(ctx context.Context) error {
	defer i.ledger.running.Delete(i.ID)
	if !i.written {
		return nil
	}
	return i.ledger.clear(context.WithoutCancel(ctx), i.person, i.ID)
}
