package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"jali/cmd/internal/house"
	"jali/connectors"
	"jali/consent/passkey"
	"jali/consent/passkey/software"
	"jali/internal/jose"
	"jali/openapi/conform"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // or each process takes a second to end
	testscript.Main(m, map[string]func(){"jali": main, "found": found, "filemode": fileMode, "idof": idOf, "receipts": receipts, "tampered": tampered, "keeper": keeper,
		"agekey": ageKey, "listed": listed, "spoil": spoil, "small": small})
}

// found makes the database of a folder, as a first start does, with one
// person in it, whose id it prints.
func found() {
	const issuer = "http://localhost:8080"
	ctx := context.Background()
	h, err := house.Open(ctx, house.Config{
		Issuer: issuer, Data: os.Args[1], Sources: &connectors.Registry{}, Log: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		var signed passkey.SignedIn
		if signed, err = signUp(ctx, h, issuer); err == nil {
			fmt.Print(signed.Session.Person)
		}
		err = errors.Join(err, h.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func signUp(ctx context.Context, h *house.House, issuer string) (passkey.SignedIn, error) {
	flow, options, err := h.Passkeys.BeginSignUp(ctx, "林小舟")
	if err != nil {
		return passkey.SignedIn{}, err
	}
	response, err := software.New().Create(issuer, options)
	if err != nil {
		return passkey.SignedIn{}, err
	}
	signed, _, err := h.Passkeys.FinishSignUp(ctx, flow, response, "test")
	return signed, err
}

// idOf runs a verb on the id that a file begins with: idof FILE client show.
func idOf() {
	b, err := os.ReadFile(os.Args[1])
	words := strings.Fields(string(b))
	if err != nil || len(words) == 0 {
		fmt.Fprintln(os.Stderr, "no id in", os.Args[1])
		os.Exit(1)
	}
	os.Args = append([]string{"jali", "--data", "data", os.Args[2], os.Args[3], words[0]}, os.Args[4:]...)
	main()
}

func fileMode() {
	info, err := os.Stat(os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	fmt.Printf("%o\n", info.Mode().Perm())
}

// setup gives a script a client's public keys.
func setup(env *testscript.Env) error {
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		return err
	}
	private, err := key.Export()
	if err != nil {
		return err
	}
	for name, jwk := range map[string][]byte{"public.jwks": key.Public().JWK(), "private.jwks": private.Reveal()} {
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), fmt.Appendf(nil, `{"keys":[%s]}`, jwk), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// exits runs a program that is to end with a status: exits 2 jali …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	if neg || !errors.As(err, &ended) || strconv.Itoa(ended.ExitCode()) != args[0] {
		ts.Fatalf("%v ended with %v, want %s", args[1:], err, args[0])
	}
}

func TestVerbs(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: setup, Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits}})
}

// served is a running `jali serve`.
type served struct {
	data, address, monitoring, mtls string
	process                         *exec.Cmd
	log                             *strings.Builder
	logged                          chan struct{}
}

// serve starts the binary under test and waits until it says that it serves.
func serve(t *testing.T, args ...string) *served {
	t.Helper()
	s := &served{data: filepath.Join(t.TempDir(), "data"), log: &strings.Builder{}, logged: make(chan struct{})}
	jali, err := exec.LookPath("jali")
	if err != nil {
		t.Fatal(err)
	}
	s.process = exec.Command(jali, append([]string{"serve", "--data", s.data, "--listen", "localhost:0", "--admin", "127.0.0.1:0"}, args...)...)
	stderr, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.process.Process.Kill() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		fmt.Fprintln(s.log, lines.Text())
		if _, at, ok := strings.Cut(lines.Text(), `"at":"`); ok {
			s.monitoring, _, _ = strings.Cut(at, `"`)
		}
		if _, at, ok := strings.Cut(lines.Text(), `"mtls":"`); ok {
			s.mtls, _, _ = strings.Cut(at, `"`)
		}
		if _, at, ok := strings.Cut(lines.Text(), `"address":"`); ok {
			s.address, _, _ = strings.Cut(at, `"`)
			break
		}
	}
	if s.address == "" {
		t.Fatalf("jali does not serve:\n%s", s.log)
	}
	go func() {
		defer close(s.logged)
		for lines.Scan() {
			fmt.Fprintln(s.log, lines.Text())
		}
	}()
	return s
}

// end stops it as an operator would.
func (s *served) end(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.logged
	if err := s.process.Wait(); err != nil {
		t.Errorf("jali does not end well: %v\n%s", err, s.log)
	}
}

func (s *served) run(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "jali", append([]string{"--data", s.data}, args...)...).CombinedOutput()
	return string(out), err
}

func TestVerbsSpeakToARunningServer(t *testing.T) {
	env := &testscript.Env{WorkDir: t.TempDir()}
	if err := setup(env); err != nil {
		t.Fatal(err)
	}
	s := serve(t)
	info, err := os.Stat(filepath.Join(s.data, "jali.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the admin socket has mode %v, %v; want 0600", info.Mode(), err)
	}
	id, err := s.run(t.Context(), "client", "add", "--name-zh", "晨曦银行", "--name-en", "Morning Bank",
		"--redirect", "https://app.bank.example/callback", "--jwks", filepath.Join(env.WorkDir, "public.jwks"))
	if err != nil || !strings.HasPrefix(id, "client_") {
		t.Fatalf("client add: %v\n%s", err, id)
	}
	if out, err := s.run(t.Context(), "client", "suspend", strings.TrimSpace(id)); err != nil {
		t.Fatalf("client suspend: %v\n%s", err, out)
	}
	out, err := s.run(t.Context(), "client", "list")
	if err != nil || !strings.Contains(out, "suspended  晨曦银行  Morning Bank") {
		t.Errorf("client list: %v\n%s", err, out)
	}
	if out, err := s.run(t.Context(), "client", "suspend", "client_unknown"); err == nil {
		t.Errorf("an unknown client is suspended:\n%s", out)
	}
	if out, err := s.run(t.Context(), "serve", "--listen", "localhost:0", "--admin", ""); err == nil || !strings.Contains(out, "another process") {
		t.Errorf("a second server on one folder: %v\n%s; want to be told that another process has it", err, out)
	}
	s.end(t)
	if out, err := s.run(t.Context(), "client", "list"); err != nil || !strings.Contains(out, "Morning Bank") {
		t.Errorf("client list without a server: %v\n%s", err, out)
	}
}

// Clients at private addresses, which this machine's own is, are told only
// where the operator says so.
func TestClientsInTheOperatorsOwnNetwork(t *testing.T) {
	env := &testscript.Env{WorkDir: t.TempDir()}
	if err := setup(env); err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.Header.Get("webhook-id") }))
	defer hook.Close()
	s := serve(t, "--allow-private")
	id, err := s.run(t.Context(), "client", "add", "--name-zh", "晨曦银行", "--name-en", "Morning Bank",
		"--redirect", "https://app.bank.example/callback", "--jwks", filepath.Join(env.WorkDir, "public.jwks"), "--webhook", hook.URL)
	if err != nil {
		t.Fatalf("client add: %v\n%s", err, id)
	}
	out, err := s.run(t.Context(), "webhook", "test", "--client", strings.TrimSpace(id))
	if err != nil || !strings.Contains(out, "http_200") {
		t.Fatalf("webhook test: %v\n%s", err, out)
	}
	if got := <-told; !strings.HasPrefix(out, got) || got == "" {
		t.Errorf("the client was told %q, the operator\n%s", got, out)
	}
	s.end(t)
}

// An operator invites, a client registers itself over HTTP, and the operator
// has the last word.
func TestAnInvitedClientRegistersItself(t *testing.T) {
	env := &testscript.Env{WorkDir: t.TempDir()}
	if err := setup(env); err != nil {
		t.Fatal(err)
	}
	jwks, err := os.ReadFile(filepath.Join(env.WorkDir, "public.jwks"))
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t)
	verb := func(args ...string) string {
		t.Helper()
		out, err := s.run(t.Context(), args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	register := func(token string) (status int, id string) {
		t.Helper()
		r, err := http.NewRequest("POST", "http://"+s.address+"/oauth/register",
			strings.NewReader(`{"client_name":"Morning Bank","redirect_uris":["https://app.bank.example/cb"],"jwks":`+string(jwks)+`}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
		resp, err := asking(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var said struct {
			ID string `json:"client_id"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&said); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, said.ID
	}
	if status, _ := register("invite_x.y"); status != http.StatusNotFound {
		t.Errorf("without an invitation: %d, want 404", status)
	}
	token, _, _ := strings.Cut(verb("client", "invite"), "\n")
	status, id := register(token)
	if status != http.StatusCreated {
		t.Fatalf("by invitation: %d, want 201", status)
	}
	if out := verb("client", "show", id); !strings.Contains(out, "by itself") || !strings.Contains(out, "Morning Bank") {
		t.Errorf("client show:\n%s", out)
	}
	if status, _ := register(token); status != http.StatusNotFound {
		t.Errorf("the invitation was for one: %d, want 404", status)
	}
	verb("client", "remove", id, "--yes")
	if out := verb("client", "list"); out != "" {
		t.Errorf("client list after its removal:\n%s", out)
	}
	s.end(t)
	if strings.Contains(s.log.String(), token) || !strings.Contains(s.log.String(), "a client registered itself") {
		t.Errorf("the log has the token, or not the deed:\n%s", s.log)
	}
}

func TestServesWithoutAnySource(t *testing.T) {
	s := serve(t)
	for path, want := range map[string]int{
		"/":             http.StatusOK,
		"/openapi.yaml": http.StatusOK,
		"/v1/sources":   http.StatusOK,
		"/.well-known/oauth-authorization-server": http.StatusOK,
		"/sandbox/town": http.StatusNotFound,
		"/healthz":      http.StatusNotFound, // the admin listener's alone
		"/metrics":      http.StatusNotFound,
		"/debug/pprof/": http.StatusNotFound,
	} {
		resp, err := asking(t).Get("http://" + s.address + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	s.end(t)
}

// asking is a client for which every answer has to be what the document promises.
func asking(t *testing.T) *http.Client { return &http.Client{Transport: conform.Transport(t, nil)} }

func TestMonitoring(t *testing.T) {
	for _, pprof := range []bool{false, true} {
		s := serve(t, fmt.Sprintf("--pprof=%v", pprof))
		if _, err := asking(t).Get("http://" + s.address + "/v1/sources"); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{
			"/healthz":      "ok",
			"/readyz":       "ok",
			"/metrics":      "go_goroutines",
			"/debug/pprof/": map[bool]string{true: "goroutine", false: "404"}[pprof],
			"/v1/sources":   "404", // the public site's alone
			"/clients":      "404", // the socket's alone
		} {
			resp, err := http.Get("http://" + s.monitoring + path)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || !strings.Contains(string(b), want) {
				t.Errorf("pprof %v: GET %s: %s, %v; want %q in it", pprof, path, resp.Status, err, want)
			}
		}
		s.end(t)
	}
}

// certificate writes a key and a certificate of this machine's own.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert, key, pool
}

func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	s := serve(t, "--tls-cert", cert, "--tls-key", key, "--issuer", "https://localhost")
	dial := func(version uint16) error {
		conn, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: version})
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	for version, served := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		if err := dial(version); (err == nil) != served {
			t.Errorf("%s: %v, want served: %v", tls.VersionName(version), err, served)
		}
	}
	browser := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}}}
	resp, err := browser.Get("https://" + s.address + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	browser.CloseIdleConnections()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("GET / over TLS: %s, Strict-Transport-Security %q", resp.Status, resp.Header.Get("Strict-Transport-Security"))
	}
	s.end(t)
}
