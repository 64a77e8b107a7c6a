package billfile

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/internal/fault"
)

// drawn is what a person says of a table on top of what is guessed.
func drawn(t testing.TB, data string) Mapping {
	t.Helper()
	_, err := Read(strings.NewReader(data), Options{})
	var u *Unmapped
	if !errors.Is(err, ErrUnmapped) || !errors.As(err, &u) {
		t.Fatalf("Read = %v, want file_unmapped", err)
	}
	m := u.Guess()
	m.Source, m.Account = "河边银行", "工资卡"
	return m
}

const (
	riverCSV = "账户明细\r\n" +
		"交易日期,摘要,收入,支出,余额,对方户名,流水号\r\n" +
		"2024-05-03,工资,\"8,000.00\",,\"8,100.00\",某公司,A3\r\n" +
		"2024-05-02,消费,,30.00,100.00,小店,A2\r\n" +
		"2024-05-01,结息,0.50,-,130.00,--,A1\r\n"
	lakeCSV = "Date;Payee;Amount;Balance;Currency\n" +
		"24/03/2025;SHOP, \"THE\" LAKE;-1.234,50;765,50;EUR\n" +
		"25/03/2025;EMPLOYER;2.000,00;2.765,50;EUR\n"
	tabTSV = "日期\t收支\t金额\t备注\n2024/1/2 10:00\t支出\t12.5\t饭\n2024/1/3 11:00\t收入\t20\t还我\n2024/1/3 12:00\t不计收支\t5\t转存\n"
)

func TestAPersonDrawsAMapping(t *testing.T) {
	for _, tt := range []struct {
		why, data string
		say       func(*Mapping)
		want      []string // of each bill: when, way, amount, flow, kind, who
		balances  []string
		problems  []string
	}{
		{"two columns of amounts, a balance, newest first", riverCSV, nil, []string{
			"2024-05-03 in 8000.00 CNY in income 某公司", "2024-05-02 out 30.00 CNY out payment 小店", "2024-05-01 in 0.50 CNY in interest "},
			[]string{"129.50", "130.00", "100.00", "8100.00"}, nil},
		{"and a row that went missing", strings.Replace(riverCSV, "2024-05-02,消费,,30.00,100.00,小店,A2\r\n", "", 1), nil, []string{
			"2024-05-03 in 8000.00 CNY in income 某公司", "2024-05-01 in 0.50 CNY in interest "},
			[]string{"129.50", "130.00", "8100.00"}, []string{"balance_breaks balance 1"}},
		{"semicolons, decimal commas, the day first, a sign", lakeCSV, nil, []string{
			"2025-03-24 out 1234.50 EUR out other SHOP, \"THE\" LAKE", "2025-03-25 in 2000.00 EUR in other EMPLOYER"},
			[]string{"2000.00", "765.50", "2765.50"}, nil},
		{"tabs, and the direction in words", tabTSV, nil, []string{
			"2024-01-02 10:00:00 out 12.50 CNY out other ", "2024-01-03 11:00:00 in 20.00 CNY in other ", "2024-01-03 12:00:00 out 5.00 CNY internal transfer "},
			nil, nil},
		{"in GB18030", string(gb18030(riverCSV)), nil, []string{
			"2024-05-03 in 8000.00 CNY in income 某公司", "2024-05-02 out 30.00 CNY out payment 小店", "2024-05-01 in 0.50 CNY in interest "},
			[]string{"129.50", "130.00", "100.00", "8100.00"}, nil},
		{"names in GB18030 under a header of ASCII", string(gb18030("date,payee,amount\n2024-05-01,小店,-1.00\n")), nil, []string{
			"2024-05-01 out 1.00 CNY out other 小店"}, nil, nil},
		{"a card on which a minus is money in", "date,merchant,amount,balance\n2024-05-01,Shop,10.00,10.00\n2024-05-02,Refund,-4.00,6.00\n",
			func(m *Mapping) { m.Kind, m.Side, m.Minus = connectors.CreditCard, connectors.Debt, "in" },
			[]string{"2024-05-01 out 10.00 CNY out payment Shop", "2024-05-02 in 4.00 CNY in refund Refund"}, []string{"0.00", "10.00", "6.00"}, nil},
		{"a card that owes below zero", "date,merchant,in,out,balance\n2024-05-01,Shop,,10.00,-10.00\n2024-05-02,Refund,4.00,,-6.00\n",
			func(m *Mapping) { m.Kind, m.Side = connectors.CreditCard, connectors.Debt },
			[]string{"2024-05-01 out 10.00 CNY out payment Shop", "2024-05-02 in 4.00 CNY in refund Refund"}, []string{"0.00", "10.00", "6.00"}, nil},
		{"rows of two currencies are two accounts", "date,payee,amount,currency\n2024-05-01,a,-1,USD\n2024-05-01,b,-1,CNY\n", nil,
			[]string{"2024-05-01 out 1.00 USD out other a", "2024-05-01 out 1.00 CNY out other b"}, nil, nil},
		{"a column without a name, and one named twice", "date,,amount,amount\n2024-05-01,小店,x,-2.00\n",
			func(m *Mapping) { m.Amount, m.Counterparty, m.Minus = "amount(4)", "(2)", "out" }, []string{"2024-05-01 out 2.00 CNY out other 小店"}, nil, nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			m := drawn(t, tt.data)
			if tt.say != nil {
				tt.say(&m)
			}
			f, err := Read(strings.NewReader(tt.data), Options{Mapping: &m})
			if err != nil {
				t.Fatalf("%v with %+v", err, m)
			}
			var got, balances, problems []string
			for _, a := range f.Accounts {
				for _, b := range a.Bills {
					when := b.At.Format("2006-01-02 15:04:05")
					if b.DateOnly {
						when = when[:10]
					}
					got = append(got, strings.Join([]string{when, string(b.Direction), b.Amount.String(), string(b.Flow), string(b.Kind), b.Counterparty}, " "))
				}
				for _, b := range a.Balances {
					balances = append(balances, b.Amount.Value())
				}
				if a.Name != "工资卡" {
					t.Errorf("account %q", a.Name)
				}
			}
			for _, p := range f.Problems {
				problems = append(problems, told(p))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("bills: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.balances, balances); diff != "" {
				t.Errorf("balances: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, problems); diff != "" {
				t.Errorf("problems: -want +got:\n%s", diff)
			}
			if f.Format != "mapped" || f.Mapping == nil || f.Source.Name.ZH != "河边银行" || !strings.HasPrefix(f.Source.ID, "file_") {
				t.Errorf("format %s, source %+v", f.Format, f.Source)
			}
		})
	}
}

func TestAMappedWorkbook(t *testing.T) {
	data := workbook(t, "账户明细\n日期,金额,余额,摘要\n2024-05-01,-5.00,95.00,消费\n", asText, 0)
	m := drawn(t, string(data))
	f, err := Read(bytes.NewReader(data), Options{Mapping: &m})
	if err != nil {
		t.Fatal(err)
	}
	if b := f.Accounts[0].Bills; len(b) != 1 || b[0].Amount != yuan("5.00") || b[0].Kind != connectors.Payment {
		t.Errorf("bills %+v", b)
	}
}

// What does not fit is refused with words, and never half.
func TestAMappingThatDoesNotFit(t *testing.T) {
	good := drawn(t, riverCSV)
	for _, tt := range []struct {
		why  string
		say  func(*Mapping)
		want *fault.Error
	}{
		{"as it is", func(*Mapping) {}, nil},
		{"no name", func(m *Mapping) { m.Source = " " }, ErrMapping},
		{"a column that is not there", func(m *Mapping) { m.Date = "日子" }, ErrMapping},
		{"two ways of telling the amount", func(m *Mapping) { m.Amount, m.Minus = "余额", "out" }, ErrMapping},
		{"none", func(m *Mapping) { m.In, m.Out = "", "" }, ErrMapping},
		{"an amount without a direction", func(m *Mapping) { m.In, m.Out, m.Amount = "", "", "余额" }, ErrMapping},
		{"a direction without its word", func(m *Mapping) { m.In, m.Out, m.Amount, m.Direction = "", "", "余额", "摘要" }, ErrMapping},
		{"no currency", func(m *Mapping) { m.Currency = "yuan" }, ErrMapping},
		{"no order of dates", func(m *Mapping) { m.DateOrder = "" }, ErrMapping},
		{"another order of dates", func(m *Mapping) { m.DateOrder = "dmy" }, ErrDamaged},
		{"a column of words for amounts", func(m *Mapping) { m.In = "摘要" }, ErrDamaged},
		{"a name of a page", func(m *Mapping) { m.Account = strings.Repeat("长", 61) }, ErrMapping},
		{"another table's header", func(m *Mapping) { m.Header = append([]string{"其他"}, m.Header...) }, ErrUnmapped},
	} {
		t.Run(tt.why, func(t *testing.T) {
			m := good
			tt.say(&m)
			_, err := Read(strings.NewReader(riverCSV), Options{Mapping: &m})
			if tt.want == nil && err != nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Fatalf("Read = %v, want %v", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "日子") || strings.Contains(err.Error(), "河边")) {
				t.Errorf("the error quotes what was said: %v", err)
			}
		})
	}
}

func TestGuess(t *testing.T) {
	for _, tt := range []struct {
		why, data string
		want      Mapping
	}{
		{"Chinese", riverCSV, Mapping{Date: "交易日期", DateOrder: "ymd", In: "收入", Out: "支出", Balance: "余额", Counterparty: "对方户名", Description: "摘要", Order: "流水号"}},
		{"English, decimal commas", lakeCSV, Mapping{Date: "Date", DateOrder: "dmy", Amount: "Amount", Minus: "out", Decimal: ",", Balance: "Balance", CurrencyIn: "Currency", Counterparty: "Payee"}},
		{"a direction", tabTSV, Mapping{Date: "日期", DateOrder: "ymd", Amount: "金额", Direction: "收支", OutWord: "支出", Description: "备注"}},
		{"the month first", "Posted On,Total,Details\n3/24/2025,1.00,x\n3/5/2025,2.00,y\n", Mapping{Date: "Posted On", DateOrder: "mdy", Amount: "Total", Minus: "out", Description: "Details"}},
		{"nothing but what stands below tells", "a,b,c\n2024-01-01,x,1.00\n", Mapping{Date: "a", DateOrder: "ymd", Amount: "c", Minus: "out"}},
		{"money out below zero", "date,credit,debit\n2024-01-01,,-3.00\n2024-01-01,2.00,\n", Mapping{Date: "date", DateOrder: "ymd", In: "credit", Out: "debit", Minus: "out"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got := drawn(t, tt.data)
			tt.want.Source, tt.want.Account, tt.want.Kind, tt.want.Side, tt.want.Currency = "河边银行", "工资卡", connectors.Deposit, connectors.Asset, "CNY"
			tt.want.Header = got.Header
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What the person calls an institution that is known is that one, and what
// they call another never reaches an id.
func TestSourcesThatPeopleName(t *testing.T) {
	if s := sourceOf(" 支付宝 "); s.ID != "alipay" {
		t.Errorf("支付宝 is %s", s.ID)
	}
	a, b := sourceOf("River Bank"), sourceOf("river bank ")
	if a.ID != b.ID || strings.Contains(a.ID, "river") || len(a.ID) != 15 {
		t.Errorf("ids %q and %q", a.ID, b.ID)
	}
	if Signature([]string{"日期 ", "金额（元）"}) != Signature([]string{"日期", "金额(元)"}) {
		t.Error("a blank or a full-width bracket makes another table of it")
	}
}

func TestUnmappedTellsNothingAsAnError(t *testing.T) {
	_, err := Read(strings.NewReader(riverCSV), Options{})
	if strings.Contains(err.Error(), "公司") || strings.Contains(err.Error(), "摘要") {
		t.Errorf("the error quotes the table: %v", err)
	}
	var u *Unmapped
	if !errors.As(err, &u) || len(u.Rows) != 3 || u.Rows[0][5] != "某公司" {
		t.Errorf("unmapped %+v", u)
	}
}

// FuzzMapping: a table that wants a mapping is read by the one that is guessed
// of it, whole and sound, or is a fault of its own.
func FuzzMapping(f *testing.F) {
	for _, data := range []string{riverCSV, lakeCSV, tabTSV, string(gb18030(riverCSV)), "date,amount\n2024-01-01,1\n"} {
		f.Add([]byte(data), uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, turn uint8) {
		checkRead(t, data)
		_, err := Read(bytes.NewReader(data), Options{})
		var u *Unmapped
		if !errors.As(err, &u) {
			return
		}
		m := u.Guess()
		m.Source, m.Account = "河边银行", "卡"
		m.DateOrder = []string{m.DateOrder, "ymd", "dmy", "mdy"}[turn%4]
		m.Decimal = []string{m.Decimal, ",", "."}[turn/4%3]
		if turn/12%2 == 1 {
			m.Kind, m.Side, m.Minus = connectors.CreditCard, connectors.Debt, "in"
		}
		checkReadWith(t, data, Options{Mapping: &m})
	})
}
