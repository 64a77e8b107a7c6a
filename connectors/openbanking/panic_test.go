package openbanking

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"jali/connectors"
	"jali/internal/fault"
)

type breaks struct{}

func (breaks) RoundTrip(*http.Request) (*http.Response, error) { panic("account 22289") }

// A panic while accounts are asked side by side would end the process, and
// print its value; it is the call's error.
func TestAPanicBesideIsAnError(t *testing.T) {
	c, err := New(config("http://127.0.0.1:1", &http.Client{Transport: breaks{}}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Balances(t.Context(), linked, []connectors.AccountRef{debit, credit})
	var p *fault.Panic
	if !errors.As(err, &p) || p.Type != "string" || strings.Contains(err.Error(), "22289") {
		t.Errorf("it answers %v, want a panic without its value", err)
	}
}
