package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"time"

	"jali/server"
)

// authority is the sandbox's own: it vouches for the address at which clients
// show certificates and for whatever its key signs, and the ready file gives
// that key away.
type authority struct {
	Certificate string `json:"certificate"` // PEM, as all here
	Key         string `json:"key"`
}

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 2 * 365 * 24 * time.Hour // longer than the clock can be moved
)

func (s *sandbox) newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := s.template("Jali sandbox authority", authorityLife)
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	return sealed(c, c, key, key)
}

// issue makes a key and a certificate for it.
func (a *authority) issue(c *x509.Certificate) (*authority, error) {
	pair, err := a.pair()
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the sandbox's authority has a key that does not sign")
	}
	c.KeyUsage = x509.KeyUsageDigitalSignature
	return sealed(c, pair.Leaf, key, signer)
}

func (a *authority) pair() (tls.Certificate, error) {
	return tls.X509KeyPair([]byte(a.Certificate), []byte(a.Key))
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(a.Certificate))
	return pool
}

// template is valid by the sandbox's clock and by everybody else's: both look.
func (s *sandbox) template(name string, life time.Duration) *x509.Certificate {
	from, to := time.Now(), s.now()
	if to.Before(from) {
		from, to = to, from
	}
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: from.Add(-time.Hour), NotAfter: to.Add(life),
	}
}

func sealed(c, parent *x509.Certificate, key *ecdsa.PrivateKey, signer crypto.Signer) (*authority, error) {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &authority{
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}, nil
}

// clientName is the subject of the certificate in the ready file.
const clientName = "Jali sandbox client"

// prepareMTLS makes what the ready file says of certificates. The authority is
// kept with the sandbox's state, so that clients that were registered with a
// certificate of it stay good.
func (s *sandbox) prepareMTLS(l net.Listener) (err error) {
	if s.state.Authority == nil {
		if s.state.Authority, err = s.newAuthority(); err != nil {
			return err
		}
		if err := s.state.save(); err != nil {
			return err
		}
	}
	c := s.template(clientName, leafLife)
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	client, err := s.state.Authority.issue(c)
	if err != nil {
		return err
	}
	s.ready.MTLS = ReadyMTLS{
		URL: "https://localhost:" + port(l), CA: s.state.Authority.Certificate, CAKey: s.state.Authority.Key,
		Certificate: client.Certificate, Key: client.Key, SubjectDN: c.Subject.String(),
	}
	return nil
}

// openMTLS serves jali to clients that show certificates.
func (s *sandbox) openMTLS(l net.Listener) error {
	c := s.template("localhost", leafLife)
	c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	site, err := s.state.Authority.issue(c)
	if err != nil {
		return err
	}
	pair, err := site.pair()
	if err != nil {
		return err
	}
	srv := server.MutualTLS(s.site, s.ready.Issuer, s.log)
	srv.TLSConfig.Certificates = []tls.Certificate{pair}
	s.serveWith(l, srv)
	return nil
}
