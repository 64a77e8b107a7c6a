package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"jali/cmd/internal/house"
	"jali/cmd/sandbox/bank"
	"jali/connectors"
	"jali/connectors/mock"
	"jali/consent"
	"jali/consent/passkey/software"
	sandboxapi "jali/openapi/sandbox"
	"jali/server"
)

// sandbox is everything in one process.
type sandbox struct {
	flags     flags
	ready     Ready
	data      string
	temporary bool
	failed    chan error

	log      *slog.Logger
	clock    *clock
	now      func() time.Time
	house    *house.House
	site     http.Handler // the house's, with its promises kept
	town     *mock.Town
	sources  *connectors.Registry
	passkey  *software.Authenticator
	visitors *visitors

	violations violations
	seen       seen
	mail       mail
	attempts   *attempts

	running context.Context // until stop
	end     context.CancelFunc
	serving sync.WaitGroup

	keeping sync.Mutex // while state is written
	state   *state
}

const (
	sweepEvery   = 10 * time.Second // removes what has had its time
	stopPatience = 5 * time.Second  // for requests under way

	invitations = 1000 // clients may register themselves
	inviteLife  = 30 * 24 * time.Hour

	stepUpLife = 180 * 24 * time.Hour // as jali serve has it
)

func start(ctx context.Context, f flags, log *slog.Logger) (_ *sandbox, err error) {
	s := &sandbox{flags: f, data: f.Data, log: log, failed: make(chan error, 5), clock: &clock{outside: f.Now}}
	if f.Now == nil {
		s.clock.outside = time.Now
	}
	s.now = s.clock.now
	s.running, s.end = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.temporary = f.Data == ""; s.temporary {
		if s.data, err = os.MkdirTemp("", "jali-sandbox-"); err != nil {
			return nil, err
		}
	} else if err := os.MkdirAll(s.data, 0o700); err != nil {
		return nil, err
	}
	jali, err := listen(f.Addr, "--addr")
	if err != nil {
		return nil, err
	}
	town, err := listen(f.TownAddr, "--town-addr")
	if err != nil {
		return nil, err
	}
	app, err := listen(f.BankAddr, "--bank-addr")
	if err != nil {
		return nil, err
	}
	certified, err := net.Listen("tcp", cmp.Or(f.MTLSAddr, "localhost:0"))
	if err != nil {
		return nil, err
	}
	// Passkeys know sites by name, and cookies do not know ports: jali is
	// localhost, the others are 127.0.0.1.
	own := "http://localhost:" + port(jali)
	s.ready = Ready{
		Issuer: f.Issuer, API: own + "/v1", Sandbox: own + "/sandbox",
		Town: "http://127.0.0.1:" + port(town), Bank: "http://127.0.0.1:" + port(app),
	}
	if s.ready.Issuer == "" {
		s.ready.Issuer = own
	}
	s.ready.API = s.ready.Issuer + "/v1"
	if err := house.CheckIssuer(s.ready.Issuer); err != nil {
		return nil, err
	}
	if s.state, err = openState(filepath.Join(s.data, "sandbox.json")); err != nil {
		return nil, err
	}
	s.clock.ahead.Store(int64(s.state.Ahead))
	s.seen.last, s.mail.boxes = s.state.Seen, map[consent.ClientID]*inbox{}
	if err := s.prepareMTLS(certified); err != nil {
		return nil, err
	}
	if err := s.openTown(town); err != nil {
		return nil, err
	}
	if err := s.openHouse(ctx, jali); err != nil {
		return nil, err
	}
	if err := s.openMTLS(certified); err != nil {
		return nil, err
	}
	if err := s.invite(ctx); err != nil {
		return nil, err
	}
	if err := s.openBank(ctx, app); err != nil {
		return nil, err
	}
	if err := s.settle(ctx); err != nil {
		return nil, fmt.Errorf("the sample people could not move in: %w", err)
	}
	s.ready.Canaries = s.town.Canaries()
	if f.Ready != "" {
		return s, writeReady(f.Ready, s.ready)
	}
	return s, nil
}

// listen names the flag that helps where an address is taken.
func listen(addr, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w; %s names another address", err, flag)
	}
	return l, nil
}

func port(l net.Listener) string {
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

func (s *sandbox) serve(l net.Listener, h http.Handler) { s.serveWith(l, server.HTTP(h, s.log)) }

func (s *sandbox) serveWith(l net.Listener, srv *http.Server) {
	s.serving.Go(func() {
		if err := server.Serve(s.running, srv, l, stopPatience); err != nil {
			s.failed <- err
		}
	})
}

func (s *sandbox) openTown(l net.Listener) (err error) {
	dir := s.data
	if s.temporary {
		dir = ""
	}
	if s.town, err = mock.New(mock.Config{Seed: 1, Now: s.now, BaseURL: s.ready.Town, Log: s.log, Dir: dir}); err != nil {
		return err
	}
	town := s.town.Handler()
	if s.flags.Town != nil {
		town = s.flags.Town(town)
	}
	s.serve(l, town)
	return nil
}

func (s *sandbox) openHouse(ctx context.Context, l net.Listener) error {
	var err error
	if s.sources, err = townSources(s.town, s.now); err != nil {
		return err
	}
	if err := s.openPasskey(); err != nil {
		return err
	}
	api, err := s.control()
	if err != nil {
		return err
	}
	c := house.Config{
		Issuer: s.ready.Issuer, Data: s.data, Sources: s.sources, Log: s.log, Now: s.now,
		MTLS: s.ready.MTLS.URL, ClientCAs: s.state.Authority.pool(),
		Rates: house.GenerousRates(), AllowPrivate: true, AtOnce: true, RotateAfter: 30 * 24 * time.Hour, StepUpLife: stepUpLife, Software: softwarePath, Extra: map[string]http.Handler{"/sandbox/": api},
		Document: sandboxapi.Document, Seen: func(c consent.ClientID) { s.seen.note(c, s.now()) },
	}
	if s.flags.House != nil {
		s.flags.House(&c)
	}
	if s.house, err = house.Open(ctx, c); err != nil {
		return err
	}
	s.watchOutbox()
	if !s.flags.Quiet {
		s.serving.Go(func() { s.house.SweepEvery(s.running, sweepEvery) })
		s.serving.Go(func() { s.house.Outbox.Run(s.running) })
		s.serving.Go(func() { s.house.Guard.Run(s.running) })
	}
	verbs, err := house.ListenAdmin(s.data)
	if err != nil {
		return err
	}
	s.serve(verbs, s.house.Admin)
	if s.site = s.house.Handler; !s.flags.Bare {
		if s.site, err = s.promising(s.site); err != nil {
			return err
		}
	}
	s.site = s.dated(s.site)
	s.serve(l, s.site)
	return nil
}

// invite lets clients register themselves by a token of this start.
func (s *sandbox) invite(ctx context.Context) error {
	old, err := s.house.OAuth.Invites(ctx)
	if err != nil {
		return err
	}
	for _, i := range old {
		if err := s.house.OAuth.Uninvite(ctx, i.ID); err != nil {
			return err
		}
	}
	_, token, err := s.house.OAuth.Invite(ctx, invitations, inviteLife)
	s.ready.InitialAccessToken = string(token.Reveal())
	return err
}

// openBank registers two clients on a first start, and runs the bank app as
// the first of them.
func (s *sandbox) openBank(ctx context.Context, l net.Listener) error {
	names := []struct {
		consent.Name
		redirect string
	}{
		{consent.Name{ZH: "晨曦银行", EN: "Morning Bank"}, s.ready.Bank + "/callback"},
		{consent.Name{ZH: "小账本", EN: "Little Ledger"}, "http://127.0.0.1/callback"},
	}
	for i, n := range names {
		c, err := s.state.client(i, func() (*sampleClient, error) {
			key, err := newKey()
			if err != nil {
				return nil, err
			}
			return &sampleClient{ID: "client_" + rand.Text(), Key: key}, nil
		})
		if err != nil {
			return err
		}
		if err := s.house.Consent.PutClient(ctx, consent.Client{
			ID: consent.ClientID(c.ID), Name: n.Name, JWKS: c.Key.publicSet(), RedirectURIs: []string{n.redirect}, AliasShape: "opaque", Delivery: consent.Poll,
		}); err != nil {
			return err
		}
		private, err := c.Key.privateSet()
		if err != nil {
			return err
		}
		s.ready.Clients = append(s.ready.Clients, ReadyClient{ClientID: c.ID, RedirectURI: n.redirect, JWKS: private})
	}
	app, err := bank.New(bank.Config{
		Issuer: s.ready.Issuer, Self: s.ready.Bank, ClientID: s.ready.Clients[0].ClientID, Key: s.state.Clients[0].Key,
		HTTP: &http.Client{Timeout: 30 * time.Second}, Log: s.log, Now: s.now,
	})
	if err != nil {
		return err
	}
	s.serve(l, app)
	return nil
}

// stop ends everything and, where nothing was to be kept, removes it.
func (s *sandbox) stop() error {
	var errs []error
	s.end()
	s.serving.Wait()
	if s.state != nil && !s.temporary {
		s.keeping.Lock()
		s.state.Seen = s.seen.all()
		errs = append(errs, s.state.save())
		s.keeping.Unlock()
	}
	if s.house != nil {
		errs = append(errs, s.house.Close())
	}
	if s.temporary && s.data != "" {
		errs = append(errs, os.RemoveAll(s.data))
	}
	return errors.Join(errs...)
}

// state is what the sandbox itself keeps from one start to the next: the keys
// of its clients and the software passkeys of its people.
type state struct {
	path     string
	Clients  []*sampleClient `json:"clients"`
	Passkeys json.RawMessage `json:"passkeys,omitempty"`
	People   []samplePerson  `json:"people,omitempty"`

	Authority *authority `json:"authority,omitempty"`

	Ahead time.Duration `json:"ahead,omitempty"` // how far the clock was moved

	Seen map[consent.ClientID]time.Time `json:"seen"`
}

type sampleClient struct {
	ID  string `json:"id"`
	Key key    `json:"key"`
}

// samplePerson ties a person of the town to their account at jali.
type samplePerson struct {
	Town       string `json:"town"`
	ID         string `json:"id"`
	Name       string `json:"name"`
	Persona    string `json:"persona,omitempty"` // of one who moved in when asked to
	Credential string `json:"credential"`
}

func openState(path string) (*state, error) {
	s := &state{path: path, Seen: map[consent.ClientID]time.Time{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(b, s)
}

func (s *state) client(i int, newOne func() (*sampleClient, error)) (*sampleClient, error) {
	if i < len(s.Clients) {
		return s.Clients[i], nil
	}
	c, err := newOne()
	if err != nil {
		return nil, err
	}
	s.Clients = append(s.Clients, c)
	return c, s.save()
}

// founding reports whether a client is one that the sandbox itself has made.
func (s *state) founding(id string) bool {
	return slices.ContainsFunc(s.Clients, func(c *sampleClient) bool { return c.ID == id })
}

func (s *state) save() error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeWhole(s.path, b)
}
