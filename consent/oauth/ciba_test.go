package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/jose"
	"jali/internal/kv"
)

// elsewhere is a house whose bank polls, and whose other client is pinged; the
// pings are what was queued.
func elsewhere(t testing.TB) (*house, *[]Ping) {
	h := open(t)
	pings := new([]Ping)
	h.server.Notify = func(_ kv.Tx, p Ping) error {
		*pings = append(*pings, p)
		return nil
	}
	h.consent.Decided = append(h.consent.Decided, h.server.Decided)
	h.consent.Leaving = append(h.consent.Leaving, h.server.PersonLeaves)
	h.deliver(h.bank, consent.Poll, "")
	h.deliver(h.other, consent.Ping, "https://other.example/told")
	return h, pings
}

func (h *house) deliver(a app, d consent.Delivery, uri string) {
	h.change(a, func(c *consent.Client) { c.Delivery, c.NotificationURI = d, uri })
}

// says is the code that the person reads out.
func (h *house) says() string {
	h.t.Helper()
	in, err := h.consent.Introduce(context.Background(), h.person)
	if err != nil {
		h.t.Fatal(err)
	}
	return in.Code
}

func (h *house) askForm(a app, hint, details string, params ...string) url.Values {
	f := h.form(a, "login_hint", hint, "authorization_details", details, "binding_message", "柜台 7 号")
	if a.id == h.other.id {
		f.Set("client_notification_token", "the-token/of+this.request~1==")
	}
	for i := 0; i < len(params); i += 2 {
		if f.Set(params[i], params[i+1]); params[i+1] == "" {
			f.Del(params[i])
		}
	}
	return f
}

// ask names the person and answers the auth_req_id and the request behind it.
func (h *house) ask(a app, details string, params ...string) (string, consent.GrantID) {
	h.t.Helper()
	got := h.post("/oauth/bc-authorize", h.askForm(a, h.says(), details, params...))
	id := got.text("auth_req_id")
	if got.status != http.StatusOK || id == "" {
		h.t.Fatalf("bc-authorize: %v", got)
	}
	request, _ := ownerOf(id)
	return id, consent.GrantID(request)
}

func (h *house) pollForm(a app, id string) url.Values {
	return h.form(a, "grant_type", cibaGrant, "auth_req_id", id)
}

func (h *house) poll(a app, id string) answer {
	h.t.Helper()
	return h.post("/oauth/token", h.pollForm(a, id), h.proof(a.dpop, "POST", issuer+"/oauth/token", "", nil))
}

func (h *house) wantPoll(why string, a app, id, code string) {
	h.t.Helper()
	if got := h.poll(a, id); code != "" {
		h.wantError(why, got, 400, code)
	} else if got.status != http.StatusOK {
		h.t.Errorf("%s: %v; want tokens", why, got)
	}
}

// answer does on their page what the person does.
func (h *house) answer(p consent.Session, request consent.GrantID, yes bool) error {
	ctx := context.Background()
	if _, err := h.consent.Show(ctx, p, request); err != nil {
		return err
	}
	if !yes {
		_, _, err := h.consent.Refuse(ctx, p, request)
		return err
	}
	offered := []consent.AccountID{"account_1", "account_2"}
	if _, err := h.consent.Prepare(ctx, p, request, consent.Choice{Accounts: offered[:1]}, offered); err != nil {
		return err
	}
	_, _, err := h.consent.Give(ctx, p, request, []byte("yes"))
	return err
}

func (h *house) yes(request consent.GrantID) {
	h.t.Helper()
	if err := h.answer(h.person, request, true); err != nil {
		h.t.Fatal(err)
	}
}

func TestCIBAPollFromTheCodeToData(t *testing.T) {
	h, pings := elsewhere(t)
	got := h.post("/oauth/bc-authorize", h.askForm(h.bank, h.says(), daily, "scope", "openid grant_management_query"))
	if got.status != http.StatusOK || got.json["expires_in"] != 300.0 || got.json["interval"] != 5.0 || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("bc-authorize: %v", got)
	}
	id := got.text("auth_req_id")
	owner, random := ownerOf(id)
	request := consent.GrantID(owner)
	if len(random) != 43 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		t.Errorf("auth_req_id = %q; want 256 random bits and the characters of section 7.3", id)
	}
	if strings.Contains(h.dump(), random) {
		t.Error("the auth_req_id is stored as it is")
	}
	waiting, err := h.consent.Waiting(t.Context(), h.person)
	if err != nil || len(waiting) != 1 || waiting[0].ID != request || waiting[0].Binding != "柜台 7 号" || waiting[0].Client != "client_bank" {
		t.Fatalf("the person sees %+v, %v", waiting, err)
	}
	h.wantPoll("before the person has answered", h.bank, id, "authorization_pending")
	h.yes(request)
	tokens := h.poll(h.bank, id)
	if tokens.status != http.StatusOK || tokens.text("token_type") != "DPoP" || tokens.json["expires_in"] != 900.0 ||
		tokens.text("grant_id") != string(request) || tokens.text("refresh_token") == "" || tokens.text("scope") != scopeQuery || tokens.json["id_token"] != nil {
		t.Fatalf("tokens: %v", tokens)
	}
	if caller, err := h.call(h.bank.dpop, tokens.text("access_token")); err != nil || caller.Grant != request {
		t.Errorf("Authenticate = %+v, %v", caller, err)
	}
	h.wantPoll("a second time", h.bank, id, "invalid_grant")
	refreshed := h.post("/oauth/token", h.form(h.bank, "grant_type", "refresh_token", "refresh_token", tokens.text("refresh_token")),
		h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil))
	if refreshed.status != http.StatusOK {
		t.Errorf("refresh: %v", refreshed)
	}
	if len(*pings) != 0 {
		t.Errorf("a client that polls was pinged: %v", *pings)
	}
}

// By the sub it was told, and no other, a client asks without a code.
func TestCIBAByASub(t *testing.T) {
	h, _ := elsewhere(t)
	ask := func(a app, hint string) answer { return h.post("/oauth/bc-authorize", h.askForm(a, hint, once)) }
	sub := h.server.Subject("person_1", h.bank.id)
	h.wantError("before the client has had a token", ask(h.bank, sub), 400, "unknown_user_id")
	tokens, _ := h.tokens(h.bank, once)
	if told := h.introspect(h.bank, tokens.text("access_token")).text("sub"); told != sub {
		t.Fatalf("introspection says %q", told)
	}
	got := ask(h.bank, sub)
	if got.status != http.StatusOK {
		t.Fatalf("by its sub: %v", got)
	}
	request, _ := ownerOf(got.text("auth_req_id"))
	h.yes(consent.GrantID(request))
	h.wantPoll("after the yes", h.bank, got.text("auth_req_id"), "")
	h.wantError("another client by the same sub", ask(h.other, sub), 400, "unknown_user_id")
	h.wantError("the sub of another client", ask(h.bank, h.server.Subject("person_1", h.other.id)), 400, "unknown_user_id")
	h.wantError("the person's id", ask(h.bank, "person_1"), 400, "unknown_user_id")

	a, err := h.consent.PrepareLeave(t.Context(), h.person)
	if err != nil {
		t.Fatal(err, a)
	}
	if _, err := h.consent.Leave(t.Context(), h.person, []byte("yes"), nil); err != nil {
		t.Fatal(err)
	}
	h.wantError("of somebody who has left", ask(h.bank, sub), 400, "unknown_user_id")
	if strings.Contains(h.dump(), sub) {
		t.Error("their sub is still stored")
	}
}

func TestCIBAPing(t *testing.T) {
	h, pings := elsewhere(t)
	for _, yes := range []bool{true, false} {
		*pings = nil
		id, request := h.ask(h.other, once)
		if dump := h.dump(); strings.Contains(dump, "the-token/of") || strings.Contains(dump, id) {
			t.Error("auth_req_id or notification token is stored as it is")
		}
		h.wantPoll("a client that is pinged may poll, too", h.other, id, "authorization_pending")
		if len(*pings) != 0 {
			t.Fatal("pinged before there was an answer")
		}
		if err := h.answer(h.person, request, yes); err != nil {
			t.Fatal(err)
		}
		if len(*pings) != 1 {
			t.Fatalf("%d pings, want one", len(*pings))
		}
		p := (*pings)[0]
		if p.ID == "" || strings.Contains(p.ID, ".") || p.Client != "client_other" || p.Request != request || !p.At.Equal(h.clock.now().Truncate(time.Microsecond)) {
			t.Errorf("the ping is %+v", p)
		}
		bearer, body, err := h.server.Notification(p.Request, p.Sealed)
		if err != nil || bearer != "the-token/of+this.request~1==" || string(body) != `{"auth_req_id":"`+id+`"}` {
			t.Errorf("Notification = %q, %s, %v", bearer, body, err)
		}
		if _, _, err := h.server.Notification("grant_other", p.Sealed); err == nil {
			t.Error("a ping opens for another request")
		}
		if yes {
			h.wantPoll("after the ping", h.other, id, "")
		} else {
			h.wantPoll("after the ping", h.other, id, "access_denied")
		}
	}
}

// A decision whose ping cannot be queued did not happen.
func TestCIBAPingAndDecisionAreOne(t *testing.T) {
	h, _ := elsewhere(t)
	id, request := h.ask(h.other, once)
	full := errors.New("no room")
	h.server.Notify = func(kv.Tx, Ping) error { return full }
	if err := h.answer(h.person, request, true); !errors.Is(err, full) {
		t.Errorf("Give = %v", err)
	}
	h.wantPoll("it is undecided", h.other, id, "authorization_pending")
}

func TestCIBARefusesRequests(t *testing.T) {
	h, _ := elsewhere(t)
	jkt := h.bank.dpop.Public().Thumbprint()
	long := strings.Repeat("t", 1025)
	for _, tt := range []struct {
		why    string
		as     app
		params []string
		code   string // empty: accepted
	}{
		{"as it should be", h.bank, nil, ""},
		{"without a binding message", h.bank, []string{"binding_message", ""}, ""},
		{"openid, which other servers want", h.bank, []string{"scope", "openid"}, ""},
		{"a second", h.bank, []string{"requested_expiry", "1"}, ""},
		{"longer than is given", h.bank, []string{"requested_expiry", "86400"}, ""},
		{"dpop_jkt", h.bank, []string{"dpop_jkt", jkt}, ""},
		{"a token that nobody needs", h.bank, []string{"client_notification_token", "x"}, ""},
		{"a user code, which nobody asked for", h.bank, []string{"user_code", "1234"}, ""},
		{"a notification token of 1024", h.other, []string{"client_notification_token", long[:1024]}, ""},

		{"no hint", h.bank, []string{"login_hint", ""}, "invalid_request"},
		{"a login_hint_token beside", h.bank, []string{"login_hint_token", "x"}, "invalid_request"},
		{"an id_token_hint beside", h.bank, []string{"id_token_hint", "x"}, "invalid_request"},
		{"an id_token_hint instead", h.bank, []string{"login_hint", "", "id_token_hint", "x"}, "invalid_request"},
		{"nobody", h.bank, []string{"login_hint", "nobody"}, "unknown_user_id"},
		{"a code that was not given", h.bank, []string{"login_hint", "00000000"}, "unknown_user_id"},
		{"a hint beyond all bounds", h.bank, []string{"login_hint", strings.Repeat("x", 5000)}, "unknown_user_id"},
		{"a message of two lines", h.bank, []string{"binding_message", "a\nb"}, "invalid_binding_message"},
		{"a message that turns the writing round", h.bank, []string{"binding_message", "a\u202eb"}, "invalid_binding_message"},
		{"a message of 61 characters", h.bank, []string{"binding_message", strings.Repeat("语", 61)}, "invalid_binding_message"},
		{"no time at all", h.bank, []string{"requested_expiry", "0"}, "invalid_request"},
		{"less than none", h.bank, []string{"requested_expiry", "-5"}, "invalid_request"},
		{"half a second", h.bank, []string{"requested_expiry", "0.5"}, "invalid_request"},
		{"no number", h.bank, []string{"requested_expiry", "soon"}, "invalid_request"},
		{"an unknown scope", h.bank, []string{"scope", "openid profile"}, "invalid_scope"},
		{"no authorization_details", h.bank, []string{"authorization_details", ""}, "invalid_request"},
		{"of another type", h.bank, []string{"authorization_details", `[{"type":"payment"}]`}, "invalid_authorization_details"},
		{"beyond the purpose", h.bank, []string{"authorization_details", strings.Replace(once, `{"limit":1}`, `{"limit":99,"per":"day"}`, 1)}, "invalid_authorization_details"},
		{"another resource", h.bank, []string{"resource", "https://evil.example"}, "invalid_target"},
		{"a request_uri", h.bank, []string{"request_uri", "https://bank.example/r"}, "invalid_request"},
		{"dpop_jkt that is no thumbprint", h.bank, []string{"dpop_jkt", "x"}, "invalid_request"},
		{"pinged, and no token", h.other, []string{"client_notification_token", ""}, "invalid_request"},
		{"a notification token of 1025", h.other, []string{"client_notification_token", long}, "invalid_request"},
		{"a notification token that is no bearer token", h.other, []string{"client_notification_token", "a b"}, "invalid_request"},
		{"a notification token that ends a header", h.other, []string{"client_notification_token", "a\r\nX: y"}, "invalid_request"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h.person.Person = consent.PersonID("person of " + tt.why) // so many may wait for one
			h.clock.pass(time.Minute)                                 // and so many guesses are free
			form := h.askForm(tt.as, h.says(), once, tt.params...)
			before := h.rows()
			got := h.post("/oauth/bc-authorize", form)
			if tt.code == "" {
				if got.status != 200 || got.text("auth_req_id") == "" || got.json["expires_in"].(float64) > 900 {
					t.Errorf("got %v; want an auth_req_id", got)
				}
				return
			}
			h.wantError(tt.why, got, 400, tt.code)
			if h.rows() != before {
				t.Error("something was stored")
			}
		})
	}
	h.deliver(h.bank, "", "")
	h.wantError("a client without delivery", h.post("/oauth/bc-authorize", h.askForm(h.bank, h.says(), once)), 400, "unauthorized_client")
	h.wantPoll("and its poll", h.bank, "grant_x.y", "unauthorized_client")
	h.wantError("nobody in particular", h.post("/oauth/bc-authorize", url.Values{"login_hint": {"x"}}), 401, "invalid_client")
	if got := h.get("/oauth/bc-authorize"); got.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v", got)
	}
}

func TestCIBARefusesPolls(t *testing.T) {
	h, _ := elsewhere(t)
	h.deliver(h.other, consent.Poll, "")
	id, request := h.ask(h.bank, once)
	owner, _ := ownerOf(id)
	h.wantPoll("nothing", h.bank, "", "invalid_request")
	h.wantPoll("what was never given", h.bank, owner+"."+s256("x"), "invalid_grant")
	h.wantPoll("without the request", h.bank, s256("x"), "invalid_grant")
	h.wantPoll("another client's", h.other, id, "invalid_grant")
	h.wantError("with a scope", h.post("/oauth/token", func() url.Values {
		f := h.pollForm(h.bank, id)
		f.Set("scope", scopeQuery)
		return f
	}(), h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)), 400, "invalid_scope")
	h.wantError("without a proof", h.post("/oauth/token", h.pollForm(h.bank, id)), 400, "invalid_dpop_proof")
	h.wantPoll("its own", h.bank, id, "authorization_pending")
	h.yes(request)
	h.wantPoll("another client's, after the yes", h.other, id, "invalid_grant")
	h.wantPoll("its own, after the yes", h.bank, id, "")
}

func TestCIBAIsBoundToTheKeyThatAsked(t *testing.T) {
	h, _ := elsewhere(t)
	got := h.post("/oauth/bc-authorize", h.askForm(h.bank, h.says(), once), h.proof(h.bank.dpop, "POST", issuer+"/oauth/bc-authorize", "", nil))
	id := got.text("auth_req_id")
	request, _ := ownerOf(id)
	h.yes(consent.GrantID(request))
	thief := h.bank
	thief.dpop = must(jose.Generate(jose.ES256))
	h.wantPoll("with another key", thief, id, "invalid_grant")
	h.wantPoll("with the key", h.bank, id, "")
}

func TestCIBAInterval(t *testing.T) {
	h, _ := elsewhere(t)
	id, request := h.ask(h.bank, once)
	for _, step := range []struct {
		after time.Duration
		code  string
	}{
		{0, "authorization_pending"}, // the first may come at once
		{5 * time.Second, "authorization_pending"},
		{4500 * time.Millisecond, "authorization_pending"}, // hurried by the network
		{4 * time.Second, "slow_down"},                     // 10 s from now on
		{9 * time.Second, "slow_down"},                     // 15 s
		{10 * time.Second, "slow_down"},                    // 20 s
		{20 * time.Second, "authorization_pending"},
		{0, "slow_down"},
	} {
		h.clock.pass(step.after)
		h.wantPoll("after "+step.after.String(), h.bank, id, step.code)
	}
	h.yes(request)
	h.wantPoll("too soon, but there is an answer", h.bank, id, "")
}

func TestCIBAExpires(t *testing.T) {
	h, _ := elsewhere(t)
	for _, tt := range []struct {
		why     string
		asked   string
		after   time.Duration
		decided bool
		code    string
	}{
		{"at T-1", "60", 59 * time.Second, false, "authorization_pending"},
		{"at T", "60", 60 * time.Second, false, "expired_token"},
		{"at T+1", "60", 61 * time.Second, false, "expired_token"},
		{"decided, at T-1", "60", 59 * time.Second, true, ""},
		{"decided, at T", "60", 60 * time.Second, true, "expired_token"},
		{"by default at T-1", "", 299 * time.Second, false, "authorization_pending"},
		{"by default at T", "", 300 * time.Second, false, "expired_token"},
		{"at most at T-1", "86400", 899 * time.Second, false, "authorization_pending"},
		{"at most at T", "86400", 900 * time.Second, false, "expired_token"},
		{"after a while nothing is known of it", "60", 60*time.Second + decoupledStays, false, "invalid_grant"},
	} {
		h.person.Person = consent.PersonID("person of " + tt.why)
		id, request := h.ask(h.bank, once, "requested_expiry", tt.asked)
		if tt.decided {
			h.yes(request)
		}
		h.clock.pass(tt.after)
		if _, err := h.consent.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.clock.pass(time.Microsecond)
		if err := h.server.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.clock.pass(-time.Microsecond)
		h.wantPoll(tt.why, h.bank, id, tt.code)
	}
}

// The person may answer until one poll before the end, so that it is fetched.
func TestCIBALastMoment(t *testing.T) {
	h, _ := elsewhere(t)
	id, request := h.ask(h.bank, once, "requested_expiry", "60")
	_, late := h.ask(h.bank, once, "requested_expiry", "60")
	h.clock.pass(55*time.Second - time.Microsecond)
	h.yes(request)
	h.clock.pass(time.Microsecond)
	if err := h.answer(h.person, late, true); !errors.Is(err, consent.ErrLapsed) {
		t.Errorf("at the last moment = %v; want %v", err, consent.ErrLapsed)
	}
	h.clock.pass(5*time.Second - time.Microsecond)
	h.wantPoll("one poll later", h.bank, id, "")
}

func TestCIBAIsDecidedByThePersonAlone(t *testing.T) {
	h, _ := elsewhere(t)
	id, request := h.ask(h.bank, once)
	stranger := consent.Session{ID: "t", Person: "person_2"}
	for _, yes := range []bool{true, false} {
		if err := h.answer(stranger, request, yes); !errors.Is(err, consent.ErrNoGrant) {
			t.Errorf("another person's answer: %v; want %v", err, consent.ErrNoGrant)
		}
	}
	if list, err := h.consent.Waiting(t.Context(), stranger); err != nil || len(list) != 0 {
		t.Errorf("another person sees %v, %v", list, err)
	}
	if got := h.get("/oauth/authorize?" + url.Values{"client_id": {h.bank.id}, "request_uri": {requestURIPrefix + string(request)}}.Encode()); got.status != 400 {
		t.Errorf("it opens in a browser: %v", got)
	}
	h.wantPoll("nobody has answered", h.bank, id, "authorization_pending")
}

func TestCIBASaidNo(t *testing.T) {
	h, _ := elsewhere(t)
	id, request := h.ask(h.bank, once)
	if err := h.answer(h.person, request, false); err != nil {
		t.Fatal(err)
	}
	h.wantPoll("refused", h.bank, id, "access_denied")
	h.wantPoll("and again", h.bank, id, "access_denied")

	id, request = h.ask(h.bank, once)
	h.yes(request)
	if _, err := h.consent.Revoke(t.Context(), h.person, request); err != nil {
		t.Fatal(err)
	}
	h.wantPoll("taken back before it was fetched", h.bank, id, "access_denied")

	id, _ = h.ask(h.bank, once)
	if _, err := h.consent.PrepareLeave(t.Context(), h.person); err != nil {
		t.Fatal(err)
	}
	if _, err := h.consent.Leave(t.Context(), h.person, []byte("yes"), nil); err != nil {
		t.Fatal(err)
	}
	h.wantPoll("the person has left, which is nobody's business", h.bank, id, "authorization_pending")
	h.clock.pass(decoupledLife)
	h.wantPoll("and it ends", h.bank, id, "expired_token")
}

// A person who has paused a client is not bothered by it, and it does not
// learn that.
func TestCIBAOfAPausedClient(t *testing.T) {
	h, _ := elsewhere(t)
	if err := h.consent.Pause(t.Context(), h.person, "client_bank"); err != nil {
		t.Fatal(err)
	}
	id, _ := h.ask(h.bank, once)
	if list, err := h.consent.Waiting(t.Context(), h.person); err != nil || len(list) != 0 {
		t.Errorf("the person sees %v, %v", list, err)
	}
	h.wantPoll("the client", h.bank, id, "authorization_pending")
}

func TestCIBAOnePollGetsTheTokens(t *testing.T) {
	h, _ := elsewhere(t)
	h.bank.dpop = must(jose.Generate(jose.Ed25519)) // quick to sign with
	const requests, tries = 5, 64
	for range requests {
		id, request := h.ask(h.bank, daily)
		h.yes(request)
		var gave, refused, other atomic.Int32
		var all sync.WaitGroup
		for range tries {
			form, proof := h.pollForm(h.bank, id), h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)
			all.Go(func() {
				switch w := h.direct("/oauth/token", form, proof); {
				case w.Code == http.StatusOK:
					gave.Add(1)
				case w.Code == 400 && strings.Contains(w.Body.String(), `"invalid_grant"`):
					refused.Add(1)
				default:
					other.Add(1)
				}
			})
		}
		all.Wait()
		if gave.Load() != 1 || refused.Load() != tries-1 || other.Load() != 0 {
			t.Errorf("%d got tokens, %d invalid_grant, %d something else", gave.Load(), refused.Load(), other.Load())
		}
	}
}

// A code opens one request, however many clients and requests try it at once.
func TestCIBACodeIsUsedOnce(t *testing.T) {
	h, _ := elsewhere(t)
	code := h.says()
	var took, unknown, other atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		form := h.askForm([]app{h.bank, h.other}[i%2], code, once)
		all.Go(func() {
			switch w := h.direct("/oauth/bc-authorize", form, ""); {
			case w.Code == http.StatusOK:
				took.Add(1)
			case strings.Contains(w.Body.String(), `"unknown_user_id"`):
				unknown.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	all.Wait()
	if took.Load() != 1 || unknown.Load() != 7 || other.Load() != 0 {
		t.Errorf("%d requests, %d unknown_user_id, %d something else", took.Load(), unknown.Load(), other.Load())
	}
}

// Guessing at codes is stopped, at a right one too, and for that client alone;
// right codes and subs cost nothing.
func TestCIBAGuessing(t *testing.T) {
	h, _ := elsewhere(t)
	ask := func(a app, hint string) answer { return h.post("/oauth/bc-authorize", h.askForm(a, hint, once)) }
	for range 2 * wrongCodes.Burst {
		h.person.Person += "+"
		if got := ask(h.bank, h.says()); got.status != http.StatusOK {
			t.Fatalf("a right code: %v", got)
		}
		h.wantError("a wrong sub", ask(h.bank, "x"), 400, "unknown_user_id")
	}
	right := h.says()
	for range wrongCodes.Burst {
		h.wantError("a wrong code", ask(h.bank, "00000000"), 400, "unknown_user_id")
	}
	for _, code := range []string{"00000000", right} {
		got := ask(h.bank, code)
		if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
			t.Errorf("after too many: %v", got)
		}
	}
	if got := ask(h.other, right); got.status != http.StatusOK {
		t.Errorf("another client: %v", got)
	}
	h.clock.pass(wrongCodes.Every)
	if got := ask(h.bank, h.says()); got.status != http.StatusOK {
		t.Errorf("after a while: %v", got)
	}
}

// Right codes are taken however many come at once, and of wrong ones that come
// at once no more are answered than one after the other.
func TestCIBAGuessingAtOnce(t *testing.T) {
	h, _ := elsewhere(t)
	atOnce := func(codes []string) (statuses map[int]int) {
		forms := make([]url.Values, len(codes)) // each has an assertion of its own
		for i, code := range codes {
			forms[i] = h.askForm(h.bank, code, once)
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		statuses = map[int]int{}
		for _, form := range forms {
			all.Go(func() {
				w := h.direct("/oauth/bc-authorize", form, "")
				mu.Lock()
				defer mu.Unlock()
				statuses[w.Code]++
			})
		}
		all.Wait()
		return statuses
	}
	many := 4 * wrongCodes.Burst
	var right, wrong []string
	for range many {
		h.person.Person += "+"
		right, wrong = append(right, h.says()), append(wrong, "00000000")
	}
	if got := atOnce(right); got[http.StatusOK] != many {
		t.Errorf("%d right codes: %v", many, got)
	}
	if got := atOnce(wrong); got[http.StatusBadRequest] != wrongCodes.Burst || got[http.StatusTooManyRequests] != many-wrongCodes.Burst {
		t.Errorf("%d wrong codes: %v; want %d answered", many, got, wrongCodes.Burst)
	}
}

func TestCIBAManyRequestsWait(t *testing.T) {
	h, _ := elsewhere(t)
	for range 3 {
		h.ask(h.bank, once)
	}
	got := h.post("/oauth/bc-authorize", h.askForm(h.bank, h.says(), once))
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("a fourth request: %v", got)
	}
	h.ask(h.other, once)
}

func TestCIBASweepLeavesNothing(t *testing.T) {
	h, _ := elsewhere(t)
	id, request := h.ask(h.other, once)
	h.yes(request)
	h.wantPoll("fetched", h.other, id, "")
	h.ask(h.other, once)
	h.clock.pass(longestAsked + decoupledStays)
	if err := h.server.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.rows(); n != 2 {
		t.Errorf("%d rows are left; want the two by which the client may name the person\n%s", n, h.dump())
	}
}

// FuzzAskDecoupled holds that whatever is sent, the answer is one of section
// 7.3 or 13 and never a fault of ours.
func FuzzAskDecoupled(f *testing.F) {
	f.Add("00000000", "柜台", "300", "openid", "x")
	f.Add("\x00", "a\nb", "-1", "  ", strings.Repeat("=", 2000))
	h, _ := elsewhere(f)
	f.Fuzz(func(t *testing.T, hint, binding, expiry, scope, token string) {
		h.clock.pass(time.Minute)
		w := h.direct("/oauth/bc-authorize", h.askForm(h.other, hint, once, "binding_message", binding, "requested_expiry", expiry,
			"scope", scope, "client_notification_token", token), "")
		var said m
		if w.Code != 400 || json.Unmarshal(w.Body.Bytes(), &said) != nil || said["error"] == nil {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
