package house

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"

	"jali/connectors/billfile"
	"jali/internal/aggregate"
	"jali/internal/backup"
)

// maxImport is the longest file that a verb may send.
const maxImport = 1 << 30

// spoolBlock is how many bytes of a spooled file are sealed together.
const spoolBlock = 64 << 10

// spooled is a file that is too long for memory and has to be read twice. What
// lies on the disk has no name and is sealed under a key that is nowhere else
// than here: whatever becomes of the process, noise is left in free blocks.
type spooled struct {
	disk *backup.Spool
	aead cipher.AEAD
	size int64

	last  int64 // the block that is open
	block []byte
}

// spool takes a file that comes as a stream: into memory up to the size of an
// upload, else on the disk of dir, of which need bytes are wanted then.
func spool(dir string, r io.Reader, need int64) (file aggregate.Sized, done func(), err error) {
	head, err := io.ReadAll(io.LimitReader(r, billfile.MaxSize+1))
	switch {
	case err != nil:
		return nil, nil, billfile.ErrInterrupted.Because(err)
	case len(head) <= billfile.MaxSize:
		return bytes.NewReader(head), func() {}, nil
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	s := &spooled{last: -1}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, nil, err
	}
	if s.disk, err = backup.NewSpool(dir, min(max(need, billfile.MaxSize), maxImport)); err != nil {
		return nil, nil, err
	}
	if err := s.take(io.MultiReader(bytes.NewReader(head), io.LimitReader(r, maxImport))); err != nil {
		_ = s.disk.Close()
		return nil, nil, err
	}
	return s, func() { _ = s.disk.Close() }, nil
}

func (s *spooled) take(r io.Reader) error {
	plain := make([]byte, spoolBlock)
	for n := int64(0); ; n++ {
		got, err := io.ReadFull(r, plain)
		if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			return billfile.ErrInterrupted.Because(err)
		}
		if s.size += int64(got); s.size > maxImport {
			return billfile.ErrTooLarge.Saying("the file is over 1 GiB; import it in parts")
		}
		if got > 0 {
			if _, err := s.disk.Write(s.aead.Seal(nil, nonceOf(n), plain[:got], nil)); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// nonceOf counts the blocks of the one file that a key is for.
func nonceOf(block int64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4), uint64(block))
}

func (s *spooled) Size() int64 { return s.size }

func (s *spooled) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("a file is read before its beginning")
	}
	for n < len(p) {
		if off >= s.size {
			return n, io.EOF
		}
		if err := s.open(off / spoolBlock); err != nil {
			return n, err
		}
		got := copy(p[n:], s.block[off%spoolBlock:])
		n, off = n+got, off+int64(got)
	}
	return n, nil
}

// open opens one block, and keeps it for who reads on.
func (s *spooled) open(n int64) error {
	if n == s.last {
		return nil
	}
	sealed := int64(spoolBlock + s.aead.Overhead())
	buf := make([]byte, min(sealed, s.disk.Size()-n*sealed))
	if _, err := s.disk.ReadAt(buf, n*sealed); err != nil {
		return err
	}
	plain, err := s.aead.Open(buf[:0], nonceOf(n), buf, nil)
	if err != nil {
		return err
	}
	s.last, s.block = n, plain
	return nil
}
