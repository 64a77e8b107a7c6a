package main

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/connectors/money"
	"jali/internal/ledger"
	"jali/internal/ledger/match"
	"jali/internal/ledger/sums"
)

// seen is what files would bring, each and all together, without a person and
// without a server. Amounts are text: "12.50 CNY".
type seen struct {
	Files    []seenFile   `json:"files"`
	Together seenTogether `json:"together"`
}

type seenFile struct {
	File     string        `json:"file"`
	Format   string        `json:"format,omitempty"`
	Source   string        `json:"source,omitempty"`
	Name     string        `json:"name,omitempty"` // of the source
	Exported string        `json:"exported,omitempty"`
	Accounts []seenAccount `json:"accounts,omitempty"`
	Problems []string      `json:"problems,omitempty"`
	Code     string        `json:"code,omitempty"` // why it was not read
	Detail   string        `json:"detail,omitempty"`
}

type seenAccount struct {
	Name     string                  `json:"name"`
	Kind     connectors.AccountKind  `json:"kind"`
	Side     connectors.Side         `json:"side"`
	From     string                  `json:"from,omitempty"` // of the period that the file tells of
	To       string                  `json:"to,omitempty"`
	Bills    int                     `json:"bills"`
	Known    int                     `json:"known"` // that files before it have, too
	First    string                  `json:"first,omitempty"`
	Last     string                  `json:"last,omitempty"`
	Kinds    map[connectors.Kind]int `json:"kinds"`
	Flows    []seenFlow              `json:"flows"`
	Balances []string                `json:"balances,omitempty"` // the first and the last, of each currency
}

type seenFlow struct {
	Flow  connectors.Flow `json:"flow"`
	Count int             `json:"count"`
	Sum   string          `json:"sum"`
	sum   money.Amount
}

type seenTogether struct {
	Accounts int        `json:"accounts"`
	Bills    int        `json:"bills"`
	Mirrors  int        `json:"mirrors"` // that are not counted, since another bill tells of the movement
	Refunds  int        `json:"refunds"` // that are linked to what they refund
	Flows    []seenFlow `json:"flows"`   // of what is counted
	Decide   []seenPair `json:"decide"`
	Gaps     []seenGap  `json:"gaps"`
}

type seenPair struct {
	A    string     `json:"a"`
	B    string     `json:"b"`
	Link match.Link `json:"link"`
	Sure int        `json:"sure"`
}

type seenGap struct {
	Account string `json:"account"`
	From    string `json:"from"`
	To      string `json:"to"`
	Missing string `json:"missing"`
}

// pile is the bills of all files, each once.
type pile struct {
	accounts []sums.Account
	names    [][]string // of each account's source
	called   []string
	tails    []string
	places   map[string]int
	bills    []piled
	seed     maphash.Seed
	ids      map[uint64]bool
}

type piled struct {
	account int
	ledger.Packed
}

// see reads files and prints what would come of them.
func (i *importCmd) see(ctx context.Context, keys *passwords, m *billfile.Mapping) error {
	p := &pile{places: map[string]int{}, seed: maphash.MakeSeed(), ids: map[uint64]bool{}}
	var all seen
	left := 0
	for _, name := range i.Files {
		var f seenFile
		err := keys.try(name, func(o billfile.Options) (err error) {
			o.Mapping = m
			f, err = p.read(ctx, name, o)
			return err
		})
		if ctx.Err() != nil {
			return errors.New("interrupted; nothing was to be stored")
		}
		if unread := ofFile(err); unread != nil {
			f = seenFile{File: name, Code: unread.Code, Detail: unread.Detail}
		} else if err != nil {
			return err
		}
		if f.Code != "" || len(f.Problems) > 0 && !i.Accept {
			left++
		}
		all.Files = append(all.Files, f)
		if !i.JSON {
			printSeen(f)
		}
	}
	var err error
	if all.Together, err = p.together(); err != nil {
		return err
	}
	if i.JSON {
		err = printJSON(all)
	} else {
		printTogether(all.Together, len(all.Files))
	}
	if err != nil {
		return err
	}
	return leftAlone(left, len(i.Files), "would not be imported")
}

// openFile opens a bill file by its path.
func openFile(name string, o billfile.Options) (*billfile.Reader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return billfile.Open(f, info.Size(), o)
}

// watchedFile tells how far it is read, and ends with its ctx.
type watchedFile struct {
	io.ReaderAt
	ctx  context.Context
	size int64
	show *showing
}

func (w *watchedFile) ReadAt(b []byte, off int64) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	w.show.tell("reading", min(off+int64(len(b)), w.size), w.size)
	return w.ReaderAt.ReadAt(b, off)
}

func (p *pile) read(ctx context.Context, name string, o billfile.Options) (seenFile, error) {
	file, err := os.Open(name)
	if err != nil {
		return seenFile{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return seenFile{}, err
	}
	show := newShowing(info.Size())
	defer show.end()
	r, err := billfile.Open(&watchedFile{file, ctx, info.Size(), show}, info.Size(), o)
	if err != nil {
		return seenFile{}, err
	}
	told := r.File()
	f := seenFile{File: name, Format: told.Format, Source: told.Source.ID, Name: clean(told.Source.Name.ZH + " " + told.Source.Name.EN)}
	if told.Source.Name.ZH == told.Source.Name.EN {
		f.Name = clean(told.Source.Name.ZH)
	}
	if !told.Exported.IsZero() {
		f.Exported = told.Exported.Format("2006-01-02 15:04")
	}
	for _, problem := range told.Problems {
		f.Problems = append(f.Problems, disagreement(problem))
	}
	at := make([]int, len(told.Accounts))
	first, last := make([]connectors.Bill, len(at)), make([]connectors.Bill, len(at))
	for i, a := range told.Accounts {
		at[i] = p.place(told, a)
		f.Accounts = append(f.Accounts, seenAccountOf(a))
	}
	for b, err := range r.Bills() {
		if err != nil {
			return seenFile{}, err
		}
		a := &f.Accounts[b.Account]
		if a.Bills == 0 || b.At.Before(first[b.Account].At) {
			first[b.Account] = b.Bill
		}
		if a.Bills == 0 || b.At.After(last[b.Account].At) {
			last[b.Account] = b.Bill
		}
		a.Bills++
		a.Kinds[b.Kind]++
		if err := addFlow(&a.Flows, b.Flow, b.Amount); err != nil {
			return seenFile{}, err
		}
		if !p.add(at[b.Account], b.Bill) {
			a.Known++
		}
	}
	for i := range f.Accounts {
		if f.Accounts[i].Bills > 0 {
			f.Accounts[i].First, f.Accounts[i].Last = dated(first[i]), dated(last[i])
		}
		writeFlows(f.Accounts[i].Flows)
	}
	return f, nil
}

func seenAccountOf(a billfile.Account) seenAccount {
	s := seenAccount{Name: accountName(a.Name, tailOf(a.Number.RevealString()), a.Currency), Kind: a.Kind, Side: a.Side, Kinds: map[connectors.Kind]int{}}
	if !a.Covers.From.IsZero() {
		s.From, s.To = moment(a.Covers.From), moment(a.Covers.To)
	}
	for i, b := range a.Balances {
		other := func(c billfile.Balance) bool { return c.Amount.Currency == b.Amount.Currency }
		if !slices.ContainsFunc(a.Balances[:i], other) || !slices.ContainsFunc(a.Balances[i+1:], other) {
			s.Balances = append(s.Balances, moment(b.At)+" "+b.Amount.String())
		}
	}
	return s
}

// place finds a file's account among those of the files before it.
func (p *pile) place(f *billfile.File, a billfile.Account) int {
	key := strings.Join([]string{f.Source.ID, a.Ref.ID.RevealString(), a.Currency}, "\x00")
	if a.Ref.ID.Empty() {
		key += f.Holder.RevealString()
	}
	i, ok := p.places[key]
	if !ok {
		i = len(p.accounts)
		p.places[key] = i
		p.accounts = append(p.accounts, sums.Account{ID: strconv.Itoa(i), Source: f.Source.ID, Kind: a.Kind, Side: a.Side, Currency: a.Currency})
		p.names = append(p.names, slices.Compact([]string{f.Source.Name.ZH, f.Source.Name.EN}))
		p.tails = append(p.tails, tailOf(a.Number.RevealString()))
		p.called = append(p.called, clean(f.Source.Name.ZH+" "+accountName(a.Name, p.tails[i], a.Currency)))
	}
	for _, b := range a.Balances {
		p.accounts[i].Points = append(p.accounts[i].Points, sums.Point{At: b.At, Amount: b.Amount})
	}
	return i
}

// tailOf is the last four digits of an account's number.
func tailOf(number string) string {
	if len(number) < 8 || strings.Trim(number[len(number)-4:], "0123456789") != "" {
		return ""
	}
	return number[len(number)-4:]
}

// add answers false for a bill that is there.
func (p *pile) add(account int, b connectors.Bill) bool {
	id := maphash.String(p.seed, strconv.Itoa(account)+"\x00"+b.ID)
	if p.ids[id] {
		return false
	}
	p.ids[id] = true
	p.bills = append(p.bills, piled{account, ledger.Pack(b)})
	return true
}

// mostDecide is how many pairs are printed.
const mostDecide = 50

func (p *pile) together() (t seenTogether, err error) {
	var bill connectors.Bill
	r := match.Over(len(p.bills), func(i int) match.Item {
		a := p.bills[i].account
		bill = p.bills[i].Bill()
		return match.Item{ID: strconv.Itoa(i), Account: p.accounts[a].ID, Source: p.accounts[a].Source, Names: p.names[a], Tail: p.tails[a], Kind: p.accounts[a].Kind, Bill: &bill}
	}, nil)
	t = seenTogether{Accounts: len(p.accounts), Bills: len(p.bills), Flows: []seenFlow{}, Decide: []seenPair{}, Gaps: []seenGap{}}
	book := sums.Open(p.accounts)
	for i, b := range p.bills {
		bill, j := b.Bill(), r.Joined[i]
		if len(j.Mirrors) > 0 && !j.Counted {
			t.Mirrors++
		}
		if j.Refunds != "" {
			t.Refunds++
		}
		if err := book.Add(sums.Bill{ID: strconv.Itoa(i), Account: p.accounts[b.account].ID, Counted: j.Counted, Flow: j.Flow, Bill: &bill}); err != nil {
			return t, err
		}
		if j.Counted {
			if err := addFlow(&t.Flows, j.Flow, bill.Amount); err != nil {
				return t, err
			}
		}
	}
	writeFlows(t.Flows)
	for _, s := range r.Suggestions[:min(len(r.Suggestions), mostDecide)] {
		t.Decide = append(t.Decide, seenPair{p.line(s.A), p.line(s.B), s.Link, s.Sure})
	}
	gaps, err := book.Gaps()
	if err != nil {
		return t, err
	}
	for _, g := range gaps {
		i, _ := strconv.Atoi(g.Account)
		t.Gaps = append(t.Gaps, seenGap{p.called[i], moment(g.From), moment(g.To), g.Missing.String()})
	}
	return t, nil
}

// line says a bill in one line.
func (p *pile) line(id string) string {
	i, err := strconv.Atoi(id)
	if err != nil || i < 0 || i >= len(p.bills) {
		return ""
	}
	b := p.bills[i].Bill()
	words := b.Counterparty
	if words == "" {
		words = b.Description
	}
	return strings.Join([]string{dated(b), b.Amount.String(), p.called[p.bills[i].account], within(clean(words), 30)}, " ")
}

func addFlow(flows *[]seenFlow, f connectors.Flow, a money.Amount) (err error) {
	i := slices.IndexFunc(*flows, func(s seenFlow) bool { return s.Flow == f && s.sum.Currency == a.Currency })
	if i < 0 {
		i = len(*flows)
		*flows = append(*flows, seenFlow{Flow: f, sum: money.Amount{Currency: a.Currency}})
	}
	s := &(*flows)[i]
	s.Count++
	s.sum, err = s.sum.Add(a)
	return err
}

func writeFlows(flows []seenFlow) {
	for i := range flows {
		flows[i].Sum = flows[i].sum.String()
	}
	slices.SortFunc(flows, func(a, b seenFlow) int {
		return strings.Compare(a.sum.Currency+string(a.Flow), b.sum.Currency+string(b.Flow))
	})
}

func dated(b connectors.Bill) string {
	if b.DateOnly {
		return b.At.Format(time.DateOnly)
	}
	return b.At.Format("2006-01-02 15:04")
}

// moment leaves midnight out.
func moment(t time.Time) string {
	if t = t.In(sums.Zone); t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04")
}
