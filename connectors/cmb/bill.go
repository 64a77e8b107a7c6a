package cmb

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/wire"
	"jali/internal/fault"
)

const (
	maxPages = 2000
	// maxBreak bounds the bank's own break-point, which is kept in cursors and marks.
	maxBreak = 8 << 10
	dayOnly  = "20060102"
)

// asked is the body of a request of trsQryByBreakPoint.
type asked struct {
	Query []query         `json:"TRANSQUERYBYBREAKPOINT_X1"`
	Break json.RawMessage `json:"TRANSQUERYBYBREAKPOINT_Y1,omitempty"`
}

type query struct {
	Card     string `json:"cardNbr"`
	Begin    string `json:"beginDate"`
	End      string `json:"endDate"`
	Sequence string `json:"transactionSequence"`
	Currency string `json:"currencyCode"`
	Going    string `json:"queryAcctNbr"`
	Reserve  string `json:"reserve"`
}

// movements is the body of an answer of trsQryByBreakPoint.
type movements struct {
	Break  json.RawMessage `json:"TRANSQUERYBYBREAKPOINT_Y1"`
	Totals []struct {
		More    string `json:"ctnFlag"` // Y, N
		Going   string `json:"queryAcctNbr"`
		Debits  string `json:"debitNums"`
		Credits string `json:"creditNums"`
	} `json:"TRANSQUERYBYBREAKPOINT_Z1"`
	Rows []movement `json:"TRANSQUERYBYBREAKPOINT_Z2"`
}

type movement struct {
	Date      string `json:"transDate"`        // 20230401
	Time      string `json:"transTime"`        // 153002; may be missing
	Sequence  string `json:"transSequenceIdn"` // of the day
	Way       string `json:"loanCode"`         // C in, D out; may be missing
	Amount    string `json:"transAmount"`      // -40.01
	Currency  string `json:"currencyNbr"`
	TextCode  string `json:"textCode"`      // 交易类型
	Remark    string `json:"remarkTextClt"` // 摘要
	More      string `json:"extendedRemark"`
	Name      string `json:"businessName"`
	Words     string `json:"businessText"` // 用途
	Reversed  string `json:"reversalFlag"` // *, X
	Other     string `json:"ctpAcctName"`
	Bill      string `json:"billNumber"`
	Request   string `json:"requestNbr"`
	Reference string `json:"yurRef"`
	Merchant  string `json:"mchOrderNbr"`
	Card      string `json:"transCardNbr"` // where it is another than the one asked for
}

// cursor is where the next page begins.
type cursor struct {
	Going string          `json:"going"`
	Break json.RawMessage `json:"break"`
	Page  int             `json:"page"`
}

// readCursor reads the cursor of a page that is not the first.
func readCursor(next connectors.Cursor) (cursor, error) {
	at := cursor{Page: 1}
	if next != "" && (json.Unmarshal([]byte(next), &at) != nil || at.Page < 2 || !isBreak(at.Break)) {
		return at, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
	}
	return at, nil
}

// isBreak reports whether b can be a list of the bank's break-points.
func isBreak(b json.RawMessage) bool {
	return len(b) > 2 && len(b) <= maxBreak && b[0] == '['
}

// Bills reads one page of the card's movements per call, in the bank's order.
// The bank asks for days; what lies outside of the window is dropped here.
func (c *Connector) Bills(ctx context.Context, v connectors.Credential, ref connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	k, err := read(v)
	if err != nil {
		return connectors.Page{}, err
	}
	card, err := k.card(ref)
	if err != nil {
		return connectors.Page{}, err
	}
	at, err := readCursor(next)
	if err != nil {
		return connectors.Page{}, err
	}
	begin, covers := from, connectors.Span{}
	if oldest := c.oldest(); from.Before(oldest) {
		begin, covers = oldest, connectors.Span{From: oldest, To: to}
	}
	if !begin.Before(to) {
		return connectors.Page{Covers: connectors.Span{From: to, To: to}}, nil
	}
	answer, err := c.movements(ctx, k, card, begin, to.Add(-time.Nanosecond), at)
	if err != nil {
		return connectors.Page{}, err
	}
	page, after, err := answer.page(card, at)
	if err != nil {
		return connectors.Page{}, connectors.ErrMalformed.Because(err)
	}
	kept := page.Bills[:0]
	for _, b := range page.Bills {
		if !b.At.Before(begin) && b.At.Before(to) {
			kept = append(kept, b)
		}
	}
	page.Bills, page.Covers = kept, covers
	if after != nil {
		page.Next, err = write[connectors.Cursor](*after)
	}
	return page, err
}

// oldest is the first day whose movements the bank tells.
func (c *Connector) oldest() time.Time {
	y, m, d := c.now().In(wire.Beijing).Date()
	return time.Date(y, m-13, d, 0, 0, 0, 0, wire.Beijing)
}

// mark is where a listing came to its end.
type mark struct {
	Begin string          `json:"begin"` // day
	Break json.RawMessage `json:"break"`
	Going string          `json:"going,omitempty"` // amid the pages that follow
	Page  int             `json:"page,omitempty"`
}

// Changes goes on from the break-point of an earlier listing.
func (c *Connector) Changes(ctx context.Context, v connectors.Credential, ref connectors.AccountRef, since connectors.Mark, next connectors.Cursor) (connectors.ChangePage, error) {
	k, err := read(v)
	if err != nil {
		return connectors.ChangePage{}, err
	}
	card, err := k.card(ref)
	if err != nil {
		return connectors.ChangePage{}, err
	}
	at, err := readCursor(next)
	if err != nil {
		return connectors.ChangePage{}, err
	}
	now := c.now()
	begin, silent := now, since == ""
	if !silent {
		var m mark
		if json.Unmarshal([]byte(since), &m) != nil || !isBreak(m.Break) {
			return connectors.ChangePage{}, connectors.ErrMark.Because(fault.Cause("not a mark of this dialect"))
		}
		if begin, err = time.ParseInLocation(dayOnly, m.Begin, wire.Beijing); err != nil || begin.Before(c.oldest()) {
			return connectors.ChangePage{}, connectors.ErrMark.Because(fault.Cause("the mark is older than what the bank tells"))
		}
		if next == "" {
			at.Break = m.Break
		}
	}
	for {
		answer, err := c.movements(ctx, k, card, begin, now, at)
		switch {
		case errors.Is(err, connectors.ErrRefused) && !silent && next == "":
			return connectors.ChangePage{}, connectors.ErrMark.Because(err)
		case err != nil:
			return connectors.ChangePage{}, err
		}
		page, after, err := answer.page(card, at)
		if err != nil {
			return connectors.ChangePage{}, connectors.ErrMalformed.Because(err)
		}
		out := connectors.ChangePage{Page: page}
		switch {
		case after == nil:
			if !isBreak(answer.Break) {
				return connectors.ChangePage{}, connectors.ErrMalformed.Because(fault.Cause("a listing that ends in no break-point"))
			}
			out.Mark, err = write[connectors.Mark](mark{Begin: now.In(wire.Beijing).Format(dayOnly), Break: answer.Break})
			if silent {
				out.Bills = nil
			}
			return out, err
		case silent: // today's pages are walked for their end
			at = *after
		default:
			out.Next, err = write[connectors.Cursor](*after)
			return out, err
		}
	}
}

func write[T ~string](v any) (T, error) {
	b, err := json.Marshal(v)
	return T(b), err
}

// movements asks for a page of what was booked in the days from begin to end.
// A refusal may mean that the customer has taken the accounts away.
func (c *Connector) movements(ctx context.Context, k credential, card string, begin, end time.Time, at cursor) (movements, error) {
	body := asked{Query: []query{{Card: card, Begin: begin.In(wire.Beijing).Format(dayOnly), End: end.In(wire.Beijing).Format(dayOnly), Sequence: "1", Going: at.Going}}, Break: at.Break}
	var answer movements
	err := c.call(ctx, "trsQryByBreakPoint", body, &answer)
	if errors.Is(err, connectors.ErrRefused) {
		if _, gone := c.customer(ctx, k); errors.Is(gone, connectors.ErrUnauthorized) {
			return movements{}, gone
		}
	}
	return answer, err
}

// page reads one page of a card, and where the next one begins, if there is one.
func (m movements) page(card string, at cursor) (connectors.Page, *cursor, error) {
	if len(m.Totals) != 1 {
		return connectors.Page{}, nil, fault.Cause("not one row of totals")
	}
	total := m.Totals[0]
	if m.Rows == nil && (strings.TrimSpace(total.Debits) != "0" || strings.TrimSpace(total.Credits) != "0") {
		return connectors.Page{}, nil, fault.Cause("no list of movements")
	}
	page := connectors.Page{Bills: make([]connectors.Bill, 0, len(m.Rows))}
	for _, row := range m.Rows {
		b, err := row.bill(card)
		if err != nil {
			return connectors.Page{}, nil, err
		}
		page.Bills = append(page.Bills, b)
	}
	switch total.More {
	case "N":
		return page, nil, nil
	case "Y":
	default:
		return connectors.Page{}, nil, fault.Cause("ctnFlag is neither Y nor N")
	}
	after := cursor{Going: strings.TrimSpace(total.Going), Break: m.Break, Page: at.Page + 1}
	if !isBreak(m.Break) || (bytes.Equal(m.Break, at.Break) && after.Going == at.Going) || at.Page >= maxPages || len(after.Going) > 64 {
		return connectors.Page{}, nil, fault.Cause("pages without an end")
	}
	return page, &after, nil
}

// bill translates one row. Errors name the member, never the value.
func (m movement) bill(card string) (connectors.Bill, error) {
	if other := trim(m.Card); other != "" && other != card {
		return connectors.Bill{}, fault.Cause("a movement of another card")
	}
	currency := currencies[trim(m.Currency)]
	if currency == "" {
		return connectors.Bill{}, fault.Cause("currencyNbr is not one that is known")
	}
	at, dateOnly, err := m.at()
	if err != nil {
		return connectors.Bill{}, err
	}
	amount, err := money.Parse(trim(m.Amount), currency)
	if err != nil {
		return connectors.Bill{}, fault.Cause("transAmount is not a sum")
	}
	sequence := trim(m.Sequence)
	if !wire.Code(sequence, 32) {
		return connectors.Bill{}, fault.Cause("a movement without a transSequenceIdn")
	}
	b := connectors.Bill{ID: m.Date + sequence, At: at, DateOnly: dateOnly, Amount: amount.Abs(), Direction: connectors.In,
		State: connectors.Done, RawKind: trim(m.TextCode), Counterparty: trim(m.Other), Merchant: trim(m.Merchant),
		Description: cmp.Or(trim(m.Remark), trim(m.More), trim(m.Words), trim(m.Name)), Order: cmp.Or(trim(m.Reference), trim(m.Request))}
	switch way := trim(m.Way); {
	case way != "" && way != "C" && way != "D":
		return connectors.Bill{}, fault.Cause("loanCode is neither C nor D")
	case amount.Minor < 0, way == "D":
		b.Direction = connectors.Out
	}
	for _, ref := range []string{b.Order, b.Merchant, trim(m.Request), trim(m.Bill)} {
		if ref != "" && !slices.Contains(b.Refs, ref) {
			b.Refs = append(b.Refs, ref)
		}
	}
	means := m.means(b.Direction)
	b.Kind, b.Flow = means.Kind, means.Flow(b.Direction)
	if b.Kind == connectors.Refund {
		b.RefundOf = cmp.Or(b.Merchant, b.Order)
	}
	return b, nil
}

// trim drops the spaces that the bank fills its members up with.
func trim(s string) string { return strings.Trim(s, " \u00a0\u3000\t\r\n") }

func (m movement) at() (at time.Time, dateOnly bool, err error) {
	if clock := trim(m.Time); clock != "" {
		at, err = time.ParseInLocation("20060102150405", m.Date+clock, wire.Beijing)
	} else {
		at, err = time.ParseInLocation(dayOnly, m.Date, wire.Beijing)
		dateOnly = true
	}
	if err != nil || len(m.Date) != len(dayOnly) {
		return at, false, fault.Cause("transDate or transTime is not a time")
	}
	return at, dateOnly, nil
}
