package oauth

import (
	"errors"
	"net/http"
	"strconv"
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
	Given  consent.Grant
}

// Unauthorized is a 401 with what belongs into WWW-Authenticate. The fault
// inside says what to tell.
type Unauthorized struct {
	cause     *fault.Error
	code      string // as it stands in the challenge
	challenge string
}

func (e *Unauthorized) Error() string { return e.cause.Error() }
func (e *Unauthorized) Unwrap() error { return e.cause }

// Challenge is the value of WWW-Authenticate (RFC 9449, section 7.1; RFC 6750,
// section 3; RFC 9470, section 3; RFC 9728, section 5.1).
func (e *Unauthorized) Challenge() string { return e.challenge }

var errToken = &fault.Error{Kind: fault.Unauthenticated, Code: "invalid_token",
	Detail: "the access token is unknown, has expired or was revoked"}

// errBearer tells nobody who has found a token whether it is one.
var errBearer = errToken.Saying("the access token is not active, or not bound to a certificate that came with this request; one that is bound to a key is sent as DPoP, with a proof")

// unauthorized refuses a token that was sent by a scheme.
func (s *Server) unauthorized(scheme string, f *fault.Error) *Unauthorized {
	code, more := errToken.Code, ""
	switch f.Code {
	case dpop.ErrProof.Code, dpop.ErrNonce.Code:
		code = f.Code
	case consent.ErrStepUpOld.Code:
		code = f.Code
		more = `, acr_values="` + acrPasskey + `", max_age="` + strconv.Itoa(int(s.Consent.StepUpLife.Seconds())) + `"`
	}
	challenge := scheme + ` error="` + code + `", error_description="` + plain(f.Detail) + `"` + more + `, ` + s.challenge(scheme)
	if scheme == bearer { // what it may be bound to instead
		challenge += ", " + dPoP + " " + s.challenge(dPoP)
	}
	return &Unauthorized{cause: f, code: code, challenge: challenge}
}

// challenge is what every challenge says.
func (s *Server) challenge(scheme string) string {
	about := `resource_metadata="` + s.resourceMetadataURL() + `"`
	if scheme == bearer {
		return about
	}
	return `algs="` + algs + `", ` + about
}

const (
	bearer = "Bearer"
	dPoP   = "DPoP"
)

var algs = strings.Join(jose.Algorithms(), " ")

// Authenticate answers who may read by which grant (RFC 9449, section 7; RFC
// 8705, section 3). It comes before any look at the rest of the request. The
// token has to be sent with a proof for this request by the key it is bound to,
// or over a connection with the certificate; then the grant is loaded, for the
// token only points at it. What it opens, and whether a use is left, is for
// [consent.Service] to say.
//
// Errors with a Challenge are 401: no token, a wrong token or proof, a proof
// without our nonce (use_dpop_nonce), a grant that was revoked (grant_revoked)
// or has expired, a yes that is too long ago. A paused or suspended client is
// fault.Denied.
//
// The answer's header is told the nonce of the client's next proof.
func (s *Server) Authenticate(answer http.Header, r *http.Request) (Caller, error) {
	t, at, err := s.presented(answer, r, s.now())
	if err != nil {
		return Caller{}, err
	}
	g, err := s.Consent.Live(r.Context(), t.Client, t.Grant)
	if err != nil {
		if f := fault.Of(err); f.Kind == fault.Unauthenticated {
			return Caller{}, s.unauthorized(t.tokenType(), f)
		} else if f.Kind == fault.NotFound {
			return Caller{}, s.unauthorized(t.tokenType(), errToken.Because(err))
		}
		return Caller{}, err
	}
	return Caller{Client: t.Client, Grant: t.Grant, Token: string(at), Given: g}, nil
}

// held wraps an endpoint that clients call with an access token: presented
// first, then the client, then the endpoint itself.
func (s *Server) held(serve func(w http.ResponseWriter, r *http.Request, t row, now time.Time) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := s.now()
		t, _, err := s.presented(w.Header(), r, now)
		if err == nil {
			var c consent.Client
			if c, err = s.Consent.Client(r.Context(), t.Client); errors.Is(err, consent.ErrNoClient) {
				err = s.unauthorized(t.tokenType(), errToken.Because(err))
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
func (s *Server) presented(answer http.Header, r *http.Request, now time.Time) (row, mark, error) {
	if len(r.Header.Values("DPoP")) > 0 {
		answer.Set(headerNonce, s.nonces.At(now))
	}
	scheme, token, err := s.tokenOf(r.Header)
	if err != nil {
		return row{}, "", err
	}
	at := s.store.mark(accessKind, token)
	var t row
	err = s.DB.View(r.Context(), func(tx kv.Tx) error {
		var err error
		t, _, err = tokenRows.Load(tx, at.key(accessKind))
		return err
	})
	if err != nil {
		return row{}, "", err
	}
	switch {
	case scheme == bearer && (t.Cert == "" || t.Cert != thumbprintOf(certificateOf(r, now)) || !now.Before(t.Ends)):
		return row{}, "", s.unauthorized(scheme, errBearer)
	case scheme == dPoP && t.Key == "":
		return row{}, "", s.unauthorized(scheme, errToken)
	case scheme == dPoP:
		if err := s.prove(r, token, t.Key, now); err != nil {
			return row{}, "", err
		}
	}
	if !now.Before(t.Ends) {
		return row{}, "", s.unauthorized(scheme, errToken)
	}
	s.see(t.Client)
	return t, at, nil
}

// tokenOf takes scheme and token out of the one Authorization header. Schemes
// are known in any case (RFC 9110, section 11.1).
func (s *Server) tokenOf(h http.Header) (scheme, token string, err error) {
	got := h.Values("Authorization")
	if len(got) == 0 {
		challenge := dPoP + " " + s.challenge(dPoP)
		if s.MTLS != "" {
			challenge += ", " + bearer + " " + s.challenge(bearer)
		}
		return "", "", &Unauthorized{cause: errToken.Saying("an access token is missing"), code: errToken.Code, challenge: challenge}
	}
	scheme, token, _ = strings.Cut(got[0], " ")
	for _, known := range []string{dPoP, bearer} {
		if strings.EqualFold(scheme, known) {
			scheme = known
		}
	}
	switch {
	case len(got) > 1:
		return "", "", s.unauthorized(dPoP, errToken.Saying("there is more than one Authorization header"))
	case scheme == bearer && s.MTLS == "":
		return "", "", s.unauthorized(dPoP, errBearer)
	case scheme != dPoP && scheme != bearer:
		return "", "", s.unauthorized(dPoP, errToken.Saying("the Authorization scheme must be DPoP"))
	case token == "" || len(token) > maxID || !isVisible(token) || strings.ContainsAny(token, " ,"):
		return "", "", s.unauthorized(scheme, errToken)
	}
	return scheme, token, nil
}

// prove checks that the request comes from who holds the token's key. A proof by
// another key is refused before it is remembered: nobody fills our memory with
// keys that they have made up.
func (s *Server) prove(r *http.Request, token, key string, now time.Time) error {
	p, err := s.proofOf(r, token, now)
	if err == nil {
		if p.Thumbprint != key {
			return s.unauthorized(dPoP, errToken.Saying("the access token is bound to another key than the DPoP proof's"))
		}
		err = s.replay.TakeProof(p, now)
	}
	if f := fault.Of(err); err != nil && f.Kind == fault.Unauthenticated {
		return s.unauthorized(dPoP, f)
	}
	return err
}
