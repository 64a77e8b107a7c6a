package billfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/richardlehane/mscfb"

	"jali/internal/fault"
)

// openExcel97 reads a workbook of Excel 97 to 2003: a compound file ([MS-CFB])
// with the workbook in one stream of it ([MS-XLS]). Other Office files and
// workbooks of today that have a password come in compound files, too.
func openExcel97(data []byte, o Options) (*sheet, error) {
	stream, err := workbookStream(data)
	if err != nil {
		return nil, err
	}
	b := book97{left: maxCells, text: 2 * MaxSize, work: 4*len(stream) + 1<<20, stream: stream}
	if err := b.globals(); err != nil {
		return nil, err
	}
	var sheets []*sheet
	for _, at := range b.sheets {
		s, err := b.sheet(at)
		if err != nil {
			return nil, err
		}
		sheets = append(sheets, s)
	}
	return pick(sheets, b.era(), o)
}

// workbookStream takes the workbook out of its container.
func workbookStream(data []byte) ([]byte, error) {
	// How many sectors of each sort there are is believed by the library, and
	// room made for them.
	if len(data) < 512 {
		return nil, damaged97(io.ErrUnexpectedEOF)
	}
	for _, at := range []int{40, 44, 64, 72} { // of directories, FAT, mini FAT, DIFAT
		if n := binary.LittleEndian.Uint32(data[at:]); int64(n) > int64(len(data)/512) {
			return nil, damaged97(errors.New("more sectors than bytes"))
		}
	}
	r, err := mscfb.New(bytes.NewReader(data))
	if err != nil {
		return nil, damaged97(unquoted97(err))
	}
	old := false
	for _, f := range r.File {
		if len(f.Path) > 0 {
			continue
		}
		switch f.Name {
		case "Workbook":
			return streamOf(f)
		case "EncryptedPackage":
			return nil, unknown("workbook_password")
		case "Book":
			old = true
		}
	}
	if old {
		return nil, unknown("workbook_old")
	}
	return nil, unknown("office")
}

// streamOf reads a stream in parts: the library joins the places of what it
// reads at once by moving all of them, one by one.
func streamOf(f *mscfb.File) ([]byte, error) {
	if f.Size > MaxSize {
		return nil, ErrTooLarge.Because(fault.Cause("the workbook's stream is beyond the limit"))
	}
	stream := make([]byte, f.Size)
	for n := 0; n < len(stream); {
		k, err := f.Read(stream[n:min(len(stream), n+32<<10)])
		if n += k; err != nil && !(err == io.EOF && n == len(stream)) || k == 0 {
			return nil, damaged97(unquoted97(err))
		}
	}
	return stream, nil
}

func damaged97(err error) error {
	return ErrDamaged.Saying("the workbook is cut short or damaged; download it again").Because(err)
}

func unquoted97(err error) error { return fmt.Errorf("mscfb: an error of type %T", err) }
