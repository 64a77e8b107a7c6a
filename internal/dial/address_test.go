package dial

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http/httpproxy"

	"jali/internal/dial/dialtest"
)

// weak is a client as one writes it without this package.
func weak(c *dialtest.Canary) *http.Client {
	d := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error { return c.Let(address) }}
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}}
}

// strict is ours; the addresses that it lets through are noted before they are
// connected to.
func strict(c *dialtest.Canary, k Config) *http.Client {
	return open(k, &net.Dialer{Control: func(network, address string, _ syscall.RawConn) error {
		if err := k.check(network, address); err != nil {
			return err
		}
		return c.Let(address)
	}})
}

func fetch(t *testing.T, c *http.Client, address string) error {
	t.Helper()
	t.Cleanup(c.CloseIdleConnections)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	_, err = Do(c, r, 1<<10)
	return err
}

// No form of a forbidden address leads to a connection, and nearly each of them
// leads a plain client to one: two lookups are made, since rebinding shows at
// the second.
func TestNoFormOfAnAddressLeadsInside(t *testing.T) {
	canary, names := dialtest.Listen(t), dialtest.Serve(t)
	forms := dialtest.Forms()
	led := 0
	for _, f := range forms {
		address := strings.ReplaceAll(f.URL, "PORT", canary.Port)
		try := func(c *http.Client) (came int, reached []netip.Addr, err error) {
			if f.Name != "" {
				names.Answer(f.Name, f.Answers...)
			}
			canary.Took()
			for range 2 {
				err = fetch(t, c, address)
			}
			came, reached = canary.Took()
			return came, slices.DeleteFunc(reached, func(a netip.Addr) bool { return slices.Contains(dialtest.Public, a) }), err
		}
		came, reached, err := try(weak(canary))
		if (came+len(reached) > 0) == f.Deaf {
			t.Errorf("%s: %s: a plain client is led there %d times, and to %v (%v); deaf %v", f.Why, f.URL, came, reached, err, f.Deaf)
		}
		if !f.Deaf {
			led++
		}
		came, reached, err = try(strict(canary, Config{}))
		if came > 0 || len(reached) > 0 || err == nil {
			t.Errorf("%s: %s: ours is led there %d times, and to %v (%v)", f.Why, f.URL, came, reached, err)
		}
	}
	if led < 60 {
		t.Errorf("%d of %d forms lead a plain client, want 60", led, len(forms))
	}
	t.Logf("%d forms, of which %d lead a plain client", len(forms), led)
}

// An operator who allows a source at a private address allows no metadata, no
// link-local and no address with another inside.
func TestWhatIsNeverAllowed(t *testing.T) {
	canary := dialtest.Listen(t)
	allowed := 0
	for _, f := range dialtest.Forms() {
		if f.Name != "" || f.Deaf {
			continue
		}
		_ = fetch(t, strict(canary, Config{AllowPrivate: true}), strings.ReplaceAll(f.URL, "PORT", canary.Port))
		came, reached := canary.Took()
		allowed += came
		for _, a := range reached {
			allowed++
			if a := a.Unmap(); !a.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a) || a.String() == "fd00:ec2::254" || a.String() == "100.100.100.200" {
				t.Errorf("%s: %s", f.Why, a)
			}
		}
		if came > 0 && (strings.Contains(f.URL, "0.0.0.0") || strings.Contains(f.URL, "[::]") || strings.Contains(f.URL, "%25")) {
			t.Errorf("%s: %s was connected to", f.Why, f.URL)
		}
	}
	if allowed < 20 {
		t.Errorf("%d forms are allowed: this test shows nothing", allowed)
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	canary := dialtest.Listen(t)
	here := "127.0.0.1:" + canary.Port
	followed := 0
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"http://" + here, "//" + here + "/x", "http://user:secret@" + here, "HTTP://[::1]:" + canary.Port,
			"https://" + here, "file:///etc/passwd", "gopher://" + here, "http:" + here, "\\\\" + here, "http://" + here + "\\@bank.example"} {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Location"] = []string{to}
				w.Header().Set("Refresh", "0;url="+to)
				w.WriteHeader(status)
			}))
			_ = fetch(t, weak(canary), srv.URL)
			if came, _ := canary.Took(); came > 0 {
				followed++
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, strings.NewReader("token=secret"))
			if err != nil {
				t.Fatal(err)
			}
			c := New(Config{AllowPrivate: true}) // the canary would be allowed
			a, err := Do(c, r, 1<<10)
			cancel()
			if came, _ := canary.Took(); came > 0 || err == nil && a.Status != status {
				t.Errorf("%d to %s: %d connections, %d, %v", status, to, came, a.Status, err)
			}
			c.CloseIdleConnections()
			srv.Close()
		}
	}
	if followed < 25 {
		t.Errorf("a plain client followed %d: this test shows nothing", followed)
	}
}

func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	canary, names := dialtest.Listen(t), dialtest.Serve(t)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	names.Answer("bank.example", []netip.Addr{netip.MustParseAddr("127.0.0.1")})
	address := strings.Replace(srv.URL, "127.0.0.1", "bank.example", 1)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:"+canary.Port)
	}
	plain := weak(canary)
	proxy := httpproxy.FromEnvironment().ProxyFunc()
	plain.Transport.(*http.Transport).Proxy = func(r *http.Request) (*url.URL, error) { return proxy(r.URL) }
	_ = fetch(t, plain, address)
	if came, _ := canary.Took(); came == 0 {
		t.Error("a plain client did not use it: this test shows nothing")
	}
	if err := fetch(t, New(Config{AllowPrivate: true}), address); err != nil {
		t.Error(err)
	}
	if came, _ := canary.Took(); came != 0 {
		t.Errorf("%d connections to the proxy", came)
	}
}

// A credential goes to the services that the client was made for, and nowhere
// else, whoever says so.
func TestACredentialGoesToItsOwnHost(t *testing.T) {
	canary := dialtest.Listen(t)
	var told []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told = append(told, r.Header.Get("Authorization")) }))
	t.Cleanup(srv.Close)
	own, err := url.Parse(srv.URL + "/api/v1")
	if err != nil {
		t.Fatal(err)
	}
	c := Only(New(Config{AllowPrivate: true}), own, &url.URL{Scheme: "https", Host: "login.bank.example"})
	t.Cleanup(c.CloseIdleConnections)
	for _, tt := range []struct {
		url, host string
		ok        bool
	}{
		{srv.URL + "/elsewhere", "", true},
		{strings.Replace(srv.URL, "http:", "HTTP:", 1), "", true},
		{"http://127.0.0.1:" + canary.Port, "", false},
		{"http://[::1]:" + canary.Port, "", false},
		{"http://" + own.Host + "@127.0.0.1:" + canary.Port, "", false},
		{"https://" + own.Host, "", false},
		{"http://127.0.0.1", "", false},
		{"http://login.bank.example", "", false},
		{"https://login.bank.example.evil.example", "", false},
		{"https://login.bank.example.:" + canary.Port, "", false},
		{srv.URL, "evil.example", false}, // behind one address there may be many hosts
	} {
		told = nil
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.host != "" {
			r.Host = tt.host
		}
		r.Header.Set("Authorization", "Bearer secret")
		_, err = Do(c, r, 1<<10)
		came, _ := canary.Took()
		if (err == nil) != tt.ok || (len(told) > 0) != tt.ok || came > 0 || err != nil && !errors.Is(err, ErrElsewhere) {
			t.Errorf("%s %s: told %q, the canary %d times, %v; want ok %v", tt.url, tt.host, told, came, err, tt.ok)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the credential: %v", err)
		}
	}
}
