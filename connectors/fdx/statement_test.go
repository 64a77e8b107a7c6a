package fdx

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
)

type plainStatement struct{ ID, From, To, Due, Minimum, On, Paid, Settled string }

func plainly(all []connectors.Statement) (out []plainStatement) {
	day := func(at time.Time) string { return at.In(beijing).Format(time.DateTime) }
	for _, s := range all {
		out = append(out, plainStatement{s.ID, day(s.Period.From), day(s.Period.To), s.Due.String(), s.Minimum.String(), day(s.DueDate), s.Paid.String(), fmt.Sprint(s.Settled)})
	}
	return out
}

func repayment(id, at, amount string) string {
	return fmt.Sprintf(`{"accountCategory":"LOC_ACCOUNT","accountId":"loc-1","transactionId":%q,"transactionTimestamp":%q,"debitCreditMemo":"CREDIT","status":"POSTED","amount":%s,"transactionType":"PAYMENT"}`, id, at, amount)
}

func TestStatementsGolden(t *testing.T) {
	l := &lender{files: map[string]string{
		"/accounts/loc-1": file(t, "loc-v6.json"), "/accounts/loc-1/statements": file(t, "statements.json"),
		"/accounts/loc-1/transactions": `{"transactions":[` + strings.Join([]string{
			repayment("1", "2026-10-10T09:00:00+08:00", "500"), repayment("2", "2026-10-12T09:00:00+08:00", "90.32"),
			repayment("2", "2026-10-12T09:00:00+08:00", "90.32"), // told twice, paid once
			repayment("3", "2026-09-10T09:00:00+08:00", "700"),
			strings.Replace(repayment("4", "2026-10-13T09:00:00+08:00", "300"), "POSTED", "PENDING", 1), // not there yet
		}, ",") + `]}`,
	}}
	got, err := connect(t, l).Statements(t.Context(), linked, line, now.AddDate(0, -3, 0), now)
	if err != nil {
		t.Fatal(err)
	}
	want := []plainStatement{
		{"20003", "2026-09-01 00:00:00", "2026-10-01 00:00:00", "890.32 CNY", "100.00 CNY", "2026-10-10 00:00:00", "590.32 CNY", "false"},
		{"20002", "2026-08-02 00:00:00", "2026-09-01 00:00:00", "700.00 CNY", "70.00 CNY", "2026-09-10 00:00:00", "700.00 CNY", "true"},
	}
	if d := cmp.Diff(want, plainly(got)); d != "" {
		t.Error(d)
	}
}

// Before 6.4 the account itself says what is due, and on a loan of the next
// instalment alone.
func TestStatementsOfVersion5(t *testing.T) {
	for _, tt := range []struct {
		why     string
		account connectors.AccountRef
		files   map[string]string
		want    plainStatement
	}{
		{"a line of credit", line, map[string]string{"/accounts/loc-1": file(t, "loc-v5.json"),
			"/accounts/loc-1/transactions": `{"transactions":[` + repayment("1", "2026-10-05T00:00:00Z", "6000") + `]}`},
			plainStatement{"2026-10-03", "2026-09-03 00:00:00", "2026-10-03 00:00:00", "5393.81 CNY", "190.32 CNY", "2026-10-25 00:00:00", "5393.81 CNY", "true"}},
		{"a loan whose statement has closed", lent, map[string]string{"/accounts/20001": file(t, "loan-v5.json"),
			"/accounts/20001/statements": `{"statements":[{"accountId":"20001","statementId":"S","statementDate":"2026-10-15"}]}`},
			plainStatement{"S", "2026-09-15 00:00:00", "2026-10-15 00:00:00", "2333.32 CNY", "0", "2026-11-01 00:00:00", "0.00 CNY", "false"}},
		{"a loan's next instalment", lent, map[string]string{"/accounts/20001": file(t, "loan-v5.json"),
			"/accounts/20001/transactions": strings.Replace(file(t, "transactions-v5.json"), `"nextOffset": "2",`, "", 1)},
			plainStatement{"2026-11-01", "2026-09-01 00:00:00", "2026-10-01 00:00:00", "2333.32 CNY", "0", "2026-11-01 00:00:00", "0.00 CNY", "false"}},
	} {
		if tt.files["/accounts/20001/transactions"] != "" {
			// Its example goes on by a link, which is the same page here.
			tt.files["/accounts/20001/transactions?offset=2"] = `{"transactions":[]}`
		}
		got, err := connect(t, &lender{files: tt.files}).Statements(t.Context(), linked, tt.account, now.AddDate(0, -1, 0), now)
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %+v, %v", tt.why, got, err)
			continue
		}
		if tt.want.Paid == "0.00 CNY" && got[0].Paid.Zero() {
			tt.want.Paid = got[0].Paid.String()
		}
		if d := cmp.Diff([]plainStatement{tt.want}, plainly(got)); d != "" {
			t.Errorf("%s: %s", tt.why, d)
		}
	}
}

func TestStatementsThatCannotBe(t *testing.T) {
	whole := file(t, "loc-v6.json")
	for _, tt := range []struct {
		why  string
		path string
		body string
		want error
	}{
		{"another account", "/accounts/loc-1", strings.Replace(whole, `"loc-1"`, `"loc-2"`, 1), connectors.ErrMalformed},
		{"a due date that is none", "/accounts/loc-1", strings.Replace(whole, "2026-10-10", "soon", 1), connectors.ErrMalformed},
		{"a part of a fen", "/accounts/loc-1", strings.Replace(whole, "890.32,", "890.325,", 1), connectors.ErrMalformed},
		{"beyond any sum", "/accounts/loc-1", strings.Replace(whole, "100.00", "1e400", 1), connectors.ErrMalformed},
		{"a document of another account", "/accounts/loc-1/statements", `{"statements":[{"accountId":"x","statementDate":"2026-10-01"}]}`, connectors.ErrMalformed},
		{"documents that are no list", "/accounts/loc-1/statements", `{"Statement":[]}`, connectors.ErrMalformed},
		{"a document's date that is none", "/accounts/loc-1/statements", `{"statements":[{"accountId":"loc-1","statementDate":"10/01"}]}`, connectors.ErrMalformed},
		{"a repayment of another account", "/accounts/loc-1/transactions", `{"transactions":[` + strings.Replace(repayment("1", "2026-10-10T00:00:00Z", "1"), "loc-1", "x", 1) + `]}`, connectors.ErrMalformed},
		{"as it is", "/", "", nil},
	} {
		files := map[string]string{"/accounts/loc-1": whole}
		files[tt.path] = tt.body
		_, err := connect(t, &lender{files: files}).Statements(t.Context(), linked, line, now.AddDate(0, -1, 0), now)
		if !is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	l := &lender{files: map[string]string{}}
	if all, err := connect(t, l).Statements(t.Context(), linked, refOf(deposit, "CNY", "1"), now.AddDate(0, -1, 0), now); err != nil || len(all) != 0 || len(l.calls) != 0 {
		t.Errorf("of what is no debt: %d statements after %d calls, %v", len(all), len(l.calls), err)
	}
}
