package passkey_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"jali/consent"
	"jali/consent/passkey"
	"jali/consent/passkey/software"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

const (
	issuer = "http://localhost:8080"
	linux  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)

var (
	ctx  = context.Background()
	noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
)

// box seals with a key for each person, as the vault does.
type box struct {
	mu   sync.Mutex
	keys map[consent.PersonID]cipher.AEAD
}

var errNobody = errors.New("no such person")

func (b *box) NewPerson(_ context.Context, p consent.PersonID) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys[p], err = cipher.NewGCMWithRandomNonce(block)
	return err
}

func (b *box) of(p consent.PersonID) (cipher.AEAD, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := b.keys[p]; k != nil {
		return k, nil
	}
	return nil, errNobody
}

func (b *box) Seal(_ context.Context, p consent.PersonID, record string, plain []byte) ([]byte, error) {
	k, err := b.of(p)
	if err != nil {
		return nil, err
	}
	return k.Seal(nil, nil, plain, []byte(record)), nil
}

func (b *box) Open(_ context.Context, p consent.PersonID, record string, sealed []byte) ([]byte, error) {
	k, err := b.of(p)
	if err != nil {
		return nil, err
	}
	return k.Open(nil, nil, sealed, []byte(record))
}

type house struct {
	*passkey.Service
	*testing.T
	db kv.DB

	mu  sync.Mutex
	now time.Time
}

func build(t *testing.T, issuer string) *house {
	t.Helper()
	db, err := boltkv.Open(filepath.Join(t.TempDir(), "jali.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := &house{T: t, db: db, now: noon}
	h.Service, err = passkey.New(passkey.Config{DB: db, Seal: &box{keys: map[consent.PersonID]cipher.AEAD{}}, Issuer: issuer, Now: h.clock})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) set(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = at
}

func (h *house) add(d time.Duration) { h.set(h.clock().Add(d)) }

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// joins signs somebody up with a passkey in a.
func (h *house) joins(a *software.Authenticator, name string) (passkey.SignedIn, []string) {
	h.Helper()
	flow, options, err := h.BeginSignUp(ctx, name)
	h.must(err)
	response, err := a.Create(issuer, options)
	h.must(err)
	in, codes, err := h.FinishSignUp(ctx, flow, response, linux)
	h.must(err)
	return in, codes
}

func (h *house) signsIn(a *software.Authenticator) (passkey.SignedIn, error) {
	h.Helper()
	flow, options, err := h.BeginSignIn(ctx)
	h.must(err)
	response, err := a.Get(issuer, options)
	h.must(err)
	return h.FinishSignIn(ctx, flow, response, linux)
}

// with is what the service makes of a request with a cookie.
func (h *house) with(c *http.Cookie) (consent.Session, bool, error) {
	r := httptest.NewRequest("GET", "/", nil)
	if c != nil {
		r.AddCookie(c)
	}
	return h.Session(r)
}

func (h *house) rows() map[string]string {
	h.Helper()
	m := map[string]string{}
	h.must(h.db.View(ctx, func(tx kv.Tx) error {
		clear(m)
		for row, err := range tx.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			m[string(row.Key)] = string(row.Value)
		}
		return nil
	}))
	return m
}

func (h *house) leavesNoTrace(want error, f func() error) {
	h.Helper()
	before := h.rows()
	if err := f(); !errors.Is(err, want) {
		h.Errorf("got %v, want %v", err, want)
	}
	if !maps.Equal(before, h.rows()) {
		h.Errorf("a failed deed changed what is stored")
	}
}

// check runs Check in a transaction of its own.
func (h *house) check(p consent.PersonID, challenge, response []byte) (consent.Evidence, error) {
	var e consent.Evidence
	err := h.db.Update(ctx, func(tx kv.Tx) error {
		var err error
		e, err = h.Check(tx, p, challenge, response)
		return err
	})
	return e, err
}
