package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"jali/internal/dial"
	"jali/internal/jose"
)

// outcome is what an attempt says of the client: how to go on with its lane.
type outcome struct {
	failed bool
	rest   time.Duration
}

// answer is what a client said, or why nothing came of asking it.
type answer struct {
	status     int    // 0: there was no answer
	code       string // in words for a program: "http_503", "no_answer"
	retryAfter time.Duration
}

func (a answer) taken() bool { return a.status/100 == 2 }

// rest is how long the client asked to be left alone altogether.
func (a answer) rest() time.Duration {
	if a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable {
		return a.retryAfter
	}
	return 0
}

// message is the payload of Standard Webhooks 1.0.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // to the second: one deed may be told to several clients
	Data      struct {
		Client string `json:"client_id"` // one key signs for all: whoever is sent another's message sees it here
		Grant  string `json:"grant_id,omitempty"`
		// KeepUntil is to the second, as in the view that it names.
		KeepUntil time.Time `json:"keep_until,omitzero"`
		Source    string    `json:"source,omitempty"`
	} `json:"data"`
}

// Body is what is signed and sent of an event.
func (e Event) Body() ([]byte, error) {
	m := message{Type: e.Type, Timestamp: e.At.Truncate(time.Second)}
	m.Data.Client, m.Data.Grant, m.Data.KeepUntil, m.Data.Source = e.Client, e.Grant, e.KeepUntil, e.Source
	return json.Marshal(m)
}

// send makes one attempt to tell of an event.
func (o *Outbox) send(ctx context.Context, e Event, uri string) (answer, error) {
	body, err := e.Body()
	if err != nil {
		return answer{}, err
	}
	at := strconv.FormatInt(o.Now().Unix(), 10)
	signature, err := sign(o.Key, e.ID, at, body)
	if err != nil {
		return answer{}, err
	}
	return o.post(ctx, uri, body, http.Header{
		"Webhook-Id": {e.ID}, "Webhook-Timestamp": {at}, "Webhook-Signature": {signature},
	}), nil
}

// sign follows Standard Webhooks 1.0, "Signature scheme", asymmetric.
func sign(key jose.PrivateKey, id, at string, body []byte) (string, error) {
	signature, err := key.SignBytes(append([]byte(id+"."+at+"."), body...))
	return "v1a," + base64.StdEncoding.EncodeToString(signature), err
}

// Keys is what clients check signatures with: the text of Standard Webhooks
// and the same as a JWK. They are published apart from the issuer's keys, since
// what checks messages must not check tokens.
func (o *Outbox) Keys() any {
	k := o.Key.Public()
	return []any{map[string]any{
		"whpk": "whpk_" + base64.StdEncoding.EncodeToString(k.Ed25519()),
		"jwk":  k.JWK(),
	}}
}

func (o *Outbox) post(ctx context.Context, uri string, body []byte, header http.Header) answer {
	if _, err := dial.Endpoint(uri); err != nil {
		return answer{code: "address_refused"}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, bytes.NewReader(body))
	if err != nil {
		return answer{code: "address_refused"}
	}
	r.Header = header
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "jali")
	a, err := dial.Do(o.HTTP, r, answerSize)
	switch {
	case errors.Is(err, dial.ErrAddress):
		return answer{code: "address_refused"}
	case errors.Is(err, dial.ErrTooLarge):
		return answer{code: "answer_too_large"}
	case err != nil:
		return answer{code: "no_answer"}
	}
	return answer{status: a.Status, code: "http_" + strconv.Itoa(a.Status), retryAfter: a.RetryAfter(o.Now())}
}
