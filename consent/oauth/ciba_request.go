package oauth

import (
	"errors"
	"net/url"
	"strings"

	"jali/internal/fault"
	"jali/internal/jose"
)

// parametersDecoupled answers those of a decoupled request: what its signed
// request says (CIBA Core, section 7.1.1), or the form where there is none.
func (s *Server) parametersDecoupled(c call) (url.Values, error) {
	if !c.form.Has("request") {
		if c.client.SignedRequests {
			return nil, invalidRequest("this client is registered to sign its requests (CIBA Core, section 7.1.1)")
		}
		return c.form, nil
	}
	for name := range c.form {
		if name != "request" && name != "client_id" {
			return nil, invalidRequest("all parameters belong in the signed request, and none beside it")
		}
	}
	form, err := s.signedDecoupled(c)
	var no *refusal
	if errors.As(err, &no) && no.code == "invalid_request_object" { // which is none of section 13
		err = invalidRequest(no.description)
	}
	return form, err
}

// signedDecoupled heeds a signed request as those at the pushed request
// endpoint, and more: iat and jti are there, and the jti is used once. It has
// no type of its own.
func (s *Server) signedDecoupled(c call) (url.Values, error) {
	in, err := s.requestObject(c, "", "jwt", requestType)
	if err != nil {
		return nil, err
	}
	iat, dated := in.Time("iat")
	exp, _ := in.Time("exp")
	jti, _ := in.String("jti")
	switch {
	case !dated:
		return nil, invalidRequestObject("needs an iat")
	case strings.TrimSpace(jti) == "" || len(jti) > maxID:
		return nil, invalidRequestObject("needs a jti of 1 to 256 bytes")
	}
	form, err := claimsForm(numbered(in))
	if err != nil {
		return nil, err
	}
	if err := s.replay.Take("request\x00"+string(c.client.ID), jti, iat, exp, c.now); err != nil {
		if f := fault.Of(err); f.Kind == fault.Unauthenticated {
			return nil, invalidRequestObject(strings.TrimPrefix(f.Detail, "this "))
		}
		return nil, err
	}
	return form, nil
}

// numbered is claims with requested_expiry as a number, which may also come
// as its digits (section 7.1.1).
func numbered(in jose.Claims) jose.Claims {
	if digits, ok := in.String("requested_expiry"); ok && isNumber(digits) {
		in["requested_expiry"] = []byte(digits)
	}
	return in
}
