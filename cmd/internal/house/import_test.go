package house

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jali/connectors/billfile"
	"jali/internal/aggregate"
	"jali/internal/secret"
)

// manyBills is a file of oneBill's sort, longer than an upload.
func manyBills(rows int) string {
	head, row, _ := strings.Cut(oneBill, "\n2026-")
	var b strings.Builder
	b.WriteString(head + "\n")
	for n := range rows {
		b.WriteString(strings.Replace("2026-"+strings.TrimSuffix(row, "\n"), "20261120220014", fmt.Sprintf("2026112022%09d", n), 1) + strings.Repeat(" ", 4000) + "\n")
	}
	return b.String()
}

// What the verb sends comes whole, as it was, on both ways to the house; it is
// told how far it is, and says no password where it is logged.
func TestImportVerb(t *testing.T) {
	data, err := os.MkdirTemp("", "jali") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	h := openFor(t, data)
	t.Cleanup(func() { _ = h.Close() })
	l, err := ListenAdmin(data)
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	running := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String(), fmt.Sprint(r.Header))
		h.Admin.ServeHTTP(w, r)
	})}
	go func() { _ = running.Serve(l) }()
	t.Cleanup(func() { _ = running.Close() })
	socket, err := Talk(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Aggregate.Vault.NewPerson(t.Context(), "li"); err != nil {
		t.Fatal(err)
	}
	send := func(to *Talker, file string, how aggregate.Taking) (Import, error) {
		return to.Import(t.Context(), "li", strings.NewReader(file), int64(len(file)), how)
	}
	const password = "a secret of 271828"
	how := aggregate.Taking{Options: billfile.Options{Password: secret.Of(password)}, Dry: true}
	for _, to := range []*Talker{socket, {&http.Client{Transport: direct{h.Admin}}, nil}} {
		if done, err := send(to, oneBill, how); err != nil || done.Taken || done.Report.Rows != 1 {
			t.Errorf("only looked at: %+v, %v", done, err)
		}
		var no *Refusal
		if _, err := send(to, "no bills", aggregate.Taking{}); !errors.As(err, &no) || no.Code != "unknown_file" {
			t.Errorf("another file: %v", err)
		}
	}
	if got := strings.Join(asked, " "); strings.Contains(got, "271828") || strings.Contains(got, "secret") {
		t.Errorf("the password stands in %q", got)
	}

	long := manyBills(5_300)
	if len(long) <= billfile.MaxSize {
		t.Fatalf("%d bytes: nothing is spooled", len(long))
	}
	var stages []string
	before := namesIn(t, data)
	done, err := send(socket, long, aggregate.Taking{Accept: true, Progress: func(p aggregate.Progress) {
		stages = append(stages, p.Stage)
		if !slices.Equal(namesIn(t, data), before) {
			t.Errorf("while it is %s, the folder holds %q", p.Stage, namesIn(t, data))
		}
	}})
	if err != nil || !done.Taken || done.Report.Rows != 5_300 {
		t.Errorf("a long file: %d rows, taken %v, %v", done.Report.Rows, done.Taken, err)
	}
	if got := slices.Compact(stages); !slices.Equal(got, []string{"reading", "storing"}) {
		t.Errorf("it was told of %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := socket.Import(ctx, "li", strings.NewReader(long), int64(len(long)), aggregate.Taking{Accept: true, Progress: func(aggregate.Progress) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	// A file that breaks off on its way is not taken for a shorter one.
	broken := io.MultiReader(strings.NewReader(oneBill[:len(oneBill)-20]), failing{})
	if _, err := socket.Import(t.Context(), "li", broken, int64(len(oneBill)), aggregate.Taking{Accept: true}); err == nil {
		t.Error("a file that broke off was taken in")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// A spooled file reads as it was sent, from anywhere, and what is on the disk
// of it is noise.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	const row = "河边面馆, 18.50; "
	sent := strings.Repeat(row, (billfile.MaxSize+3*spoolBlock)/len(row))
	file, done, err := spool(dir, strings.NewReader(sent), int64(len(sent)))
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if file.Size() != int64(len(sent)) {
		t.Fatalf("%d bytes of %d", file.Size(), len(sent))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		at := random.IntN(len(sent))
		want := sent[at:min(at+random.IntN(3*spoolBlock), len(sent))]
		got := make([]byte, len(want))
		if n, err := file.ReadAt(got, int64(at)); n != len(want) || err != nil || string(got) != want {
			t.Fatalf("%d bytes from %d are others (%d, %v)", len(want), at, n, err)
		}
	}
	if n, err := file.ReadAt(make([]byte, 10), int64(len(sent)-4)); n != 4 || err != io.EOF {
		t.Errorf("over the end: %d, %v", n, err)
	}
	s := file.(*spooled)
	raw := make([]byte, s.disk.Size())
	if _, err := s.disk.ReadAt(raw, 0); err != nil || bytes.Contains(raw, []byte("面馆")) || bytes.Contains(raw, []byte("18.50")) {
		t.Errorf("the disk holds what was sent (%v)", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Errorf("it has a name: %q", left)
	}
	if raw[100] ^= 1; true { // as a broken disk would
		if _, err := s.aead.Open(nil, nonceOf(0), raw[:spoolBlock+s.aead.Overhead()], nil); err == nil {
			t.Error("a changed block opens")
		}
	}
}
