package house

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"jali/internal/backup"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/internal/rollback"
	"jali/vault"
	"jali/vault/anchor"
	"jali/vault/kek"
)

// Restore takes a house back out of a backup. Nothing has its place before all
// of it was read again from the disk and every key in it was opened with the
// key-encryption key and the anchor; neither of these, nor the anchor's file,
// is changed.
type Restore struct {
	Config  // of which Data, Key and AnchorFile count
	From    io.Reader
	With    backup.Identities
	Verify  bool   // only check
	Scratch string // where to unpack what is only checked; empty: in Data
	Told    func(stage string, n int64)
}

// Restored is what was found in a backup.
type Restored struct {
	backup.Header
	Rows int64
	Keys vault.Kept
}

var (
	errForeign = &fault.Error{Kind: fault.Conflict, Code: "backup_foreign", Owner: fault.Us,
		Detail: "this backup is of another house than the anchor: name the anchor of the house that made it with --anchor-file"}
	errTerm = &fault.Error{Kind: fault.Conflict, Code: "backup_retired", Owner: fault.Us,
		Detail: "this backup is from before the keys were last renewed, and the anchor no longer opens it: name a copy of the anchor from that time with --anchor-file, or take a later backup"}
)

// Run restores, or fails and leaves everything as it was.
func (r Restore) Run(ctx context.Context) (_ Restored, err error) {
	choice := keyChoice(r.Config)
	key, err := kek.Open(choice)
	if errors.Is(err, fs.ErrNotExist) {
		return Restored{}, fmt.Errorf("the key file %s is not there: put the copy of it there that you have kept, or name it with --key-file", choice.File)
	}
	if err != nil {
		return Restored{}, err
	}
	held, err := openAnchor(r.Config)
	if err != nil {
		return Restored{}, err
	}
	if held.State().Ring == "" {
		return Restored{}, anchor.ErrMissing.Because(errors.New(held.Path() + " is not there"))
	}
	dir := r.Data
	if r.Verify && r.Scratch != "" {
		dir = r.Scratch
	}
	folder, err := backup.OpenFolder(dir, keysFile, rowsFile)
	if err != nil {
		return Restored{}, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if !r.Verify {
		if err := folder.Free(); err != nil {
			return Restored{}, err
		}
	}
	found, err := r.unpack(ctx, folder, key, held)
	if err != nil || r.Verify {
		return found, err
	}
	return found, folder.Place()
}

func (r Restore) unpack(ctx context.Context, folder *backup.Folder, key kek.KEK, held *anchor.File) (found Restored, err error) {
	from, err := backup.Open(r.From, r.With)
	if err != nil {
		return found, err
	}
	found.Header = from.Header
	switch s := from.Stores; {
	case from.Ring != held.State().Ring:
		return found, errForeign
	case len(s) != 2 || s[0].Name != keysFile || s[1].Name != rowsFile:
		return found, backup.ErrBroken.Because(fault.Cause("it holds other stores than a house has"))
	}
	sums, err := folder.Unpack(ctx, from, func(store string, rows, _ int64) { r.told("unpacking "+store, rows) })
	if err != nil {
		return found, err
	}
	found.Rows = sums.Rows()
	var stores []*boltkv.DB
	defer func() {
		for _, db := range stores {
			err = errors.Join(err, db.Close())
		}
	}()
	for i, s := range from.Stores {
		db, err := boltkv.Open(folder.Path(s.Name))
		if err != nil {
			return found, err
		}
		stores = append(stores, db)
		r.told("reading "+s.Name+" again", 0)
		if err := same(ctx, db, sums.Stores[i]); err != nil {
			return found, err
		}
	}
	v, err := vault.Open(ctx, vault.Config{DB: stores[1], Keys: stores[0], KEK: key, Anchor: held.Apart(), Now: time.Now})
	if err != nil {
		return found, termed(err, from.Header, held)
	}
	if !from.MadeBy(func(parts ...string) []byte { return v.MAC("backup", parts...) }) {
		return found, backup.ErrForged
	}
	found.Keys, err = v.Check(ctx, func(k vault.Kept) { r.told("opening keys", int64(k.Persons+k.Parts+k.Pairs)) })
	if err != nil || r.Verify {
		return found, termed(err, from.Header, held)
	}
	return found, rollback.Restored(ctx, stores[1])
}

func (r Restore) told(stage string, n int64) {
	if r.Told != nil {
		r.Told(stage, n)
	}
}

// same holds what is on disk against what the backup said.
func same(ctx context.Context, db *boltkv.DB, want backup.Sum) error {
	var got backup.Sum
	err := db.View(ctx, func(t tx) (err error) {
		got, err = backup.SumOf(ctx, t.Scan(kv.Range{}))
		return err
	})
	if err == nil && !got.Equal(want) {
		err = boltkv.ErrDamaged.Because(fault.Cause("what was written to the disk reads otherwise: the disk may be failing"))
	}
	return err
}

// termed says of a key that does not open that the anchor is too young for it,
// where that is so.
func termed(err error, of backup.Header, held *anchor.File) error {
	if err != nil && held.State().Term > of.Term && (errors.Is(err, vault.ErrOldKeyring) || errors.Is(err, vault.ErrSealed)) {
		return errTerm.Because(fmt.Errorf("the backup is of term %d, the anchor of term %d: %w", of.Term, held.State().Term, err))
	}
	return err
}
