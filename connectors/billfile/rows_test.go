package billfile

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"jali/connectors"
)

// longFile is a WeChat CSV of any number of rows, 200 to a day, newest first,
// of which only what is read is ever made.
type longFile struct {
	head string
	rows int64
	at   func(i int64) string
	wide int64
}

func newLongFile(rows int, jumbled bool) *longFile {
	last := time.Date(2024, 5, 31, 23, 0, 0, 0, zone)
	f := &longFile{head: wechatColumns, rows: int64(rows)}
	f.at = func(i int64) string {
		day := i / 200
		if jumbled {
			day = i * 7919 % (1 + f.rows/200)
		}
		at := last.AddDate(0, 0, -int(day%8000)).Add(-time.Duration(i%200) * time.Minute)
		return fmt.Sprintf("%s,商户消费,小店%06d,\"牛肉面,大份\",支出,¥%07.2f,零钱,支付成功,42%026d\t,\"M-%012d\"\t,\"/\"\n",
			at.Format("2006-01-02 15:04:05"), i%999_983, float64(100+i%99_900)/100, i, i)
	}
	f.wide = int64(len(f.at(0)))
	return f
}

func (f *longFile) Size() int64 { return int64(len(f.head)) + f.rows*f.wide }

func (f *longFile) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		if off >= f.Size() {
			return n, io.EOF
		}
		from := f.head
		if off >= int64(len(f.head)) {
			i := off - int64(len(f.head))
			from = f.at(i / f.wide)[i%f.wide:]
		} else {
			from = from[off:]
		}
		c := copy(p[n:], from)
		n, off = n+c, off+int64(c)
	}
	return n, nil
}

// held reads a file through and answers how much more of the heap lives while
// its bills go by than before, at the most of ten looks.
func held(t testing.TB, f *longFile, each func(Row)) (most int64) {
	t.Helper()
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := live()
	r, err := Open(f, f.Size(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.File().Accounts[0].Rows; int64(got) != f.rows {
		t.Fatalf("%d rows, want %d", got, f.rows)
	}
	n := int64(0)
	for b, err := range r.Bills() {
		if err != nil {
			t.Fatal(err)
		}
		if each(b); n%(1+f.rows/10) == 0 {
			most = max(most, live()-before)
		}
		n++
	}
	most = max(most, live()-before)
	runtime.KeepAlive(r)
	return most
}

// Ten times the rows take no more memory; one who keeps them is found out.
func TestHeapIsFlat(t *testing.T) {
	small, large := newLongFile(5_000, false), newLongFile(50_000, false)
	var hoard []connectors.Bill
	if n := held(t, large, func(b Row) { hoard = append(hoard, b.Bill) }); n < 20<<20 {
		t.Fatalf("a reader that keeps %d bills holds %d bytes: this test finds nothing", len(hoard), n)
	}
	hoard = nil
	idle := func(Row) {}
	a, b := held(t, small, idle), held(t, large, idle)
	if b > a+512<<10 {
		t.Errorf("%d rows hold %d bytes, %d rows hold %d", small.rows, a, large.rows, b)
	}
	t.Logf("%d rows: %d KiB; %d rows: %d KiB", small.rows, a>>10, large.rows, b>>10)
}

// BenchmarkRows opens a file and reads its bills: two passes. live-KB is what
// is held meanwhile.
func BenchmarkRows(b *testing.B) {
	for _, jumbled := range []bool{false, true} {
		for _, n := range []int{10_000, 100_000, 1_000_000} {
			name := strings.TrimSuffix(fmt.Sprint(n), "000") + "k"
			if jumbled {
				name += "-unsorted"
			}
			b.Run(name, func(b *testing.B) {
				var live int64
				for b.Loop() {
					live = max(live, held(b, newLongFile(n, jumbled), func(Row) {}))
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric(float64(live>>10), "live-KB")
			})
		}
	}
}
