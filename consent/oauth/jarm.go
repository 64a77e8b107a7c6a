package oauth

import (
	"net/url"
	"time"
)

// answerLife is how long a signed authorization response may be believed: a
// redirect's time. The code in it lives 60 seconds anyway.
const answerLife = 5 * time.Minute

// signsAnswer reports whether a request asks for a signed authorization
// response: of the modes of JWT Secured Authorization Response Mode for OAuth
// 2.0 (JARM), section 2.3, those that are for a code in the query.
func signsAnswer(form url.Values) bool {
	mode := form.Get("response_mode")
	return mode == "jwt" || mode == "query.jwt"
}

// answer is the redirect that hands a request's authorization response to its
// client (RFC 6749, sections 4.1.2 and 4.1.2.1), with our name (RFC 9207) and
// the state that came with the request. A signed one has all of it in a JWS
// and nothing beside (JARM, section 2.1).
func (s *Server) answer(to pushed, with url.Values, now time.Time) (string, error) {
	with.Set("iss", s.Issuer)
	if to.State != "" {
		with.Set("state", to.State)
	}
	if !to.SignAnswer {
		return withQuery(to.RedirectURI, with)
	}
	claims := map[string]any{"aud": to.Client, "exp": now.Add(answerLife).Unix()}
	for name := range with {
		claims[name] = with.Get(name)
	}
	signed, err := s.IssuerKey.Sign(nil, claims)
	if err != nil {
		return "", err
	}
	return withQuery(to.RedirectURI, url.Values{"response": {signed}})
}
