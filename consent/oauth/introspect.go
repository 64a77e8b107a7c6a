package oauth

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/ory/fosite"

	"jali/consent/rar"
	"jali/internal/fault"
)

// acrPasskey is how every person here says yes: by a passkey, which no page
// but ours can ask for (OpenID Connect EAP ACR Values 1.0, section 4).
const acrPasskey = "phr"

const introspectionType = "application/token-introspection+jwt"

// introspect answers POST /oauth/introspect (RFC 7662), signed for who asks
// for that and for who is registered to (RFC 9701, sections 4 and 5).
func (s *Server) introspect(w http.ResponseWriter, c call) error {
	answer, err := s.introspected(c)
	if err != nil {
		return err
	}
	if !c.client.SignedIntrospection && !accepts(c.Header, introspectionType) {
		writeJSON(w, http.StatusOK, answer)
		return nil
	}
	signed, err := s.IssuerKey.Sign(
		map[string]any{"typ": strings.TrimPrefix(introspectionType, "application/")},
		map[string]any{"iss": s.Issuer, "aud": c.client.ID, "iat": c.now.Unix(), "token_introspection": answer},
	)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", introspectionType)
	_, _ = w.Write([]byte(signed))
	return nil
}

// introspected is what a client's own token is good for, as long as its grant
// may be read from. All else, unknown or somebody else's, is not active. It
// writes nothing.
func (s *Server) introspected(c call) (map[string]any, error) {
	token := c.form.Get("token")
	if token == "" {
		return nil, invalidRequest("token is missing")
	}
	inactive := map[string]any{"active": false}
	ctx := with(c.Context(), &step{now: c.now, client: c.client})
	use, found, err := s.core.IntrospectToken(ctx, token, fosite.TokenUse(c.form.Get("token_type_hint")), &session{})
	if errors.Is(err, fosite.ErrNotFound) {
		return inactive, nil
	} else if err != nil {
		return nil, serverError(err)
	}
	se := sessionOf(found)
	answer := map[string]any{
		"active": true, "iss": s.Issuer, "client_id": c.client.ID,
		"iat": found.GetRequestedAt().Unix(), "exp": se.ends.Unix(), "cnf": se.held.confirmation(),
	}
	if use == fosite.AccessToken {
		answer["token_type"] = se.held.tokenType()
	}
	if len(se.scopes) > 0 {
		answer["scope"] = strings.Join(se.scopes, " ")
	}
	if string(se.grant) == string(c.client.ID) { // its own
		return answer, nil
	}
	g, err := s.Consent.Live(ctx, c.client.ID, se.grant)
	if err != nil {
		if k := fault.Of(err).Kind; k == fault.Internal || k == fault.Unavailable {
			return nil, err
		}
		return inactive, nil
	}
	answer["sub"] = s.Subject(string(g.Person), string(c.client.ID))
	answer["grant_id"], answer["authorization_details"] = g.ID, rar.Format(g.Agreed)
	answer["acr"], answer["auth_time"] = acrPasskey, g.DecidedAt.Unix() // RFC 9470, section 6.2
	return answer, nil
}

// accepts reports whether a request names this media type among those it
// takes (RFC 9110, section 12.5.1); wildcards do not name it.
func accepts(h http.Header, kind string) bool {
	for one := range strings.SplitSeq(strings.Join(h.Values("Accept"), ","), ",") {
		named, params, err := mime.ParseMediaType(one)
		if err != nil || named != kind {
			continue
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		return params["q"] == "" || err == nil && q > 0
	}
	return false
}
