// Package bank is the demo bank app: a client of Jali like any other. It knows
// the public HTTP API and a key of its own, and nothing else of the house.
//
// What it is shown it keeps in memory, for the browser session that asked, and
// drops after ten minutes.
package bank

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
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
}

// App is the bank app.
type App struct {
	jali  *client.Client
	log   *slog.Logger
	pages *template.Template

	mu       sync.Mutex
	sessions map[string]*session
}

// session is one browser's. Its token is kept beside the view so that asking
// again with a spent grant can be tried.
type session struct {
	at       time.Time
	state    string
	verifier string
	token    string
	view     *view
	problem  *client.Problem
}

const sessionLife = 10 * time.Minute

// wanted is what the app asks for: one look at balances and bills.
var wanted = []map[string]any{{
	"type": "account_view", "actions": []string{"view"},
	"datatypes": []string{"balances", "bills"}, "purpose": "bill_overview",
	"bill_fields": "standard", "uses": map[string]any{"limit": 1},
}}

//go:embed bank.html bank.css
var files embed.FS

// New makes the app.
func New(c Config) (*App, error) {
	pages, err := template.New("").Funcs(words).ParseFS(files, "bank.html")
	if err != nil {
		return nil, err
	}
	return &App{
		jali:     &client.Client{Issuer: c.Issuer, ID: c.ClientID, Key: c.Key, HTTP: c.HTTP, Redirect: c.Self + "/callback"},
		log:      c.Log,
		pages:    pages,
		sessions: map[string]*session{},
	}, nil
}

// ServeHTTP routes the app's five pages.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' "+a.jali.Issuer+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	switch r.Method + " " + r.URL.Path {
	case "GET /bank.css":
		http.ServeFileFS(w, r, files, "bank.css")
	case "GET /":
		h.Set("Cache-Control", "no-store")
		a.show(w, r, http.StatusOK)
	case "POST /ask":
		a.ask(w, r)
	case "GET /callback":
		a.callback(w, r)
	case "POST /refresh":
		a.refresh(w, r)
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
	s := &session{at: time.Now(), state: rand.Text(), verifier: rand.Text() + rand.Text()}
	to, err := a.jali.Push(r.Context(), s.state, s.verifier, wanted)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.begin(w, s)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// callback takes the answer of the consent page, trades the code and opens a view.
func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	s := a.session(r)
	q := r.URL.Query()
	switch {
	case s == nil || q.Get("state") == "" || q.Get("state") != s.state:
		a.fail(w, r, &client.Problem{Code: "state_mismatch", Title: "This answer does not belong to a question asked here."})
		return
	case q.Get("iss") != a.jali.Issuer:
		a.fail(w, r, &client.Problem{Code: "issuer_mismatch", Title: "This answer does not come from Jali."})
		return
	case q.Get("error") != "":
		a.keep(func() { s.problem = &client.Problem{Code: q.Get("error")}; s.state = "" })
	default:
		token, err := a.jali.Redeem(r.Context(), q.Get("code"), s.verifier)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.keep(func() { s.token, s.state = token.AccessToken, "" })
		a.open(r.Context(), s)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// refresh asks for a new view with the token there is. A one-shot grant is
// spent by then: the page says so and offers to ask the person again.
func (a *App) refresh(w http.ResponseWriter, r *http.Request) {
	if !sameSite(r) {
		http.Error(w, "this form was sent from another site", http.StatusForbidden)
		return
	}
	if s := a.session(r); s != nil && s.token != "" {
		a.open(r.Context(), s)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *App) open(ctx context.Context, s *session) {
	v, err := readAll(ctx, a.jali, s.token)
	a.keep(func() {
		var p *client.Problem
		switch {
		case err == nil:
			s.view, s.problem = v, nil
		case errors.As(err, &p):
			s.problem = p
			if p.Status == http.StatusUnauthorized {
				s.view = nil // revoked: nothing of it may be kept
			}
		default:
			s.problem = &client.Problem{Code: "unreachable"}
			a.log.Error("no view", "error", err)
		}
	})
}

func (a *App) show(w http.ResponseWriter, r *http.Request, status int) {
	s := a.session(r)
	if s == nil {
		s = &session{}
	}
	a.mu.Lock()
	p := newPage(r, s)
	a.mu.Unlock()
	a.render(w, p, status)
}

func (a *App) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := &client.Problem{Code: "unreachable"}
	if !errors.As(err, &p) {
		a.log.Error("jali did not answer as hoped", "error", err)
	}
	a.render(w, newPage(r, &session{problem: p}), http.StatusBadGateway)
}

func (a *App) begin(w http.ResponseWriter, s *session) {
	id := rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, old := range a.sessions {
		if time.Since(old.at) > sessionLife {
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
	if s := a.sessions[c.Value]; s != nil && time.Since(s.at) <= sessionLife {
		return s
	}
	return nil
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
