package wechatpay

import (
	"errors"
	"io"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/fault"
)

// feeOf is what distinguishes the fee of a movement from the movement: WeChat
// Pay gives both one number.
const feeOf = "/fee"

// readTrades reads a day's trade bill ("交易账单"). A file that holds another
// merchant's row, or other than as many rows as it says, is refused whole.
func readTrades(r io.Reader, merchant string) ([]connectors.Bill, error) {
	t, err := openTable(r, "总交易单数", "交易时间", "特约商户号", "微信订单号", "商户订单号", "交易类型", "交易状态", "货币种类",
		"微信退款单号", "商户退款单号", "退款金额", "订单金额")
	if err != nil {
		return nil, err
	}
	var bills listing
	for {
		switch err := t.next(); {
		case errors.Is(err, io.EOF):
			return bills.rows, nil
		case err != nil:
			return nil, t.at(err)
		}
		if t.cell("特约商户号") != merchant {
			return nil, t.at(fault.Cause("another merchant's"))
		}
		b, fee, err := t.trade()
		if err != nil {
			return nil, t.at(err)
		}
		id := bills.add(b)
		if !fee.Amount.Zero() {
			fee.ID = id + feeOf
			bills.add(fee)
		}
	}
}

// trade translates a row into the movement that it tells and the fee; a fee of
// no sum is none.
func (t *table) trade() (b, fee connectors.Bill, err error) {
	at, err := time.ParseInLocation(time.DateTime, t.cell("交易时间"), wire.Beijing)
	if err != nil {
		return b, fee, fault.Cause("column 交易时间 is not a time")
	}
	status, refund, payment := t.cell("交易状态"), t.cell("微信退款单号"), t.cell("微信订单号")
	b = connectors.Bill{At: at, State: connectors.Done, Description: t.cell("商品名称"), RawKind: t.cell("交易类型") + "/" + status}
	if payment == "" {
		return b, fee, fault.Cause("column 微信订单号 is empty")
	}
	currency := t.cell("货币种类")
	if status == "REFUND" || (status != "SUCCESS" && refund != "") {
		if refund == "" {
			return b, fee, fault.Cause("a refund without a number")
		}
		b.ID, b.Order, b.Merchant, b.RefundOf = refund, refund, t.cell("商户退款单号"), payment
		b.Direction, b.Flow, b.Kind = connectors.Out, connectors.FlowOut, connectors.Refund
		b.State = refundState(t.cell("退款状态"))
		b.Amount, err = t.amount("退款金额", currency)
	} else {
		b.ID, b.Order, b.Merchant = payment, payment, t.cell("商户订单号")
		b.Direction, b.Flow, b.Kind = connectors.In, connectors.FlowIn, connectors.Income
		// What reaches the merchant is the order less WeChat's own coupons.
		column := "应结订单金额"
		if t.cell(column) == "" {
			column = "订单金额"
		}
		b.Amount, err = t.amount(column, currency)
		switch status {
		case "SUCCESS":
		case "REVOKED": // taken back before it was settled, so no refund has a number
			b.State = connectors.Failed
		default:
			b.Kind = connectors.Other
		}
	}
	switch {
	case err != nil:
		return b, fee, err
	case b.Amount.Minor < 0:
		return b, fee, fault.Cause("a sum below zero")
	}
	b.Refs = refs(b.Order, b.Merchant)
	if fee, err = t.fee(b); err != nil {
		b.Note, fee = "fee_unclear", connectors.Bill{}
	}
	return b, fee, nil
}

// fee is what WeChat Pay took for b, or gave back with a refund, which it
// writes with a minus and five decimals. A part of a fen is no sum of money.
func (t *table) fee(b connectors.Bill) (connectors.Bill, error) {
	if t.cell("手续费") == "" {
		return connectors.Bill{}, nil
	}
	amount, err := t.amount("手续费", b.Amount.Currency)
	if err != nil {
		return connectors.Bill{}, err
	}
	f := connectors.Bill{At: b.At, Amount: amount.Abs(), Direction: connectors.Out, Flow: connectors.FlowOut,
		State: b.State, Kind: connectors.Fee, RawKind: "手续费", Order: b.Order}
	if amount.Minor < 0 {
		f.Direction, f.Flow = connectors.In, connectors.FlowIn
	}
	return f, nil
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

func refs(ids ...string) []string {
	var all []string
	for _, id := range ids {
		if id != "" && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}
