// Package billfile reads the bill files that people export from wallets and
// banks into the vocabulary of package connectors. A file is known by its
// content, never by its name; its header row by its column names, never by
// its place.
package billfile

import (
	"io"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/secret"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 20 << 20

// File is what a file says.
type File struct {
	Format   string            // "alipay_web", "alipay_app_2021", "alipay_app_2023", "wechat_csv", "wechat_xlsx_text", "wechat_xlsx_number"
	Source   connectors.Source // "alipay" or "wechatpay"
	Account  connectors.Account
	Holder   secret.Value // the login or nickname in the preamble, if any: tells one person's files from another's
	Covers   connectors.Span
	Exported time.Time // zero if the file does not say
	Bills    []connectors.Bill // in the file's order
	Problems []Problem
}

// Problem is a disagreement of a file with itself: what it claims in preamble
// or footer against what its rows give. A claim that cannot be read is one too.
type Problem struct {
	Code          string // "count_differs", "sum_differs", "claim_unreadable", …
	Of            string // "total", "in", "out", "other"
	Claimed, Rows money.Amount
	ClaimedCount  int
	RowCount      int
}

// Read reads one file whole. What cannot be read is ErrUnknown, ErrTooLarge
// or a fault that names the line and the column, never its content. A parser
// that panics is the file's fault.
func Read(r io.Reader) (*File, error) { panic("unwritten") }
