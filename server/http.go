package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"jali/internal/discreet"
	"jali/openapi/problems"
)

// HTTP answers an http.Server with every timeout set. Reading has a minute
// for a bill file over a slow line; writing has more than any view takes.
// TLS, where certificates are given to it, is 1.3, or 1.2 with the suites of
// BCP 195 (RFC 9325, section 4.2; FAPI 2.0 Security Profile, section 5.2.2). A
// panic that h lets through is logged without its value.
func HTTP(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.Default()
	}
	return &http.Server{
		Handler:           discreet.Calm(h, log),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites, NextProtos: []string{"h2", "http/1.1"}},
		ErrorLog:          discreet.Server(log),
	}
}

var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
}

// MutualTLS is HTTP for clients that show certificates (RFC 8705). The
// handshake asks for one and takes any, or none: whose it is, a client's
// registration says, and that may be nobody but the client. The person's pages
// are not there: no browser has to come where it is asked for a certificate. The
// issuer is h's.
func MutualTLS(h http.Handler, issuer string, log *slog.Logger) *http.Server {
	s := HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, called := range []string{"/v1/", "/oauth/", "/.well-known/"} {
			if strings.HasPrefix(r.URL.Path, called) {
				h.ServeHTTP(w, r)
				return
			}
		}
		Problem(w, named(w, r), issuer, problems.Data, errRoute)
	}), log)
	s.TLSConfig.ClientAuth = tls.RequestClientCert
	return s
}

// Serve answers on l until ctx ends, then lets requests under way finish for
// at most grace. It answers nil after a clean end. With certificates in
// s.TLSConfig it speaks TLS.
func Serve(ctx context.Context, s *http.Server, l net.Listener, grace time.Duration) error {
	failed := make(chan error, 1)
	go func() {
		if c := s.TLSConfig; c != nil && (len(c.Certificates) > 0 || c.GetCertificate != nil) {
			failed <- s.ServeTLS(l, "", "")
			return
		}
		failed <- s.Serve(l)
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := s.Shutdown(end)
	if err != nil {
		err = errors.Join(err, s.Close())
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
