package page

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/language"
)

const (
	billsPerPage = 30
	recentDays   = 90
	gapsOnHome   = 5
	monthsBack   = 13
	whileAsking  = time.Minute // between a source's answer and the look's end
)

// homePage is home; what waits for the sources is filled in by Wait, which the
// template calls where that begins.
type homePage struct {
	Wait        func() string
	Asking      []connectors.Source // who is asked meanwhile
	Wrong       said                // there is no look
	Name        string
	Restored    *restored
	Notices     []notice
	NoticesTo   int64 // microseconds; what a dismissal covers
	Ending      []endingGrant
	Connections int
	Look        aggregate.Look
	Totals      []total
	Pots        []pot
	Dues        []due
	Late        []aggregate.SourceReport // sources that did not answer freshly
	Flow, Spent *plot
	Gaps        []gap
	GapsMore    int    // that stand with the sums
	Decide      int    // suggestions that wait for the person's word
	Done, Self  string // what was done here last; where corrections come back to
	Bills       []billRow
	Found       int
	Filter      billFilter
	Prev, Next  string
	Elsewhere   []string // months that imported files reach to, when no bill is found
}

// total is what one currency comes to.
type total struct {
	aggregate.Total
	Held bool // a balance is known: without one, what is held is not zero but unknown
}

// pot is one source's accounts with what they hold.
type pot struct {
	Source   connectors.Source
	States   []aggregate.Status // of its connections, its files' last
	Accounts []potAccount
	Short    connectors.Span // where its bills do not reach over all the days that are shown: what they do
	Both     bool            // it is connected, and there are files of it
}

type potAccount struct {
	aggregate.OwnAccount
	Main  aggregate.OwnBalance
	Known bool // a balance was told
	Rest  []aggregate.OwnBalance
	Filed []aggregate.OwnBalance // else, what its files told last
	Short []connectors.Span      // as of the pot, of an account out of files
	Gaps  int                    // where its balances and bills do not add up
}

type billFilter struct {
	Source, Month, Text string
	Bill                string // this one alone
	Sources             []connectors.Source
	Months              []string
	From, To            time.Time // [From, To)
	Page                int
	Asked               bool
}

func (p *Page) home(w http.ResponseWriter, r *http.Request) {
	s, recovering, err := p.Passkeys.Session(r)
	switch {
	case err != nil && fault.Of(err).Kind == fault.Unauthenticated:
		p.render(w, r, http.StatusOK, "landing", p.frameOf(r, consent.Session{}, "landing.title", "", nil))
		return
	case err != nil:
		p.fail(w, r, err)
		return
	case recovering:
		http.Redirect(w, r, "/recover/passkey", http.StatusSeeOther)
		return
	}
	r = present(r, s)
	h := &homePage{Done: done(r)}
	connections, err := p.Aggregate.Connections(r.Context(), s)
	if err == nil {
		h.Name, err = p.Passkeys.Name(r.Context(), s)
	}
	if err == nil {
		h.Notices, h.Restored, h.NoticesTo, err = p.notices(r.Context(), s)
	}
	if err == nil {
		h.Ending, err = p.ending(r, s)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	f := p.frameOf(r, s, "home.title", "home", h)
	if h.Connections = len(connections); h.Connections == 0 {
		p.render(w, r, http.StatusOK, "home", f)
		return
	}
	h.Filter = readFilter(r.URL.Query(), p.Now(), connections)
	for _, c := range connections {
		if !c.Imported {
			h.Asking = append(h.Asking, c.Source)
		}
	}
	if r.URL.Query().Has("fresh") {
		f.Self = h.Filter.link(h.Filter.Page)
	}
	p.stream(w, r, "home", f, func(flush func()) {
		h.Wait = func() string {
			flush()
			if err := p.look(r, s, h, connections); err != nil {
				if r.Context().Err() == nil {
					p.Log.ErrorContext(r.Context(), "no look at a person's own data", "err", err)
				}
				h.Wrong = p.views[language.Of(r)].words.fault(fault.Of(err))
			}
			return ""
		}
	})
}

// look fills in what the sources tell: as they told it lately, or afresh when
// the person asks for that.
func (p *Page) look(r *http.Request, s consent.Session, h *homePage, connections []aggregate.Connection) (err error) {
	ctx, words := r.Context(), p.views[language.Of(r)].words
	own := p.Aggregate.Own
	if r.URL.Query().Has("fresh") {
		own = p.Aggregate.OwnAfresh
	}
	if h.Look, err = own(ctx, s, h.Filter.From, h.Filter.To); err != nil {
		return err
	}
	accounts := map[consent.AccountID]aggregate.OwnAccount{}
	for _, a := range h.Look.Accounts {
		accounts[a.ID] = a
	}
	for _, t := range h.Look.Totals {
		h.Totals = append(h.Totals, total{t, slices.ContainsFunc(h.Look.Balances, func(b aggregate.OwnBalance) bool { return b.Amount.Currency == t.Net.Currency })})
	}
	h.Pots, h.Dues = pots(h.Look, h.Filter), dues(h.Look, accounts)
	for _, report := range h.Look.Sources {
		if report.Status != aggregate.Fresh {
			h.Late = addLate(h.Late, report)
		}
	}
	h.Gaps, h.Decide = gaps(h.Look, accounts), len(h.Look.Suggestions)
	h.GapsMore = max(0, len(h.Gaps)-gapsOnHome)
	h.Gaps = h.Gaps[:len(h.Gaps)-h.GapsMore]
	h.Flow, h.Spent = flowPlot(h.Look, h.Filter, words), spentPlot(h.Look, words)

	rows := foldBills(h.Look, accounts)
	rows = slices.DeleteFunc(rows, func(b billRow) bool { return !h.Filter.matches(b, words) })
	if h.Found = len(rows); h.Found == 0 {
		h.Elsewhere = h.Filter.elsewhere(connections)
	}
	defer func() { h.Self, _, _ = strings.Cut(h.Filter.link(h.Filter.Page), "#") }()
	pages := max(1, (len(rows)+billsPerPage-1)/billsPerPage)
	h.Filter.Page = min(h.Filter.Page, pages)
	from := (h.Filter.Page - 1) * billsPerPage
	h.Bills = rows[from:min(len(rows), from+billsPerPage)]
	day := ""
	for i := range h.Bills {
		d := h.Bills[i].At.In(shanghai).Format(time.DateOnly)
		h.Bills[i].NewDay, day = d != day, d
	}
	if h.Filter.Page > 1 {
		h.Prev = h.Filter.link(h.Filter.Page - 1)
	}
	if h.Filter.Page < pages {
		h.Next = h.Filter.link(h.Filter.Page + 1)
	}
	return nil
}

// readFilter takes what is asked for as far as it makes sense, and shows the
// recent days otherwise. Months go back as far as imported files do.
func readFilter(q url.Values, now time.Time, connections []aggregate.Connection) billFilter {
	now = now.In(shanghai)
	f := billFilter{Text: strings.TrimSpace(q.Get("q")), Page: max(1, atoi(q.Get("page")))}
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, shanghai)
	oldest := first.AddDate(0, 1-monthsBack, 0)
	for _, c := range connections {
		f.Sources = append(f.Sources, c.Source)
		if c.Imported && !c.Covers.From.IsZero() && c.Covers.From.Before(oldest) {
			oldest = c.Covers.From.In(shanghai)
		}
		if c.Source.ID == q.Get("source") {
			f.Source = c.Source.ID
		}
	}
	slices.SortFunc(f.Sources, func(a, b connectors.Source) int { return strings.Compare(a.ID, b.ID) })
	f.Sources = slices.CompactFunc(f.Sources, func(a, b connectors.Source) bool { return a.ID == b.ID })
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, shanghai)
	f.From, f.To = today.AddDate(0, 0, 1-recentDays), today.AddDate(0, 0, 1)
	for m := first; m.Year() >= oldest.Year() && len(f.Months) < 240; m = m.AddDate(0, -1, 0) {
		if m.AddDate(0, 1, 0).After(oldest) {
			name := m.Format("2006-01")
			f.Months = append(f.Months, name)
			if name == q.Get("month") {
				f.Month, f.From, f.To = name, m, m.AddDate(0, 1, 0)
			}
		}
	}
	if f.Bill = q.Get("bill"); len(f.Bill) > 200 {
		f.Bill = ""
	}
	if len(f.Text) > 200 {
		f.Text = f.Text[:200]
	}
	f.Text = strings.ToValidUTF8(f.Text, "")
	f.Asked = f.Source != "" || f.Text != "" || f.Month != "" || f.Bill != ""
	return f
}

// addLate keeps of a source's files the one that reaches furthest.
func addLate(late []aggregate.SourceReport, report aggregate.SourceReport) []aggregate.SourceReport {
	i := slices.IndexFunc(late, func(r aggregate.SourceReport) bool {
		return r.Source.ID == report.Source.ID && r.Status == aggregate.FromFile && report.Status == aggregate.FromFile
	})
	if i < 0 {
		return append(late, report)
	}
	if report.AsOf.After(late[i].AsOf) {
		late[i] = report
	}
	return late
}

// elsewhere are the last months of files, newest first, where there may be
// bills when the month that is shown has none.
func (f billFilter) elsewhere(connections []aggregate.Connection) []string {
	var months []string
	for _, c := range connections {
		if month := c.Covers.To.Add(-1).In(shanghai).Format("2006-01"); c.Imported && !c.Covers.To.IsZero() && month != f.Month && slices.Contains(f.Months, month) {
			months = append(months, month)
		}
	}
	slices.Sort(months)
	months = slices.Compact(months)
	slices.Reverse(months)
	return months[:min(len(months), 6)]
}

// Afresh is the first page of what is shown, after asking the sources again.
func (f billFilter) Afresh() string {
	q := f.query()
	q.Set("fresh", "1")
	return "/?" + q.Encode()
}

func (f billFilter) query() url.Values {
	q := url.Values{}
	for k, v := range map[string]string{"source": f.Source, "month": f.Month, "q": f.Text, "bill": f.Bill} {
		if v != "" {
			q.Set(k, v)
		}
	}
	return q
}

func (f billFilter) link(page int) string {
	q := f.query()
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return "/?" + q.Encode() + "#bills"
}

func (f billFilter) matches(b billRow, words *catalog) bool {
	if f.Source != "" && b.In.Source.ID != f.Source &&
		!slices.ContainsFunc(b.Also, func(a beside) bool { return a.In.Source.ID == f.Source }) {
		return false
	}
	if f.Bill != "" && b.ID != f.Bill && !slices.ContainsFunc(b.Also, func(a beside) bool { return a.ID == f.Bill }) {
		return false
	}
	if f.Text == "" {
		return true
	}
	text := strings.ToLower(f.Text)
	for _, s := range []string{b.Counterparty, b.Description, b.Order, b.Merchant, b.Method, b.RawKind, b.OwnBill.Category,
		words.Kind(b.Kind), words.Category(b.OwnBill.Category), b.Amount.Value()} {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	return false
}

func (p *Page) clientName(ctx context.Context, id consent.ClientID, seen map[consent.ClientID]consent.Client) (consent.Client, error) {
	if c, ok := seen[id]; ok {
		return c, nil
	}
	c, err := p.Consent.Client(ctx, id)
	if err != nil {
		if k := fault.Of(err).Kind; k != fault.NotFound && k != fault.Gone {
			return c, err
		}
		c = consent.Client{ID: id, Name: consent.Name{ZH: string(id), EN: string(id)}}
	}
	seen[id] = c
	return c, nil
}
