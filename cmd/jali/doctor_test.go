package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// ward is a server that runs behind a proxy which can spoil what passes.
type ward struct {
	*served
	issuer string
	spoil  func(*http.Response)
	dir    string
	client string // registered, with one key and redirect URIs
}

const registered = "https://app.bank.example/callback"

func admitted(t *testing.T) *ward {
	t.Helper()
	w := &ward{dir: t.TempDir()}
	var at *url.URL
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(at)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if w.spoil != nil {
				w.spoil(r)
			}
			return nil
		},
	})
	t.Cleanup(proxy.Close)
	w.issuer = strings.Replace(proxy.URL, "127.0.0.1", "localhost", 1)
	w.served = serve(t, "--issuer", w.issuer, "--allow-private")
	at = &url.URL{Scheme: "http", Host: w.address}
	if err := setup(&testscript.Env{WorkDir: w.dir}); err != nil {
		t.Fatal(err)
	}
	out, err := w.run(t.Context(), "client", "add", "--name-zh", "晨曦银行", "--name-en", "Morning Bank",
		"--redirect", registered, "--redirect", "http://127.0.0.1/callback", "--jwks", filepath.Join(w.dir, "public.jwks"))
	if err != nil {
		t.Fatal(err, out)
	}
	w.client = strings.TrimSpace(out)
	return w
}

func (w *ward) examine(t *testing.T, d doctorCmd, issuer string, ahead time.Duration) *examination {
	t.Helper()
	x, err := d.examination(issuer)
	if err != nil {
		t.Fatal(err)
	}
	x.now = func() time.Time { return time.Now().Add(ahead) }
	x.client.Now = x.now
	x.run(t.Context())
	return x
}

// Each thing that can be wrong is told by the check that is about it, with what
// to change; and nothing else is blamed that is not a consequence.
func TestDoctor(t *testing.T) {
	w := admitted(t)
	other := t.TempDir()
	if err := setup(&testscript.Env{WorkDir: other}); err != nil {
		t.Fatal(err)
	}
	hook := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Location", "/elsewhere")
			rw.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	add := func(name string, args ...string) string {
		out, err := w.run(t.Context(), append([]string{"client", "add", "--name-zh", name, "--name-en", name, "--redirect", registered, "--jwks", filepath.Join(w.dir, "public.jwks")}, args...)...)
		if err != nil {
			t.Fatal(err, out)
		}
		return strings.TrimSpace(out)
	}
	signing, suspended := add("Signing Bank", "--signed-requests"), add("Suspended Bank")
	if out, err := w.run(t.Context(), "client", "suspend", suspended); err != nil {
		t.Fatal(err, out)
	}
	file := func(name, body string, mode os.FileMode) string {
		at := filepath.Join(w.dir, name)
		if err := os.WriteFile(at, []byte(body), mode); err != nil {
			t.Fatal(err)
		}
		return at
	}
	private, err := os.ReadFile(filepath.Join(w.dir, "private.jwks"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	secured := httptest.NewTLSServer(http.NotFoundHandler())
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(secured.Close)

	well := doctorCmd{ClientID: w.client, JWKS: filepath.Join(w.dir, "private.jwks"), Redirect: []string{registered, "http://127.0.0.1/callback"}}
	for _, tt := range []struct {
		why    string
		change func(*doctorCmd)
		issuer string        // empty: the server's
		ahead  time.Duration // of this machine's clock
		spoil  func(*http.Response)
		want   string // the findings that are not fine, "check grade", and a word of the first's
	}{
		{why: "all is well"},
		{why: "a client that signs its requests", change: func(d *doctorCmd) { d.ClientID, d.Redirect = signing, d.Redirect[:1] }},
		{why: "nobody's id", change: func(d *doctorCmd) { d.ClientID = "client_NOBODY" }, want: "client failure: public key (kid "},
		{why: "a key that is not registered", change: func(d *doctorCmd) { d.JWKS = filepath.Join(other, "private.jwks") }, want: "client failure: register the public key"},
		{why: "a suspended client", change: func(d *doctorCmd) { d.ClientID, d.Redirect = suspended, d.Redirect[:1] }, want: "client failure: suspended"},
		{why: "a slash too many", change: func(d *doctorCmd) { d.Redirect = []string{registered + "/"} }, want: "redirect failure: letter by letter"},
		{why: "one of two", change: func(d *doctorCmd) { d.Redirect = []string{registered, registered + "?a=1"} }, want: "redirect failure: letter by letter"},
		{why: "http to a host", change: func(d *doctorCmd) { d.Redirect = []string{"http://app.bank.example/callback"} }, want: "redirect failure, redirect failure: use https"},
		{why: "a fragment", change: func(d *doctorCmd) { d.Redirect = []string{registered + "#done"} }, want: "redirect failure, redirect failure: leave out #"},
		{why: "a relative one", change: func(d *doctorCmd) { d.Redirect = []string{"/callback"} }, want: "redirect failure, redirect failure: write it whole"},

		{why: "a clock that is ahead", ahead: 42 * time.Second, want: "clock failure, client unseen: NTP"},
		{why: "a clock that is behind", ahead: -2 * time.Minute, want: "clock failure, client unseen: NTP"},
		{why: "a clock that is a little ahead", ahead: 8 * time.Second, want: "clock warning: NTP"},

		{why: "a slash at the end", issuer: w.issuer + "/", want: "issuer failure, client unseen, data unseen: leave it out"},
		{why: "no URL", issuer: "jali", want: "issuer failure, client unseen, data unseen: https://jali.example"},
		{why: "http to a host", issuer: "http://jali.example", want: "issuer failure, client unseen, data unseen: https://jali.example"},
		{why: "another name of the same", issuer: strings.Replace(w.issuer, "localhost", "127.0.0.1", 1), want: "metadata failure, client unseen, data unseen: calls itself " + w.issuer},
		{why: "no Jali", issuer: elsewhere.URL, want: "metadata failure, client unseen, data unseen: no Jali"},
		{why: "nobody there", issuer: "http://localhost:1", want: "issuer failure, client unseen, data unseen: is the server running?"},
		{why: "an unknown authority", issuer: secured.URL, want: "issuer failure, client unseen, data unseen: --ca"},

		{why: "a proxy that takes nonces away", spoil: func(r *http.Response) { r.Header.Del("DPoP-Nonce") }, want: "data failure, client failure: pass these headers on"},
		{why: "a proxy that answers for the data API", spoil: func(r *http.Response) {
			if strings.HasPrefix(r.Request.URL.Path, "/v1") {
				r.StatusCode = http.StatusBadGateway
			}
		}, want: "data failure: passed on as it is"},
		{why: "a proxy without a clock", spoil: func(r *http.Response) { r.Header.Set("Date", "noon") }, want: "clock warning: Date"},
		{why: "a server without our sort of request", spoil: metadata(func(m map[string]any) { m["authorization_details_types_supported"] = []string{} }), want: "metadata failure: another version"},
		{why: "a server that takes other signatures", spoil: metadata(func(m map[string]any) { m["dpop_signing_alg_values_supported"] = []string{"PS256"} }), want: "metadata failure: it takes PS256"},

		{why: "the public half", change: func(d *doctorCmd) { d.JWKS = filepath.Join(w.dir, "public.jwks") }, want: "key failure, client unseen: public half alone"},
		{why: "no key", change: func(d *doctorCmd) { d.JWKS = file("none.jwk", "{}", 0o600) }, want: "key failure, client unseen: one private key"},
		{why: "a key that others read", change: func(d *doctorCmd) { d.JWKS = file("open.jwk", string(private), 0o644) }, want: "key warning: chmod 600"},

		{why: "a webhook that looks first", change: func(d *doctorCmd) { d.Webhook = hook(401) }},
		{why: "a webhook that takes anything", change: func(d *doctorCmd) { d.Webhook = hook(204) }, want: "webhook failure: check the signature"},
		{why: "a webhook elsewhere", change: func(d *doctorCmd) { d.Webhook = hook(307) }, want: "webhook failure: redirects are not followed"},
		{why: "no webhook", change: func(d *doctorCmd) { d.Webhook = hook(404) }, want: "webhook failure: messages come by POST"},
		{why: "a webhook that fails", change: func(d *doctorCmd) { d.Webhook = hook(500) }, want: "webhook failure: answered 4xx"},
		{why: "a webhook in the open", change: func(d *doctorCmd) { d.Webhook = "http://app.bank.example/hook" }, want: "webhook failure: use https"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			d, issuer := well, w.issuer
			if tt.change != nil {
				tt.change(&d)
			}
			if tt.issuer != "" {
				issuer = tt.issuer
			}
			w.spoil = tt.spoil
			x := w.examine(t, d, issuer, tt.ahead)
			var bad []string
			var first finding
			for _, f := range x.findings {
				if f.grade == fine {
					continue
				}
				if bad = append(bad, f.check+" "+string(f.grade)); first.check == "" {
					first = f
				}
				if f.says.zh == "" || f.says.en == "" || (f.remedy.zh == "") != (f.remedy.en == "") || f.grade == failure && f.remedy.en == "" {
					t.Errorf("%s is told as %+v", f.check, f)
				}
			}
			want, word, _ := strings.Cut(tt.want, ": ")
			if got := strings.Join(bad, ", "); got != want {
				t.Errorf("it finds %q, want %q\n%+v", got, want, x.findings)
			}
			if !strings.Contains(first.says.en+" "+first.remedy.en, word) {
				t.Errorf("it says %q and %q, want %q in it", first.says.en, first.remedy.en, word)
			}
		})
	}
	w.end(t)
}

// metadata changes what the server says of itself.
func metadata(change func(map[string]any)) func(*http.Response) {
	return func(r *http.Response) {
		if !strings.HasPrefix(r.Request.URL.Path, "/.well-known/oauth-authorization-server") {
			return
		}
		var m map[string]any
		if json.NewDecoder(r.Body).Decode(&m) != nil {
			return
		}
		change(m)
		b, _ := json.Marshal(m)
		r.Body = io.NopCloser(bytes.NewReader(b))
		r.Header.Set("Content-Length", fmt.Sprint(len(b)))
		r.ContentLength = int64(len(b))
	}
}

func codeOf(err error) int {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode()
	}
	return 0
}

// What the command prints and exits with, in both languages and as JSON.
func TestDoctorSpeaks(t *testing.T) {
	w := admitted(t)
	call := func(args ...string) (string, error) {
		return w.run(t.Context(), append([]string{"doctor", "--issuer", w.issuer, "--client-id", w.client, "--jwks", filepath.Join(w.dir, "private.jwks")}, args...)...)
	}
	if out, err := call("--redirect", registered, "--lang", "en"); err != nil || !strings.Contains(out, "✓ redirect    "+registered+" is registered\n") || !strings.HasSuffix(out, "\nAll is well.\n") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := call("--redirect", registered+"/", "--lang", "zh")
	if codeOf(err) != 1 || !strings.Contains(out, "✗ 回调地址 "+registered+"/ 没有登记\n         → 登记它") || !strings.Contains(out, "有 1 处要改") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = call("--redirect", registered+"/", "--json", "--lang", "en")
	var report struct {
		OK     bool
		Checks []struct{ Check, Grade, Says, Remedy string }
	}
	if json.Unmarshal([]byte(out), &report) != nil || codeOf(err) != 1 || report.OK || len(report.Checks) < 6 || report.Checks[len(report.Checks)-1].Check != "redirect" || report.Checks[len(report.Checks)-1].Grade != "failure" {
		t.Errorf("%v\n%s", err, out)
	}
	for _, args := range [][]string{
		{"doctor", "--client-id", "x", "--redirect", registered},                                                // no key
		{"doctor", "--client-id", "x", "--redirect", registered, "--cert", filepath.Join(w.dir, "public.jwks")}, // half of a pair
	} {
		if out, err := w.run(t.Context(), args...); codeOf(err) != 2 {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	w.end(t)
}

// A client that shows a certificate, to a server that has one.
func TestDoctorOfACertificate(t *testing.T) {
	cert, key, _ := certificate(t)
	issuer, mtls := "https://"+free(t), "https://"+free(t)
	s := serve(t, "--listen", strings.TrimPrefix(issuer, "https://"), "--tls-cert", cert, "--tls-key", key, "--issuer", issuer,
		"--mtls-listen", strings.TrimPrefix(mtls, "https://"), "--mtls-url", mtls, "--client-ca", cert)
	id, err := s.run(t.Context(), "client", "add", "--name-zh", "晨曦银行", "--name-en", "Morning Bank", "--redirect", registered,
		"--auth", "tls_client_auth", "--tls-san-dns", "localhost", "--certificate-bound")
	if err != nil {
		t.Fatal(err, id)
	}
	dir := t.TempDir()
	if err := setup(&testscript.Env{WorkDir: dir}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why  string
		args []string
		want string
	}{
		{"all is well, but that the certificate ends within the hour", []string{"--cert", cert, "--cert-key", key, "--ca", cert}, "! certificate"},
		{"a server's authority that nobody knows", []string{"--cert", cert, "--cert-key", key}, "name the authority's certificate with --ca"},
		{"a key in place of the certificate", []string{"--jwks", filepath.Join(dir, "private.jwks"), "--ca", cert}, "if it is registered with a certificate, use --cert"},
	} {
		out, err := s.run(t.Context(), append([]string{"doctor", "--issuer", issuer, "--client-id", strings.TrimSpace(id), "--redirect", registered, "--lang", "en"}, tt.args...)...)
		if !strings.Contains(out, tt.want) || (err == nil) != (tt.want[0] == '!') {
			t.Errorf("%s: %v\n%s", tt.why, err, out)
		}
	}
	s.end(t)
}

// free answers an address at which nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "localhost:" + port
}
