package mock

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// xiheAsk is a request to Xihe Bank as the framework has it: signed, and with
// the person there. change may spoil what is sent; the seal is put before it.
func (tt *testTown) xiheAsk(t *testing.T, method, u, consent, token string, body any, before, after func(http.Header)) (int, http.Header, []byte) {
	t.Helper()
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, u, bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	x, h := tt.Xihe(), req.Header
	h.Set("X-Request-ID", uuid())
	h.Set("PSU-IP-Address", "198.51.100.7")
	h.Set("Date", tt.now().UTC().Format(http.TimeFormat))
	for name, value := range map[string]string{"Consent-ID": consent, "Authorization": token} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if method == http.MethodPost {
		h.Set("TPP-Redirect-URI", callback+"?state=s-3")
	}
	if before != nil {
		before(h)
	}
	sum := sha256.Sum256(sent)
	h.Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]))
	block, _ := pem.Decode([]byte(x.Certificate))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	headers, text := "Digest X-Request-ID Date", ""
	if h.Get("TPP-Redirect-URI") != "" {
		headers += " TPP-Redirect-URI"
	}
	for _, name := range strings.Fields(headers) {
		text += strings.ToLower(name) + ": " + h.Get(name) + "\n"
	}
	sum = sha256.Sum256([]byte(strings.TrimSuffix(text, "\n")))
	sig, err := rsa.SignPKCS1v15(rand.Reader, x.Key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	h.Set("Signature", fmt.Sprintf(`keyId="SN=%x,CA=%s", algorithm="rsa-sha256", headers="%s", signature="%s"`, cert.SerialNumber,
		strings.ReplaceAll(cert.Issuer.String(), " ", "%20"), headers, base64.StdEncoding.EncodeToString(sig)))
	h.Set("TPP-Signature-Certificate", base64.StdEncoding.EncodeToString(block.Bytes))
	if after != nil {
		after(h)
	}
	res, out := tt.do(t, req)
	return res.StatusCode, res.Header, out
}

// xiheCode is the message code of a failure.
func xiheCode(t *testing.T, body []byte) string {
	t.Helper()
	said := read[struct {
		TppMessages []struct{ Category, Code, Text string }
	}](t, body)
	if len(said.TppMessages) != 1 || said.TppMessages[0].Category != "ERROR" {
		t.Fatalf("no message: %s", body)
	}
	return said.TppMessages[0].Code
}

func xiheWants(access any) map[string]any {
	return map[string]any{"access": access, "recurringIndicator": true, "validUntil": "2027-03-01", "frequencyPerDay": 4, "combinedServiceIndicator": false}
}

var xiheAny = map[string]any{"accounts": []any{}, "balances": []any{}, "transactions": []any{}}

type xiheOpened struct {
	ConsentStatus, ConsentID string
	Links                    map[string]struct{ Href string } `json:"_links"`
}

func (tt *testTown) xiheOpen(t *testing.T, base string, access any) xiheOpened {
	t.Helper()
	status, _, body := tt.xiheAsk(t, http.MethodPost, base+"/consents", "", "", xiheWants(access), nil, nil)
	if status != 201 {
		t.Fatalf("a consent: %d %s", status, body)
	}
	return read[xiheOpened](t, body)
}

// xiheLink links a person by redirect, and answers the consent's id.
func (tt *testTown) xiheLink(t *testing.T, p Person, access any) string {
	t.Helper()
	opened := tt.xiheOpen(t, tt.Xihe().RedirectAPIBase, access)
	if back := tt.login(t, opened.Links["scaRedirect"].Href, p, "agree", nil); back.Get("state") != "s-3" {
		t.Fatalf("the redirect brings %v", back)
	}
	return opened.ConsentID
}

func (tt *testTown) xiheGet(t *testing.T, path, consent string) (int, []byte) {
	t.Helper()
	status, _, body := tt.xiheAsk(t, http.MethodGet, tt.Xihe().RedirectAPIBase+path, consent, "", nil, nil, nil)
	return status, body
}

func TestXiheBankChecksTheSeal(t *testing.T) {
	tt := startTown(t, 1)
	consent := tt.xiheLink(t, tt.People()[4], xiheAny)
	at := tt.Xihe().RedirectAPIBase + "/accounts"
	seen := uuid()
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	for _, c := range []struct {
		why           string
		before, after func(http.Header)
		status        int
		code          string
	}{
		{"as it is", set("X-Request-ID", seen), nil, 200, ""},
		{"an id again", set("X-Request-ID", seen), nil, 401, "SIGNATURE_INVALID"},
		{"no signature", nil, func(h http.Header) { h.Del("Signature") }, 401, "SIGNATURE_MISSING"},
		{"no digest", nil, func(h http.Header) { h.Del("Digest") }, 401, "SIGNATURE_MISSING"},
		{"no certificate", nil, func(h http.Header) { h.Del("TPP-Signature-Certificate") }, 401, "CERTIFICATE_MISSING"},
		{"a certificate that is none", nil, set("TPP-Signature-Certificate", "AAAA"), 401, "CERTIFICATE_INVALID"},
		{"another id than was signed", nil, set("X-Request-ID", uuid()), 401, "SIGNATURE_INVALID"},
		{"another body than was signed", nil, set("Digest", "SHA-256=AAAA"), 401, "SIGNATURE_INVALID"},
		{"a redirect that was not signed", nil, set("TPP-Redirect-URI", callback), 401, "SIGNATURE_INVALID"},
		{"a date of an hour ago", set("Date", tt.now().Add(-time.Hour).UTC().Format(http.TimeFormat)), nil, 401, "TIMESTAMP_INVALID"},
		{"another key's id", nil, func(h http.Header) { h.Set("Signature", strings.Replace(h.Get("Signature"), "SN=9", "SN=8", 1)) }, 401, "SIGNATURE_INVALID"},
		{"another authority", nil, func(h http.Header) { h.Set("Signature", strings.Replace(h.Get("Signature"), "Town", "City", 1)) }, 401, "SIGNATURE_INVALID"},
		{"another algorithm", nil, func(h http.Header) {
			h.Set("Signature", strings.Replace(h.Get("Signature"), "rsa-sha256", "hmac-sha256", 1))
		}, 401, "SIGNATURE_INVALID"},
		{"less than must be signed", nil, func(h http.Header) { h.Set("Signature", strings.Replace(h.Get("Signature"), " Date", "", 1)) }, 401, "SIGNATURE_INVALID"},
		{"no id", func(h http.Header) { h.Del("X-Request-ID") }, nil, 400, "FORMAT_ERROR"},
	} {
		status, _, body := tt.xiheAsk(t, http.MethodGet, at, consent, "", nil, c.before, c.after)
		if status != c.status || (c.code != "" && xiheCode(t, body) != c.code) {
			t.Errorf("%s: %d %s, want %d %s", c.why, status, body, c.status, c.code)
		}
	}
}

func TestXiheBankRefusesConsents(t *testing.T) {
	tt := startTown(t, 1)
	at := tt.Xihe().APIBase + "/consents"
	for why, c := range map[string]struct {
		change func(map[string]any)
		code   string
	}{
		"no access":            {func(m map[string]any) { delete(m, "access") }, "FORMAT_ERROR"},
		"an access to nothing": {func(m map[string]any) { m["access"] = map[string]any{} }, "PARAMETER_NOT_CONSISTENT"},
		"named and unnamed": {func(m map[string]any) {
			m["access"] = map[string]any{"accounts": []any{}, "balances": []any{map[string]string{"bban": "1"}}}
		}, "PARAMETER_NOT_CONSISTENT"},
		"all and some":           {func(m map[string]any) { m["access"] = map[string]any{"allPsd2": "allAccounts", "balances": []any{}} }, "PARAMETER_NOT_CONSISTENT"},
		"owners' names":          {func(m map[string]any) { m["access"] = map[string]any{"allPsd2": "allAccountsWithOwnerName"} }, "PARAMETER_NOT_SUPPORTED"},
		"all of something":       {func(m map[string]any) { m["access"] = map[string]any{"allPsd2": "everything"} }, "FORMAT_ERROR"},
		"not said whether again": {func(m map[string]any) { delete(m, "recurringIndicator") }, "FORMAT_ERROR"},
		"a past end":             {func(m map[string]any) { m["validUntil"] = "2026-11-17" }, "FORMAT_ERROR"},
		"an end that is no day":  {func(m map[string]any) { m["validUntil"] = "soon" }, "FORMAT_ERROR"},
		"five times a day":       {func(m map[string]any) { m["frequencyPerDay"] = 5 }, "FORMAT_ERROR"},
		"never":                  {func(m map[string]any) { m["frequencyPerDay"] = 0 }, "FORMAT_ERROR"},
		"once, four times a day": {func(m map[string]any) { m["recurringIndicator"] = false }, "FORMAT_ERROR"},
		"with payments":          {func(m map[string]any) { m["combinedServiceIndicator"] = true }, "SESSIONS_NOT_SUPPORTED"},
		"a member of nobody's":   {func(m map[string]any) { m["more"] = 1 }, "FORMAT_ERROR"},
		"text where a flag is":   {func(m map[string]any) { m["recurringIndicator"] = "true" }, "FORMAT_ERROR"},
	} {
		wants := xiheWants(xiheAny)
		c.change(wants)
		status, _, body := tt.xiheAsk(t, http.MethodPost, at, "", "", wants, nil, nil)
		if status != 400 || xiheCode(t, body) != c.code {
			t.Errorf("%s: %d %s, want %s", why, status, body, c.code)
		}
	}
	for why, before := range map[string]func(http.Header){
		"nobody's address":    func(h http.Header) { h.Del("PSU-IP-Address") },
		"a foreign redirect":  func(h http.Header) { h.Set("TPP-Redirect-URI", "https://evil.example/") },
		"no redirect":         func(h http.Header) { h.Del("TPP-Redirect-URI") },
		"embedded, if we may": func(h http.Header) { h.Set("TPP-Redirect-Preferred", "false") },
	} {
		if status, _, body := tt.xiheAsk(t, http.MethodPost, at, "", "", xiheWants(xiheAny), before, nil); status != 400 {
			t.Errorf("%s: %d %s", why, status, body)
		}
	}
}

func TestXiheBanksConsentsMoveOneWay(t *testing.T) {
	tt := startTown(t, 1)
	x, p := tt.Xihe(), tt.People()[4]
	status := func(id string) string {
		code, body := tt.xiheGet(t, "/consents/"+id+"/status", "")
		if code != 200 {
			t.Fatalf("status: %d %s", code, body)
		}
		return read[struct{ ConsentStatus string }](t, body).ConsentStatus
	}
	opens := func(id string) string {
		code, body := tt.xiheGet(t, "/accounts", id)
		if code == 200 {
			return ""
		}
		return xiheCode(t, body)
	}
	opened := tt.xiheOpen(t, x.RedirectAPIBase, xiheAny)
	if opened.ConsentStatus != "received" || status(opened.ConsentID) != "received" || opens(opened.ConsentID) != "CONSENT_INVALID" {
		t.Errorf("before the person has agreed: %+v", opened)
	}
	page := opened.Links["scaRedirect"].Href
	tt.login(t, page, p, "refuse", nil)
	if status(opened.ConsentID) != "rejected" || opens(opened.ConsentID) != "CONSENT_INVALID" {
		t.Error("a consent that was refused")
	}
	if res, _ := tt.do(t, get(t, page)); res.StatusCode != 400 {
		t.Errorf("the page of a decided consent: %d", res.StatusCode)
	}
	first := tt.xiheLink(t, p, xiheAny)
	if status(first) != "valid" || opens(first) != "" {
		t.Error("a consent that was agreed to opens nothing")
	}
	second := tt.xiheLink(t, p, map[string]any{"allPsd2": "allAccounts"})
	if status(first) != "expired" || opens(first) != "CONSENT_EXPIRED" || opens(second) != "" {
		t.Error("a recurring consent does not end the older one")
	}
	if err := tt.Withdraw(XiheBank, p.ID); err != nil || status(second) != "revokedByPsu" || opens(second) != "CONSENT_INVALID" {
		t.Errorf("revoked at the bank: %v", err)
	}
	third := tt.xiheLink(t, p, xiheAny)
	if code, _, _ := tt.xiheAsk(t, http.MethodDelete, x.RedirectAPIBase+"/consents/"+third, "", "", nil, nil, nil); code != 204 {
		t.Errorf("delete: %d", code)
	}
	if code, _, body := tt.xiheAsk(t, http.MethodDelete, x.RedirectAPIBase+"/consents/"+third, "", "", nil, nil, nil); code != 403 || xiheCode(t, body) != "CONSENT_UNKNOWN" {
		t.Errorf("deleted twice: %d %s", code, body)
	}
	if status(third) != "terminatedByTpp" || opens(third) != "CONSENT_INVALID" || opens("x") != "CONSENT_UNKNOWN" || opens("") != "FORMAT_ERROR" {
		t.Error("a deleted consent")
	}
	last := tt.xiheLink(t, p, xiheAny)
	_, body := tt.xiheGet(t, "/consents/"+last, "")
	told := read[struct {
		ValidUntil, ConsentStatus, LastActionDate string
		FrequencyPerDay                           int
		RecurringIndicator                        bool
		Access                                    struct {
			Accounts, Balances, Transactions []struct{ Bban, MaskedPan string }
		}
	}](t, body)
	if told.ValidUntil != "2027-03-01" || told.FrequencyPerDay != 4 || !told.RecurringIndicator || len(told.Access.Accounts) != 2 || len(told.Access.Transactions) != 2 {
		t.Errorf("%s", body)
	}
	tt.pass(180 * 24 * time.Hour)
	if status(last) != "expired" || opens(last) != "CONSENT_EXPIRED" {
		t.Error("a consent of half a year ago")
	}
	if res, body := tt.do(t, post(t, tt.xiheOpen2(t, "2027-12-31"), url.Values{"login": {"x"}})); res.StatusCode != 401 || !bytes.Contains(body, []byte("wrong")) {
		t.Errorf("a wrong login: %d", res.StatusCode)
	}
}

// xiheOpen2 opens a consent until a day, and answers its page.
func (tt *testTown) xiheOpen2(t *testing.T, until string) string {
	t.Helper()
	wants := xiheWants(xiheAny)
	wants["validUntil"] = until
	_, _, body := tt.xiheAsk(t, http.MethodPost, tt.Xihe().RedirectAPIBase+"/consents", "", "", wants, nil, nil)
	return read[xiheOpened](t, body).Links["scaRedirect"].Href
}

func TestXiheBankOpensWhatWasAgreedTo(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.world.people[4]
	own, credit := p.at(XiheBank, debitCard), p.at(XiheBank, creditCard)
	who := tt.People()[4]
	read := func(consent string, paths ...string) (codes []string) {
		for _, path := range paths {
			status, body := tt.xiheGet(t, path, consent)
			code := ""
			if status != 200 {
				code = xiheCode(t, body)
			}
			codes = append(codes, code)
		}
		return codes
	}
	list := func(consent, path, name string) int {
		_, body := tt.xiheGet(t, path, consent)
		var m map[string][]json.RawMessage
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatal(err)
		}
		return len(m[name])
	}
	rows := "/transactions?bookingStatus=both&dateFrom=2026-11-01"
	k := tt.xiheLink(t, who, xiheAny)
	if got := read(k, "/accounts/"+own.id, "/accounts/"+own.id+"/balances", "/accounts/"+own.id+rows, "/card-accounts/"+credit.id+rows); strings.Join(got, "") != "" {
		t.Errorf("all that was picked: %v", got)
	}
	if list(k, "/accounts", "accounts") != 1 || list(k, "/card-accounts", "cardAccounts") != 1 {
		t.Error("the lists are not of one account and one card")
	}
	if got := read(k, "/accounts/x/balances", "/accounts/"+credit.id+"/balances", "/accounts/"+tt.world.people[1].at(XiheBank, debitCard).id+"/balances"); strings.Join(got, " ") != "RESOURCE_UNKNOWN RESOURCE_UNKNOWN RESOURCE_UNKNOWN" {
		t.Errorf("what is not, is a card, and is somebody else's: %v", got)
	}
	k = tt.xiheLink(t, who, map[string]any{"balances": []any{map[string]string{"bban": own.number}}})
	if got := read(k, "/accounts/"+own.id+"/balances", "/accounts/"+own.id+rows, "/card-accounts/"+credit.id); strings.Join(got, " ") != " CONSENT_INVALID RESOURCE_UNKNOWN" {
		t.Errorf("one account's balances alone: %v", got)
	}
	k = tt.xiheLink(t, who, map[string]any{"availableAccounts": "allAccounts"})
	if got := read(k, "/accounts", "/accounts/"+own.id+rows); strings.Join(got, " ") != " CONSENT_INVALID" || list(k, "/accounts", "accounts") != 1 {
		t.Errorf("the list of available accounts: %v", got)
	}
	if _, body := tt.xiheGet(t, "/accounts", k); bytes.Contains(body, []byte("resourceId")) {
		t.Errorf("available accounts are addressable: %s", body)
	}
}

// TestXiheBankCountsReadingsWithoutThePerson: the fifth of a day is refused, of
// each thing by itself.
func TestXiheBankCountsReadingsWithoutThePerson(t *testing.T) {
	tt := startTown(t, 1)
	consent := tt.xiheLink(t, tt.People()[4], xiheAny)
	own := tt.world.people[4].at(XiheBank, debitCard)
	away := func(path string) (int, string) {
		status, h, body := tt.xiheAsk(t, http.MethodGet, tt.Xihe().RedirectAPIBase+path, consent, "", nil, func(h http.Header) { h.Del("PSU-IP-Address") }, nil)
		if status == 429 && (xiheCode(t, body) != "ACCESS_EXCEEDED" || h.Get("Retry-After") != "") {
			t.Errorf("%s %v", body, h)
		}
		return status, string(body)
	}
	rows := "/accounts/" + own.id + "/transactions?bookingStatus=both&dateFrom=2026-09-01"
	for i := range 6 {
		want := 200
		if i >= 4 {
			want = 429
		}
		for _, path := range []string{"/accounts", "/accounts/" + own.id + "/balances", rows} {
			if status, body := away(path); status != want {
				t.Errorf("%s, for the %dth time: %d %s", path, i+1, status, body)
			}
		}
	}
	if status, body := tt.xiheGet(t, "/accounts", consent); status != 200 {
		t.Errorf("with the person there: %d %s", status, body)
	}
	tt.pass(12 * time.Hour)
	if status, body := away("/accounts"); status != 200 {
		t.Errorf("the next day: %d %s", status, body)
	}
}

type xiheReport struct {
	Account      struct{ Bban string }
	Transactions struct {
		Booked, Pending []xiheShown
		Links           map[string]struct{ Href string } `json:"_links"`
	}
}

type xiheShown struct {
	TransactionID, EntryReference, BookingDate string
	TransactionAmount                          struct{ Currency, Amount string }
}

func (tt *testTown) xiheRows(t *testing.T, consent, path string) (booked, pending []xiheShown) {
	t.Helper()
	base := strings.TrimSuffix(tt.Xihe().RedirectAPIBase, xiheAt+"/redirect/psd2/v1")
	for u := tt.Xihe().RedirectAPIBase + path; u != base; {
		status, _, body := tt.xiheAsk(t, http.MethodGet, u, consent, "", nil, nil, nil)
		if status != 200 {
			t.Fatalf("%s: %d %s", u, status, body)
		}
		r := read[xiheReport](t, body)
		booked, pending = append(booked, r.Transactions.Booked...), append(pending, r.Transactions.Pending...)
		u = base + r.Transactions.Links["next"].Href
	}
	return booked, pending
}

// untilPending turns the clock until something of the account is pending, and
// answers the sum of it.
func (tt *testTown) untilPending(t *testing.T, a *account) (sum int64) {
	t.Helper()
	for range 100 {
		tt.world.read(tt.now(), func() {
			for _, e := range a.entries(tt.now()) {
				if e.pending {
					sum += e.amount
				}
			}
		})
		if sum != 0 {
			return sum
		}
		tt.pass(12 * time.Hour)
	}
	t.Fatal("nothing is pending in fifty days")
	return 0
}

// TestXiheBanksRows: every row once, by pages, by days, and by what is new; a
// card's payment is pending for a day without a transactionId.
func TestXiheBanksRows(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.world.people[4]
	own := p.at(XiheBank, debitCard)
	tt.untilPending(t, own)
	consent := tt.xiheLink(t, tt.People()[4], xiheAny)
	at := "/accounts/" + own.id + "/transactions?bookingStatus="
	all, pending := tt.xiheRows(t, consent, at+"both&dateFrom=2025-01-01")
	if len(all) <= xihePage || len(pending) == 0 {
		t.Fatalf("%d booked, %d pending: nothing is shown by that", len(all), len(pending))
	}
	var sum int64
	tt.world.read(tt.now(), func() { sum = int64(len(own.bankRows(tt.now()))) })
	if int64(len(all)+len(pending)) != sum {
		t.Errorf("%d booked and %d pending of %d", len(all), len(pending), sum)
	}
	for _, x := range pending {
		if x.TransactionID != "" || x.EntryReference == "" || x.BookingDate != "" || !strings.HasPrefix(x.TransactionAmount.Amount, "-") {
			t.Errorf("pending: %+v", x)
		}
	}
	for i, x := range all {
		if x.TransactionID == "" || x.EntryReference == "" || (i > 0 && x.BookingDate > all[i-1].BookingDate) {
			t.Errorf("booked: %+v", x)
		}
	}
	day, before := all[0].BookingDate, 0
	for _, x := range all {
		if x.BookingDate < day {
			before++
		}
	}
	until, _ := tt.xiheRows(t, consent, at+"booked&dateFrom=2025-01-01&dateTo="+day)
	from, _ := tt.xiheRows(t, consent, at+"booked&dateFrom="+day)
	if len(until) != len(all) || len(from) != len(all)-before {
		t.Errorf("by days, both inclusive: %d and %d of %d, %d of them before", len(until), len(from), len(all), before)
	}
	if alone, same := tt.xiheRows(t, consent, at+"pending&dateFrom=2025-01-01"); len(alone) != 0 || len(same) != len(pending) {
		t.Errorf("pending alone: %d and %d", len(alone), len(same))
	}
	news, still := tt.xiheRows(t, consent, at+"both&entryReferenceFrom="+all[2].EntryReference)
	if len(news) != 2 || news[0].TransactionID != all[0].TransactionID || len(still) != len(pending) {
		t.Errorf("after the third newest: %d booked, %d pending", len(news), len(still))
	}
	if list, _ := tt.xiheRows(t, consent, at+"both&deltaList=true"); len(list) != 0 {
		t.Errorf("%d rows came in no time", len(list))
	}
	tt.Ail(XiheBank, Trouble{Rebooked: true})
	_, renamed := tt.xiheRows(t, consent, at+"both&dateFrom=2026-11-01")
	tt.Heal()
	tt.pass(24 * time.Hour)
	if list, _ := tt.xiheRows(t, consent, at+"both&deltaList=true"); len(list) == 0 {
		t.Error("a day later the bank has nothing new")
	}
	later, _ := tt.xiheRows(t, consent, at+"both&dateFrom=2026-11-01")
	find := func(reference string) (n int) {
		for _, x := range later {
			if x.EntryReference == reference {
				n++
			}
		}
		return n
	}
	if find(pending[0].EntryReference) != 1 || find(renamed[0].EntryReference) != 0 {
		t.Error("a pending row is booked under its entryReference, unless the bank is in trouble")
	}
	for query, code := range map[string]string{
		"":                                  "FORMAT_ERROR",
		"both":                              "FORMAT_ERROR",
		"all&dateFrom=2026-11-01":           "PARAMETER_NOT_SUPPORTED",
		"both&dateFrom=1.11.2026":           "FORMAT_ERROR",
		"both&dateFrom=2026-11-05&dateTo=x": "FORMAT_ERROR",
		"both&dateFrom=2026-11-05&dateTo=2026-11-04":            "PERIOD_INVALID",
		"both&dateFrom=2026-11-05&dateTo=2027-12-04":            "PERIOD_INVALID",
		"both&dateFrom=2026-08-01":                              "PERIOD_INVALID", // the person's authentication is a day old
		"both&entryReferenceFrom=nothing":                       "RESOURCE_UNKNOWN",
		"both&entryReferenceFrom=x&deltaList=true":              "PARAMETER_NOT_CONSISTENT",
		"both&dateFrom=2026-11-05&pageIndex=9&asOf=1":           "FORMAT_ERROR",
		"both&dateFrom=2026-11-05&pageIndex=x&asOf=1":           "FORMAT_ERROR",
		"both&dateFrom=2026-11-05&pageIndex=1&asOf=99999999999": "FORMAT_ERROR",
	} {
		if status, body := tt.xiheGet(t, at+query, consent); status != 400 || xiheCode(t, body) != code {
			t.Errorf("%s: %d %s, want %s", query, status, body, code)
		}
	}
}

// TestXiheBanksBalances: booked and pending make up what stands, and a card
// owes what its rows say.
func TestXiheBanksBalances(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.world.people[4]
	own, credit := p.at(XiheBank, debitCard), p.at(XiheBank, creditCard)
	waits := tt.untilPending(t, own)
	consent := tt.xiheLink(t, tt.People()[4], xiheAny)
	stand := func(path string) map[string]int64 {
		_, body := tt.xiheGet(t, path, consent)
		got := read[struct {
			Balances []struct {
				BalanceType         string
				CreditLimitIncluded bool
				BalanceAmount       struct{ Currency, Amount string }
			}
		}](t, body)
		sums := map[string]int64{}
		for _, b := range got.Balances {
			var whole, part int64
			sign := int64(1)
			if _, err := fmt.Sscanf(strings.TrimPrefix(b.BalanceAmount.Amount, "-"), "%d.%d", &whole, &part); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(b.BalanceAmount.Amount, "-") {
				sign = -1
			}
			sums[b.BalanceType] = sign * (whole*100 + part)
		}
		return sums
	}
	b := stand("/accounts/" + own.id + "/balances")
	if b["interimBooked"]+waits != b["expected"] || b["expected"] != b["interimAvailable"] {
		t.Errorf("an account: %v", b)
	}
	waits = tt.untilPending(t, credit)
	c := stand("/card-accounts/" + credit.id + "/balances")
	if c["interimBooked"]-waits != c["expected"] || credit.limit-c["expected"] != c["interimAvailable"] || c["interimBooked"] <= 0 || c["nonInvoiced"] > c["interimBooked"] {
		t.Errorf("a card: %v of %d", c, credit.limit)
	}
}

func TestXiheBankByOAuth(t *testing.T) {
	tt := startTown(t, 1)
	x, p := tt.Xihe(), tt.People()[4]
	_, body := tt.do(t, get(t, x.Metadata))
	doc := read[struct{ Issuer, Authorization_endpoint, Token_endpoint string }](t, body)
	if doc.Issuer+"/.well-known/oauth-authorization-server" != x.Metadata {
		t.Errorf("%s", body)
	}
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	page := func(consent string, change func(url.Values)) string {
		q := url.Values{"response_type": {"code"}, "client_id": {x.ClientID}, "scope": {"AIS:" + consent}, "state": {"s-3"}, "redirect_uri": {callback},
			"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
		if change != nil {
			change(q)
		}
		return doc.Authorization_endpoint + "?" + q.Encode()
	}
	token := func(form url.Values) (int, bankTokens) {
		res, body := tt.do(t, post(t, doc.Token_endpoint, form))
		return res.StatusCode, read[bankTokens](t, body)
	}
	opened := tt.xiheOpen(t, x.APIBase, xiheAny)
	if opened.Links["scaOAuth"].Href != x.Metadata || opened.Links["scaRedirect"].Href != "" {
		t.Errorf("%+v", opened.Links)
	}
	for why, change := range map[string]func(url.Values){
		"another scope": func(q url.Values) { q.Set("scope", "AIS:x") }, "no PKCE": func(q url.Values) { q.Del("code_challenge") },
		"plain PKCE": func(q url.Values) { q.Set("code_challenge_method", "plain") }, "a token": func(q url.Values) { q.Set("response_type", "token") },
	} {
		res, _ := tt.do(t, get(t, page(opened.ConsentID, change)))
		if u, err := url.Parse(res.Header.Get("Location")); err != nil || u.Query().Get("error") == "" {
			t.Errorf("%s: %d to %s", why, res.StatusCode, res.Header.Get("Location"))
		}
	}
	for why, change := range map[string]func(url.Values){
		"another client": func(q url.Values) { q.Set("client_id", "x") }, "a foreign redirect": func(q url.Values) { q.Set("redirect_uri", "https://evil.example/") },
	} {
		if res, _ := tt.do(t, get(t, page(opened.ConsentID, change))); res.StatusCode != 400 || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d", why, res.StatusCode)
		}
	}
	back := tt.login(t, page(opened.ConsentID, nil), p, "agree", nil)
	code := back.Get("code")
	if code == "" || back.Get("state") != "s-3" || back.Get("iss") != doc.Issuer {
		t.Fatalf("the redirect brings %v", back)
	}
	grant := url.Values{"grant_type": {"authorization_code"}, "client_id": {x.ClientID}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	for why, change := range map[string]func(url.Values){
		"another verifier": func(f url.Values) { f.Set("code_verifier", strings.Repeat("w", 43)) },
		"another redirect": func(f url.Values) { f.Set("redirect_uri", callback+"x") },
		"another code":     func(f url.Values) { f.Set("code", "x") },
	} {
		f := url.Values{}
		for k, v := range grant {
			f[k] = v
		}
		change(f)
		if status, got := token(f); status != 400 || got.Error != "invalid_grant" {
			t.Errorf("%s: %d %s", why, status, got.Error)
		}
	}
	if status, got := token(url.Values{"grant_type": {"authorization_code"}, "client_id": {"x"}}); status != 401 || got.Error != "invalid_client" {
		t.Errorf("another client: %d %s", status, got.Error)
	}
	status, tokens := token(grant)
	if status != 200 || tokens.Refresh_token == "" {
		t.Fatalf("%d %+v", status, tokens)
	}
	ask := func(token, consent string) (int, string) {
		status, _, body := tt.xiheAsk(t, http.MethodGet, x.APIBase+"/accounts", consent, token, nil, nil, nil)
		if status == 200 {
			return status, ""
		}
		return status, xiheCode(t, body)
	}
	other := tt.xiheOpen(t, x.APIBase, xiheAny).ConsentID
	for _, c := range []struct {
		why, token, consent string
		status              int
		code                string
	}{
		{"as it is", "Bearer " + tokens.Access_token, opened.ConsentID, 200, ""},
		{"without a token", "", opened.ConsentID, 401, "TOKEN_UNKNOWN"},
		{"with another", "Bearer x", opened.ConsentID, 401, "TOKEN_UNKNOWN"},
		{"for another consent", "Bearer " + tokens.Access_token, other, 401, "TOKEN_INVALID"},
		{"a refresh token", "Bearer " + tokens.Refresh_token, opened.ConsentID, 401, "TOKEN_UNKNOWN"},
	} {
		if status, code := ask(c.token, c.consent); status != c.status || code != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.why, status, code, c.status, c.code)
		}
	}
	// A consent of one interface opens nothing at the other.
	if status, body := tt.xiheGet(t, "/accounts", opened.ConsentID); status != 400 || xiheCode(t, body) != "CONSENT_UNKNOWN" {
		t.Errorf("by redirect: %d %s", status, body)
	}
	tt.pass(10 * time.Minute)
	if status, code := ask("Bearer "+tokens.Access_token, opened.ConsentID); status != 401 || code != "TOKEN_EXPIRED" {
		t.Errorf("ten minutes later: %d %s", status, code)
	}
	if status, tokens = token(url.Values{"grant_type": {"refresh_token"}, "client_id": {x.ClientID}, "refresh_token": {tokens.Refresh_token}}); status != 200 {
		t.Fatalf("refresh: %d", status)
	}
	if status, code := ask("Bearer "+tokens.Access_token, opened.ConsentID); status != 200 {
		t.Errorf("refreshed: %d %s", status, code)
	}
	if status, got := token(grant); status != 400 || got.Error != "invalid_grant" {
		t.Errorf("a code twice: %d %s", status, got.Error)
	}
	if status, code := ask("Bearer "+tokens.Access_token, opened.ConsentID); status != 401 || code != "TOKEN_INVALID" {
		t.Errorf("a token whose code came twice: %d %s", status, code)
	}
}

func TestXiheBankIsInTrouble(t *testing.T) {
	tt := startTown(t, 1)
	consent := tt.xiheLink(t, tt.People()[4], xiheAny)
	own := tt.world.people[4].at(XiheBank, debitCard)
	for _, c := range []struct {
		why    string
		x      Trouble
		status int
		has    string
	}{
		{"down", Trouble{Down: true}, 503, ""},
		{"busy", Trouble{Busy: true}, 429, "ACCESS_EXCEEDED"},
		{"a stranger's", Trouble{Strangers: true}, 200, `"bban"`},
		{"no sums", Trouble{Amount: "NaN"}, 200, `"amount":"NaN"`},
		{"drifting", Trouble{Drift: true}, 200, `"balanceAmount_v2"`},
	} {
		tt.Ail(XiheBank, c.x)
		status, h, body := tt.xiheAsk(t, http.MethodGet, tt.Xihe().RedirectAPIBase+"/accounts/"+own.id+"/balances", consent, "", nil, nil, nil)
		if status != c.status || !bytes.Contains(body, []byte(c.has)) || (c.x.Strangers && bytes.Contains(body, []byte(own.number))) || (c.x.Busy && h.Get("Retry-After") != "2") {
			t.Errorf("%s: %d %v %s", c.why, status, h, body)
		}
	}
	tt.Ail(XiheBank, Trouble{Busy: true, NoWait: true})
	if _, h, _ := tt.xiheAsk(t, http.MethodGet, tt.Xihe().RedirectAPIBase+"/accounts", consent, "", nil, nil, nil); h.Get("Retry-After") != "" {
		t.Error("it says how long it is busy")
	}
}

// FuzzSealsAreChecked: no header that was not made with the key passes, and
// none fells the bank.
func FuzzSealsAreChecked(f *testing.F) {
	town, err := found(Config{Seed: 1}, sharedKeys())
	if err != nil {
		f.Fatal(err)
	}
	certificate := base64.StdEncoding.EncodeToString(town.certify().issued)
	f.Add(`keyId="SN=9FA1,CA=CN=Town%20QSealC%20CA,O=Mock%20Town,C=CN",algorithm="rsa-sha256",headers="digest x-request-id date",signature="AAAA"`, certificate, "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
	f.Add(`keyId="x"`, "AAAA", "")
	f.Fuzz(func(t *testing.T, signature, certificate, digest string) {
		h := http.Header{"Signature": {signature}, "Tpp-Signature-Certificate": {certificate}, "Digest": {digest},
			"X-Request-Id": {"x"}, "Date": {noon.UTC().Format(http.TimeFormat)}}
		if code := checkSeal(h, nil, noon, func(*x509.Certificate) string { return "" }); code == "" {
			t.Errorf("%q was taken", signature)
		}
	})
}
