package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/secret"
)

// fileJSON is a bill file that a person brought.
type fileJSON struct {
	State    string   `json:"state"`
	ID       string   `json:"file_id,omitempty"`
	WaitsFor string   `json:"waits_for,omitempty"`
	Accounts []string `json:"accounts,omitempty"`
	Format   string   `json:"format,omitempty"`
	Source   string   `json:"source,omitempty"`
	Rows     int      `json:"rows,omitempty"`
	Known    int      `json:"known,omitempty"`
	Problems int      `json:"problems,omitempty"`
}

var errFile = &fault.Error{Kind: fault.Mismatch, Code: "file_unreadable", Owner: fault.Person,
	Detail: "the file cannot come in with what was said of it"}

// bringFile stages a file and, where nothing stands against it, takes it in.
func (s *sandbox) bringFile(r *http.Request) (any, error) {
	p, err := s.person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var file []byte
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		ask, err := read[struct {
			Sample string `json:"sample"`
		}](r)
		if err != nil {
			return nil, err
		}
		if file, err = sampleFile(ask.Sample, midnight(s.now())); err != nil {
			return nil, err
		}
	} else if file, err = bodyOf(r); err != nil {
		return nil, err
	}
	u, err := s.house.Aggregate.Stage(r.Context(), p.session(), bytes.NewReader(file), billfile.Options{})
	return s.takeIn(r.Context(), p, u, err, false, "")
}

// settleFile says of a file that waits what it waits for.
func (s *sandbox) settleFile(r *http.Request) (any, error) {
	said, err := read[struct {
		Password string          `json:"password"`
		Mapping  json.RawMessage `json:"mapping"`
		Accept   bool            `json:"accept_mismatch"`
		Account  string          `json:"account"`
	}](r)
	if err != nil {
		return nil, err
	}
	p, err := s.person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	o := billfile.Options{Password: secret.Of(said.Password)}
	if said.Mapping != nil {
		o.Mapping = &billfile.Mapping{}
		d := json.NewDecoder(bytes.NewReader(said.Mapping))
		d.DisallowUnknownFields()
		if err := d.Decode(o.Mapping); err != nil {
			return nil, errInvalid.Saying("the mapping is not as `jali import --draw-mapping` draws one").Because(err)
		}
	}
	u, err := s.house.Aggregate.Reopen(r.Context(), p.session(), r.PathValue("file"), o)
	return s.takeIn(r.Context(), p, u, err, said.Accept, said.Account)
}

// takeIn takes a staged file in, or says what it waits for.
func (s *sandbox) takeIn(ctx context.Context, p samplePerson, u aggregate.Upload, err error, accept bool, account string) (any, error) {
	waits := fileJSON{State: "waiting", ID: u.ID}
	switch {
	case errors.Is(err, billfile.ErrPassword):
		waits.WaitsFor = "password"
		return waits, nil
	case errors.Is(err, billfile.ErrUnmapped):
		waits.WaitsFor = "mapping"
		return waits, nil
	case err != nil:
		return nil, unreadable(err)
	}
	to, err := s.belongs(ctx, p, u.Report, account)
	if err != nil {
		return nil, err
	}
	report, err := s.house.Aggregate.Accept(ctx, p.session(), u.ID, accept, to)
	switch {
	case errors.Is(err, aggregate.ErrMismatch):
		waits.WaitsFor = "mismatch"
		return waits.about(report), nil
	case errors.Is(err, aggregate.ErrWhich):
		waits.WaitsFor = "account"
		for _, a := range u.Report.Accounts {
			if a.Which != nil {
				for _, here := range a.Which.Here {
					waits.Accounts = append(waits.Accounts, string(here.Account))
				}
			}
		}
		return waits.about(u.Report), nil
	case err != nil:
		return nil, unreadable(err)
	}
	return fileJSON{State: "imported"}.about(report), nil
}

func (f fileJSON) about(r aggregate.ImportReport) fileJSON {
	f.Format, f.Source, f.Rows, f.Known, f.Problems = r.Format, r.Source.ID, r.Rows, r.Known, len(r.Problems)
	return f
}

// belongs is the person's word on each account that a report asks for.
func (s *sandbox) belongs(ctx context.Context, p samplePerson, r aggregate.ImportReport, account string) ([]aggregate.Belongs, error) {
	if account == "" {
		return nil, nil
	}
	own, err := s.house.Aggregate.Accounts(ctx, p.session())
	if err != nil {
		return nil, err
	}
	word := aggregate.Belongs{Called: account}
	for _, a := range own {
		if string(a.ID) == account {
			word = aggregate.Belongs{Account: consent.AccountID(account)}
		}
	}
	var to []aggregate.Belongs
	for _, a := range r.Accounts {
		if a.Which != nil {
			to = append(to, word)
		}
	}
	return to, nil
}

// refusedFiles are why a file is refused, as the sandbox tells it.
var refusedFiles = []struct{ as, told *fault.Error }{
	{billfile.ErrUnknown, errFile.Saying("this is no bill file of a form that is known")},
	{billfile.ErrDamaged, errFile.Saying("the file is damaged")},
	{billfile.ErrTooLarge, errFile.Saying("what is in the file is too large")},
	{billfile.ErrMapping, errFile.Saying("the mapping does not fit the file's columns, or is not whole")},
	{aggregate.ErrCalled, errFile.Saying("an account is called by 1 to 20 characters in one line")},
}

// unreadable is what a file is refused for.
func unreadable(err error) error {
	f := fault.Of(err)
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable || f.Is(aggregate.ErrNoUpload) {
		return err
	}
	for _, r := range refusedFiles {
		if f.Is(r.as) {
			return r.told.Because(err)
		}
	}
	return errFile.Because(err)
}

// samplePassword opens the locked sample.
const samplePassword = "jali2026"

// sampleFile is a file of a person's, of each sort that comes in another way.
func sampleFile(name string, today time.Time) ([]byte, error) {
	wallet, err := alipayExport(today)
	if err != nil {
		return nil, err
	}
	switch name {
	case "card":
		_, later := cardStatements(today)
		return later, nil
	case "locked":
		return locked("支付宝交易明细.csv", wallet)
	case "unknown":
		return []byte("day,shop,paid\r\n" + today.AddDate(0, 0, -2).Format(time.DateOnly) + ",Riverside Books,-42.00\r\n" +
			today.AddDate(0, 0, -1).Format(time.DateOnly) + ",Harbour Coffee,-18.50\r\n"), nil
	case "mismatch":
		code := simplifiedchinese.GB18030
		text, err := code.NewDecoder().String(string(wallet))
		if err != nil {
			return nil, err
		}
		return code.NewEncoder().Bytes([]byte(strings.Replace(text, "支出：", "支出：9", 1)))
	}
	return wallet, nil
}

// locked packs a file as wallets mail it: a ZIP with a password (PKWARE
// APPNOTE 6.3, section 6.1).
func locked(name string, plain []byte) ([]byte, error) {
	sum := crc32.ChecksumIEEE(plain)
	head := append(make([]byte, 11), byte(sum>>24))
	body := pkware(samplePassword, append(head, plain...))
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Flags: 1, Method: zip.Store, CRC32: sum,
		CompressedSize64: uint64(len(body)), UncompressedSize64: uint64(len(plain))})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// pkware is the traditional cipher of ZIP; it protects nothing.
func pkware(password string, plain []byte) []byte {
	keys := [3]uint32{0x12345678, 0x23456789, 0x34567890}
	table := crc32.IEEETable
	turn := func(b byte) {
		keys[0] = table[byte(keys[0])^b] ^ keys[0]>>8
		keys[1] = (keys[1]+uint32(byte(keys[0])))*134775813 + 1
		keys[2] = table[byte(keys[2])^byte(keys[1]>>24)] ^ keys[2]>>8
	}
	for i := range len(password) {
		turn(password[i])
	}
	out := make([]byte, len(plain))
	for i, b := range plain {
		t := uint16(keys[2] | 2)
		out[i] = b ^ byte(uint32(t)*uint32(t^1)>>8)
		turn(b)
	}
	return out
}
