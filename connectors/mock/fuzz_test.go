package mock

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// No request of a stranger opens anything or fells the town.
func FuzzStrangersAreRefused(f *testing.F) {
	town, err := found(Config{Seed: 1}, sharedKeys())
	if err != nil {
		f.Fatal(err)
	}
	h := town.Handler()
	f.Add("POST", "/alipay/gateway.do?app_id=2021004170650123&method=alipay.system.oauth.token", "", "grant_type=refresh_token&sign=x")
	f.Add("GET", "/v3/alipay/data/bill/balance/query?auth_token=x", `ALIPAY-SHA256withRSA app_id=2021004170650123,nonce=0123456789,timestamp=1792468800123,sign=AA==`, "")
	f.Add("GET", "/alipay/downloadBillFile.resource?bizType=signcustomer&bizDates=2026-10&expires=9999999999&fileId=00", "", "")
	f.Add("GET", "/v3/bill/tradebill?bill_date=2026-11-01", `WECHATPAY2-SHA256-RSA2048 mchid="1900009191",nonce_str="a",signature="b",timestamp="1",serial_no="c"`, "")
	f.Add("POST", "/bank/jiangnan_bank/token", "", "grant_type=client_credentials&client_assertion=a.b.c")
	f.Add("GET", "/bank/jiangnan_bank/open-banking/v4.0/aisp/accounts", "Bearer x", "")
	f.Add("POST", "/bank/dongling_bank/api/mybank/account/accountdetailservice/adsagreementqry/V1", "", "app_id=10000000000000093001&format=json&charset=UTF-8&msg_id=1&sign_type=RSA2&sign=x")
	f.Add("POST", "/bank/zhaolu_bank/cdcserver/api/v2", "", "UID=U009309501&FUNCODE=NTQADINF&ALG=SM&DATA=AAAA")
	f.Add("GET", "/bank/xihe_bank/redirect/psd2/v1/accounts", "Bearer x", "")
	f.Add("POST", "/bank/xihe_bank/oauth/token", "", "grant_type=authorization_code&client_id=PSDCN-PBC-JALI01&code=x")
	f.Add("POST", "/qingshi/oauth2/par", "", "response_type=code&client_assertion=a.b.c")
	f.Add("POST", "/qingshi/oauth2/token", "", "grant_type=client_credentials&client_assertion=a.b.c")
	f.Add("GET", "/qingshi/fdx/v6/accounts?resultType=details", "Bearer x", "")
	f.Add("PUT", "/qingshi/fdx/v6/consents/x/revocation", "Bearer x", `{"reason":"USER_ACTION","initiator":"INDIVIDUAL"}`)
	f.Fuzz(func(t *testing.T, method, target, authorization, body string) {
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \t\r\n") || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || method == "" {
			t.Skip()
		}
		r, err := http.NewRequest(method, "http://127.0.0.1"+target, strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for _, opened := range []string{"access_token", "AccountId", "accountId", "request_uri", "resourceId", "agreeno", "10000"} {
			if strings.Contains(w.Body.String(), `"`+opened+`"`) {
				t.Errorf("%s %s opened something: %s", method, target, w.Body)
			}
		}
	})
}
