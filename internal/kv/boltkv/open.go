package boltkv

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"jali/internal/durable"
	"jali/internal/fault"
)

var (
	rowsBucket  = []byte("rows")
	aboutBucket = []byte("about")
	schemaKey   = []byte("schema")
)

// Schema is the version of the layout of the file and of all rooms' rows in
// it. Before the first release what is older is refused.
const Schema = 3

// tempMark follows the database's own name in files that are not finished;
// what a crash leaves of them is removed by the next to open the database.
const tempMark = ".tmp-"

// handle is an open bolt file and the descriptor below it.
type handle struct {
	*bbolt.DB
	file    *os.File
	changed bool // since it was opened, or made; under DB.writing
}

func open(path string, o Options) (*handle, error) {
	for range 3 {
		h, err := openExisting(path, o)
		if errors.Is(err, fs.ErrNotExist) {
			if h, err = create(path, o); h == nil && err == nil {
				continue // somebody else made it meanwhile
			}
		}
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return h, nil
	}
	return nil, ErrLocked
}

func openExisting(path string, o Options) (*handle, error) {
	h, err := openBolt(path, os.O_RDWR, o, func(f *os.File) error {
		if err := lock(f, o.Patience); err != nil {
			return err
		}
		if err := unmoved(f, path); err != nil {
			return err
		}
		return inspect(f)
	})
	if err != nil {
		return nil, err
	}
	if err := checkSchema(h.DB); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	sweep(path)
	return h, nil
}

// create makes the file under another name and gives it its own when it is
// whole and on disk. It answers nil and no error if another process was first.
func create(path string, o Options) (*handle, error) {
	temp := path + tempMark + rand.Text()
	defer os.Remove(temp)
	h, err := openBolt(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, o, nil)
	if err != nil {
		return nil, err
	}
	err = h.Update(func(tx *bbolt.Tx) error { return layOut(tx, Schema) })
	if err == nil {
		err = h.finish()
	}
	if err != nil {
		return nil, errors.Join(errFile.Because(err), h.Close())
	}
	// A link, unlike a rename, never replaces what another process has made.
	if err := os.Link(temp, path); err != nil {
		_ = h.Close()
		if _, err := os.Lstat(path); err == nil {
			return nil, nil
		}
		return nil, errFile.Because(err)
	}
	if err := durable.Names(filepath.Dir(path)); err != nil {
		return nil, errors.Join(errFile.Because(err), h.Close())
	}
	return h, nil
}

// layOut makes the buckets of a new file.
func layOut(tx *bbolt.Tx, schema uint64) error {
	if _, err := tx.CreateBucket(rowsBucket); err != nil {
		return err
	}
	about, err := tx.CreateBucket(aboutBucket)
	if err != nil {
		return err
	}
	return about.Put(schemaKey, binary.BigEndian.AppendUint64(nil, schema))
}

// openBolt opens path with bbolt after check has had the open file. A file
// that is being made is not synced until [handle.finish].
func openBolt(path string, flag int, o Options, check func(*os.File) error) (*handle, error) {
	var h handle
	made := flag&os.O_CREATE != 0
	h.changed = made
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         o.Patience,
		NoFreelistSync:  true,
		NoSync:          made,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapSize,
		NoStatistics:    true,
		OpenFile: func(name string, _ int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode)
			if err != nil || check == nil {
				h.file = f
				return f, err
			}
			if err := check(f); err != nil {
				_ = f.Close()
				return nil, err
			}
			h.file = f
			return f, nil
		},
	})
	switch {
	case err == nil:
		db.AllocSize = o.Grow
		h.DB = db
		if made {
			if err := h.grow(int64(o.Grow)); err != nil {
				return nil, errors.Join(errFile.Because(err), h.Close())
			}
		}
		return &h, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return nil, ErrDamaged.Because(err)
	case errors.Is(err, ErrLocked), errors.Is(err, ErrDamaged), errors.Is(err, errMoved):
		return nil, err
	}
	return nil, errFile.Because(err)
}

// grow writes zeros behind a new file's first pages.
func (h *handle) grow(to int64) error {
	info, err := h.file.Stat()
	if err != nil || info.Size() >= to {
		return err
	}
	_, err = h.file.WriteAt(make([]byte, to-info.Size()), info.Size())
	return err
}

// finish ends the making of a file: it is put on disk, and synced from then on.
func (h *handle) finish() error {
	h.NoSync = false
	return h.file.Sync()
}

// listFree writes the list of free pages, which spares the next to open the
// file looking for them.
func (h *handle) listFree() error {
	h.NoFreelistSync = false
	tx, err := h.Begin(true)
	if err != nil {
		return err
	}
	return tx.Commit()
}

func checkSchema(db *bbolt.DB) error {
	return db.View(func(tx *bbolt.Tx) error {
		about := tx.Bucket(aboutBucket)
		if about == nil || tx.Bucket(rowsBucket) == nil {
			return ErrDamaged.Because(fault.Cause("a bolt file, but not Jali's"))
		}
		v := about.Get(schemaKey)
		if len(v) != 8 {
			return ErrDamaged.Because(fault.Cause("no schema version"))
		}
		return known(binary.BigEndian.Uint64(v))
	})
}

func known(version uint64) error {
	switch {
	case version == 0:
		return ErrDamaged.Because(fault.Cause("schema version 0"))
	case version < Schema:
		return ErrOlder.Because(fmt.Errorf("schema version %d, read are those from %d", version, Schema))
	case version > Schema:
		return ErrNewer.Because(fmt.Errorf("schema version %d, known are up to %d", version, Schema))
	}
	return nil
}

// errMoved means that what is open at path is not what is there any more: its
// owner compacted it while we waited for the lock.
var errMoved = errors.New("boltkv: the file was replaced")

func unmoved(f *os.File, path string) error {
	a, err := f.Stat()
	if err != nil {
		return err
	}
	b, err := os.Stat(path)
	if err != nil || !os.SameFile(a, b) {
		return errMoved
	}
	return nil
}

// sweep removes what a crash left half made. Only the holder of the lock does.
func sweep(path string) {
	left, _ := filepath.Glob(globEscape(path) + tempMark + "*")
	for _, f := range left {
		_ = os.Remove(f)
	}
}

func globEscape(path string) string {
	var b []byte
	for _, c := range []byte(path) {
		switch c {
		case '*', '?', '[', '\\':
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return string(b)
}

// Room answers how many bytes the file's disk still takes: whoever is about to
// write much looks first, since a full disk stops the store.
func (db *DB) Room() (uint64, error) {
	free, err := durable.Free(filepath.Dir(db.path))
	if err != nil {
		return 0, errFile.Because(err)
	}
	return free, nil
}
