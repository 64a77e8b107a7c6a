// Package bank is the demo bank app: a client of Jali like any other. It knows
// the public HTTP API and a key of its own, and nothing else of the house.
//
// It keeps nothing of what it is shown: of a browser's session it holds the
// token and the id of the view, and reads the view again each time that the
// page is shown. So what the person revokes is gone from here at once.
package bank

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"jali/openapi/client"
)

// Config of the app.
type Config struct {
	Issuer   string // of Jali, https://jali.example or http://localhost:8080
	Self     string // this app's own URL, without a slash at its end
	ClientID string
	Key      client.Signer // registered with Jali
	HTTP     *http.Client
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now
}

// App is the bank app.
type App struct {
	jali  *client.Client
	log   *slog.Logger
	pages *template.Template
	now   func() time.Time

	mu       sync.Mutex
	sessions map[string]*session
}

// session is one browser's. Its token outlives the one use, so that using a
// spent grant again can be tried.
type session struct {
	at       time.Time
	state    string // of the request that waits for its answer
	verifier string
	token    string
	view     string // id of the view last opened
	counter  counter
	problem  *client.Problem
}

// sessionLife is the life of the access token and of a request, one after the other.
const sessionLife = 30 * time.Minute

// wanted is what the app asks for: one look at balances, bills and what
// is due of debts.
var wanted = []map[string]any{{
	"type": "account_view", "actions": []string{"view"},
	"datatypes": []string{"balances", "bills", "statements"}, "purpose": "bill_overview",
	"bill_fields": "standard", "uses": map[string]any{"limit": 1},
}}

//go:embed bank.html bank.css counter.js mark.svg
var files embed.FS

// New makes the app.
func New(c Config) (*App, error) {
	pages, err := template.New("").Funcs(words).ParseFS(files, "bank.html")
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &App{
		jali:     &client.Client{Issuer: c.Issuer, ID: c.ClientID, Key: c.Key, HTTP: c.HTTP, Redirect: c.Self + "/callback", Now: c.Now},
		log:      c.Log,
		pages:    pages,
		now:      c.Now,
		sessions: map[string]*session{},
	}, nil
}

// ServeHTTP routes the app's pages.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self' "+a.jali.Issuer+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	switch r.Method + " " + r.URL.Path {
	case "GET /bank.css", "GET /counter.js", "GET /mark.svg":
		http.ServeFileFS(w, r, files, r.URL.Path[1:])
	case "GET /":
		a.show(w, r)
	case "POST /ask":
		a.ask(w, r)
	case "GET /callback":
		a.callback(w, r)
	case "POST /refresh":
		a.refresh(w, r)
	case "GET /counter":
		a.counterPage(w, r)
	case "POST /counter":
		a.askCounter(w, r)
	default:
		http.NotFound(w, r)
	}
}

// ask pushes a request and sends the person to Jali's consent page.
func (a *App) ask(w http.ResponseWriter, r *http.Request) {
	if !sameSite(r) {
		http.Error(w, "this form was sent from another site", http.StatusForbidden)
		return
	}
	s := &session{at: a.now(), state: rand.Text(), verifier: rand.Text() + rand.Text()}
	to, err := a.jali.Push(r.Context(), s.state, s.verifier, wanted)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.begin(w, s)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// callback takes the answer of the consent page, trades the code and opens a
// view. An answer is taken once: its state is gone afterwards.
func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s := a.session(r)
	if s == nil || !a.answers(s, q.Get("state")) {
		a.refuse(w, r, "state_mismatch")
		return
	}
	if q.Get("iss") != a.jali.Issuer {
		a.refuse(w, r, "issuer_mismatch")
		return
	}
	if code := q.Get("error"); code != "" {
		a.keep(func() { s.problem = &client.Problem{Code: code} })
	} else {
		token, err := a.jali.Redeem(r.Context(), q.Get("code"), s.verifier)
		a.keep(func() { s.token, s.problem = token.AccessToken, a.problem(err) })
		if err == nil {
			a.open(looking(r), s)
		}
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// answers takes the state of a session's request, if that is what came back.
func (a *App) answers(s *session, state string) (ok bool) {
	a.keep(func() {
		if ok = state != "" && state == s.state; ok {
			s.state = ""
		}
	})
	return ok
}

// refresh asks for a new view with the token there is. A one-shot grant is
// spent by then: the page says so and offers to ask the person again.
func (a *App) refresh(w http.ResponseWriter, r *http.Request) {
	if !sameSite(r) {
		http.Error(w, "this form was sent from another site", http.StatusForbidden)
		return
	}
	s := a.session(r)
	if s == nil || a.copy(s).token == "" {
		a.refuse(w, r, "session_over")
		return
	}
	a.open(looking(r), s)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// looking says that who asks for a page is there themselves.
func looking(r *http.Request) context.Context {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.Context()
	}
	return client.Present(r.Context(), from.Addr().Unmap().WithZone("").String(), r.UserAgent())
}

// open opens a view; one that is refused leaves the view before it readable.
func (a *App) open(ctx context.Context, s *session) {
	id, err := open(ctx, a.jali, a.copy(s).token)
	a.keep(func() {
		if s.problem = a.problem(err); err == nil {
			s.view = id
		}
	})
}

// show reads the session's view again and shows it.
func (a *App) show(w http.ResponseWriter, r *http.Request) {
	rememberLanguage(w, r)
	s := a.session(r)
	if s == nil {
		a.render(w, newPage(r, nil, nil, false), http.StatusOK)
		return
	}
	now := a.copy(s)
	var v *view
	if now.view != "" {
		var err error
		if v, err = read(r.Context(), a.jali, now.token, now.view); err != nil {
			now.problem = a.problem(err)
		}
	}
	a.render(w, newPage(r, v, now.problem, now.token != ""), http.StatusOK)
}

// problem is what went wrong, for the page: nil for nil.
func (a *App) problem(err error) *client.Problem {
	if err == nil {
		return nil
	}
	p := &client.Problem{Code: "unreachable"}
	if !errors.As(err, &p) {
		a.log.Error("jali did not answer as hoped", "error", err)
	}
	return p
}

// refuse answers a request that is not to be believed.
func (a *App) refuse(w http.ResponseWriter, r *http.Request, code string) {
	a.render(w, newPage(r, nil, &client.Problem{Code: code}, false), http.StatusBadRequest)
}

func (a *App) fail(w http.ResponseWriter, r *http.Request, err error) {
	a.render(w, newPage(r, nil, a.problem(err), false), http.StatusBadGateway)
}

func (a *App) begin(w http.ResponseWriter, s *session) {
	id := rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, old := range a.sessions {
		if a.now().Sub(old.at) > sessionLife {
			delete(a.sessions, k)
		}
	}
	a.sessions[id] = s
	http.SetCookie(w, &http.Cookie{Name: "bank", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (a *App) session(r *http.Request) *session {
	c, err := r.Cookie("bank")
	if err != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.sessions[c.Value]; s != nil && a.now().Sub(s.at) <= sessionLife {
		return s
	}
	return nil
}

// copy is the session as it stands.
func (a *App) copy(s *session) session {
	a.mu.Lock()
	defer a.mu.Unlock()
	return *s
}

func (a *App) keep(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func sameSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin"
}
