package oauth

import (
	"net/http"

	"jali/consent"
	"jali/internal/kv"
)

// revoke answers POST /oauth/revoke (RFC 7009): an access token ends alone, a
// refresh token takes its access tokens along. The grant itself stays: ending
// that is another request. Unknown and foreign tokens answer 200 like others.
func (s *Server) revoke(w http.ResponseWriter, c call) error {
	token := c.form.Get("token")
	if token == "" {
		return invalidRequest("token is missing")
	}
	err := s.DB.Update(c.Context(), func(tx kv.Tx) error {
		for _, k := range []kind{accessKind, refreshKind} {
			m := s.store.mark(k, token)
			var r row
			ok, err := kv.Load(tx, m.key(k), &r)
			if err != nil {
				return err
			}
			if !ok || r.Client != c.client.ID {
				continue
			}
			if k == refreshKind {
				return s.takeBack(tx, r.Grant)
			}
			if err := s.taken(tx, r.Grant); err != nil {
				return err
			}
			return tx.Delete(m.key(k))
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// takeBack removes every token of a grant.
func (s *Server) takeBack(tx kv.Tx, g consent.GrantID) error {
	if err := s.taken(tx, g); err != nil {
		return err
	}
	return dropAll(tx, g, accessKind, refreshKind)
}

// taken tells that tokens of a grant are being taken back while it goes on.
func (s *Server) taken(tx kv.Tx, g consent.GrantID) error {
	if s.Taken == nil {
		return nil
	}
	return s.Taken(tx, g)
}

// GrantEnded drops the refresh tokens of a grant that has ended, in the
// transaction that ends it. Access tokens stay until they end by themselves:
// they open nothing any more, and are told why.
func (s *Server) GrantEnded(tx kv.Tx, g consent.Grant, _ bool) error {
	return dropAll(tx, g.ID, refreshKind)
}
