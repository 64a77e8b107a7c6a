package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"jali/internal/fault"
	"jali/internal/kv"
)

// Reader reads a backup from its beginning to its end.
type Reader struct {
	Header

	from       *bufio.Reader
	head, foot []byte
	signed     []byte
	sum        hash.Hash
}

// Open reads as far as the Header. Errors: [ErrNoBackup], [ErrStranger],
// [ErrVersion], [ErrBroken].
func Open(r io.Reader, with Identities) (*Reader, error) {
	begun := bufio.NewReader(r)
	if first, _ := begun.Peek(len(ageLine)); string(first) != ageLine {
		return nil, ErrNoBackup.Because(fault.Cause("it does not begin as an age file does"))
	}
	plain, err := age.Decrypt(begun, with...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, ErrStranger
	case err != nil:
		return nil, ErrBroken.Because(err)
	}
	return read(plain)
}

// ageLine is how an age file begins. Its header's own errors may quote it.
const ageLine = "age-encryption.org/v1\n"

// read begins with what was decrypted.
func read(plain io.Reader) (*Reader, error) {
	r := &Reader{from: bufio.NewReaderSize(plain, 64<<10)}
	line, err := r.from.ReadSlice('\n')
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull):
		return nil, ErrBroken.Because(err)
	case len(line) > mostLine || !strings.HasPrefix(string(line), mark):
		return nil, ErrNoBackup.Because(fault.Cause("it is encrypted, but no backup"))
	case string(line) != firstLine:
		return nil, ErrVersion
	}
	if r.head, err = r.json(&r.Header); err != nil {
		return nil, err
	}
	if len(r.Stores) == 0 || len(r.Stores) > mostStores {
		return nil, ErrBroken.Because(fault.Cause("no stores, or too many"))
	}
	names := map[string]bool{}
	for _, s := range r.Stores {
		if s.Name == "" || names[s.Name] || s.Name != filepath.Base(s.Name) || strings.HasPrefix(s.Name, ".") {
			return nil, ErrBroken.Because(fault.Cause("a store's name is no file's"))
		}
		names[s.Name] = true
	}
	return r, nil
}

// Each gives every store to take, with its rows, and then holds what was read
// against what the backup says at its end: so what take was given is not to be
// used before Each has answered. Errors: [ErrBroken], take's and ctx's.
func (r *Reader) Each(ctx context.Context, take func(Store) error, told Progress) (sums Sums, err error) {
	for _, s := range r.Stores {
		var sum Sum
		var failed error
		over := false
		s.Rows = func(yield func(kv.Entry, error) bool) {
			failed = r.rows(ctx, s.Name, &sum, told, yield)
			over = failed == nil
			if failed != nil && !errors.Is(failed, errEnough) {
				yield(kv.Entry{}, failed)
			}
		}
		if err := take(s); err != nil {
			return Sums{}, err
		}
		if !over {
			return Sums{}, fmt.Errorf("backup: not all rows of a store were taken: %w", errors.Join(failed, errEnough))
		}
		sums.Stores = append(sums.Stores, sum)
	}
	var said Sums
	if r.foot, err = r.json(&said); err != nil {
		return Sums{}, err
	}
	if len(said.Stores) != len(sums.Stores) {
		return Sums{}, ErrBroken.Because(fault.Cause("it sums up other stores"))
	}
	for i, s := range sums.Stores {
		if !s.Equal(said.Stores[i]) {
			return Sums{}, ErrBroken.Because(fault.Cause("a store is not what its sum says, number", i+1))
		}
	}
	if r.signed, err = r.frame(mostJSON); err != nil {
		return Sums{}, err
	}
	if _, err := r.from.ReadByte(); !errors.Is(err, io.EOF) {
		return Sums{}, ErrBroken.Because(errors.Join(fault.Cause("it does not end where it should"), err))
	}
	return sums, nil
}

var errEnough = errors.New("the reader stopped")

// rows reads one store's.
func (r *Reader) rows(ctx context.Context, name string, sum *Sum, told Progress, yield func(kv.Entry, error) bool) error {
	*sum = Sum{}
	r.sum = sha256.New()
	defer func() { r.sum = nil }()
	for {
		key, err := r.frame(mostKey)
		if err != nil {
			return err
		}
		if len(key) == 0 {
			break
		}
		value, err := r.frame(mostValue)
		if err != nil {
			return err
		}
		if len(value) == 0 {
			return ErrBroken.Because(fault.Cause("a row without a value"))
		}
		sum.Rows++
		sum.Bytes += int64(len(key) + len(value))
		if !yield(kv.Entry{Key: key, Value: value}, nil) {
			return errEnough
		}
		if sum.Rows%often == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if told != nil {
				told(name, sum.Rows, sum.Bytes)
			}
		}
	}
	sum.SHA256 = r.sum.Sum(nil)
	if told != nil {
		told(name, sum.Rows, sum.Bytes)
	}
	return ctx.Err()
}

// MadeBy reports whether the house of sign made this backup. It is asked after
// Each.
func (r *Reader) MadeBy(sign Sign) bool {
	return len(r.signed) > 0 && hmac.Equal(r.signed, sign(string(r.head), string(r.foot)))
}

// frame reads one frame, and sums it while there is a sum and it is not empty.
func (r *Reader) frame(most uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(r.from)
	if err != nil {
		return nil, cut(err)
	}
	if n > most {
		return nil, ErrBroken.Because(fault.Cause("a frame is too long"))
	}
	b, err := r.take(n)
	if err != nil {
		return nil, cut(err)
	}
	if r.sum != nil && n > 0 {
		_, _ = r.sum.Write(binary.AppendUvarint(nil, n))
		_, _ = r.sum.Write(b)
	}
	return b, nil
}

// take makes room for what comes, not for what a length claims.
func (r *Reader) take(n uint64) ([]byte, error) {
	if n > mostJSON {
		var b bytes.Buffer
		_, err := io.CopyN(&b, r.from, int64(n))
		return b.Bytes(), err
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r.from, b)
	return b, err
}

func (r *Reader) json(v any) ([]byte, error) {
	b, err := r.frame(mostJSON)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return nil, ErrBroken.Because(fault.Cause("a piece of JSON that is none"))
	}
	return b, nil
}

func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return ErrBroken.Because(err)
}
