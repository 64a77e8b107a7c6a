package house

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"jali/internal/fault"
	"jali/vault"
	"jali/vault/kek"
)

// Keys is what `key status` is told.
type Keys struct {
	vault.Terms
	KEK         string  `json:"kek"`                  // which key-encryption key
	RotateAfter float64 `json:"rotate_after_seconds"` // how long after a deletion; zero: never by itself
	Served      bool    `json:"served"`               // a server runs, which does what is due
}

// NewKEK is what `key rekey` sends. A variable's value comes with it: the
// environment of a running server is its own.
type NewKEK struct {
	kek.Choice
	Value string // of the variable Env
}

// rotation keeps the root's terms: it begins a new one when that is due or an
// operator says so, and leaves the former in the background.
type rotation struct {
	vault  *vault.Vault
	after  time.Duration
	now    func() time.Time
	log    *slog.Logger
	ctx    context.Context // ends when the house is closed
	stop   context.CancelFunc
	behind sync.WaitGroup

	mu      sync.Mutex
	running bool
	patient time.Duration // how long to wait after the last failure
	again   time.Time     // when a sweep may try again
	kek     kek.Choice    // the key-encryption key
}

func newRotation(v *vault.Vault, c Config) *rotation {
	r := &rotation{vault: v, after: c.RotateAfter, now: c.Now, log: c.Log, kek: keyChoice(c)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// close stops a rotation under way; the next process goes on with it.
func (r *rotation) close() {
	r.stop()
	r.behind.Wait()
}

// begin has a new term begin, unless a former one is still being left, and
// that one left in the background.
func (r *rotation) begin(ctx context.Context) error {
	if !r.vault.Leaving() {
		if err := r.vault.NewTerm(ctx); err != nil {
			return err
		}
	}
	r.goOn()
	return nil
}

func (r *rotation) goOn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running || r.ctx.Err() != nil {
		return
	}
	r.running = true
	r.behind.Go(func() {
		said, start := r.vault.Rotation(), r.now()
		if said == nil {
			said = &vault.Rotation{}
		}
		log := r.log.With("from", said.From, "to", said.To)
		log.Info("rotating the root keys")
		err := calmly(r.ctx, r.vault.Rewrap)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.running = false
		switch {
		case err == nil:
			r.patient, r.again = 0, time.Time{}
			log.Info("the root keys are rotated; copies of the anchor from before still open backups from before: put one of it as it is now in their place, and make a backup", "seconds", r.now().Sub(start).Seconds())
		case errors.Is(err, context.Canceled):
			log.Info("the rotation of the root keys is interrupted and will go on")
		default:
			r.patient = min(max(2*r.patient, time.Minute), time.Hour)
			r.again = r.now().Add(r.patient)
			f := fault.Of(err)
			log.Error("the rotation of the root keys has stopped and will be tried again", "code", f.Code, "detail", f.Detail, "again", r.again, "err", err)
		}
	})
}

// sweep goes on with what was interrupted, and begins what is due.
func (r *rotation) sweep(ctx context.Context) error {
	now := r.now()
	r.mu.Lock()
	wait := now.Before(r.again)
	r.mu.Unlock()
	if wait {
		return nil
	}
	if r.vault.Leaving() {
		r.goOn()
		return nil
	}
	due, err := r.vault.TermDue(ctx)
	if err != nil || !due {
		return err
	}
	if r.after == 0 {
		r.later(now.Add(time.Hour))
		r.log.Warn("a rotation of the root keys is due, and this server does not begin one by itself: run jali key rotate")
		return nil
	}
	if err = r.begin(ctx); err != nil {
		r.later(now.Add(time.Minute))
	}
	return err
}

func (r *rotation) later(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again = t
}

// said is how far it is, or nil if there is none.
func (r *rotation) said() *vault.Rotation {
	said := r.vault.Rotation()
	if said != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		said.Running = r.running
	}
	return said
}

// rekey hands the root keyring over to another key-encryption key.
func (r *rotation) rekey(ctx context.Context, n NewKEK) error {
	key, err := n.open()
	if err != nil {
		return err
	}
	if err := r.vault.Rekey(ctx, key); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kek = n.Choice
	r.log.Warn("the root keyring has another key-encryption key: name it in the configuration before the next start", "kek", r.kek.Kind())
	return nil
}

var errKeyFile = &fault.Error{Kind: fault.Invalid, Code: "key_file",
	Detail: "the new key file cannot be opened, or made where it is not there: it has to be where the server can read and write it; nothing was changed"}

// open makes a key file that is not there.
func (n NewKEK) open() (kek.KEK, error) {
	if n.Env != "" && n.Check() == nil {
		return kek.FromText(n.Value)
	}
	key, err := kek.Open(n.Choice)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = kek.CreateFile(n.File)
	}
	if f := new(fault.Error); err != nil && !errors.As(err, &f) {
		err = errKeyFile.Because(err)
	}
	return key, err
}

func (a *admin) keyStatus(w http.ResponseWriter, r *http.Request) {
	terms, err := a.house.Vault.Terms(r.Context())
	terms.Rotation = a.house.rotation.said()
	a.house.rotation.mu.Lock()
	key := a.house.rotation.kek
	a.house.rotation.mu.Unlock()
	_, served := r.Context().Value(http.ServerContextKey).(*http.Server)
	if served { // whoever asks may stand in another folder
		terms.Anchor, key.File = absolute(terms.Anchor), absolute(key.File)
	}
	a.answer(w, Keys{Terms: terms, KEK: key.String(), RotateAfter: a.house.rotation.after.Seconds(), Served: served}, err)
}

func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil && path != "" {
		return whole
	}
	return path
}

func (a *admin) keyRotation(w http.ResponseWriter, _ *http.Request) {
	a.answer(w, a.house.rotation.said(), nil)
}

func (a *admin) rotateKeys(w http.ResponseWriter, r *http.Request) {
	err := a.house.rotation.begin(r.Context())
	a.answer(w, a.house.rotation.said(), err)
}

func (a *admin) rekey(w http.ResponseWriter, r *http.Request) {
	var n NewKEK
	if a.read(w, r, &n) {
		a.answer(w, true, a.house.rotation.rekey(r.Context(), n))
	}
}
