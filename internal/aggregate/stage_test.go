package aggregate_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/secret"
)

// locked is an archive under the old PKZIP encryption (APPNOTE 6.1).
func locked(t *testing.T, name, content, password string) string {
	t.Helper()
	keys := [3]uint32{0x12345678, 0x23456789, 0x34567890}
	step := func(c uint32, b byte) uint32 { return crc32.IEEETable[byte(c)^b] ^ c>>8 }
	turn := func(b byte) {
		keys[0] = step(keys[0], b)
		keys[1] = (keys[1]+keys[0]&0xff)*134775813 + 1
		keys[2] = step(keys[2], byte(keys[1]>>24))
	}
	for _, b := range []byte(password) {
		turn(b)
	}
	sum := crc32.ChecksumIEEE([]byte(content))
	plain := append(append(make([]byte, 11), byte(sum>>24)), content...)
	sealed := make([]byte, len(plain))
	for i, b := range plain {
		k := uint16(keys[2]) | 2
		sealed[i] = b ^ byte(k*(k^1)>>8)
		turn(b)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, Flags: 1, CRC32: sum,
		CompressedSize64: uint64(len(sealed)), UncompressedSize64: uint64(len(content))})
	if err == nil {
		_, err = w.Write(sealed)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const foreign = "Booked on,Shop,Paid,Standing\n2026-11-03,Corner Shop,18.50,81.50\n2026-11-04,Bakery,1.50,80.00\n"

var reading = billfile.Mapping{Header: []string{"Booked on", "Shop", "Paid", "Standing"}, Source: "Hillside Bank", Account: "Current account", Number: "1234",
	Kind: connectors.Deposit, Side: connectors.Asset, Currency: "CNY", Date: "Booked on", DateOrder: "ymd", Amount: "Paid", Minus: "in", Counterparty: "Shop", Balance: "Standing"}

// A file that lacks a word waits as it came, and is read with what the person
// says, one word after another; what was drawn is known to the next file.
func TestAFileWaitsForAWord(t *testing.T) {
	h := newHouse(t)
	p, other := h.person("li"), h.person("wang")
	file := locked(t, "bills.csv", foreign, "271828")
	u, err := h.Stage(t.Context(), p, strings.NewReader(file), billfile.Options{})
	if !errors.Is(err, billfile.ErrPassword) || u.ID == "" {
		t.Fatalf("without its password: %+v, %v", u, err)
	}
	id := u.ID
	reopen := func(o billfile.Options) error {
		t.Helper()
		u, err := h.Reopen(t.Context(), p, id, o)
		if u.ID != id {
			t.Errorf("it waits as %q, and was %q", u.ID, id)
		}
		return err
	}
	var table *billfile.Unmapped
	for _, step := range []struct {
		why  string
		o    billfile.Options
		want error
	}{
		{"nothing more is said", billfile.Options{}, billfile.ErrPassword},
		{"another password", billfile.Options{Password: secret.Of("314159")}, billfile.ErrPassword},
		{"its password", billfile.Options{Password: secret.Of("271828")}, billfile.ErrUnmapped},
		{"the page is loaded again", billfile.Options{}, billfile.ErrUnmapped},
		{"a mapping", billfile.Options{Mapping: &reading}, nil},
		{"the preview is loaded again", billfile.Options{}, nil},
	} {
		err := reopen(step.o)
		if !errors.Is(err, step.want) {
			t.Fatalf("%s: %v, want %v", step.why, err, step.want)
		}
		if errors.As(err, &table) && !slices.Equal(table.Header, reading.Header) {
			t.Errorf("%s: the header is %q", step.why, table.Header)
		}
	}
	if _, err := h.Reopen(t.Context(), other, id, billfile.Options{}); !errors.Is(err, aggregate.ErrNoUpload) {
		t.Errorf("somebody else's file: %v", err)
	}
	for _, plain := range []string{"271828", "Hillside", "Corner Shop"} {
		for k, v := range h.sealedRows() {
			if strings.Contains(k, plain) || bytes.Contains(v, []byte(plain)) {
				t.Errorf("%q stands in a row", plain)
			}
		}
	}
	r, err := h.Accept(t.Context(), p, id, false, nil)
	if err != nil || r.Rows != 2 || r.Source.Name.EN != "Hillside Bank" || len(r.Accounts) != 1 || r.Accounts[0].Tail != "" || len(r.Accounts[0].Balances) != 2 {
		t.Errorf("taken in: %+v, %v", r, err)
	}
	next := strings.ReplaceAll(foreign, "2026-11-03", "2026-11-13")
	u, err = h.Stage(t.Context(), p, strings.NewReader(next), billfile.Options{})
	if err != nil || u.Mapping == nil || u.Mapping.Source != "Hillside Bank" || u.Report.Known != 1 {
		t.Errorf("the next table of that sort: %+v, %v", u, err)
	}
	if _, err := h.Stage(t.Context(), other, strings.NewReader(next), billfile.Options{}); !errors.Is(err, billfile.ErrUnmapped) {
		t.Errorf("another person's: %v", err)
	}

	var out bytes.Buffer
	if err := h.ExportJSON(t.Context(), p, aggregate.About{}, &out); err != nil {
		t.Fatal(err)
	}
	var e struct {
		Words struct {
			Mappings []billfile.Mapping `json:"mappings"`
		} `json:"words"`
		Accounts []struct {
			Balances []struct {
				Amount struct{ Value string } `json:"amount"`
			} `json:"balances_told"`
		} `json:"accounts"`
	}
	if err := json.Unmarshal(out.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Words.Mappings) != 1 || e.Words.Mappings[0].Source != "Hillside Bank" {
		t.Errorf("the export has mappings %+v", e.Words.Mappings)
	}
	if len(e.Accounts) != 1 || len(e.Accounts[0].Balances) < 2 || e.Accounts[0].Balances[0].Amount.Value != "100.00" {
		t.Errorf("the export has accounts %+v", e.Accounts)
	}
}

// Files that wait take a bounded room: the oldest go.
func TestWaitingFilesAreBounded(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	big := locked(t, "bills.csv", strings.Repeat(foreign, 19<<20/len(foreign)), "271828")
	for range 5 {
		if _, err := h.Stage(t.Context(), p, strings.NewReader(big), billfile.Options{}); !errors.Is(err, billfile.ErrPassword) {
			t.Fatal(err)
		}
	}
	if n := h.bytesUnder("upload_part"); n < 40<<20 || n > 90<<20 {
		t.Errorf("%d MiB wait", n>>20)
	}
}

// What a person calls an institution and an account stays with them: clients
// are told neither the words nor anything made of them.
func TestAPersonsWordsStayWithThem(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	h.importFile(p.Person, foreign, aggregate.Taking{Options: billfile.Options{Mapping: &reading}})
	grant := h.grant(p, "bank", h.everything(consent.Uses{Limit: 4, Per: "day"}))
	v := h.open("bank", grant, "key-0000000000000001")
	if len(v.Accounts) != 1 || v.Accounts[0].Name != "储蓄卡" || v.Accounts[0].Source != "file" || len(v.Sources) != 1 || v.Sources[0].Source != "file" {
		t.Errorf("accounts %+v, sources %+v", v.Accounts, v.Sources)
	}
	for n, tt := range []struct {
		source string
		want   error
	}{{"file", nil}, {h.own(p).Accounts[0].Source.ID, aggregate.ErrNotGranted}} {
		v, err := h.Open(t.Context(), aggregate.OpenRequest{Client: "bank", Grant: grant, Key: fmt.Sprintf("key-000000000000001%d", n), Want: aggregate.Want{Sources: []string{tt.source}}})
		if !errors.Is(err, tt.want) || err == nil && len(v.Accounts) != 1 {
			t.Errorf("asked for %s: %v, %d accounts", tt.source, err, len(v.Accounts))
		}
	}
	if l := h.own(p); l.Accounts[0].Name != "Current account" || l.Accounts[0].Source.Name.EN != "Hillside Bank" {
		t.Errorf("the person sees %+v", l.Accounts)
	}
}
