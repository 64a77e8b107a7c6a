package billfile

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"hash/crc32"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"jali/connectors"
	"jali/internal/fault"
)

// maxMembers is how many files an archive may hold.
const maxMembers = 64

// errPassword is a member that another password opens, or that is spoilt:
// nothing tells which.
var errPassword = errors.New("the password does not fit")

// openZip takes a workbook, or an archive as wallets send it by mail: one bill
// file, and PDFs or notes beside it. A long period comes as several files, each
// with a part of it: these are read together.
func openZip(data []byte, o Options) (*Reader, error) {
	workbook := bytes.Contains(data[:min(len(data), 4096)], []byte("[Content_Types].xml")) ||
		bytes.Contains(data[:min(len(data), 4096)], []byte("xl/")) || bytes.Contains(data[:min(len(data), 4096)], []byte("docProps/"))
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		if workbook {
			return nil, ErrDamaged.Saying("the workbook is cut short or damaged; download it again").Because(err)
		}
		return nil, ErrDamaged.Saying("the archive is cut short or damaged; download it again").Because(err)
	}
	if slices.ContainsFunc(z.File, isWorkbook) {
		if err := wholeParts(z, MaxSize); err != nil {
			return nil, err
		}
		s, err := openWorkbook(data, o)
		if err != nil {
			return nil, err
		}
		return s.survey()
	}
	if o.packed {
		return nil, unknown("archive_in_archive")
	}
	return openArchive(z, o)
}

func isWorkbook(f *zip.File) bool {
	return f.Flags&1 == 0 && strings.EqualFold(f.Name, "xl/workbook.xml")
}

// openArchive reads the bill files of an archive. What is none is passed over,
// unless there is no other: then the nearest thing says what is wrong.
func openArchive(z *zip.Reader, o Options) (*Reader, error) {
	var files []*File
	var wrong error
	left := int64(MaxSize)
	if len(z.File) > maxMembers {
		return nil, ErrTooLarge.Saying("the archive holds more files than are ever sent; unpack it and upload the CSV or XLSX in it")
	}
	for _, f := range z.File {
		if name := memberName(f); strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(path.Base(name), ".") {
			continue
		}
		data, err := member(f, o, left)
		if err == nil {
			left -= int64(len(data))
			var file *File
			if file, err = Read(bytes.NewReader(data), Options{Mapping: o.Mapping, packed: true}); err == nil {
				files = append(files, file)
				continue
			}
		}
		switch {
		case errors.Is(err, ErrUnknown), errors.Is(err, ErrUnmapped):
			if wrong == nil || errors.Is(err, ErrUnmapped) {
				wrong = err
			}
		default:
			return nil, err
		}
	}
	switch {
	case len(files) > 0:
		return together(files)
	case errors.Is(wrong, ErrUnmapped):
		return nil, wrong
	default:
		return nil, unknown("archive_of_others")
	}
}

// memberName is written in GBK where the flag for UTF-8 is not set, and by
// some programs in UTF-8 all the same.
func memberName(f *zip.File) string {
	if !f.NonUTF8 || utf8.ValidString(f.Name) {
		return f.Name
	}
	if name, err := simplifiedchinese.GB18030.NewDecoder().String(f.Name); err == nil {
		return name
	}
	return f.Name
}

// member decrypts and unpacks one file of at most left bytes.
func member(f *zip.File, o Options, left int64) ([]byte, error) {
	spoilt := ErrDamaged.Saying("a file in the archive is damaged; download it again")
	if f.UncompressedSize64 > uint64(left) || f.CompressedSize64 > uint64(MaxSize) {
		return nil, ErrTooLarge.Saying("the archive unpacks to over 20 MiB; export a shorter period")
	}
	r, err := f.OpenRaw()
	if err != nil {
		return nil, spoilt.Because(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, spoilt.Because(err)
	}
	method, sum := f.Method, true
	secret := f.Flags&1 != 0
	if secret {
		if o.Password.Empty() {
			return nil, ErrPassword.Saying("the archive has a password; say the one that came with it")
		}
		if f.Method == methodAES {
			z, ok := aesOf(f.Extra)
			if !ok {
				return nil, spoilt.Because(fault.Cause("no AES field"))
			}
			method, sum = z.method, z.version == 1
			raw, err = z.open(raw, o.Password.Reveal())
		} else {
			check := byte(f.CRC32 >> 24)
			if f.Flags&8 != 0 {
				check = byte(f.ModifiedTime >> 8) //nolint:staticcheck // the check is of the field itself
			}
			raw, err = openZipCrypto(raw, o.Password.Reveal(), check)
		}
		spoilt = ErrPassword.Saying("the archive does not open with this password; say the one that came with this very file")
	}
	if err != nil {
		return nil, spoilt.Because(err)
	}
	var data []byte
	switch method {
	case zip.Store:
		data = raw
	case zip.Deflate:
		if data, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(raw)), left+1)); err != nil {
			return nil, spoilt.Because(err)
		}
	default:
		return nil, unknown("archive_packing")
	}
	switch {
	case int64(len(data)) > left:
		return nil, ErrTooLarge.Saying("the archive unpacks to over 20 MiB; export a shorter period")
	case uint64(len(data)) != f.UncompressedSize64, sum && crc32.ChecksumIEEE(data) != f.CRC32:
		return nil, spoilt.Because(zip.ErrChecksum)
	}
	return data, nil
}

// together makes one file of those that an archive holds: of one source, one
// form and one holder, their periods without days between. A bill that stands
// in two of them is taken once.
func together(files []*File) (*Reader, error) {
	slices.SortStableFunc(files, func(a, b *File) int { return a.Accounts[0].Covers.From.Compare(b.Accounts[0].Covers.From) })
	f := files[0]
	for _, g := range files[1:] {
		if g.Source.ID != f.Source.ID || g.Format != f.Format || !g.Holder.Equal(f.Holder) {
			return nil, unknown("archive_of_several")
		}
		for _, a := range g.Accounts {
			i := slices.IndexFunc(f.Accounts, func(b Account) bool { return b.Ref.ID.Equal(a.Ref.ID) && b.Currency == a.Currency })
			if i < 0 {
				f.Accounts = append(f.Accounts, a)
				continue
			}
			if !f.Accounts[i].join(a) {
				return nil, unknown("archive_with_holes")
			}
		}
		f.Problems = append(f.Problems, g.Problems...)
		if g.Exported.After(f.Exported) {
			f.Exported = g.Exported
		}
	}
	return readerOf(f), nil
}

// join takes b in as another part of a; false: there are days between them.
func (a *Account) join(b Account) bool {
	if a.Covers.From.IsZero() {
		a.Covers = b.Covers
	} else if !b.Covers.From.IsZero() {
		if b.Covers.From.After(a.Covers.To) || a.Covers.From.After(b.Covers.To) {
			return false
		}
		if b.Covers.From.Before(a.Covers.From) {
			a.Covers.From = b.Covers.From
		}
		if b.Covers.To.After(a.Covers.To) {
			a.Covers.To = b.Covers.To
		}
	}
	known := map[string]bool{}
	for _, bill := range a.Bills {
		known[bill.ID] = true
	}
	a.Bills = append(a.Bills, slices.DeleteFunc(b.Bills, func(bill connectors.Bill) bool { return known[bill.ID] })...)
	for _, balance := range b.Balances {
		if !slices.Contains(a.Balances, balance) {
			a.Balances = append(a.Balances, balance)
		}
	}
	slices.SortStableFunc(a.Balances, func(x, y Balance) int { return x.At.Compare(y.At) })
	return true
}
