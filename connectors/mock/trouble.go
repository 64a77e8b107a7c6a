package mock

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Trouble is what ails an institution's API, as [Town.Ail] takes it. The zero
// Trouble is health. Login pages stay well: what is tried is whoever reads.
type Trouble struct {
	// Before an answer.
	Latency time.Duration `json:"-"`
	Hang    bool          `json:"hang,omitempty"` // nothing ever comes

	// In place of an answer, whatever was asked.
	Status   int    `json:"status,omitempty"`   // this status and a page of HTML, as from a gateway in between
	Redirect string `json:"redirect,omitempty"` // 302 to this address
	Endless  bool   `json:"endless,omitempty"`  // a body without an end
	Bomb     bool   `json:"bomb,omitempty"`     // a megabyte of gzip that holds a gigabyte
	Deep     bool   `json:"deep,omitempty"`     // JSON of a million levels

	// An answer in the institution's own manner.
	Down   bool `json:"down,omitempty"`    // it fails
	Busy   bool `json:"busy,omitempty"`    // it asks for fewer calls
	NoWait bool `json:"no_wait,omitempty"` // with Busy: without saying for how long
	Forged bool `json:"forged,omitempty"`  // signed, and wrongly

	// A true answer, truly signed, whose content is not what was asked for or promised.
	Strangers  bool   `json:"strangers,omitempty"`   // of another person's account
	Doubled    bool   `json:"doubled,omitempty"`     // each row twice
	Shuffled   bool   `json:"shuffled,omitempty"`    // rows in another order on each reading
	Drift      bool   `json:"drift,omitempty"`       // members of sums and times have other names
	Amount     string `json:"amount,omitempty"`      // every sum reads so: "NaN", "1e400", "0.12345678901"
	TokensLast int    `json:"tokens_last,omitempty"` // an access token ends after so many calls, be it amid a listing; 0: with its time
	Rebooked   bool   `json:"rebooked,omitempty"`    // a pending row has another id than it will have when it is booked

	// A true answer whose body…
	Drip bool `json:"drip,omitempty"` // comes at a byte a second
	Cut  bool `json:"cut,omitempty"`  // breaks off half way
}

// Ail makes an institution suffer from x, and from nothing else.
func (t *Town) Ail(institution string, x Trouble) {
	t.ail(institution, func(old *Trouble) { *old = x })
}

// Ailing answers what an institution suffers from.
func (t *Town) Ailing(institution string) Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trouble[institution]
}

// Heal makes every institution well.
func (t *Town) Heal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.trouble)
	clear(t.calls)
}

// SetLatency makes every call to an institution's API take at least d.
func (t *Town) SetLatency(institution string, d time.Duration) {
	t.ail(institution, func(x *Trouble) { x.Latency = d })
}

// SetDown makes an institution's API fail, in its own manner: Alipay answers
// code 20000, WeChat Pay 500 SYSTEM_ERROR, a bank 503.
func (t *Town) SetDown(institution string, down bool) {
	t.ail(institution, func(x *Trouble) { x.Down = down })
}

// SetBusy makes an institution's API ask for fewer calls: Alipay answers code
// 40005, WeChat Pay 429 RATELIMIT_EXCEEDED, a bank 429 with Retry-After.
func (t *Town) SetBusy(institution string, busy bool) {
	t.ail(institution, func(x *Trouble) { x.Busy = busy })
}

// BadSignature makes an institution sign its answers wrongly. A bank of UK Open
// Banking signs only its ID tokens.
func (t *Town) BadSignature(institution string, bad bool) {
	t.ail(institution, func(x *Trouble) { x.Forged = bad })
}

func (t *Town) ail(institution string, change func(*Trouble)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.trouble[institution]
	change(&x)
	t.trouble[institution] = x
}

// ails answers what is wrong with an institution, after the time that it takes
// to find out. It reports false when the answer has been given, or nobody waits
// for one any more. Every institution calls it first for every request of its API.
func (t *Town) ails(w http.ResponseWriter, r *http.Request, institution string) (Trouble, bool) {
	x := t.Ailing(institution)
	if x.Latency > 0 || x.Hang { // who goes away is noticed only once all of the request is read
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	if x.Latency > 0 {
		wait := time.NewTimer(x.Latency)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			return x, false
		}
	}
	switch {
	case x.Hang:
		<-r.Context().Done()
	case x.Status != 0:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(x.Status)
		_, _ = w.Write([]byte("<html><body>maintenance</body></html>"))
	case x.Redirect != "":
		w.Header().Set("Location", x.Redirect)
		w.WriteHeader(http.StatusFound)
	case x.Endless:
		pour(w, r, []byte(`{"":"`), bytes.Repeat([]byte("x"), 64<<10), false)
	case x.Deep:
		pour(w, r, nil, deep, true)
	case x.Bomb:
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bomb())
	default:
		if a, ok := w.(*answer); ok {
			a.drip, a.cut = x.Drip, x.Cut
		}
		return x, true
	}
	return x, false
}

// pour writes head and then piece, once or for as long as somebody reads.
func pour(w http.ResponseWriter, r *http.Request, head, piece []byte, once bool) {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(head)
	for err == nil && r.Context().Err() == nil {
		if _, err = w.Write(piece); once {
			return
		}
	}
}

var deep = bytes.Repeat([]byte(`{"a":[`), 1<<19)

// bomb is a gigabyte of spaces in JSON, gzipped in pieces that are all alike.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 8<<20))
	_ = z.Close()
	return bytes.Repeat(b.Bytes(), 1<<7)
})

// answer is a response whose body may come slowly or not whole.
type answer struct {
	http.ResponseWriter
	r         *http.Request
	drip, cut bool
}

func (a *answer) Write(b []byte) (int, error) {
	if a.cut {
		a.Header().Set("Content-Length", "1000000000")
		_, _ = a.ResponseWriter.Write(b[:len(b)/2])
		panic(http.ErrAbortHandler)
	}
	if !a.drip {
		return a.ResponseWriter.Write(b)
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for i := range b {
		if _, err := a.ResponseWriter.Write(b[i : i+1]); err != nil {
			return i, err
		}
		if f, ok := a.ResponseWriter.(http.Flusher); ok {
			f.Flush()
		}
		select {
		case <-second.C:
		case <-a.r.Context().Done():
			return i + 1, a.r.Context().Err()
		}
	}
	return len(b), nil
}

var (
	sums      = regexp.MustCompile(`\b\d{1,12}\.\d{2}\b`)
	wholeSums = regexp.MustCompile(`("(?:\w*amount|\w*_fee|\w*balance)":\s*)-?\d+`)
	drifting  = regexp.MustCompile(`(?i)("\w*(?:amount|amt|sum|balance|date|time|_dt)\w*)"\s*:`)
	columns   = strings.NewReplacer("金额", "数额", "时间", "时刻")
)

// spoil changes an answer, or a file, before it is signed.
func (x Trouble) spoil(body []byte) []byte {
	if x.Amount != "" {
		body = sums.ReplaceAllLiteral(body, []byte(x.Amount))
		body = wholeSums.ReplaceAll(body, []byte("${1}"+x.Amount))
	}
	if x.Drift {
		body = drifting.ReplaceAll(body, []byte(`${1}_v2":`))
		body = []byte(columns.Replace(string(body)))
	}
	return body
}

// listed is what an institution lists in place of rows.
func listed[T any](x Trouble, rows []T) []T {
	if x.Doubled {
		twice := make([]T, 0, 2*len(rows))
		for _, row := range rows {
			twice = append(twice, row, row)
		}
		rows = twice
	}
	if x.Shuffled {
		rows = append([]T(nil), rows...)
		rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return rows
}

// instead answers the account that is told of when a is asked for: a itself or,
// in trouble, a stranger's at the same bank.
func (t *Town) instead(x Trouble, a *account) *account {
	if !x.Strangers {
		return a
	}
	for _, other := range t.world.accounts {
		if other.bank == a.bank && other.kind == a.kind && other.holder != a.holder {
			return other
		}
	}
	return a
}

// wallets answers the person whose wallet is told of when p's is asked for.
func (t *Town) wallets(x Trouble, p *person) *person {
	if !x.Strangers {
		return p
	}
	return t.world.people[(p.index+1)%len(t.world.people)]
}

// bearer answers the pass of an access token that still serves.
func (t *Town) bearer(x Trouble, institution, token string, now time.Time) (pass, bool) {
	p, ok := t.state.holds(institution, accessPass, token, now)
	if !ok || x.TokensLast == 0 {
		return p, ok
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[token]++
	return p, t.calls[token] <= x.TokensLast
}
