package billfile

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// parts of the least workbook that holds a WeChat Pay bill; a test puts others
// in their place.
var leastParts = map[string]string{
	"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`,
	"_rels/.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
	"xl/workbook.xml": `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">` +
		`<sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>`,
	"xl/_rels/workbook.xml.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
	"xl/worksheets/sheet1.xml": sheetOf(headerRow + billRow(2)),
}

var (
	headerRow = rowOf(1, "交易时间", "交易类型", "交易对方", "商品", "收/支", "金额(元)", "支付方式", "当前状态", "交易单号", "商户单号", "备注")
	billRow   = func(n int) string {
		return rowOf(n, "2026-10-01 10:00:00", "商户消费", "面馆", "面", "支出", "1.00", "零钱", "支付成功", "1000", "2000", "/")
	}
)

func rowOf(n int, cells ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<row r="%d">`, n)
	for i, c := range cells {
		fmt.Fprintf(&b, `<c r="%c%d" t="inlineStr"><is><t>%s</t></is></c>`, 'A'+i, n, c)
	}
	return b.String() + `</row>`
}

func sheetOf(rows string) string {
	return `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>` + rows + `</sheetData></worksheet>`
}

func packed(t testing.TB, other map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	put := func(name, text string) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range leastParts {
		if o, ok := other[name]; ok {
			text = o
		}
		put(name, text)
	}
	for name, text := range other {
		if _, ok := leastParts[name]; !ok {
			put(name, text)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A few kilobytes must cost no gigabytes, and a sheet that is spoilt in the
// middle is not the half before.
func TestAWorkbookIsReadWholeAndWithinBounds(t *testing.T) {
	const sheet, strs, types = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "[Content_Types].xml"
	main := func(rows string) map[string]string { return map[string]string{sheet: sheetOf(headerRow + rows)} }
	shared := strings.Replace(leastParts[types], "</Types>", `<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>`, 1)
	for _, tt := range []struct {
		why   string
		parts map[string]string
		bills int
		want  error
	}{
		{"as it should be", nil, 1, nil},
		{"a picture beside it", map[string]string{"xl/media/image1.png": "\x89PNG\r\n\x1a\n\x00\x01<a>"}, 1, nil},
		{"rows left out before the last", main(billRow(2) + billRow(9000)), 2, nil},
		{"a row that says it is the two thousand millionth", main(billRow(2_000_000_000)), 0, ErrTooLarge},
		{"rows of 256 cells by naming the last", main(strings.Repeat(`<row><c r="IV3"><v>1</v></c></row>`, maxCells/256+1)), 0, ErrTooLarge},
		{"a cell in the last column of Excel", main(`<row r="2"><c r="XFD2"><v>1</v></c></row>`), 0, ErrDamaged},
		{"a cell at no place", main(`<row r="2"><c r="面馆"><v>1</v></c></row>`), 0, ErrDamaged},
		{"shared strings without end", map[string]string{types: shared, strs: `<sst xmlns="x">` + strings.Repeat(`<si/>`, maxStrings) + `</sst>`}, 0, ErrTooLarge},
		{"nested without end", map[string]string{"xl/styles.xml": strings.Repeat(`<a>`, 100_000)}, 0, ErrTooLarge},
		{"many elements in a part that is no sheet", map[string]string{"xl/workbook2.xml": `<a>` + strings.Repeat(`<sheet/>`, maxOther) + `</a>`}, 0, ErrTooLarge},
		{"cut between two rows", map[string]string{sheet: strings.TrimSuffix(sheetOf(headerRow+billRow(2)), "</sheetData></worksheet>")}, 0, ErrDamaged},
		{"spoilt between two rows", main(billRow(2) + "<row r=\"3\"><c <<< ></row>" + billRow(4)), 0, ErrDamaged},
		{"an encoding that hides it", map[string]string{sheet: `<?xml version="1.0" encoding="GBK"?>` + sheetOf(headerRow+billRow(2))}, 0, ErrDamaged},
	} {
		f, err := Read(bytes.NewReader(packed(t, tt.parts)), Options{})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
			continue
		}
		if err == nil && len(f.Accounts[0].Bills) != tt.bills {
			t.Errorf("%s: %d bills, want %d", tt.why, len(f.Accounts[0].Bills), tt.bills)
		}
		if err != nil && strings.Contains(err.Error(), "面馆") {
			t.Errorf("%s: the error quotes the file: %v", tt.why, err)
		}
	}
}

func TestPartsUnpackWithinTheLimitTogether(t *testing.T) {
	for why, parts := range map[string]map[string]string{
		"one part":          {"xl/styles.xml": `<a>` + strings.Repeat(" ", 64<<10) + `</a>`},
		"a picture":         {"xl/media/image1.png": "\x89PNG" + strings.Repeat(" ", 64<<10)},
		"two, each half it": {"xl/a.xml": `<a>` + strings.Repeat(" ", 32<<10) + `</a>`, "xl/b.xml": `<a>` + strings.Repeat(" ", 32<<10) + `</a>`},
	} {
		data := packed(t, parts)
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if err := wholeParts(z, 64<<10); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v, want ErrTooLarge", why, err)
		}
		if err := wholeParts(z, 80<<10); err != nil {
			t.Errorf("%s, with more room: %v", why, err)
		}
	}
}

// One long text may be shown in many cells, and is not joined a million times.
func TestAWorkbookThatRepeatsItself(t *testing.T) {
	long := strings.Repeat("长", 10_000)
	text := wechatColumns + strings.Repeat("2024-05-09 10:00:01,商户消费,"+long+","+long+",支出,¥1.00,零钱,支付成功,1,2,/\n", 2*MaxSize/60_000+1)
	if f, err := Read(bytes.NewReader(workbook(t, text, asText, 0)), Options{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Read = %v, %v; want file_too_large", f, err)
	}
}
