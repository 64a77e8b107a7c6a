package oauth

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"jali/consent"
	"jali/consent/dpop"
	"jali/consent/rar"
	"jali/internal/fault"
)

// refusal is an error as OAuth tells it (RFC 6749, section 5.2).
type refusal struct {
	status      int
	code        string // of the standard that names it; never fosite's own
	description string
	retryAfter  time.Duration
	challenge   string // WWW-Authenticate, where the client tried another scheme
	cause       error
}

func (r *refusal) Error() string {
	if r.cause != nil {
		return r.code + ": " + r.description + ": " + r.cause.Error()
	}
	return r.code + ": " + r.description
}

func (r *refusal) Unwrap() error { return r.cause }

// saying is the same refusal in other words.
func (r *refusal) saying(description string) *refusal {
	c := *r
	c.description = description
	return &c
}

func refuse(status int, code, description string) *refusal {
	return &refusal{status: status, code: code, description: description}
}

func invalidRequest(description string) *refusal {
	return refuse(http.StatusBadRequest, "invalid_request", description)
}

func invalidGrant(description string) *refusal {
	return refuse(http.StatusBadRequest, "invalid_grant", description)
}

// fositeCodes are the errors of fosite that are answered as they are; their
// words, which may quote what was sent, are not.
var fositeCodes = map[string]*refusal{
	"invalid_request":           invalidRequest("a parameter is missing, malformed or not acceptable"),
	"invalid_state":             invalidRequest("a parameter is missing, malformed or not acceptable"),
	"invalid_request_uri":       invalidRequest("the request_uri is not valid"),
	"unsupported_response_mode": invalidRequest("response_mode must be query, jwt, query.jwt or left out"), // no registry knows fosite's own
	"unsupported_response_type": refuse(http.StatusBadRequest, "unsupported_response_type", "response_type must be code"),
	"invalid_scope":             errScope,
	"unsupported_grant_type":    refuse(http.StatusBadRequest, "unsupported_grant_type", "grant_type is not one of those in the metadata"),
}

// refusalOf finds what to answer. What nobody foresaw is server_error, and
// says nothing.
func refusalOf(err error) *refusal {
	var own *refusal
	if errors.As(err, &own) {
		return own
	}
	var unproved *Unauthorized
	if errors.As(err, &unproved) {
		f := fault.Of(unproved)
		return &refusal{status: http.StatusUnauthorized, code: unproved.code, description: f.Detail, challenge: unproved.challenge, cause: err}
	}
	var f *fault.Error
	if errors.As(err, &f) {
		switch {
		case errors.Is(f, dpop.ErrProof), errors.Is(f, dpop.ErrNonce):
			return refuse(http.StatusBadRequest, f.Code, f.Detail)
		case rar.Invalid(f):
			return refuse(http.StatusBadRequest, "invalid_authorization_details", f.Detail)
		case errors.Is(f, consent.ErrNotRevisable), errors.Is(f, consent.ErrBinding):
			return refuse(http.StatusBadRequest, f.Code, f.Detail)
		case errors.Is(f, consent.ErrSuspended):
			return errSuspended
		case f.Kind == fault.Limited:
			return limited(f)
		case f.Kind == fault.Unavailable:
			return &refusal{status: http.StatusServiceUnavailable, code: "temporarily_unavailable",
				description: "not possible at this moment; try again later", retryAfter: f.RetryAfter, cause: err}
		}
		return serverError(err)
	}
	var theirs *fosite.RFC6749Error
	if errors.As(err, &theirs) && theirs.CodeField < http.StatusInternalServerError {
		if known := fositeCodes[theirs.ErrorField]; known != nil {
			return known
		}
	}
	return serverError(err)
}

func serverError(err error) *refusal {
	return &refusal{status: http.StatusInternalServerError, code: "server_error", description: "something went wrong on our side", cause: err}
}

// fail answers an error in OAuth's own format.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	no := refusalOf(err)
	path, _ := s.routes.find(r.URL.EscapedPath()) // never what was sent, which may hold anything
	s.Brakes.refused(r, no)
	if no.status >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "an OAuth request failed", "path", path, "error", no.cause)
	} else {
		s.Log.DebugContext(r.Context(), "an OAuth request was refused", "path", path, "code", no.code, "reason", no.description)
	}
	w.Header().Set("Cache-Control", "no-store") // what is public may have said otherwise
	if no.challenge != "" {
		w.Header().Set("WWW-Authenticate", no.challenge)
	}
	if no.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(no.retryAfter.Seconds()))))
	}
	writeJSON(w, no.status, map[string]string{"error": no.code, "error_description": plain(no.description), "error_uri": s.explained(no.code)})
}

// explained is the error_uri of a code (RFC 6749, section 5.2).
func (s *Server) explained(code string) string { return s.Issuer + "/problems/" + code }

// plain keeps to the characters of error_description (RFC 6749, section 5.2).
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"' || c == '\\':
			return '\''
		case c < 0x20 || c > 0x7e:
			return '?'
		}
		return c
	}, s)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	if w.Header().Get("Cache-Control") != publicCache {
		w.Header().Set("Pragma", "no-cache") // RFC 6749, section 5.1
	}
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
