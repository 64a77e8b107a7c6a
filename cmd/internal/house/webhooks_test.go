package house

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/jose"
	"jali/internal/webhook"
)

// openFor opens a house whose clients may live on this machine.
func openFor(t *testing.T, data string) *House {
	t.Helper()
	h, err := Open(t.Context(), Config{
		Issuer: "http://localhost:8080", Data: data, Sources: &connectors.Registry{}, AllowPrivate: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.promising(t)
	return h
}

func (h *House) told(t *testing.T, uri string) consent.ClientID {
	t.Helper()
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	c := consent.Client{
		ID: "bank", Name: consent.Name{ZH: "晨曦银行", EN: "Morning Bank"}, RedirectURIs: []string{"https://app.bank.example/"},
		JWKS: fmt.Appendf(nil, `{"keys":[%s]}`, key.Public().JWK()), WebhookURI: uri,
	}
	if err := h.Consent.PutClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c.ID
}

// published is the key by which clients check what they are told, as they find it.
func (h *House) published(t *testing.T) ed25519.PublicKey {
	t.Helper()
	w := httptest.NewRecorder()
	h.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost:8080/.well-known/oauth-authorization-server", nil))
	var metadata struct {
		Keys []struct{ WHPK string } `json:"webhook_keys"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &metadata); err != nil || len(metadata.Keys) != 1 {
		t.Fatalf("metadata: %s, %v", w.Body, err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(metadata.Keys[0].WHPK, "whpk_"))
	if err != nil || len(key) != ed25519.PublicKeySize {
		t.Fatalf("the published key is %q", metadata.Keys[0].WHPK)
	}
	w = httptest.NewRecorder()
	h.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost:8080/oauth/jwks", nil))
	if strings.Contains(w.Body.String(), `"OKP"`) {
		t.Errorf("the key is published among those of tokens: %s", w.Body)
	}
	return key
}

type message struct {
	id, signed, body string
	signature        []byte
}

// A deed before a restart is told after it, to where the client is then, and
// with the key that was published before.
func TestClientsAreToldAfterARestart(t *testing.T) {
	got := make(chan message, 4)
	client := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		sig, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("webhook-signature"), "v1a,"))
		if err == nil {
			id := r.Header.Get("webhook-id")
			got <- message{id, id + "." + r.Header.Get("webhook-timestamp") + "." + string(b), string(b), sig}
		}
	}))
	defer client.Close()
	data := t.TempDir()
	h := openFor(t, data)
	id := h.told(t, "http://localhost:1/")
	if err := h.db.Update(t.Context(), func(tx tx) error {
		return webhook.Queue(tx, webhook.Event{ID: "event1", At: time.Now(), Client: string(id), Type: webhook.GrantRevoked, Grant: "grant_1"})
	}); err != nil {
		t.Fatal(err)
	}
	key := h.published(t)
	if err := h.Close(); err != nil { // before anything was told
		t.Fatal(err)
	}

	h = openFor(t, data)
	if !key.Equal(h.published(t)) {
		t.Error("the restart has made another key")
	}
	h.told(t, client.URL)
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	run := func() (end func()) {
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { h.Outbox.Run(ctx) })
		return func() { stop(); running.Wait() }
	}
	ask := &Talker{&http.Client{Transport: direct{h.Admin}}, func() error { return nil }}
	check := func(want string) {
		t.Helper()
		m := <-got
		if !ed25519.Verify(key, []byte(m.signed), m.signature) || !strings.Contains(m.body, want) {
			t.Errorf("told %s; want %s, signed", m.body, want)
		}
	}
	end := run()
	check(`"type":"grant.revoked"`)
	end()
	var tested webhook.Tested
	if err := ask.Do(t.Context(), http.MethodPost, "/clients/bank/webhook/test", nil, &tested); err != nil || !tested.Taken {
		t.Errorf("test: %+v, %v", tested, err)
	}
	check(`"type":"webhook.test"`)
	var n int
	if err := ask.DoJSON(t.Context(), http.MethodPost, "/clients/bank/webhook/replay", ReplayOf{Event: "event1"}, &n); err != nil || n != 1 {
		t.Errorf("replay: %d, %v", n, err)
	}
	end = run()
	check(`"type":"grant.revoked"`)
	end()
	var list []webhook.Delivery
	if err := ask.Do(t.Context(), http.MethodGet, "/webhooks?client=bank&failed=false", nil, &list); err != nil || len(list) != 1 || list[0].ID != "event1" || list[0].State != webhook.Taken {
		t.Errorf("list: %+v, %v", list, err)
	}
}
