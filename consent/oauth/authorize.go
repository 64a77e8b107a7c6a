package oauth

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
)

// What a person's browser can be told. Nobody who asks with a wrong
// request_uri learns whether there is such a request.
var (
	errNotPushed = &fault.Error{Kind: fault.Invalid, Code: "request_not_pushed", Action: "ask_again",
		Detail: "requests are pushed to /oauth/par first (RFC 9126); this address takes client_id and request_uri"}
	errNoRequest = &fault.Error{Kind: fault.NotFound, Code: "request_not_found", Action: "ask_again",
		Detail: "this request is unknown, has expired or was answered; start again in the app that asked"}
	errInternal = &fault.Error{Kind: fault.Internal, Code: "internal", Detail: "something went wrong on our side"}
)

// authorize answers GET /oauth/authorize: it sends the browser on to where the
// person reads the request. It takes client_id and request_uri, ignores all
// else and changes nothing, so that a page may be reloaded.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["client_id"]) != 1 || len(q["request_uri"]) != 1 {
		s.ErrorPage(w, r, errNotPushed)
		return
	}
	token, ours := strings.CutPrefix(q.Get("request_uri"), requestURIPrefix)
	at := s.store.mark(pushedKind, token).key(pushedKind)
	var p pushed
	err = s.DB.View(r.Context(), func(tx kv.Tx) error {
		p = pushed{}
		_, err := kv.Load(tx, at, &p)
		return err
	})
	if err != nil {
		s.page(w, r, err)
		return
	}
	if !ours || p.Grant == "" || string(p.Client) != q.Get("client_id") || !s.now().Before(p.OpenUntil) {
		s.ErrorPage(w, r, errNoRequest)
		return
	}
	sendOn(w, r, s.ConsentURL(p.Grant))
}

// finish answers GET /oauth/finish?grant=&ticket=, to which the consent page
// sends the browser that decided. The ticket works once and only there; it is
// taken in the transaction that ends the request and issues the code, and the
// browser goes back to the client (RFC 6749, section 4.1.2; RFC 9207).
func (s *Server) finish(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["grant"]) != 1 || len(q["ticket"]) != 1 {
		s.ErrorPage(w, r, errNoRequest)
		return
	}
	id, now, ctx := consent.GrantID(q.Get("grant")), s.now(), r.Context()
	var asked pushed
	var answer url.Values
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		g, err := s.Consent.Finish(tx, now, id, consent.Ticket(q.Get("ticket")))
		if err != nil {
			return err
		}
		var at []byte
		if asked, at, err = pushedOf(tx, id); err != nil {
			return err
		}
		if g.State == consent.Refused {
			answer = url.Values{"error": {"access_denied"}, "error_description": {"the person said no"}}
			return tx.Delete(at)
		}
		if g.ID != id {
			if err := supersede(tx, g); err != nil {
				return err
			}
		}
		code, err := s.code(with(ctx, &step{tx: tx, now: now, asked: asked, askedAt: at, grant: g}))
		answer = url.Values{"code": {code}}
		return err
	})
	var back string
	if err == nil {
		back, err = s.answer(asked, answer, now)
	}
	if err != nil {
		s.page(w, r, err)
		return
	}
	sendOn(w, r, back)
}

// sendOn sends a browser elsewhere and says nothing beside: what net/http would
// write holds the address, with the code in it.
func sendOn(w http.ResponseWriter, r *http.Request, to string) {
	w.Header()["Content-Type"] = nil
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// code lets fosite issue the code of the step's request, which ends it.
func (s *Server) code(ctx context.Context) (string, error) {
	asked := stepOf(ctx).asked
	ar, err := s.core.NewAuthorizeRequest(ctx, request(http.MethodGet, url.Values{
		"client_id": {string(asked.Client)}, "request_uri": {requestURIPrefix + string(asked.Grant)},
	}))
	if err != nil {
		return "", err
	}
	made, err := s.core.NewAuthorizeResponse(ctx, ar, &session{})
	if err != nil {
		return "", err
	}
	return made.GetCode(), nil
}

// withQuery adds parameters to a redirect URI and keeps those it has.
func withQuery(uri string, add url.Values) (string, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", err
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += add.Encode()
	return u.String(), nil
}

// page shows an error to the person, and logs what nobody foresaw.
func (s *Server) page(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		s.Log.ErrorContext(r.Context(), "an OAuth page failed", "path", r.URL.Path, "error", err)
	}
	if f.Kind == fault.Internal {
		f = errInternal
	}
	s.ErrorPage(w, r, f)
}
