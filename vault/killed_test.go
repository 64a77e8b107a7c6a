package vault

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/vault/anchor"
	"jali/vault/kek"
)

const (
	childEnv = "VAULT_TEST_CHILD"
	plantEnv = "VAULT_TEST_PLANT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir, os.Getenv(plantEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// telling is a store that says on stdout before and after it writes: there the
// process may be killed.
type telling struct{ Keys }

func tell(line string) { _, _ = os.Stdout.WriteString(line + "\n") }

func (t telling) Update(ctx context.Context, f func(kv.Tx) error) error {
	tell(".")
	defer tell(".")
	return t.Keys.Update(ctx, f)
}

func (t telling) Compact(ctx context.Context) error {
	tell(".")
	defer tell(".")
	return t.Keys.Compact(ctx)
}

// files is a vault on the files of a folder, as a process opens it.
type files struct {
	*Vault
	db, keys *boltkv.DB
}

func openFiles(dir string, wrap func(Keys) Keys) (f files, err error) {
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.db, err = boltkv.OpenWith(filepath.Join(dir, "jali.db"), boltkv.Options{Grow: 1}); err != nil {
		return f, err
	}
	if f.keys, err = boltkv.OpenWith(filepath.Join(dir, "keys.db"), boltkv.Options{Grow: 1}); err != nil {
		return f, err
	}
	key, err := kek.OpenFile(filepath.Join(dir, "kek.key"))
	if err != nil {
		return f, err
	}
	held, err := anchor.At(filepath.Join(dir, "anchor"))
	if err != nil {
		return f, err
	}
	if f.Vault, err = Open(bg, Config{DB: wrap(f.db), Keys: wrap(f.keys), KEK: key, Anchor: held}); err != nil {
		return f, err
	}
	f.batch = 3
	return f, f.Shred(bg)
}

func (f files) close() {
	for _, db := range []*boltkv.DB{f.db, f.keys} {
		if db != nil {
			_ = db.Close()
		}
	}
}

// sealedRow is what the test keeps of a person: two records and an id.
type sealedRow struct {
	Own, Linked []byte
	ID          string
}

func ownRecord(p string) Record    { return Record{Kind: "bill", Person: p, Key: "b"} }
func linkedRecord(p string) Record { return Record{Kind: "bill", Person: p, Part: "link", Key: "b"} }

func (f files) arrive(p string) error {
	if err := errors.Join(f.NewPerson(bg, p), f.NewPart(bg, p, "link")); err != nil {
		return err
	}
	own, err := f.Seal(bg, ownRecord(p), []byte("own "+p))
	if err != nil {
		return err
	}
	linked, err := f.Seal(bg, linkedRecord(p), []byte("linked "+p))
	if err != nil {
		return err
	}
	pair, err := f.Pair(bg, p, "bank")
	if err != nil {
		return err
	}
	return f.db.Update(bg, func(tx kv.Tx) error {
		return kv.Store(tx, kv.Key("room", p), sealedRow{own, linked, pair.ID("bill_", "b")})
	})
}

func (f files) leave(p string) error {
	err := f.db.Update(bg, func(tx kv.Tx) error {
		return errors.Join(tx.Put(kv.Key("gone", p), []byte("x")), f.PersonLeaves(tx, p))
	})
	return errors.Join(err, f.Shred(bg))
}

// child is what this program is when a test has started it.
func child(dir, plant string) error {
	f, err := openFiles(dir, func(k Keys) Keys { return telling{k} })
	if err != nil {
		return err
	}
	if plant == "full disk" {
		return fullDisk(f)
	}
	return rotateUntilKilled(f, plant)
}

// rotateUntilKilled rotates over and over, beside people who come and go.
func rotateUntilKilled(f files, plant string) error {
	failed := make(chan error)
	go func() { failed <- comeAndGo(f) }()
	go func() {
		for {
			if err := rotateBy(f, plant); err != nil {
				failed <- err
			}
		}
	}()
	return <-failed
}

func comeAndGo(f files) error {
	var here []string
	for {
		p := fmt.Sprintf("p%x", rand.Uint64())
		if err := f.arrive(p); err != nil {
			return err
		}
		if here = append(here, p); len(here) > 3 {
			i := rand.IntN(len(here))
			if err := f.leave(here[i]); err != nil {
				return err
			}
			tell("gone " + here[i])
			here = append(here[:i], here[i+1:]...)
		}
	}
}

// rotateBy rotates once, with a fault if plant names one.
func rotateBy(f files, plant string) error {
	if err := f.NewTerm(bg); err != nil {
		return err
	}
	term := f.ring().current.term
	switch plant {
	case "anchor too early":
		if err := moveAnchor(f.anchor, term); err != nil {
			return err
		}
	case "keys that come back":
		for _, s := range f.shelves()[:3] {
			p, err := s.piece(bg, s.From, term, 1000)
			if err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond) // the planted fault is to be slow
			ring := f.ring()
			if err := s.db.Update(bg, func(tx kv.Tx) error {
				for _, e := range p.rows {
					names, key, err := ring.unwrapRow(e)
					if err != nil {
						return err
					}
					if err := tx.Put(e.Key, ring.wrap(key, names...)); err != nil { // whatever is there now
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	return f.Rewrap(bg)
}

// whole opens the folder as a restart would, and answers whether everything in
// it opens and nothing destroyed does.
func whole(dir string, gone []string) (leaving bool, err error) {
	f, err := openFiles(dir, func(k Keys) Keys { return k })
	if err != nil {
		return false, err
	}
	defer f.close()
	people, left := map[string]sealedRow{}, map[string]bool{}
	if err := f.db.View(bg, func(tx kv.Tx) error {
		for e, err := range tx.Scan(kv.Prefix("room")) {
			if err != nil {
				return err
			}
			_, rest, _ := kv.Text(e.Key)
			p, _, _ := kv.Text(rest)
			var row sealedRow
			if err := kv.Decode(e.Value, &row); err != nil {
				return err
			}
			b, err := tx.Get(kv.Key("gone", p))
			if err != nil {
				return err
			}
			people[p], left[p] = row, b != nil
		}
		return nil
	}); err != nil {
		return false, err
	}
	for _, p := range gone {
		if !left[p] {
			return false, fmt.Errorf("%s has left, and is back", p)
		}
	}
	for p, row := range people {
		own, err := f.Open(bg, ownRecord(p), row.Own)
		linked, err2 := f.Open(bg, linkedRecord(p), row.Linked)
		if left[p] {
			if !errors.Is(err, ErrShredded) || !errors.Is(err2, ErrShredded) {
				return false, fmt.Errorf("%s has left, and their records answer %v, %v", p, err, err2)
			}
			continue
		}
		if err := errors.Join(err, err2); err != nil || own.RevealString() != "own "+p || linked.RevealString() != "linked "+p {
			return false, fmt.Errorf("the records of %s do not open: %w", p, err)
		}
		if pair, err := f.Pair(bg, p, "bank"); err != nil || pair.ID("bill_", "b") != row.ID {
			return false, fmt.Errorf("the bank's ids of %s: %w", p, err)
		}
	}
	// Of those who left nothing is there, whatever the file holds else.
	return f.Leaving(), f.keys.View(bg, func(tx kv.Tx) error {
		for p := range left {
			for _, r := range []kv.Range{kv.Prefix("vault", "part", p), kv.Prefix("vault", "pair", p)} {
				if any, err := anyIn(tx, r); left[p] && (any || err != nil) {
					return fmt.Errorf("%s has left, and a key of theirs is there: %w", p, err)
				}
			}
		}
		return nil
	})
}

// kills kills a process that rotates, times over, and looks after each what is
// left. It answers how often a term was being left then.
func kills(t *testing.T, plant string, times int, random *rand.Rand) (amid int, err error) {
	t.Helper()
	dir := t.TempDir()
	if _, err := kek.CreateFile(filepath.Join(dir, "kek.key")); err != nil {
		t.Fatal(err)
	}
	var gone []string
	for range times {
		told, err := killed(dir, plant, 1+random.IntN(120))
		if err != nil {
			t.Fatal(err)
		}
		gone = append(gone, told...)
		leaving, err := whole(dir, gone)
		if err != nil {
			return amid, err
		}
		if leaving {
			amid++
		}
	}
	f, err := openFiles(dir, func(k Keys) Keys { return k })
	if err != nil {
		return amid, err
	}
	defer f.close()
	if err := f.Rewrap(bg); err != nil {
		return amid, err
	}
	left, err := f.outside(bg, f.ring().current.term)
	if err == nil && (left > 0 || f.Leaving()) {
		err = fmt.Errorf("at the end %d keys are of a former term", left)
	}
	t.Logf("%d people, term %d", len(gone), f.ring().current.term)
	return amid, err
}

// killed runs a child until it has said so many lines, and answers who was
// gone by then.
func killed(dir, plant string, lines int) (gone []string, err error) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir, plantEnv+"="+plant)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := child.Start(); err != nil {
		return nil, err
	}
	for said := bufio.NewReader(out); ; lines-- {
		if lines == 0 {
			if err := child.Process.Kill(); err != nil {
				return nil, err
			}
		}
		line, err := said.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		var p string
		if _, err := fmt.Sscanf(line, "gone %s", &p); err == nil {
			gone = append(gone, p)
		}
	}
	if err := child.Wait(); err == nil || child.ProcessState.Exited() {
		return nil, fmt.Errorf("the child ended by itself: %w", err)
	}
	return gone, nil
}

func TestKilledAmidRotationsNothingIsLostOrBack(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, plant := range []string{"anchor too early", "keys that come back"} {
		if _, err := kills(t, plant, 40, random); err == nil {
			t.Errorf("%s: not noticed by 40 kills", plant)
		} else {
			t.Logf("%s: noticed: %v", plant, err)
		}
	}
	amid, err := kills(t, "", 100, random)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("100 kills, %d of them amid a rotation", amid)
	if amid < 20 {
		t.Errorf("%d of 100 kills were amid a rotation: that is no test of it", amid)
	}
}
