package alipay

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/fault"
)

const (
	maxFile    = 8 << 20   // zipped
	maxOpened  = 128 << 20 // of all that is in it
	maxMembers = 32
	maxLine    = 16 << 10
)

// filed answers a page of the file of at's month, of what happened before end,
// and where the listing goes on among files.
func (c *Connector) filed(ctx context.Context, k credential, at cursor, end time.Time) (connectors.Page, error) {
	var page connectors.Page
	if later := at.from.AddDate(0, 1, 0); later.Before(end) {
		page.Next = cursor{files: true, from: later, horizon: at.horizon}.text()
	}
	var a struct {
		problem
		URL string `json:"bill_download_url"`
	}
	err := c.ask(ctx, "alipay.data.dataservice.bill.downloadurl.query", k.Access,
		map[string]string{"bill_type": "signcustomer", "bill_date": at.from.Format("2006-01"), "secure": "true"}, &a)
	switch {
	case errors.Is(err, errNoBill):
		return page, nil
	case err != nil:
		return connectors.Page{}, err
	}
	archive, err := c.fetch(ctx, a.URL)
	if err != nil {
		return connectors.Page{}, err
	}
	rows := int64(0)
	err = readArchive(archive, k.User, at.from, func(e entry) error {
		if rows++; rows <= at.place {
			return nil
		}
		if rows > at.place+pageSize {
			return errEnough
		}
		b, err := e.bill()
		if err == nil && b.At.Before(end) {
			page.Bills = append(page.Bills, b)
		}
		return err
	})
	switch {
	case errors.Is(err, errEnough):
		page.Next = cursor{files: true, from: at.from, place: at.place + pageSize, horizon: at.horizon}.text()
	case err != nil:
		return connectors.Page{}, connectors.ErrMalformed.Because(err)
	}
	return page, nil
}

// errEnough stops the reading of a file whose page is full.
var errEnough = errors.New("the page is full")

// fetch gets a file. Its address came in a signed answer, is Alipay's own and
// needs nothing from us: nothing is sent along. It lives for half a minute, and
// what it answers after that means no more than that it has died.
func (c *Connector) fetch(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != c.download.Scheme || u.Host != c.download.Host || u.User != nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("bill_download_url is not at the host of bill files"))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("bill_download_url is no address"))
	}
	a, err := wire.Do(c.http, r, maxFile)
	if err != nil {
		return nil, err
	}
	if err := connectors.Answered(a.Status, a.RetryAfter(c.now())); err != nil {
		if a.Status >= 400 && a.Status < 500 && a.Status != http.StatusTooManyRequests {
			return nil, connectors.ErrDown.Because(fault.Cause("the address of the file has died; HTTP status", a.Status))
		}
		return nil, err
	}
	return a.Body, nil
}

// readArchive gives each row of the details in a ZIP to take, of user's account
// and the month that begins at from. The summaries, which may come first, and
// whatever else there is are passed over. It stops with take's error.
func readArchive(archive []byte, user string, from time.Time, take func(entry) error) error {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fault.Cause("the file is no ZIP")
	}
	if len(z.File) > maxMembers {
		return fault.Cause("the ZIP holds too many files")
	}
	details, left := false, &io.LimitedReader{N: maxOpened}
	for _, member := range z.File {
		f, err := member.Open()
		if err != nil {
			return fault.Cause("the ZIP is damaged")
		}
		left.R = f
		found, err := readDetails(left, user, from, take)
		_ = f.Close()
		if err != nil {
			return err
		}
		details = details || found
	}
	if !details {
		return fault.Cause("the ZIP holds no details of the log")
	}
	return nil
}

var (
	ofAccount = regexp.MustCompile(`^#账号：\[(\d{16,24})\]`)
	ofPeriod  = regexp.MustCompile(`^#起始日期：\[(\d{4})年(\d{2})月(\d{2})日`)
	sumOf     = regexp.MustCompile(`^#(收入|支出)合计：(\d{1,9})笔`)
)

// readDetails reads one CSV of GBK. It reports whether it was the log's details.
func readDetails(r io.Reader, user string, from time.Time, take func(entry) error) (bool, error) {
	lines := bufio.NewScanner(transform.NewReader(r, simplifiedchinese.GB18030.NewDecoder()))
	lines.Buffer(make([]byte, 0, 4<<10), maxLine)
	if !lines.Scan() || !strings.HasPrefix(strings.TrimSpace(lines.Text()), "#支付宝账务明细查询") {
		return false, nil
	}
	var columns map[string]int
	var said, seen struct{ in, out int }
	said.in, said.out = -1, -1
	var account, period, over bool
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			if m := ofAccount.FindStringSubmatch(line); m != nil {
				// The account is the user id and four digits.
				if account = true; strings.HasPrefix(user, "2088") && !strings.HasPrefix(m[1], user) {
					return true, fault.Cause("the file is of another account")
				}
			}
			if m := ofPeriod.FindStringSubmatch(line); m != nil {
				if period = true; m[1]+"-"+m[2]+"-"+m[3] != from.Format(time.DateOnly) {
					return true, fault.Cause("the file is of another month")
				}
			}
			if m := sumOf.FindStringSubmatch(line); m != nil {
				n, _ := strconv.Atoi(m[2])
				if m[1] == "收入" {
					said.in = n
				} else {
					said.out = n
				}
			}
			over = over || columns != nil // the listing ends where the next # begins
			continue
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		cells := split(line)
		switch {
		case over:
			return true, fault.Cause("rows follow the end of the listing")
		case columns == nil:
			var err error
			if columns, err = header(cells); err != nil {
				return true, err
			}
			continue
		case !account || !period:
			return true, fault.Cause("the file does not say whose and when")
		}
		e, in, err := row(cells, columns)
		if err != nil {
			return true, err
		}
		if in {
			seen.in++
		} else {
			seen.out++
		}
		if err := take(e); err != nil {
			return true, err
		}
	}
	switch {
	case lines.Err() != nil:
		return true, fault.Cause("the file is damaged, or a line is too long")
	case columns == nil || said != seen:
		return true, fault.Cause("the file holds another number of rows than it says")
	}
	return true, nil
}

// split parts a line at its commas; each cell ends in a tab that keeps a
// spreadsheet from rounding it. Commas between quotes part nothing, unless the
// quotes are text that nobody closed.
func split(line string) []string {
	var cells []string
	for more := true; more; {
		var cell string
		if text, quoted := strings.CutPrefix(line, `"`); quoted {
			if inside, rest, closed := strings.Cut(text, `"`); closed {
				cell, line = inside, rest
			}
		}
		rest, after, comma := strings.Cut(line, ",")
		cells, line, more = append(cells, strings.TrimSpace(cell+rest)), after, comma
	}
	return cells
}

// needed are the columns without which a row says too little.
var needed = []string{"账务流水号", "发生时间", "收入金额", "支出金额", "业务类型"}

// header finds the columns by their names, less the units in brackets.
func header(cells []string) (map[string]int, error) {
	columns := map[string]int{"": len(cells)}
	for i, name := range cells {
		if at := strings.IndexAny(name, "(（"); at > 0 {
			name = name[:at]
		}
		if _, twice := columns[name]; twice && name != "" {
			return nil, fault.Cause("a column stands twice")
		}
		if name != "" {
			columns[name] = i
		}
	}
	for _, name := range needed {
		if _, ok := columns[name]; !ok {
			return nil, fault.Cause("the file lacks a column")
		}
	}
	return columns, nil
}

// row makes an entry of one row, and reports whether it is an income.
func row(cells []string, columns map[string]int) (e entry, in bool, err error) {
	if len(cells) != columns[""] {
		return e, false, fault.Cause("a row has another number of cells than the header")
	}
	cell := func(name string) string {
		if i, ok := columns[name]; ok && name != "" {
			return cells[i]
		}
		return ""
	}
	e = entry{ID: cell("账务流水号"), At: cell("发生时间"), Type: cell("业务类型"), BizDesc: cell("业务描述"), Memo: cell("备注"),
		Order: cell("业务流水号"), Merchant: cell("商户订单号"), Other: cell("对方账号"), goods: cell("商品名称")}
	got, gone := strings.TrimPrefix(cell("收入金额"), "+"), cell("支出金额")
	switch none := func(sum string) bool { return strings.Trim(sum, "0.") == "" }; {
	case none(got) && none(gone):
		return e, false, fault.Cause("a row is neither income nor expense")
	case none(gone):
		e.Amount, e.Way = got, "收入"
	case none(got):
		e.Amount, e.Way = gone, "支出"
	default:
		return e, false, fault.Cause("a row is both income and expense")
	}
	return e, e.Way == "收入", nil
}
