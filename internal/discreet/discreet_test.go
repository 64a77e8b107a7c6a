package discreet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"jali/internal/canary"
	"jali/internal/fault"
	"jali/internal/secret"
)

const number = "6222021234567890123"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "die of a panic" {
		defer Dying("jali")
		panic(fmt.Errorf("account %s: %w", number, io.EOF))
	}
	os.Exit(m.Run())
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func recorded() (*slog.Logger, *lines) {
	out := &lines{}
	return New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})), out
}

type clientID string

type row struct{ Number string }

func (r row) String() string { return r.Number }

type resolved struct{ err error }

func (r resolved) LogValue() slog.Value { return slog.AnyValue(r.err) }

func TestWhatALineHolds(t *testing.T) {
	down := &fault.Error{Code: "source_down", Detail: "down"}
	said := errors.New("no account " + number)
	for _, tt := range []struct {
		value any
		want  string
		why   string
	}{
		{down.Because(said), `"source_down: *errors.errorString"`, "an error"},
		{resolved{said}, `"*errors.errorString"`, "an error that hides behind a LogValuer"},
		{slog.GroupValue(slog.Any("in", said)), `{"in":"*errors.errorString"}`, "an error in a group"},
		{clientID("client_1"), `"client_1"`, "a kind of id"},
		{"text", `"text"`, "text"},
		{3, `3`, "a number"},
		{row{number}, `"discreet.row"`, "a value with fields"},
		{&row{number}, `"*discreet.row"`, "a pointer to one"},
		{[]string{number}, `"[]string"`, "a list"},
		{map[string]string{"n": number}, `"map[string]string"`, "a map"},
		{[]byte(number), `"[]uint8"`, "bytes"},
		{secret.Of(number), `"[secret]"`, "a secret"},
		{nil, `"none"`, "nothing"},
	} {
		log, out := recorded()
		log.Info("m", "v", tt.value)
		log.With("v", tt.value).WithGroup("g").Info("m")
		if strings.Count(out.String(), `"v":`+tt.want) != 2 {
			t.Errorf("%s: it writes %s, want %s twice", tt.why, out, tt.want)
		}
		canary.None(t, []string{number}, map[string][]byte{tt.why: []byte(out.String())})
	}
	if log, _ := recorded(); Logger(log) != log {
		t.Error("a discreet logger is wrapped again")
	}
}

// net/http writes to the log package what a server sends without being asked.
func TestWhatAServerSendsUnasked(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		<-answered
		_, _ = io.WriteString(c, "token "+number)
	}()
	defaults, flags := slog.Default(), log.Flags()
	defer func() { slog.SetDefault(defaults); log.SetOutput(os.Stderr); log.SetFlags(flags) }()
	wrote := make(chan string, 9)
	Take(slog.New(slog.NewTextHandler(writer(func(line string) { wrote <- line }), nil)))

	client := &http.Client{Transport: &http.Transport{}}
	resp, err := client.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	close(answered)
	got := <-wrote
	if !strings.Contains(got, `at=transport.go:`) {
		t.Errorf("the log holds %s", got)
	}
	log.Print(number + " without a place")
	slog.Warn("from slog itself", "err", errors.New(number))
	got += <-wrote + <-wrote
	if strings.Count(got, "a library wrote to the log") != 2 || !strings.Contains(got, "*errors.errorString") {
		t.Errorf("the log holds %s", got)
	}
	canary.None(t, []string{number}, map[string][]byte{"the log": []byte(got)})
	_ = l.Close()
}

func TestAHandlerThatPanics(t *testing.T) {
	l, out := recorded()
	srv := httptest.NewUnstartedServer(Calm(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { panic("card " + number) }), l))
	srv.Config.ErrorLog = Server(l)
	srv.Start()
	if resp, err := http.Get(srv.URL); err == nil {
		t.Errorf("it answers %s", resp.Status)
	}
	srv.Close()
	if got := out.String(); !strings.Contains(got, "panic of type string at discreet/discreet_test.go:") || strings.Contains(got, "complains") {
		t.Errorf("the log holds %s", got)
	}
	canary.None(t, []string{number}, map[string][]byte{"the log": []byte(out.String())})
}

func TestWhatAnHTTPServerComplainsOf(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"http: TLS handshake error from 192.0.2.7:41822: EOF", "http: TLS handshake error from … EOF"},
		{`http: TLS handshake error from [2001:db8::1]:9: tls: client requested unsupported application protocols (["` + number + `"])`,
			"http: TLS handshake error from … tls: client requested unsupported application protocols ([…])"},
		{"http: panic serving 127.0.0.1:1: card " + number + "\ngoroutine 1 [running]:", "http: …"},
		{"http: superfluous response.WriteHeader call from jali/server.answer (problem.go:12)", "http: superfluous response.WriteHeader call from jali/server.answer (…)"},
		{"http: token abcdefghijklmnopqrstuvwxyzabc", "http: token …"},
	} {
		l, out := recorded()
		Server(l).Print(tt.line)
		if !strings.Contains(out.String(), `"of":"`+tt.want+`"`) {
			t.Errorf("of %q it keeps %s, want %q", tt.line, out, tt.want)
		}
		canary.None(t, []string{number}, map[string][]byte{tt.want: []byte(out.String())})
	}
}

func TestAVerbThatPanics(t *testing.T) {
	out, err := exec.Command(os.Args[0], "die of a panic").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.HasPrefix(string(out), "jali: panic of type *fmt.wrapError at discreet/discreet_test.go:") {
		t.Errorf("it ends with %v: %s", err, out)
	}
	canary.None(t, []string{number}, map[string][]byte{"stderr": out})
}
