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

// full has something in every field, so that none is forgotten in [row].
var full = Known{First: "f", Gone: true, Bill: connectors.Bill{
	ID: "1", At: time.Date(2026, 11, 21, 9, 30, 0, 123456789, time.FixedZone("", 5*3600+45*60)), DateOnly: true,
	Amount: money.Amount{Minor: 1050, Currency: "CNY"}, Direction: connectors.Out, Flow: connectors.FlowInternal, State: connectors.Pending,
	Kind: connectors.Refund, RawKind: "退款", Category: "c", Counterparty: "瑞幸咖啡", Method: "余额", Description: "not UTF-8: \xc8\xf0", Order: "o",
	Merchant: "m", Refs: []string{"r", ""}, RefundOf: "p", Note: "n", Was: "w",
}}

func TestARowHoldsAllOfABill(t *testing.T) {
	for _, v := range []reflect.Value{reflect.ValueOf(full), reflect.ValueOf(full.Bill)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("the example lacks %s", v.Type().Field(i).Name)
			}
		}
	}
	for _, want := range []Known{full, {Bill: connectors.Bill{At: time.Time{}}}} {
		b, err := kv.Pack(toRow(want))
		if err != nil {
			t.Fatal(err)
		}
		var r row
		if err := kv.Unpack(b, &r); err != nil {
			t.Fatal(err)
		}
		got := r.known()
		if diff := cmp.Diff(want, got); diff != "" || !same(want, got) {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// What is no list of rows is told to be damaged, and what is one comes out the
// same when it is written again.
func FuzzRows(f *testing.F) {
	for _, rows := range []any{[]row{toRow(full), {}}, []row{}, toRow(full), []map[string]string{{"ID": "1"}}, [][]int{{1, 2}}} {
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
			rows[i] = toRow(rows[i].known())
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
