package billfile

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"jali/internal/fault"
)

// Bounds of a workbook's parts. A shared string of five bytes costs excelize
// fifty times as much memory, and it keeps them all; sheets it hands out row
// by row (see maxCells).
const (
	maxStrings = 600_000 // elements of shared strings: two for each
	maxOther   = 100_000 // elements of a part that is no sheet
	maxDepth   = 64
)

var errEncoding = errors.New("an encoding other than UTF-8")

// wholeParts reads every part of a workbook once, and no more than left bytes
// of them all. excelize takes a sheet that
// ends in the middle, or is spoilt there, for one that ends: its bills would
// be taken in without the rest.
func wholeParts(z *zip.Reader, left int64) error {
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return damagedPart(err)
		}
		n, err := wholePart(io.LimitReader(r, left+1), mostElements(f.Name))
		_ = r.Close()
		if left -= n; left < 0 {
			return ErrTooLarge.Because(fault.Cause("the parts unpack beyond the limit"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func damagedPart(err error) error {
	return ErrDamaged.Saying("the workbook is cut short or damaged; download it again").Because(err)
}

func mostElements(name string) int {
	name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	switch {
	case strings.HasPrefix(name, "xl/worksheets/"):
		return MaxSize // as many as fit
	case name == "xl/sharedstrings.xml":
		return maxStrings
	}
	return maxOther
}

// counted counts what was read of it.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// wholePart answers how many bytes it has read. What is no XML from its first
// byte, such as a picture, is none to excelize either, and passes.
func wholePart(r io.Reader, most int) (int64, error) {
	c := &counted{r: r}
	d := xml.NewDecoder(c)
	foreign := false
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) {
		foreign = true
		return nil, errEncoding
	}
	elements, depth := 0, 0
	for {
		token, err := d.Token()
		switch {
		case err == io.EOF:
			return c.n, nil
		case foreign:
			return c.n, damagedPart(errEncoding)
		case err != nil && elements == 0:
			_, err := io.Copy(io.Discard, c)
			if err != nil {
				err = damagedPart(err)
			}
			return c.n, err
		case err != nil:
			return c.n, damagedPart(errors.New("a part is no whole XML")) // err may quote it
		}
		switch token.(type) {
		case xml.StartElement:
			elements++
			depth++
		case xml.EndElement:
			depth--
		}
		if elements > most || depth > maxDepth {
			return c.n, ErrTooLarge.Saying("the workbook holds more than a bill does; upload the file as it was exported")
		}
	}
}
