package oauth

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"time"

	"jali/consent"
	"jali/consent/rar"
	"jali/internal/kv"
)

// errNoGrant answers for grants that are unknown, somebody else's, undecided
// or over, and for those that the token at hand does not reach: alike.
var errNoGrant = refuse(http.StatusNotFound, "invalid_grant_id", "there is no such grant, or it has ended")

// grantAsked answers GET /oauth/grants/{id} (Grant Management for OAuth 2.0,
// draft 03, section 6.4): what stands in a grant of the client's. A grant
// holds no scopes and no claims. Beside what the draft names, state tells a
// grant that is used up from one that is not.
func (s *Server) grantAsked(w http.ResponseWriter, r *http.Request, t row, _ time.Time) error {
	g, err := s.reached(r, t, scopeQuery)
	if err != nil {
		return err
	}
	created := g.GivenAt
	if created.IsZero() { // given before revisions were counted
		created = g.DecidedAt
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"grant_id": g.ID, "state": g.State, "authorization_details": rar.Format(g.Agreed),
		"created_at": created.Unix(), "last_updated_at": g.DecidedAt.Unix(), "expires_at": g.Agreed.Until.Unix(),
	})
	return nil
}

// grantRevoked answers DELETE /oauth/grants/{id} (section 6.5): the client gives
// a grant back, which ends it as if the person had.
func (s *Server) grantRevoked(w http.ResponseWriter, r *http.Request, t row, now time.Time) error {
	g, err := s.reached(r, t, scopeRevoke)
	if err != nil {
		return err
	}
	event := rand.Text()
	err = s.DB.Update(r.Context(), func(tx kv.Tx) error {
		return s.Consent.RevokeByClient(tx, now, event, t.Client, g.ID)
	})
	if errors.Is(err, consent.ErrNoGrant) { // its person has just left
		return errNoGrant
	} else if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// reached answers the grant that a request is about, if the token may be used
// for that: it needs the scope, and one that was given with a grant is for
// that grant alone.
func (s *Server) reached(r *http.Request, t row, scope string) (consent.Grant, error) {
	if !slices.Contains(t.Scopes, scope) {
		no := refuse(http.StatusForbidden, "insufficient_scope", "this needs a token with the scope "+scope)
		no.challenge = t.tokenType() + ` error="insufficient_scope", error_description="` + no.description + `", scope="` + scope + `"`
		return consent.Grant{}, no
	}
	id := consent.GrantID(r.PathValue("id"))
	if !t.own() && t.Grant != id {
		return consent.Grant{}, errNoGrant
	}
	g, err := s.Consent.Load(r.Context(), t.Client, id)
	switch {
	case errors.Is(err, consent.ErrNoGrant):
		return consent.Grant{}, errNoGrant
	case err == nil && g.State != consent.Given && g.State != consent.Exhausted:
		return consent.Grant{}, errNoGrant
	}
	return g, err
}
