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
	"syscall"
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

// Close closes what Talk opened.
func (t *Talker) Close() error { return t.close() }

// Do sends body to path and reads the answer into answer.
func (t *Talker) Do(ctx context.Context, method, path string, body io.Reader, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, body)
	if err != nil {
		return err
	}
	resp, err := t.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var said struct{ Code, Detail string }
		if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || said.Code == "" {
			return fmt.Errorf("the server answered %s", resp.Status)
		}
		return &Refusal{said.Code, said.Detail}
	}
	return json.NewDecoder(resp.Body).Decode(answer)
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

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	var b answerBuffer
	if r.Body == nil {
		r.Body = http.NoBody
	}
	d.to.ServeHTTP(&b, r)
	if b.status == 0 {
		b.status = http.StatusOK
	}
	return &http.Response{StatusCode: b.status, Status: http.StatusText(b.status), Header: b.Header(), Body: io.NopCloser(&b.Buffer), Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
}

type answerBuffer struct {
	bytes.Buffer
	header http.Header
	status int
}

func (b *answerBuffer) Header() http.Header {
	if b.header == nil {
		b.header = http.Header{}
	}
	return b.header
}

func (b *answerBuffer) WriteHeader(status int) { b.status = status }
