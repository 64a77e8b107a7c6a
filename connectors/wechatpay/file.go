package wechatpay

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
)

// parse reads a day's trade bill: a line of column names, rows whose cells
// each begin with a backtick, a line of summary names and one of summary
// cells. Columns are found by name. A file that holds another merchant's row,
// or other than as many rows as it says, is refused whole. Errors name the
// line and column, never a value.
func parse(file []byte, merchant string) ([]connectors.Bill, error) {
	if !utf8.Valid(file) {
		return nil, fault.Cause("the file is not UTF-8")
	}
	lines := strings.Split(strings.TrimPrefix(string(file), "\ufeff"), "\n")
	columns := map[string]int{}
	for i, name := range strings.Split(strings.TrimRight(lines[0], "\r"), ",") {
		name = strings.TrimSpace(name)
		if _, twice := columns[name]; twice && name != "" {
			return nil, fault.Cause("a column stands twice")
		}
		columns[name] = i
	}
	for _, name := range []string{"交易时间", "特约商户号", "微信订单号", "商户订单号", "交易类型", "交易状态", "货币种类", "微信退款单号", "商户退款单号", "退款金额", "订单金额"} {
		if _, ok := columns[name]; !ok {
			return nil, fmt.Errorf("there is no column %s", name)
		}
	}
	var bills []connectors.Bill
	ids := map[string]int{}
	rows := 0
	for n := 1; n < len(lines); n++ {
		line := strings.TrimRight(lines[n], "\r")
		switch {
		case strings.HasPrefix(line, "`"):
			rows++
			r, err := split(line, columns)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", fault.Cause("line", n+1), err)
			}
			if r.cell("特约商户号") != merchant {
				return nil, fmt.Errorf("%w: %w", fault.Cause("line", n+1), fault.Cause("another merchant's"))
			}
			told, err := r.bills()
			if err != nil {
				return nil, fmt.Errorf("%w: %w", fault.Cause("line", n+1), err)
			}
			for _, b := range told {
				if ids[b.ID]++; ids[b.ID] > 1 {
					b.ID += "#" + strconv.Itoa(ids[b.ID])
				}
				bills = append(bills, b)
			}
		case strings.HasPrefix(line, "总交易单数"):
			return bills, summary(lines[n:], rows)
		case line != "":
			return nil, fmt.Errorf("%w: %w", fault.Cause("line", n+1), fault.Cause("neither a row nor the summary"))
		}
	}
	return nil, fault.Cause("the summary is missing")
}

// summary checks the count under the rows; nothing may follow it.
func summary(lines []string, rows int) error {
	if len(lines) < 2 {
		return fault.Cause("the summary is missing")
	}
	if extra := strings.TrimSpace(strings.Join(lines[2:], "")); extra != "" {
		return fault.Cause("something follows the summary")
	}
	at := slices.Index(strings.Split(strings.TrimRight(lines[0], "\r"), ","), "总交易单数")
	cells := cells(strings.TrimRight(lines[1], "\r"))
	if at < 0 || at >= len(cells) || cells[at] != strconv.Itoa(rows) {
		return fault.Cause("the summary counts other rows than there are")
	}
	return nil
}

// cells parts a line at ",`": a shop's name may hold a comma.
func cells(line string) []string {
	return strings.Split(strings.TrimPrefix(line, "`"), ",`")
}

type row struct {
	columns map[string]int
	cells   []string
}

func split(line string, columns map[string]int) (row, error) {
	r := row{columns, cells(line)}
	if len(r.cells) != len(columns) {
		return row{}, fault.Cause("not as many cells as columns")
	}
	return r, nil
}

// cell answers a column's cell; WeChat Pay writes 0 for an id that is not there.
func (r row) cell(name string) string {
	i, ok := r.columns[name]
	if !ok {
		return ""
	}
	text := strings.TrimSpace(r.cells[i])
	if text == "0" && strings.HasSuffix(name, "单号") {
		return ""
	}
	return text
}

func (r row) amount(name string) (money.Amount, error) {
	a, err := money.Parse(r.cell(name), r.cell("货币种类"))
	if err != nil {
		return a, fmt.Errorf("column %s is not a sum", name)
	}
	return a, nil
}

// bills translates a row into the movement it tells and, where one was taken,
// the fee.
func (r row) bills() ([]connectors.Bill, error) {
	at, err := time.ParseInLocation(time.DateTime, r.cell("交易时间"), beijing)
	if err != nil {
		return nil, fault.Cause("column 交易时间 is not a time")
	}
	b := connectors.Bill{At: at, State: connectors.Done, Description: r.cell("商品名称"),
		RawKind: r.cell("交易类型") + "/" + r.cell("交易状态")}
	refund := r.cell("微信退款单号")
	payment, order := r.cell("微信订单号"), r.cell("商户订单号")
	if payment == "" {
		return nil, fault.Cause("column 微信订单号 is empty")
	}
	status := r.cell("交易状态")
	if status == "REFUND" || (status != "SUCCESS" && refund != "") {
		if refund == "" {
			return nil, fault.Cause("a refund without a number")
		}
		b.ID, b.Order, b.Merchant, b.RefundOf = refund, refund, r.cell("商户退款单号"), payment
		b.Direction, b.Flow, b.Kind = connectors.Out, connectors.FlowOut, connectors.Refund
		b.State = refundState(r.cell("退款状态"))
		b.Amount, err = r.amount("退款金额")
	} else {
		b.ID, b.Order, b.Merchant = payment, payment, order
		b.Direction, b.Flow, b.Kind = connectors.In, connectors.FlowIn, connectors.Income
		// What reaches the merchant is the order less WeChat's own coupons.
		column := "应结订单金额"
		if r.cell(column) == "" {
			column = "订单金额"
		}
		b.Amount, err = r.amount(column)
		switch status {
		case "SUCCESS":
		case "REVOKED": // taken back before it was settled, so no refund has a number
			b.State = connectors.Failed
		default:
			b.Kind = connectors.Other
		}
	}
	if err != nil {
		return nil, err
	}
	if b.Amount.Minor < 0 {
		return nil, fault.Cause("a sum below zero")
	}
	for _, ref := range []string{b.Order, b.Merchant} {
		if ref != "" && !slices.Contains(b.Refs, ref) {
			b.Refs = append(b.Refs, ref)
		}
	}
	fee, ok := r.fee(b)
	if !ok {
		b.Note = "fee_unclear"
	}
	if fee.Amount.Zero() {
		return []connectors.Bill{b}, nil
	}
	return []connectors.Bill{b, fee}, nil
}

// fee is what WeChat Pay took for b, or gave back with a refund, which it
// writes with a minus and five decimals. A part of a fen is no sum of money;
// the row stands without it, and says so.
func (r row) fee(b connectors.Bill) (connectors.Bill, bool) {
	if r.cell("手续费") == "" {
		return connectors.Bill{}, true
	}
	amount, err := r.amount("手续费")
	if err != nil {
		return connectors.Bill{}, false
	}
	f := connectors.Bill{ID: b.ID + "/fee", At: b.At, Amount: amount.Abs(), Direction: connectors.Out, Flow: connectors.FlowOut,
		State: b.State, Kind: connectors.Fee, RawKind: "手续费", Order: b.Order}
	if amount.Minor < 0 {
		f.Direction, f.Flow = connectors.In, connectors.FlowIn
	}
	return f, true
}

func refundState(text string) connectors.BillState {
	switch text {
	case "PROCESSING", "CHANGE": // CHANGE: the card could not take it, it will go another way
		return connectors.Pending
	case "FAIL", "CLOSED", "REFUNDCLOSE":
		return connectors.Failed
	}
	return connectors.Done
}
