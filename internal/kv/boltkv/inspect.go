package boltkv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"

	"jali/internal/fault"
)

// What bbolt writes, as far as it must hold before bbolt may be let at a file:
// it maps the file into memory and trusts every offset in it, so that a
// damaged one ends the process. All of it is in the machine's byte order.
//
//	page:    id 8, flags 2, count 2, overflow 4, then count elements
//	branch:  pos 4, key size 4, page id 8
//	leaf:    flags 4, pos 4, key size 4, value size 4
//	bucket:  root page id 8 (0: a page follows inline), sequence 8
//	meta:    magic 4, version 4, page size 4, flags 4, root bucket 16,
//	         free list's page id 8, first unused page id 8, transaction 8, FNV-1a 8
const (
	pageHeader   = 16
	branchEntry  = 16
	leafEntry    = 16
	bucketHeader = 16
	metaSize     = 64

	flagBranch = 0x01
	flagLeaf   = 0x02
	flagList   = 0x10

	leafIsBucket = 0x01

	boltMagic   = 0xED0CDAED
	boltVersion = 2
	noList      = ^uint64(0)
)

// alwaysInspect is the size up to which a file is read through at every start.
const alwaysInspect = 16 << 20

var order = binary.NativeEndian

// inspect answers [ErrDamaged] for a file that bbolt must not be let at.
func inspect(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return ErrDamaged.Because(fault.Cause("not a regular file"))
	}
	m, err := readMeta(f, info.Size())
	if err != nil {
		return ErrDamaged.Because(err)
	}
	if m.pages > uint64(info.Size())/uint64(m.pageSize) {
		return ErrDamaged.Because(fmt.Errorf("cut short: %d pages of %d bytes in %d bytes", m.pages, m.pageSize, info.Size()))
	}
	if m.list != noList && m.pages*uint64(m.pageSize) > alwaysInspect {
		return nil
	}
	in := inspector{file: f, meta: m, seen: make([]bool, m.pages)}
	if err := in.tree(m.root, 0); err != nil {
		return ErrDamaged.Because(err)
	}
	if m.list != noList {
		if err := in.list(); err != nil {
			return ErrDamaged.Because(err)
		}
	}
	return nil
}

type meta struct {
	pageSize          uint32
	root, list, pages uint64
	tx                uint64
}

// readMeta answers the newest of the two meta pages that is whole.
func readMeta(f *os.File, size int64) (meta, error) {
	var best meta
	found := false
	try := func(at int64) {
		if m, ok := metaAt(f, at); ok && (!found || m.tx > best.tx) {
			best, found = m, true
		}
	}
	try(0)
	if found {
		try(int64(best.pageSize))
		return best, nil
	}
	for p := int64(1024); p <= 64<<10 && p < size; p *= 2 {
		try(p)
	}
	if !found {
		return meta{}, errors.New("no whole meta page")
	}
	return best, nil
}

func metaAt(f *os.File, at int64) (meta, bool) {
	var b [pageHeader + metaSize]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return meta{}, false
	}
	d := b[pageHeader:]
	sum := fnv.New64a()
	_, _ = sum.Write(d[:metaSize-8])
	m := meta{
		pageSize: order.Uint32(d[8:]),
		root:     order.Uint64(d[16:]),
		list:     order.Uint64(d[32:]),
		pages:    order.Uint64(d[40:]),
		tx:       order.Uint64(d[48:]),
	}
	ok := order.Uint32(d) == boltMagic && order.Uint32(d[4:]) == boltVersion &&
		order.Uint64(d[56:]) == sum.Sum64() &&
		m.pageSize >= 1024 && m.pageSize <= 64<<10 && m.pageSize&(m.pageSize-1) == 0 && m.pages < 1<<40
	return m, ok
}

type inspector struct {
	file *os.File
	meta meta
	seen []bool
}

// page reads a page with its overflow and checks its header.
func (in *inspector) page(id uint64) ([]byte, error) {
	if id < 2 || id >= in.meta.pages {
		return nil, fmt.Errorf("page %d is outside the file", id)
	}
	size := int64(in.meta.pageSize)
	p := make([]byte, size)
	if _, err := in.file.ReadAt(p, int64(id)*size); err != nil {
		return nil, err
	}
	more := uint64(order.Uint32(p[12:]))
	if order.Uint64(p) != id || id+more >= in.meta.pages {
		return nil, fmt.Errorf("page %d is not what it should be", id)
	}
	for i := id; i <= id+more; i++ {
		if in.seen[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		in.seen[i] = true
	}
	if more > 0 {
		rest := make([]byte, int64(more)*size)
		if _, err := in.file.ReadAt(rest, int64(id+1)*size); err != nil {
			return nil, err
		}
		p = append(p, rest...)
	}
	return p, nil
}

const deepest = 64

func (in *inspector) tree(id uint64, depth int) error {
	if depth > deepest {
		return errors.New("the tree is too deep")
	}
	p, err := in.page(id)
	if err != nil {
		return err
	}
	return in.elements(p, id, depth)
}

func (in *inspector) elements(p []byte, id uint64, depth int) error {
	flags, count := order.Uint16(p[8:]), int(order.Uint16(p[10:]))
	if flags != flagBranch && flags != flagLeaf {
		return fmt.Errorf("page %d is of no known kind", id)
	}
	if pageHeader+count*branchEntry > len(p) {
		return fmt.Errorf("page %d has too many elements", id)
	}
	var last []byte
	for i := range count {
		at := pageHeader + i*branchEntry
		e := p[at:]
		var pos, ksize, vsize uint64
		if flags == flagBranch {
			pos, ksize = uint64(order.Uint32(e)), uint64(order.Uint32(e[4:]))
		} else {
			pos, ksize, vsize = uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
		}
		from := uint64(at) + pos
		if from+ksize+vsize > uint64(len(p)) {
			return fmt.Errorf("page %d has an element beyond its end", id)
		}
		key, value := p[from:from+ksize], p[from+ksize:from+ksize+vsize]
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return fmt.Errorf("page %d is out of order", id)
		}
		last = key
		var err error
		switch {
		case flags == flagBranch:
			err = in.tree(order.Uint64(e[8:]), depth+1)
		case order.Uint32(e)&leafIsBucket != 0:
			err = in.bucket(value, id, depth+1)
		}
		if err != nil {
			return err
		}
	}
	if flags == flagBranch && count == 0 {
		return fmt.Errorf("page %d is an empty branch", id)
	}
	return nil
}

func (in *inspector) bucket(value []byte, id uint64, depth int) error {
	if len(value) < bucketHeader {
		return fmt.Errorf("page %d has a bucket without a header", id)
	}
	if root := order.Uint64(value); root != 0 {
		return in.tree(root, depth)
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader || depth > deepest || order.Uint16(inline[8:]) != flagLeaf {
		return fmt.Errorf("page %d has a broken bucket", id)
	}
	return in.elements(inline, id, depth)
}

// list checks the list of free pages: each in the file, none in use. A count
// of 0xffff means that the true one is the first element.
func (in *inspector) list() error {
	p, err := in.page(in.meta.list)
	if err != nil {
		return err
	}
	if order.Uint16(p[8:]) != flagList {
		return errors.New("the list of free pages is none")
	}
	count, ids := uint64(order.Uint16(p[10:])), p[pageHeader:]
	if count == 0xffff {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids))/8 {
		return errors.New("the list of free pages is cut short")
	}
	for i := range count {
		id := order.Uint64(ids[i*8:])
		if id < 2 || id >= in.meta.pages || in.seen[id] {
			return errors.New("the list of free pages names one in use")
		}
		in.seen[id] = true
	}
	return nil
}
