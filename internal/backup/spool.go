package backup

import (
	"fmt"
	"io"
	"os"

	"jali/internal/durable"
)

// Spool is a file without a name that holds a backup, or a file to import, on
// its way. However the process ends, nothing is left of it.
type Spool struct {
	file    *os.File
	dir     string
	size    int64
	checked int64
}

const (
	// spare is what a spool leaves of a disk that is not its own.
	spare = 64 << 20
	// checkEvery is after how much it looks whether that is still there.
	checkEvery = 16 << 20
)

// NewSpool opens a spool in dir for about need bytes: [ErrSpace] if the disk
// has not as much and a bit to spare.
func NewSpool(dir string, need int64) (*Spool, error) {
	if err := room(dir, need); err != nil {
		return nil, err
	}
	f, err := unnamed(dir)
	if err != nil {
		return nil, spaced(err)
	}
	return &Spool{file: f, dir: dir}, nil
}

func room(dir string, need int64) error {
	free, err := durable.Free(dir)
	if err != nil || free >= uint64(need+spare) { // where it is not known, writing will tell
		return nil
	}
	return ErrSpace.Saying(fmt.Sprintf("there are %d MiB left on the disk, and this needs up to %d and leaves %d; make some room, or name a folder on another disk",
		free>>20, (need+1<<20-1)>>20, spare>>20))
}

func (s *Spool) Write(p []byte) (int, error) {
	if s.size-s.checked >= checkEvery {
		if err := room(s.dir, int64(len(p))); err != nil {
			return 0, err
		}
		s.checked = s.size
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, spaced(err)
}

// Size is how much was written.
func (s *Spool) Size() int64 { return s.size }

// WriteTo writes to w all that was written to the spool.
func (s *Spool) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(s.file, 0, s.size))
}

// ReadAt reads what was written.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) { return s.file.ReadAt(p, off) }

// Close gives the room back.
func (s *Spool) Close() error { return s.file.Close() }
