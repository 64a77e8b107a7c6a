package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// maxCertificate is how much of a proxy's header is read.
const maxCertificate = 16 << 10

var errCertificate = errors.New("server: the header holds no certificate")

// fromProxy reports whether a request came over a connection from a trusted
// proxy. It must be asked before identify has given the request another address.
func (s *Server) fromProxy(r *http.Request) bool {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(at.Addr().Unmap()) })
}

// certify makes the certificate of a request that a proxy has passed on the
// client's, as the proxy's header tells it, and never the proxy's own. Whoever
// else sends the header is not listened to. Nothing is verified here.
func (s *Server) certify(c echo.Context) {
	r := c.Request()
	if s.CertificateHeader == "" {
		return
	}
	sent := r.Header.Values(s.CertificateHeader)
	r.Header.Del(s.CertificateHeader)
	if !s.fromProxy(r) {
		return
	}
	var state tls.ConnectionState
	if r.TLS != nil {
		state = *r.TLS
	}
	state.PeerCertificates, state.VerifiedChains = nil, nil
	if len(sent) > 0 && !(len(sent) == 1 && sent[0] == "") {
		leaf, err := readCertificate(sent)
		if err != nil { // as good as none: what wants one refuses the request
			s.Log.WarnContext(r.Context(), "a proxy's certificate header cannot be read", "err", err)
		} else {
			state.PeerCertificates = []*x509.Certificate{leaf}
		}
	}
	r.TLS = &state
}

// readCertificate reads the one value of a proxy's header: a structured field
// (Client-Cert, RFC 9440, section 2.2), :base64 of DER:, or a URL-encoded PEM
// block, which is what nginx calls $ssl_client_escaped_cert.
func readCertificate(values []string) (*x509.Certificate, error) {
	if len(values) != 1 || len(values[0]) > maxCertificate {
		return nil, errCertificate
	}
	v := strings.Trim(values[0], " \t")
	if inner, ok := strings.CutPrefix(v, ":"); ok {
		inner, ok = strings.CutSuffix(inner, ":")
		der, err := base64.StdEncoding.Strict().DecodeString(inner)
		if !ok || err != nil || strings.ContainsAny(inner, "\r\n") {
			return nil, errCertificate
		}
		return x509.ParseCertificate(der)
	}
	text, err := url.PathUnescape(v)
	if err != nil {
		return nil, errCertificate
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 || strings.TrimSpace(string(rest)) != "" ||
		!strings.HasPrefix(text, "-----BEGIN ") {
		return nil, errCertificate
	}
	return x509.ParseCertificate(block.Bytes)
}
