package oauth

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"jali/consent"
	"jali/consent/dpop"
	"jali/internal/fault"
	"jali/internal/jose"
	"jali/internal/kv"
)

// Caller is who sends a request to the data API, and by which grant.
type Caller struct {
	Client consent.ClientID
	Grant  consent.GrantID
	Token  string // what stands for the token in storage and may stand in a log
}

// Unauthorized is a 401 with what belongs into WWW-Authenticate. The fault
// inside says what to tell.
type Unauthorized struct {
	cause     *fault.Error
	code      string // of RFC 6750, section 3.1, or RFC 9449
	challenge string
}

func (e *Unauthorized) Error() string { return e.cause.Error() }
func (e *Unauthorized) Unwrap() error { return e.cause }

// Challenge is the value of WWW-Authenticate (RFC 9449, section 7.1).
func (e *Unauthorized) Challenge() string { return e.challenge }

var errToken = &fault.Error{Kind: fault.Unauthenticated, Code: "invalid_token",
	Detail: "the access token is unknown, has expired or was revoked"}

func unauthorized(f *fault.Error) *Unauthorized {
	code := "invalid_token"
	if f.Code == dpop.ErrProof.Code {
		code = f.Code
	}
	return &Unauthorized{f, code, `DPoP error="` + code + `", error_description="` + plain(f.Detail) + `", algs="` + algs + `"`}
}

var algs = strings.Join(jose.Algorithms(), " ")

// Authenticate answers who may read by which grant (RFC 9449, section 7; RFC
// 8705, section 3). It comes before any look at the rest of the request. The
// token has to be sent with a proof for this request by the key it is bound to,
// or over a connection with the certificate; then the grant is loaded, for the
// token only points at it. What it opens, and whether a use is left, is for
// [consent.Service] to say.
//
// Errors with a Challenge are 401: no token, a wrong token or proof, a grant
// that was revoked (grant_revoked) or has expired. A paused or suspended
// client is fault.Denied.
func (s *Server) Authenticate(r *http.Request) (Caller, error) {
	t, at, err := s.presented(r, s.now())
	if err != nil {
		return Caller{}, err
	}
	if _, err := s.Consent.Live(r.Context(), t.Client, t.Grant); err != nil {
		if f := fault.Of(err); f.Kind == fault.Unauthenticated {
			return Caller{}, unauthorized(f)
		} else if f.Kind == fault.NotFound {
			return Caller{}, unauthorized(errToken.Because(err))
		}
		return Caller{}, err
	}
	return Caller{Client: t.Client, Grant: t.Grant, Token: string(at)}, nil
}

// held wraps an endpoint that clients call with an access token: presented
// first, then the client, then the endpoint itself.
func (s *Server) held(serve func(w http.ResponseWriter, r *http.Request, t row, now time.Time) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := s.now()
		t, _, err := s.presented(r, now)
		if err == nil {
			var c consent.Client
			if c, err = s.Consent.Client(r.Context(), t.Client); errors.Is(err, consent.ErrNoClient) {
				err = unauthorized(errToken.Because(err))
			} else if err == nil && c.Suspended {
				err = consent.ErrSuspended
			}
		}
		if err == nil {
			err = serve(w, r, t, now)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	}
}

// presented answers the access token that a request presents, and its mark,
// once the sender has proved to hold what it is bound to. It has not ended;
// what it opens is its grant's to say.
func (s *Server) presented(r *http.Request, now time.Time) (row, mark, error) {
	token, err := tokenOf(r.Header)
	if err != nil {
		return row{}, "", err
	}
	at := s.store.mark(accessKind, token)
	var t row
	err = s.DB.View(r.Context(), func(tx kv.Tx) error {
		t = row{}
		_, err := kv.Load(tx, at.key(accessKind), &t)
		return err
	})
	if err != nil {
		return row{}, "", err
	}
	if t.Client == "" {
		return row{}, "", unauthorized(errToken)
	}
	if err := s.prove(r, token, t.Key, now); err != nil {
		return row{}, "", err
	}
	if !now.Before(t.Ends) {
		return row{}, "", unauthorized(errToken)
	}
	return t, at, nil
}

// tokenOf takes the token out of the one Authorization header.
func tokenOf(h http.Header) (string, error) {
	got := h.Values("Authorization")
	if len(got) == 0 {
		return "", &Unauthorized{errToken.Saying("an access token is missing"), errToken.Code, `DPoP algs="` + algs + `"`}
	}
	scheme, token, _ := strings.Cut(got[0], " ")
	switch {
	case len(got) > 1:
		return "", unauthorized(errToken.Saying("there is more than one Authorization header"))
	case strings.EqualFold(scheme, "Bearer"):
		return "", unauthorized(errToken.Saying("tokens are bound to a key here: send this one as DPoP, with a proof"))
	case !strings.EqualFold(scheme, "DPoP"):
		return "", unauthorized(errToken.Saying("the Authorization scheme must be DPoP"))
	case token == "" || len(token) > maxID || !isVisible(token) || strings.ContainsAny(token, " ,"):
		return "", unauthorized(errToken)
	}
	return token, nil
}

// prove checks that the request comes from who holds the token's key.
func (s *Server) prove(r *http.Request, token, key string, now time.Time) error {
	proved, err := s.proofOf(r, token, now)
	if f := fault.Of(err); err != nil && f.Kind == fault.Unauthenticated {
		return unauthorized(f)
	} else if err != nil {
		return err
	}
	if proved != key {
		return unauthorized(errToken.Saying("the access token is bound to another key than the DPoP proof's"))
	}
	return nil
}
