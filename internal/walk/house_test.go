// Package walk walks through the whole house as its users do: a person in a
// real browser, a bank app by its own library and by other people's, many at
// once. Whatever leaves is recorded, and searched for what must never leave.
package walk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"jali/openapi/client"
)

// ready is the ready file.
type ready struct {
	Issuer, API, Town, Bank, Sandbox string
	Clients                          []struct {
		ID       string          `json:"client_id"`
		Redirect string          `json:"redirect_uri"`
		JWKS     json.RawMessage `json:"jwks"`
	}
	People []struct {
		ID, Name string
		Accounts []struct{ ID, Source, Name string }
	}
	MTLS     struct{ Certificate string }
	Canaries []string
}

// house is a running sandbox behind a recording proxy.
type house struct {
	ready
	data     string
	log      *buffer
	answers  *buffer // every answer to a client, headers and body; the person's own pages show the person's own data
	process  *exec.Cmd
	readFile string

	mu    sync.Mutex
	heard map[string]int // what somebody before jali says of its answers, and how often
	seen  map[string]int // how many of them, by path
}

// buffer is a bytes.Buffer for many writers.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.b.Bytes())
}

// open builds and starts the sandbox, and waits until it says that it is ready.
func open(t *testing.T) *house { t.Helper(); return openBehind(t, nil) }

// openBehind has what the document describes pass by another, which is told
// where jali is and answers where it is itself.
func openBehind(t *testing.T, another func(t *testing.T, h *house, jali string) string) *house {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := &house{heard: map[string]int{}, seen: map[string]int{}, data: filepath.Join(dir, "data"), log: &buffer{}, answers: &buffer{}, readFile: filepath.Join(dir, "ready.json")}
	proxy, behind := h.record(t)
	h.process = exec.Command(binary, "--addr", "localhost:0", "--town-addr", "127.0.0.1:0", "--bank-addr", "127.0.0.1:0",
		"--issuer", proxy, "--data", h.data, "--ready", h.readFile, "--verbose")
	h.process.Stderr = h.log
	stdout, err := h.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = h.process.Process.Signal(os.Interrupt)
		if err := h.process.Wait(); err != nil {
			t.Errorf("the sandbox did not end well: %v\n%s", err, h.log.Bytes())
		}
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ctrl-C") {
			break
		}
	}
	go func() { _, _ = io.Copy(h.log, stdout) }()
	b, err := os.ReadFile(h.readFile)
	if err != nil {
		t.Fatalf("the sandbox is not ready: %v\n%s", err, h.log.Bytes())
	}
	if err := json.Unmarshal(b, &h.ready); err != nil {
		t.Fatal(err)
	}
	at := places{jali: strings.TrimSuffix(h.Sandbox, "/sandbox")}
	if at.described = at.jali; another != nil {
		at.described = another(t, h, at.jali)
	}
	behind <- at
	return h
}

// places are who answers: jali, and whoever stands before what is described.
type places struct{ jali, described string }

func described(path string) bool {
	return slices.ContainsFunc([]string{"/v1", "/oauth", "/.well-known", "/openapi"}, func(p string) bool { return strings.HasPrefix(path, p) })
}

// record stands before jali and keeps what it answers. behind is told once who
// that is.
func (h *house) record(t *testing.T) (issuer string, behind chan<- places) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan places, 1)
	where := sync.OnceValue(func() places { return <-told })
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			at := where().jali
			if described(r.In.URL.Path) {
				at = where().described
			}
			u, err := url.Parse(at)
			if err != nil {
				panic(err)
			}
			r.SetURL(u)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if !described(r.Request.URL.Path) {
				return nil
			}
			h.hear(r, where().jali)
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			var b bytes.Buffer
			_ = r.Header.Write(&b)
			b.Write(body)
			_, _ = h.answers.Write(append(b.Bytes(), '\n'))
			return nil
		},
	}
	srv := &http.Server{Handler: proxy} //nolint:gosec // a test's
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "http://localhost:" + port, told
}

// client answers the nth registered client.
func (h *house) client(t *testing.T, n int) *client.Client {
	t.Helper()
	c := h.Clients[n]
	key, err := client.ParseKey(c.JWKS)
	if err != nil {
		t.Fatal(err)
	}
	return &client.Client{Issuer: h.Issuer, ID: c.ID, Redirect: c.Redirect, Key: key}
}

// decide answers a consent request as a person would in the browser.
func (h *house) decide(ctx context.Context, authorize, person, decision string) (*url.URL, error) {
	u, err := url.Parse(authorize)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{
		"client_id": u.Query().Get("client_id"), "request_uri": u.Query().Get("request_uri"), "person": person, "decision": decision,
	})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.Sandbox+"/consents", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		RedirectTo string `json:"redirect_to"`
		Code       string `json:"code"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.RedirectTo == "" {
		return nil, &client.Problem{Status: resp.StatusCode, Code: answer.Code}
	}
	return url.Parse(answer.RedirectTo)
}
