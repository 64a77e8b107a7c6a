package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"jali/internal/discreet"
	"jali/internal/fault"
	"jali/internal/language"
	"jali/openapi"
	"jali/openapi/problems"
)

var (
	errRoute    = &fault.Error{Kind: fault.NotFound, Code: "route_unknown", Detail: "there is nothing here; see /openapi.yaml"}
	errMethod   = &fault.Error{Kind: fault.Invalid, Code: "method_not_allowed", Detail: "this path has other methods; see the Allow header"}
	errInternal = &fault.Error{Kind: fault.Internal, Code: "internal"}
	errLarge    = &fault.Error{Kind: fault.TooLarge, Code: "body_too_large", Detail: "send a body of at most 1 MiB"}
	errMedia    = &fault.Error{Kind: fault.Unsupported, Code: "media_type_unsupported",
		Detail: "send Content-Type: application/json, without a content encoding"}
	errInvalid = &fault.Error{Kind: fault.Invalid, Code: "request_invalid"}
	errGone    = &fault.Error{Kind: fault.Unavailable, Code: "unavailable", Detail: "this took too long or was broken off; try again"}
)

func statusOf(f *fault.Error) int {
	if f.Code == errMethod.Code {
		return http.StatusMethodNotAllowed
	}
	return Status(f.Kind)
}

// Status is the one place where a kind of fault becomes an HTTP status.
func Status(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Denied:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Mismatch:
		return http.StatusUnprocessableEntity
	case fault.Gone:
		return http.StatusGone
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Unsupported:
		return http.StatusUnsupportedMediaType
	case fault.Limited:
		return http.StatusTooManyRequests
	case fault.Upstream:
		return http.StatusBadGateway
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// problemOf writes a fault as RFC 9457 has it. Of an internal one it says
// nothing but that it is ours.
func problemOf(f *fault.Error, issuer, lang, requestID string) openapi.Problem {
	entry, _ := problems.Find(f.Code)
	p := openapi.Problem{
		Type:       problems.URL(issuer, f.Code),
		Title:      entry.Title.In(lang),
		Status:     statusOf(f),
		Code:       f.Code,
		Owner:      openapi.ProblemOwner(f.WhoseFault()),
		Action:     openapi.ProblemAction(f.Action),
		RetryAfter: seconds(f.RetryAfter),
		RequestID:  requestID,
	}
	if f.Kind != fault.Internal {
		p.Detail = detailOf(f, entry, lang)
	}
	if f.Kind == fault.Limited && p.RetryAfter == 0 {
		p.RetryAfter = 1
	}
	return p
}

func detailOf(f *fault.Error, entry problems.Entry, lang string) string {
	if f.Detail == "" {
		return ""
	}
	if said, ok := problems.Detail(f.Detail, lang); ok {
		return said
	}
	return entry.Remedy.In(lang)
}

// seconds rounds up: who comes back after them is not too early.
func seconds(d time.Duration) int {
	return int(math.Ceil(max(0, d.Seconds())))
}

// told answers what may be said of f at a place: a code that no document names
// there becomes one that says less.
func told(f *fault.Error, at problems.Place) *fault.Error {
	entry, _ := problems.Find(f.Code)
	switch {
	case Status(f.Kind) == http.StatusInternalServerError:
		return errInternal
	case entry.At(at):
		return f
	case f.Kind == fault.Unavailable && at == problems.Data:
		return errGone.After(f.RetryAfter)
	}
	return errInternal
}

// Problem answers err as a problem (RFC 9457) in the language that r asks for,
// and answers the status. What it may say is what can be met at a place.
func Problem(w http.ResponseWriter, r *http.Request, issuer string, at problems.Place, err error) int {
	lang := cmp.Or(language.Accepted(r.Header), language.English)
	h := w.Header()
	p := problemOf(told(asFault(err, r), at), issuer, lang, discreet.RequestID(r.Context()))
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challengeOf(err))
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	for _, of := range []string{"Content-Length", "ETag"} { // of an answer that did not come
		h.Del(of)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", lang)
	h.Add("Vary", "Accept-Language")
	body, _ := json.Marshal(p) // strings and numbers
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
	return p.Status
}

// answerError writes any error that a handler or a middleware answers. A client
// that hangs up while it is answered is no failure that anybody could mend.
func (s *Server) answerError(err error, c echo.Context) {
	r := c.Request()
	f := asFault(err, r)
	hungUp := c.Response().Committed && f.Code == errGone.Code && errors.Is(r.Context().Err(), context.Canceled)
	if !hungUp && statusOf(told(f, problems.Data)) >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "request failed", "route", c.Path(), "code", f.Code, "err", err)
	}
	if !c.Response().Committed {
		Problem(c.Response(), r, s.Issuer, problems.Data, err)
	}
}

// asFault finds the fault in err. Errors of echo and net/http are told by
// their type, never by their text.
func asFault(err error, r *http.Request) *fault.Error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return errLarge
	}
	var e *echo.HTTPError
	if errors.As(err, &e) {
		switch e.Code {
		case http.StatusNotFound:
			return errRoute
		case http.StatusMethodNotAllowed:
			return errMethod
		case http.StatusUnsupportedMediaType:
			return errMedia
		case http.StatusRequestEntityTooLarge:
			return errLarge
		case http.StatusBadRequest:
			return errInvalid.Saying("a parameter cannot be read")
		}
	}
	if r.Context().Err() != nil {
		return errGone.Because(err)
	}
	return fault.Of(err)
}

// challengeOf answers what stands in WWW-Authenticate (RFC 9110, section
// 11.6.1; RFC 9449, section 7.1).
func challengeOf(err error) string {
	var c interface{ Challenge() string }
	if errors.As(err, &c) {
		if v := c.Challenge(); v != "" && !strings.ContainsAny(v, "\r\n") {
			return v
		}
	}
	return `DPoP error="invalid_token"`
}
