package house

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/vault/anchor"
	"jali/vault/kek"
)

// The two files of a house: rows, and the keys that open them. Keys are made
// first, so that a first start that was cut short leaves them alone and empty.
const (
	rowsFile = "jali.db"
	keysFile = "keys.db"
)

// openStores opens both files or makes both. A folder that has lost one of
// them is refused before a new one is made in its place.
func (h *House) openStores(ctx context.Context, data string) error {
	rows, err := there(data, rowsFile)
	if err != nil {
		return err
	}
	keys, err := there(data, keysFile)
	if err != nil {
		return err
	}
	if rows && !keys {
		return lost(data, rowsFile, keysFile)
	}
	if h.keys, err = openStore(data, keysFile); err != nil {
		return err
	}
	if keys && !rows {
		switch held, err := holdsRows(ctx, h.keys); {
		case err != nil:
			return err
		case held:
			return lost(data, keysFile, rowsFile)
		}
	}
	h.db, err = openStore(data, rowsFile)
	return err
}

func there(data, name string) (bool, error) {
	_, err := os.Stat(filepath.Join(data, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func lost(data, kept, missing string) error {
	return fmt.Errorf("%s holds %s, but %s is missing: put it back from the same backup; nothing was changed", data, kept, missing)
}

func holdsRows(ctx context.Context, db *boltkv.DB) (held bool, err error) {
	err = db.View(ctx, func(t tx) error {
		held = false
		for _, err := range t.Scan(kv.Range{}) {
			held = err == nil
			return err
		}
		return nil
	})
	return held, err
}

// keyChoice is the key that the operator names, or the usual one.
func keyChoice(c Config) kek.Choice {
	choice := c.Key
	if choice.File == "" && choice.Env == "" && choice.Command == "" {
		choice.File = filepath.Join(c.Data, "kek.key")
	}
	return choice
}

// makeKey makes the file of a key where nothing rests on a former one.
func (h *House) makeKey(ctx context.Context, path string) (kek.KEK, error) {
	for _, db := range []*boltkv.DB{h.db, h.keys} {
		switch held, err := holdsRows(ctx, db); {
		case err != nil:
			return nil, err
		case held:
			return nil, fmt.Errorf("there is a database, but its key file %s is missing: put the key file back, or name the key that it was founded with; without it nothing can be read, and a new one would not fit; nothing was changed", path)
		}
	}
	return kek.CreateFile(path)
}

func openAnchor(c Config) (*anchor.File, error) {
	path := c.AnchorFile
	if path == "" {
		path = filepath.Join(c.Data, "anchor")
	}
	return anchor.At(path)
}

func openStore(data, name string) (*boltkv.DB, error) {
	path := filepath.Join(data, name)
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read or written by others: chmod 600 %s", path, path)
	}
	db, err := boltkv.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, nil
}
