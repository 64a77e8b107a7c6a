package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Ready is what the ready file says: where everything answers, and all that a
// test needs to be a client, act for a person and look for leaks.
type Ready struct {
	Issuer  string `json:"issuer"`
	API     string `json:"api"` // the data API; ends in /v1
	Town    string `json:"town"`
	Bank    string `json:"bank"`
	Sandbox string `json:"sandbox"` // POST {sandbox}/consents

	MTLS ReadyMTLS `json:"mtls"`
	// InitialAccessToken lets clients register themselves (RFC 7591) at
	// {issuer}/oauth/register, until the sandbox starts again.
	InitialAccessToken string `json:"initial_access_token"`

	Clients  []ReadyClient `json:"clients"`
	People   []ReadyPerson `json:"people"`
	Canaries []string      `json:"canaries"` // every real number, id and token the town holds: none may be seen outside
}

// ReadyClient is a registered client with its private keys.
type ReadyClient struct {
	ClientID    string          `json:"client_id"`
	RedirectURI string          `json:"redirect_uri"`
	JWKS        json.RawMessage `json:"jwks"`
}

// ReadyMTLS is where clients show certificates (RFC 8705), and what to make
// some with; all in PEM. Jali trusts the authority, whose key is given away
// here, for tls_client_auth.
type ReadyMTLS struct {
	URL         string `json:"url"`
	CA          string `json:"ca"` // the URL's own certificate is of it too
	CAKey       string `json:"ca_key"`
	Certificate string `json:"certificate"` // a client's, ready to use
	Key         string `json:"key"`
	SubjectDN   string `json:"subject_dn"` // of that certificate, for tls_client_auth_subject_dn
}

// ReadyPerson is a sample person with a software passkey.
type ReadyPerson struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Accounts []ReadyAccount `json:"accounts"`
}

// ReadyAccount is an account that the person can tick.
type ReadyAccount struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Name   string `json:"name"`
}

func writeReady(path string, r Ready) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(path, append(b, '\n'))
}

// writeWhole writes a file so that who sees it sees all of it.
func writeWhole(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// greeting is what a person needs to begin, in at most 20 lines.
func (s *sandbox) greeting() string {
	names := make([]string, len(s.ready.People))
	for i, p := range s.ready.People {
		names[i] = p.Name
	}
	return fmt.Sprintf(`花窗 Jali sandbox

  Bank app   %s   ask for one look at all accounts: begin here
  Jali       %s   the person's own pages
  Town       %s   the institutions, their people and passwords
  Docs       %s/docs   guides, the reference, what each error means
  Sandbox    %s/docs   its own API: people, clients, clock, troubles, events
  mTLS       %s   for clients that show certificates

  Sign in as %s:
  pick a name beside "Software passkey (sandbox only)" on the sign-in page, or
  sign up with a passkey of your own.

  Ctrl-C stops it%s.
`, s.ready.Bank, s.ready.Issuer, s.ready.Town, s.ready.Issuer, s.ready.Sandbox, s.ready.MTLS.URL, strings.Join(names, ", "), s.farewell())
}

func (s *sandbox) farewell() string {
	if s.temporary {
		return " and removes what it kept"
	}
	return "; what it kept stays in " + s.data
}
