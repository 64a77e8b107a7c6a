package client

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Event is something that happened to the client's grants, or to what they
// read from.
type Event struct {
	ID        string    `json:"-"` // the same however often it is sent
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of the deed; of a connection.needs_person, of the telling
	Data      struct {
		Client    string    `json:"client_id"`
		Grant     string    `json:"grant_id"`            // empty in a webhook.test
		KeepUntil time.Time `json:"keep_until,omitzero"` // of retention.ended: which views, zero for all
		Source    string    `json:"source,omitempty"`    // of connection.needs_person: what the person has to connect again
	} `json:"data"`
}

// ErrWebhook is a message that is not from Jali, not for this client, changed
// on its way, or older than five minutes.
var ErrWebhook = errors.New("client: this webhook is not to be believed")

// ReadWebhook checks a message by Standard Webhooks 1.0 and reads it. Keys are
// the "whpk" of the metadata's "webhook_keys", kept by the client and not
// fetched for each message. One event may come more than once; ID tells.
func ReadWebhook(client string, keys []string, header http.Header, body []byte, now time.Time) (Event, error) {
	at, err := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return Event{}, ErrWebhook
	}
	id := header.Get("webhook-id")
	signed := append([]byte(id+"."+header.Get("webhook-timestamp")+"."), body...)
	if !signedBy(keys, strings.Fields(header.Get("webhook-signature")), signed) {
		return Event{}, ErrWebhook
	}
	var e Event
	if err := json.Unmarshal(body, &e); err != nil || e.Data.Client != client {
		return Event{}, ErrWebhook // one key signs for all clients: this one was meant for another
	}
	e.ID = id
	return e, nil
}

// webhookCap is the largest message that is read, in bytes.
const webhookCap = 64 << 10

// Webhook handles messages that come to the client's webhook_uri: it checks them
// by the keys of the metadata and hands them on. What handle does not take (an
// error) comes again later; a message that is not to be believed is answered
// 400.
func (c *Client) Webhook(handle func(context.Context, Event) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, err := c.Metadata(r.Context())
		if err != nil {
			http.Error(w, "the keys cannot be had", http.StatusServiceUnavailable)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhookCap))
		if err != nil {
			http.Error(w, "the message cannot be read", http.StatusBadRequest)
			return
		}
		keys := make([]string, len(m.WebhookKeys))
		for i, k := range m.WebhookKeys {
			keys[i] = k.WHPK
		}
		e, err := ReadWebhook(c.ID, keys, r.Header, body, c.now())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := handle(r.Context(), e); err != nil {
			http.Error(w, "the message was not taken", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func signedBy(keys, signatures []string, message []byte) bool {
	for _, s := range signatures {
		text, ok := strings.CutPrefix(s, "v1a,")
		signature, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			continue
		}
		for _, k := range keys {
			key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(k, "whpk_"))
			if err == nil && len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, signature) {
				return true
			}
		}
	}
	return false
}
