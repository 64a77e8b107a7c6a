package oauth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/consent"
	"jali/internal/fault"
	"jali/internal/jose"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	// maxAssertion is the size of an assertion beyond which it is not read.
	maxAssertion = 8 << 10
	// assertionLife is how far ahead an assertion's exp may lie.
	assertionLife = 5 * time.Minute
	// clockSkew is how far ahead of ours a client's clock may be.
	clockSkew = 10 * time.Second
	maxID     = 256
)

var (
	errClient = refuse(http.StatusUnauthorized, "invalid_client",
		"the client is unknown, or its assertion was not signed with its key")
	errSuspended = refuse(http.StatusUnauthorized, "invalid_client",
		"this client is suspended; its operator should write to ours")
)

func invalidClient(description string) *refusal {
	return refuse(http.StatusUnauthorized, "invalid_client", description)
}

// client answers the client that the sender proves to be, and tells of it.
func (s *Server) client(r *http.Request, form url.Values, now time.Time) (consent.Client, error) {
	c, err := s.proven(r, form, now)
	if err == nil {
		s.see(c.ID)
	}
	return c, err
}

func (s *Server) see(c consent.ClientID) {
	if s.Seen != nil {
		s.Seen(c)
	}
}

// proven authenticates the sender in the way that it is registered for: by
// certificate, or by private_key_jwt (RFC 7523, section 3; FAPI 2.0 Security
// Profile, section 5.3.2.1), of which
//
//   - iss and sub are the client's id; aud is our issuer, alone and as a string
//   - exp is ahead of now, by at most five minutes; iat is there and, like
//     nbf, at most ten seconds ahead
//   - jti is used once, and iat is not before this process started
//
// Unknown clients and bad signatures answer alike.
func (s *Server) proven(r *http.Request, form url.Values, now time.Time) (consent.Client, error) {
	assertion := form.Get("client_assertion")
	switch {
	case r.Header.Get("Authorization") != "":
		no := invalidClient("authenticate with a private_key_jwt client_assertion in the body, not with an Authorization header")
		no.challenge = `Basic realm="not accepted: use private_key_jwt"`
		return consent.Client{}, no
	case form.Has("client_secret"):
		return consent.Client{}, invalidClient("client secrets are not accepted; authenticate with a private_key_jwt client_assertion")
	case assertion == "" && !form.Has("client_assertion_type") && certificateOf(r, now) != nil:
		return s.byCertificate(r, form.Get("client_id"), now)
	case assertion == "":
		return consent.Client{}, invalidClient("client_assertion is missing; authenticate by private_key_jwt" + s.orByCertificate())
	case form.Get("client_assertion_type") != assertionType:
		return consent.Client{}, invalidClient("client_assertion_type must be " + assertionType)
	}
	id := form.Get("client_id")
	if id == "" { // optional beside an assertion (RFC 7521, section 4.2)
		claims, err := jose.Unverified(assertion, maxAssertion)
		if err != nil {
			return consent.Client{}, errClient
		}
		id, _ = claims.String("sub")
	}
	c, err := s.registered(r, id)
	if err != nil {
		return consent.Client{}, err
	}
	t, err := s.verify(r.Context(), c, assertion, jose.Expect{
		Types: []string{"", "jwt", "client-authentication+jwt"}, MaxBytes: maxAssertion,
	}, now)
	var away *refusal
	switch {
	case errors.As(err, &away):
		return consent.Client{}, away
	case errors.Is(err, jose.ErrSignature):
		return consent.Client{}, errClient
	case err != nil:
		return consent.Client{}, invalidClient("the client_assertion: " + fault.Of(err).Detail)
	}
	if err := s.heed(t.Claims, string(c.ID), now); err != nil {
		return consent.Client{}, err
	}
	if c.Auth != "" && c.Auth != consent.PrivateKeyJWT {
		return consent.Client{}, invalidClient("this client is registered to authenticate by its certificate")
	}
	if c.Suspended {
		return consent.Client{}, errSuspended
	}
	return c, nil
}

// registered answers a client. An unknown one is the zero Client, which has no
// keys, so that nothing it signs is good and all else answers as it would for
// others.
func (s *Server) registered(r *http.Request, id string) (consent.Client, error) {
	c, err := s.Consent.Client(r.Context(), consent.ClientID(id))
	if errors.Is(err, consent.ErrNoClient) {
		return consent.Client{}, nil
	}
	return c, err
}

func (s *Server) heed(c jose.Claims, id string, now time.Time) error {
	iss, _ := c.String("iss")
	sub, _ := c.String("sub")
	if iss != id || sub != id {
		return invalidClient("the client_assertion's iss and sub must both be the client_id")
	}
	if aud, ok := c.String("aud"); !ok || aud != s.Issuer {
		return invalidClient("the client_assertion's aud must be the issuer, as a string and alone")
	}
	exp, ok := c.Time("exp")
	if !ok || !now.Before(exp) || exp.After(now.Add(assertionLife)) {
		return invalidClient("the client_assertion's exp must be ahead, by at most 5 minutes")
	}
	iat, ok := c.Time("iat")
	if !ok || iat.After(now.Add(clockSkew)) {
		return invalidClient("the client_assertion needs an iat that is not ahead")
	}
	if nbf, ok := c.Time("nbf"); c.Has("nbf") && (!ok || nbf.After(now.Add(clockSkew))) {
		return invalidClient("the client_assertion is not valid yet")
	}
	jti, ok := c.String("jti")
	if !ok || strings.TrimSpace(jti) == "" || len(jti) > maxID {
		return invalidClient("the client_assertion needs a jti of 1 to 256 bytes")
	}
	if err := s.replay.Take("client\x00"+id, jti, iat, exp, now); err != nil {
		if f := fault.Of(err); f.Kind == fault.Unauthenticated {
			return invalidClient("the client_assertion " + strings.TrimPrefix(f.Detail, "this "))
		}
		return err
	}
	return nil
}

// posted wraps an endpoint that clients post to: form, then client, then the
// endpoint itself.
func (s *Server) posted(serve func(w http.ResponseWriter, c call) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		form, err := readForm(w, r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		now := s.now()
		client, err := s.client(r, form, now)
		if err == nil {
			err = s.Brakes.client(w, r, client.ID)
		}
		if err == nil {
			form.Del("client_assertion") // seen, and not to be kept by anyone
			form.Del("client_assertion_type")
			err = serve(w, call{r, form, client, now, w.Header()})
		}
		if err != nil {
			s.fail(w, r, err)
		}
	}
}

// call is a request of an authenticated client.
type call struct {
	*http.Request
	form   url.Values
	client consent.Client
	now    time.Time
	answer http.Header
}
