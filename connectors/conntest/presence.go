package conntest

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"jali/connectors"
)

// presence holds that a source which wants to know is told that the person is
// there when they are, and that nobody is told when they are not.
func (r *run) presence(t *testing.T) {
	here := connectors.Presence{IP: netip.MustParseAddr("203.0.113.77"), UserAgent: "a phone of the conformance suite", Since: r.Now.Add(-time.Hour)}
	told := map[string]string{r.Presence.IP: here.IP.String(), r.Presence.UserAgent: here.UserAgent,
		r.Presence.Since: here.Since.UTC().Format(http.TimeFormat)}
	delete(told, "")
	heads := func(ctx context.Context, call func(context.Context, connectors.Credential) error) []http.Header {
		r.wire.breaks(nil)
		if err := call(ctx, r.credential); err != nil {
			t.Fatal(err)
		}
		return r.wire.headers()
	}
	for what, call := range r.reads(r.known) {
		for _, h := range heads(context.Background(), call) {
			for name := range told {
				if h.Get(name) != "" {
					t.Errorf("%s: %s is sent though nobody is there", what, name)
				}
			}
		}
		all := heads(connectors.Present(context.Background(), connectors.Presence{}), call)
		for _, h := range all {
			for name := range told {
				if h.Get(name) != "" {
					t.Errorf("%s: %s is sent though nothing is known of it", what, name)
				}
			}
		}
		all = heads(connectors.Present(context.Background(), here), call)
		for name, value := range told {
			if len(all) > 0 && all[len(all)-1].Get(name) != value {
				t.Errorf("%s: %s is %q, want %q", what, name, all[len(all)-1].Get(name), value)
			}
		}
		for _, h := range all {
			for name, values := range h {
				if v := strings.Join(values, ","); strings.Contains(v, here.IP.String()) && !strings.EqualFold(name, r.Presence.IP) {
					t.Errorf("%s: the person's address goes out in %s", what, name)
				}
			}
		}
	}
}
