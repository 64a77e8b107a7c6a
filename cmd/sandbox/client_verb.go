package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
	"time"
)

// clientCmd does by a command what the sandbox's API does by a call. It talks
// to the sandbox that runs.
type clientCmd struct {
	Sandbox string `help:"The running sandbox's own API. Default: http://localhost:8080/sandbox, or where $$JALI_SANDBOX_ADDR says." env:"JALI_SANDBOX" placeholder:"URL"`
	Addr    string `hidden:"" name:"sandbox-addr" default:"localhost:8080" env:"JALI_SANDBOX_ADDR"` // of a sandbox started in this shell

	Out io.Writer `kong:"-"` // nil: os.Stdout

	Add    clientAdd    `cmd:"" help:"Register a client with keys made for it, and print all of it as JSON; the private keys this once."`
	List   clientList   `cmd:"" help:"List the clients."`
	Remove clientRemove `cmd:"" help:"Remove clients, with all that they were given."`
}

// Help stands below what the command is for.
func (*clientCmd) Help() string {
	return `Examples:

  sandbox client add "My app" --redirect http://127.0.0.1:3000/callback --inbox
  sandbox client add "My app" --redirect http://127.0.0.1:3000/callback --auth tls_client_auth > client.json
  sandbox client list --idle-for 24h
  sandbox client remove client_QZ3N7K2M5T6V8X9YBCDEFGHJKW
  sandbox client remove --idle-for 24h`
}

// AfterApply finds the sandbox where it is not named.
func (k *clientCmd) AfterApply() error {
	k.Sandbox = cmp.Or(k.Sandbox, "http://"+k.Addr+"/sandbox")
	return nil
}

func (k *clientCmd) out() io.Writer {
	if k.Out == nil {
		return os.Stdout
	}
	return k.Out
}

type clientAdd struct {
	Name       string   `arg:"" help:"Shown to people, in English."`
	NameZH     string   `help:"The same in Chinese. Default: the English one." name:"name-zh" placeholder:"NAME"`
	Redirect   []string `help:"Where people may be sent back to; several times for several." required:"" placeholder:"URI"`
	Auth       string   `help:"How it proves who it is: ${enum}." enum:"private_key_jwt,tls_client_auth,self_signed_tls_client_auth" default:"private_key_jwt"`
	Alg        string   `help:"Algorithm of its keys: ${enum}." enum:"ES256,PS256,EdDSA,Ed25519" default:"ES256"`
	AliasShape string   `help:"What accounts look like to it: ${enum}." enum:"opaque,card,iban" default:"opaque"`
	Delivery   string   `help:"How it learns of a decision elsewhere (CIBA): ${enum}." enum:"poll,ping,none" default:"poll"`
	Notify     string   `help:"Of ping: where to." placeholder:"URI"`
	Webhook    string   `help:"Where it is told what happens to its grants." placeholder:"URI" xor:"told"`
	Inbox      bool     `help:"Keep its webhooks and pings in its inbox here." xor:"told"`

	SignedRequests      bool `help:"It pushes signed requests alone (RFC 9101)."`
	SignedResponses     bool `help:"It is answered by signed responses alone (JARM)."`
	SignedIntrospection bool `help:"It introspects by signed answers alone (RFC 9701)."`
	CertificateBound    bool `help:"Its tokens are bound to its certificate even if it signs its assertions."`
}

func (c *clientAdd) Run(ctx context.Context, k *clientCmd) error {
	n := newClient{
		Name: c.Name, NameZH: c.NameZH, RedirectURIs: c.Redirect, Auth: c.Auth, Alg: c.Alg, AliasShape: c.AliasShape, Delivery: c.Delivery,
		NotificationURI: c.Notify, WebhookURI: c.Webhook, Inbox: c.Inbox,
		SignedRequests: c.SignedRequests, SignedResponses: c.SignedResponses, SignedIntrospection: c.SignedIntrospection,
	}
	if c.CertificateBound {
		n.CertificateBound = &c.CertificateBound
	}
	b, err := k.ask(ctx, http.MethodPost, "/clients", n)
	if err != nil {
		return err
	}
	var whole bytes.Buffer
	if err := json.Indent(&whole, b, "", "  "); err != nil {
		return err
	}
	_, err = whole.WriteTo(k.out())
	return err
}

type clientList struct {
	IdleFor time.Duration `help:"Those alone that have been idle so long, such as 24h." placeholder:"DURATION"`
}

func (c *clientList) Run(ctx context.Context, k *clientCmd) error {
	b, err := k.ask(ctx, http.MethodGet, "/clients"+idle(c.IdleFor), nil)
	if err != nil {
		return err
	}
	var list struct {
		Clients []clientJSON `json:"clients"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(k.out(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CLIENT\tNAME\tAUTH\tLAST SEEN")
	for _, c := range list.Clients {
		last := "never"
		if !c.LastSeenAt.IsZero() {
			last = c.LastSeenAt.Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.ID, c.Name, c.Auth, last)
	}
	return t.Flush()
}

type clientRemove struct {
	ID      []string      `arg:"" optional:"" help:"Ids of clients." placeholder:"ID"`
	IdleFor time.Duration `help:"All that have been idle so long, such as 24h; the sandbox's own two stay." placeholder:"DURATION"`
}

func (c *clientRemove) Run(ctx context.Context, k *clientCmd) error {
	if (len(c.ID) == 0) == (c.IdleFor == 0) {
		return errors.New("say which: ids of clients, or --idle-for")
	}
	if c.IdleFor > 0 {
		b, err := k.ask(ctx, http.MethodDelete, "/clients"+idle(c.IdleFor), nil)
		if err != nil {
			return err
		}
		var done struct {
			Removed []string `json:"removed"`
		}
		if err := json.Unmarshal(b, &done); err != nil {
			return err
		}
		for _, id := range done.Removed {
			fmt.Fprintln(k.out(), id)
		}
	}
	for _, id := range c.ID {
		if _, err := k.ask(ctx, http.MethodDelete, "/clients/"+url.PathEscape(id), nil); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		fmt.Fprintln(k.out(), id)
	}
	return nil
}

func idle(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return "?idle_for=" + d.String()
}

// ask calls the running sandbox.
func (k *clientCmd) ask(ctx context.Context, method, path string, body any) ([]byte, error) {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, k.Sandbox+path, sent)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		return nil, fmt.Errorf("no sandbox answers at %s; start one, or name it by --sandbox: %w", k.Sandbox, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || resp.StatusCode < http.StatusBadRequest {
		return b, err
	}
	var p struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(b, &p) != nil || p.Code == "" || p.Code == "no_page" {
		return nil, fmt.Errorf("%s is no sandbox's API: it answers %s; name one by --sandbox, such as http://localhost:8080/sandbox", k.Sandbox, resp.Status)
	}
	return nil, fmt.Errorf("%s (%s)", p.Detail, p.Code)
}
