package aggregate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/kv"
)

// longFile is an export of WeChat Pay with very many rows, newest first, all
// of one length: what is read of it is made then, and it takes no memory.
type longFile struct {
	head []byte
	rows int
	row  int // bytes of each
	end  time.Time
	step time.Duration
}

func longOf(rows int) *longFile {
	f := &longFile{rows: rows, end: time.Date(2026, 11, 15, 0, 0, 0, 0, shanghai), step: 10 * 365 * 24 * time.Hour / time.Duration(rows)}
	f.row = len(f.at(0))
	f.head = fmt.Appendf(nil, `微信支付账单明细,,,,,,,,,,
微信昵称：[小美],,,,,,,,,,
起始时间：[2016-01-01 00:00:00] 终止时间：[2026-11-15 23:59:59],,,,,,,,,,
导出时间：[2026-11-16 09:00:00],,,,,,,,,,
共%d笔记录
收入：0笔 0.00元
支出：%d笔 %s元
中性交易：0笔 0.00元
----------------------微信支付账单明细列表--------------------,,,,,,,,,,
交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注
`, rows, rows, yuan(int64(rows)*1850).Value())
	return f
}

func (f *longFile) at(n int) []byte {
	return fmt.Appendf(nil, "%s,商户消费,河边面馆,牛肉面,支出,¥18.50,零钱,支付成功,42000%023d\t,M%012d\t,/\n", f.end.Add(-time.Duration(n)*f.step).Format(time.DateTime), n, n)
}

func (f *longFile) Size() int64 { return int64(len(f.head)) + int64(f.rows)*int64(f.row) }

func (f *longFile) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n) - int64(len(f.head))
		switch {
		case at < 0:
			n += copy(p[n:], f.head[off+int64(n):])
		case at >= int64(f.rows)*int64(f.row):
			return n, io.EOF
		default:
			n += copy(p[n:], f.at(int(at) / f.row)[int(at)%f.row:])
		}
	}
	return n, nil
}

// live is what is in use of the heap.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// importLong answers how much of the heap an import has in use at its most.
func importLong(t testing.TB, h *house, p consent.Session, rows int, how aggregate.Taking) (most uint64) {
	t.Helper()
	before := live()
	how.Progress = func(aggregate.Progress) { most = max(most, live()) }
	r, err := h.Import(t.Context(), p.Person, longOf(rows), how)
	if err != nil || r.Rows != rows || len(r.Problems) != 0 {
		t.Fatalf("%d rows, %+v, %v", r.Rows, r.Problems, err)
	}
	return most - min(before, most)
}

// Four times the rows take no more memory; a file that was kept whole would
// take 60 MiB more.
func TestALongFileTakesNoMoreMemory(t *testing.T) {
	h := newHouse(t)
	rows := 50_000
	if raced { // a fifth is as long
		rows /= 5
	}
	short := importLong(t, h, h.person("li"), rows, aggregate.Taking{})
	long := importLong(t, h, h.person("wang"), 4*rows, aggregate.Taking{})
	t.Logf("%d MiB for %d rows, %d for %d", short>>20, rows, long>>20, 4*rows)
	if long > short+16<<20 {
		t.Errorf("%d rows take %d MiB, and %d take %d", rows, short>>20, 4*rows, long>>20)
	}
}

// store is the house's, of which one Update may fail and after which somebody looks.
type store struct {
	kv.DB
	fails, updates int
	after          func()
}

var errFull = errors.New("the disk is full")

func (s *store) Update(ctx context.Context, f func(kv.Tx) error) error {
	if s.updates++; s.updates == s.fails {
		return errFull
	}
	err := s.DB.Update(ctx, f)
	if s.after != nil {
		s.after()
	}
	return err
}

// A long file is written in parts, and nobody sees one of them before the last:
// where that does not come nothing is left, neither rows nor keys.
func TestALongFileIsThereAtOnceOrNotAtAll(t *testing.T) {
	const rows = 20_000
	h := newHouse(t)
	p := h.person("li")
	h.importFile(p.Person, soundFile, aggregate.Taking{})
	before, keys := h.sealedRows(), len(h.partKeys(p))
	s := &store{DB: h.db}
	h.DB, h.Ledger.DB = s, s
	count := func() int {
		var held aggregate.Holding
		if err := h.db.View(t.Context(), func(tx kv.Tx) (err error) { held, err = h.Held(tx, p.Person); return err }); err != nil {
			t.Fatal(err)
		}
		return held.Bills
	}
	seen := 0
	s.after = func() { seen = max(seen, count()) }
	tries := 0
	for at := 1; ; at++ {
		s.fails, s.updates = at, 0
		_, err := h.Import(t.Context(), p.Person, longOf(rows), aggregate.Taking{})
		if err == nil {
			break
		}
		if tries++; !errors.Is(err, errFull) {
			t.Fatal(err)
		}
		s.fails = 0
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.shred()
		if diff := gocmp.Diff(before, h.sealedRows()); diff != "" || len(h.partKeys(p)) != keys {
			t.Errorf("write %d failed, and rows or keys are left", at)
		}
		if seen > 2 {
			t.Errorf("write %d failed, and before it %d bills were to be seen", at, seen)
		}
	}
	if tries < 3 {
		t.Errorf("it is written in %d transactions: this test cannot fail", tries)
	}
	if n := count(); n != rows+2 {
		t.Errorf("%d bills in the end, want %d", n, rows+2)
	}
}

// Who ends an import has nothing of it.
func TestAnImportIsCalledOff(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	for _, stage := range []string{"reading", "storing"} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := h.Import(ctx, p.Person, longOf(30_000), aggregate.Taking{Progress: func(p aggregate.Progress) {
			if p.Stage == stage {
				cancel()
			}
		}})
		if err == nil {
			t.Errorf("called off while %s, it was taken in", stage)
		}
		h.shred()
		if n := len(h.partKeys(p)); n != 0 || len(h.accountIDs(p)) != 0 {
			t.Errorf("called off while %s, it has left %d keys", stage, n)
		}
		for k := range h.sealedRows() {
			if bytes.Contains([]byte(k), []byte("li")) {
				t.Errorf("called off while %s, it has left the row %q", stage, k)
			}
		}
	}
}

// What a connected source told of its balance on other days is held against
// its bills.
func TestABalanceOfAnotherDayShowsAGap(t *testing.T) {
	h := newHouse(t)
	f := wallet("alipay").with(3)
	f.balances[0].Kind = connectors.Current // what can be spent changes without a bill
	h.add(f)
	p := h.person("li")
	h.link(p, "alipay")
	look := func() aggregate.Look {
		t.Helper()
		l, err := h.OwnAfresh(t.Context(), p, time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if gaps := look().Gaps; len(gaps) != 0 {
		t.Errorf("one balance alone shows %+v", gaps)
	}
	h.pass(24 * time.Hour)
	f.set(func() {
		f.balances[0].Amount, f.balances[0].AsOf = yuan(9050), time.Date(2026, 11, 22, 9, 0, 0, 0, shanghai)
		f.bills["ref-alipay"] = append(f.bills["ref-alipay"], connectors.Bill{ID: "new", At: time.Date(2026, 11, 21, 18, 0, 0, 0, shanghai),
			Amount: yuan(300), Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done, Kind: connectors.Payment, Method: "余额"})
	})
	gaps := look().Gaps
	if len(gaps) != 1 || gaps[0].Missing != yuan(-700) || !gaps[0].From.Equal(time.Date(2026, 11, 21, 9, 0, 0, 0, shanghai)) {
		t.Errorf("¥10.00 less and bills of ¥3.00 show %+v", gaps)
	}
}

// BenchmarkImport takes a million rows in, as an operator does, and looks at
// what of it is new once more.
func BenchmarkImport(b *testing.B) {
	for _, rows := range []int{50_000, 200_000, 1_000_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			for b.Loop() {
				h := newHouse(b)
				p := h.person("li")
				for _, pass := range []string{"new", "again"} {
					begun := time.Now()
					most := importLong(b, h, p, rows, aggregate.Taking{})
					b.ReportMetric(time.Since(begun).Seconds(), "s/"+pass)
					b.ReportMetric(float64(most)/(1<<20), "MiB/"+pass)
				}
			}
		})
	}
}
