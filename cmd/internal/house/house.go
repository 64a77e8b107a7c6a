// Package house wires the rooms together: it is the one place that knows all
// of them. cmd/jali opens it on an operator's disk, cmd/sandbox on a temporary
// one beside the mock town.
package house

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/prometheus/client_golang/prometheus"

	"jali/connectors"
	"jali/consent"
	"jali/consent/oauth"
	"jali/consent/page"
	"jali/consent/passkey"
	"jali/internal/aggregate"
	"jali/internal/deletion"
	"jali/internal/dial"
	"jali/internal/discreet"
	"jali/internal/fault"
	"jali/internal/jose"
	"jali/internal/kv/boltkv"
	"jali/internal/ledger"
	"jali/internal/rollback"
	"jali/internal/upstream"
	"jali/internal/webhook"
	"jali/openapi/docs"
	"jali/server"
	"jali/vault"
	"jali/vault/anchor"
	"jali/vault/kek"
)

// Config says where a house stands and what it is asked to serve.
type Config struct {
	Issuer         string         // the public URL, without a slash at its end
	Data           string         // the folder of jali.db and keys.db, made if it is not there
	Key            kek.Choice     // the key-encryption key; none named: the file kek.key in Data
	AnchorFile     string         // what holds the database to its time; empty: anchor in Data
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed, and CertificateHeader
	// CertificateHeader is where these proxies pass a client's certificate on;
	// empty: they do not.
	CertificateHeader string
	MTLS              string         // the URL at which clients show certificates; empty: nowhere
	ClientCAs         *x509.CertPool // whose certificates clients may authenticate with (RFC 8705, section 2.1)
	Rates             Rates          // nil: the usual ones
	StepUpLife        time.Duration  // how long a yes may be read by; zero: as long as its grant
	RotateAfter       time.Duration  // how long after a deletion the root keys are rotated; zero: never by itself
	AllowPrivate      bool           // clients may be reached at private addresses: the sandbox's live on this machine
	AtOnce            bool           // clients are told of a connection at once, not each at a moment of its own: the sandbox's
	Sources           *connectors.Registry
	Software          string                      // path of the software passkey; the sandbox alone sets it
	Document          func() (*openapi3.T, error) // of the sandbox's own API; the sandbox alone sets it
	Extra             map[string]http.Handler     // further handlers by path prefix
	Seen              func(consent.ClientID)      // told of each client that shows itself; the sandbox alone sets it
	Metrics           prometheus.Registerer       // nil: none
	Log               *slog.Logger
	Now               func() time.Time
}

// House is one running Jali.
type House struct {
	Consent   *consent.Service
	Passkeys  *passkey.Service
	Aggregate *aggregate.Service
	Upstream  *upstream.Pool
	Vault     *vault.Vault
	OAuth     *oauth.Server
	Outbox    *webhook.Outbox
	Deletions *deletion.Register
	Guard     *rollback.Guard
	Handler   http.Handler // the public site
	Admin     http.Handler // what verbs ask, through the admin socket

	db, keys  *boltkv.DB
	held      *anchor.File
	data      string
	backingUp sync.Mutex
	stopping  context.Context // ended by Stopping
	stop      context.CancelFunc
	rotation  *rotation
	now       func() time.Time
	log       *slog.Logger

	shredFailures prometheus.Counter
}

// Open opens or founds a house. Founding makes the key file where one is to be
// used; a database whose key is missing is an error, and nothing is written.
func Open(ctx context.Context, c Config) (_ *House, err error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Log = discreet.Logger(c.Log)
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	choice := keyChoice(c)
	key, err := kek.Open(choice)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	held, err := openAnchor(c)
	if err != nil {
		return nil, err
	}
	founding := held.State().Ring == ""
	h := &House{held: held, data: c.Data, now: c.Now, log: c.Log}
	h.stopping, h.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	if err := h.openStores(ctx, c.Data); err != nil {
		return nil, err
	}
	if key == nil {
		if key, err = h.makeKey(ctx, choice.File); err != nil {
			return nil, err
		}
	}
	if h.Vault, err = vault.Open(ctx, vault.Config{DB: h.db, Keys: h.keys, KEK: key, Anchor: held, Now: c.Now}); err != nil {
		return nil, err
	}
	if founding && c.Software == "" { // of a sandbox there is nothing to keep
		h.log.Warn("this house is new: keep a copy of its key-encryption key and one of its anchor elsewhere, apart from its backups; without both nothing in it can ever be read",
			"key", choice.Kind(), "anchor", held.Path())
	}
	h.rotation = newRotation(h.Vault, c)
	if err := h.wire(ctx, c); err != nil {
		return nil, err
	}
	return h, h.begin(ctx)
}

func (h *House) wire(ctx context.Context, c Config) (err error) {
	if h.Passkeys, err = passkey.New(passkey.Config{DB: h.db, Seal: sealer{h.Vault}, Issuer: c.Issuer, Now: c.Now}); err != nil {
		return err
	}
	h.Guard = &rollback.Guard{DB: h.db, Anchor: h.held, MAC: h.Vault.MAC, Now: c.Now, Log: c.Log}
	h.Consent = &consent.Service{DB: h.db, StepUp: h.Passkeys, StepUpLife: c.StepUpLife, Now: c.Now}
	bills := &ledger.Ledger{DB: h.db, Vault: h.Vault}
	h.openDeletions(c)
	if err := h.measureShredding(c.Metrics); err != nil {
		return err
	}
	if err := h.openUpstream(c); err != nil {
		return err
	}
	h.Aggregate = &aggregate.Service{DB: h.db, Vault: h.Vault, Grants: h.Consent, Connectors: c.Sources, Ledger: bills, Upstream: h.Upstream, Now: c.Now, Log: c.Log, AtOnce: c.AtOnce}
	h.Upstream.Allot = h.Aggregate.Allot

	der, err := h.Vault.SigningKey(ctx)
	if err != nil {
		return err
	}
	signing, err := jose.ParsePKCS8(der)
	if err != nil {
		return err
	}
	if c.Rates == nil {
		if c.Rates, err = ParseRates(nil); err != nil {
			return err
		}
	}
	brakes := c.Rates.brakes(c.Now)
	if err := h.openOutbox(ctx, c); err != nil {
		return err
	}
	var pages *page.Page
	h.OAuth, err = oauth.New(oauth.Config{
		DB: h.db, Consent: h.Consent, Issuer: c.Issuer, Now: c.Now, Log: c.Log,
		MAC: h.Vault.MAC, Subject: h.Vault.Subject, IssuerKey: signing, Brakes: brakes.oauth,
		MTLS: c.MTLS, ClientCAs: c.ClientCAs,
		HTTP:       dial.New(dial.Config{AllowPrivate: c.AllowPrivate, Timeout: 5 * time.Second, MaxBody: 64 << 10}),
		ConsentURL: func(g consent.GrantID) string { return "/consent/" + string(g) },
		ErrorPage:  func(w http.ResponseWriter, r *http.Request, f *fault.Error) { pages.Fault(w, r, f) },
		Notify:     h.notify, Taken: func(t tx, g consent.GrantID) error { return h.Guard.Touch(t, rollback.Grant, string(g)) }, Seen: c.Seen, Publish: map[string]any{"webhook_keys": h.Outbox.Keys()},
	})
	if err != nil {
		return err
	}
	pages, err = page.New(page.Config{
		Consent: h.Consent, Passkeys: h.Passkeys, Aggregate: h.Aggregate, Deletions: h.Deletions, DB: h.db, Issuer: c.Issuer, Now: c.Now,
		Software: c.Software, Status: server.Status, Shred: h.Vault.Shred, Brake: brakes.signIn, Lookups: brakes.lookup, Log: c.Log,
		Receipts: func(kind string, claims any) (string, error) {
			return signing.Sign(map[string]any{"typ": "jali-" + kind + "-receipt+jwt"}, claims)
		},
	})
	if err != nil {
		return err
	}
	h.Consent.Ended = append(h.Consent.Ended, h.grantEnded, h.OAuth.GrantEnded, h.Aggregate.GrantEnded)
	h.Consent.Changed = append(h.Consent.Changed, h.OAuth.GrantChanged, h.Aggregate.GrantChanged)
	h.Consent.Decided = append(h.Consent.Decided, h.OAuth.Decided)
	h.Consent.Removed = append(h.Consent.Removed, h.OAuth.ClientRemoved,
		func(tx tx, c consent.ClientID, limit int) (bool, error) {
			return h.Vault.ForgetClient(tx, string(c), limit)
		})
	h.Consent.Leaving = append(h.Consent.Leaving, h.Passkeys.PersonLeaves, h.OAuth.PersonLeaves, h.Aggregate.PersonLeaves, pages.PersonLeaves,
		func(tx tx, p consent.PersonID) error { return bills.PersonLeaves(tx, string(p)) },
		func(tx tx, p consent.PersonID) error { return h.Deletions.PersonLeaves(tx, string(p)) },
		func(tx tx, p consent.PersonID) error { return h.Vault.PersonLeaves(tx, string(p)) },
	)

	h.guard()

	h.Handler, err = server.New(server.Config{
		Issuer: c.Issuer, Views: h.Aggregate, Authenticate: h.authenticate, OAuth: h.OAuth, Pages: pages, Docs: docs.New(docs.Config{HTTPS: strings.HasPrefix(c.Issuer, "https:"), Sandbox: c.Document}), Extra: c.Extra,
		TrustedProxies: c.TrustedProxies, CertificateHeader: c.CertificateHeader, Brakes: brakes.data, Metrics: c.Metrics, Log: c.Log, Now: c.Now,
		HTTPS: strings.HasPrefix(c.Issuer, "https:"),
	})
	h.Admin = h.anchored(newAdmin(h, c.Log))
	return err
}

// grantEnded gives a client new aliases once the person has taken back the
// last of its grants.
func (h *House) grantEnded(tx tx, g consent.Grant, lastLiving bool) error {
	if !lastLiving {
		return nil
	}
	return h.Vault.EndEpoch(tx, string(g.Person), string(g.Client))
}

func (h *House) authenticate(answer http.Header, r *http.Request) (server.Caller, error) {
	caller, err := h.OAuth.Authenticate(answer, r)
	return server.Caller{Client: caller.Client, Grant: caller.Grant, Given: caller.Given}, err
}

// Sweep ends and removes, once, what has had its time in every room.
func (h *House) Sweep(ctx context.Context) {
	rooms := map[string]func(context.Context) error{
		"consent":   func(ctx context.Context) error { _, err := h.Consent.Sweep(ctx); return err },
		"passkey":   h.Passkeys.Sweep,
		"oauth":     h.OAuth.Sweep,
		"aggregate": h.Aggregate.Sweep,
		"webhook":   h.Outbox.Sweep,
		"deletion":  h.Deletions.Sweep,
		"vault":     h.Vault.Shred,
		"rotation":  h.rotation.sweep,
	}
	for name, sweep := range rooms {
		if err := calmly(ctx, sweep); err != nil && ctx.Err() == nil {
			h.log.Error("a sweep failed and will be tried again", "room", name, "code", fault.Of(err).Code, "err", err)
		}
	}
}

// calmly makes a panic of f an error: what one room stumbles over ends nothing
// for the others.
func calmly(ctx context.Context, f func(context.Context) error) (err error) {
	defer fault.Caught(&err)
	return f(ctx)
}

// SweepEvery sweeps at once, since nobody did while no process ran, and then
// until ctx ends; destroys the keys of what is deleted, more often; and goes on
// with a rotation that the last process left.
func (h *House) SweepEvery(ctx context.Context, d time.Duration) {
	var shredding sync.WaitGroup
	defer shredding.Wait()
	shredding.Go(func() { h.keepShredding(ctx) })
	if h.Vault.Leaving() {
		h.rotation.goOn()
	}
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		h.Sweep(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Ready reports whether both files can be read and take writes.
func (h *House) Ready(ctx context.Context) error {
	for _, db := range []*boltkv.DB{h.db, h.keys} {
		if err := db.Writable(); err != nil {
			return err
		}
		if err := db.View(ctx, func(tx) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// Stopping says that the process is about to end: whoever takes a backup away
// has to hurry.
func (h *House) Stopping() { h.stop() }

// Close tells the anchor that all is told, and closes the files. Requests under
// way must have ended.
func (h *House) Close() error {
	h.stop()
	if h.rotation != nil {
		h.rotation.close()
	}
	var errs []error
	if h.Guard != nil {
		errs = append(errs, h.Guard.Stop(context.Background()))
	}
	for _, db := range []*boltkv.DB{h.db, h.keys} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
