package mock

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

type bankStatements struct {
	Data struct {
		Statement []struct {
			AccountId, StatementId, Type, StartDateTime, EndDateTime string
			StatementDateTime                                        []struct{ Type, DateTime string }
			StatementAmount                                          []struct {
				Type, CreditDebitIndicator string
				Amount                     struct{ Amount string }
			}
		}
	}
}

// other answers what the same bank gives in its other version.
func otherVersion(b BankAccess) BankAccess {
	was := b.Version
	b.Version = map[string]string{"v4.0": "v3.1", "v3.1": "v4.0"}[was]
	b.APIBase = strings.Replace(b.APIBase, was, b.Version, 1)
	return b
}

func TestABankSpeaksBothVersions(t *testing.T) {
	tt := startTown(t, 1)
	for i, first := range tt.Banks() {
		p := tt.People()[i]
		for _, b := range []BankAccess{first, otherVersion(first)} {
			_, tokens := tt.bankLink(t, b, p, append([]string{"ReadStatementsDetail"}, allPermissions...), nil, nil)
			_, body := tt.bankGet(t, b.APIBase+"/accounts", tokens.Access_token)
			said := string(body)
			card := map[string]string{"v4.0": `"AccountTypeCode":"CARD"`, "v3.1": `"AccountSubType":"CreditCard"`}
			for version, want := range card {
				if strings.Contains(said, want) != (version == b.Version) {
					t.Errorf("%s in %s: %s", b.ID, b.Version, said)
				}
			}
			id := tt.world.people[i].credit().id
			for path, want := range map[string]map[string]string{
				"/balances":     {"v4.0": `"Type":"ITBD"`, "v3.1": `"Type":"InterimBooked"`},
				"/transactions": {"v4.0": `"Status":"BOOK"`, "v3.1": `"Status":"Booked"`},
			} {
				_, body := tt.bankGet(t, b.APIBase+"/accounts/"+id+path, tokens.Access_token)
				for version, word := range want {
					if strings.Contains(string(body), word) != (version == b.Version) {
						t.Errorf("%s%s in %s has %s: %v", b.ID, path, b.Version, word, !(version == b.Version))
					}
				}
			}
			res, body := tt.bankGet(t, b.APIBase+"/accounts/nothing/balances", tokens.Access_token)
			want := map[string]string{"v4.0": `"U011"`, "v3.1": `"UK.OBIE.Resource.NotFound"`}[b.Version]
			if res.StatusCode != 400 || !strings.Contains(string(body), want) {
				t.Errorf("%s in %s, no such account: %d %s", b.ID, b.Version, res.StatusCode, body)
			}
		}
	}
}

func TestACardOfCreditHasStatements(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	_, tokens := tt.bankLink(t, b, p, []string{"ReadAccountsDetail", "ReadStatementsDetail"}, nil, nil)
	card := tt.world.people[0].credit()
	list := func(query string) bankStatements {
		res, body := tt.bankGet(t, b.APIBase+"/accounts/"+card.id+"/statements"+query, tokens.Access_token)
		if res.StatusCode != 200 {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		return read[bankStatements](t, body)
	}
	all := list("").Data.Statement
	if len(all) < 12 {
		t.Fatalf("%d statements in 14 months", len(all))
	}
	last := all[len(all)-1]
	sums := map[string]string{}
	for _, x := range last.StatementAmount {
		sums[x.Type] = x.CreditDebitIndicator + " " + x.Amount.Amount
	}
	owed := tt.world.people[0].credit().statements(noon)
	if want := "Debit " + yuan(owed[len(owed)-1].owed); sums["UK.OBIE.ClosingBalance"] != want || last.StartDateTime != "2026-10-01T00:00:00+08:00" ||
		last.EndDateTime != "2026-10-31T23:59:59+08:00" || last.StatementDateTime[0].Type != "UK.OBIE.PaymentDue" || last.StatementDateTime[0].DateTime != "2026-11-20T00:00:00+08:00" {
		t.Errorf("%+v, want %s", last, want)
	}
	// Both ends of a statement have to lie in what is asked for.
	for query, want := range map[string]int{
		"?fromStatementDateTime=2026-10-01T00:00:00":                                           1,
		"?fromStatementDateTime=2026-10-02":                                                    0,
		"?fromStatementDateTime=2026-09-01T00:00:00&toStatementDateTime=2026-10-15T00:00:00":   1,
		"?fromStatementDateTime=2026-10-01T00:00:00Z&toStatementDateTime=2026-10-31T23:59:59Z": 1, // a zone is ignored
	} {
		if got := len(list(query).Data.Statement); got != want {
			t.Errorf("%s: %d statements, want %d", query, got, want)
		}
	}
	if res, _ := tt.bankGet(t, b.APIBase+"/accounts/"+card.id+"/statements?fromStatementDateTime=soon", tokens.Access_token); res.StatusCode != 400 {
		t.Errorf("a date that is none: %d", res.StatusCode)
	}
	_, basic := tt.bankLink(t, b, p, []string{"ReadAccountsDetail", "ReadStatementsBasic"}, nil, nil)
	_, body := tt.bankGet(t, b.APIBase+"/accounts/"+card.id+"/statements", basic.Access_token)
	if strings.Contains(string(body), "StatementAmount") {
		t.Error("without ReadStatementsDetail no amounts are told")
	}
}

func TestAHybridAnswerIsSignedAndComesInTheFragment(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[1], tt.People()[1]
	consent := tt.consent(t, b, allPermissions, nil)
	page := strings.Replace(tt.bankPage(t, b, consent, func(_, body claims) { body["response_type"] = "code id_token" }),
		"response_type=code", "response_type="+url.QueryEscape("code id_token"), 1)
	res, _ := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {p.Password}, "decision": {"agree"}}))
	to, err := res.Location()
	if err != nil || to.RawQuery != "" {
		t.Fatalf("%d to %s", res.StatusCode, to)
	}
	said, err := url.ParseQuery(to.Fragment)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := b64.DecodeString(strings.Split(said.Get("id_token"), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	id := read[struct{ Iss, Aud, Nonce, C_hash, S_hash, Openbanking_intent_id string }](t, payload)
	if id.Iss != b.Issuer || id.Aud != b.ClientID || id.Nonce != "n-1" || id.Openbanking_intent_id != consent ||
		id.C_hash != halfOf(said.Get("code")) || id.S_hash != halfOf("s-3") || said.Get("state") != "s-3" {
		t.Errorf("%v: %s", said, payload)
	}
	status, _ := tt.bankToken(t, b, url.Values{"grant_type": {"authorization_code"}, "code": {said.Get("code")}, "redirect_uri": {callback}}, nil)
	if status != 200 {
		t.Errorf("the code is worth %d", status)
	}
}

func TestABankAsksForThePersonAgain(t *testing.T) {
	tt := startTown(t, 1)
	for i, b := range tt.Banks() {
		id, tokens := tt.bankLink(t, b, tt.People()[i], allPermissions, nil, nil)
		refreshed := func() string {
			_, got := tt.bankToken(t, b, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Refresh_token}}, nil)
			tokens = got
			return got.Access_token
		}
		tt.pass(bankByID(b.ID).proof - time.Hour)
		if res, _ := tt.bankGet(t, b.APIBase+"/accounts", refreshed()); res.StatusCode != 200 {
			t.Errorf("%s, before its time: %d", b.ID, res.StatusCode)
		}
		tt.pass(time.Hour)
		res, body := tt.bankGet(t, b.APIBase+"/accounts", refreshed())
		if want := map[string]string{"v4.0": "U028", "v3.1": "UK.OBIE.Reauthenticate"}[b.Version]; res.StatusCode != 403 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s, want %s", b.ID, res.StatusCode, body, want)
		}
		// The same consent is proven again, by the same person alone.
		stranger := tt.People()[i+4]
		if back := tt.login(t, tt.bankPage(t, b, id, nil), stranger, "agree", nil); back.Get("error") != "access_denied" {
			t.Errorf("%s: another person proves a consent: %v", b.ID, back)
		}
		back := tt.login(t, tt.bankPage(t, b, id, nil), tt.People()[i], "agree", nil)
		status, again := tt.bankToken(t, b, url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {callback}}, nil)
		if res, _ := tt.bankGet(t, b.APIBase+"/accounts", again.Access_token); status != 200 || res.StatusCode != 200 {
			t.Errorf("%s, proven again: %d, %d", b.ID, status, res.StatusCode)
		}
		if err := tt.Withdraw(b.ID, tt.People()[i].ID); err != nil {
			t.Fatal(err)
		}
		if res, _ := tt.bankGet(t, b.APIBase+"/accounts", again.Access_token); res.StatusCode != 403 {
			t.Errorf("%s, withdrawn: %d", b.ID, res.StatusCode)
		}
		_, body = tt.bankGet(t, b.APIBase+"/account-access-consents/"+id, tt.clientToken(t, b))
		if want := map[string]string{"v4.0": `"Status":"CANC"`, "v3.1": `"Status":"Revoked"`}[b.Version]; !strings.Contains(string(body), want) {
			t.Errorf("%s, withdrawn: %s", b.ID, body)
		}
	}
}

func TestAPendingRowMayHaveAnotherID(t *testing.T) {
	tt := startTown(t, 1)
	b, p := tt.Banks()[0], tt.People()[0]
	card := tt.world.people[0].credit()
	ids := func(status string) map[string]string { // by reference
		_, tokens := tt.bankLink(t, b, p, allPermissions, nil, nil)
		_, body := tt.bankGet(t, b.APIBase+"/accounts/"+card.id+"/transactions?fromBookingDateTime=2026-11-16", tokens.Access_token)
		out := map[string]string{}
		for _, x := range read[bankTransactions](t, body).Data.Transaction {
			if x.Status == status {
				out[x.TransactionReference] = x.TransactionId
			}
		}
		return out
	}
	for range 20 {
		if len(ids("PDNG")) > 0 {
			break
		}
		tt.pass(6 * time.Hour)
	}
	healthy := ids("PDNG")
	tt.Ail(b.ID, Trouble{Rebooked: true})
	for ref, id := range ids("PDNG") {
		if id == healthy[ref] {
			t.Errorf("the pending row %s has the id that it will have", id)
		}
	}
	tt.pass(24 * time.Hour)
	booked := ids("BOOK")
	for ref, id := range healthy {
		if booked[ref] != id {
			t.Errorf("pending %s was booked as %s", id, booked[ref])
		}
	}
	if len(healthy) == 0 {
		t.Error("nothing was pending: nothing was tested")
	}
}

// TestECNYIsTheSameOnBothSides: what goes into a wallet of 数字人民币 leaves a
// card, and what a shop's owner gets somebody paid.
func TestECNYIsTheSameOnBothSides(t *testing.T) {
	w := newWorld(3, founding(noon))
	w.until(noon)
	type side struct {
		ref string
		fen int64
	}
	there := map[side]int{}
	wallets, shops, filled := 0, 0, 0
	for _, p := range w.people {
		for _, a := range append(append([]*account(nil), p.cards...), p.further...) {
			for _, x := range a.rows {
				there[side{x.ref, x.amount}]++
			}
		}
	}
	for _, p := range w.people {
		a := p.ecny()
		if (a != nil) != (p.index%2 == 0) {
			t.Errorf("%s has a wallet: %v", p.id, a != nil)
		}
		if a == nil {
			continue
		}
		wallets++
		if len(a.number) != 16 || a.balance < 0 || len(a.rows) == 0 {
			t.Errorf("%s: wallet %q with %d rows holds %d", p.id, a.number, len(a.rows), a.balance)
		}
		for _, x := range a.rows {
			switch {
			case x.own == "数币兑换" || x.own == "数币兑回":
				if there[side{x.ref, -x.amount}] != 1 || x.other == nil {
					t.Fatalf("%s: %s of %d has no other side", p.id, x.info, x.amount)
				}
				filled++
			case x.amount > 0:
				if there[side{x.ref, -x.amount}] != 1 {
					t.Fatalf("%s was paid %d by nobody", p.id, x.amount)
				}
				shops++
			}
		}
	}
	if wallets < 6 || shops == 0 || filled < 100 {
		t.Errorf("%d wallets, %d payments at shops, %d fillings: too few to tell", wallets, shops, filled)
	}
}
