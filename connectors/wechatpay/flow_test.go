package wechatpay

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/wire"
)

const held = `{"sub_mchid":"1230000109","available_amount":114,"pending_amount":0}`

func theDay() (from, to time.Time) {
	from = time.Date(2026, 10, 9, 0, 0, 0, 0, wire.Beijing)
	return from, from.AddDate(0, 0, 1)
}

// The book tells what moved, the trade bill what for; what has not moved is
// told by the trade bill alone.
func TestADayIsToldByBothItsBills(t *testing.T) {
	s := &statements{files: map[string][]byte{"2026-10-09": golden(t, "tradebill.csv")}, books: map[string][]byte{"2026-10-09": golden(t, "fundflow.csv")}}
	c := connect(t, &platform{t: t, answer: s.answer})
	from, to := theDay()
	page, err := c.Bills(context.Background(), linked, own, from, to, "")
	if err != nil {
		t.Fatal(err)
	}
	type short struct {
		ID, Kind, Way, Flow, State, Sum, What string
	}
	var got []short
	for _, b := range page.Bills {
		got = append(got, short{b.ID, string(b.Kind), string(b.Direction), string(b.Flow), string(b.State), b.Amount.Value(), b.Description})
	}
	want := []short{
		{"4200000000202610090000000002", "income", "in", "in", "booked", "3.50", "豆浆"},
		{"4200000000202610090000000002/fee", "fee", "out", "out", "booked", "0.01", ""}, // the trade bill says 0.00600
		{"4200000000202610090000000003", "income", "in", "in", "failed", "8.00", "面"},
		{"4200000000202610090000000001", "income", "in", "in", "booked", "98.00", "桂花糕,两盒"},
		{"4200000000202610090000000001/fee", "fee", "out", "out", "booked", "0.59", ""},
		{"50300000002026100900000001", "refund", "out", "out", "booked", "40.00", "桂花糕,两盒"},
		{"50300000002026100900000001/fee", "fee", "in", "in", "booked", "0.24", ""},
		{"50300000002026100900000002", "refund", "out", "out", "pending", "5.00", "茶"},
		{"7100202610090000000001", "withdrawal", "out", "internal", "booked", "160.00", "每日自动提现"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, b := range page.Bills {
		if b.Note != "" {
			t.Errorf("%s has the note %q though the book is clear", b.ID, b.Note)
		}
	}
	only := connect(t, &platform{t: t, answer: s.answer}, func(cfg *Config) { cfg.TradeBillOnly = true })
	page, err = only.Bills(context.Background(), linked, own, from, to, "")
	if err != nil || len(page.Bills) != 7 {
		t.Errorf("without the fund-flow bill: %d bills, %v", len(page.Bills), err)
	}
}

func TestABookIsBelievedWhenItIsTheMerchantsOwn(t *testing.T) {
	trades, book := golden(t, "tradebill.csv"), golden(t, "fundflow.csv")
	for _, tt := range []struct {
		why    string
		trades []byte
		book   []byte
		held   string
		unflow string
		bend   func(day string, a map[string]string)
		want   error
	}{
		{"with orders of the trade bill", trades, book, "", "", nil, nil},
		{"no trade that day, but it ends with what was held", nil, book, held, "", nil, nil},
		{"what was held, in part pending", nil, book, strings.Replace(held, `114,"pending_amount":0`, `100,"pending_amount":14`, 1), "", nil, nil},
		{"somebody else's: it ends otherwise", nil, book, strings.Replace(held, "114", "115", 1), "", nil, connectors.ErrMalformed},
		{"somebody else's day-end balance", nil, book, strings.Replace(held, "1230000109", "1230000110", 1), "", nil, connectors.ErrMalformed},
		{"none of its orders is ours", trades, []byte(strings.ReplaceAll(strings.ReplaceAll(string(book), "`4200", "`4300"), "`5030", "`5130")), strings.Replace(held, "114", "9", 1), "", nil, connectors.ErrMalformed},
		{"no movement", trades, nil, "", "NO_STATEMENT_EXIST", nil, nil},
		{"too often", trades, nil, "", "FREQUENCY_LIMITED", nil, connectors.ErrBusy},
		{"a key that is not ours to open", trades, book, "", "", func(_ string, a map[string]string) {
			if a["key"] != "" {
				a["key"] = "AAAA"
			}
		}, connectors.ErrMalformed},
		{"no key", trades, book, "", "", func(_ string, a map[string]string) { delete(a, "key") }, connectors.ErrMalformed},
	} {
		s := &statements{files: map[string][]byte{}, books: map[string][]byte{}, held: tt.held, unflow: tt.unflow, bend: tt.bend}
		if tt.trades != nil {
			s.files["2026-10-09"] = tt.trades
		}
		if tt.book != nil {
			s.books["2026-10-09"] = tt.book
		}
		c := connect(t, &platform{t: t, answer: s.answer})
		from, to := theDay()
		_, err := c.Bills(context.Background(), linked, own, from, to, "")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}

// A book that was changed underway does not open.
func TestAChangedBookIsNotBelieved(t *testing.T) {
	s := &statements{files: map[string][]byte{}, books: map[string][]byte{"2026-10-09": golden(t, "fundflow.csv")}, held: held}
	c := connect(t, &platform{t: t, answer: func(w http.ResponseWriter, r *http.Request) (int, string) {
		status, body := s.answer(w, r)
		if r.URL.Query().Has("book") {
			body = body[:len(body)-1] + string(body[len(body)-1]^1)
		}
		return status, body
	}})
	from, to := theDay()
	if _, err := c.Bills(context.Background(), linked, own, from, to, ""); !errors.Is(err, connectors.ErrUnsigned) {
		t.Errorf("%v, want ErrUnsigned", err)
	}
}

// A book that is still being made ends what is covered, as a trade bill does.
func TestABookThatIsStillMadeEndsWhatIsCovered(t *testing.T) {
	s := &statements{files: map[string][]byte{"2026-10-09": golden(t, "tradebill.csv")}, unflow: "STATEMENT_CREATING"}
	c := connect(t, &platform{t: t, answer: s.answer})
	from, to := theDay()
	page, err := c.Bills(context.Background(), linked, own, from.AddDate(0, 0, -1), to, "")
	if err != nil || len(page.Bills) != 0 || !page.Covers.To.Equal(from.AddDate(0, 0, -1)) {
		t.Errorf("%d bills, covers %v, %v", len(page.Bills), page.Covers, err)
	}
}
