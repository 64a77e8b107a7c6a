// Package mock is one imagined town whose wallets and banks speak the real
// dialects, so that Jali can be run, shown and tested without a single real
// account.
//
// The unit is the [Town]: a dozen people with a shop each, who earn, spend,
// refund, top up and pay one another by wallet and by card. What happened on a
// day follows from the seed, the day and the days before it, and is the same
// in every book that it touches: a payment by Alipay from a bank card stands in
// Alipay's account log and in the bank's transactions with one amount and one
// order number. History goes back at least 13 months and grows with the clock.
// People of a [Persona] can be settled beside the dozen, and removed again: each
// home is a world of its own, so that nobody's past changes by who moves in.
//
// The institutions check signatures themselves and sign what they answer. The
// package shares no code with the dialects, or one mistyped tag would pass on
// both sides; it knows nothing of consent, vault or storage. It keeps its
// state in memory, or in files whose names begin with "town".
//
// Departures from the real institutions, all of them on purpose: a redirect
// URI may be any loopback address (others: [Town.AllowRedirect]); WeChat Pay,
// which publishes no bills of a person, tells the bills of the small shop
// (小微商户) that each person runs under the service provider, and says which
// shop it is in the member sub_mchid of its OAuth answer; UnionPay, which
// publishes no bills of a person either, tells those of the shop as a merchant of
// an acquirer, and says which it is in the member merId of 云闪付's token answer,
// whose codes of failure are the town's own; Alipay's bill methods
// take the person's auth_token where the real ones take app_auth_token, and its
// log holds what was paid by card or 花呗 too, where the real one holds what
// moved the balance; its one application may be spoken to in either mode of keys.
// The banks of UK Open Banking count no calls made while the person is not there:
// the standard leaves that to each. A wallet of 数字人民币 (e-CNY), for which there is
// no published interface, is an account at the bank that keeps it, of the type
// that UK Open Banking has for wallets. Dongling Bank signs agreements with
// persons, where ICBC signs them with companies, and its signing page comes back
// to a redirect URI. Zhaolu Bank opens a person's accounts to the operator by
// OAuth 2.0, where CMB does so for companies and on paper. Xihe Bank offers each
// of the framework's two ways to a browser at an interface of its own; it knows
// its client by the seal of requests alone, and at its token endpoint by PKCE,
// since the town has no TLS that would show a certificate; what it tells only for
// an hour after the person's authentication, real banks tell for a while of their
// own.
package mock

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"jali/internal/fault"
)

// Institutions of the town, as [Town.Ail] and its siblings take them. The banks
// of UK Open Banking go by the id of [BankAccess].
const (
	Alipay       = "alipay"
	WeChatPay    = "wechatpay"
	UnionPay     = "unionpay"
	XiheBank     = "xihe_bank"     // speaks Berlin Group
	Qingshi      = "qingshi"       // a finance company that speaks FDX: 花呗 and 借呗
	DonglingBank = "dongling_bank" // speaks in the manner of ICBC's open platform
	ZhaoluBank   = "zhaolu_bank"   // speaks in the manner of CMB's
)

// Config is what a town is founded on. The zero Config is a town in memory.
type Config struct {
	Seed    uint64
	Now     func() time.Time // nil: time.Now
	BaseURL string           // where the Handler is reached, without a slash at the end: "http://127.0.0.1:8070"
	Log     *slog.Logger     // nil: nothing is logged. No token, number or name is ever logged
	Dir     string           // empty: in memory; else a folder for "town.json" (0600), which holds keys and tokens
}

// Town is the imagined town. It is safe for concurrent use.
type Town struct {
	cfg   Config
	ahead *atomic.Int64 // how far the clock was moved, in nanoseconds
	world *world
	keys  *keyring
	state *state

	moving sync.Mutex // of people: held over a change of living and of what the state says of it
	living atomic.Pointer[roster]

	zhaolu zhaoluKeys

	mu       sync.Mutex
	trouble  map[string]Trouble
	calls    map[string]int // by access token, while tokens end early
	redirect map[string]bool
	nonces   map[string]time.Time
	jtis     map[string]time.Time
	bills    map[string]billFile
	visits   visits              // of Xihe Bank
	reports  map[string]reported // of Xihe Bank
	qtsp     qtsp
	wechat   []wechatKey // platform certificates, the newest last
	unionCA  func() unionAuthority
	alipayCA *alipayAuthority
}

// ErrState is returned by [New] for a Dir that cannot be read or written, or
// that holds the state of a town with another seed.
var ErrState = &fault.Error{Kind: fault.Unavailable, Code: "town_state",
	Detail: "the folder of the mock town cannot be read or written, or belongs to a newer town or one with another seed"}

// New founds a town, or opens the one that Dir holds. Keys and history are made
// in the background: what needs them waits for them.
func New(cfg Config) (*Town, error) { return found(cfg, nil) }

func found(cfg Config, keys *keyring) (*Town, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	if cfg.BaseURL == "" {
		cfg.BaseURL = "http://127.0.0.1:8070"
	}
	ahead, outside := &atomic.Int64{}, cfg.Now
	cfg.Now = func() time.Time { return outside().Add(time.Duration(ahead.Load())) }
	st, err := openState(cfg.Dir, cfg.Seed, founding(cfg.Now()))
	if err != nil {
		return nil, ErrState.Because(err)
	}
	if keys == nil {
		if keys, err = openKeys(st); err != nil {
			return nil, ErrState.Because(err)
		}
	}
	now := cfg.Now()
	zhaolu, err := openZhaolu(st)
	if err != nil {
		return nil, ErrState.Because(err)
	}
	t := &Town{
		zhaolu: zhaolu, cfg: cfg, ahead: ahead, world: newWorld(cfg.Seed, st.Founded), keys: keys, state: st,
		trouble:  map[string]Trouble{},
		calls:    map[string]int{},
		redirect: map[string]bool{},
		nonces:   map[string]time.Time{},
		jtis:     map[string]time.Time{},
		bills:    map[string]billFile{},
		reports:  map[string]reported{},
		alipayCA: &alipayAuthority{},
	}
	t.unionCA = sync.OnceValue(t.certifyUnionPay)
	if err := t.openHomes(); err != nil {
		return nil, ErrState.Because(err)
	}
	go t.read(now, func() {}) // so that the first reader need not wait for 14 months
	return t, nil
}

// Move moves the town's clock ahead by d. The days in between are lived by when
// somebody next asks; what was due or ends in them has come. A d below zero
// moves nothing: what has been told cannot be taken back.
func (t *Town) Move(d time.Duration) { t.ahead.Add(int64(max(0, d))) }

// Person is somebody of the town, with the one login that all institutions take.
type Person struct {
	ID       string // "lin_xiaozhou"
	Name     string // "林小舟"
	Login    string
	Password string
	Persona  string // of who was settled: see [Town.Settle]; empty: one of those with whom the town was founded
}

// People are the townspeople, always in the same order: the founders, then
// those who were settled.
func (t *Town) People() []Person {
	var out []Person
	for _, p := range t.people() {
		out = append(out, p.shown())
	}
	return out
}

// Serves reports whether a person has anything at an institution. Of the
// founders everyone has a wallet at Alipay and a shop at WeChat Pay and UnionPay,
// and accounts at one bank or two.
func (t *Town) Serves(institution, personID string) bool {
	i := slices.IndexFunc(t.people(), func(p *person) bool { return p.id == personID })
	if i < 0 {
		return false
	}
	p := t.people()[i]
	switch institution {
	case Alipay:
		return true
	case WeChatPay, UnionPay:
		return p.sells()
	}
	return slices.ContainsFunc(p.accounts(), func(a *account) bool { return a.bank == institution })
}

// Canaries are the texts that must never stand where a client, a log or a
// database shows them: every account and card number, wallet user id, openid,
// sub_mchid, phone and account id of the town, of who has left it too, and every
// code and token that it has ever issued.
func (t *Town) Canaries() []string {
	r := t.roster()
	all := append(t.world.numbers(), r.closed...)
	for _, h := range r.homes {
		all = append(all, h.numbers()...)
	}
	return append(all, t.state.issued()...)
}

// AllowRedirect registers a redirect URI that is not a loopback address, at
// every institution.
func (t *Town) AllowRedirect(uri string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.redirect[uri] = true
}

func (t *Town) mayRedirect(uri string) bool {
	t.mu.Lock()
	known := t.redirect[uri]
	t.mu.Unlock()
	if known {
		return true
	}
	u, err := url.Parse(uri)
	if err != nil || u.Fragment != "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	switch u.Hostname() {
	case "localhost", "127.0.0.1", "::1":
		return true
	}
	return false
}

// once reports whether it sees the key for the first time within keep, and
// forgets those that are older.
func (t *Town) once(seen map[string]time.Time, key string, keep time.Duration) bool {
	now := t.cfg.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := seen[key]; ok && now.Sub(at) <= keep {
		return false
	}
	if len(seen) > 4096 {
		for k, at := range seen {
			if now.Sub(at) > keep {
				delete(seen, k)
			}
		}
	}
	seen[key] = now
	return true
}

const largestRequest = 1 << 20

// Handler serves the whole town: an index page at /, Alipay under /alipay/ and
// at /v3/alipay/, WeChat Pay under /wechatpay/ and for clients that cannot take
// a prefix at /v3/, /sns/ and /connect/ too, and each bank under /bank/{id}/.
func (t *Town) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", t.index)
	t.serveAlipay(mux)
	t.serveWeChatPay(mux, "/wechatpay")
	t.serveWeChatPay(mux, "")
	for _, b := range t.world.banks {
		t.serveBank(mux, b)
	}
	t.serveXihe(mux)
	t.serveQingshi(mux)
	t.serveUnionPay(mux)
	t.serveDongling(mux)
	t.serveZhaolu(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, largestRequest)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		t.cfg.Log.Debug("town", "method", r.Method, "institution", institutionOf(r.URL.Path))
		mux.ServeHTTP(&answer{ResponseWriter: w, r: r}, r)
	})
}

func institutionOf(path string) string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "bank":
		id, _, _ := strings.Cut(rest, "/")
		if len(id) > 32 {
			return "bank"
		}
		return id
	case "v3", "sns", "connect":
		if strings.HasPrefix(rest, Alipay+"/") {
			return Alipay
		}
		return WeChatPay
	case Alipay, WeChatPay, UnionPay, Qingshi:
		return first
	}
	return "town"
}

var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// yuan writes fen as Alipay and the banks do: 1050 is "10.50".
func yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}
