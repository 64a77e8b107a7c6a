package ledger

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/kv"
)

// full has something in every field, so that none is forgotten in [row] or [Packed].
var full = connectors.Bill{
	ID: "1", At: time.Date(2026, 11, 21, 9, 30, 0, 123456789, time.FixedZone("", 5*3600+45*60)), DateOnly: true,
	Amount: money.Amount{Minor: 1050, Currency: "CNY"}, Direction: connectors.Out, Flow: connectors.FlowInternal, State: connectors.Pending,
	Kind: connectors.Refund, RawKind: "退款", Category: "c", Counterparty: "瑞幸咖啡", Method: "余额", Description: "not UTF-8: \xc8\xf0", Order: "o",
	Merchant: "m", Refs: []string{"r", ""}, RefundOf: "p", Note: "n", Was: "w",
}

func TestARowHoldsAllOfABill(t *testing.T) {
	v := reflect.ValueOf(full)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the example lacks %s", v.Type().Field(i).Name)
		}
	}
	for _, want := range []connectors.Bill{full, {}} {
		b, err := kv.Pack(toRow(want, "f", true))
		if err != nil {
			t.Fatal(err)
		}
		var r row
		if err := kv.Unpack(b, &r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.bill()); diff != "" || r.First != "f" || !r.Gone {
			t.Errorf("first %q, gone %v, -want +got:\n%s", r.First, r.Gone, diff)
		}
	}
}

func TestAPackedBillIsTheWholeBill(t *testing.T) {
	other := full
	other.State, other.Kind, other.Amount.Currency, other.Refs = "held", "tax", "USD", nil // words of nobody's
	for _, want := range []connectors.Bill{full, other, {}} {
		p := Pack(want)
		if diff := cmp.Diff(want, p.Bill()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		id, state, at, was := p.head()
		if id != want.ID || p.ID() != want.ID || state != want.State || !at.Equal(want.At) || was != want.Was || p.DateOnly() != want.DateOnly {
			t.Errorf("head: %q, %q, %v, %q; ID %q, date only %v", id, state, at, was, p.ID(), p.DateOnly())
		}
	}
	// Equal bills are equal packed: a field changed alone is seen.
	v := reflect.ValueOf(&other).Elem()
	for i := range v.NumField() {
		other = full
		v.Field(i).SetZero()
		if Pack(other) == Pack(full) {
			t.Errorf("without its %s a bill is packed as with it", v.Type().Field(i).Name)
		}
	}
}

// What is no list of rows is told to be damaged, and what is one comes out the
// same when it is written again.
func FuzzRows(f *testing.F) {
	for _, rows := range []any{[]row{toRow(full, "f", true), {}}, []row{}, toRow(full, "f", true), []map[string]string{{"ID": "1"}}, [][]int{{1, 2}}} {
		b, err := kv.Pack(rows)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`[{"id":"1","at":"2026-11-21T09:00:00+08:00"}]`)) // as rows once were
	f.Fuzz(func(t *testing.T, b []byte) {
		var rows, again []row
		if err := kv.Unpack(b, &rows); err != nil {
			if !errors.Is(err, kv.ErrRecord) {
				t.Fatalf("Unpack(%x) = %v, want ErrRecord", b, err)
			}
			return
		}
		for i := range rows {
			rows[i] = toRow(rows[i].bill(), rows[i].First, rows[i].Gone)
		}
		b, err := kv.Pack(rows)
		if err == nil {
			err = kv.Unpack(b, &again)
		}
		if diff := cmp.Diff(rows, again, cmp.AllowUnexported(row{})); err != nil || diff != "" {
			t.Errorf("%v, -want +got:\n%s", err, diff)
		}
	})
}
