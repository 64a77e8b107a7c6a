package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"

	"jali/consent"
)

type clientCmd struct {
	Add      clientAdd      `cmd:"" help:"Register a client and print its id."`
	List     clientList     `cmd:"" help:"List the registered clients."`
	Show     clientShow     `cmd:"" help:"Show a client's registration."`
	Suspend  clientSuspend  `cmd:"" help:"Refuse a client from now on, or let it in again."`
	Keys     clientKeys     `cmd:"" help:"Replace a client's public keys. One that registered itself manages itself no longer."`
	Rename   clientRename   `cmd:"" help:"Give a client another name."`
	Reshape  clientReshape  `cmd:"" help:"Give the aliases that a client will see another shape."`
	Remove   clientRemove   `cmd:"" help:"End all grants of a client and forget it."`
	Invite   clientInvite   `cmd:"" help:"Let clients register themselves; print a token for that, once."`
	Invites  clientInvites  `cmd:"" help:"List the invitations that still hold."`
	Uninvite clientUninvite `cmd:"" help:"Take an invitation back. Clients that came by it stay."`
}

type clientAdd struct {
	NameZH   string   `help:"The name that people see, in Chinese." name:"name-zh" required:"" placeholder:"NAME"`
	NameEN   string   `help:"The name that people see, in English." name:"name-en" required:"" placeholder:"NAME"`
	Redirect []string `help:"A redirect URI: https, or http on loopback. May be repeated." required:"" placeholder:"URI"`
	JWKS     string   `help:"File of the client's public keys as a JWK set (ES256, PS256 or Ed25519)." name:"jwks" type:"existingfile" placeholder:"FILE" xor:"keys"`
	JWKSURI  string   `help:"Where that set is fetched instead: https, or http on loopback." name:"jwks-uri" placeholder:"URI" xor:"keys"`

	AliasShape string `help:"What it sees in place of account numbers: opaque (acct_…), card (19 digits from 9977) or iban (XX00…)." enum:"opaque,card,iban" default:"opaque"`

	Auth             string `help:"How it proves who it is: private_key_jwt, tls_client_auth or self_signed_tls_client_auth." enum:"private_key_jwt,tls_client_auth,self_signed_tls_client_auth" default:"private_key_jwt"`
	TLSSubjectDN     string `help:"Of tls_client_auth: the subject of its certificate, as RFC 4514 writes it." name:"tls-subject-dn" placeholder:"DN" xor:"certificate"`
	TLSDNS           string `help:"Or a DNS name in it." name:"tls-san-dns" placeholder:"NAME" xor:"certificate"`
	TLSURI           string `help:"Or a URI in it." name:"tls-san-uri" placeholder:"URI" xor:"certificate"`
	TLSIP            string `help:"Or an IP address in it." name:"tls-san-ip" placeholder:"IP" xor:"certificate"`
	TLSEmail         string `help:"Or an e-mail address in it." name:"tls-san-email" placeholder:"ADDRESS" xor:"certificate"`
	CertificateBound bool   `help:"Bind its tokens to its certificate instead of by DPoP."`

	SignedRequests      bool `help:"Take signed request objects from it and nothing else."`
	SignedResponses     bool `help:"Send its authorization responses signed (JARM)."`
	SignedIntrospection bool `help:"Answer its introspection signed (RFC 9701)."`

	Webhook string `help:"Where the client is told what happens to its grants: https, or http on loopback." placeholder:"URI"`
	CIBA    string `help:"Let it ask people on their other device, and learn of the answer by poll or ping." name:"ciba" enum:"poll,ping," default:"" placeholder:"poll|ping"`
	Notify  string `help:"Where it is pinged." name:"ciba-notify" placeholder:"URI"`
}

func (clientAdd) Help() string {
	return `Examples:
  jali client add --name-zh 晨曦银行 --name-en "Morning Bank" \
    --redirect https://app.bank.example/callback --jwks bank-public.jwks
  jali client add --name-zh 晨曦银行 --name-en "Morning Bank" \
    --redirect https://app.bank.example/callback \
    --auth tls_client_auth --tls-san-dns app.bank.example --certificate-bound \
    --jwks-uri https://app.bank.example/jwks --signed-requests --ciba poll`
}

func (a *clientAdd) Run(c *cli) error {
	add := consent.Client{
		Name: consent.Name{ZH: a.NameZH, EN: a.NameEN}, JWKSURI: a.JWKSURI, RedirectURIs: a.Redirect, AliasShape: a.AliasShape,
		Auth:             consent.AuthMethod(a.Auth),
		Certificate:      consent.CertName{SubjectDN: a.TLSSubjectDN, DNS: a.TLSDNS, URI: a.TLSURI, IP: a.TLSIP, Email: a.TLSEmail},
		CertificateBound: a.CertificateBound,
		SignedRequests:   a.SignedRequests, SignedResponses: a.SignedResponses, SignedIntrospection: a.SignedIntrospection,
		WebhookURI: a.Webhook, Delivery: consent.Delivery(a.CIBA), NotificationURI: a.Notify,
	}
	if a.JWKS != "" {
		var err error
		if add.JWKS, err = readFile(a.JWKS); err != nil {
			return err
		}
	}
	var added consent.Client
	if err := c.ask(http.MethodPost, "/clients", add, &added); err != nil {
		return err
	}
	fmt.Println(added.ID)
	return nil
}

type clientList struct{}

func (clientList) Run(c *cli) error {
	var list []consent.Client
	if err := c.ask(http.MethodGet, "/clients", nil, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, one := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", one.ID, state(one), one.Name.ZH, one.Name.EN)
	}
	return w.Flush()
}

func state(c consent.Client) string {
	if c.Suspended {
		return "suspended"
	}
	return "active"
}

type clientSuspend struct {
	ID     string `arg:"" help:"The client's id."`
	Resume bool   `help:"Let it in again."`
}

func (s *clientSuspend) Run(c *cli) error {
	return c.ask(http.MethodPost, "/clients/"+url.PathEscape(s.ID)+"/suspended", !s.Resume, nil)
}

type clientKeys struct {
	ID   string `arg:"" help:"The client's id."`
	JWKS string `help:"File of the new public keys; the old ones stop working." name:"jwks" required:"" type:"existingfile" placeholder:"FILE"`
}

func (s *clientKeys) Run(c *cli) error {
	jwks, err := readFile(s.JWKS)
	if err != nil {
		return err
	}
	return c.ask(http.MethodPost, "/clients/"+url.PathEscape(s.ID)+"/keys", jwks, nil)
}

type clientRename struct {
	ID     string `arg:"" help:"The client's id."`
	NameZH string `help:"The name that people see, in Chinese." name:"name-zh" required:"" placeholder:"NAME"`
	NameEN string `help:"The name that people see, in English." name:"name-en" required:"" placeholder:"NAME"`
}

func (clientRename) Help() string {
	return `People know a client by its name: see that it is the same bank before you change it.

Example:
  jali client rename client_ABC --name-zh 晨曦银行 --name-en "Morning Bank"`
}

func (r *clientRename) Run(c *cli) error {
	return c.ask(http.MethodPost, "/clients/"+url.PathEscape(r.ID)+"/name", consent.Name{ZH: r.NameZH, EN: r.NameEN}, nil)
}

type clientReshape struct {
	ID    string `arg:"" help:"The client's id."`
	Shape string `arg:"" help:"opaque, card or iban." enum:"opaque,card,iban"`
}

func (clientReshape) Help() string {
	return `Aliases that the client has already stay as they are, until the person revokes
its last grant: it would take a new one for another account.

Example:
  jali client reshape client_ABC card`
}

func (r *clientReshape) Run(c *cli) error {
	return c.ask(http.MethodPost, "/clients/"+url.PathEscape(r.ID)+"/alias-shape", r.Shape, nil)
}

type clientRemove struct {
	ID  string `arg:"" help:"The client's id."`
	Yes bool   `help:"Yes, end every grant that people have given it."`
}

func (clientRemove) Help() string {
	return `Everything that people have granted the client ends, and cannot be given back.
To stop a client for a while, use jali client suspend.

Example:
  jali client remove client_ABC --yes`
}

func (r *clientRemove) Run(c *cli) error {
	path := "/clients/" + url.PathEscape(r.ID)
	if !r.Yes {
		var one consent.Client
		if err := c.ask(http.MethodGet, path, nil, &one); err != nil {
			return err
		}
		return fmt.Errorf("this would end every grant that people have given %s (%s) and forget it: say --yes, or suspend it instead", one.Name.EN, one.Name.ZH)
	}
	return c.ask(http.MethodDelete, path, nil, nil)
}

// ask sends a verb and reads its answer; nil: it is of no interest.
func (c *cli) ask(method, path string, body, answer any) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	if answer == nil {
		answer = new(any)
	}
	if body == nil {
		return t.Do(background(), method, path, nil, answer)
	}
	return t.DoJSON(background(), method, path, body, answer)
}

// readFile reads a small JSON file.
func readFile(path string) (json.RawMessage, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, err
	}
	if !json.Valid(b) {
		return nil, fmt.Errorf("%s is not JSON", path)
	}
	return b, nil
}
