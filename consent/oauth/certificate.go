package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"jali/consent"
)

var errByCertificate = invalidClient("the client is unknown, or this certificate is not one that it is registered with")

// certificateOf answers the certificate that came with a request's connection
// and is valid now, or nil. Where a proxy ends the TLS, package server has put
// it there; no header is read here.
func certificateOf(r *http.Request, now time.Time) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	cert := r.TLS.PeerCertificates[0]
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return nil
	}
	return cert
}

// thumbprintOf is a certificate's x5t#S256 (RFC 8705, section 3.1); empty
// where there is none.
func thumbprintOf(cert *x509.Certificate) string {
	if cert == nil {
		return ""
	}
	sum := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// byCertificate authenticates a client by the certificate of its connection
// (RFC 8705, section 2): one that an authority we trust has given to its name,
// or one with a key of its own key set. The client_id says which client it is.
func (s *Server) byCertificate(r *http.Request, id string, now time.Time) (consent.Client, error) {
	if id == "" {
		return consent.Client{}, invalidClient("client_id is missing; a certificate does not say which client it is for (RFC 8705, section 2)")
	}
	c, err := s.registered(r, id)
	if err != nil {
		return consent.Client{}, err
	}
	good := false
	switch c.Auth {
	case consent.TLSClientAuth:
		good = s.vouchedFor(r.TLS.PeerCertificates, now) && names(r.TLS.PeerCertificates[0], c.Certificate)
	case consent.SelfSignedTLS:
		good, err = s.ownCertificate(r.Context(), c, r.TLS.PeerCertificates[0], now)
	}
	switch {
	case err != nil:
		return consent.Client{}, err
	case !good:
		return consent.Client{}, errByCertificate
	case c.Suspended:
		return consent.Client{}, errSuspended
	}
	return c, nil
}

func (s *Server) orByCertificate() string {
	if s.MTLS == "" {
		return ""
	}
	return ", or by certificate at " + s.MTLS
}

// vouchedFor verifies the chain up to an authority of ours (RFC 8705, section
// 2.1). The system's own roots never count.
func (s *Server) vouchedFor(chain []*x509.Certificate, now time.Time) bool {
	if s.ClientCAs == nil {
		return false
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: s.ClientCAs, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}

// ownCertificate reports whether the certificate's key is one of the client's
// key set, whether that shows it bare or in an x5c (RFC 8705, section 2.2.2).
func (s *Server) ownCertificate(ctx context.Context, c consent.Client, cert *x509.Certificate, now time.Time) (bool, error) {
	for _, look := range []func(context.Context, consent.Client, time.Time) (registeredKeys, error){s.keysOf, s.newerKeysOf} {
		keys, err := look(ctx, c, now)
		if err != nil {
			return false, err
		}
		for _, k := range keys.set {
			if k.Is(cert.PublicKey) {
				return true, nil
			}
		}
	}
	return false, nil
}

// names reports whether a certificate has the one name that a client is
// registered with (RFC 8705, section 2.1.2).
func names(cert *x509.Certificate, want consent.CertName) bool {
	switch {
	case want.SubjectDN != "":
		registered, ok := parseDN(want.SubjectDN)
		if !ok {
			return false
		}
		subject, ok := subjectOf(cert.RawSubject)
		return ok && subject == registered
	case want.DNS != "":
		return slices.ContainsFunc(cert.DNSNames, func(one string) bool { return strings.EqualFold(one, want.DNS) })
	case want.URI != "":
		u, err := url.Parse(want.URI)
		return err == nil && slices.ContainsFunc(cert.URIs, func(one *url.URL) bool { return one.String() == u.String() })
	case want.IP != "":
		ip := net.ParseIP(want.IP)
		return ip != nil && slices.ContainsFunc(cert.IPAddresses, ip.Equal)
	}
	return want.Email != "" && slices.Contains(cert.EmailAddresses, want.Email)
}
