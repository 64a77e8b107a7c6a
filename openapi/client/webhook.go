package client

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Event is something that happened to a grant of the client's.
type Event struct {
	ID        string    `json:"-"` // the same however often it is sent
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of the deed; of a connection.needs_person, of the telling
	Data      struct {
		Client string `json:"client_id"`
		Grant  string `json:"grant_id"` // empty in a webhook.test
		Source string `json:"source"`   // with connection.needs_person alone: which the person has to connect again
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
