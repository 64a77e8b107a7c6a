package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"jali/internal/fault"
)

type breaks struct{}

func (breaks) RoundTrip(*http.Request) (*http.Response, error) { panic("account 6222021234567890") }

// A panic in the outbox would end the process, and print its value. What it
// takes along is one look or one attempt, and both are made again.
func TestAPanicIsTriedAgain(t *testing.T) {
	h := newHouse(t)
	var log strings.Builder
	h.Log = slog.New(slog.NewTextHandler(&log, nil))
	c := newClient(t, status(204))
	h.at("bank", c.URL)
	h.queue("bank", "grant_1", "event_1")

	endpoint, client := h.Endpoint, h.HTTP
	h.Endpoint = func(context.Context, string) (string, error) { panic("account 6222021234567890") }
	_, err := h.begin(t.Context())
	if p := (*fault.Panic)(nil); !errors.As(err, &p) {
		t.Errorf("a look that panics answers %v", err)
	}
	h.Endpoint, h.HTTP = endpoint, &http.Client{Transport: breaks{}}
	h.deliver()
	if got := log.String(); !strings.Contains(got, "panic of type string at") || strings.Contains(got, "6222") {
		t.Errorf("of an attempt that panics the log says %s", got)
	}
	h.HTTP = client
	h.pass(2 * lookLater)
	h.deliver()
	if got := c.ids(); len(got) != 1 || got[0] != "event_1" {
		t.Errorf("the client was told %v", got)
	}
}
