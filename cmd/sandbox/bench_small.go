package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/vault"
	"jali/vault/anchor"
	"jali/vault/kek"
)

// small measures the token endpoint, storage and aliases.
func (b *benchCmd) small(ctx context.Context, t *benchTown, tell func(string, ...any)) ([]rateRow, error) {
	tell("a plain server's hello")
	hello, err := b.hello(ctx)
	if err != nil {
		return nil, err
	}
	tell("the token endpoint")
	_, traded, err := b.sessions(ctx, t, 4, 2*grantUses*b.Rounds*min(b.Full, 32))
	if err != nil {
		return nil, err
	}
	rows := []rateRow{{what: "token with DPoP and private_key_jwt, 16 at once", rate: traded.rate(), base: "hello", baseIs: hello}}
	tell("storage and aliases")
	dir, err := os.MkdirTemp("", "jali-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	stored, err := b.stored(ctx, dir)
	if err != nil {
		return nil, err
	}
	aliases, err := b.aliases(ctx, dir, hello)
	return append(append(rows, stored...), aliases...), err
}

// often answers how many times in a second width goroutines do a thing.
func (b *benchCmd) often(width int, do func(i int64) error) (float64, error) {
	var n atomic.Int64
	var failed atomic.Pointer[error]
	var group sync.WaitGroup
	begun := time.Now()
	for range width {
		group.Go(func() {
			for { // once at least, however long each waits for a turn
				if err := do(n.Add(1)); err != nil {
					failed.Store(&err)
				}
				if time.Since(begun) >= b.For || failed.Load() != nil {
					return
				}
			}
		})
	}
	group.Wait()
	took := time.Since(begun)
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(n.Load()) / took.Seconds(), nil
}

// hello is a server that does nothing but answer, asked by 50 at once: what
// HTTP by itself costs here, client and server together.
func (b *benchCmd) hello(ctx context.Context) (float64, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	return b.often(50, func(int64) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.Addr().String(), nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	})
}

// stored measures Updates beside a file that is written and flushed, 4 KiB at
// a time, by one writer: what the disk by itself can do.
func (b *benchCmd) stored(ctx context.Context, dir string) (rows []rateRow, err error) {
	raw, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	db, err := boltkv.Open(filepath.Join(dir, "bench.db"))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	page, row := make([]byte, 4096), make([]byte, 256)
	var key atomic.Int64
	for _, writers := range []int{1, 16, 64} {
		// Each beside its own base: a disk's mood changes within a run.
		flushes, err := b.often(1, func(int64) error {
			if _, err := raw.Write(page); err != nil {
				return err
			}
			return raw.Sync()
		})
		if err != nil {
			return nil, err
		}
		updates, err := b.often(writers, func(int64) error {
			k := kv.Key("bench", int(key.Add(1)))
			return db.Update(ctx, func(tx kv.Tx) error { return tx.Put(k, row) })
		})
		if err != nil {
			return nil, err
		}
		rows = append(rows, rateRow{what: "kv Update, " + counted(writers, "writer"), rate: updates, base: "write and fsync", baseIs: flushes})
	}
	return rows, nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// aliases issues new aliases, durably, and resolves them again.
func (b *benchCmd) aliases(ctx context.Context, dir string, hello float64) ([]rateRow, error) {
	key, err := kek.CreateFile(filepath.Join(dir, "kek.key"))
	if err != nil {
		return nil, err
	}
	db, err := boltkv.Open(filepath.Join(dir, "jali.db"))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	keys, err := boltkv.Open(filepath.Join(dir, "keys.db"))
	if err != nil {
		return nil, err
	}
	defer keys.Close()
	held, err := anchor.At(filepath.Join(dir, "anchor"))
	if err != nil {
		return nil, err
	}
	v, err := vault.Open(ctx, vault.Config{DB: db, Keys: keys, KEK: key, Anchor: held, Now: time.Now})
	if err != nil {
		return nil, err
	}
	const person, client = "person", "client"
	if err := v.NewPerson(ctx, person); err != nil {
		return nil, err
	}
	pair, err := v.Pair(ctx, person, client)
	if err != nil {
		return nil, err
	}
	issue := func(tx kv.Tx, p *vault.Pair, i int64) (string, error) {
		return p.Alias(tx, fmt.Sprint("account", i), "opaque")
	}
	issued, err := b.often(16, func(i int64) error {
		return db.Update(ctx, func(tx kv.Tx) error { _, err := issue(tx, pair, i); return err })
	})
	if err != nil {
		return nil, err
	}
	const other = "somebody with a dozen accounts"
	if err := v.NewPerson(ctx, other); err != nil {
		return nil, err
	}
	if pair, err = v.Pair(ctx, other, client); err != nil {
		return nil, err
	}
	aliases := make([]string, 12)
	err = db.Update(ctx, func(tx kv.Tx) (err error) {
		for i := range aliases {
			if aliases[i], err = issue(tx, pair, int64(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	resolved, err := b.often(16, func(i int64) error {
		return db.View(ctx, func(tx kv.Tx) error {
			_, _, err := v.Resolve(tx, other, aliases[i%int64(len(aliases))])
			return err
		})
	})
	return []rateRow{
		{what: "alias issue, durable, 16 writers", rate: issued, base: "hello", baseIs: hello, atLeast: 0.1},
		{what: "alias lookup, 16 readers", rate: resolved, base: "hello", baseIs: hello, atLeast: 0.75},
	}, err
}
