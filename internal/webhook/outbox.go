package webhook

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"jali/internal/fault"
	"jali/internal/jose"
	"jali/internal/kv"
	"jali/internal/secret"
)

// ErrSuspended is what [Config.Endpoint] and [Config.Notification] answer for
// a client that is told nothing at present: its events wait, its pings are
// dropped.
var ErrSuspended = &fault.Error{Kind: fault.Denied, Code: "webhook_suspended", Detail: "this client is suspended"}

// Config of an Outbox. All but Metrics and Log are required.
type Config struct {
	DB kv.DB
	// HTTP reaches addresses that clients chose: one of package dial.
	HTTP *http.Client
	// Key is an Ed25519 key that signs nothing else.
	Key jose.PrivateKey
	Now func() time.Time
	// Endpoint answers where a client is told of events; empty: nowhere any
	// more, and what waits for it is dropped.
	Endpoint func(ctx context.Context, client string) (uri string, err error)
	// Notification opens a ping. [ErrSuspended] and a fault that is
	// Gone drop it.
	Notification func(context.Context, Ping) (Notice, error)
	Metrics      prometheus.Registerer
	Log          *slog.Logger
}

// Notice is a [Ping] as it is sent.
type Notice struct {
	URI    string
	Bearer secret.Value
	Body   []byte // JSON
}

const (
	perClient  = 4               // attempts under way for one client
	ailing     = 1               // the same while its last attempt failed
	atOnce     = 256             // attempts under way
	look       = time.Second     // how often what was queued is looked for
	lookLater  = time.Minute     // at a client that is suspended or has stopped us
	farewell   = 5 * time.Second // for attempts under way when the outbox stops
	answerSize = 16 << 10
)

// Outbox delivers what was queued. One process runs one.
type Outbox struct {
	Config
	met    metrics
	jitter func(time.Duration) time.Duration // what is added to a delay

	wake  chan struct{} // an attempt has ended, or something is due anew
	going sync.WaitGroup

	mu    sync.Mutex
	busy  map[due]bool // lines and pings with an attempt under way
	lanes map[lane]*traffic
	after map[kind]string // the client that was looked at last
}

// traffic is what is remembered of a client between attempts, in memory alone.
type traffic struct {
	under int       // attempts under way
	ill   bool      // the last one failed
	rests time.Time // it is left alone until then
}

// New makes an Outbox.
func New(c Config) (*Outbox, error) {
	if c.DB == nil || c.HTTP == nil || c.Now == nil || c.Endpoint == nil || c.Notification == nil || len(c.Key.Public().Ed25519()) == 0 {
		return nil, errors.New("webhook: the configuration is not whole")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	o := &Outbox{
		Config: c, wake: make(chan struct{}, 1),
		// Only later, never earlier: what failed together is not tried together.
		jitter: func(d time.Duration) time.Duration { return rand.N(d/10 + 1) },
		busy:   map[due]bool{}, lanes: map[lane]*traffic{}, after: map[kind]string{},
	}
	return o, o.measure()
}

// Run delivers until ctx ends, and then waits a little for what is under way.
// Queue knows nothing of it: a look at the first row of an index, once in a
// second, finds what was queued since.
func (o *Outbox) Run(ctx context.Context) {
	defer o.HTTP.CloseIdleConnections()
	attempts, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for ctx.Err() == nil {
		if _, err := o.begin(attempts); err != nil {
			o.Log.Error("the outbox cannot be read and will be tried again", "code", fault.Of(err).Code)
		}
		select {
		case <-tick.C:
		case <-o.wake:
		case <-ctx.Done():
		}
	}
	// What takes too long is cut short, counts for nothing, and is made again
	// after the next start.
	late := time.AfterFunc(farewell, cancel)
	defer late.Stop()
	o.going.Wait()
}

// begin starts the attempts that are due and for which there is room, and
// answers how many. It does not wait for them.
func (o *Outbox) begin(ctx context.Context) (begun int, err error) {
	defer fault.Caught(&err)
	now := o.now()
	for _, k := range []kind{events, pings} {
		found, err := o.pick(ctx, k, now)
		if err != nil {
			return begun, err
		}
		for client, list := range found {
			uri := ""
			if k == events {
				var open bool
				if uri, open = o.reach(ctx, client); !open {
					o.rest(lane{k, client}, now.Add(lookLater))
					continue
				}
			}
			for _, d := range list {
				begun++
				o.start(d)
				o.going.Go(func() { o.finish(d, o.attempt(ctx, d, uri)) })
			}
		}
	}
	return begun, nil
}

// reach answers where a client is told of events, and whether to tell it now.
func (o *Outbox) reach(ctx context.Context, client string) (uri string, open bool) {
	uri, err := o.Endpoint(ctx, client)
	if err == nil {
		var stopped bool
		stopped, err = o.Stopped(ctx, client, uri)
		open = err == nil && !stopped
	}
	if err != nil && !errors.Is(err, ErrSuspended) {
		o.Log.Error("a client's address cannot be looked up", "client", client, "code", fault.Of(err).Code)
	}
	return uri, open
}

// attempt makes one attempt and writes down what came of it.
func (o *Outbox) attempt(ctx context.Context, d due, uri string) outcome {
	got, err := o.once(ctx, d, uri)
	if err != nil && ctx.Err() == nil {
		// Nothing is written, so it stays due; the client's lane rests a little.
		o.Log.Error("an attempt could not be written down and will be made again", "client", d.Client, "code", fault.Of(err).Code, "err", err)
		return outcome{failed: true, rest: lookLater}
	}
	return got
}

func (o *Outbox) once(ctx context.Context, d due, uri string) (got outcome, err error) {
	defer fault.Caught(&err)
	if d.Kind == pings {
		return o.ping(ctx, d)
	}
	return o.tell(ctx, d, uri)
}

// now is read before a transaction: UTC, to the microsecond that keys keep.
func (o *Outbox) now() time.Time { return o.Now().UTC().Truncate(time.Microsecond) }

func (o *Outbox) start(d due) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.busy[d.line()] = true
	o.traffic(d.lane()).under++
}

func (o *Outbox) finish(d due, got outcome) {
	o.mu.Lock()
	delete(o.busy, d.line())
	t := o.traffic(d.lane())
	t.under--
	t.ill = got.failed
	if got.rest > 0 {
		t.rests = o.now().Add(got.rest)
	}
	o.mu.Unlock()
	o.rouse()
}

// traffic is called with mu held. It is kept for every client that was told
// something since the start.
func (o *Outbox) traffic(l lane) *traffic {
	t := o.lanes[l]
	if t == nil {
		t = &traffic{}
		o.lanes[l] = t
	}
	return t
}

func (o *Outbox) rest(l lane, until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.traffic(l).rests = until
}

func (o *Outbox) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
