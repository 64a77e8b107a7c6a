package house

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/internal/kv"
)

// stalling is whoever asked for a backup and then takes nothing of it.
type stalling struct {
	http.ResponseWriter
	began     sync.Once
	asked     chan struct{} // closed by the first Write
	goOn      chan struct{}
	mu        sync.Mutex
	deadlines []time.Time
	reads     time.Time
}

func (s *stalling) Write(p []byte) (int, error) {
	s.began.Do(func() { close(s.asked) })
	<-s.goOn
	return s.ResponseWriter.Write(p)
}

func (s *stalling) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadlines = append(s.deadlines, t)
	return nil
}

func (s *stalling) SetReadDeadline(t time.Time) error { s.reads = t; return nil }

func ask(o operator) *http.Request {
	b, _ := json.Marshal(NewBackup{Recipients: []string{o.key}})
	return httptest.NewRequest(http.MethodPost, "/backup", bytes.NewReader(b))
}

func TestWhoeverTakesNothingHoldsNobodyUp(t *testing.T) {
	h, o := opened(t), newOperator(t)
	answer := httptest.NewRecorder()
	w := &stalling{ResponseWriter: answer, asked: make(chan struct{}), goOn: make(chan struct{}), reads: time.Now()}
	done := make(chan struct{})
	go func() { defer close(done); h.Admin.ServeHTTP(w, ask(o)) }()
	<-w.asked
	// Compact answers when nobody reads what it replaced: so nobody does.
	if err := errors.Join(h.db.Compact(bg), h.keys.Compact(bg)); err != nil {
		t.Fatal(err)
	}
	if err := h.db.Update(bg, func(t tx) error { return t.Put(kv.Key("test"), []byte("x")) }); err != nil {
		t.Fatal(err)
	}
	again := httptest.NewRecorder() // and the next takes theirs meanwhile
	h.Admin.ServeHTTP(again, ask(o))
	if !strings.Contains(again.Body.String(), `"made"`) {
		t.Errorf("a backup beside one that nobody takes: %.200s", again.Body)
	}
	close(w.goOn)
	<-done
	line, archive, _ := bytes.Cut(answer.Body.Bytes(), []byte("\n"))
	var news BackupNews
	if err := json.Unmarshal(line, &news); err != nil || news.Made == nil || news.Made.Size != int64(len(archive)) {
		t.Fatalf("the answer begins %.200q and is %d bytes: %v", line, len(archive), err)
	}
	if _, _, err := o.restore(t, h, copied{archive, o.copyAnchor(t, h)}); err != nil {
		t.Errorf("what was taken late: %v", err)
	}
	if !w.reads.IsZero() || len(w.deadlines) == 0 {
		t.Errorf("reading ends at %v, writing at %v: the server would break off", w.reads, w.deadlines)
	}
}

func TestABackupThatCannotBe(t *testing.T) {
	h, o := opened(t), newOperator(t)
	said := func(body string) string {
		w := httptest.NewRecorder()
		h.Admin.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/backup", strings.NewReader(body)))
		return w.Body.String()
	}
	for body, want := range map[string]string{
		`{`:                             "invalid_request",
		`{"recipients":[]}`:             "backup_recipient",
		`{"recipients":["age1nobody"]}`: "backup_recipient",
		`{"recipients":["` + o.key + `"],"spool":"/nowhere"}`: "internal",
	} {
		if got := said(body); !strings.Contains(got, `"code":"`+want+`"`) || strings.Contains(got, "made") {
			t.Errorf("%s answers %s; want %s", body, got, want)
		}
	}
	h.backingUp.Lock()
	if got := said(`{"recipients":["` + o.key + `"]}`); !strings.Contains(got, "backup_busy") {
		t.Errorf("a second backup at once: %s", got)
	}
	h.backingUp.Unlock()
	ended, end := context.WithCancel(bg)
	end()
	if _, _, err := h.Backup(ended, o.to, "", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a backup that nobody waits for = %v, want canceled", err)
	}
	if err := errors.Join(h.db.Compact(bg), h.keys.Compact(bg)); err != nil { // nothing is held
		t.Error(err)
	}
}

// BenchmarkBackup takes backups of 128 MiB of rows while four write without a
// pause: the longest that one of them waited, beside as long a time without a
// backup, and what the heap grew by.
func BenchmarkBackup(b *testing.B) {
	h, o := opened(b), newOperator(b)
	row := bytes.Repeat([]byte("0123456789abcdef"), 64)
	for n := range 64 {
		err := h.db.Update(bg, func(t tx) error {
			for i := range 2 << 10 {
				if err := t.Put(kv.Key("bench", n, i), row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	var took, with, without time.Duration
	var bytes int64
	var heap uint64
	for b.Loop() {
		start := time.Now()
		peak := heapPeak(func() {
			with = max(with, longest(h, func() {
				spool, made, err := h.Backup(bg, o.to, "", nil)
				if err != nil {
					b.Fatal(err)
				}
				bytes += made.Size
				_ = spool.Close()
			}))
		})
		one := time.Since(start)
		took += one
		heap = max(heap, peak)
		without = max(without, longest(h, func() { time.Sleep(one) }))
	}
	b.ReportMetric(with.Seconds()*1e3, "ms-pause")
	b.ReportMetric(without.Seconds()*1e3, "ms-pause-without")
	b.ReportMetric(float64(bytes)/took.Seconds()/(1<<20), "MiB/s")
	b.ReportMetric(float64(heap)/(1<<20), "MiB-heap")
}

// longest is the longest Update of four writers while f runs.
func longest(h *House, f func()) time.Duration {
	ctx, stop := context.WithCancel(bg)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var worst time.Duration
	for name := range 4 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				start := time.Now()
				_ = h.db.Update(bg, func(t tx) error { return t.Put(kv.Key("writer", name, n%1000), []byte("x")) })
				mu.Lock()
				worst = max(worst, time.Since(start))
				mu.Unlock()
			}
		})
	}
	f()
	stop()
	wg.Wait()
	return worst
}

// heapPeak is how far the heap in use rises above what it was while f runs.
func heapPeak(f func()) (peak uint64) {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				if now.HeapInuse > before.HeapInuse {
					peak = max(peak, now.HeapInuse-before.HeapInuse)
				}
			}
		}
	}()
	f()
	close(done)
	<-ended
	return peak
}
