package billfile

import (
	"hash/maphash"
	"io"
	"iter"

	"jali/connectors"
	"jali/internal/fault"
)

// maxTable is the longest text that is read, in bytes.
const maxTable = 1 << 30

// Reader is a file that is too long to be held: it has been read through once,
// and its bills are read again one by one. Of a text it holds what its sums
// and ids need: per account the rows of one day, 32 bytes each, and 8 bytes for
// every row that repeats another of its day; where the rows are not sorted by
// day, 32 bytes for every row until Open has answered.
type Reader struct {
	file  *File
	sheet *sheet              // nil: bills
	bills [][]connectors.Bill // by account
	again []again
	seal  seal // of the bills as they were when they were counted
}

// Row is a bill, and which of [File.Accounts] it is of.
type Row struct {
	Account int
	connectors.Bill
}

// Open reads a file through once and answers what it says. Errors are those of
// [Read]; only a text may be longer than [MaxSize]. r must not change until
// the Reader is done with.
func Open(r io.ReaderAt, size int64, o Options) (_ *Reader, err error) {
	defer caught(&err)
	return open(r, size, o)
}

// caught makes a parser that panics the file's fault.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = ErrDamaged.Because(fault.Panicked(p))
	}
}

// File is what the file says without its bills.
func (r *Reader) File() *File { return r.file }

// Bills reads the bills, in the file's order; it may be asked again. An error
// ends it: the file cannot be read any more, or is no longer what was opened,
// and what came of it so far is not to be believed.
func (r *Reader) Bills() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if r.sheet == nil {
			for i, bills := range r.bills {
				for _, b := range bills {
					if !yield(Row{i, b}, nil) {
						return
					}
				}
			}
			return
		}
		seen := seal{hash: r.seal.hash}
		again := r.again
		for f, err := range r.sheet.filled() {
			if err == nil && f.account >= len(r.file.Accounts) {
				err = errChanged
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			seen.add(f.bill.ID)
			if len(again) > 0 && again[0].row == seen.rows-1 {
				f.bill.ID = numbered(f.bill.ID, again[0].n)
				again = again[1:]
			}
			if !yield(Row{f.account, f.bill}, nil) {
				return
			}
		}
		if seen.sum != r.seal.sum || seen.rows != r.seal.rows {
			yield(Row{}, errChanged)
		}
	}
}

var errChanged = ErrInterrupted.Saying("the file changed while it was read; import it again")

// seal tells whether two passes saw the same bills.
type seal struct {
	hash maphash.Seed
	rows uint32
	sum  uint64
}

// add answers the hash of the id.
func (s *seal) add(id string) uint64 {
	h := maphash.String(s.hash, id)
	s.rows++
	s.sum = s.sum*31 + h
	return h
}
