package oauth

import (
	"jali/consent"
	"jali/internal/kv"
)

// ownToken gives a client an access token of its own (RFC 6749, section 4.4),
// by which it may look at its grants and end them. It opens no grant, and its
// row lies under the client's id, where those of a grant lie under the grant's.
func (s *Server) ownToken(c call, h holder) (*tokens, error) {
	scopes, err := scopesOf(c.form)
	if err != nil {
		return nil, err
	}
	if len(scopes) == 0 {
		return nil, errScope
	}
	t := row{Grant: consent.GrantID(c.client.ID), Client: c.client.ID, holder: h, Scopes: scopes, At: c.now, Ends: c.now.Add(accessLife)}
	var answer *tokens
	err = s.DB.Update(c.Context(), func(tx kv.Tx) error {
		var err error
		answer, err = s.accessOf(tx, t)
		return err
	})
	return answer, err
}

// own reports whether a token is its client's own and of no grant.
func (r row) own() bool { return string(r.Grant) == string(r.Client) }
