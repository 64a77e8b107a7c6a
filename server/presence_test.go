package server_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Who sends the header of the person's address says that they are there, and
// nothing else says so.
func TestPresenceIsTold(t *testing.T) {
	e := stand(t, nil)
	at := time.Date(2026, 11, 21, 1, 12, 7, 0, time.UTC)
	for _, tt := range []struct {
		address, signedIn, agent string
		status                   int
		code                     string
		present                  bool
	}{
		{"", "", "", 201, "", false},
		{"203.0.113.25", "", "", 201, "", true},
		{"2001:db8::7", at.Format(http.TimeFormat), "Mozilla/5.0 (Linux; Android 16), BankApp/7.2 100%", 201, "", true},
		{"::ffff:203.0.113.25", "", "", 201, "", true},
		{"", at.Format(http.TimeFormat), "Mozilla/5.0", 201, "", false},                           // signed in once, and not here now
		{"203.0.113.256", "", "", 400, "presence_invalid", false},                                 // no address
		{"0.0.0.0", "", "", 400, "presence_invalid", false},                                       // no device's
		{"ff02::1", "", "", 400, "presence_invalid", false},                                       // many devices'
		{"fe80::1%eth0", "", "", 400, "request_invalid", false},                                   // of one network
		{"203.0.113.25:443", "", "", 400, "presence_invalid", false},                              // with a port
		{"203.0.113.25, 203.0.113.26", "", "", 400, "request_invalid", false},                     // a list
		{"203.0.113.25", "2026-11-21T01:12:07Z", "", 400, "request_invalid", false},               // another format
		{"203.0.113.25", "Sat, 31 Feb 2026 01:12:07 GMT", "", 400, "presence_invalid", false},     // a day that is not
		{"203.0.113.25", "Sat, 21 Nov 2099 01:12:07 GMT", "", 400, "presence_invalid", false},     // yet to come
		{"203.0.113.25", "", strings.Repeat("a", 513), 400, "request_invalid", false},             // no browser's
		{"203.0.113.25", "", "\xe8\x8a\xb1", 400, "request_invalid", false},                       // not ASCII
		{"203.0.113.25\tx", at.Format(http.TimeFormat), "Mozilla", 400, "request_invalid", false}, // more than an address
	} {
		before := len(e.views.got)
		headers := []string{"Authorization", "DPoP good", "Idempotency-Key", key, "Content-Type", "application/json"}
		for _, h := range [][2]string{{"x-fapi-customer-ip-address", tt.address}, {"x-fapi-auth-date", tt.signedIn}, {"x-customer-user-agent", tt.agent}} {
			if h[1] != "" {
				headers = append(headers, h[0], h[1])
			}
		}
		res := e.send(t, http.MethodPost, "/v1/views", "{}", headers...)
		var told struct{ Code string }
		if err := json.Unmarshal(res.body, &told); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != tt.status || told.Code != tt.code {
			t.Errorf("%q, %q, %q: %d %s, want %d %s", tt.address, tt.signedIn, tt.agent, res.StatusCode, res.body, tt.status, tt.code)
			continue
		}
		if tt.status != 201 {
			if len(e.views.got) != before {
				t.Errorf("%q: a view was opened", tt.address)
			}
			if tt.address != "" && strings.Contains(string(res.body), tt.address) {
				t.Errorf("%q is quoted in the answer", tt.address)
			}
			continue
		}
		got := e.views.got[before].Present
		if (got != nil) != tt.present {
			t.Errorf("%q, %q: present %v, want %v", tt.address, tt.signedIn, got, tt.present)
			continue
		}
		if got == nil {
			continue
		}
		if want := netip.MustParseAddr(tt.address).Unmap(); got.IP != want || got.UserAgent != tt.agent || tt.signedIn != "" && !got.Since.Equal(at) {
			t.Errorf("%q, %q, %q is told as %+v", tt.address, tt.signedIn, tt.agent, got)
		}
	}
}
