package wechatpay

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/secret"
)

const (
	maxPacked = 4 << 20  // a day's file as it travels
	maxFile   = 16 << 20 // and unpacked
	ready     = 10 * time.Hour
	day       = 24 * time.Hour
)

// beijing is the zone of bill days and of every time in a file.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// Bills reads the trade bills of the days that [from, to) touches, several at
// once, and keeps what lies inside. A longer span than the source's MaxWindow
// is walked in pages.
func (c *Connector) Bills(ctx context.Context, v connectors.Credential, ref connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	k, err := read(v)
	if err != nil {
		return connectors.Page{}, err
	}
	if !ref.ID.Equal(secret.Of(k.Merchant)) {
		return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not an account of this credential"))
	}
	covers := c.kept(from, to)
	page := connectors.Page{Covers: covers}
	if !covers.From.Before(covers.To) {
		return page, nil
	}
	first := midnight(covers.From)
	if next != "" {
		first, err = time.ParseInLocation(time.DateOnly, string(next), beijing)
		if err != nil || first.Before(midnight(covers.From)) || !first.Before(covers.To) {
			return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
		}
	}
	end := covers.To
	if window := first.Add(c.source.MaxWindow); window.Before(end) {
		end = window
		page.Next = connectors.Cursor(end.Format(time.DateOnly))
	}
	var days []time.Time
	for d := first; d.Before(end); d = d.Add(day) {
		days = append(days, d)
	}
	told, err := c.days(ctx, k.Merchant, days)
	if err != nil {
		return connectors.Page{}, err
	}
	for i, d := range told {
		if d.creating {
			// Nothing behind a gap is told: what is covered is one span.
			page.Covers.To, page.Next = days[i], ""
			if !page.Covers.From.Before(page.Covers.To) {
				page.Covers = connectors.Span{From: from, To: from}
			}
			break
		}
		for _, b := range d.bills {
			if !b.At.Before(covers.From) && b.At.Before(covers.To) {
				page.Bills = append(page.Bills, b)
			}
		}
	}
	if page.Covers == (connectors.Span{From: from, To: to}) {
		page.Covers = connectors.Span{}
	}
	return page, nil
}

// kept is the part of [from, to) whose statements exist by now.
func (c *Connector) kept(from, to time.Time) connectors.Span {
	now := c.now()
	s := connectors.Span{From: from, To: to}
	if oldest := midnight(now.Add(-c.source.History)); s.From.Before(oldest) {
		s.From = oldest
	}
	// The last whole day whose file has been made: yesterday from ten o'clock.
	if made := midnight(now.Add(-ready)); made.Before(s.To) {
		s.To = made
	}
	if !s.From.Before(s.To) {
		return connectors.Span{From: from, To: from}
	}
	return s
}

func midnight(t time.Time) time.Time {
	y, m, d := t.In(beijing).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, beijing)
}

// statement is one day: its bills, oldest first, or that it is being made.
type statement struct {
	bills    []connectors.Bill
	creating bool
}

// days reads each day's statement with as many calls at once as the source
// bears. The first failure ends the others.
func (c *Connector) days(ctx context.Context, merchant string, days []time.Time) ([]statement, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	told := make([]statement, len(days))
	places := make(chan struct{}, c.source.Concurrent)
	var wg sync.WaitGroup
	for i, d := range days {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if ctx.Err() != nil {
				return
			}
			var err error
			defer func() {
				if err != nil {
					cancel(err) // the first one stays
				}
			}()
			defer fault.Caught(&err)
			told[i], err = c.statement(ctx, merchant, d)
		})
	}
	wg.Wait()
	if ctx.Err() == nil {
		return told, nil
	}
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = connectors.ErrDown.Because(err)
	}
	return nil, err
}

// statement asks for one day's file, fetches it and reads it.
func (c *Connector) statement(ctx context.Context, merchant string, d time.Time) (statement, error) {
	var a struct {
		HashType string `json:"hash_type"`
		Hash     string `json:"hash_value"`
		URL      string `json:"download_url"`
	}
	err := c.ask(ctx, "v3/bill/tradebill", url.Values{"bill_date": {d.Format(time.DateOnly)}, "sub_mchid": {merchant},
		"bill_type": {"ALL"}, "tar_type": {"GZIP"}}, &a)
	switch {
	case errors.Is(err, errNoStatement):
		return statement{}, nil
	case errors.Is(err, errCreating):
		return statement{creating: true}, nil
	case err != nil:
		return statement{}, err
	}
	want, err := hex.DecodeString(a.Hash)
	if err != nil || len(want) != sha1.Size || !strings.EqualFold(a.HashType, "SHA1") {
		return statement{}, connectors.ErrMalformed.Because(fault.Cause("no SHA1 of the file"))
	}
	file, err := c.download(ctx, a.URL)
	if err != nil {
		return statement{}, err
	}
	// The file itself is not signed: its hash, in the signed answer, stands for it.
	if got := sha1.Sum(file); subtle.ConstantTimeCompare(got[:], want) != 1 {
		return statement{}, connectors.ErrUnsigned.Because(fault.Cause("the file is not the one whose hash was signed"))
	}
	bills, err := parse(file, merchant)
	if err != nil {
		return statement{}, connectors.ErrMalformed.Because(err)
	}
	slices.SortStableFunc(bills, func(a, b connectors.Bill) int { return a.At.Compare(b.At) })
	return statement{bills: bills}, nil
}

// download fetches a file from the API's own host; our signature goes nowhere else.
func (c *Connector) download(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != c.api.Scheme || u.Host != c.api.Host || u.User != nil || u.Fragment != "" {
		return nil, connectors.ErrMalformed.Because(fault.Cause("download_url leads to another host"))
	}
	a, err := c.send(ctx, u, maxPacked)
	if err != nil {
		return nil, err
	}
	if a.Status < 200 || a.Status > 299 {
		return nil, c.refusal(a)
	}
	if !bytes.HasPrefix(a.Body, []byte{0x1f, 0x8b}) {
		return a.Body, nil // already unpacked underway, or never packed: the hash will tell
	}
	z, err := gzip.NewReader(bytes.NewReader(a.Body))
	if err != nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("the file is not gzip"))
	}
	file, err := dial.ReadAll(z, maxFile)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("the file cannot be unpacked, or is too large"))
	}
	return file, nil
}
