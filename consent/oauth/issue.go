package oauth

import (
	"strings"
	"time"

	"jali/consent"
	"jali/consent/rar"
	"jali/internal/kv"
)

// issue stores tokens of a grant that stands, for who holds h, and answers what
// the token endpoint says (RFC 6749, section 5.1). There is a refresh token
// where the grant recurs.
func (s *Server) issue(tx kv.Tx, now time.Time, c consent.Client, h holder, scopes []string, g consent.Grant) (map[string]any, error) {
	t := row{Grant: g.ID, Client: c.ID, holder: h, Scopes: scopes, At: now, Ends: accessEnds(now, g.Agreed.Until)}
	answer := told(t, g)
	var err error
	if answer["access_token"], err = s.store.give(tx, accessKind, t); err != nil {
		return nil, err
	}
	if !g.Agreed.Uses.Once() {
		t.Ends, t.Recurs = g.Agreed.Until, true
		answer["refresh_token"], err = s.store.give(tx, refreshKind, t)
	}
	return answer, err
}

// told is what the token endpoint says of an access token of a grant's.
func told(t row, g consent.Grant) map[string]any {
	answer := toldOwn(t)
	answer["grant_id"], answer["authorization_details"] = g.ID, rar.Format(g.Agreed)
	return answer
}

// toldOwn is what it says of any access token.
func toldOwn(t row) map[string]any {
	answer := map[string]any{"token_type": t.tokenType(), "expires_in": int(t.Ends.Sub(t.At).Seconds())}
	if len(t.Scopes) > 0 {
		answer["scope"] = strings.Join(t.Scopes, " ")
	}
	return answer
}

// give stores a new token of a row and answers it.
func (s store) give(tx kv.Tx, k kind, t row) (string, error) {
	token, m := s.fresh(k, string(t.Grant))
	return token, put(tx, k, m, t.Grant, t, t.Ends)
}
