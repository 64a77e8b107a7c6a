package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"filippo.io/age"

	"jali/internal/canary"
	"jali/openapi/client"
)

// TestNoCanaryLeaves runs a house whose sources carry 200 account numbers and
// tokens in every answer, error and panic; sees to it that all which can go wrong
// does; and searches every byte that left: answers, logs, profiles, traces,
// metrics, what verbs say, backups, files, and what the process says as it is
// killed. Then one number is let out, in groups in base64, and found. What the
// person's own pages say is the person's own, and left out.
func TestNoCanaryLeaves(t *testing.T) {
	h := openSpied(t)
	h.order(t, "/mood?is=well")
	h.order(t, "/tour")
	h.wellSeen(t)

	var watching sync.WaitGroup
	for _, long := range []string{"/debug/pprof/profile?seconds=2", "/debug/pprof/trace?seconds=2"} {
		watching.Go(func() { h.watch(t, long) })
	}
	for i, m := range moods[1 : len(moods)-2] {
		h.order(t, "/mood?"+url.Values{"is": {m.name}}.Encode())
		h.view(t)
		if i%4 == 0 {
			h.order(t, "/tour")
		}
	}
	h.pester(t)
	h.watchAll(t)
	watching.Wait()
	h.order(t, "/mood?is=well")
	h.verbs(t)
	h.files(t)
	canary.Report(t, h.search(t, h.places()))
	h.moodsWereSeen(t)
	h.kept(t)

	before := len(h.log.Bytes())
	h.order(t, "/mood?is=a+leak")
	h.view(t)
	leaked := h.log.Bytes()[before:]
	// A spy writes it to the stream of the log, past every logger.
	if found := h.search(t, map[string][]byte{"the log": leaked}); len(found) != 1 || found[0].Canary != 2 {
		t.Errorf("one number was let out, and found was %v", found)
	}

	before = len(h.log.Bytes())
	h.order(t, "/mood?is=waiting")
	h.wait(t)
	h.watch(t, "/debug/pprof/goroutine?debug=2")
	h.kill(t)
	dying := h.log.Bytes()[before:]
	if !bytes.Contains(dying, []byte("spy_test.go")) {
		t.Errorf("the process was killed while a source was asked, and its last words do not name it: %.2000s", dying)
	}
	places := h.places()
	places["the log"] = dying
	h.files(t)
	canary.Report(t, h.search(t, places))
}

// spiedHouse is a house of spies seen from outside.
type spiedHouse struct {
	spying
	ready    Ready
	process  *exec.Cmd
	log      *kept
	answers  *kept // to clients
	monitor  string
	client   *client.Client
	sessions []*client.Session // of grants, each with a use left
	scanner  *canary.Scanner
	canaries []string

	mu   sync.Mutex
	left map[string][]byte // by place
}

// kept is a bytes.Buffer for many writers.
type kept struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.b.Write(b)
}

func (k *kept) Bytes() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return bytes.Clone(k.b.Bytes())
}

func openSpied(t *testing.T) *spiedHouse {
	t.Helper()
	dir := t.TempDir()
	h := &spiedHouse{log: &kept{}, answers: &kept{}, left: map[string][]byte{}}
	h.Data, h.Ready, h.Monitor = filepath.Join(dir, "data"), filepath.Join(dir, "ready.json"), "127.0.0.1:0"
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(1e15))
		if err != nil {
			t.Fatal(err)
		}
		h.Numbers = append(h.Numbers, fmt.Sprintf("6222%015d", n))
		h.Tokens = append(h.Tokens, base64.StdEncoding.EncodeToString([]byte(rand.Text())))
	}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := httputil.DumpRequest(r, true)
		h.keep("what a client is told", b)
		w.Header().Set("X-Said", h.Tokens[9])
		http.Error(w, "no account "+h.Numbers[9], http.StatusInternalServerError)
	}))
	t.Cleanup(hook.Close)
	h.Webhook = hook.URL
	h.process = exec.Command(os.Args[0], "a house of spies")
	h.process.Env = append(os.Environ(), "GOTRACEBACK=crash")
	h.process.Dir, h.process.Stderr = dir, h.log
	told, err := json.Marshal(h.spying)
	if err != nil {
		t.Fatal(err)
	}
	h.process.Stdin = bytes.NewReader(told)
	out, err := h.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.process.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the house does not open: %v\n%s", err, h.log.Bytes())
	}
	h.monitor = "http://" + strings.TrimSpace(line)
	b, err := os.ReadFile(h.Ready)
	if err == nil {
		err = json.Unmarshal(b, &h.ready)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.client = ledger(t, h.ready)
	h.client.HTTP = &http.Client{Transport: h}
	h.canaries = slices.Concat(h.Numbers, h.Tokens, h.ready.Canaries)
	h.scanner = canary.Proved(t, h.canaries)
	return h
}

// RoundTrip keeps what clients are answered, and no page: those are a person's,
// and name in their links what the person's browser asked for.
func (h *spiedHouse) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		b, _ := httputil.DumpResponse(resp, true)
		_, _ = h.answers.Write(append(b, '\n'))
	}
	return resp, err
}

func (h *spiedHouse) keep(place string, b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left[place] = append(h.left[place], b...)
}

// places is all that has left so far.
func (h *spiedHouse) places() map[string][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	places := map[string][]byte{"the log": h.log.Bytes(), "an answer": h.answers.Bytes()}
	for place, b := range h.left {
		places[place] = bytes.Clone(b)
	}
	return places
}

func (h *spiedHouse) search(t *testing.T, places map[string][]byte) (found []canary.Finding) {
	t.Helper()
	total := 0
	for place, b := range places {
		found = append(found, h.scanner.Bytes(place, b)...)
		total += len(b)
	}
	t.Logf("%d canaries searched for in %d places of %d bytes", len(h.canaries), len(places), total)
	return found
}

// order has the house do something that is none of a client's.
func (h *spiedHouse) order(t *testing.T, what string) {
	t.Helper()
	resp, err := http.Get(h.monitor + what)
	if err != nil {
		t.Fatalf("%s: %v\n%.3000s", what, err, h.log.Bytes())
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", what, resp.Status)
	}
}

var everything = client.AccountView{
	Datatypes: []client.Datatype{"balances", "bills", "statements"}, BillFields: "full",
	Purpose: "bookkeeping", Uses: client.Uses{Limit: 4, Per: "day"},
}

// use answers a session whose grant has a use left.
func (h *spiedHouse) use(t *testing.T) *client.Session {
	t.Helper()
	if len(h.sessions) == 0 {
		h.sessions = slices.Repeat([]*client.Session{given(t, h.ready, h.client, h.ready.People[0].ID, everything)}, 4)
	}
	session := h.sessions[0]
	h.sessions = h.sessions[1:]
	return session
}

// view opens a view and reads it to its end.
func (h *spiedHouse) view(t *testing.T) *client.View {
	t.Helper()
	session := h.use(t)
	v, err := session.OpenView(t.Context(), client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{})
	if err != nil {
		t.Fatalf("no view: %v\n%.3000s", err, h.log.Bytes())
	}
	for _, err := range session.Bills(t.Context(), v) {
		if err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// wellSeen holds that what must not leave is there: every spy's accounts.
func (h *spiedHouse) wellSeen(t *testing.T) {
	t.Helper()
	v := h.view(t)
	fresh := 0
	for _, s := range v.Sources {
		if strings.HasPrefix(s.Source, "spy_") && s.Status == "fresh" {
			fresh++
		}
	}
	if fresh != spies || len(v.Accounts) < len(h.Numbers) || len(v.Bills.Items) < 100 {
		t.Fatalf("%d spies are well, with %d accounts and %d bills; want %d, and an account for each of %d numbers",
			fresh, len(v.Accounts), len(v.Bills.Items), spies, len(h.Numbers))
	}
}

// kept asks whether every answer was what the documents promise.
func (h *spiedHouse) kept(t *testing.T) {
	t.Helper()
	resp, err := http.Get(h.ready.Sandbox + "/violations")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var told struct{ Violations []violation }
	if err := json.NewDecoder(resp.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	complain(t, told.Violations)
}

// moodsWereSeen holds that all went wrong that was to.
func (h *spiedHouse) moodsWereSeen(t *testing.T) {
	t.Helper()
	for _, trace := range []string{
		"source_malformed", "source_busy", "panic of type string", "panic of type *fmt.wrapError", "panic of type []uint8", "panic of type runtime.",
		"*errors.errorString", "JSON: another type", "ParseInt", `"a library wrote to the log"`, `"a dialect says"`, `"account":"[secret]"`, `"level":"DEBUG"`,
		`"route":"/spies/*"`, "unexpected EOF", "source_signature",
	} {
		if !bytes.Contains(h.log.Bytes(), []byte(trace)) {
			t.Errorf("the log holds no %s: that did not go wrong", trace)
		}
	}
}

// pester sends what must not come back where nothing good can come of it.
func (h *spiedHouse) pester(t *testing.T) {
	t.Helper()
	n, token, session := h.Numbers[20], h.Tokens[20], h.use(t)
	get := func(path string) func() (*http.Request, error) {
		return func() (*http.Request, error) { return http.NewRequest(http.MethodGet, h.ready.Issuer+path, nil) }
	}
	post := func(path, kind, body string) func() (*http.Request, error) {
		return func() (*http.Request, error) {
			r, err := http.NewRequest(http.MethodPost, h.ready.Issuer+path, strings.NewReader(body))
			if err == nil {
				r.Header.Set("Content-Type", kind)
			}
			return r, err
		}
	}
	const form, js = "application/x-www-form-urlencoded", "application/json"
	said := url.Values{"client_id": {n}, "client_assertion": {token}, "token": {token}, "code": {n}, "request_uri": {n}, "login_hint": {n}, "auth_req_id": {token},
		"grant_type": {n}, "redirect_uri": {"https://" + n + ".example/"}, "scope": {n}, "state": {token}, "request": {token}}.Encode()
	statuses := map[int]int{}
	for _, make := range []func() (*http.Request, error){
		get("/v1/views/" + n), get("/v1/views/" + url.PathEscape(token) + "/bills?cursor=" + n + "&limit=" + n), get("/v1/" + n), get("/" + n), get("/v1/sources?" + said),
		get("/oauth/authorize?" + said), get("/oauth/grants/" + n), get("/consent/" + n), get("/spies/" + n),
		post("/v1/views", js, `{"sources":["`+n+`"]}`), post("/v1/views", js, `{"`+token+`":"`+n), post("/v1/views", n, n),
		post("/oauth/token", form, said), post("/oauth/par", form, said), post("/oauth/introspect", form, said), post("/oauth/revoke", form, said), post("/oauth/bc-authorize", form, said),
		post("/oauth/token", js, said), post("/oauth/register", js, `{"redirect_uris":["`+n+`"]}`), post("/oauth/authorize", form, said), post("/signin/finish", js, `{"flow":"`+n+`"}`),
	} {
		for _, authorization := range []string{"", "DPoP " + token, "Bearer " + n, "DPoP " + session.Token().AccessToken} {
			r, err := make()
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Idempotency-Key", n)
			r.Header.Set("DPoP", token)
			r.Header.Set("Cookie", "session="+token)
			r.Header.Set("If-None-Match", `"`+n+`"`)
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			resp, err := h.client.HTTP.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			statuses[resp.StatusCode/100]++
		}
	}
	for _, make := range []func() (*http.Request, error){ // with a proof: refused for what is asked
		get("/v1/views/" + n), get("/v1/views/x/bills?cursor=" + n),
		post("/v1/views", js, `{"sources":["`+n+`"]}`), post("/v1/views", js, `{"datatypes":["`+token+`"]}`), post("/v1/views", js, `{"`+n+`":"`+token+`"}`),
	} {
		r, err := make()
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", rand.Text())
		resp, err := session.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode/100 != 4 {
			t.Errorf("%s %d: answered %s", r.Method, len(r.URL.Path), resp.Status)
		}
	}
	if statuses[4] < 40 || statuses[5] < 4 {
		t.Errorf("of what was sent, so many were answered by hundreds: %v; want refusals and failures", statuses)
	}
	if resp, err := http.Get(h.monitor + "/panic"); err == nil {
		t.Errorf("a handler that panics answers %s", resp.Status)
	}
}

// watchAll reads all that the operator's monitoring shows.
func (h *spiedHouse) watchAll(t *testing.T) {
	t.Helper()
	for _, at := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/symbol?0x400000"} {
		h.watch(t, at)
	}
	for _, profile := range []string{"goroutine", "heap", "allocs", "mutex", "block", "threadcreate"} {
		for _, debug := range []string{"0", "1", "2"} {
			h.watch(t, "/debug/pprof/"+profile+"?debug="+debug)
		}
	}
	if metrics := h.places()["/metrics"]; !bytes.Contains(metrics, []byte("jali_http_request_duration_seconds_count")) || !bytes.Contains(metrics, []byte("process_open_fds")) {
		t.Errorf("the metrics do not tell of requests and of the process: %.500s", metrics)
	}
}

func (h *spiedHouse) watch(t *testing.T, at string) {
	resp, err := http.Get(h.monitor + at)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %s, %v", at, resp.Status, err)
	}
	h.keep(at, b)
}

// verbs runs what an operator would, through the socket of the running house.
func (h *spiedHouse) verbs(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	jali := filepath.Join(dir, "jali")
	if out, err := exec.Command("go", "build", "-o", jali, "jali/cmd/jali").CombinedOutput(); err != nil {
		t.Fatalf("jali does not build: %v\n%s", err, out)
	}
	bills := filepath.Join(dir, "bills.csv")
	if err := os.WriteFile(bills, []byte("支付宝账单\n账号:["+h.Numbers[30]+"]\n交易号,"+h.Tokens[30]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	backup, key := filepath.Join(dir, "backup.age"), filepath.Join(dir, "backup.key")
	if err := os.WriteFile(key, []byte(identity.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := h.client.ID
	for _, verb := range [][]string{
		{"client", "list"}, {"client", "show", id}, {"client", "suspend", h.Numbers[31]}, {"webhook", "list"}, {"webhook", "test", "--client", id},
		{"import", "--person", h.ready.People[0].ID, bills}, {"import", "--person", h.Numbers[31], bills}, {"receipt", "verify", "--issuer", h.ready.Issuer, bills},
		{"version"}, {"key", "status"}, {"backup", "--recipient", identity.Recipient().String(), "--out", backup},
		{"restore", "--identity", key, "--from", backup, "--verify", "--scratch", dir}, {"restore", "--identity", bills, "--from", backup}, {"restore", "--identity", key, "--from", bills, "--verify"},
		{"key", "rotate"}, {"key", "rekey", "--to-key-file", bills},
	} {
		out, err := exec.Command(jali, append([]string{"--data", h.Data}, verb...)...).CombinedOutput()
		h.keep("jali "+strings.Join(verb[:min(2, len(verb))], " "), append(out, fmt.Sprintf("\n%v\n", err)...))
	}
	socket := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(h.Data, "jali.sock"))
	}}}
	defer socket.CloseIdleConnections()
	for _, path := range []string{"/clients", "/clients/" + h.Numbers[32], "/invites", "/webhooks", "/" + h.Numbers[32]} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			r, err := http.NewRequest(method, "http://admin"+path, strings.NewReader(`{"`+h.Tokens[32]+`":"`+h.Numbers[33]))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := socket.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := httputil.DumpResponse(resp, true)
			_ = resp.Body.Close()
			h.keep("the admin socket", b)
		}
	}
	for place, says := range map[string]string{"jali restore --identity": "whole, and it opens", "jali key rotate": "wraps all"} {
		if said := h.places()[place]; !bytes.Contains(said, []byte(says)) {
			t.Errorf("%s says %s", place, said)
		}
	}
	if told := h.places()["what a client is told"]; !bytes.Contains(told, []byte("webhook.test")) {
		t.Errorf("no client was told anything: %s", told)
	}
	sealed, err := os.ReadFile(backup)
	if err != nil {
		t.Fatalf("there is no backup: %v\n%s", err, h.places()["jali backup --recipient"])
	}
	plain, err := age.Decrypt(bytes.NewReader(sealed), identity)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := io.ReadAll(plain)
	if err != nil || len(opened) < 100_000 {
		t.Fatalf("the backup holds %d bytes, %v", len(opened), err)
	}
	h.keep("a backup", sealed)
	h.keep("a backup, decrypted", opened)
}

// files keeps what lies on disk, but for the town's own. None of it is a core.
func (h *spiedHouse) files(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(filepath.Dir(h.Data), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), "town") || d.Name() == "ready.json" {
			return err
		}
		if strings.HasPrefix(d.Name(), "core") {
			t.Errorf("there is a core: %s", d.Name())
		}
		b, err := os.ReadFile(path)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.left["the file "+d.Name()] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.places()["the file jali.db"]) < 100_000 || len(h.places()["the file keys.db"]) == 0 {
		t.Error("the stores were not searched")
	}
}

// wait begins a view and comes back when its sources are being asked.
func (h *spiedHouse) wait(t *testing.T) {
	t.Helper()
	session := h.use(t)
	go func() {
		_, _ = session.OpenView(context.WithoutCancel(t.Context()), client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{})
	}()
	for {
		resp, err := http.Get(h.monitor + "/debug/pprof/goroutine?debug=1")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if bytes.Contains(b, []byte("(*spy).at")) {
			return
		}
	}
}

// kill ends the process as a fault in it would, with all that Go has to say.
func (h *spiedHouse) kill(t *testing.T) {
	t.Helper()
	if err := h.process.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	_ = h.process.Wait()
	if w, ok := h.process.ProcessState.Sys().(syscall.WaitStatus); !ok || w.CoreDump() || w.ExitStatus() == 0 {
		t.Errorf("it ends with %v", h.process.ProcessState)
	}
}
