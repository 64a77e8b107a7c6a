package oauth

import (
	"encoding/json"
	"strings"
	"time"

	"jali/consent"
	"jali/consent/rar"
	"jali/internal/kv"
)

// tokens is what the token endpoint says (RFC 6749, section 5.1; RFC 9396,
// section 7; Grant Management for OAuth 2.0, draft 03, section 5.3).
type tokens struct {
	Access    string          `json:"access_token"`
	Type      string          `json:"token_type"`
	ExpiresIn int             `json:"expires_in"`
	Refresh   string          `json:"refresh_token,omitempty"`
	Scope     string          `json:"scope,omitempty"`
	Grant     consent.GrantID `json:"grant_id,omitempty"`
	Details   json.RawMessage `json:"authorization_details,omitempty"`
}

// issue stores tokens of a grant that stands, for who holds h. There is a
// refresh token where the grant recurs.
func (s *Server) issue(tx kv.Tx, now time.Time, c consent.Client, h holder, scopes []string, g consent.Grant) (*tokens, error) {
	answer, err := s.access(tx, now, c, h, scopes, g)
	if err != nil || g.Agreed.Uses.Once() {
		return answer, err
	}
	t := row{Grant: g.ID, Client: c.ID, holder: h, Scopes: scopes, At: now, Ends: g.Agreed.Until}
	answer.Refresh, err = s.store.give(tx, refreshKind, t)
	return answer, err
}

// access stores an access token of a grant that stands.
func (s *Server) access(tx kv.Tx, now time.Time, c consent.Client, h holder, scopes []string, g consent.Grant) (*tokens, error) {
	ends := now.Add(accessLife)
	if g.Agreed.Until.Before(ends) {
		ends = g.Agreed.Until
	}
	answer, err := s.accessOf(tx, row{Grant: g.ID, Client: c.ID, holder: h, Scopes: scopes, At: now, Ends: ends})
	if err != nil {
		return nil, err
	}
	answer.Grant, answer.Details = g.ID, rar.Format(g.Agreed)
	return answer, s.acquaint(tx, g)
}

// accessOf stores any access token.
func (s *Server) accessOf(tx kv.Tx, t row) (*tokens, error) {
	token, err := s.store.give(tx, accessKind, t)
	return &tokens{Access: token, Type: t.tokenType(), ExpiresIn: int(t.Ends.Sub(t.At).Seconds()), Scope: strings.Join(t.Scopes, " ")}, err
}

// give stores a new token of a row and answers it.
func (s store) give(tx kv.Tx, k kind, t row) (string, error) {
	token, m := s.fresh(k, string(t.Grant))
	return token, putRow(tx, k, m, t, t.Ends)
}
