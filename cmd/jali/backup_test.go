package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"jali/cmd/internal/house"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

// ageKey writes an identity to a file, and its public half beside it.
func ageKey() {
	k, err := age.GenerateX25519Identity()
	if err == nil {
		err = errors.Join(os.WriteFile(os.Args[1], []byte(k.String()+"\n"), 0o600),
			os.WriteFile(os.Args[1]+".pub", []byte("# who opens our backups\n"+k.Recipient().String()+"\n"), 0o600))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// listed prints what is in a folder, hidden files too.
func listed() {
	entries, err := os.ReadDir(os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".tmp") && e.Name() != "letter" { // testscript's own
			fmt.Print(e.Name(), " ")
		}
	}
}

// spoil changes a file: spoil flip|cut|double FILE.
func spoil() {
	b, err := os.ReadFile(os.Args[2])
	if err != nil {
		os.Exit(1)
	}
	switch os.Args[1] {
	case "flip": // behind the header, which names the recipients
		b[len(b)-1-rand.IntN(len(b)/2)] ^= 1 << rand.IntN(8)
	case "cut":
		b = b[:len(b)-1-rand.IntN(100)]
	case "double":
		b = append(b, b...)
	}
	if err := os.WriteFile(os.Args[2], b, 0o600); err != nil {
		os.Exit(1)
	}
}

// small runs jali where no file may be longer than so many KiB, as on a full
// disk: small KIB ARG….
func small() {
	most, err := strconv.ParseUint(os.Args[1], 10, 32)
	if err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: most << 10, Max: math.MaxUint64})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Args = append([]string{"jali"}, os.Args[2:]...)
	main()
}

// stuff puts some MiB of rows that belong to nobody into both files of a
// house.
func stuff(t *testing.T, data string, mib int) {
	t.Helper()
	for _, name := range []string{"jali.db", "keys.db"} {
		db, err := boltkv.Open(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(context.Background(), func(tx kv.Tx) error {
			for i := range mib << 4 {
				if err := tx.Put(kv.Key("test", i), bytes.Repeat([]byte{byte(i)}, 64<<10)); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// yard is a house with a client in it, where none runs, and an operator's key.
type yard struct{ dir, data, key, pub string }

func newYard(t *testing.T) yard {
	t.Helper()
	dir := t.TempDir()
	y := yard{dir, filepath.Join(dir, "data"), filepath.Join(dir, "op"), filepath.Join(dir, "op.pub")}
	for _, args := range [][]string{{"found", y.data}, {"agekey", y.key}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return y
}

// restore is the command that takes a backup back into dir.
func (y yard) restore(dir, from string, more ...string) []string {
	return append([]string{"--data", dir, "--key-file", filepath.Join(y.data, "kek.key"), "--anchor-file", filepath.Join(y.data, "anchor"),
		"restore", "--identity", y.key, "--from", from}, more...)
}

// run answers what a command says and its exit status.
func run(args ...string) (string, int) {
	c := exec.Command(args[0], args[1:]...)
	out, _ := c.CombinedOutput()
	return string(out), c.ProcessState.ExitCode()
}

func entries(t *testing.T, dir string) (names []string) {
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

func TestABackupOfARunningServerComesBack(t *testing.T) {
	y := newYard(t)
	s := serve(t)
	if err := setup(&testscript.Env{WorkDir: y.dir}); err != nil {
		t.Fatal(err)
	}
	if out, err := s.run(t.Context(), "client", "add", "--name-zh", "晨曦银行", "--name-en", "Morning Bank",
		"--redirect", "https://app.bank.example/callback", "--jwks", filepath.Join(y.dir, "public.jwks")); err != nil {
		t.Fatalf("client add: %v\n%s", err, out)
	}
	file := filepath.Join(y.dir, "jali.age")
	if out, err := s.run(t.Context(), "backup", "--recipients-file", y.pub, "--out", file); err != nil || !strings.Contains(out, "a backup of ") {
		t.Fatalf("backup: %v\n%s", err, out)
	}
	if out, err := s.run(t.Context(), "restore", "--identity", y.key, "--from", file, "--verify"); err != nil {
		t.Errorf("a check beside the running server: %v\n%s", err, out)
	}
	if out, err := s.run(t.Context(), "restore", "--identity", y.key, "--from", file); err == nil || !strings.Contains(out, "restore_occupied") {
		t.Errorf("a restore over the running server: %v\n%s", err, out)
	}
	s.end(t)
	if !strings.Contains(s.log.String(), "a backup was taken") {
		t.Errorf("the log does not tell of the backup:\n%s", s.log)
	}
	back := filepath.Join(y.dir, "back")
	y.data = s.data
	if out, code := run(append([]string{"jali"}, y.restore(back, file)...)...); code != 0 {
		t.Fatalf("restore: exit %d\n%s", code, out)
	}
	out, code := run("jali", "--data", back, "--key-file", filepath.Join(s.data, "kek.key"), "--anchor-file", filepath.Join(s.data, "anchor"), "client", "list")
	if code != 0 || !strings.Contains(out, "Morning Bank") {
		t.Errorf("client list of what was restored: exit %d\n%s", code, out)
	}
}

func TestAFullDisk(t *testing.T) {
	y := newYard(t)
	stuff(t, y.data, 3)
	file := filepath.Join(y.dir, "jali.age")
	backup := []string{"--data", y.data, "backup", "--recipients-file", y.pub, "--out", file}
	full := func(what string, args ...string) {
		t.Helper()
		out, code := run(append([]string{"small"}, args...)...)
		if code != 2 && code != 1 || !strings.Contains(out, "room") {
			t.Errorf("%s: exit %d, and it says\n%s", what, code, out)
		}
	}
	full("no room for the spool", append([]string{"5000"}, backup...)...)
	if got := strings.Join(entries(t, y.dir), " "); got != "data op op.pub" {
		t.Errorf("a backup without room leaves %s", got)
	}
	if got := strings.Join(entries(t, y.data), " "); got != "anchor jali.db kek.key keys.db" {
		t.Errorf("a backup without room leaves %s in the data folder", got)
	}
	if out, code := run(append([]string{"jali"}, backup...)...); code != 0 {
		t.Fatalf("backup: exit %d\n%s", code, out)
	}
	back := filepath.Join(y.dir, "back")
	full("no room to unpack", append([]string{"2000"}, y.restore(back, file)...)...)
	if _, err := os.Stat(back); !os.IsNotExist(err) {
		t.Errorf("a restore without room leaves a folder: %v", err)
	}
	if out, code := run(append([]string{"jali"}, y.restore(back, file)...)...); code != 0 {
		t.Errorf("and with room: exit %d\n%s", code, out)
	}
}

// A restore is stopped while it still waits for more of its backup.
func TestARestoreThatIsStopped(t *testing.T) {
	y := newYard(t)
	stuff(t, y.data, 3)
	file := filepath.Join(y.dir, "jali.age")
	if out, code := run("jali", "--data", y.data, "backup", "--recipients-file", y.pub, "--out", file); code != 0 {
		t.Fatalf("backup: exit %d\n%s", code, out)
	}
	archive, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(y.dir, "back")
	if err := os.Mkdir(back, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		c := exec.Command("jali", y.restore(back, "-")...)
		var said bytes.Buffer
		c.Stderr = &said
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(archive[:len(archive)*2/3]); err != nil { // taken but for what a pipe holds
			t.Fatal(err)
		}
		if got := entries(t, back); len(got) != 1 || !strings.HasPrefix(got[0], "restoring-") {
			t.Fatalf("amid a restore the folder holds %v", got)
		}
		if err := c.Process.Signal(how); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		_ = in.Close()
		if how == syscall.SIGKILL {
			if got := entries(t, back); len(got) != 1 || !strings.HasPrefix(got[0], "restoring-") {
				t.Errorf("killed, it leaves %v, want what was unpacked and no database", got)
			}
			continue
		}
		if got := entries(t, back); len(got) != 0 || c.ProcessState.ExitCode() != 2 || !strings.Contains(said.String(), "nothing was put in place") {
			t.Errorf("%v: exit %d, left %v, said\n%s", how, c.ProcessState.ExitCode(), got, &said)
		}
	}
	if out, code := run(append([]string{"jali"}, y.restore(back, file)...)...); code != 0 {
		t.Errorf("after that: exit %d\n%s", code, out)
	}
	if got := strings.Join(entries(t, back), " "); got != "jali.db keys.db" {
		t.Errorf("after that there are %s", got)
	}
}

// halfway answers backups with half of what it promises, and then waits for
// hang to be closed.
func halfway(t *testing.T, data string, hang chan struct{}) (asked chan struct{}) {
	t.Helper()
	l, err := house.ListenAdmin(data)
	if err != nil {
		t.Fatal(err)
	}
	asked = make(chan struct{}, 1)
	s := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			fmt.Fprintln(w, `{}`)
			return
		}
		fmt.Fprintln(w, `{"store":"keys.db","rows":1}`)
		fmt.Fprintln(w, `{"made":{"size":100000,"rows":1,"at":"2026-11-22T06:00:00Z","term":1}}`)
		_, _ = w.Write(make([]byte, 50_000))
		_ = http.NewResponseController(w).Flush()
		asked <- struct{}{}
		<-hang
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return asked
}

func TestABackupThatIsStopped(t *testing.T) {
	y := newYard(t)
	hang := make(chan struct{})
	asked := halfway(t, y.data, hang)
	out := filepath.Join(y.dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	start := func() (*exec.Cmd, *bytes.Buffer) {
		c := exec.Command("jali", "--data", y.data, "backup", "--recipients-file", y.pub, "--out", filepath.Join(out, "jali.age"))
		var said bytes.Buffer
		c.Stderr = &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		<-asked
		return c, &said
	}
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		c, said := start()
		if err := c.Process.Signal(how); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		if got := entries(t, out); len(got) != 0 {
			t.Errorf("%v: it leaves %v", how, got)
		}
		if how != syscall.SIGKILL && (c.ProcessState.ExitCode() != 2 || !strings.Contains(said.String(), "there is no backup")) {
			t.Errorf("%v: exit %d, said %s", how, c.ProcessState.ExitCode(), said)
		}
	}
	c, said := start() // and where the server goes away
	close(hang)
	_ = c.Wait()
	if got := entries(t, out); len(got) != 0 || c.ProcessState.ExitCode() != 2 || !strings.Contains(said.String(), "broke off after 50000 of 100000 bytes") {
		t.Errorf("a server that breaks off: exit %d, left %v, said %s", c.ProcessState.ExitCode(), got, said)
	}
}

// Whoever asks a server for a backup and then stops reading does not keep it
// from ending, nor the next from having theirs.
func TestAServerWhoseBackupNobodyTakes(t *testing.T) {
	y := newYard(t)
	stuff(t, y.data, 2) // more than a socket holds
	s := serve(t, "--data", y.data)
	s.data = y.data
	conn, err := net.Dial("unix", filepath.Join(s.data, "jali.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	pub, err := os.ReadFile(y.pub)
	if err != nil {
		t.Fatal(err)
	}
	key := strings.Fields(string(pub))
	body := `{"recipients":["` + key[len(key)-1] + `"]}`
	fmt.Fprintf(conn, "POST /backup HTTP/1.1\r\nHost: admin\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	in := bufio.NewReaderSize(conn, 16)
	for line := ""; !strings.Contains(line, `"made"`); { // and nothing behind it
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := s.run(t.Context(), "backup", "--recipients-file", y.pub, "--out", filepath.Join(y.dir, "jali.age")); err != nil {
		t.Errorf("the next backup: %v\n%s", err, out)
	}
	s.end(t)
	if !strings.Contains(s.log.String(), "a backup was not taken away") {
		t.Errorf("the log does not tell that nobody took it:\n%s", s.log)
	}
}
