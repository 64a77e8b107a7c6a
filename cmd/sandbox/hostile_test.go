package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/dial/dialtest"
	"jali/internal/upstream"
)

// What a hostile source may cost: the time of the one view that asks it, this
// much of it over the source's share and no more; memory; and nobody else
// anything.
const (
	longestView = 10 * time.Second // by the deadlines of production
	mostMemory  = 64 << 20
	mostDelay   = 2.0 // of other people's p95
)

// share is what a source has for its whole answer here, unless this machine is
// slower than that: less than in production, so that the test ends.
var share = map[bool]time.Duration{false: 1500 * time.Millisecond, true: 3 * time.Second}[raced]

const beishan = "beishan_bank" // stays as it is

// hostile is one source that means no good, or has a very bad day.
type hostile struct {
	why    string
	at     string                          // the institution
	x      mock.Trouble                    // what the town knows how to suffer from
	wild   func(http.Handler) http.Handler // in front of it, for what it does not
	honest bool                            // it tells the truth for all that, and may be understood
}

func hostiles(elsewhere string) []hostile {
	const bank = "jiangnan_bank"
	return []hostile{
		{why: "very slow", at: bank, x: mock.Trouble{Latency: time.Minute}},
		{why: "hangs before any header", at: mock.Alipay, x: mock.Trouble{Hang: true}},
		{why: "drips a byte a second", at: mock.WeChatPay, x: mock.Trouble{Drip: true}},
		{why: "an endless body", at: bank, x: mock.Trouble{Endless: true}},
		{why: "an endless body, of a signed answer", at: mock.Alipay, x: mock.Trouble{Endless: true}},
		{why: "a bomb of gzip", at: bank, x: mock.Trouble{Bomb: true}},
		{why: "a bomb in a bill file", at: mock.WeChatPay, x: mock.Trouble{Bomb: true}},
		{why: "a million levels", at: bank, x: mock.Trouble{Deep: true}},
		{why: "429 for a minute", at: bank, x: mock.Trouble{Busy: true}},
		{why: "429 without a word of when", at: bank, x: mock.Trouble{Busy: true, NoWait: true}},
		{why: "too often, in Alipay's words", at: mock.Alipay, x: mock.Trouble{Busy: true}},
		{why: "down, in WeChat Pay's words", at: mock.WeChatPay, x: mock.Trouble{Down: true}},
		{why: "500", at: bank, x: mock.Trouble{Status: 500}},
		{why: "502", at: mock.Alipay, x: mock.Trouble{Status: 502}},
		{why: "503", at: mock.WeChatPay, x: mock.Trouble{Status: 503}},
		{why: "a page in place of an answer", at: bank, x: mock.Trouble{Status: 200}},
		{why: "a redirect elsewhere", at: bank, x: mock.Trouble{Redirect: elsewhere}},
		{why: "a redirect elsewhere, of who signs", at: mock.Alipay, x: mock.Trouble{Redirect: elsewhere}},
		{why: "a wrong signature", at: mock.Alipay, x: mock.Trouble{Forged: true}},
		{why: "a wrong signature in a header", at: mock.WeChatPay, x: mock.Trouble{Forged: true}},
		{why: "no signature", at: mock.WeChatPay, wild: withoutHeader("Wechatpay-Signature")},
		{why: "another person's account", at: bank, x: mock.Trouble{Strangers: true}},
		{why: "NaN", at: bank, x: mock.Trouble{Amount: "NaN"}},
		{why: "1e400", at: bank, x: mock.Trouble{Amount: "1e400"}},
		{why: "eleven digits of a fraction", at: bank, x: mock.Trouble{Amount: "0.12345678901"}},
		{why: "eleven digits of a fraction, signed", at: mock.Alipay, x: mock.Trouble{Amount: "0.12345678901"}},
		{why: "members with other names", at: bank, x: mock.Trouble{Drift: true}},
		{why: "each row twice", at: bank, x: mock.Trouble{Doubled: true}, honest: true},
		{why: "rows in any order", at: bank, x: mock.Trouble{Shuffled: true}, honest: true},
		{why: "a body cut in half", at: bank, x: mock.Trouble{Cut: true}},
		{why: "a reset", at: mock.Alipay, wild: raw(func(c io.Writer) error { return nil })},
		{why: "headers without an end", at: bank, wild: raw(func(c io.Writer) error {
			_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for err == nil {
				_, err = io.WriteString(c, strings.Repeat("X: y\r\n", 4096))
				time.Sleep(5 * time.Millisecond) // what it costs the town is not what is measured
			}
			return err
		})},
		{why: "informational answers without an end", at: bank, wild: raw(func(c io.Writer) (err error) {
			for err == nil {
				_, err = io.WriteString(c, strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 512))
				time.Sleep(5 * time.Millisecond)
			}
			return err
		})},
		{why: "no HTTP", at: mock.WeChatPay, wild: raw(func(c io.Writer) error { _, err := io.WriteString(c, "220 smtp ESMTP\r\n"); return err })},
		{why: "two answers to one question", at: bank, wild: raw(func(c io.Writer) error {
			const one = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
			_, err := io.WriteString(c, one+one)
			return err
		})},
		{why: "pages without an end", at: bank, wild: nextPage(func(n int) int { return n + 1 })},
		{why: "pages in a circle", at: bank, wild: nextPage(func(n int) int { return n%2 + 1 })},
		{why: "a name twice in an object", at: bank, wild: rewrite(func(b []byte) []byte {
			return append([]byte(`{"Data":{"Account":[],"Balance":[],"Transaction":[]},`), b[1:]...)
		})},
		{why: "no UTF-8", at: bank, wild: rewrite(func(b []byte) []byte { return append(b[:len(b)-2], "\xff\xfe}}"...) })},
		{why: "a token that ends amid a listing", at: bank, x: mock.Trouble{TokensLast: 2}}, // the last: the person is to link again
	}
}

// raw takes the connection over, says what f says, and breaks it off.
func raw(f func(io.Writer) error) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_ = f(c)
			_ = c.Close()
		})
	}
}

func withoutHeader(name string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&headless{w, name}, r)
		})
	}
}

type headless struct {
	http.ResponseWriter
	name string
}

func (h *headless) WriteHeader(status int) {
	h.Header().Del(h.name)
	h.ResponseWriter.WriteHeader(status)
}

func (h *headless) Write(b []byte) (int, error) {
	h.Header().Del(h.name)
	return h.ResponseWriter.Write(b)
}

// rewrite changes true answers in JSON.
func rewrite(f func([]byte) []byte) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			kept := &keeper{header: http.Header{}, status: http.StatusOK}
			next.ServeHTTP(kept, r)
			if kept.status == http.StatusOK && len(kept.body) > 2 && kept.body[0] == '{' {
				kept.body = f(kept.body)
			}
			maps.Copy(w.Header(), kept.header)
			w.Header().Del("Content-Length")
			w.WriteHeader(kept.status)
			_, _ = w.Write(kept.body)
		})
	}
}

type keeper struct {
	header http.Header
	status int
	body   []byte
}

func (k *keeper) Header() http.Header         { return k.header }
func (k *keeper) WriteHeader(status int)      { k.status = status }
func (k *keeper) Write(b []byte) (int, error) { k.body = append(k.body, b...); return len(b), nil }

// nextPage makes every page of a bank's transactions lead to another.
func nextPage(after func(int) int) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/transactions") {
				next.ServeHTTP(w, r)
				return
			}
			var n int
			_, _ = fmt.Sscan(r.URL.Query().Get("hostile"), &n)
			link := fmt.Sprintf("http://%s%s?hostile=%d", r.Host, r.URL.Path, after(n))
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"Data":{"Transaction":[]},"Links":{"Next":%q},"Meta":{}}`, link)
		})
	}
}

// besieged is a whole house in which one source is hostile.
type besieged struct {
	*sandbox
	wild     atomic.Pointer[hostile]
	canary   *dialtest.Canary
	victims  map[string]consent.PersonID // by the institution that they use beside the other bank
	others   []consent.PersonID          // use that bank alone
	from, to time.Time
	looks    atomic.Int64
}

// besiege lets people move in: victims with a source that will be hostile, and
// others, all of them with one bank that stays as it is.
func besiege(t *testing.T, canary *dialtest.Canary) *besieged {
	t.Helper()
	b := &besieged{canary: canary, victims: map[string]consent.PersonID{}}
	// At four in the morning nobody in town does anything. It is always the same
	// one: not every ten days hold bills of every institution.
	shift := time.Until(time.Date(2026, 11, 23, 4, 0, 0, 0, consent.Shanghai))
	var err error
	b.sandbox, err = start(t.Context(), flags{
		Addr: "localhost:0", TownAddr: "127.0.0.1:0", BankAddr: "127.0.0.1:0", Ready: filepath.Join(t.TempDir(), "ready.json"),
		Now: func() time.Time { return time.Now().Add(shift) },
		Town: func(town http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if h := b.wild.Load(); h != nil && strings.Contains(r.URL.Path, "/"+h.at+"/") {
					h.wild(town).ServeHTTP(w, r)
					return
				}
				town.ServeHTTP(w, r)
			})
		},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b.to = b.now().AddDate(0, 0, -3)
	b.from = b.to.AddDate(0, 0, -10)
	first := b.town.People()[0] // who has something everywhere
	for _, c := range b.sources.All() {
		if at := c.Source().ID; at != beishan && b.town.Serves(at, first.ID) {
			b.victims[at] = b.arrive(t, first, at, beishan)
		}
	}
	for _, who := range b.town.People()[1:] {
		if b.town.Serves(beishan, who.ID) && len(b.others) < 5 {
			b.others = append(b.others, b.arrive(t, who, beishan))
		}
	}
	b.town.SetLatency(beishan, 50*time.Millisecond)
	return b
}

// arrive signs somebody up and connects their sources.
func (b *besieged) arrive(t *testing.T, who mock.Person, sources ...string) consent.PersonID {
	t.Helper()
	v, err := b.visitors.open()
	if err == nil {
		_, err = v.signUp(t.Context(), who.Name)
	}
	for _, s := range sources {
		if err == nil {
			err = v.connect(t.Context(), s, who)
		}
	}
	var id string
	if err == nil {
		id, err = v.person(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	v.http.CloseIdleConnections()
	return consent.PersonID(id)
}

// look asks a person's sources.
func (b *besieged) look(p consent.PersonID, afresh bool) (aggregate.Look, error) {
	s := consent.Session{Person: p, ID: fmt.Sprint("look", b.looks.Add(1)), At: b.now()}
	if afresh {
		return b.house.Aggregate.OwnAfresh(context.Background(), s, b.from, b.to)
	}
	return b.house.Aggregate.Own(context.Background(), s, b.from, b.to)
}

// forget closes all circuits.
func (b *besieged) forget() {
	b.house.Aggregate.Upstream = &upstream.Pool{Log: slog.New(slog.DiscardHandler), Deadline: b.house.Aggregate.Deadline, Now: b.now}
}

// rows are what a look tells, each in a line.
func rows(l aggregate.Look) map[string]bool {
	all := map[string]bool{}
	for _, a := range l.Accounts {
		all[fmt.Sprint("account ", a.ID, a.Source.ID, a.Kind)] = true
	}
	for _, x := range l.Balances {
		all[fmt.Sprint("balance ", x.Account, x.Kind, x.Amount)] = true
	}
	for _, x := range l.Bills {
		all[fmt.Sprint("bill ", x.Account, x.Bill.ID, x.Amount, x.Direction, x.At.Unix())] = true
	}
	for _, x := range l.Statements {
		all[fmt.Sprint("statement ", x.Account, x.Period.To.Unix(), x.Due)] = true
	}
	return all
}

// foreign are rows of a look that are not true.
func foreign(l aggregate.Look, truth map[string]bool) (wrong []string) {
	for row := range rows(l) {
		if !truth[row] {
			wrong = append(wrong, row)
		}
	}
	return wrong
}

// missing are true rows that a look does not have.
func missing(l aggregate.Look, truth map[string]bool) (lost []string) {
	have := rows(l)
	for row := range truth {
		if !have[row] {
			lost = append(lost, row)
		}
	}
	return lost
}

func reportOf(l aggregate.Look, source string) aggregate.SourceReport {
	for _, r := range l.Sources {
		if r.Source.ID == source {
			return r
		}
	}
	return aggregate.SourceReport{}
}

// heap answers the bytes of objects that have not been swept.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// grown answers by how much the heap grows at most while f runs. What is
// garbage is collected before it would count.
func grown(f func()) uint64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(m.Sys-m.HeapReleased) + mostMemory*3/4))
	base, top := heap(), uint64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			top = max(top, heap())
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return max(top, base) - base
}

// paces are how long other people's looks took.
type paces struct {
	mu   sync.Mutex
	took []time.Duration
}

func (p *paces) add(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = append(p.took, d)
}

func (p *paces) p95() time.Duration {
	return slices.Sorted(slices.Values(p.took))[len(p.took)*95/100]
}

// crowd lets the others look, each once and then on until done.
func (b *besieged) crowd(t *testing.T, into *paces, done <-chan struct{}) {
	var all sync.WaitGroup
	for _, p := range b.others {
		all.Go(func() {
			for {
				begun := time.Now()
				l, err := b.look(p, true)
				into.add(time.Since(begun))
				if r := reportOf(l, beishan); err != nil || r.Status != aggregate.Fresh {
					t.Errorf("somebody else's bank is %s %s, %v", r.Status, r.Code, err)
				}
				select {
				case <-done:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
	all.Wait()
}

// Twenty-five sources and more do their worst, one after the other, to a house
// in which other people use other sources.
func TestHostileSources(t *testing.T) {
	canary := dialtest.Listen(t)
	before := goleak.IgnoreCurrent()
	b := besiege(t, canary)
	if len(b.others) < 4 {
		t.Fatalf("%d others", len(b.others))
	}
	truth := map[string]map[string]bool{}
	for at, p := range b.victims {
		l, err := b.look(p, true)
		if r := reportOf(l, at); err != nil || r.Status != aggregate.Fresh || len(l.Bills) < 2 {
			t.Fatalf("%s in health is %s %s with %d bills, %v", at, r.Status, r.Code, len(l.Bills), err)
		}
		truth[at] = rows(l)
	}

	b.inFullLength(t)
	patient := b.house.Aggregate.Deadline
	var calm paces
	once := make(chan struct{})
	close(once)
	b.crowd(t, &calm, once)
	hurried := min(max(share, 5*calm.p95()), 8*time.Second)
	all := hostiles("http://127.0.0.1:" + b.canary.Port + "/")
	for at := range b.victims {
		if !slices.ContainsFunc(all, func(h hostile) bool { return h.at == at }) {
			all = append(all, hostile{why: "NaN, elsewhere", at: at, x: mock.Trouble{Amount: "NaN"}}) // once: some count their readings
		}
	}
	if raced {
		all = everyFifth(all)
	}
	var quiet, siege paces
	for _, h := range all {
		b.house.Aggregate.Deadline = hurried
		b.forget()
		b.town.Ail(h.at, h.x)
		if h.wild != nil {
			b.wild.Store(&h)
		}
		var l aggregate.Look
		var took time.Duration
		others := len(siege.took)
		growth := grown(func() {
			done := make(chan struct{})
			var crowd sync.WaitGroup
			crowd.Go(func() { b.crowd(t, &siege, done) })
			begun := time.Now()
			var err error
			if l, err = b.look(b.victims[h.at], true); err != nil {
				t.Errorf("%s: %v", h.why, err)
			}
			took = time.Since(begun)
			close(done)
			crowd.Wait()
		})
		r := reportOf(l, h.at)
		slowest := slices.Max(siege.took[others:])
		t.Logf("%-40s %-14s %-8s %-20s %5d ms, %3d MiB, others %5d ms at most", h.why, h.at, r.Status, r.Code, took.Milliseconds(), growth>>20, slowest.Milliseconds())
		if r.Status == aggregate.Fresh && !h.honest {
			t.Errorf("%s: the source is %s", h.why, r.Status)
		}
		if late(took, b.house.Aggregate.Deadline) {
			t.Errorf("%s: a view took %v", h.why, took)
		}
		if growth > mostMemory {
			t.Errorf("%s: the heap grew by %d MiB", h.why, growth>>20)
		}
		if wrong := foreign(l, truth[h.at]); len(wrong) > 0 {
			t.Errorf("%s: shown, but not true: %d rows, such as %s", h.why, len(wrong), wrong[0])
		}
		if r := reportOf(l, beishan); r.Status != aggregate.Fresh {
			t.Errorf("%s: the victim's other bank is %s %s", h.why, r.Status, r.Code)
		}

		b.wild.Store(nil)
		b.town.Ail(h.at, mock.Trouble{})
		healed := make(chan struct{})
		time.AfterFunc(took, func() { close(healed) })
		b.crowd(t, &quiet, healed) // as long, and right after: what else the machine does is alike
		if h.x.TokensLast > 0 {
			continue // who has to link again is tried elsewhere
		}
		b.house.Aggregate.Deadline = patient // it is asked what is true, not how soon
		b.forget()
		well, err := b.look(b.victims[h.at], false)
		if wrong, lost := foreign(well, truth[h.at]), missing(well, truth[h.at]); err != nil || len(wrong)+len(lost) > 0 {
			t.Errorf("%s: healed: %d rows are not true and %d missing, such as %.200q %.200q, %v", h.why, len(wrong), len(lost), wrong, lost, err)
		}
	}
	if came, _ := b.canary.Took(); came > 0 {
		t.Errorf("%d connections to where redirects led", came)
	}
	t.Logf("%d hostile sources; other people's p95 of %d and %d looks: %v in quiet, %v in siege", len(all), len(quiet.took), len(siege.took), quiet.p95(), siege.p95())
	if !raced && slowed(&quiet, &siege) {
		t.Errorf("other people's p95 went from %v to %v", quiet.p95(), siege.p95())
	}
	b.kept(t)
	if err := b.stop(); err != nil {
		t.Error(err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// everyFifth is what is tried under the race detector, which makes all slower
// and says nothing of paces. .ci/run tries every one without it.
func everyFifth(all []hostile) (some []hostile) {
	for i := 0; i < len(all); i += 5 {
		some = append(some, all[i])
	}
	return some
}

// inFullLength asks sources that never answer with the deadline of production.
func (b *besieged) inFullLength(t *testing.T) {
	t.Helper()
	b.forget()
	never := map[string]mock.Trouble{"jiangnan_bank": {Hang: true}, mock.Alipay: {Latency: time.Minute}, mock.WeChatPay: {Drip: true}}
	for at, x := range never {
		b.town.Ail(at, x)
	}
	var all sync.WaitGroup
	for at := range never {
		all.Go(func() {
			begun := time.Now()
			l, err := b.look(b.victims[at], true)
			if took, r := time.Since(begun), reportOf(l, at); err != nil || took > longestView || r.Status == aggregate.Fresh {
				t.Errorf("%s is %s after %v, %v", at, r.Status, took, err)
			}
		})
	}
	all.Wait()
	b.town.Heal()
	b.town.SetLatency(beishan, 50*time.Millisecond)
}

// late reports a view that took more than the source's share, its own work and
// that of a busy machine.
func late(took, deadline time.Duration) bool { return took > deadline+(longestView-8*time.Second) }

func slowed(quiet, siege *paces) bool {
	return float64(siege.p95()) > mostDelay*float64(quiet.p95())
}

// tale is a bank's connector that tells of bills that there are not.
type tale struct{ bankConnector }

func (c tale) Bills(ctx context.Context, v connectors.Credential, a connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	p, err := c.bankConnector.Bills(ctx, v, a, from, to, next)
	for i := range p.Bills {
		p.Bills[i].ID = "x" + p.Bills[i].ID
	}
	return p, err
}

// told is a registry in which one bank tells tales.
type told struct{ *connectors.Registry }

func (r told) Find(source string) (connectors.Connector, bool) {
	c, ok := r.Registry.Find(source)
	if b, is := c.(bankConnector); is && source == "jiangnan_bank" {
		return tale{b}, ok
	}
	return c, ok
}

// Each measure of the siege is first shown what it is there for.
func TestTheSiegeSeesWhatItLooksFor(t *testing.T) {
	canary := dialtest.Listen(t)
	before := goleak.IgnoreCurrent()
	b := besiege(t, canary)
	victim := b.victims["jiangnan_bank"]
	l, err := b.look(victim, true)
	if err != nil {
		t.Fatal(err)
	}
	truth := rows(l)

	// Rows that are not true, shown and stored.
	b.house.Aggregate.Connectors = told{b.sources}
	if l, err = b.look(victim, true); err != nil || len(foreign(l, truth)) == 0 {
		t.Errorf("rows that are not true were shown, and not seen: %v", err)
	}
	b.house.Aggregate.Connectors = b.sources
	b.town.Ail("jiangnan_bank", mock.Trouble{Status: 500})
	if l, err = b.look(victim, false); err != nil || len(foreign(l, truth)) == 0 {
		t.Errorf("rows that are not true were stored, and not seen: %v", err)
	}

	// A deadline that nobody keeps to.
	b.forget()
	b.house.Aggregate.Deadline = 3 * time.Second
	b.town.Ail("jiangnan_bank", mock.Trouble{Hang: true})
	begun := time.Now()
	_, _ = b.look(victim, true)
	if took := time.Since(begun); !late(took, 500*time.Millisecond) {
		t.Errorf("a view that took %v of a share of half a second was not seen", took)
	}
	b.town.Ail("jiangnan_bank", mock.Trouble{})

	// Memory that a source fills.
	if growth := grown(func() {
		var held [][]byte
		for range 100 {
			held = append(held, make([]byte, 1<<20))
			time.Sleep(time.Millisecond)
		}
		runtime.KeepAlive(held)
	}); growth <= mostMemory {
		t.Errorf("100 MiB that were held show as %d", growth>>20)
	}
	if growth := grown(func() {
		for range 1000 {
			_ = bytes.Repeat([]byte("x"), 1<<20)
		}
	}); growth > mostMemory {
		t.Errorf("garbage shows as %d MiB", growth>>20)
	}

	// Others who wait, however slow this machine is.
	b.house.Aggregate.Deadline = time.Minute
	b.forget()
	var quiet, siege paces
	closed := make(chan struct{})
	close(closed)
	for range 3 {
		b.crowd(t, &quiet, closed)
	}
	b.town.SetLatency(beishan, 3*quiet.p95())
	for range 3 {
		b.crowd(t, &siege, closed)
	}
	if !slowed(&quiet, &siege) {
		t.Errorf("a p95 that went from %v to %v was not seen", quiet.p95(), siege.p95())
	}

	// A goroutine that is left.
	stay := make(chan struct{})
	go func() { <-stay }()
	b.kept(t)
	if err := b.stop(); err != nil {
		t.Error(err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if goleak.Find(before) == nil {
		t.Error("a goroutine that is left was not seen")
	}
	close(stay)
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}
