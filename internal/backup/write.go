package backup

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"io"

	"filippo.io/age"
)

// Write writes a backup to w, encrypted from the first byte on.
func Write(ctx context.Context, w io.Writer, to Recipients, h Header, sign Sign, told Progress) (sums Sums, err error) {
	sealed, err := age.Encrypt(w, to...)
	if err != nil {
		return Sums{}, spaced(err)
	}
	plain := bufio.NewWriterSize(sealed, 64<<10)
	if _, err := plain.WriteString(firstLine); err != nil {
		return Sums{}, spaced(err)
	}
	f := newFrames(plain)
	head, err := f.json(h)
	if err != nil {
		return Sums{}, spaced(err)
	}
	for _, s := range h.Stores {
		sum, err := copyRows(ctx, f, s, told)
		if err = errors.Join(err, f.frame(nil)); err != nil {
			return Sums{}, spaced(err)
		}
		sums.Stores = append(sums.Stores, sum)
	}
	foot, err := f.json(sums)
	if err != nil {
		return Sums{}, spaced(err)
	}
	err = f.frame(sign(string(head), string(foot)))
	return sums, spaced(errors.Join(err, plain.Flush(), sealed.Close()))
}

// frames writes frames, and sums them while there is a sum.
type frames struct {
	to     io.Writer
	sum    hash.Hash
	length [binary.MaxVarintLen64]byte
}

func newFrames(to io.Writer) *frames { return &frames{to: to} }

func (f *frames) frame(b []byte) error {
	length := f.length[:binary.PutUvarint(f.length[:], uint64(len(b)))]
	for _, p := range [][]byte{length, b} {
		if f.sum != nil && len(b) > 0 {
			_, _ = f.sum.Write(p)
		}
		if _, err := f.to.Write(p); err != nil {
			return err
		}
	}
	return nil
}

func (f *frames) json(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return b, f.frame(b)
}
