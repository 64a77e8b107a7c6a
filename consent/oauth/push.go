package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"jali/consent"
	"jali/internal/kv"
)

const (
	// MaxState is the longest state that is carried.
	MaxState = 2048
	maxNonce = 2048
)

// push answers POST /oauth/par (RFC 9126): it records what a client asks for,
// as a grant nobody has seen yet or as a change to one of its own, and answers
// the request_uri under which its browser opens it within 300 seconds. What
// is asked is in the form or in a request object, never in both.
func (s *Server) push(w http.ResponseWriter, c call) error {
	form, err := s.parameters(c)
	if err != nil {
		return err
	}
	c.form = form
	if err := acceptable(c.form, c.client); err != nil {
		return err
	}
	scopes, err := scopesOf(c.form)
	if err != nil {
		return err
	}
	asked, held, err := s.asks(c)
	if err != nil {
		return err
	}
	asked.Lapses = c.now.Add(decideLife)
	st := step{now: c.now, client: c.client, asked: pushed{
		Grant: asked.ID, Client: c.client.ID, State: c.form.Get("state"), holder: held, Scopes: scopes,
		SignAnswer: signsAnswer(c.form), OpenUntil: c.now.Add(requestLife),
	}}
	ctx := c.Context()
	kept := only(c.form, "response_type", "redirect_uri", "code_challenge", "code_challenge_method")
	kept.Set("client_id", string(c.client.ID))
	kept.Set("state", string(asked.ID)) // see the package comment
	ar, err := s.core.NewPushedAuthorizeRequest(with(ctx, &st), request(http.MethodPost, kept))
	if err != nil {
		return err
	}
	var uri string
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		if _, err := s.Consent.Push(tx, c.now, asked); err != nil {
			return err
		}
		in := st
		in.tx = tx
		_, err := s.core.NewPushedAuthorizeResponse(with(ctx, &in), ar, &session{})
		uri = in.uri
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, map[string]any{
		"request_uri": uri, "expires_in": int(requestLife.Seconds()),
	})
	return nil
}

// asks reads what a pushed or a decoupled request asks for, and what its tokens
// will be bound to. Of whom it is asked and until when is its endpoint's to say.
func (s *Server) asks(c call) (consent.Request, holder, error) {
	action, revises, err := grantAction(c.form)
	if err != nil {
		return consent.Request{}, holder{}, err
	}
	if err := s.resource(c.form); err != nil {
		return consent.Request{}, holder{}, err
	}
	terms, err := s.details(c, action)
	if err != nil {
		return consent.Request{}, holder{}, err
	}
	held, err := s.holderAsked(c)
	return consent.Request{
		ID: s.newGrantID(c), Client: c.client.ID, Asked: terms, Action: action, Revises: revises,
	}, held, err
}

// newGrantID lays the requests of one client and second side by side, without
// their ids telling when that was, or one client of another.
func (s *Server) newGrantID(c call) consent.GrantID {
	near := s.MAC("oauth grant", string(c.client.ID), strconv.FormatInt(c.now.Unix(), 10))
	return consent.NewGrantID(near[:6])
}

// acceptable is what fosite would be too lenient about.
func acceptable(form url.Values, c consent.Client) error {
	challenge := form.Get("code_challenge")
	switch {
	case !form.Has("response_type"):
		return invalidRequest("response_type is missing; it must be code")
	case form.Get("response_type") != "code":
		return fositeCodes["unsupported_response_type"]
	case form.Has("response_mode") && form.Get("response_mode") != "query" && !signsAnswer(form):
		return fositeCodes["unsupported_response_mode"]
	case c.SignedResponses && !signsAnswer(form):
		return invalidRequest("this client is registered for signed responses: response_mode must be jwt or query.jwt")
	case !slices.Contains(c.RedirectURIs, form.Get("redirect_uri")):
		return invalidRequest("redirect_uri is missing, or not exactly one that is registered")
	case form.Get("code_challenge_method") != "S256":
		return invalidRequest("code_challenge_method must be S256")
	case !isHash(challenge):
		return invalidRequest("code_challenge must be the 43 characters of a SHA-256 in base64url")
	case len(form.Get("state")) > MaxState:
		return invalidRequest("state is longer than 2048 bytes")
	case !isVisible(form.Get("state")):
		return invalidRequest("state may hold printable ASCII only (RFC 6749, appendix A.5)")
	case len(form.Get("nonce")) > maxNonce: // else it is not used: there are no ID tokens
		return invalidRequest("nonce is longer than 2048 bytes")
	case form.Has("max_age") && !isNumber(form.Get("max_age")): // else it is held: every yes takes a fresh passkey assertion
		return invalidRequest("max_age must be a whole number of seconds")
	case form.Has("acr_values") && !slices.Contains(strings.Split(form.Get("acr_values"), " "), acrPasskey):
		return errUnmetACR
	case !form.Has("authorization_details"):
		return invalidRequest("authorization_details is missing; there is no other way to ask (RFC 9396)")
	}
	return nil
}

// errUnmetACR is of OpenID Connect Core Error Code
// unmet_authentication_requirements 1.0.
var errUnmetACR = refuse(http.StatusBadRequest, "unmet_authentication_requirements",
	"people authenticate by passkey here: of acr_values only "+acrPasskey+" can be met")

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// isHash reports whether s is 256 bits in base64url without padding.
func isHash(s string) bool {
	if len(s) != 43 {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

func isVisible(s string) bool {
	for _, c := range []byte(s) {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// resource heeds RFC 8707: there is one resource.
func (s *Server) resource(form url.Values) error {
	if form.Has("resource") && form.Get("resource") != s.Resource() {
		return refuse(http.StatusBadRequest, "invalid_target", "the only resource is "+s.Resource())
	}
	return nil
}
