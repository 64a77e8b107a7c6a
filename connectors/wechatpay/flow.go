package wechatpay

import (
	"errors"
	"io"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/wire"
	"jali/internal/fault"
)

// flow is a day of the book of an account ("资金账单"): every movement, and
// what the account held after the last.
type flow struct {
	bills []connectors.Bill
	after money.Amount
	last  time.Time
}

// kinds are tried in order on 业务类型, and on 业务名称 where the type tells
// nothing: "扣除交易手续费" is a fee and not a trade.
var kinds = []struct {
	word string
	kind connectors.Kind
}{
	{"手续费", connectors.Fee}, {"服务费", connectors.Fee}, {"退款", connectors.Refund}, {"提现", connectors.Withdrawal}, {"充值", connectors.Topup},
	{"红包", connectors.RedPacket}, {"利息", connectors.Interest}, {"分账", connectors.Transfer}, {"转账", connectors.Transfer}, {"交易", connectors.Income},
}

// readFlow reads a day's fund-flow bill. Nothing in it says whose it is: see
// vouched.
func readFlow(r io.Reader) (flow, error) {
	t, err := openTable(r, "资金流水总笔数", "记账时间", "微信支付业务单号", "业务名称", "业务类型", "收支类型", "收支金额(元)", "账户结余(元)")
	if err != nil {
		return flow{}, err
	}
	var f flow
	var bills listing
	sums := map[connectors.Direction]money.Amount{connectors.In: {Currency: cny}, connectors.Out: {Currency: cny}}
	for {
		err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		var b connectors.Bill
		if err == nil {
			b, err = t.movement()
		}
		var sum, after money.Amount
		if err == nil {
			sum, err = sums[b.Direction].Add(b.Amount)
		}
		if err == nil {
			after, err = t.amount("账户结余(元)", cny)
		}
		if err != nil {
			return flow{}, t.at(err)
		}
		sums[b.Direction] = sum
		if !b.At.Before(f.last) {
			f.last, f.after = b.At, after
		}
		bills.add(b)
	}
	for column, way := range map[string]connectors.Direction{"收入金额": connectors.In, "支出金额": connectors.Out} {
		if said, err := money.Parse(t.sums[column], cny); err != nil || said != sums[way] {
			return flow{}, fault.Cause("the summary's sums are not those of the rows")
		}
	}
	f.bills = bills.rows
	return f, nil
}

// movement translates a row of the book. Its number is that of the order, the
// refund or the withdrawal, so that both bills of a day tell one id.
func (t *table) movement() (connectors.Bill, error) {
	b := connectors.Bill{State: connectors.Done, Description: t.cell("备注"), RawKind: t.cell("业务名称") + "/" + t.cell("业务类型")}
	var err error
	if b.At, err = time.ParseInLocation(time.DateTime, t.cell("记账时间"), wire.Beijing); err != nil {
		return b, fault.Cause("column 记账时间 is not a time")
	}
	if b.Order = t.cell("微信支付业务单号"); b.Order == "" {
		return b, fault.Cause("column 微信支付业务单号 is empty")
	}
	if b.Amount, err = t.amount("收支金额(元)", cny); err != nil {
		return b, err
	}
	if b.Amount.Minor < 0 {
		return b, fault.Cause("a sum below zero")
	}
	switch t.cell("收支类型") {
	case "收入":
		b.Direction, b.Flow = connectors.In, connectors.FlowIn
	case "支出":
		b.Direction, b.Flow = connectors.Out, connectors.FlowOut
	default:
		return b, fault.Cause("column 收支类型 is neither 收入 nor 支出")
	}
	b.ID, b.Merchant = b.Order, t.cell("业务凭证号")
	b.Refs = refs(b.Order, b.Merchant)
	switch b.Kind = kindOf(t.cell("业务类型"), t.cell("业务名称")); b.Kind {
	case connectors.Fee:
		b.ID, b.Refs = b.Order+feeOf, nil
	case connectors.Withdrawal, connectors.Topup: // from and to the merchant's own bank
		b.Flow = connectors.FlowInternal
	case connectors.Income:
		if b.Direction == connectors.Out {
			b.Kind = connectors.Payment
		}
	}
	return b, nil
}

func kindOf(texts ...string) connectors.Kind {
	for _, text := range texts {
		for _, k := range kinds {
			if strings.Contains(text, k.word) {
				return k.kind
			}
		}
	}
	return connectors.Other
}

// vouched reports whether one of the movements is of an order that the
// merchant's own trade bill tells.
func (f flow) vouched(trades []connectors.Bill) bool {
	ids := map[string]bool{}
	for _, b := range trades {
		ids[b.ID] = true
	}
	for _, b := range f.bills {
		if ids[b.ID] {
			return true
		}
	}
	return false
}

// join makes one listing of a day's two bills. What moved is the book's to
// say: which movements there are, their sums and their fees. The trade bill
// says what each was for, and adds what has not moved: a payment that was
// revoked, a refund under way, an order that is booked on another day.
func join(trades []connectors.Bill, f flow) []connectors.Bill {
	booked, told := make(map[string]*connectors.Bill, len(f.bills)), make(map[string]bool, len(f.bills))
	for i := range f.bills {
		booked[f.bills[i].ID] = &f.bills[i]
	}
	all := make([]connectors.Bill, 0, len(trades)+len(f.bills))
	for _, t := range trades {
		if b, moved := booked[t.ID]; moved {
			t.Amount, t.Direction, t.Flow, t.State, t.Note = b.Amount, b.Direction, b.Flow, connectors.Done, ""
			told[t.ID] = true
		} else if _, moved := booked[t.Order]; moved && t.Kind == connectors.Fee {
			continue // the book tells the payment, and took no such fee
		}
		all = append(all, t)
	}
	for _, b := range f.bills {
		if !told[b.ID] {
			all = append(all, b)
		}
	}
	return all
}
