package dial

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPublic(t *testing.T) {
	for _, tt := range []struct {
		addr            string
		public, private bool
		why             string
	}{
		{"110.75.244.1", true, false, "an ordinary address"},
		{"2400:3200::1", true, false, "an ordinary address"},
		{"127.0.0.1", false, true, "loopback"},
		{"::1", false, true, "loopback"},
		{"10.1.2.3", false, true, "RFC 1918"},
		{"172.31.255.255", false, true, "the end of RFC 1918's middle block"},
		{"172.32.0.1", true, false, "just past it"},
		{"192.168.0.1", false, true, "RFC 1918"},
		{"100.64.0.1", false, true, "carrier NAT"},
		{"100.128.0.1", true, false, "just past it"},
		{"fd12::1", false, true, "unique local"},
		{"169.254.169.254", false, false, "metadata"},
		{"100.100.100.200", false, false, "metadata inside 100.64/10"},
		{"fd00:ec2::254", false, false, "metadata inside fc00::/7"},
		{"168.63.129.16", false, false, "metadata at a public address"},
		{"0.0.0.0", false, false, "this host on Linux"},
		{"::", false, false, "this host on Linux"},
		{"224.0.0.1", false, false, "multicast"},
		{"ff02::1", false, false, "multicast"},
		{"255.255.255.255", false, false, "broadcast"},
		{"fe80::1", false, false, "link-local"},
		{"::ffff:127.0.0.1", false, true, "mapped: the kernel connects to loopback"},
		{"::ffff:169.254.169.254", false, false, "mapped metadata"},
		{"::ffff:8.8.8.8", true, false, "mapped: the kernel connects to 8.8.8.8"},
		{"::127.0.0.1", false, false, "the deprecated compatible form"},
		{"64:ff9b::7f00:1", false, false, "NAT64 of loopback"},
		{"64:ff9b::808:808", false, false, "NAT64 of anything"},
		{"2002:7f00:1::", false, false, "6to4 of loopback"},
		{"2001:0:7f00:1::", false, false, "Teredo"},
		{"2001:db8::1", false, false, "documentation"},
	} {
		a := netip.MustParseAddr(tt.addr)
		if Public(a) != tt.public || private(a) != tt.private {
			t.Errorf("%s (%s): public %v, private %v; want %v, %v", tt.addr, tt.why, Public(a), private(a), tt.public, tt.private)
		}
	}
}

func FuzzCheckNeverLetsTheInsideThrough(f *testing.F) {
	for _, s := range []string{"127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "8.8.8.8:443", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if Config.check(Config{}, "tcp", address) != nil {
			return
		}
		a := netip.MustParseAddrPort(address).Addr().Unmap()
		if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
			t.Errorf("%q was let through", address)
		}
	})
}

func get(t *testing.T, c *http.Client, url string, max int64) (Answer, error) {
	t.Helper()
	t.Cleanup(c.CloseIdleConnections)
	r, err := http.NewRequestWithContext(context.Background(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Do(c, r, max)
}

func TestANameThatLeadsInsideIsRefusedAfterDNS(t *testing.T) {
	reached := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer srv.Close()
	url := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) + "/?token=canary"
	_, err := get(t, New(Config{}), url, 1<<10)
	if !errors.Is(err, ErrAddress) || reached {
		t.Fatalf("got %v, reached %v; want ErrAddress before any byte", err, reached)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the error tells the query: %v", err)
	}
	if _, err := get(t, New(Config{AllowPrivate: true}), srv.URL, 1<<10); err != nil {
		t.Errorf("with AllowPrivate: %v", err)
	}
}

func TestRedirectsAreAnsweredNotFollowed(t *testing.T) {
	calls := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		http.Redirect(w, r, "/again", http.StatusFound)
	}))
	defer srv.Close()
	a, err := get(t, New(Config{AllowPrivate: true}), srv.URL, 1<<10)
	if err != nil || a.Status != http.StatusFound || calls != 1 {
		t.Errorf("got %d, %v after %d calls; want 302 after one", a.Status, err, calls)
	}
}

func TestAnswersAreCapped(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/declared":
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(make([]byte, 100000))
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		case "/header":
			w.Header().Set("X", strings.Repeat("x", 100<<10))
		case "/exact":
			_, _ = w.Write(make([]byte, 50000))
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(make([]byte, 10))
		}
	}))
	defer srv.Close()
	for _, tt := range []struct {
		path         string
		client, read int64
		want         error
	}{
		{"/declared", 50000, 1 << 20, ErrTooLarge},
		{"/declared", 1 << 20, 50000, ErrTooLarge},
		{"/endless", 50000, 1 << 20, ErrTooLarge},
		{"/endless", 1 << 20, 50000, ErrTooLarge},
		{"/bomb", 50000, 1 << 21, ErrTooLarge}, // counted after decompression
		{"/bomb", 1 << 21, 50000, ErrTooLarge},
		{"/header", 1 << 20, 1 << 20, ErrUnreachable},
		{"/cut", 1 << 20, 1 << 20, ErrUnreachable},
		{"/exact", 50000, 50000, nil},
		{"/bomb", 1 << 20, 1 << 20, nil},
	} {
		_, err := get(t, New(Config{AllowPrivate: true, MaxBody: tt.client}), srv.URL+tt.path, tt.read)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s with caps %d and %d: %v, want %v", tt.path, tt.client, tt.read, err, tt.want)
		}
	}
}

func TestTimeoutCoversTheBody(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	_, err := get(t, New(Config{AllowPrivate: true, Timeout: 50 * time.Millisecond}), srv.URL, 1<<10)
	if !errors.Is(err, ErrUnreachable) {
		t.Errorf("a body that never ends: %v, want ErrUnreachable", err)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = nil
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	if _, err := get(t, New(Config{AllowPrivate: true, RootCAs: roots}), srv.URL, 1<<10); !errors.Is(err, ErrUnreachable) {
		t.Errorf("TLS 1.1: %v, want ErrUnreachable", err)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	seen := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen[r.RemoteAddr] = true }))
	defer srv.Close()
	c := New(Config{AllowPrivate: true})
	for range 20 {
		if _, err := get(t, c, srv.URL, 1<<10); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) > 5 { // net/http drops one whose writer is slow to report
		t.Errorf("20 requests took %d connections", len(seen))
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"":                              0,
		"120":                           2 * time.Minute,
		"-5":                            0,
		"99999999999":                   24 * time.Hour,
		"soon":                          0,
		"Sun, 01 Nov 2026 08:01:00 GMT": time.Minute,
		"Sun, 01 Nov 2026 07:00:00 GMT": 0,
	} {
		if got := (Answer{Header: http.Header{"Retry-After": {in}}}).RetryAfter(now); got != want {
			t.Errorf("Retry-After %q: %v, want %v", in, got, want)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://openapi.alipay.com/gateway.do": true,
		"http://127.0.0.1:8070/alipay":          true,
		"http://localhost:8070":                 true,
		"http://[::1]:1":                        true,
		"http://openapi.alipay.com":             false, // tokens would travel in the clear
		"http://localhost.example":              false,
		"https://user@alipay.com":               false,
		"https://alipay.com/#x":                 false,
		"ftp://alipay.com":                      false,
		"alipay.com":                            false,
		"":                                      false,
		"https://\x7f":                          false,
	} {
		if _, err := Endpoint(text); (err == nil) != ok {
			t.Errorf("Endpoint(%q): %v, want ok %v", text, err, ok)
		}
	}
}
