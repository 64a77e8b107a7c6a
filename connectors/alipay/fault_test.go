package alipay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"jali/connectors"
)

// published are the codes of the platform's tables: the public ones of v2
// (opendocs.alipay.com/common/02km9f) and v3 (CommonErrorType), and those of the
// methods spoken here. status is v3's; 0: v2 alone.
var published = []struct {
	family, sub string
	status      int
	want        error
}{
	{"20000", "isp.unknow-error", 500, connectors.ErrDown},
	{"20000", "aop.unknow-error", 500, connectors.ErrDown},
	{"20000", "", 500, connectors.ErrDown},

	{"20001", "aop.invalid-auth-token", 401, connectors.ErrUnauthorized},
	{"20001", "aop.auth-token-time-out", 401, connectors.ErrUnauthorized},
	{"20001", "", 0, connectors.ErrUnauthorized},
	// The application's own, which linking again would not mend.
	{"20001", "aop.invalid-app-auth-token", 401, connectors.ErrRefused},
	{"20001", "aop.invalid-app-auth-token-no-api", 401, connectors.ErrRefused},
	{"20001", "aop.app-auth-token-time-out", 401, connectors.ErrRefused},
	{"20001", "aop.no-product-reg-by-partner", 401, connectors.ErrRefused},

	{"40001", "isv.missing-method", 400, connectors.ErrRefused},
	{"40001", "isv.missing-signature", 400, connectors.ErrRefused},
	{"40001", "isv.missing-signature-type", 400, connectors.ErrRefused},
	{"40001", "isv.missing-signature-key", 400, connectors.ErrRefused},
	{"40001", "isv.missing-app-id", 400, connectors.ErrRefused},
	{"40001", "isv.missing-timestamp", 400, connectors.ErrRefused},
	{"40001", "isv.missing-version", 400, connectors.ErrRefused},
	{"40001", "isv.decryption-error-missing-encrypt-type", 400, connectors.ErrRefused},

	{"40002", "isv.invalid-parameter", 400, connectors.ErrRefused},
	{"40002", "isv.upload-fail", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-file-extension", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-file-size", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-method", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-format", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-signature-type", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-signature", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-encrypt-type", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-encrypt", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-app-id", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-timestamp", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-charset", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-digest", 400, connectors.ErrRefused},
	{"40002", "isv.decryption-error-not-valid-encrypt-type", 400, connectors.ErrRefused},
	{"40002", "isv.decryption-error-not-valid-encrypt-key", 400, connectors.ErrRefused},
	{"40002", "isv.decryption-error-unknown", 400, connectors.ErrRefused},
	{"40002", "isv.missing-signature-config", 400, connectors.ErrRefused},
	{"40002", "isv.not-support-app-auth", 400, connectors.ErrRefused},
	{"40002", "isv.suspected-attack", 400, connectors.ErrRefused},
	{"40002", "isv.app-cert-not-exist", 400, connectors.ErrRefused},
	{"40002", "isv.invalid-alipay-root-cert-sn", 400, connectors.ErrRefused},
	{"40002", "isv.grant-type-invalid", 400, connectors.ErrRefused},
	{"40002", "isv.code-invalid", 400, connectors.ErrUnauthorized},
	{"40002", "isv.refresh-token-invalid", 400, connectors.ErrUnauthorized},
	{"40002", "isv.refresh-token-time-out", 400, connectors.ErrUnauthorized},
	{"40002", "isv.refreshed-token-invalid", 400, connectors.ErrUnauthorized},
	{"40002", "isv.unmatched-app-id", 400, connectors.ErrRefused},

	{"40003", "isv.insufficient-conditions", 400, connectors.ErrRefused},
	{"40003", "", 400, connectors.ErrRefused},

	{"40004", "SYSTEM_ERROR", 500, connectors.ErrDown},
	{"40004", "ACQ.SYSTEM_ERROR", 500, connectors.ErrDown},
	{"40004", "SYSTEM_BUSY", 400, connectors.ErrDown},
	{"40004", "UNKNOWN_ERROR", 400, connectors.ErrDown},
	{"40004", "PROCESSING", 400, connectors.ErrDown},
	{"40004", "isp.unknow-error", 400, connectors.ErrDown},
	{"40004", "isp.some-new-error", 0, connectors.ErrDown},
	{"40004", "SYSTEM_RATE_LIMIT", 400, connectors.ErrBusy},
	{"40004", "USER_RATE_LIMIT", 429, connectors.ErrBusy},
	{"40004", "INVALID_PARAMETER", 400, connectors.ErrRefused},
	{"40004", "ILLEGAL_ARGUMENT", 400, connectors.ErrRefused},
	{"40004", "AGREEMENT_CHECK_FAIL", 400, connectors.ErrRefused},
	{"40004", "USER_AGREEMENT_CHECK_FAIL", 400, connectors.ErrRefused},
	{"40004", "ISV_BUSINESS_FAILED", 400, connectors.ErrRefused},
	{"40004", "TYPE_NOT_SUPPORTED", 400, connectors.ErrRefused},
	{"40004", "INVAILID_ARGUMENTS", 400, connectors.ErrRefused},
	{"40004", "BILL_NOT_EXIST", 400, errNoBill},
	{"40004", "isp.bill_not_exist", 400, errNoBill},
	{"40004", "NO_BILL_DATA", 400, errNoBill},
	{"40004", "BILL_DATE_BEFORE_REGISTRATION", 400, errNoBill},

	{"40005", "isv.app-call-limited", 429, connectors.ErrBusy},
	{"40005", "isv.method-call-limited", 429, connectors.ErrBusy},
	{"40005", "", 429, connectors.ErrBusy},

	{"40006", "isv.insufficient-user-permissions", 403, connectors.ErrUnauthorized},
	{"40006", "isv.insufficient-isv-permissions", 403, connectors.ErrRefused}, // the operator's to mend
	{"40006", "isv.app-api-punished", 403, connectors.ErrRefused},
	{"40006", "", 403, connectors.ErrRefused},

	{"99999", "2088000000000001 was here", 418, connectors.ErrRefused},
}

func TestFaults(t *testing.T) {
	quotes := func(why string, err error) {
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "2088")) {
			t.Errorf("%s: the error quotes the answer: %v", why, err)
		}
	}
	ask := func(c *Connector) error {
		var out struct{ problem }
		return c.ask(context.Background(), "alipay.data.bill.balance.query", "authusrB-canary", map[string]string{}, &out)
	}
	for _, tt := range published {
		response := fmt.Sprintf(`{"code":%q,"msg":"2088000000000001","sub_code":%q,"sub_msg":"authusrB-canary"}`, tt.family, tt.sub)
		err := ask(connect(t, &gatewayStub{t: t, answer: func(url.Values) (string, string) {
			return "alipay_data_bill_balance_query_response", response
		}}))
		if !errors.Is(err, tt.want) {
			t.Errorf("v2, %s %s: %v, want %v", tt.family, tt.sub, err, tt.want)
		}
		quotes("v2", err)
		if tt.status == 0 {
			continue
		}
		code := strings.TrimPrefix(strings.TrimPrefix(tt.sub, "aop."), "isv.")
		err = ask(connectREST(t, &restStub{t: t, answer: func(*http.Request, string) (int, string) {
			return tt.status, fmt.Sprintf(`{"code":%q,"message":"authusrB-canary","links":[{"link":"https:\/\/open.alipay.com\/2088000000000001"}]}`, code)
		}}))
		if !errors.Is(err, tt.want) && tt.sub != "" {
			t.Errorf("v3, %d %s: %v, want %v", tt.status, code, err, tt.want)
		}
		quotes("v3", err)
	}
}

// What stands before the API knows nothing of a person's token.
func TestAStatusOfRESTEndsNobodysConnection(t *testing.T) {
	for _, tt := range []struct {
		why    string
		status int
		body   string
		bare   bool // without a signature
		want   error
	}{
		{"a proxy's 401", 401, "<html>", true, connectors.ErrRefused},
		{"an unsigned word about the person's token", 401, `{"code":"invalid-auth-token"}`, true, connectors.ErrUnsigned},
		{"a signed one", 401, `{"code":"invalid-auth-token"}`, false, connectors.ErrUnauthorized},
		{"an unsigned refusal", 400, `{"code":"invalid-signature"}`, true, connectors.ErrRefused},
		{"a gateway's 502", 502, "<html>", true, connectors.ErrDown},
		{"429", 429, "", true, connectors.ErrBusy},
		{"a redirect", 302, "", true, connectors.ErrMalformed},
		{"an unsigned success", 200, `{"available_amount":"1.00"}`, true, connectors.ErrUnsigned},
		{"a code twice", 400, `{"code":"invalid-auth-token","code":"x"}`, false, connectors.ErrRefused},
	} {
		c := connectREST(t, &restStub{t: t, bare: tt.bare, answer: func(*http.Request, string) (int, string) { return tt.status, tt.body }})
		_, err := c.held(context.Background(), credential{User: "2088000000000001", Access: "x"})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}
