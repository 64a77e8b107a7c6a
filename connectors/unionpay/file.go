package unionpay

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
)

const (
	maxZip     = 8 << 20  // a day's files, packed
	maxRecords = 64 << 20 // and one of them unpacked; it is read a record at a time
	manyFiles  = 64
)

// file asks for the reconciliation file of a settlement date ("对账文件下载") and
// reads it. A date without one is empty.
func (c *Connector) file(ctx context.Context, merchant string, settled time.Time) ([]connectors.Bill, error) {
	asked := message{"txnType": "76", "txnSubType": "01", "bizType": "000000", "accessType": "1", "acqInsCode": c.acquirer, "merId": merchant,
		"settleDate": settled.Format("0102"), "txnTime": c.now().In(wire.Beijing).Format("20060102150405"), "fileType": "00"}
	a, err := c.ask(ctx, asked)
	switch {
	case errors.Is(err, errNoFile):
		return nil, same(asked, a)
	case err != nil:
		return nil, err
	}
	if err := same(asked, a); err != nil {
		return nil, err
	}
	packed, err := inflate(a["fileContent"])
	if err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	bills, err := open(packed, merchant, settled)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	return bills, nil
}

// same throws an answer away that is to another question: a signed one may be
// of another merchant, another date or another time.
func same(asked, a message) error {
	for _, name := range []string{"txnType", "txnSubType", "merId", "settleDate", "txnTime"} {
		if a[name] != asked[name] {
			return connectors.ErrMalformed.Because(fault.Cause("the answer is to another question"))
		}
	}
	return nil
}

// inflate opens fileContent: base64 of zlib.
func inflate(content string) ([]byte, error) {
	z, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(content)))
	if err != nil {
		return nil, fault.Cause("fileContent is not zlib in base64")
	}
	b, err := dial.ReadAll(z, maxZip)
	if err != nil {
		return nil, fault.Cause("fileContent cannot be unpacked, or is too large")
	}
	return b, nil
}

// open reads the files of a ZIP: INN, the date, two digits, ZM_ or ZME_, and
// the merchant. What else is in it is sums and files of other purposes.
func open(packed []byte, merchant string, settled time.Time) ([]connectors.Bill, error) {
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil || len(z.File) > manyFiles {
		return nil, fault.Cause("the file is not a ZIP of a few files")
	}
	var all listing
	known := 0
	for _, f := range z.File {
		sort, whose := sortOf(f.Name, settled)
		if sort == "" {
			continue
		}
		if known++; whose != merchant {
			return nil, fault.Cause("a file of another merchant, or of another date")
		}
		r, err := f.Open()
		if err != nil {
			return nil, fault.Cause("a file of the ZIP cannot be opened")
		}
		capped := &io.LimitedReader{R: r, N: maxRecords + 1}
		if sort == "ZM" {
			err = each(capped, payments, func(r record) error {
				b, fee, err := payment(r, merchant, settled)
				if err == nil && all.add(b) && !fee.Amount.Zero() {
					all.add(fee)
				}
				return err
			})
		} else {
			err = each(capped, disputes, func(r record) error {
				b, err := dispute(r, merchant, settled)
				all.add(b)
				return err
			})
		}
		_ = r.Close()
		switch {
		case err != nil:
			return nil, err
		case capped.N == 0:
			return nil, fault.Cause("a file of the ZIP is too large")
		}
	}
	if known == 0 {
		return nil, fault.Cause("neither a ZM nor a ZME file is in the ZIP")
	}
	return all.bills, nil
}

// sortOf reads a name such as INN15090588ZM_802310048993424. whose is empty
// for another date's.
func sortOf(name string, settled time.Time) (sort, whose string) {
	rest, ok := strings.CutPrefix(name[strings.LastIndexByte(name, '/')+1:], "INN")
	if !ok || len(rest) < 8 {
		return "", ""
	}
	date, rest := rest[:6], rest[8:]
	sort, whose, ok = strings.Cut(rest, "_")
	if !ok || (sort != "ZM" && sort != "ZME") {
		return "", ""
	}
	if date != settled.Format("060102") {
		whose = ""
	}
	return sort, whose
}

// listing gathers bills under ids of their own.
type listing struct {
	bills []connectors.Bill
	byID  map[string]int
}

// add reports whether b is new: a record that stands twice, word for word, is
// one bill.
func (l *listing) add(b connectors.Bill) bool {
	if l.byID == nil {
		l.byID = map[string]int{}
	}
	id := b.ID
	for n := 2; ; n++ {
		i, taken := l.byID[b.ID]
		if !taken {
			break
		}
		if reflect.DeepEqual(l.bills[i], b) {
			return false
		}
		b.ID = id + "#" + strconv.Itoa(n)
	}
	l.byID[b.ID] = len(l.bills)
	l.bills = append(l.bills, b)
	return true
}
