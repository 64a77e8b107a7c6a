package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"jali/cmd/internal/house"
	"jali/internal/discreet"
	"jali/server"
)

type serveCmd struct {
	Listen      string   `help:"Address to serve on." default:"localhost:8080" env:"JALI_LISTEN" placeholder:"HOST:PORT"`
	TLSCert     string   `help:"Certificate chain in PEM; with --tls-key, TLS 1.2 or newer is served." env:"JALI_TLS_CERT" placeholder:"FILE" name:"tls-cert"`
	TLSKey      string   `help:"Private key of the certificate, in PEM." env:"JALI_TLS_KEY" placeholder:"FILE" name:"tls-key"`
	BehindProxy []string `help:"Address ranges of proxies that end TLS and whose X-Forwarded-For is believed. May be repeated." env:"JALI_BEHIND_PROXY" placeholder:"CIDR"`
	certificates

	Rate       []string      `help:"A limit, as in 'token=20/s burst 100' or 'signin=off'. Of an address: address, signin, lookup; of a grant: grant; of a client: par, bc-authorize, token, introspect, revoke. May be repeated." env:"JALI_RATE" placeholder:"NAME=LIMIT"`
	StepUpLife time.Duration `help:"How long data may be read by a person's yes before the client has to ask for a new one (4320h: 180 days). 0: as long as the grant." default:"4320h" env:"JALI_STEP_UP_LIFE" placeholder:"DURATION"`
	// AllowPrivate is for clients as allow-private is for sources.
	AllowPrivate bool `help:"Reach the addresses that clients have registered (key sets, webhooks, pings) where they are private ones, too: in the operator's own network." env:"JALI_ALLOW_PRIVATE"`

	Admin    string `help:"Address of /healthz, /readyz and /metrics; never a public one. Empty: none." default:"127.0.0.1:9464" env:"JALI_ADMIN" placeholder:"HOST:PORT"`
	Pprof    bool   `help:"Serve /debug/pprof/ on the admin address." env:"JALI_PPROF"`
	LogLevel string `help:"Log at this level and above: ${enum}." enum:"debug,info,warn,error" default:"info" env:"JALI_LOG_LEVEL"`
}

func (serveCmd) Help() string {
	return `Examples:
  jali serve --data /var/lib/jali --issuer https://jali.example \
    --listen :8443 --tls-cert chain.pem --tls-key key.pem
  jali serve --data /var/lib/jali --key-command '/usr/local/bin/awskms --key arn:aws:kms:…'
  jali serve --config /etc/jali/jali.yaml`
}

// shutdownPatience is how long requests under way may take to end.
const shutdownPatience = 20 * time.Second

func (s *serveCmd) Run(c *cli) error {
	house.SpendMemory()
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return err
	}
	log := discreet.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	discreet.Take(log)
	proxies, err := s.check(c.Issuer)
	if err != nil {
		return err
	}
	own, err := s.ownCertificates()
	if err != nil {
		return err
	}
	authorities, err := s.authorities()
	if err != nil {
		return err
	}
	rates, err := house.ParseRates(s.Rate)
	if err != nil {
		return err
	}
	sources, err := loadSources(string(c.Config))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	h, err := house.Open(ctx, house.Config{
		Issuer: c.Issuer, Data: c.Data, Key: c.choice(), AnchorFile: c.Anchor, TrustedProxies: proxies, CertificateHeader: s.ClientCertHeader,
		MTLS: s.MTLSURL, ClientCAs: authorities, Rates: rates, StepUpLife: s.StepUpLife, RotateAfter: c.RotateAfter, AllowPrivate: s.AllowPrivate, Sources: sources, Metrics: metrics, Log: log,
	})
	if err != nil {
		return err
	}
	return errors.Join(s.serve(ctx, c, h, own, proxies, metrics, log), h.Close())
}

// check refuses settings that would serve people's data over plain HTTP.
func (s *serveCmd) check(issuer string) ([]netip.Prefix, error) {
	if err := house.CheckIssuer(issuer); err != nil {
		return nil, err
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	var proxies []netip.Prefix
	for _, p := range s.BehindProxy {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			return nil, fmt.Errorf("--behind-proxy wants an address range such as 10.0.0.0/8: %w", err)
		}
		if prefix.Bits() == 0 {
			return nil, errors.New("--behind-proxy names everybody: name the proxies alone")
		}
		proxies = append(proxies, prefix)
	}
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return nil, fmt.Errorf("--listen wants HOST:PORT: %w", err)
	}
	if s.TLSCert == "" && len(proxies) == 0 && !loopback(host) {
		return nil, errors.New("without TLS only a loopback address is served: give --tls-cert and --tls-key, or name the proxy that ends TLS with --behind-proxy")
	}
	if s.StepUpLife < 0 {
		return nil, errors.New("--step-up-life cannot be negative")
	}
	return proxies, s.certificates.check(issuer, s.TLSCert != "", proxies)
}

// ownCertificates are read before anything is founded.
func (s *serveCmd) ownCertificates() ([]tls.Certificate, error) {
	if s.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be used: %w", err)
	}
	return []tls.Certificate{pair}, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// serve answers people and clients, verbs, and the operator's monitoring,
// until ctx ends or one of them fails. Every address is taken before any is
// served.
func (s *serveCmd) serve(ctx context.Context, c *cli, h *house.House, own []tls.Certificate, proxies []netip.Prefix,
	metrics *prometheus.Registry, log *slog.Logger) (err error) {
	var taken []io.Closer
	take := func(l net.Listener, err error) (net.Listener, error) {
		if err == nil {
			taken = append(taken, l)
		}
		return l, err
	}
	defer func() {
		for _, l := range taken {
			_ = l.Close() // by now the servers have; what they never got is what this is for
		}
	}()
	all, ctx := errgroup.WithContext(ctx)
	var ready []func()
	serve := func(srv *http.Server, l net.Listener) {
		ready = append(ready, func() {
			all.Go(func() error { return server.Serve(ctx, srv, l, shutdownPatience) })
		})
	}

	listener, err := take(net.Listen("tcp", s.Listen))
	if err != nil {
		return err
	}
	if len(own) == 0 {
		listener = onlyFrom(listener, proxies)
	}
	public := server.HTTP(h.Handler, log)
	public.TLSConfig.Certificates = own
	serve(public, listener)
	if s.MTLSListen != "" {
		l, err := take(net.Listen("tcp", s.MTLSListen))
		if err != nil {
			return err
		}
		mutual := server.MutualTLS(h.Handler, c.Issuer, log)
		mutual.TLSConfig.Certificates = own
		serve(mutual, l)
		log.Info("asking clients for certificates", "url", s.MTLSURL, "mtls", l.Addr().String())
	}
	socket, err := take(house.ListenAdmin(c.Data))
	if err != nil {
		return err
	}
	verbs := server.HTTP(h.Admin, log)
	verbs.RegisterOnShutdown(h.Stopping)
	serve(verbs, socket)
	if s.Admin != "" {
		l, err := take(net.Listen("tcp", s.Admin))
		if err != nil {
			return err
		}
		log.Info("monitoring", "at", l.Addr().String())
		if host, _, err := net.SplitHostPort(s.Admin); err == nil && !loopback(host) {
			log.Warn("monitoring is not on a loopback address: see that no stranger reaches it")
		}
		serve(server.HTTP(house.Health(h, metrics, s.Pprof), log), l)
	}
	for _, begin := range ready {
		begin()
	}
	all.Go(func() error { h.SweepEvery(ctx, time.Minute); return nil })
	all.Go(func() error { h.Outbox.Run(ctx); return nil })
	all.Go(func() error { h.Guard.Run(ctx); return nil })
	h.HintAnchor()
	log.Info("serving", "issuer", c.Issuer, "address", listener.Addr().String())
	return all.Wait()
}

func background() context.Context { return context.Background() }
