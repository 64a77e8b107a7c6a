package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"jali/server"
)

// gone is a client that takes the head of an answer and none of its body.
type gone struct {
	*httptest.ResponseRecorder
	leave func()
}

func (g gone) Write([]byte) (int, error) {
	g.leave()
	return 0, errors.New("the connection is closed")
}

// Who hangs up while it is answered is nobody's fault; that an answer breaks
// off for somebody who stays, or does not begin in time, may be ours.
func TestHangingUpIsNoError(t *testing.T) {
	for _, tt := range []struct {
		why, path      string
		early, hangsUp bool
		failed         bool
	}{
		{"it hangs up while it is answered", "/openapi.yaml", false, true, false},
		{"it stays, and the answer breaks off", "/openapi.yaml", false, false, true},
		{"it hangs up before there is an answer", "/v1/views/view_0123456789abcdef", true, true, true},
	} {
		var s http.Handler
		e := stand(t, func(c *server.Config) {
			own, err := server.New(*c)
			if err != nil {
				t.Fatal(err)
			}
			s = own
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		leave := func() {}
		if tt.hangsUp {
			leave = cancel
		}
		if tt.early {
			e.views.err = context.Canceled
			leave()
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, tt.path, nil)
		r.Header.Set("Authorization", "DPoP good")
		s.ServeHTTP(gone{httptest.NewRecorder(), leave}, r)
		if failed := strings.Contains(e.log.String(), `"request failed"`); failed != tt.failed {
			t.Errorf("%s: %s", tt.why, e.log)
		}
	}
}
