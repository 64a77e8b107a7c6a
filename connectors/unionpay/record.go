package unionpay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/wire"
	"jali/internal/fault"
)

const cny = "CNY"

// widest is more than any record.
const widest = 4 << 10

// layout are the widths of a record's fields, which stand with a space between
// them, as "第3部分 文件接口" numbers them from 1. What follows the last is
// reserved, and has been of several widths.
type layout []int

var (
	payments = layout{3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32} // ZM
	disputes = layout{3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2}                                                                        // ZME
)

// record is a line of a file. Its fields are bytes of GBK; those that are read
// are letters and digits.
type record [][]byte

func (l layout) split(line []byte) (record, error) {
	r := make(record, 0, len(l))
	for i, width := range l {
		if i > 0 {
			if len(line) == 0 || line[0] != ' ' {
				return nil, fmt.Errorf("%w: %w", fault.Cause("field", i+1), fault.Cause("no space before it"))
			}
			line = line[1:]
		}
		if len(line) < width {
			return nil, fmt.Errorf("%w: %w", fault.Cause("field", i+1), fault.Cause("the record ends in it"))
		}
		r, line = append(r, line[:width]), line[width:]
	}
	return r, nil
}

// field answers the field of a number, without the spaces that fill it.
func (r record) field(n int) string { return strings.TrimSpace(string(r[n-1])) }

// fen reads an n12: whole fen, filled with zeros on the left.
func (r record) fen(n int) (money.Amount, error) {
	fen, err := strconv.ParseUint(r.field(n), 10, 63)
	if err != nil {
		return money.Amount{}, fmt.Errorf("%w: %w", fault.Cause("field", n), fault.Cause("not a sum in fen"))
	}
	return money.Amount{Minor: int64(fen), Currency: cny}, nil
}

// credited reads an X+n12: C is to the merchant, D is from them. A field that
// is empty is no money.
func (r record) credited(n int) (money.Amount, error) {
	text := r.field(n)
	if text == "" {
		return money.Amount{Currency: cny}, nil
	}
	fen, err := strconv.ParseUint(text[1:], 10, 63)
	if err != nil || (text[0] != 'C' && text[0] != 'D') {
		return money.Amount{}, fmt.Errorf("%w: %w", fault.Cause("field", n), fault.Cause("not a sum in fen with C or D"))
	}
	a := money.Amount{Minor: int64(fen), Currency: cny}
	if text[0] == 'D' {
		a = a.Neg()
	}
	return a, nil
}

// at reads MMDDhhmmss: the moment of those that is closest before the end of
// the settlement date.
func (r record) at(n int, settled time.Time) (time.Time, error) {
	end := settled.Add(day)
	for _, year := range []int{end.Year(), end.Year() - 1} {
		t, err := time.ParseInLocation("20060102150405", fmt.Sprintf("%04d", year)+r.field(n), wire.Beijing)
		if err == nil && t.Before(end) {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %w", fault.Cause("field", n), fault.Cause("not a time"))
}

// each reads a file's records, one at a time.
func each(in io.Reader, l layout, do func(record) error) error {
	lines := bufio.NewReaderSize(in, widest)
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		last := errors.Is(err, io.EOF)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%w: %w", fault.Cause("line", n), fault.Cause("too long"))
		case err != nil && !last:
			return err
		}
		for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
			line = line[:len(line)-1]
		}
		if len(line) > 0 {
			r, err := l.split(line)
			if err == nil {
				err = do(r)
			}
			if err != nil {
				return fmt.Errorf("%w: %w", fault.Cause("line", n), err)
			}
		}
		if last {
			return nil
		}
	}
}

// trades are the types of a payment (txnType) that are known here, and which
// way they go.
var trades = map[string]struct {
	kind connectors.Kind
	way  connectors.Direction
}{
	"01": {connectors.Income, connectors.In},    // 消费
	"03": {connectors.Income, connectors.In},    // 预授权完成
	"04": {connectors.Refund, connectors.Out},   // 退货
	"31": {connectors.Refund, connectors.Out},   // 消费撤销
	"33": {connectors.Refund, connectors.Out},   // 预授权完成撤销
	"11": {connectors.Income, connectors.In},    // 代收
	"12": {connectors.Transfer, connectors.Out}, // 代付
}

// payment translates a ZM record into the movement that it tells, and the fee.
func payment(r record, merchant string, settled time.Time) (b, fee connectors.Bill, err error) {
	if r.field(28) != merchant {
		return b, fee, fault.Cause("another merchant's")
	}
	b = connectors.Bill{ID: r.field(10), Order: r.field(10), Merchant: r.field(12), RefundOf: r.field(27),
		State: connectors.Done, RawKind: r.field(1) + "/" + r.field(20)}
	if b.ID == "" {
		return b, fee, fault.Cause("no 查询流水号")
	}
	if b.At, err = r.at(5, settled); err != nil {
		return b, fee, err
	}
	if b.Amount, err = r.fen(7); err != nil {
		return b, fee, err
	}
	for _, ref := range []string{b.Order, b.Merchant} {
		if ref != "" {
			b.Refs = append(b.Refs, ref)
		}
	}
	took, err := r.credited(16)
	if err != nil {
		return b, fee, err
	}
	net, err := r.credited(17)
	if err != nil {
		return b, fee, err
	}
	known, ok := trades[r.field(20)]
	if b.Kind, b.Direction = known.kind, known.way; !ok {
		b.Kind, b.Direction = connectors.Other, way(net)
	}
	b.Flow = connectors.Flow(b.Direction)
	fee = connectors.Bill{ID: b.ID + "/fee", At: b.At, Amount: took.Abs(), Direction: way(took), Flow: connectors.Flow(way(took)),
		State: connectors.Done, Kind: connectors.Fee, RawKind: "商户手续费", Order: b.Order}
	return b, fee, nil
}

func way(a money.Amount) connectors.Direction {
	if a.Minor < 0 {
		return connectors.Out
	}
	return connectors.In
}

// dispute translates a ZME record: a chargeback, or what was done about one.
// It has no number of its own but its trace number and time.
func dispute(r record, merchant string, settled time.Time) (b connectors.Bill, err error) {
	if r.field(18) != merchant {
		return b, fault.Cause("another merchant's")
	}
	b = connectors.Bill{ID: "ZME" + settled.Format("20060102") + r.field(4) + r.field(5), State: connectors.Done, Kind: connectors.Adjustment, RawKind: "差错/" + r.field(1)}
	if b.At, err = r.at(5, settled); err != nil {
		return b, err
	}
	net, err := r.credited(16)
	if err != nil {
		return b, err
	}
	b.Amount, b.Direction, b.Flow = net.Abs(), way(net), connectors.Flow(way(net))
	return b, nil
}
