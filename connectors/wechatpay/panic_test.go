package wechatpay

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"jali/internal/fault"
)

type breaks struct{}

func (breaks) RoundTrip(*http.Request) (*http.Response, error) { panic("account " + merchant) }

// A panic while days are asked side by side would end the process, and print
// its value; it is the call's error.
func TestAPanicBesideIsAnError(t *testing.T) {
	c, err := New(config(t, "http://127.0.0.1:1", &http.Client{Transport: breaks{}}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Bills(t.Context(), linked, own, now.Add(-5*24*time.Hour), now, "")
	var p *fault.Panic
	if !errors.As(err, &p) || p.Type != "string" || strings.Contains(err.Error(), merchant) {
		t.Errorf("it answers %v, want a panic without its value", err)
	}
}
