package wire

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"

	"jali/connectors"
	"jali/internal/dial"
)

func TestDo(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "0123456789")
	}))
	t.Cleanup(srv.Close)
	here, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	for _, tt := range []struct {
		why  string
		c    *http.Client
		max  int64
		want error
	}{
		{"an answer, whatever its status", client, 10, nil},
		{"one that is too large", client, 9, connectors.ErrMalformed},
		{"somewhere else", dial.Only(client, &url.URL{Scheme: "https", Host: "bank.example"}), 10, connectors.ErrMalformed},
		{"its own service", dial.Only(client, here), 10, nil},
		{"an address that is not allowed", dial.New(dial.Config{}), 10, connectors.ErrDown},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Do(tt.c, r, tt.max)
		if !errors.Is(err, tt.want) || err == nil && (a.Status != http.StatusTeapot || string(a.Body) != "0123456789") {
			t.Errorf("%s: %d %q, %v; want %v", tt.why, a.Status, a.Body, err, tt.want)
		}
	}
}

func TestUUID(t *testing.T) {
	a, b := UUID(), UUID()
	if form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`); a == b || !form.MatchString(a) || !form.MatchString(b) {
		t.Errorf("%s and %s", a, b)
	}
}
