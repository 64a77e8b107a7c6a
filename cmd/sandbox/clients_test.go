package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"jali/openapi/client"
)

// A client is registered by a command as by a call, is listed, and is gone
// when it is removed.
func TestClientsByCommand(t *testing.T) {
	d := developing(t)
	run := func(args ...string) (string, error) {
		t.Helper()
		var c cli
		var out bytes.Buffer
		k, err := kong.New(&c, kong.Name("sandbox"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) { t.Fatalf("%v: it has ended", args) }))
		if err != nil {
			t.Fatal(err)
		}
		x, err := k.Parse(append([]string{"client"}, args...))
		if err != nil {
			return "", err
		}
		c.Client.Out = &out
		x.BindTo(t.Context(), (*context.Context)(nil))
		err = x.Run(&c.Client)
		return out.String(), err
	}
	address := strings.TrimSuffix(strings.TrimPrefix(d.r.Sandbox, "http://"), "/sandbox")
	t.Setenv("JALI_SANDBOX_ADDR", address) // as who started it in this shell has it
	out, err := run("add", "My app", "--redirect", "http://127.0.0.1:3000/callback", "--alg", "EdDSA", "--inbox", "--alias-shape", "card")
	var made clientJSON
	if err != nil || json.Unmarshal([]byte(out), &made) != nil {
		t.Fatalf("%v: %s", err, out)
	}
	key, err := client.ParseKey(made.JWKS)
	if err != nil {
		t.Fatal(err)
	}
	d.id, d.client = made.ID, &client.Client{Issuer: made.Issuer, ID: made.ID, Redirect: made.RedirectURIs[0], Key: key, Now: d.s.now}
	d.give(d.r.People[0].ID, once)
	if made.AliasShape != "card" || made.Webhook.URI != made.Inbox {
		t.Errorf("it was registered as %+v", made)
	}
	t.Setenv("JALI_SANDBOX_ADDR", "localhost:1")
	if _, err := run("list"); err == nil || !strings.Contains(err.Error(), "http://localhost:1/sandbox") {
		t.Errorf("of a sandbox that is not there: %v", err)
	}
	if out, err := run("list", "--sandbox", d.r.Sandbox); err != nil || !strings.Contains(out, made.ID) {
		t.Errorf("named, it is not asked: %v: %s", err, out)
	}
	t.Setenv("JALI_SANDBOX_ADDR", address)
	if out, err := run("list"); err != nil || !strings.Contains(out, made.ID) || !strings.Contains(out, "2026-11-10T04:0") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := run("list", "--idle-for", "1h"); err != nil || strings.Contains(out, made.ID) {
		t.Errorf("idle are: %v: %s", err, out)
	}
	if out, err := run("remove", made.ID); err != nil || out != made.ID+"\n" {
		t.Errorf("%v: %s", err, out)
	}
	for why, args := range map[string][]string{
		"client_not_found": {"remove", made.ID}, "client_redirect_invalid": {"add", "X", "--redirect", "http://away.example/"},
		"say which": {"remove"}, "missing flags": {"add", "X"}, "must be one of": {"add", "X", "--redirect", "https://a.example/", "--auth", "password"},
	} {
		if _, err := run(args...); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v: %v, want %s", args, err, why)
		}
	}
}

// Whatever a registration can say, the client that is made of it can do.
func TestWhatAClientCanBe(t *testing.T) {
	d := developing(t)
	for _, tt := range []struct {
		why string
		ask members
	}{
		{"PS256", members{"alg": "PS256"}},
		{"a certificate of an authority", members{"auth": "tls_client_auth"}},
		{"a certificate of its own", members{"auth": "self_signed_tls_client_auth"}},
		{"a certificate beside its assertions", members{"certificate_bound": true}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			d.t = t
			body := members{"name": "My app", "redirect_uris": []string{"http://127.0.0.1:3000/callback"}}
			for name, value := range tt.ask {
				body[name] = value
			}
			made := d.call("POST", "/clients", body)
			jwks, err := json.Marshal(made["jwks"])
			if err != nil {
				t.Fatal(err)
			}
			key, err := client.ParseKey(jwks)
			if err != nil {
				t.Fatal(err)
			}
			d.id, d.client = made["client_id"].(string), &client.Client{Issuer: d.r.Issuer, ID: made["client_id"].(string), Redirect: "http://127.0.0.1:3000/callback", Key: key, Now: d.s.now}
			if certificate, ok := made["certificate"].(string); ok {
				pair, err := tls.X509KeyPair([]byte(certificate), []byte(made["key"].(string)))
				if err != nil {
					t.Fatal(err)
				}
				roots := x509.NewCertPool()
				roots.AppendCertsFromPEM([]byte(made["ca"].(string)))
				d.client.Certified = true
				d.client.HTTP = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}}
				if made["auth"] != "private_key_jwt" {
					d.client.Key = nil
				}
			}
			_, s := d.give(d.r.People[0].ID, once)
			if _, err := s.OpenView(t.Context(), client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{}); err != nil {
				t.Error(err)
			}
		})
	}
	d.t = t
	for _, tt := range []struct {
		why  string
		ask  members
		code string
	}{
		{"an address that is nobody's", members{"redirect_uris": []string{"http://away.example/"}}, "client_redirect_invalid"},
		{"a ping without an address", members{"delivery": "ping"}, "client_invalid"},
		{"an inbox and a hook", members{"inbox": true, "webhook_uri": "http://127.0.0.1:1/"}, "request_invalid"},
		{"private keys", members{"jwks": members{"keys": []any{members{"kty": "oct", "k": "AA", "kid": "a"}}}}, "client_invalid"},
		{"a member in other case", members{"Inbox": true}, "request_invalid"},
	} {
		body := members{"name": "X", "redirect_uris": []string{"https://a.example/"}}
		for name, value := range tt.ask {
			body[name] = value
		}
		if status, said := d.try("POST", "/clients", body); status != http.StatusBadRequest || said["code"] != tt.code {
			t.Errorf("%s: %d %v, want %s", tt.why, status, said, tt.code)
		}
	}
}
