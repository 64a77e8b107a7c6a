package client

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	webhookSeed = []byte("a key for tests, of thirty-two b")
	webhookKey  = ed25519.NewKeyFromSeed(webhookSeed)
	whpk        = "whpk_" + base64.StdEncoding.EncodeToString(webhookKey.Public().(ed25519.PublicKey))
	webhookAt   = time.Unix(1795334400, 0)
)

const webhookBody = `{"type":"grant.revoked","timestamp":"2026-11-22T08:00:00Z","data":{"client_id":"bank","grant_id":"grant_1"}}`

func webhookHeader(body string) http.Header {
	at := strconv.FormatInt(webhookAt.Unix(), 10)
	sig := base64.StdEncoding.EncodeToString(ed25519.Sign(webhookKey, []byte("event1."+at+"."+body)))
	h := http.Header{}
	h.Set("webhook-id", "event1")
	h.Set("webhook-timestamp", at)
	h.Set("webhook-signature", "v1,c29tZXRoaW5nIGVsc2U= v1a,"+sig)
	return h
}

func TestReadWebhook(t *testing.T) {
	e, err := ReadWebhook("bank", []string{"whpk_AAAA", whpk}, webhookHeader(webhookBody), []byte(webhookBody), webhookAt)
	if err != nil || e.ID != "event1" || e.Type != "grant.revoked" || e.Data.Grant != "grant_1" {
		t.Fatalf("ReadWebhook = %+v, %v", e, err)
	}
	other := strings.Replace(webhookBody, `"bank"`, `"other"`, 1)
	for _, tt := range []struct {
		why    string
		key    string
		body   string
		late   time.Duration
		change func(http.Header)
	}{
		{"older than five minutes", whpk, webhookBody, 5*time.Minute + time.Second, nil},
		{"from the future", whpk, webhookBody, -5*time.Minute - time.Second, nil},
		{"another id", whpk, webhookBody, 0, func(h http.Header) { h.Set("webhook-id", "event2") }},
		{"another time", whpk, webhookBody, 0, func(h http.Header) { h.Set("webhook-timestamp", "1795334401") }},
		{"no time", whpk, webhookBody, 0, func(h http.Header) { h.Del("webhook-timestamp") }},
		{"no signature", whpk, webhookBody, 0, func(h http.Header) { h.Del("webhook-signature") }},
		{"a symmetric one", whpk, webhookBody, 0, func(h http.Header) {
			h.Set("webhook-signature", strings.Replace(h.Get("webhook-signature"), "v1a,", "v1,", 1))
		}},
		{"another body", whpk, webhookBody + " ", 0, nil},
		{"another key", "whpk_" + base64.StdEncoding.EncodeToString(make([]byte, 32)), webhookBody, 0, nil},
		{"no key", "", webhookBody, 0, nil},
		{"another client's, sent on", whpk, other, 0, func(h http.Header) { h.Set("webhook-signature", webhookHeader(other).Get("webhook-signature")) }},
	} {
		h := webhookHeader(webhookBody)
		if tt.change != nil {
			tt.change(h)
		}
		if _, err := ReadWebhook("bank", []string{tt.key}, h, []byte(tt.body), webhookAt.Add(tt.late)); !errors.Is(err, ErrWebhook) {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

func FuzzReadWebhook(f *testing.F) {
	f.Add("event1", "1795334400", "v1a,AAAA", whpk, webhookBody)
	f.Fuzz(func(t *testing.T, id, at, signature, key, body string) {
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {signature}}
		if _, err := ReadWebhook("bank", []string{key}, h, []byte(body), webhookAt); err == nil && key == whpk {
			t.Errorf("it is believed without the key: %q %q %q %q", id, at, signature, body)
		}
	})
}
