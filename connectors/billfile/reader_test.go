package billfile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"jali/connectors"
)

func opened(t testing.TB, data string) *Reader {
	t.Helper()
	r, err := Open(strings.NewReader(data), int64(len(data)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func listed(t testing.TB, r *Reader) (bills []connectors.Bill) {
	t.Helper()
	for b, err := range r.Bills() {
		if err != nil {
			t.Fatal(err)
		}
		bills = append(bills, b.Bill)
	}
	return bills
}

// Equal rows get the same ids however the days of a file run, and those that
// they get when the file is held.
func TestRowsOfAnyOrderAreNumberedAlike(t *testing.T) {
	row := func(day, clock, goods string) string {
		return "2024-05-" + day + " " + clock + ",商户消费,小店," + goods + ",支出,¥1.00,零钱,支付成功,,,/\n"
	}
	rows := []string{
		row("01", "10:00:00", "饭"), row("01", "10:00:00", "饭"), row("01", "10:00:00", "汤"), row("01", "11:00:00", "饭"),
		row("02", "10:00:00", "饭"), row("02", "10:00:00", "饭"), row("02", "10:00:00", "饭"),
		row("03", "09:00:00", "茶"),
	}
	ids := func(rows []string) []string {
		bills := listed(t, opened(t, wechatColumns+strings.Join(rows, "")))
		var got []string
		for _, b := range bills {
			got = append(got, b.ID)
		}
		slices.Sort(got)
		if len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("two rows have one id: %q", got)
		}
		return got
	}
	want := ids(rows)
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		if got := ids(rows); !slices.Equal(got, want) {
			t.Fatalf("ids %q, sorted by day %q", got, want)
		}
	}
	s := &sheet{text: &text{r: strings.NewReader(wechatColumns + strings.Join(rows, "")), size: 1 << 20}}
	s.find(s.text.head(), Options{})
	var bills []connectors.Bill
	var entries []entry
	for f, err := range s.filled() {
		if err != nil {
			t.Fatal(err)
		}
		bills, entries = append(bills, f.bill), append(entries, f.entry)
	}
	identify(bills, entries)
	var held []string
	for _, b := range bills {
		held = append(held, b.ID)
	}
	if slices.Sort(held); !slices.Equal(held, want) {
		t.Errorf("ids of held rows %q, want %q", held, want)
	}
}

// A file that changes between the two passes is not believed.
func TestAFileThatChanges(t *testing.T) {
	for _, tt := range []struct{ why, old, new string }{
		{"an amount", "¥18.50", "¥19.50"},
		{"an order number", "42000011", "42000012"},
		{"a row that turns into another kind of line", "2024-05-02 10:00:08", "--------------------"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			data := []byte(wechatFile)
			r, err := Open(bytes.NewReader(data), int64(len(data)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			copy(data, strings.Replace(wechatFile, tt.old, tt.new, 1))
			var last error
			for _, err := range r.Bills() {
				last = err
			}
			if !errors.Is(last, ErrInterrupted) {
				t.Errorf("Bills ends with %v, want file_interrupted", last)
			}
		})
	}
}

// Bills may be asked again, and left early.
func TestBillsAreReadAsOftenAsAsked(t *testing.T) {
	r := opened(t, wechatFile)
	for range r.Bills() {
		break
	}
	if a, b := listed(t, r), listed(t, r); len(a) != 8 || len(b) != 8 || r.File().Accounts[0].Rows != 8 {
		t.Errorf("%d, %d and %d bills, want 8", len(a), len(b), r.File().Accounts[0].Rows)
	}
}

// A panic of who reads the bills is not the file's fault.
func TestAPanicOfTheReaderIsTheirs(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("the panic was swallowed")
		}
	}()
	for range opened(t, wechatFile).Bills() {
		panic("mine")
	}
}
