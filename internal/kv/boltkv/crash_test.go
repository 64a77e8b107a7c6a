package boltkv

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"jali/internal/kv"
)

const childEnv = "BOLTKV_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		writeUntilKilled(path)
	}
	os.Exit(m.Run())
}

// writeUntilKilled writes pairs of rows from 8 goroutines, tells each on
// stdout when it is acknowledged, and compacts now and then.
func writeUntilKilled(path string) {
	db, err := Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, run := context.Background(), rand.Uint64()
	var n atomic.Int64
	var out sync.Mutex
	for range 8 {
		go func() {
			for {
				i := n.Add(1)
				err := db.Update(ctx, func(tx kv.Tx) error {
					if err := tx.Put(kv.Key("a", run, i), []byte("x")); err != nil {
						return err
					}
					return tx.Put(kv.Key("b", run, i), make([]byte, 1+i%3000))
				})
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(run, i)
				out.Unlock()
				if i%97 == 0 {
					if err := db.Compact(ctx); err != nil {
						fmt.Fprintln(os.Stderr, err)
						os.Exit(1)
					}
				}
			}
		}()
	}
	select {}
}

func TestKilledAtRandomLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jali.db")
	var acked [][2]uint64
	for range 8 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for left := 1 + rand.IntN(400); ; left-- {
			if left == 0 {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			line, err := lines.ReadString('\n')
			if err == io.EOF {
				break
			}
			var run, i uint64
			if _, err := fmt.Sscan(line, &run, &i); err != nil {
				t.Fatalf("the child said %q: %v", line, err)
			}
			acked = append(acked, [2]uint64{run, i})
		}
		if err := child.Wait(); err == nil || child.ProcessState.Exited() {
			t.Fatalf("the child ended by itself: %v", err)
		}
		check(t, path, acked)
	}
}

// check opens the file as a restart would.
func check(t *testing.T, path string, acked [][2]uint64) {
	t.Helper()
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(context.Background(), func(tx kv.Tx) error {
		for _, a := range acked {
			for _, row := range []string{"a", "b"} {
				if v, err := tx.Get(kv.Key(row, a[0], int64(a[1]))); err != nil || v == nil {
					return fmt.Errorf("acknowledged and lost: %s %v (%v)", row, a, err)
				}
			}
		}
		for e, err := range tx.Scan(kv.Prefix("a")) {
			if err != nil {
				return err
			}
			twin := append([]byte(nil), e.Key...)
			twin[1] = 'b'
			if v, err := tx.Get(twin); err != nil || v == nil {
				return fmt.Errorf("half a transaction was kept (%v)", err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(path + "?*"); len(left) > 0 {
		t.Errorf("left beside it: %q", left)
	}
}
