package ledger

import (
	"encoding/binary"
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// Packed is a bill in a third of the memory and without a pointer inside, for
// who holds very many. Two are equal if their bills are. It is of this process:
// what is stored is [row].
type Packed string

// words that nearly every bill has; others are written out.
var words = []string{
	string(connectors.In), string(connectors.Out), string(connectors.FlowInternal),
	string(connectors.Pending), string(connectors.Done), string(connectors.Reversed), string(connectors.Failed),
	string(connectors.Payment), string(connectors.Income), string(connectors.Refund), string(connectors.Transfer), string(connectors.Topup),
	string(connectors.Withdrawal), string(connectors.Repayment), string(connectors.LoanKind), string(connectors.Investment),
	string(connectors.Redemption), string(connectors.Interest), string(connectors.Fee), string(connectors.RedPacket),
	string(connectors.Adjustment), string(connectors.Other), "CNY",
}

var codes = func() map[string]byte {
	m := make(map[string]byte, len(words))
	for i, w := range words {
		m[w] = byte(i + 1)
	}
	return m
}()

// Pack packs a bill. What Merge looks at stands first.
func Pack(b connectors.Bill) Packed {
	var room [512]byte
	p := packer(room[:0])
	p.text(b.ID)
	p.word(string(b.State))
	p.moment(b.At)
	p.text(b.Was)
	day := byte(0)
	if b.DateOnly {
		day = 1
	}
	p = append(p, day)
	p = binary.AppendVarint(p, b.Amount.Minor)
	for _, w := range []string{b.Amount.Currency, string(b.Direction), string(b.Flow), string(b.Kind)} {
		p.word(w)
	}
	for _, s := range []string{b.RawKind, b.Category, b.Counterparty, b.Method, b.Description, b.Order, b.Merchant, b.RefundOf, b.Note} {
		p.text(s)
	}
	p = binary.AppendUvarint(p, uint64(len(b.Refs)))
	for _, r := range b.Refs {
		p.text(r)
	}
	return Packed(p)
}

// Bill answers the bill, with texts that are parts of p. Its time is at the
// source's offset, whatever the zone was called.
func (p Packed) Bill() connectors.Bill {
	var b connectors.Bill
	u := unpacker(p)
	b.ID = u.text()
	b.State = connectors.BillState(u.word())
	b.At = u.moment()
	b.Was = u.text()
	b.DateOnly = u.byte() == 1
	b.Amount = money.Amount{Minor: u.varint(), Currency: u.word()}
	b.Direction, b.Flow, b.Kind = connectors.Direction(u.word()), connectors.Flow(u.word()), connectors.Kind(u.word())
	for _, s := range []*string{&b.RawKind, &b.Category, &b.Counterparty, &b.Method, &b.Description, &b.Order, &b.Merchant, &b.RefundOf, &b.Note} {
		*s = u.text()
	}
	if n := u.uvarint(); n > 0 {
		b.Refs = make([]string, n)
		for i := range b.Refs {
			b.Refs[i] = u.text()
		}
	}
	return b
}

// ID is the bill's own.
func (p Packed) ID() string {
	u := unpacker(p)
	return u.text()
}

// head is what Merge asks of every bill.
func (p Packed) head() (id string, state connectors.BillState, at time.Time, was string) {
	u := unpacker(p)
	id, state = u.text(), connectors.BillState(u.word())
	return id, state, u.moment(), u.text()
}

func (p Packed) state() connectors.BillState {
	_, state, _, _ := p.head()
	return state
}

// DateOnly reports whether the source tells the day and no more.
func (p Packed) DateOnly() bool {
	u := unpacker(p)
	u.text()
	u.word()
	u.moment()
	u.text()
	return u.byte() == 1
}

type packer []byte

func (p *packer) text(s string) { *p = append(binary.AppendUvarint(*p, uint64(len(s))), s...) }

func (p *packer) word(w string) {
	code := codes[w]
	if *p = append(*p, code); code == 0 {
		p.text(w)
	}
}

func (p *packer) moment(at time.Time) {
	_, zone := at.Zone()
	*p = binary.AppendVarint(*p, at.Unix())
	*p = binary.AppendVarint(*p, int64(at.Nanosecond()))
	*p = binary.AppendVarint(*p, int64(zone))
}

// unpacker is what is left to read of a packed bill.
type unpacker string

func (u *unpacker) byte() byte {
	b := (*u)[0]
	*u = (*u)[1:]
	return b
}

func (u *unpacker) uvarint() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := u.byte()
		if n |= uint64(b&0x7f) << shift; b < 0x80 {
			return n
		}
	}
}

func (u *unpacker) varint() int64 {
	n := u.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (u *unpacker) text() string {
	n := u.uvarint()
	s := string((*u)[:n])
	*u = (*u)[n:]
	return s
}

func (u *unpacker) word() string {
	if code := u.byte(); code != 0 {
		return words[code-1]
	}
	return u.text()
}

func (u *unpacker) moment() time.Time {
	s, n, zone := u.varint(), u.varint(), int(u.varint())
	return time.Unix(s, n).In(time.FixedZone("", zone))
}
