package mock

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FDXAccess is what an operator holds who has registered its software with the
// finance company, which speaks FDX 6.
type FDXAccess struct {
	ID        string
	ZH, EN    string
	API       string // "…/fdx/v6"
	Issuer    string
	PAR       string
	Authorize string
	Token     string
	ClientID  string
	ClientKey *rsa.PrivateKey // signs client assertions with PS256; the banks' own
	KeyID     string          // its kid
}

const (
	qingshiAPI  = "/qingshi/fdx/v6"
	qingshiAuth = "/qingshi/oauth2"

	fdxUsual = 50  // elements of a page where no limit is asked for
	fdxMost  = 200 // and at most
)

// Qingshi answers the operator's registration. It waits for the key.
func (t *Town) Qingshi() FDXAccess {
	b := bankByID(Qingshi)
	auth := t.cfg.BaseURL + qingshiAuth
	return FDXAccess{ID: b.id, ZH: b.zh, EN: b.en, API: t.cfg.BaseURL + qingshiAPI, Issuer: auth,
		PAR: auth + "/par", Authorize: auth + "/authorize", Token: auth + "/token",
		ClientID: t.qingshiClient(), ClientKey: t.keys.get(keyBankClient), KeyID: bankClientKeyID}
}

func (t *Town) qingshiClient() string {
	return "qsf-" + letters(seeded(t.cfg.Seed, "client of "+Qingshi), 18)
}

// fdxCall is one request to the finance company.
type fdxCall struct {
	t   *Town
	x   Trouble
	w   http.ResponseWriter
	r   *http.Request
	now time.Time
}

func (t *Town) serveQingshi(mux *http.ServeMux) {
	serve := func(pattern string, f func(fdxCall)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c := fdxCall{t: t, w: w, r: r, now: t.cfg.Now().In(beijing)}
			interaction := r.Header.Get("x-fapi-interaction-id")
			if interaction != "" && len(interaction) <= 36 {
				w.Header().Set("x-fapi-interaction-id", interaction)
			}
			if !strings.HasSuffix(pattern, "/authorize") {
				var here bool
				if c.x, here = t.ails(w, r, Qingshi); !here {
					return
				}
				switch {
				case c.x.Down:
					c.fail(http.StatusServiceUnavailable, "503", "Scheduled Maintenance")
					return
				case c.x.Busy:
					if !c.x.NoWait {
						w.Header().Set("Retry-After", "2")
					}
					c.fail(http.StatusTooManyRequests, "1207", "Too Many Requests")
					return
				}
			}
			if actor := r.Header.Get("FDX-API-Actor-Type"); strings.Contains(pattern, qingshiAPI) {
				switch {
				case len(interaction) != 36:
					c.fail(http.StatusBadRequest, "401", "Input invalid: x-fapi-interaction-id")
					return
				case actor != "" && actor != "USER" && actor != "BATCH":
					c.fail(http.StatusBadRequest, "401", "Input invalid: FDX-API-Actor-Type")
					return
				}
			}
			f(c)
		})
	}
	serve("POST "+qingshiAuth+"/par", fdxCall.push)
	serve("GET "+qingshiAuth+"/authorize", fdxCall.authorize)
	serve("POST "+qingshiAuth+"/authorize", fdxCall.authorize)
	serve("POST "+qingshiAuth+"/token", fdxCall.token)
	serve("GET "+qingshiAPI+"/consents/{consentId}", fdxCall.showGrant)
	serve("PUT "+qingshiAPI+"/consents/{consentId}/revocation", fdxCall.revoke)
	serve("GET "+qingshiAPI+"/consents/{consentId}/revocation", fdxCall.showRevocation)
	serve("GET "+qingshiAPI+"/accounts", fdxCall.accounts)
	serve("GET "+qingshiAPI+"/accounts/{accountId}", fdxCall.account)
	serve("GET "+qingshiAPI+"/accounts/{accountId}/transactions", fdxCall.transactions)
	serve("GET "+qingshiAPI+"/accounts/{accountId}/statements", fdxCall.statements)
}

func (c fdxCall) answer(status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, nil
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(c.x.spoil(text))
}

// fail is an Error entity.
func (c fdxCall) fail(status int, code, message string) {
	c.answer(status, map[string]string{"code": code, "message": message, "debugMessage": "town " + uuid()})
}

// fdxAmount is a sum as a JSON number.
func fdxAmount(fen int64) json.RawMessage { return json.RawMessage(yuan(fen)) }

// asPerson answers the grant that a request's token opens, for a cluster of
// data, or has refused it.
func (c fdxCall) asPerson(cluster string) (fdxGrant, bool) {
	held, ok := c.bearer()
	if !ok {
		return fdxGrant{}, false
	}
	g, known := c.t.state.fdxGrant(held.Consent)
	switch {
	case held.Consent == "":
		c.fail(http.StatusForbidden, "403", "Forbidden")
	case !known || g.status(c.now) != "ACTIVE" || !slices.Contains(g.Clusters, cluster):
		c.fail(http.StatusForbidden, "602", "Customer not authorized")
	default:
		return g, true
	}
	return fdxGrant{}, false
}

func (c fdxCall) bearer() (pass, bool) {
	text, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if ok {
		var held pass
		if held, ok = c.t.bearer(c.x, Qingshi, text, c.now); ok {
			return held, true
		}
	}
	c.w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	c.fail(http.StatusUnauthorized, "603", "Authentication failed")
	return pass{}, false
}

// of answers the grant's account of the path, or has refused it: of what is not
// in the grant nothing is told, not even that it is there.
func (c fdxCall) of(g fdxGrant) (*account, bool) {
	for _, a := range c.t.accounts() {
		if a.id == c.r.PathValue("accountId") && a.bank == Qingshi && slices.Contains(g.Accounts, a.id) {
			return c.t.instead(c.x, a), true
		}
	}
	c.fail(http.StatusNotFound, "701", "Account not found")
	return nil, false
}

// accounts is GET /accounts: descriptors, or details where they are asked for.
func (c fdxCall) accounts() {
	g, ok := c.asPerson("ACCOUNT_BASIC")
	if !ok {
		return
	}
	q := c.r.URL.Query()
	whole := q.Get("resultType") == "details"
	switch {
	case q.Has("resultType") && !whole && q.Get("resultType") != "lightweight":
		c.fail(http.StatusBadRequest, "401", "Input invalid: resultType")
		return
	case whole && !slices.Contains(g.Clusters, "ACCOUNT_DETAILED"):
		c.fail(http.StatusForbidden, "602", "Customer not authorized")
		return
	}
	wanted := g.Accounts
	if q.Has("accountIds") {
		wanted = strings.Split(q.Get("accountIds"), ",")
	}
	list := []map[string]any{}
	c.t.read(c.now, func() {
		for _, a := range c.t.accounts() {
			if a.bank == Qingshi && slices.Contains(g.Accounts, a.id) && slices.Contains(wanted, a.id) {
				list = append(list, c.describe(g, c.t.instead(c.x, a), whole))
			}
		}
	})
	if len(list) == 0 {
		c.fail(http.StatusNotFound, "701", "Account not found")
		return
	}
	c.page("accounts", listed(c.x, list))
}

// account is GET /accounts/{accountId}.
func (c fdxCall) account() {
	g, ok := c.asPerson("ACCOUNT_DETAILED")
	if !ok {
		return
	}
	a, ok := c.of(g)
	if !ok {
		return
	}
	var body map[string]any
	c.t.read(c.now, func() { body = c.describe(g, a, true) })
	c.answer(http.StatusOK, body)
}

// describe is an AccountDescriptor, or with details a LineOfCreditAccount or a
// LoanAccount. The caller reads the world.
func (c fdxCall) describe(g fdxGrant, a *account, whole bool) map[string]any {
	body := map[string]any{"accountId": a.id, "accountNumberDisplay": a.number[len(a.number)-4:], "productName": a.product,
		"status": "OPEN", "currency": map[string]string{"currencyCode": "CNY"}}
	if a.kind == loan {
		body["accountCategory"], body["accountType"] = "LOAN_ACCOUNT", "PERSONALLOAN"
	} else {
		body["accountCategory"], body["accountType"] = "LOC_ACCOUNT", "LINEOFCREDIT"
	}
	if !whole {
		return body
	}
	rows := a.bankRows(c.now)
	var owed, posted, interest int64 // in all; without what is pending; interest that no repayment has reached yet
	for _, x := range rows {
		owed -= x.amount
		if _, booked := c.booked(a, x); booked {
			posted -= x.amount
		}
		switch {
		case x.sub == "INTR":
			interest -= x.amount
		case x.amount > 0:
			interest = max(0, interest-x.amount)
		}
	}
	body["balanceAsOf"] = c.now.Format(time.RFC3339)
	body["balanceType"] = "LIABILITY"
	last, has := a.lastStatement(c.now)
	if a.kind == loan {
		body["originalPrincipal"], body["principalBalance"], body["payOffAmount"] = fdxAmount(a.limit), fdxAmount(owed-interest), fdxAmount(owed)
		if has && owed > 0 {
			due, on := last.due-last.paid, last.dueOn
			if last.settled() {
				due, on = min(owed, a.rate+owed/100), on.AddDate(0, 1, 0)
			}
			body["nextPaymentAmount"], body["nextPaymentDate"] = fdxAmount(due), on.Format(time.DateOnly)
		}
		return body
	}
	body["creditLine"], body["availableCredit"], body["currentBalance"] = fdxAmount(a.limit), fdxAmount(max(0, a.limit-owed)), fdxAmount(posted)
	if has && slices.Contains(g.Clusters, "BILLS") {
		// What stands on the statement, which no repayment changes any more.
		body["bills"] = []any{map[string]any{"totalPaymentDue": fdxAmount(last.due), "minimumPaymentDue": fdxAmount(last.minimum),
			"dueDate": last.dueOn.Format(time.DateOnly), "statementBalance": fdxAmount(-last.owed), "statementDate": last.to.Format(time.DateOnly)}}
	}
	return body
}

// booked answers when a row was posted: of a purchase a day after it was made.
func (c fdxCall) booked(a *account, x bankRow) (time.Time, bool) {
	at := x.at
	if a.kind == creditLine && x.sub == "POSP" {
		at = at.Add(24 * time.Hour)
	}
	return at, !at.After(c.now)
}

// page answers the rows that the request's offset and limit ask for. An offset
// holds the moment of the first page, since lists grow at their beginning.
func (c fdxCall) page(name string, rows []map[string]any) {
	q := c.r.URL.Query()
	limit, start := fdxUsual, 0
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil || n < 1 {
			c.fail(http.StatusBadRequest, "401", "Input invalid: limit")
			return
		}
		limit = min(n, fdxMost)
	}
	if q.Has("offset") {
		n, err := strconv.Atoi(strings.TrimPrefix(q.Get("offset"), "n"))
		if err != nil || n < 0 || n >= len(rows) {
			c.fail(http.StatusBadRequest, "401", "Input invalid: offset")
			return
		}
		start = len(rows) - n
	}
	end := min(start+limit, len(rows))
	meta := map[string]any{"totalElements": len(rows)}
	body := map[string]any{"page": meta, name: rows[start:end]}
	if end < len(rows) {
		next := "n" + strconv.Itoa(len(rows)-end) // counted from the end, which stays where it is
		meta["nextOffset"] = next
		q.Set("offset", next)
		body["links"] = map[string]any{"next": map[string]string{"href": c.r.URL.Path + "?" + q.Encode()}}
	}
	c.answer(http.StatusOK, body)
}
