package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"

	"jali/cmd/internal/house"
	"jali/consent"
)

type clientCmd struct {
	Add     clientAdd     `cmd:"" help:"Register a client and print its id."`
	List    clientList    `cmd:"" help:"List the registered clients."`
	Suspend clientSuspend `cmd:"" help:"Refuse a client from now on, or let it in again."`
	Keys    clientKeys    `cmd:"" help:"Replace a client's public keys."`
}

type clientAdd struct {
	NameZH   string   `help:"The name that people see, in Chinese." name:"name-zh" required:"" placeholder:"NAME"`
	NameEN   string   `help:"The name that people see, in English." name:"name-en" required:"" placeholder:"NAME"`
	Redirect []string `help:"A redirect URI: https, or http on loopback. May be repeated." required:"" placeholder:"URI"`
	JWKS     string   `help:"File of the client's public keys as a JWK set (ES256, PS256 or Ed25519)." name:"jwks" required:"" type:"existingfile" placeholder:"FILE"`
	Webhook  string   `help:"Where the client is told what happens to its grants: https, or http on loopback." placeholder:"URI"`
	Alias    string   `help:"The shape of account aliases: opaque, card or iban." enum:"opaque,card,iban" default:"opaque"`
}

func (clientAdd) Help() string {
	return `Example:
  jali client add --name-zh 晨曦银行 --name-en "Morning Bank" \
    --redirect https://app.bank.example/callback --jwks bank-public.jwks`
}

func (a *clientAdd) Run(c *cli) error {
	jwks, err := readFile(a.JWKS)
	if err != nil {
		return err
	}
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var added consent.Client
	err = t.DoJSON(background(), http.MethodPost, "/clients", house.NewClient{
		Name: consent.Name{ZH: a.NameZH, EN: a.NameEN}, JWKS: jwks, RedirectURIs: a.Redirect, AliasShape: a.Alias, WebhookURI: a.Webhook,
	}, &added)
	if err != nil {
		return err
	}
	fmt.Println(added.ID)
	return nil
}

type clientList struct{}

func (clientList) Run(c *cli) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var list []consent.Client
	if err := t.Do(background(), http.MethodGet, "/clients", nil, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, one := range list {
		state := "active"
		if one.Suspended {
			state = "suspended"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", one.ID, state, one.Name.ZH, one.Name.EN)
	}
	return w.Flush()
}

type clientSuspend struct {
	ID     string `arg:"" help:"The client's id."`
	Resume bool   `help:"Let it in again."`
}

func (s *clientSuspend) Run(c *cli) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var done bool
	return t.DoJSON(background(), http.MethodPost, "/clients/"+url.PathEscape(s.ID)+"/suspended", !s.Resume, &done)
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
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var done bool
	return t.DoJSON(background(), http.MethodPost, "/clients/"+url.PathEscape(s.ID)+"/keys", jwks, &done)
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
