package house

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"jali/internal/fault"
)

// SocketName is the admin socket's, in the data folder.
const SocketName = "jali.sock"

// ListenAdmin opens the admin socket, readable by its owner alone. A socket
// left behind by a server that died is replaced; the database's lock has
// already shown that none runs.
func ListenAdmin(data string) (net.Listener, error) {
	path := filepath.Join(data, SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	old := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// Talker sends a verb to a running server, or to a house opened for it.
type Talker struct {
	client *http.Client
	close  func() error
}

// Talk finds who answers verbs for a data folder: the server that runs on it,
// or else open, whose house is closed by [Talker.Close].
func Talk(data string, open func() (*House, error)) (*Talker, error) {
	path := filepath.Join(data, SocketName)
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close()
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		return &Talker{&http.Client{Transport: &http.Transport{DialContext: dial}}, func() error { return nil }}, nil
	} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("the admin socket does not open: %w", err)
	}
	h, err := open()
	if err != nil {
		return nil, err
	}
	return &Talker{&http.Client{Transport: direct{h.Admin}}, h.Close}, nil
}

// Served reports whether a running server answers.
func (t *Talker) Served() bool {
	_, own := t.client.Transport.(direct)
	return !own
}

// Close closes what Talk opened.
func (t *Talker) Close() error { return t.close() }

// Do sends body to path and reads the answer into answer.
func (t *Talker) Do(ctx context.Context, method, path string, body io.Reader, answer any) error {
	b, err := t.Stream(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer b.Close()
	return json.NewDecoder(b).Decode(answer)
}

// Stream sends body to path and answers what comes back, as it comes.
func (t *Talker) Stream(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, body)
	if err != nil {
		return nil, err
	}
	return t.send(r)
}

func (t *Talker) send(r *http.Request) (io.ReadCloser, error) {
	resp, err := t.client.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		var said struct{ Code, Detail string }
		if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || said.Code == "" {
			return nil, fmt.Errorf("the server answered %s", resp.Status)
		}
		return nil, &Refusal{said.Code, said.Detail}
	}
	return resp.Body, nil
}

// DoJSON is Do with a JSON body.
func (t *Talker) DoJSON(ctx context.Context, method, path string, body, answer any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return t.Do(ctx, method, path, bytes.NewReader(b), answer)
}

// Refusal is what the house answered to a verb.
type Refusal struct{ Code, Detail string }

func (r *Refusal) Error() string { return r.Detail + " (" + r.Code + ")" }

// direct carries requests to a handler in this process.
type direct struct{ to http.Handler }

// RoundTrip answers when the handler begins to. Closing the body waits for it
// to end.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	body, pipe := io.Pipe()
	a := &answering{header: http.Header{}, begun: make(chan int, 1), pipe: pipe}
	ended := make(chan struct{})
	go func() {
		var err error
		defer func() {
			a.WriteHeader(http.StatusInternalServerError)
			_ = pipe.CloseWithError(err)
			close(ended)
		}()
		defer fault.Caught(&err)
		d.to.ServeHTTP(a, r)
		a.WriteHeader(http.StatusOK)
	}()
	status := <-a.begun
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: a.header, Body: directBody{body, ended}, Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
}

type answering struct {
	header http.Header
	once   sync.Once
	begun  chan int
	pipe   *io.PipeWriter
}

func (a *answering) Header() http.Header { return a.header }

func (a *answering) WriteHeader(status int) { a.once.Do(func() { a.begun <- status }) }

func (a *answering) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.pipe.Write(p)
}

type directBody struct {
	*io.PipeReader
	ended chan struct{}
}

func (b directBody) Close() error {
	err := b.PipeReader.Close()
	<-b.ended
	return err
}
