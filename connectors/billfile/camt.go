package billfile

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/htmlindex"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/summary"
	"jali/internal/fault"
)

// camt is ISO 20022's bank-to-customer cash management: reports within the day
// (camt.052), statements (camt.053) and notifications (camt.054), of any
// version. See the Message Definition Reports of ISO 20022, Payments
// Clearing and Settlement / Cash Management.
//
// A bill is an entry (Ntry): what the account's balance moved by. An entry
// that books several transactions at once stays one bill and names them, since
// reports, statements and notifications of the same entry list them or do not.
var camt = document{is: isCamt, read: readCamt}

func isCamt(head []byte) bool {
	return bytes.HasPrefix(head, []byte("<")) &&
		(bytes.Contains(head, []byte("camt.05")) || bytes.Contains(head, []byte("<bktocstmr")) || bytes.Contains(head, []byte(":bktocstmr")))
}

// camtParts are the elements that hold a statement, and what their file is
// called.
var camtParts = map[string]string{"Rpt": "camt052", "Stmt": "camt053", "Ntfctn": "camt054"}

// shallow is a decoder that is told no more than a bill file holds: no
// declarations of its own, depth within bounds.
type shallow struct {
	*xml.Decoder
	depth int
}

func (s *shallow) Token() (xml.Token, error) {
	t, err := s.RawToken()
	switch t.(type) {
	case xml.StartElement:
		s.depth++
	case xml.EndElement:
		s.depth--
	case xml.Directive:
		return nil, errDeclares
	}
	if s.depth > maxDepth {
		return nil, errDeep
	}
	return t, err
}

var (
	errDeclares = errors.New("a document type of its own")
	errDeep     = errors.New("elements beyond the depth of a statement")
)

func readCamt(data []byte) (*File, error) {
	src := &shallow{Decoder: xml.NewDecoder(bytes.NewReader(data))}
	src.CharsetReader = func(label string, r io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(label)
		if err != nil {
			return nil, errEncoding
		}
		return e.NewDecoder().Reader(r), nil
	}
	d := xml.NewTokenDecoder(src)
	format := ""
	var all []*statement
	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		}
		line, _ := src.InputPos()
		if err != nil {
			return nil, spoiltXML(line, err)
		}
		e, ok := t.(xml.StartElement)
		if !ok || camtParts[e.Name.Local] == "" {
			continue
		}
		format = camtParts[e.Name.Local]
		s, err := readCamtPart(src, d)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return fileOf(format, all)
}

// spoiltXML says where a document breaks off; the decoder's own words may
// quote it.
func spoiltXML(line int, err error) error {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fault.Cause("no whole XML")
	}
	return ErrDamaged.Saying("line " + strconv.Itoa(line) + ": this is no whole XML; download the file again, nothing was taken from it").Because(err)
}

// readCamtPart reads up to the end of a statement.
func readCamtPart(src *shallow, d *xml.Decoder) (*statement, error) {
	s := &statement{claimed: map[string]claim{}}
	var (
		account  camtAccount
		balances []camtBalance
		totals   camtTotals
		period   camtPeriod
		made     string
		rows     []camtEntry
		lines    []int
	)
	for {
		t, err := d.Token()
		line, _ := src.InputPos()
		if err != nil {
			return nil, spoiltXML(line, err)
		}
		var into any
		switch t := t.(type) {
		case xml.EndElement:
			s.head(account, balances, rows)
			s.period(period, made)
			s.totals(totals)
			for i := range rows {
				if err := s.camtRow(&rows[i], lines[i]); err != nil {
					return nil, err
				}
			}
			s.pin(balances)
			return s, nil
		case xml.StartElement:
			switch t.Name.Local {
			case "Acct":
				into = &account
			case "Bal":
				balances = append(balances, camtBalance{})
				into = &balances[len(balances)-1]
			case "TxsSummry":
				into = &totals
			case "FrToDt":
				into = &period
			case "CreDtTm":
				into = &made
			case "Ntry":
				rows, lines = append(rows, camtEntry{}), append(lines, line)
				into = &rows[len(rows)-1]
			}
			if into == nil {
				err = d.Skip()
			} else {
				err = d.DecodeElement(into, &t)
			}
			if err != nil {
				line, _ := src.InputPos()
				return nil, spoiltXML(line, err)
			}
		}
	}
}

// head says whose account it is, and in which currency.
func (s *statement) head(a camtAccount, balances []camtBalance, rows []camtEntry) {
	iban := compact(a.IBAN)
	if other := compact(a.Other); iban == "" && isIBAN(other) {
		iban = other // in the place of numbers that are none
	}
	currencies := []string{clean(a.Currency)}
	for _, b := range balances {
		currencies = append(currencies, clean(b.Amount.Currency))
	}
	for _, r := range rows {
		currencies = append(currencies, clean(r.Amount.Currency))
	}
	kind := connectors.Deposit
	if clean(a.Type) == "LOAN" {
		kind = connectors.Loan
	}
	s.account = accountNumbered(cmp.Or(iban, compact(a.Other)), cmp.Or(currencies...), kind)
	s.bank = institution{iban: iban, bic: compact(cmp.Or(a.BICFI, a.BIC)), name: line(a.Bank)}
	s.owner = line(a.Owner)
}

func compact(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), "")) }

// period reads what the statement says it covers, in whole days.
func (s *statement) period(p camtPeriod, made string) {
	s.made, _, _ = xmlTime(made)
	if p.From == "" && p.FromDay == "" {
		return
	}
	from, _, ok1 := xmlTime(cmp.Or(p.From, p.FromDay))
	to, day, ok2 := xmlTime(cmp.Or(p.To, p.ToDay))
	if !ok1 || !ok2 || to.Before(from) {
		s.broken = append(s.broken, Problem{Code: "claim_unreadable", Of: "period"})
		return
	}
	s.said = connectors.Span{From: calendarDay(from), To: calendarDay(to)}
	if day || to.After(s.said.To) || !s.said.From.Before(s.said.To) || to.Hour()+to.Minute()+to.Second() > 0 {
		s.said.To = calendarDay(to).AddDate(0, 0, 1)
	}
}

func (s *statement) totals(t camtTotals) {
	for of, said := range map[string]camtTotal{"total": t.All, "in": t.Credits, "out": t.Debits} {
		var c claim
		if said.Count != "" {
			n, err := strconv.Atoi(clean(said.Count))
			c.count, c.n = err == nil && n >= 0, n
		}
		if said.Sum != "" {
			a, err := money.Parse(clean(said.Sum), s.account.Currency)
			c.sum, c.amount = err == nil, a
		}
		if said.Count != "" && !c.count || said.Sum != "" && !c.sum {
			s.broken = append(s.broken, Problem{Code: "claim_unreadable", Of: of})
		}
		s.claimed[of] = c
	}
	slices.SortFunc(s.broken, func(a, b Problem) int { return cmp.Compare(a.Of, b.Of) })
}

// pin takes the booked balances: opening (OPBD, or PRCD, which the period
// before closed with) and closing (CLBD, or in a report the one interim ITBD).
// Available balances (OPAV, CLAV, FWAV, …) and the information (INFO, XPCD)
// are of no use here.
func (s *statement) pin(balances []camtBalance) {
	find := func(code string) (found []camtBalance) {
		for _, b := range balances {
			if clean(b.Code) == code {
				found = append(found, b)
			}
		}
		return found
	}
	read := func(codes ...string) (*money.Amount, time.Time) {
		for _, code := range codes {
			all := find(code)
			if len(all) != 1 { // several interim ones are the pages' own
				continue
			}
			a, err := money.Parse(clean(all[0].Amount.Value), clean(all[0].Amount.Currency))
			at, _, ok := xmlTime(cmp.Or(all[0].Date.Moment, all[0].Date.Day))
			if err != nil || !ok || a.Minor < 0 || a.Currency != s.account.Currency {
				s.broken = append(s.broken, Problem{Code: "claim_unreadable", Of: "balance"})
				return nil, time.Time{}
			}
			if (clean(all[0].Sign) == "DBIT") != (s.account.Side == connectors.Debt) {
				a = a.Neg()
			}
			return &a, calendarDay(at)
		}
		return nil, time.Time{}
	}
	s.opening, s.opens = read("OPBD", "PRCD")
	s.closing, s.closes = read("CLBD", "ITBD")
}

// camtRow reads an entry. Its status: BOOK is booked; PDNG and FUTR are
// pending; INFO is told and never booked.
func (s *statement) camtRow(r *camtEntry, line int) error {
	var b connectors.Bill
	e := entry{row: row{line: line}}
	status := cmp.Or(clean(r.Status.Code), clean(r.Status.Word))
	switch status {
	case "", "BOOK":
		b.State = connectors.Done
	case "INFO":
		b.State = connectors.Failed
	default:
		b.State = connectors.Pending
	}
	switch clean(r.Sign) {
	case "CRDT":
		b.Direction = connectors.In
	case "DBIT":
		b.Direction = connectors.Out
	default:
		return damaged(line, "CdtDbtInd", "not_a_word")
	}
	var err error
	if b.Amount, err = money.Parse(clean(r.Amount.Value), clean(r.Amount.Currency)); err != nil {
		return damaged(line, "Amt", "not_an_amount")
	}
	if b.Amount.Minor < 0 {
		return damaged(line, "Amt", "negative")
	}
	said := cmp.Or(r.Booked.Moment, r.Booked.Day, r.Value.Moment, r.Value.Day)
	if said == "" && b.State != connectors.Done && !s.made.IsZero() {
		b.At, b.DateOnly = calendarDay(s.made), true // what is pending has begun
	} else {
		var ok bool
		if b.At, b.DateOnly, ok = xmlTime(said); !ok {
			return damaged(line, "BookgDt", "not_a_time")
		}
	}
	e.created, e.currency, e.id = b.At, b.Amount.Currency, reference(r.Ref)
	e.moves = true // a report tells it pending, the statement booked
	r.describe(&b)
	e.refund = b.Kind == connectors.Refund
	s.take(b, e)
	return nil
}

// describe fills in what an entry says beside its sum.
func (r *camtEntry) describe(b *connectors.Bill) {
	var names, texts, orders []string
	code, own, purpose, returned := r.Code, r.Code.Own, "", false
	for i := range r.Details[:min(len(r.Details), maxTexts)] {
		d := &r.Details[i]
		from, to := distinct(d.Debtor.name(), d.UltDebtor.name()), distinct(d.Creditor.name(), d.UltCredit.name())
		who := to
		if b.Direction == connectors.In {
			who = from
		}
		names = append(names, strings.Join(who[max(0, len(who)-1):], ""))
		texts = append(texts, d.Texts...)
		for _, st := range d.Structured {
			texts = append(append(texts, st.Text...), st.Ref)
			orders = append(orders, reference(st.Ref))
		}
		texts = append(texts, d.Info)
		if a, err := money.Parse(clean(d.Instructed.Value), clean(d.Instructed.Currency)); err == nil && a.Currency != b.Amount.Currency {
			texts = append(texts, a.String())
		}
		for _, ref := range []string{d.EndToEnd, d.Tx, d.UETR} {
			if ref = reference(ref); ref != "" && !slices.Contains(b.Refs, ref) {
				b.Refs = append(b.Refs, ref)
			}
		}
		orders = append(orders, reference(d.EndToEnd))
		if code.Domain == "" {
			code = d.Code
		}
		own, purpose = cmp.Or(own, d.Code.Own), cmp.Or(purpose, clean(d.Purpose))
		returned = returned || d.Returned != ""
	}
	b.Counterparty = only(distinct(names...))
	b.Description = joined(distinct(append(texts, r.Info)...)...)
	if len(r.Details) == 1 {
		b.Order = cmp.Or(reference(r.Details[0].EndToEnd), only(distinct(orders...)))
	}
	iso := summary.ISOCode{Domain: clean(code.Domain), Family: clean(code.Family), Sub: clean(code.Sub)}
	b.RawKind = cmp.Or(strings.Trim(strings.Join([]string{iso.Domain, iso.Family, iso.Sub}, "-"), "-"), own)
	b.Kind = cmp.Or(iso.Rare(purpose), iso.Common(), connectors.Other)
	if b.Direction == connectors.In {
		b.Kind = iso.Received(b.Kind)
	}
	if clean(r.Reversal) == "true" || clean(r.Reversal) == "1" || returned {
		b.Kind, b.RefundOf = connectors.Refund, b.Order
	}
	if n, err := strconv.Atoi(clean(r.Batch.Count)); err == nil && n > 1 || len(r.Details) > 1 {
		b.Note = "batch"
	}
	for _, c := range r.Charges {
		if clean(c.Included) == "true" {
			b.Note = "fee_included"
		}
	}
	coded(b)
}

func (p camtParty) name() string { return cmp.Or(line(p.Name), line(p.Party), line(p.Agent)) }

// xmlTime reads xs:dateTime and xs:date, with or without a zone; without one
// it is the day or hour that stands there.
func xmlTime(s string) (t time.Time, dateOnly, ok bool) {
	s = clean(s)
	for _, l := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(l, s, zone); err == nil {
			return t, false, plausible(t)
		}
	}
	if len(s) > 10 && strings.ContainsAny(s[10:11], "+-Z") {
		s = s[:10]
	}
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	return t, true, err == nil && plausible(t)
}
