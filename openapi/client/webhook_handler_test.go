package client_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"jali/openapi/client"
)

func TestWebhooksAreHandedOnOrRefused(t *testing.T) {
	private := ed25519.NewKeyFromSeed([]byte("a key for tests, of thirty-two b"))
	whpk := "whpk_" + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	at := time.Unix(1795334400, 0)
	const body = `{"type":"connection.needs_person","timestamp":"2026-11-22T08:00:00Z","data":{"client_id":"client_1","grant_id":"grant_1","source":"alipay","keep_until":"2026-12-21T01:29:58Z"}}`
	signed := func(body string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
		stamp := strconv.FormatInt(at.Unix(), 10)
		r.Header.Set("webhook-id", "event1")
		r.Header.Set("webhook-timestamp", stamp)
		r.Header.Set("webhook-signature", "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte("event1."+stamp+"."+body))))
		return r
	}
	for _, tt := range []struct {
		why    string
		change func(*jali, *http.Request)
		body   string
		taken  error
		status int
		handed bool
	}{
		{"as it was sent", nil, body, nil, 204, true},
		{"it cannot be taken now: it comes again", nil, body, errors.New("full"), 500, true},
		{"another's signature", func(_ *jali, r *http.Request) { r.Header.Set("webhook-id", "event2") }, body, nil, 400, false},
		{"another client's", nil, strings.Replace(body, "client_1", "client_2", 1), nil, 400, false},
		{"signed, and no JSON", nil, "event", nil, 400, false},
		{"endless", nil, strings.Repeat(" ", 65<<10) + body, nil, 400, false},
		{"keys that cannot be had", func(j *jali, _ *http.Request) { j.says[wellKnown] = says(500, "") }, body, nil, 503, false},
	} {
		j, c := stand(t, 200, "")
		c.Now = func() time.Time { return at }
		j.says[wellKnown] = says(200, strings.Replace(metadata, `"webhook_keys":[]`, `"webhook_keys":[{"whpk":"whpk_AAAA"},{"whpk":"`+whpk+`"}]`, 1))
		var got *client.Event
		r := signed(tt.body)
		if tt.change != nil {
			tt.change(j, r)
		}
		w := httptest.NewRecorder()
		c.Webhook(func(_ context.Context, e client.Event) error { got = &e; return tt.taken }).ServeHTTP(w, r)
		if w.Code != tt.status || (got != nil) != tt.handed {
			t.Errorf("%s: %d, handed on: %+v; want %d, %v", tt.why, w.Code, got, tt.status, tt.handed)
		}
		if got != nil && (got.ID != "event1" || got.Data.Grant != "grant_1" || got.Data.Source != "alipay" || got.Data.KeepUntil.IsZero()) {
			t.Errorf("%s: it is %+v", tt.why, got)
		}
	}
}
