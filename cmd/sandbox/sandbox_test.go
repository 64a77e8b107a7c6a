package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/openapi/client"
)

// begin starts a sandbox on free ports; data may be empty.
func begin(t *testing.T, data string) (*sandbox, Ready) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ready.json")
	s, err := start(t.Context(), flags{
		Addr: "localhost:0", TownAddr: "127.0.0.1:0", BankAddr: "127.0.0.1:0", Data: data, Ready: file,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var r Ready
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	return s, r
}

func end(t *testing.T, s *sandbox) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	s.kept(t)
}

// kept asks whether every answer was what the documents promise.
func (s *sandbox) kept(t *testing.T) {
	t.Helper()
	complain(t, s.violations.all())
}

func complain(t *testing.T, list []violation) {
	t.Helper()
	seen := map[string]bool{}
	for _, v := range list {
		if what := fmt.Sprintf("%s: %d: %s", v.Operation, v.Status, v.Wrong); !seen[what] {
			seen[what] = true
			t.Errorf("an answer that the document does not promise: %s", what)
		}
	}
}

func TestWhatTheReadyFilePromises(t *testing.T) {
	s, r := begin(t, "")
	defer func() {
		end(t, s)
		if _, err := os.Stat(s.data); !os.IsNotExist(err) {
			t.Errorf("the temporary folder is still there: %v", err)
		}
	}()
	if lines := strings.Count(s.greeting(), "\n"); lines > 20 {
		t.Errorf("the greeting has %d lines, want at most 20", lines)
	}
	if !strings.HasPrefix(r.Issuer, "http://localhost:") || r.API != r.Issuer+"/v1" {
		t.Errorf("issuer %s and api %s", r.Issuer, r.API)
	}
	for name, at := range map[string]string{"jali": r.Issuer, "api": r.API + "/sources", "town": r.Town, "bank": r.Bank, "sandbox": r.Sandbox + "/canaries"} {
		resp, err := http.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", name, resp.Status)
		}
	}
	if len(r.Clients) < 2 || r.Clients[0].ClientID == r.Clients[1].ClientID {
		t.Errorf("%d clients, want two that differ", len(r.Clients))
	}
	if len(r.People) < 3 || len(r.Canaries) < 50 {
		t.Errorf("%d people and %d canaries", len(r.People), len(r.Canaries))
	}
	for _, p := range r.People {
		sources := map[string]bool{}
		for _, a := range p.Accounts {
			sources[a.Source] = true
			if a.ID == "" || a.Name == "" {
				t.Errorf("an account of %s has no id or name", p.Name)
			}
		}
		if len(sources) < 3 {
			t.Errorf("%s has %d sources, want at least 3", p.Name, len(sources))
		}
	}
}

// ledger is the second client.
func ledger(t *testing.T, r Ready) *client.Client {
	t.Helper()
	key, err := client.ParseKey(r.Clients[1].JWKS)
	if err != nil {
		t.Fatal(err)
	}
	return &client.Client{Issuer: r.Issuer, ID: r.Clients[1].ClientID, Redirect: r.Clients[1].RedirectURI, Key: key, HTTP: http.DefaultClient}
}

var oneLook = client.AccountView{Datatypes: []client.Datatype{"balances"}, Purpose: "balance_overview", Uses: client.Uses{Limit: 1}}

// ask pushes a request of the second client and answers where to decide it.
func ask(t *testing.T, r Ready) (*client.Client, string) {
	t.Helper()
	c := ledger(t, r)
	asking, err := c.Push(t.Context(), oneLook)
	if err != nil {
		t.Fatal(err)
	}
	return c, asking.URL
}

// given goes with a client from its request to its tokens: the person says yes
// to these accounts, to all that are offered if there are none.
func given(t *testing.T, r Ready, c *client.Client, person string, wanted client.AccountView, accounts ...string) *client.Session {
	t.Helper()
	asking, err := c.Push(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	yes := request(t, r, asking.URL, person, "allow")
	if len(accounts) > 0 {
		yes["accounts"] = accounts
	}
	status, answer := decideOver(t, r, yes)
	to, err := url.Parse(answer["redirect_to"])
	if status != http.StatusOK || err != nil {
		t.Fatalf("no consent: %d %v %v", status, answer, err)
	}
	session, err := c.Redeem(t.Context(), asking, to.Query())
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// look opens a view with an Idempotency-Key.
func look(t *testing.T, s *client.Session, key string) (*client.View, error) {
	t.Helper()
	return s.OpenView(t.Context(), client.OpenViewParams{IdempotencyKey: key, PersonAddress: "127.0.0.1"}, client.Want{})
}

// decideOver posts to {sandbox}/consents.
func decideOver(t *testing.T, r Ready, d map[string]any) (status int, answer map[string]string) {
	t.Helper()
	return control(t, r, "/consents", d)
}

func control(t *testing.T, r Ready, path string, d map[string]any) (status int, answer map[string]string) {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(r.Sandbox+path, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(b, &members); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	answer = map[string]string{}
	for name, member := range members {
		if text, ok := member.(string); ok {
			answer[name] = text
		}
	}
	return resp.StatusCode, answer
}

func request(t *testing.T, r Ready, authorize, person, decision string) map[string]any {
	t.Helper()
	u, err := url.Parse(authorize)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"client_id": u.Query().Get("client_id"), "request_uri": u.Query().Get("request_uri"), "person": person, "decision": decision}
}

func TestADataFolderOutlivesTheProcess(t *testing.T) {
	data := t.TempDir()
	s, before := begin(t, data)
	end(t, s)
	s, after := begin(t, data) // on other ports
	defer end(t, s)
	if len(after.People) != len(before.People) || len(after.Clients) != len(before.Clients) {
		t.Fatalf("%d people and %d clients, there were %d and %d", len(after.People), len(after.Clients), len(before.People), len(before.Clients))
	}
	for i, p := range after.People {
		if p.ID != before.People[i].ID || !slices.Equal(p.Accounts, before.People[i].Accounts) {
			t.Errorf("%s is not who they were", p.Name)
		}
	}
	if after.Clients[1].ClientID != before.Clients[1].ClientID {
		t.Error("the client has another id")
	}
	// Passkeys still open what they opened, although the origin has moved.
	view, err := look(t, given(t, after, ledger(t, after), after.People[0].ID, oneLook), "a-key-of-16-chars")
	if err != nil {
		t.Fatal(err)
	}
	if !view.Complete || len(view.Accounts) != len(after.People[0].Accounts) {
		t.Errorf("the view is complete: %v, with %d accounts of %d", view.Complete, len(view.Accounts), len(after.People[0].Accounts))
	}
}

func TestWhoLeftMovesInAnew(t *testing.T) {
	data := t.TempDir()
	s, before := begin(t, data)
	leaving := consent.Session{Person: consent.PersonID(before.People[2].ID)}
	agreement, err := s.house.Consent.PrepareLeave(t.Context(), leaving)
	if err != nil {
		t.Fatal(err)
	}
	options := fmt.Sprintf(`{"challenge":%q,"rpId":"localhost","userVerification":"required"}`, base64.RawURLEncoding.EncodeToString(agreement.Challenge))
	yes, err := s.passkey.GetAs(s.state.People[2].Credential, before.Issuer, []byte(options))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.house.Consent.Leave(t.Context(), leaving, yes, nil); err != nil {
		t.Fatal(err)
	}
	end(t, s)
	s, after := begin(t, data)
	defer end(t, s)
	for i, p := range after.People {
		if stayed := p.ID == before.People[i].ID; stayed != (i != 2) {
			t.Errorf("%s is who they were: %v", p.Name, stayed)
		}
		if len(p.Accounts) != len(before.People[i].Accounts) {
			t.Errorf("%s has %d accounts, there were %d", p.Name, len(p.Accounts), len(before.People[i].Accounts))
		}
	}
}

func TestConsentsThatCannotBe(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	_, authorize := ask(t, r)
	person := r.People[0].ID
	for _, tt := range []struct {
		why    string
		change func(map[string]any)
		code   string
	}{
		{"nobody of that id", func(d map[string]any) { d["person"] = "somebody" }, "person_unknown"},
		{"neither yes nor no", func(d map[string]any) { d["decision"] = "maybe" }, "request_invalid"},
		{"a member that does not exist", func(d map[string]any) { d["persons"] = person }, "request_invalid"},
		{"a request that was never pushed", func(d map[string]any) { d["request_uri"] = "urn:ietf:params:oauth:request_uri:none" }, "request_not_found"},
		{"another client's request", func(d map[string]any) { d["client_id"] = r.Clients[0].ClientID }, "request_not_found"},
		{"an account that was not offered", func(d map[string]any) { d["accounts"] = []string{r.People[1].Accounts[0].ID} }, "choice_wider"},
		{"a day that is on no calendar", func(d map[string]any) { d["until"] = "2026-78-01" }, "request_invalid"},
		{"a day that is over", func(d map[string]any) { d["until"] = "2020-01-01" }, "choice_wider"},
		{"a period that was not asked for", func(d map[string]any) { d["period"] = map[string]any{"from": "1108-09-02", "to": "1108-09-01"} }, "choice_wider"},
		{"no account at all", func(d map[string]any) { d["accounts"] = []string{} }, "nothing_chosen"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			d := request(t, r, authorize, person, "allow")
			tt.change(d)
			if status, answer := decideOver(t, r, d); status < 400 || answer["code"] != tt.code {
				t.Errorf("answers %d %v, want %s", status, answer, tt.code)
			}
		})
	}
	// None of them spoilt the request.
	if status, answer := decideOver(t, r, request(t, r, authorize, person, "deny")); status != http.StatusOK || !strings.Contains(answer["redirect_to"], "error=access_denied") {
		t.Errorf("a no after all: %d %v", status, answer)
	}
}

// A person reads out the code on their page, is asked on their page, and
// decides there, by the same pages as anybody.
func TestARequestThatIsDecidedElsewhere(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	c, person := ledger(t, r), r.People[0].ID
	asked := func() *client.Asked {
		t.Helper()
		status, said := control(t, r, "/introductions", map[string]any{"person": person})
		if status != http.StatusOK || len(said["code"]) != 8 {
			t.Fatalf("the code: %d %v", status, said)
		}
		a, err := c.Ask(t.Context(), said["code"], "柜台 7", oneLook)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	wantPoll := func(a *client.Asked, code string) {
		t.Helper()
		var p *client.Problem
		if _, err := c.Fetch(t.Context(), a.ID); !errors.As(err, &p) || p.Code != code {
			t.Errorf("a poll is told %v, want %s", err, code)
		}
	}
	a := asked()
	wantPoll(a, "authorization_pending")
	yes := map[string]any{"auth_req_id": a.ID, "person": person, "decision": "allow"}
	for _, tt := range []struct {
		why    string
		change map[string]any
		code   string
	}{
		{"another person", map[string]any{"person": r.People[1].ID}, "request_not_found"},
		{"another request", map[string]any{"auth_req_id": "grant_x.y"}, "request_not_found"},
		{"both kinds of request", map[string]any{"request_uri": "urn:x"}, "request_invalid"},
		{"no account", map[string]any{"accounts": []string{}}, "nothing_chosen"},
	} {
		d := maps.Clone(yes)
		maps.Copy(d, tt.change)
		if status, answer := decideOver(t, r, d); status < 400 || answer["code"] != tt.code {
			t.Errorf("%s: %d %v, want %s", tt.why, status, answer, tt.code)
		}
	}
	if status, answer := decideOver(t, r, yes); status != http.StatusOK || answer["decision"] != "allow" {
		t.Fatalf("the yes: %d %v", status, answer)
	}
	session, err := c.Fetch(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if view, err := look(t, session, "a-key-of-16-chars"); err != nil || len(view.Accounts) != len(r.People[0].Accounts) {
		t.Errorf("%+v, %v", view, err)
	}
	if status, answer := decideOver(t, r, yes); status < 400 || answer["code"] != "request_not_found" {
		t.Errorf("decided twice: %d %v", status, answer)
	}

	b := asked()
	if status, answer := decideOver(t, r, map[string]any{"auth_req_id": b.ID, "person": person, "decision": "deny"}); status != http.StatusOK {
		t.Errorf("the no: %d %v", status, answer)
	}
	wantPoll(b, "access_denied")
	if status, answer := control(t, r, "/introductions", map[string]any{"person": "somebody"}); status < 400 || answer["code"] != "person_unknown" {
		t.Errorf("nobody's code: %d %v", status, answer)
	}
}

// A client that is pinged is told at the address it has registered, with the
// token that it sent for it, and fetches the tokens then.
func TestAPingArrives(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	type told struct{ bearer, kind, id string }
	pings := make(chan told, 9)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			ID string `json:"auth_req_id"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		pings <- told{r.Header.Get("Authorization"), r.Header.Get("Content-Type"), body.ID}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer app.Close()
	c := ledger(t, r)
	known, err := s.house.Consent.Client(t.Context(), consent.ClientID(c.ID))
	if err == nil {
		known.Delivery, known.NotificationURI = consent.Ping, app.URL
		err = s.house.Consent.PutClient(t.Context(), known)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, said := control(t, r, "/introductions", map[string]any{"person": r.People[0].ID})
	var p *client.Problem
	if _, err := c.Ask(t.Context(), said["code"], "W4SCT", oneLook); !errors.As(err, &p) || p.Code != "invalid_request" {
		t.Errorf("without a notification token: %v", err)
	}
	notify := func(p url.Values) { p.Set("client_notification_token", "known-by-this") }
	a, err := c.Ask(t.Context(), said["code"], "W4SCT", oneLook, notify)
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := decideOver(t, r, map[string]any{"auth_req_id": a.ID, "person": r.People[0].ID, "decision": "allow"}); status != http.StatusOK {
		t.Fatalf("the yes: %d %v", status, answer)
	}
	select {
	case got := <-pings:
		if got != (told{"Bearer known-by-this", "application/json", a.ID}) {
			t.Errorf("the ping is %+v", got)
		}
	case <-time.After(time.Minute):
		t.Fatal("no ping")
	}
	if _, err := c.Fetch(t.Context(), a.ID); err != nil {
		t.Error(err)
	}
}
