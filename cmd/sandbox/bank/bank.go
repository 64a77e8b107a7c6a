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
	at      time.Time
	asking  *client.Authorization // the request that waits for its answer
	jali    *client.Session       // the token; nil without one
	view    string                // id of the view last opened
	counter counter
	problem *client.Problem
}

// sessionLife is the life of the access token and of a request, one after the other.
const sessionLife = 30 * time.Minute

// wanted is what the app asks for: one look at balances, bills and what
// is due of debts.
var wanted = client.AccountView{
	Datatypes: []client.Datatype{"balances", "bills", "statements"}, BillFields: "standard",
	Purpose: "bill_overview", Uses: client.Uses{Limit: 1},
}

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
	asking, err := a.jali.Push(r.Context(), wanted)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.begin(w, &session{at: a.now(), asking: asking})
	http.Redirect(w, r, asking.URL, http.StatusSeeOther)
}

// callback takes the answer of the consent page, trades the code and opens a
// view. An answer is taken once: its state is gone afterwards.
func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	var asking *client.Authorization
	s := a.session(r)
	if s != nil {
		a.keep(func() { asking, s.asking = s.asking, nil })
	}
	if asking == nil {
		a.refuse(w, r, "state_mismatch")
		return
	}
	jali, err := a.jali.Redeem(r.Context(), asking, r.URL.Query())
	switch {
	case errors.Is(err, client.ErrState):
		a.keep(func() { s.asking = asking }) // the right answer may come yet
		a.refuse(w, r, "state_mismatch")
		return
	case errors.Is(err, client.ErrIssuer):
		a.refuse(w, r, "issuer_mismatch")
		return
	}
	a.keep(func() { s.jali, s.problem = jali, a.problem(err) })
	if err == nil {
		a.open(r.Context(), s, looking(r))
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
	s := a.session(r)
	if s == nil || a.copy(s).jali == nil {
		a.refuse(w, r, "session_over")
		return
	}
	a.open(r.Context(), s, looking(r))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// looking says that who asks for a page is there themselves.
func looking(r *http.Request) client.OpenViewParams {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return client.OpenViewParams{}
	}
	return client.OpenViewParams{PersonAddress: from.Addr().Unmap().WithZone("").String(), PersonAgent: r.UserAgent()}
}

// open opens a view; one that is refused leaves the view before it readable.
func (a *App) open(ctx context.Context, s *session, about client.OpenViewParams) {
	about.IdempotencyKey = rand.Text()
	v, err := a.copy(s).jali.OpenView(ctx, about, client.Want{})
	a.keep(func() {
		if s.problem = a.problem(err); err == nil {
			s.view = v.ID
		}
	})
}

// read reads an open view with all its bills, which costs nothing.
func read(ctx context.Context, jali *client.Session, id string) (*client.View, error) {
	v, err := jali.ReadView(ctx, id)
	if err != nil {
		return nil, err
	}
	var all []client.Bill
	for b, err := range jali.Bills(ctx, v) {
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	v.Bills.Items = all
	return v, nil
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
	var v *client.View
	if now.view != "" {
		var err error
		if v, err = read(r.Context(), now.jali, now.view); err != nil {
			now.problem = a.problem(err)
		}
	}
	a.render(w, newPage(r, v, now.problem, now.jali != nil), http.StatusOK)
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
