package aggregate_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/audit"
	"jali/internal/ledger"
	"jali/internal/secret"
)

const wechatExport = `微信支付账单明细,,,,,,,,,,
微信昵称：[小荷],,,,,,,,,,
起始时间：[2026-11-01 00:00:00] 终止时间：[2026-11-15 23:59:59],,,,,,,,,,
导出类型：[全部],,,,,,,,,,
导出时间：[2026-11-16 08:00:00],,,,,,,,,,
,,,,,,,,,,
共2笔记录
收入：0笔 0.00元
支出：2笔 %s元
中性交易：0笔 0.00元
注：,,,,,,,,,,
,,,,,,,,,,
----------------------微信支付账单明细列表--------------------,,,,,,,,,,
交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注
2026-11-09 10:00:01,商户消费,河边面馆,牛肉面,支出,¥18.50,零钱,支付成功,42000011	,M-100	,/
2026-11-08 10:00:02,商户消费,小店,/,支出,¥1.50,零钱,支付成功,42000012	,M-101	,/
`

var (
	soundFile  = fmt.Sprintf(wechatExport, "20.00")
	oddFile    = fmt.Sprintf(wechatExport, "21.00")
	secondFile = strings.NewReplacer("2026-11-01", "2026-11-05", "2026-11-15", "2026-11-20", "2026-11-16", "2026-11-21",
		"2026-11-08 10:00:02", "2026-11-19 10:00:02", "42000012", "42000013").Replace(soundFile)
)

func TestImportAndLook(t *testing.T) {
	h := newHouse(t)
	p, other := h.person("li"), h.person("wang")
	u, err := h.Stage(t.Context(), p, strings.NewReader(soundFile), billfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r := u.Report; r.Rows != 2 || r.Known != 0 || len(r.Problems) != 0 || len(r.Sums) != 1 || r.Sums[0].Sum != yuan(2000) || r.Source.Name.ZH != "微信支付" {
		t.Errorf("the file is reported as %+v", r)
	}
	if len(h.accountIDs(p)) != 0 {
		t.Error("a staged file made an account")
	}
	if _, err := h.Accept(t.Context(), other, u.ID, false, nil); !errors.Is(err, aggregate.ErrNoUpload) {
		t.Errorf("somebody else's file: %v", err)
	}
	if _, err := h.Accept(t.Context(), p, u.ID, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Accept(t.Context(), p, u.ID, false, nil); !errors.Is(err, aggregate.ErrNoUpload) {
		t.Errorf("taken in twice: %v", err)
	}
	if n := h.bytesUnder("upload") + h.bytesUnder("upload_part"); n != 0 {
		t.Errorf("%d bytes of the staged copy are left", n)
	}
	h.wantVerbs(p, audit.FileImported)

	look, err := h.Own(t.Context(), p, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if len(look.Bills) != 2 || look.Sources[0].Status != aggregate.FromFile || look.Bills[0].Counterparty != "河边面馆" || look.Totals[0].Out != yuan(2000) {
		t.Errorf("the look is %+v", look)
	}

	// A later file of the same wallet: one bill known, one new, one connection.
	r, err := h.Import(t.Context(), p.Person, strings.NewReader(secondFile), aggregate.Taking{})
	if err != nil || r.Rows != 2 || r.Known != 1 {
		t.Errorf("the second file: %+v, %v", r, err)
	}
	cs, err := h.Connections(t.Context(), p)
	if err != nil || len(cs) != 1 || !cs[0].Imported || len(h.accountIDs(p)) != 1 {
		t.Errorf("connections are %+v, %v", cs, err)
	}
	bills := h.everything(once)
	bills.Datatypes = []consent.Datatype{consent.Bills}
	bills.Period = consent.Period{From: "2026-11-02", To: "2026-11-12"}
	if v := h.open("bank", h.grant(p, "bank", bills), "key-0000000000000001"); !v.Complete || len(v.Bills.Items) != 2 || v.Sources[0].Status != aggregate.FromFile {
		t.Errorf("days that files hold: complete %v, %d bills, %+v", v.Complete, len(v.Bills.Items), v.Sources)
	}
	bills.Period = consent.Period{From: "2026-10-25", To: "2026-11-12"}
	if v := h.open("bank", h.grant(p, "bank", bills), "key-0000000000000001"); v.Complete {
		t.Error("days before the first file: it says that it is complete")
	}
	if err := h.Disconnect(t.Context(), p, cs[0].ID); err != nil {
		t.Fatal(err)
	}
	if bills, err := h.Ledger.Bills(t.Context(), ledger.Account{Person: string(p.Person), Part: cs[0].ID, ID: string(look.Accounts[0].ID)}, time.Time{}, time.Time{}); err != nil || len(bills) != 0 {
		t.Errorf("disconnected, %d bills are left (%v)", len(bills), err)
	}
}

// ending is a file that cannot be read beyond a place.
type ending struct {
	*strings.Reader
	at int64
}

func (e ending) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > e.at {
		return 0, io.ErrUnexpectedEOF
	}
	return e.Reader.ReadAt(p, off)
}

func TestImportRefuses(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	r, err := h.Import(t.Context(), p.Person, strings.NewReader(oddFile), aggregate.Taking{})
	if !errors.Is(err, aggregate.ErrMismatch) || r.Rows != 2 || len(r.Problems) != 1 || r.Problems[0].Code != "sum_differs" {
		t.Errorf("a file at odds with itself: %+v, %v", r, err)
	}
	if _, err := h.Import(t.Context(), "nobody", strings.NewReader(soundFile), aggregate.Taking{}); !errors.Is(err, aggregate.ErrNoPerson) {
		t.Errorf("for nobody: %v", err)
	}
	if _, err := h.Stage(t.Context(), p, strings.NewReader("not a bill file"), billfile.Options{}); err == nil {
		t.Error("a file of another sort was staged")
	}
	for _, at := range []int{0, 100, len(soundFile) - 60, len(soundFile)} {
		broken := func() io.Reader {
			return io.MultiReader(strings.NewReader(soundFile[:at]), iotest.ErrReader(io.ErrUnexpectedEOF))
		}
		if _, err := h.Stage(t.Context(), p, broken(), billfile.Options{}); err == nil {
			t.Errorf("an upload that broke off after %d bytes was staged", at)
		}
		if _, err := h.Import(t.Context(), p.Person, ending{strings.NewReader(soundFile), int64(at) - 1}, aggregate.Taking{Accept: true}); err == nil {
			t.Errorf("an import that broke off after %d bytes was taken in", at)
		}
	}
	for _, room := range []string{"connection", "account", "ref", "upload", "upload_part"} {
		if h.bytesUnder(room) != 0 {
			t.Errorf("something was stored under %s", room)
		}
	}
	u, err := h.Stage(t.Context(), p, strings.NewReader(oddFile), billfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := h.Accept(t.Context(), p, u.ID, false, nil); !errors.Is(err, aggregate.ErrMismatch) || len(r.Problems) != 1 {
		t.Errorf("accepted without a yes: %+v, %v", r, err)
	}
	if _, err := h.Accept(t.Context(), p, u.ID, true, nil); err != nil {
		t.Errorf("with a yes: %v", err)
	}
	late, err := h.Stage(t.Context(), p, strings.NewReader(soundFile), billfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.pass(time.Hour)
	if _, err := h.Accept(t.Context(), p, late.ID, true, nil); !errors.Is(err, aggregate.ErrNoUpload) {
		t.Errorf("after an hour: %v", err)
	}
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.bytesUnder("upload") + h.bytesUnder("upload_part"); n != 0 {
		t.Errorf("%d bytes of lapsed files are left", n)
	}
	for range 14 {
		if _, err := h.Stage(t.Context(), p, strings.NewReader(soundFile), billfile.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	h.rows("upload", func(_, _ []byte) { n++ })
	if n > 12 {
		t.Errorf("%d files wait at once", n)
	}
}

func TestOwnIsAuditedOncePerQuarterHour(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(1))
	p := h.person("li")
	h.link(p, "alipay")
	for range 3 {
		if _, err := h.Own(t.Context(), p, time.Time{}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	h.wantVerbs(p, audit.DataSeen)
	if _, err := h.Own(t.Context(), p, h.clock(), h.clock().Add(-time.Hour)); err == nil {
		t.Error("a period that ends before it begins was looked at")
	}
}

// An account opened at the source since the link is there from the next look on.
func TestOwnFindsNewAccounts(t *testing.T) {
	h := newHouse(t)
	f := wallet("alipay")
	h.add(f)
	p := h.person("li")
	h.link(p, "alipay")
	before := h.accountIDs(p)
	f.set(func() {
		f.accounts = append(f.accounts, connectors.Account{Ref: ref("ref-second"), Number: secret.Of("6222000011112222"), Kind: connectors.Fund, Side: connectors.Asset, Name: "余额宝"})
	})
	if _, err := h.Own(t.Context(), p, time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	after, err := h.Accounts(t.Context(), p)
	if err != nil || len(after) != 2 {
		t.Fatalf("accounts are %+v, %v", after, err)
	}
	for _, a := range after {
		if a.ID != before[0] && (a.Tail != "2222" || a.Name != "余额宝") {
			t.Errorf("the new one is %+v", a)
		}
	}
}

// A payment by wallet from a card that is connected too is counted once, and
// only for who sees both.
func TestPaymentByCardThroughWalletCountsOnce(t *testing.T) {
	h := newHouse(t)
	w, b := wallet("alipay"), wallet("jiangnan_bank")
	b.source.Name = connectors.Name{ZH: "江南银行", EN: "Jiangnan Bank"}
	b.accounts[0].Kind, b.accounts[0].Number, b.accounts[0].Name = connectors.Deposit, secret.Of("6222620012341234"), "储蓄卡"
	at := time.Date(2026, 11, 18, 12, 0, 0, 0, shanghai)
	w.bills["ref-alipay"] = []connectors.Bill{{ID: "w1", At: at, Amount: yuan(3000), Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done,
		Kind: connectors.Payment, Counterparty: "瑞幸咖啡", Method: "江南银行储蓄卡(1234)", Refs: []string{"net-77"}}}
	b.bills["ref-jiangnan_bank"] = []connectors.Bill{{ID: "b1", At: at.Add(time.Second), Amount: yuan(3000), Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done,
		Kind: connectors.Payment, Counterparty: "支付宝", Refs: []string{"net-77"}}}
	h.add(w, b)
	p := h.person("li")
	h.link(p, "alipay")
	h.link(p, "jiangnan_bank")

	v := h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000001")
	if v.Totals[0].Out != yuan(3000) || len(v.Bills.Items) != 2 {
		t.Fatalf("out %v over %d bills", v.Totals[0].Out, len(v.Bills.Items))
	}
	one, two := v.Bills.Items[0], v.Bills.Items[1]
	if one.Counted == two.Counted || len(one.Mirrors) != 1 || one.Mirrors[0] != two.ID || two.Mirrors[0] != one.ID {
		t.Errorf("mirrors are %+v and %+v", one, two)
	}
	var card string
	for _, a := range v.Accounts {
		if a.Kind == connectors.Deposit {
			card = a.Alias
		}
	}
	if one.Method != card || two.Method != card {
		t.Errorf("paid by %q and %q, want the card's alias %q", one.Method, two.Method, card)
	}
	accounts, err := h.Accounts(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		alone := h.open("shop", h.grant(p, "shop", h.everything(once), a.ID), "key-0000000000000001")
		if b := alone.Bills.Items[0]; !b.Counted || len(b.Mirrors) != 0 || alone.Totals[0].Out != yuan(3000) {
			t.Errorf("a grant of %s alone tells of the other: %+v", a.Source.ID, b)
		}
	}
}

func TestExport(t *testing.T) {
	h := newHouse(t)
	f := wallet("alipay").with(2)
	f.bills["ref-alipay"][0].Counterparty = `=HYPERLINK("https://evil.example")`
	f.bills["ref-alipay"][1].Description = "-2+3+cmd|' /C calc'!A0"
	h.add(f)
	p := h.person("li")
	h.link(p, "alipay")
	if _, err := h.Import(t.Context(), p.Person, strings.NewReader(soundFile), aggregate.Taking{}); err != nil {
		t.Fatal(err)
	}
	h.grant(p, "bank", h.everything(once))
	var out bytes.Buffer
	if err := h.ExportJSON(t.Context(), p, aggregate.About{ID: p.Person}, &out); err != nil {
		t.Fatal(err)
	}
	var e struct {
		Connections, Accounts, Balances, Bills, Grants, Activity []map[string]any
	}
	if err := json.Unmarshal(out.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Connections) != 2 || len(e.Accounts) != 2 || len(e.Balances) != 1 || len(e.Bills) != 4 || len(e.Grants) != 1 || len(e.Activity) < 4 {
		t.Errorf("exported %d connections, %d accounts, %d balances, %d bills, %d grants, %d events",
			len(e.Connections), len(e.Accounts), len(e.Balances), len(e.Bills), len(e.Grants), len(e.Activity))
	}
	if !strings.Contains(out.String(), "20880000alipay") || strings.Contains(out.String(), "credential-0") {
		t.Error("the export lacks the person's own number, or holds the source's token")
	}
	h.wantVerbs(p, audit.DataExported)
	out.Reset()
	if err := h.ExportCSV(t.Context(), p, &out); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(out.String(), "\ufeff")
	if !ok {
		t.Error("the table does not begin with a byte order mark")
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("a spreadsheet would run %q", cell)
			}
		}
	}
}

// The same code answers the person and the client.
func TestOwnAndViewAgree(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(9), wallet("wechatpay").with(4))
	p := h.person("li")
	h.link(p, "alipay")
	h.link(p, "wechatpay")
	v := h.open("bank", h.grant(p, "bank", h.everything(once)), "key-0000000000000001")
	look, err := h.Own(t.Context(), p, time.Date(2026, 10, 23, 0, 0, 0, 0, shanghai), time.Date(2026, 11, 22, 0, 0, 0, 0, shanghai))
	if err != nil {
		t.Fatal(err)
	}
	if len(look.Bills) != len(v.Bills.Items) || look.Totals[0] != v.Totals[0] || look.Complete != v.Complete {
		t.Errorf("the person sees %d bills and %+v, the client %d and %+v", len(look.Bills), look.Totals, len(v.Bills.Items), v.Totals)
	}
}
