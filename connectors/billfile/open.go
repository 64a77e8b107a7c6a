package billfile

import (
	"archive/zip"
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

const bom = "\ufeff"

// maxLines bounds a text: an empty line of one byte takes sixteen in memory.
const maxLines = 1 << 20

// document is a format that is no table.
type document struct {
	is   func(head []byte) bool // by its first bytes, up to 512, in lower case, without white space and byte order mark before them
	read func(data []byte) (*File, error)
}

// documents are tried in this order, before tables.
var documents = []document{}

// open tells from the first bytes what a file is, and reads it.
func open(data []byte, o Options) (*File, error) {
	head := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(data[:min(len(data), 512)], []byte(bom))))
	for _, d := range documents {
		if d.is(head) {
			return d.read(data)
		}
	}
	s, err := openTable(data)
	if err != nil {
		return nil, err
	}
	return s.read()
}

func openTable(data []byte) (*sheet, error) {
	head := data[:min(len(data), 512)]
	trimmed := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(head, []byte(bom))))
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case len(trimmed) == 0:
		return nil, ErrUnknown.Saying("the file is empty; export it again")
	case has("PK\x03\x04"), has("PK\x05\x06"):
		return openZip(data)
	case has("\xd0\xcf\x11\xe0"):
		return nil, ErrUnknown.Saying("this is an old or password-protected Office file; upload the CSV or XLSX as it was exported, without a password")
	case has("%PDF"):
		return nil, ErrUnknown.Saying("this is a PDF; export the bill as CSV or XLSX (用于个人对账) instead")
	case has("\x89PNG"), has("\xff\xd8\xff"), has("GIF8"), has("RIFF"), has("BM") && bytes.IndexByte(head, 0) >= 0:
		return nil, ErrUnknown.Saying("this is a picture; upload the exported CSV or XLSX")
	case has("Rar!"), has("7z\xbc\xaf"), has("\x1f\x8b"):
		return nil, ErrUnknown.Saying("this is an archive; unpack it and upload the CSV or XLSX in it")
	case bytes.HasPrefix(trimmed, []byte("<")):
		return nil, ErrUnknown.Saying("this is a web page or XML, perhaps a login page saved by mistake; download the exported file again")
	case has("\xff\xfe"), has("\xfe\xff"):
		return nil, ErrUnknown.Saying("this is text in UTF-16, as a spreadsheet program saves it; upload the file as it was downloaded")
	case bytes.IndexByte(data, 0) >= 0:
		return nil, ErrUnknown
	}
	return openText(data)
}

// openZip takes a workbook; of other archives it says what to do.
func openZip(data []byte) (*sheet, error) {
	workbook := bytes.Contains(data[:min(len(data), 4096)], []byte("[Content_Types].xml")) ||
		bytes.Contains(data[:min(len(data), 4096)], []byte("xl/")) || bytes.Contains(data[:min(len(data), 4096)], []byte("docProps/"))
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		if workbook {
			return nil, ErrDamaged.Saying("the workbook is cut short or damaged; download it again").Because(err)
		}
		return nil, ErrDamaged.Saying("the archive is cut short or damaged; download it again, unpack it and upload the file in it").Because(err)
	}
	for _, f := range z.File {
		if f.Flags&1 != 0 {
			return nil, ErrUnknown.Saying("this is an archive with a password; unpack it with the password you were sent, and upload the CSV or XLSX in it")
		}
	}
	for _, f := range z.File {
		if strings.EqualFold(f.Name, "xl/workbook.xml") {
			if err := wholeParts(z, MaxSize); err != nil {
				return nil, err
			}
			return openWorkbook(data)
		}
	}
	return nil, ErrUnknown.Saying("this is an archive; unpack it and upload the CSV or XLSX in it")
}

// openText takes text in UTF-8 or GB18030, whichever gives a header row. The
// header decides, not validity: one spoilt byte must not turn the whole file
// into another script.
func openText(data []byte) (*sheet, error) {
	if bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte("\r")) > maxLines {
		return nil, ErrTooLarge.Saying("the file has more lines than a bill; upload the file as it was exported")
	}
	if s := newSheet(string(data)); s != nil {
		return s, nil
	}
	if !utf8.Valid(data) {
		text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
		if err != nil {
			return nil, ErrUnknown.Because(err)
		}
		if s := newSheet(string(text)); s != nil {
			return s, nil
		}
	}
	return nil, ErrUnknown
}

func newSheet(text string) *sheet {
	for strings.HasPrefix(text, bom) {
		text = text[len(bom):]
	}
	s := &sheet{lines: splitLines(text), ended: strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\r")}
	for i, line := range s.lines {
		if i == maxPreamble {
			break
		}
		cells, _ := quoted(line)
		if l := layoutOf(cells); l != nil {
			l.line = i + 1
			s.layout = l
			return s
		}
	}
	return nil
}

// splitLines knows CRLF, LF and a lone CR.
func splitLines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	lines := strings.Split(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
