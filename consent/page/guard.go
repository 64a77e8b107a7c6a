package page

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"jali/connectors"
	"jali/consent"
	"jali/internal/fault"
)

const (
	maxForm     = 1 << 20
	tokenField  = "csrf"
	tokenHeader = "X-Jali-CSRF"
)

var (
	errCrossSite = &fault.Error{Kind: fault.Denied, Code: "cross_site", Owner: fault.Person, Action: "reload",
		Detail: "this was not sent from a page of ours"}
	errToken = &fault.Error{Kind: fault.Denied, Code: "form_stale", Owner: fault.Person, Action: "reload",
		Detail: "the form is not of this session; load its page again"}
	errRecovering = &fault.Error{Kind: fault.Denied, Code: "recovering", Owner: fault.Person, Action: "add_passkey",
		Detail: "add a passkey first"}
	errForm = &fault.Error{Kind: fault.Invalid, Code: "form_invalid", Owner: fault.Person,
		Detail: "the form could not be read"}
	errFormSize = &fault.Error{Kind: fault.TooLarge, Code: "form_too_large", Owner: fault.Person,
		Detail: "what was sent is too large"}
	errNoPage = &fault.Error{Kind: fault.NotFound, Code: "no_page", Owner: fault.Person,
		Detail: "there is no such page"}
)

// personal is a handler for somebody who is signed in.
type personal func(http.ResponseWriter, *http.Request, consent.Session)

// shield sets what every answer carries. Nothing here allows an inline script
// or style, a frame, or a form that posts elsewhere (CSP Level 3); redirects
// after a form post stay on this origin for the same reason, and leave it from
// a page of ours ([Page.depart]).
func shield(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	// not no-referrer: under that a browser sends "Origin: null" with our own posts.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), "+
		"publickey-credentials-create=(self), publickey-credentials-get=(self)")
	h.Set("Cache-Control", "no-store")
}

// sameOrigin refuses a post that a browser does not vouch for as ours: by
// Sec-Fetch-Site (Fetch Metadata), and by Origin where it is sent. One of the
// two every browser of today sends.
func (p *Page) sameOrigin(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
		if (site == "" && origin == "") || (site != "" && site != "same-origin") || (origin != "" && origin != p.origin) {
			p.fail(w, r, errCrossSite)
			return
		}
		next(w, r)
	}
}

// braked slows down who tries to get in.
func (p *Page) braked(next http.HandlerFunc) http.HandlerFunc { return p.brakedBy(p.Brake, next) }

// brakedBy slows down guessing, by address.
func (p *Page) brakedBy(b Brake, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if b != nil {
			if err := b.Take(r); err != nil {
				p.fail(w, r, err)
				return
			}
		}
		next(w, r)
	}
}

// signedIn lets in whoever has a session; others go to sign in and come back.
func (p *Page) signedIn(next personal) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, recovering, err := p.Passkeys.Session(r)
		switch {
		case err != nil && fault.Of(err).Kind == fault.Unauthenticated:
			p.toSignIn(w, r, err)
		case err != nil:
			p.fail(w, r, err)
		case recovering && (r.Method != http.MethodGet || wantsJSON(r)):
			p.fail(w, r, errRecovering)
		case recovering:
			http.Redirect(w, r, "/recover/passkey", http.StatusSeeOther)
		default:
			next(w, present(r, s), s)
		}
	}
}

// present says of a request that its person is there, as their sources may
// know it: who looks at a page of their own is.
func present(r *http.Request, s consent.Session) *http.Request {
	who := connectors.Presence{UserAgent: r.UserAgent(), Since: s.At}
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		who.IP = from.Addr().Unmap().WithZone("")
	}
	return r.WithContext(connectors.Present(r.Context(), who))
}

// signedInRecovering also lets in a session by recovery code, for the little it may do.
func (p *Page) signedInRecovering(next personal) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, _, err := p.Passkeys.Session(r)
		switch {
		case err != nil && fault.Of(err).Kind == fault.Unauthenticated:
			p.toSignIn(w, r, err)
		case err != nil:
			p.fail(w, r, err)
		default:
			next(w, r, s)
		}
	}
}

func (p *Page) toSignIn(w http.ResponseWriter, r *http.Request, err error) {
	if r.Method != http.MethodGet {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/signin?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
}

// withToken refuses a post without its session's token: a form field, or a
// header where the body is JSON.
func (p *Page) withToken(next personal) personal {
	return func(w http.ResponseWriter, r *http.Request, s consent.Session) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		token := r.Header.Get(tokenHeader)
		if token == "" {
			if err := r.ParseForm(); err != nil {
				p.fail(w, r, formFault(err))
				return
			}
			token = r.PostFormValue(tokenField)
		}
		if !p.Passkeys.CheckCSRF(s, token) {
			p.fail(w, r, errToken)
			return
		}
		next(w, r, s)
	}
}

// localPath answers next if it is a path on this origin, and "" otherwise: an
// attacker's link may carry any next, and browsers read "//host" and "/\host"
// as another site.
func localPath(next string) string {
	if len(next) > 2048 || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\x7f") || strings.ContainsFunc(next, func(r rune) bool { return r < 0x20 }) {
		return ""
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") {
		return ""
	}
	return next
}

func nextOr(next, otherwise string) string {
	if path := localPath(next); path != "" {
		return path
	}
	return otherwise
}
