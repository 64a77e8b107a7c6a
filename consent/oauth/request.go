package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/internal/fault"
	"jali/internal/jose"
)

const (
	requestType = "oauth-authz-req+jwt" // RFC 9101, section 10.8

	// maxRequestObject is the size of a request object beyond which it is not
	// read: twice that of the largest authorization_details.
	maxRequestObject = 32 << 10
	// requestObjectLife is how old a request object's nbf may be, and how far
	// behind it its exp.
	requestObjectLife = 60 * time.Minute
)

func invalidRequestObject(description string) *refusal {
	return refuse(http.StatusBadRequest, "invalid_request_object", "the request object "+description)
}

// parameters answers those that count of a pushed request: what its request
// object says and nothing that stands beside it (RFC 9126, section 3), or the
// form where there is none.
func (s *Server) parameters(c call) (url.Values, error) {
	switch {
	case c.form.Has("request_uri"):
		return nil, invalidRequest("request_uri is what this endpoint gives, and cannot be given to it")
	case c.form.Has("request"):
		in, err := s.requestObject(c, requestType)
		if err != nil {
			return nil, err
		}
		if !in.Has("client_id") {
			return nil, invalidRequestObject("needs a client_id")
		}
		return claimsForm(in)
	case c.client.SignedRequests:
		return nil, invalidRequest("this client is registered to sign its requests: all parameters belong in a request object (RFC 9101)")
	}
	return c.form, nil
}

// requestObject verifies the request object that a client has posted (RFC
// 9101, section 6; FAPI 2.0 Message Signing, section 5.3.1) and answers what
// is in it:
//
//   - typ is one of types; the signature is by a key of the client's own
//   - iss is the client's id; aud is our issuer, or an array that holds it
//   - nbf is there, at most 60 minutes old and 10 seconds ahead; exp is there,
//     ahead, and at most 60 minutes after nbf
//   - sub is not the client's id, or this would pass for a client assertion
//     (RFC 9101, section 10.8), and there is no other request in it
//
// Refusals are invalid_request_object (section 7).
func (s *Server) requestObject(c call, types ...string) (jose.Claims, error) {
	t, err := s.verify(c.Context(), c.client, c.form.Get("request"),
		jose.Expect{Types: types, MaxBytes: maxRequestObject}, c.now)
	var away *refusal
	if errors.As(err, &away) {
		return nil, away
	} else if err != nil {
		return nil, invalidRequestObject("is not acceptable: " + fault.Of(err).Detail)
	}
	in, id := t.Claims, string(c.client.ID)
	if iss, _ := in.String("iss"); iss != id {
		return nil, invalidRequestObject("needs an iss that is the client_id")
	}
	if within, _ := in.String("client_id"); in.Has("client_id") && within != id {
		return nil, invalidRequestObject("is for another client_id")
	}
	if !slices.Contains(in.Texts("aud"), s.Issuer) {
		return nil, invalidRequestObject("needs an aud that is our issuer, or an array that holds it")
	}
	if sub, ok := in.String("sub"); in.Has("sub") && (!ok || sub == id) {
		return nil, invalidRequestObject("must not have the client_id for its sub")
	}
	if in.Has("request") || in.Has("request_uri") {
		return nil, invalidRequestObject("must not hold a request or a request_uri")
	}
	return in, heedWindow(in, c.now)
}

func heedWindow(in jose.Claims, now time.Time) error {
	nbf, ok := in.Time("nbf")
	switch {
	case !ok:
		return invalidRequestObject("needs an nbf")
	case nbf.Before(now.Add(-requestObjectLife)):
		return invalidRequestObject("has an nbf that is over 60 minutes old")
	case nbf.After(now.Add(clockSkew)):
		return invalidRequestObject("is not valid yet")
	}
	exp, ok := in.Time("exp")
	switch {
	case !ok:
		return invalidRequestObject("needs an exp")
	case !now.Before(exp):
		return invalidRequestObject("has expired")
	case exp.After(nbf.Add(requestObjectLife)):
		return invalidRequestObject("has an exp over 60 minutes after its nbf")
	}
	if iat, ok := in.Time("iat"); in.Has("iat") && (!ok || iat.After(now.Add(clockSkew))) {
		return invalidRequestObject("has an iat that is ahead")
	}
	return nil
}

// What a parameter is in a request object; in a form it is always text.
// Those that are not named are not read, as in a form.
var (
	textParams = []string{
		"response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce",
		"code_challenge", "code_challenge_method", "dpop_jkt", "resource", "acr_values",
		"grant_management_action", "grant_id",
		"client_notification_token", "login_hint", "login_hint_token", "id_token_hint", "binding_message", "user_code",
	}
	numberParams = []string{"max_age", "requested_expiry"}
)

// claimsForm answers the parameters in a request object as the form that would
// have said the same. A member of another type than its parameter's is
// refused, never converted (RFC 9101, section 4).
func claimsForm(in jose.Claims) (url.Values, error) {
	form := url.Values{}
	for _, name := range textParams {
		text, ok := in.String(name)
		switch {
		case in.Has(name) && !ok:
			return nil, invalidRequestObject("has a " + name + " that is not a string")
		case strings.ContainsRune(text, 0):
			return nil, invalidRequestObject("has a " + name + " that is not text")
		case text != "": // as in a form, empty is left out
			form.Set(name, text)
		}
	}
	for _, name := range numberParams {
		if !in.Has(name) {
			continue
		}
		var n uint32
		if json.Unmarshal(in[name], &n) != nil || in[name][0] == 'n' {
			return nil, invalidRequestObject("has a " + name + " that is not a whole number")
		}
		form.Set(name, strconv.FormatUint(uint64(n), 10))
	}
	if details := in["authorization_details"]; in.Has("authorization_details") {
		if !bytes.HasPrefix(details, []byte("[")) {
			return nil, invalidRequestObject("has authorization_details that are not an array (RFC 9396, section 3)")
		}
		form.Set("authorization_details", string(details))
	}
	return form, nil
}
