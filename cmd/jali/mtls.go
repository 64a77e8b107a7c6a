package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
)

// certificates are the settings for clients that show certificates (RFC
// 8705): at an address of their own, so that no browser is asked for one.
type certificates struct {
	MTLSListen       string `help:"Address at which clients show certificates; served with the certificate of --tls-cert." env:"JALI_MTLS_LISTEN" placeholder:"HOST:PORT" name:"mtls-listen"`
	MTLSURL          string `help:"The public URL of that address, another than the issuer's." env:"JALI_MTLS_URL" placeholder:"URL" name:"mtls-url"`
	ClientCA         string `help:"Certificates in PEM of the authorities, intermediate ones too, whose certificates clients may authenticate with. Clients with self-signed ones need none." env:"JALI_CLIENT_CA" placeholder:"FILE" name:"client-ca"`
	ClientCertHeader string `help:"Header in which the proxies of --behind-proxy pass a client's certificate on: Client-Cert (RFC 9440), or any that holds URL-encoded PEM. They must remove it from what they are sent." env:"JALI_CLIENT_CERT_HEADER" placeholder:"NAME" name:"client-cert-header"`
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// check refuses settings of which one without the other would serve nobody,
// or believe anybody.
func (m *certificates) check(issuer string, ownTLS bool, proxies []netip.Prefix) error {
	switch {
	case m.MTLSURL == "" && m.MTLSListen+m.ClientCA+m.ClientCertHeader != "":
		return errors.New("--mtls-listen, --client-ca and --client-cert-header go with --mtls-url: clients are told to come there")
	case m.MTLSURL != "" && m.MTLSListen == "" && m.ClientCertHeader == "":
		return errors.New("--mtls-url needs --mtls-listen, or --client-cert-header of a proxy that is asked there")
	case m.ClientCertHeader != "" && len(proxies) == 0:
		return errors.New("--client-cert-header is believed of the proxies of --behind-proxy alone: name them")
	case m.ClientCertHeader != "" && !headerName.MatchString(m.ClientCertHeader):
		return errors.New("--client-cert-header wants the name of a header")
	case m.MTLSListen != "" && !ownTLS:
		return errors.New("--mtls-listen serves TLS: give --tls-cert and --tls-key")
	case m.MTLSURL == "":
		return nil
	}
	if u, err := url.Parse(m.MTLSURL); err != nil || u.Host == "" || m.MTLSURL != "https://"+u.Host || m.MTLSURL == issuer {
		return errors.New("--mtls-url must be an https URL of scheme, host and port alone, and not the issuer's, such as https://mtls.jali.example")
	}
	if m.MTLSListen != "" {
		if _, _, err := net.SplitHostPort(m.MTLSListen); err != nil {
			return fmt.Errorf("--mtls-listen wants HOST:PORT: %w", err)
		}
	}
	return nil
}

// authorities reads --client-ca.
func (m *certificates) authorities() (*x509.CertPool, error) {
	if m.ClientCA == "" {
		return nil, nil
	}
	b, err := os.ReadFile(m.ClientCA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", m.ClientCA)
	}
	return pool, nil
}
