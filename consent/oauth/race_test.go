package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
)

// direct serves a POST without a network between.
func (h *house) direct(path string, form url.Values, proof string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://inside"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	w := httptest.NewRecorder()
	h.http.Config.Handler.ServeHTTP(w, r)
	return w
}

// races is how often a race is run; each must end in the same way every time.
const races = 200

// atOnce lets n of f go at the same moment, in each of 200 races, of which a
// few run side by side and so meet in storage too.
func atOnce(n int, f func(race, i int)) {
	var all sync.WaitGroup
	lanes := make(chan struct{}, 4)
	for race := range races {
		lanes <- struct{}{}
		all.Go(func() {
			defer func() { <-lanes }()
			var these sync.WaitGroup
			start := make(chan struct{})
			for i := range n {
				these.Go(func() { <-start; f(race, i) })
			}
			close(start)
			these.Wait()
		})
	}
	all.Wait()
}

// runner is a client that authenticates by its certificate and has its tokens
// bound to it: nothing is signed while it races, so that what happens at once
// is the redeeming.
type runner struct {
	*mutual
	cert tls.Certificate
}

func openRunner(t *testing.T) runner {
	h := openMutual(t)
	cert, jwks := h.ownCert(nil)
	h.registerCertified("runner", func(c *consent.Client) { c.Auth, c.JWKS, c.CertificateBound = consent.SelfSignedTLS, jwks, true })
	return runner{h, cert}
}

func (h runner) send(path string, form url.Values) (a answer) {
	r := httptest.NewRequest("POST", "http://inside"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{h.cert.Leaf}}
	w := httptest.NewRecorder()
	h.http.Config.Handler.ServeHTTP(w, r)
	a.read(w)
	return a
}

// codes are one for each race.
func (h runner) codes(details string) (codes []string, grants []consent.GrantID) {
	h.t.Helper()
	for range races {
		form := h.plainForm(app{id: "runner", key: h.bank.key}, details, "client_assertion", "", "client_assertion_type", "")
		id := h.visit(app{id: "runner"}, h.send("/oauth/par", form).text("request_uri"))
		codes, grants = append(codes, h.back(h.get(h.decide(id, true))).Get("code")), append(grants, id)
	}
	return codes, grants
}

// tokens are the answers to one code for each race.
func (h runner) tokens(details string) (tokens []answer, grants []consent.GrantID) {
	h.t.Helper()
	codes, grants := h.codes(details)
	for _, code := range codes {
		got := h.send("/oauth/token", redeeming("runner", code))
		if got.status != http.StatusOK {
			h.t.Fatalf("token: %v", got)
		}
		tokens = append(tokens, got)
	}
	return tokens, grants
}

func (h runner) refreshing(token string) url.Values {
	return url.Values{"client_id": {"runner"}, "grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// TestEachCodeIsRedeemedOnce: a code that is tried 64 times at once gives one
// token and never a 500; and since it was used twice, that does not stay good.
func TestEachCodeIsRedeemedOnce(t *testing.T) {
	h := openRunner(t)
	codes, _ := h.codes(once)
	var gave [races]atomic.Int32
	var tokens [races]atomic.Pointer[answer]
	atOnce(64, func(race, _ int) {
		switch got := h.send("/oauth/token", redeeming("runner", codes[race])); {
		case got.status == http.StatusOK:
			gave[race].Add(1)
			tokens[race].Store(&got)
		case got.status != http.StatusBadRequest || got.text("error") != "invalid_grant":
			t.Errorf("race %d: %v", race, got)
		}
	})
	for race := range races {
		if n := gave[race].Load(); n != 1 {
			t.Fatalf("race %d: the code gave %d tokens", race, n)
		}
		if _, err := h.calls(&h.cert, bearing(tokens[race].Load().text("access_token"))); fault.Of(err).Code != "invalid_token" {
			t.Fatalf("race %d: the token of a code that was used twice: %v", race, err)
		}
	}
	if n := h.indexed(accessKind); n != races { // the index remembers that they were
		t.Errorf("%d access tokens were stored", n)
	}
}

// TestRefreshesAtOnce: a refresh token is not rotated, so 16 that use it at
// once all win: each gets a token of its own, and there is still one to refresh
// by. Those that meet the person taking the grant back get one before that or
// none at all, and nothing that was given opens anything from then on.
func TestRefreshesAtOnce(t *testing.T) {
	h := openRunner(t)
	first, grants := h.tokens(daily)
	refresh := func(race int) answer {
		return h.send("/oauth/token", h.refreshing(first[race].text("refresh_token")))
	}
	var all, late [races][16]string
	atOnce(16, func(race, i int) {
		got := refresh(race)
		if all[race][i] = got.text("access_token"); got.status != http.StatusOK || got.json["refresh_token"] != nil {
			t.Errorf("race %d: %v", race, got)
		}
	})
	distinct := map[string]bool{}
	for race := range races {
		for _, token := range all[race] {
			distinct[token] = true
			if c, err := h.calls(&h.cert, bearing(token)); err != nil || c.Grant != grants[race] {
				t.Fatalf("race %d: %+v, %v", race, c, err)
			}
		}
	}
	if len(distinct) != races*16 {
		t.Errorf("%d tokens for %d refreshes", len(distinct), races*16)
	}
	if n := h.indexed(refreshKind); n != races {
		t.Errorf("%d refresh tokens are kept; want %d", n, races)
	}

	var done [races]chan struct{} // refreshes, for the no to come between any two
	for race := range races {
		done[race] = make(chan struct{}, 16)
	}
	var given atomic.Int32
	atOnce(17, func(race, i int) {
		if i == 16 {
			for range race % 17 {
				<-done[race]
			}
			if _, err := h.consent.Revoke(t.Context(), h.person, grants[race]); err != nil {
				t.Errorf("race %d: %v", race, err)
			}
			return
		}
		got := refresh(race)
		done[race] <- struct{}{}
		if got.status == http.StatusOK {
			given.Add(1)
		}
		if late[race][i] = got.text("access_token"); got.status != http.StatusOK && (got.status != http.StatusBadRequest || got.text("error") != "invalid_grant") {
			t.Errorf("race %d: refused with %v", race, got)
		}
	})
	for race := range races {
		for _, token := range slices.Concat(all[race][:], late[race][:]) {
			if _, err := h.calls(&h.cert, bearing(token)); token != "" && fault.Of(err).Code != "grant_revoked" {
				t.Fatalf("race %d: a token of a grant that was taken back: %v", race, err)
			}
		}
		if got := refresh(race); got.text("error") != "invalid_grant" {
			t.Fatalf("race %d: refreshed later on: %v", race, got)
		}
	}
	if n := given.Load(); n == 0 || n == races*16 {
		t.Errorf("%d of %d refreshes came before the no; this races with nothing", n, races*16)
	}
}

// TestAUseMeetsARevocation: of eight that would use a one-shot grant while the
// person takes it back, one or none is let in, as the grant's count says; and
// whoever asks once that is done is told no.
func TestAUseMeetsARevocation(t *testing.T) {
	h := openRunner(t)
	tokens, grants := h.tokens(once)
	var let [races]atomic.Int32
	var revoked [races]atomic.Bool
	var steps [races]chan struct{} // of those who use it, for the no to come between any two
	for race := range races {
		steps[race] = make(chan struct{}, 9)
	}
	atOnce(9, func(race, i int) {
		step := func() {
			select {
			case steps[race] <- struct{}{}:
			default:
			}
		}
		if i == 8 {
			for range race % 10 { // those of nine are reached: each of eight takes two
				<-steps[race]
			}
			if _, err := h.consent.Revoke(t.Context(), h.person, grants[race]); err != nil {
				t.Errorf("race %d: %v", race, err)
			}
			revoked[race].Store(true)
			return
		}
		for after, n := false, 0; !after; n++ {
			after = revoked[race].Load() // before it asks
			step()
			_, known := h.calls(&h.cert, bearing(tokens[race].text("access_token")))
			step()
			_, spent := h.consent.Spend(t.Context(), "runner", grants[race], fmt.Sprint(i, "-", n), []byte("r"))
			if spent == nil {
				let[race].Add(1)
			}
			for _, err := range []error{known, spent} {
				if code := fault.Of(err).Code; after && code != "grant_revoked" || err != nil && code != "grant_revoked" && code != "grant_spent" {
					t.Errorf("race %d, after the no: %v: %v", race, after, err)
				}
			}
		}
	})
	used := 0
	for race, id := range grants {
		g, err := h.consent.Load(t.Context(), "runner", id)
		if n := int(let[race].Load()); err != nil || n > 1 || g.Uses != n || g.State != consent.Revoked {
			t.Fatalf("race %d: %d were let in, and it is %s with %d uses, %v", race, n, g.State, g.Uses, err)
		}
		used += g.Uses
	}
	if used == 0 {
		t.Error("no use was let in; this races with nothing")
	}
}

// TestAssertionsAndProofsRace: of many that show the same one at once, one
// gets through.
func TestAssertionsAndProofsRace(t *testing.T) {
	h := open(t)
	for what, make := range map[string]func() (url.Values, string){
		"assertion": func() (url.Values, string) { return h.parForm(h.bank, once), "" },
		"proof": func() (url.Values, string) {
			return nil, h.proof(h.bank.dpop, "POST", issuer+"/oauth/par", "", nil)
		},
	} {
		form, proof := make()
		var won atomic.Int32
		var all sync.WaitGroup
		for range 32 {
			form := form
			if form == nil {
				form = h.parForm(h.bank, once)
			}
			all.Go(func() {
				if h.direct("/oauth/par", form, proof).Code == http.StatusCreated {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("the same %s was taken %d times", what, won.Load())
		}
	}
}

// A code that is redeemed between the look at its grant and the commit leaves
// nothing that could be redeemed for the rest of the grant's life.
func TestRevokedBetweenLookAndCommit(t *testing.T) {
	h := open(t)
	code, id := h.code(h.bank, daily)
	form, proof := h.redeemForm(h.bank, code), h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)
	inside := h.server.DB
	h.server.DB = before{inside, func() {
		if _, err := h.consent.Revoke(t.Context(), h.person, id); err != nil {
			t.Error(err)
		}
	}}
	var a answer
	if a.read(h.direct("/oauth/token", form, proof)); a.status != 400 || a.text("error") != "invalid_grant" {
		t.Errorf("got %v; want invalid_grant", a)
	}
	if h.indexed(refreshKind) > 0 {
		t.Error("a refresh token was stored for a grant that has ended")
	}
}

// before does something ahead of every Update.
type before struct {
	kv.DB
	do func()
}

func (b before) Update(ctx context.Context, f func(kv.Tx) error) error {
	b.do()
	return b.DB.Update(ctx, f)
}

// TestFirstRequestsRace: the first requests of a process come at once, and
// find nothing of the core still to be filled in (seen with -race).
func TestFirstRequestsRace(t *testing.T) {
	h := open(t)
	var pushed atomic.Int32
	var all sync.WaitGroup
	begin := make(chan struct{})
	for range 16 {
		form := h.parForm(h.bank, once)
		all.Go(func() {
			<-begin
			if h.direct("/oauth/par", form, "").Code == http.StatusCreated {
				pushed.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	if pushed.Load() != 16 {
		t.Errorf("%d of 16 first requests were pushed", pushed.Load())
	}
}
