// Package billfile reads the bill files that people export from wallets and
// banks into the vocabulary of package connectors. A file is known by its
// content, never by its name; its header row by its column names, never by
// its place.
//
// Its unit is the [File]: the bills of one export, and where the file
// disagrees with itself. A file is read whole or not at all: one row that
// cannot be read is an error that names its line, and nothing is answered. A
// word that is not known (a type, a state) is no error: its bill is of kind
// "other" and keeps the word.
//
// What it reads: Alipay's web export (16 columns, until about 2021) and its
// app exports of 2021 and since 2023, and one without categories; WeChat Pay's
// CSV and XLSX, with amounts as text ("¥28.16") or as numbers; JD's and Meituan's CSV; statements of Bank
// of China, CMB, ICBC, BoCom, ABC, CCB, CITIC, Industrial Bank, Guangfa, Ping
// An, SPD Bank and HSBC in Hong Kong, as CSV, XLSX or workbooks of Excel 97;
// CAMT of ISO 20022, SWIFT's MT940 and OFX; and tables that a person maps. Any of
// them may come in a ZIP, encrypted or not, beside PDFs and notes.
//
// A text of any length is read twice, and never held: see [Open] and
// internal/docs/0033. It stores nothing, touches no other file, and knows no
// person.
package billfile

import (
	"bytes"
	"io"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/secret"
)

// MaxSize is the largest file that is read at once, in bytes, packed and
// unpacked. [Open] reads longer texts.
const MaxSize = 20 << 20

// Options are what a person says beside the file. Zero: nothing.
type Options struct {
	Password secret.Value // of an archive that has one
	Mapping  *Mapping     // of a table whose columns no form knows

	packed bool // the file comes out of an archive
}

// File is what a file says.
type File struct {
	Format   string            // of the form or document that read it: "alipay_app_2023", "wechat_xlsx_number", "boc_debit", "camt053", …
	Source   connectors.Source // "alipay", "wechatpay", "boc", …
	Holder   secret.Value      // the login or nickname in the preamble, if any: tells one person's files from another's
	Exported time.Time         // zero if the file does not say
	Mapping  *Mapping          // it was read by; nil: by a known form
	Accounts []Account         // that it tells of; one at least
	Problems []Problem
}

// Account is what a file says of one account.
type Account struct {
	connectors.Account
	Covers   connectors.Span   // the period the file says it holds, at most until Exported; where it says none, the days of its rows
	Rows     int               // how many bills
	Bills    []connectors.Bill // in the file's order; nil from [Reader.File]
	Balances []Balance         // oldest first: when the period begins, at the ends of days, when it ends
}

// Balance is what an account held at a moment, as the file says or as follows
// from its running balance: what is owed, on an account of debt. Every bill of
// the account in the file lies wholly before or wholly after it.
type Balance struct {
	At     time.Time
	Amount money.Amount
}

// Problem is a disagreement of a file with itself: what it claims in preamble
// or footer against what its rows give. A claim that cannot be read is one too.
//
//	count_differs     the claimed number of rows is not the one there is
//	sum_differs       likewise of their sum
//	claim_unreadable  the claim is there and is no number, sum or time
//	claim_missing     there are rows that nothing is claimed of: the file has lost its preamble or footer
//	outside_period    RowCount rows lie outside the claimed period
//	sheet_ignored     another sheet holds RowCount rows, too, and was not read
//	balance_breaks    the running balance does not follow from RowCount rows, the first of them at Line
type Problem struct {
	Code          string
	Of            string       // "total", "in", "out", "other", "in_pending", "out_pending", "period", "balance"
	Claimed, Rows money.Amount // of sum_differs
	ClaimedCount  int          // of count_differs
	RowCount      int
	Line          int
}

// zone is the one zone of these files: China has kept UTC+8 without summer
// time for longer than there have been wallets.
var zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Read reads one file whole. What cannot be read is ErrUnknown, ErrTooLarge,
// ErrPassword, ErrUnmapped or ErrDamaged; the last has a [*Place] in its
// chain. A parser that panics is the file's fault.
func Read(r io.Reader, o Options) (*File, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, ErrInterrupted.Because(err)
	}
	if len(data) > MaxSize {
		return nil, ErrTooLarge
	}
	rd, err := Open(bytes.NewReader(data), int64(len(data)), o)
	if err != nil {
		return nil, err
	}
	f := rd.File()
	for i, a := range f.Accounts {
		if a.Rows > maxHeld {
			return nil, ErrTooLarge.Saying("the file has more lines than a bill; upload the file as it was exported")
		}
		f.Accounts[i].Bills = make([]connectors.Bill, 0, a.Rows)
	}
	for b, err := range rd.Bills() {
		if err != nil {
			return nil, err
		}
		a := &f.Accounts[b.Account]
		a.Bills = append(a.Bills, b.Bill)
	}
	return f, nil
}

// maxHeld is how many bills Read answers of one account: 50 bytes of a file
// take five hundred in memory.
const maxHeld = 400_000
