package oauth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"jali/internal/fault"
	"jali/internal/jose"
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
	h.server.ServeHTTP(w, r)
	return w
}

// TestEachCodeIsRedeemedOnce: 200 codes, each tried 16 times at once, give 200
// tokens and never a 500; and since each was used twice, none stays good.
func TestEachCodeIsRedeemedOnce(t *testing.T) {
	h := open(t)
	h.bank.dpop = must(jose.Generate(jose.Ed25519)) // quick to sign with
	const codes, tries = 200, 16
	var gave, refused, other atomic.Int32
	tokens := make([]atomic.Pointer[httptest.ResponseRecorder], codes)
	var issued [codes]string
	for i := range codes {
		issued[i], _ = h.code(h.bank, once)
	}
	var all sync.WaitGroup
	for i, code := range issued {
		for range tries {
			form, proof := h.redeemForm(h.bank, code), h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)
			all.Go(func() {
				switch w := h.direct("/oauth/token", form, proof); {
				case w.Code == http.StatusOK:
					gave.Add(1)
					tokens[i].Store(w)
				case w.Code == 400 && strings.Contains(w.Body.String(), `"invalid_grant"`):
					refused.Add(1)
				default:
					other.Add(1)
				}
			})
		}
	}
	all.Wait()
	if gave.Load() != codes || refused.Load() != codes*(tries-1) || other.Load() != 0 {
		t.Errorf("%d tokens, %d refusals, %d other answers; want %d, %d, 0", gave.Load(), refused.Load(), other.Load(), codes, codes*(tries-1))
	}
	if n := strings.Count(h.dump(), `"kind":"access"`); n != codes { // the index remembers that they were
		t.Errorf("%d access tokens were stored", n)
	}
	for i := range tokens {
		w := tokens[i].Load()
		if w == nil {
			continue
		}
		var a answer
		a.read(w)
		if got := h.direct("/oauth/introspect", h.form(h.bank, "token", a.text("access_token")), ""); !strings.Contains(got.Body.String(), `"active":false`) {
			t.Fatalf("the token of a code that was used twice: %s", got.Body)
		}
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

// Tokens that are asked for while the person takes the grant back are given
// before that or not at all: nothing is left behind it, and nothing given
// before it opens anything.
func TestNoTokenIsGivenPastTheEnd(t *testing.T) {
	h := open(t)
	for range 8 {
		first, id := h.tokens(h.bank, daily)
		refresh := first.text("refresh_token")
		answers := make(chan *httptest.ResponseRecorder, 16)
		var all sync.WaitGroup
		for range cap(answers) {
			form := h.form(h.bank, "grant_type", "refresh_token", "refresh_token", refresh)
			proof := h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil)
			all.Go(func() { answers <- h.direct("/oauth/token", form, proof) })
		}
		if _, err := h.consent.Revoke(t.Context(), h.person, id); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		close(answers)
		for w := range answers {
			var a answer
			if a.read(w); w.Code == http.StatusOK {
				if _, err := h.call(h.bank.dpop, a.text("access_token")); fault.Of(err).Code != "grant_revoked" {
					t.Errorf("a token of a grant that was taken back: %v", err)
				}
			} else if a.text("error") != "invalid_grant" {
				t.Errorf("refused with %v", a)
			}
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
	if strings.Contains(h.dump(), `"kind":"refresh"`) {
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
