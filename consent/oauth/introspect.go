package oauth

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"jali/consent/rar"
	"jali/internal/fault"
	"jali/internal/kv"
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
	k, t, err := s.known(c, token)
	if errors.Is(err, errNoToken) {
		return inactive, nil
	} else if err != nil {
		return nil, err
	}
	answer := map[string]any{
		"active": true, "iss": s.Issuer, "client_id": c.client.ID,
		"iat": t.At.Unix(), "exp": t.Ends.Unix(), "cnf": t.confirmation(),
	}
	if k == accessKind {
		answer["token_type"] = t.tokenType()
	}
	if len(t.Scopes) > 0 {
		answer["scope"] = strings.Join(t.Scopes, " ")
	}
	if t.own() {
		return answer, nil
	}
	g, err := s.Consent.Live(c.Context(), c.client.ID, t.Grant)
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

// known finds a token of the client's that has not ended. No hint is needed to
// find it (RFC 7662, section 2.1).
func (s *Server) known(c call, token string) (k kind, t row, err error) {
	err = s.DB.View(c.Context(), func(tx kv.Tx) error {
		for _, k = range []kind{accessKind, refreshKind} {
			var err error
			if t, err = found(tx, s.store.mark(k, token).key(k), c); !errors.Is(err, errNoToken) {
				return err
			}
		}
		return errNoToken
	})
	return k, t, err
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
