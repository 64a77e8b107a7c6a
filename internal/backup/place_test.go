package backup

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

// listed is what a folder holds, hidden names too.
func listed(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func unpack(t *testing.T, f *Folder, b []byte, with Identities) {
	t.Helper()
	r, err := Open(bytes.NewReader(b), with)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Unpack(bg, r, nil); err != nil {
		t.Fatal(err)
	}
}

func folder(t *testing.T, dir string) *Folder {
	t.Helper()
	f, err := OpenFolder(dir, "keys.db", "jali.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.lock.Close() })
	return f
}

func TestABackupIsPutInPlace(t *testing.T) {
	b, with := small(t)
	dir := filepath.Join(t.TempDir(), "data")
	f := folder(t, dir)
	if err := f.Free(); err != nil {
		t.Fatal(err)
	}
	unpack(t, f, b, with)
	if got := listed(t, dir); len(got) != 1 {
		t.Errorf("before all is checked the folder holds %v", got)
	}
	if err := errors.Join(f.Place(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, dir); !slices.Equal(got, []string{"jali.db", "keys.db"}) {
		t.Errorf("the folder holds %v", got)
	}
	db, err := boltkv.Open(filepath.Join(dir, "keys.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(bg, func(tx kv.Tx) error {
		if v, err := tx.Get(kv.Key("row", 1)); string(v) != "k1" {
			t.Errorf("a row is %q, %v; want k1", v, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	again := folder(t, dir)
	if err := again.Free(); !errors.Is(err, ErrOccupied) {
		t.Errorf("a folder with a database: %v, want ErrOccupied", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, dir); len(got) != 2 {
		t.Errorf("a restore that was refused leaves %v", got)
	}
}

func TestGivenUpARestoreLeavesTheFolderAsItWas(t *testing.T) {
	b, with := small(t)
	parent := t.TempDir()
	dir := filepath.Join(parent, "data")
	unpackAndClose := func() {
		f := folder(t, dir)
		unpack(t, f, b, with)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	unpackAndClose()
	if got := listed(t, parent); len(got) != 0 {
		t.Errorf("where there was no folder there is %v", got)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "anchor"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	unpackAndClose()
	if got := listed(t, dir); !slices.Equal(got, []string{"anchor"}) {
		t.Errorf("where there was an anchor there is %v", got)
	}
	broken := folder(t, dir)
	r, err := Open(bytes.NewReader(b[:len(b)-1000]), with)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := broken.Unpack(bg, r, nil); !errors.Is(err, ErrBroken) {
		t.Errorf("Unpack of what is cut = %v, want ErrBroken", err)
	}
	if err := broken.Close(); err != nil {
		t.Error(err)
	}
	if got := listed(t, dir); !slices.Equal(got, []string{"anchor"}) {
		t.Errorf("a backup that was cut leaves %v", got)
	}
}

func TestOneRestoreAtATime(t *testing.T) {
	dir := t.TempDir()
	f := folder(t, dir)
	if _, err := OpenFolder(dir, "jali.db"); !errors.Is(err, ErrBusy) {
		t.Errorf("a second restore = %v, want ErrBusy", err)
	}
	if len(listed(t, dir)) != 1 {
		t.Errorf("the second has touched what the first unpacks: %v", listed(t, dir))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A process that was killed while it restored leaves what the next takes away:
// at any point, and never a database that is whole.
func TestAfterAKill(t *testing.T) {
	b, with := small(t)
	for name, tt := range map[string]struct {
		killed func(t *testing.T, f *Folder)
		want   []string
	}{
		"while unpacking": {func(t *testing.T, f *Folder) {}, nil},
		"before placing":  {func(t *testing.T, f *Folder) { unpack(t, f, b, with) }, nil},
		"between the two": {func(t *testing.T, f *Folder) {
			unpack(t, f, b, with)
			if err := os.Link(f.Path("keys.db"), filepath.Join(f.dir, "keys.db")); err != nil {
				t.Fatal(err)
			}
		}, nil},
		"before cleaning up": {func(t *testing.T, f *Folder) {
			unpack(t, f, b, with)
			if err := f.Place(); err != nil {
				t.Fatal(err)
			}
		}, []string{"jali.db", "keys.db"}},
		"before cleaning up, and the server has run since": {func(t *testing.T, f *Folder) {
			unpack(t, f, b, with)
			if err := f.Place(); err != nil {
				t.Fatal(err)
			}
			db, err := boltkv.Open(filepath.Join(f.dir, "keys.db"))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(db.Compact(bg), db.Close()); err != nil { // another file now
				t.Fatal(err)
			}
		}, []string{"jali.db", "keys.db"}},
		"and somebody else's file is there": {func(t *testing.T, f *Folder) {
			if err := os.WriteFile(filepath.Join(f.dir, "keys.db"), []byte("theirs"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"keys.db"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := folder(t, dir)
			tt.killed(t, f)
			if err := f.lock.Close(); err != nil { // as the end of a process does
				t.Fatal(err)
			}
			next := folder(t, dir)
			if err := next.Close(); err != nil {
				t.Fatal(err)
			}
			if got := listed(t, dir); !slices.Equal(got, tt.want) {
				t.Errorf("the next restore leaves %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWhatComesMeanwhileStays(t *testing.T) {
	b, with := small(t)
	dir := t.TempDir()
	f := folder(t, dir)
	unpack(t, f, b, with)
	theirs := filepath.Join(dir, "jali.db")
	if err := os.WriteFile(theirs, []byte("founded meanwhile"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Place(); !errors.Is(err, ErrOccupied) {
		t.Errorf("Place = %v, want ErrOccupied", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(theirs); string(got) != "founded meanwhile" || len(listed(t, dir)) != 1 {
		t.Errorf("the folder holds %v", listed(t, dir))
	}
}

func TestASpoolIsNowhere(t *testing.T) {
	dir := t.TempDir()
	s, err := NewSpool(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := bytes.Repeat([]byte("0123456789"), 5<<20)
	if n, err := s.Write(want); n != len(want) || err != nil {
		t.Fatalf("Write = %d, %v", n, err)
	}
	if got := listed(t, dir); len(got) != 0 {
		t.Errorf("a spool can be found: %v", got)
	}
	for range 2 {
		var got bytes.Buffer
		if n, err := s.WriteTo(&got); err != nil || n != s.Size() || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("WriteTo = %d, %v", n, err)
		}
	}
	if _, err := NewSpool(dir, 1<<60); !errors.Is(err, ErrSpace) {
		t.Errorf("a spool of an exbibyte = %v, want ErrSpace", err)
	}
	if _, err := NewSpool(filepath.Join(dir, "none"), 0); err == nil {
		t.Error("a spool in no folder = nil, want an error")
	}
}

func TestAFileHasItsNameWhenItIsWhole(t *testing.T) {
	for _, named := range []bool{false, true} { // named: where the system has no other way
		dir := t.TempDir()
		path := filepath.Join(dir, "jali.age")
		create := func(replace bool) *File {
			t.Helper()
			f, err := CreateFile(path, replace)
			if err != nil {
				t.Fatal(err)
			}
			if named && f.temp == "" {
				f.temp = f.tempName()
				if err := link(f.file, f.temp); err != nil {
					t.Fatal(err)
				}
			}
			return f
		}
		write := func(f *File, text string, keep bool) error {
			t.Helper()
			if _, err := f.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if b, _ := os.ReadFile(path); string(b) == text {
				t.Error("it has its name before it is whole")
			}
			var err error
			if keep {
				err = f.Keep()
			}
			return errors.Join(err, f.Close())
		}
		holds := func(want string) {
			t.Helper()
			b, _ := os.ReadFile(path)
			if string(b) != want || want != "" && len(listed(t, dir)) != 1 {
				t.Errorf("named %t: the file holds %q, the folder %v; want %q", named, b, listed(t, dir), want)
			}
		}
		if err := write(create(false), "given up", false); err != nil {
			t.Fatal(err)
		}
		holds("")
		if err := write(create(false), "first", true); err != nil {
			t.Fatal(err)
		}
		holds("first")
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
		}
		if _, err := CreateFile(path, false); !errors.Is(err, fs.ErrExist) {
			t.Errorf("CreateFile over a file = %v, want ErrExist", err)
		}
		if err := write(create(true), "second", true); err != nil {
			t.Fatal(err)
		}
		holds("second")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		late := create(false)
		if err := os.WriteFile(path, []byte("came meanwhile"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := write(late, "too late", true); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Keep over what has come meanwhile = %v, want ErrExist", err)
		}
		holds("came meanwhile")
	}
}

func TestAnEndedContextEndsUnpacking(t *testing.T) {
	b, with := small(t)
	ctx, end := context.WithCancel(bg)
	end()
	f := folder(t, filepath.Join(t.TempDir(), "data"))
	r, err := Open(bytes.NewReader(b), with)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Unpack(ctx, r, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Unpack = %v, want canceled", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
