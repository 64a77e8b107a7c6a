package oauth

import (
	"errors"
	"net/http"

	"github.com/ory/fosite"

	"jali/consent/rar"
	"jali/internal/fault"
)

// introspect answers POST /oauth/introspect (RFC 7662): what a client's own
// token is good for, as long as its grant may be read from. All else, unknown
// or somebody else's, is not active. It writes nothing.
func (s *Server) introspect(w http.ResponseWriter, c call) error {
	token := c.form.Get("token")
	if token == "" {
		return invalidRequest("token is missing")
	}
	inactive := map[string]bool{"active": false}
	ctx := with(c.Context(), &step{now: c.now, client: c.client})
	use, found, err := s.core.IntrospectToken(ctx, token, fosite.TokenUse(c.form.Get("token_type_hint")), &session{})
	if errors.Is(err, fosite.ErrNotFound) {
		writeJSON(w, http.StatusOK, inactive)
		return nil
	} else if err != nil {
		return serverError(err)
	}
	se := sessionOf(found)
	g, err := s.Consent.Live(ctx, c.client.ID, se.grant)
	if err != nil {
		if k := fault.Of(err).Kind; k == fault.Internal || k == fault.Unavailable {
			return err
		}
		writeJSON(w, http.StatusOK, inactive)
		return nil
	}
	answer := map[string]any{
		"active": true, "iss": s.Issuer, "client_id": c.client.ID,
		"sub": s.Subject(string(g.Person), string(c.client.ID)),
		"iat": found.GetRequestedAt().Unix(), "exp": se.ends.Unix(),
		"cnf": se.held.confirmation(), "grant_id": g.ID,
		"authorization_details": rar.Format(g.Agreed),
	}
	if use == fosite.AccessToken {
		answer["token_type"] = se.held.tokenType()
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}
