package oauth

import (
	"net/url"

	"jali/consent"
	"jali/consent/rar"
	"jali/internal/kv"
)

// grantAction answers what a request does to the client's grants, and to
// which (Grant Management for OAuth 2.0, draft 03, section 5.2). What makes no
// sense together is invalid_request (section 5.4); whether there is such a
// grant is consent's to say.
func grantAction(form url.Values) (consent.Action, consent.GrantID, error) {
	action, id := consent.Action(form.Get("grant_management_action")), consent.GrantID(form.Get("grant_id"))
	switch action {
	case "", consent.Create:
		if id != "" {
			return "", "", invalidRequest("grant_id belongs to the grant_management_action merge or replace")
		}
	case consent.Merge, consent.Replace:
		if id == "" {
			return "", "", invalidRequest("grant_management_action " + string(action) + " needs a grant_id")
		}
	default:
		return "", "", invalidRequest("grant_management_action must be create, merge or replace")
	}
	return action, id, nil
}

// details answers what a request asks for: of a merge, what it adds.
func (s *Server) details(c call, action consent.Action) (consent.Terms, error) {
	raw := []byte(c.form.Get("authorization_details"))
	if action == consent.Merge {
		return rar.ParseMore(raw, s.Resource())
	}
	return rar.Parse(raw, c.now, s.Resource())
}

// supersede drops the refresh tokens of a grant that its client is about to
// get new ones for, since a new yes has changed it (Grant Management, section
// 5.2). Its access tokens stay: they open what the grant says now.
func supersede(tx kv.Tx, g consent.Grant) error { return dropAll(tx, g.ID, refreshKind) }

// GrantChanged drops the refresh tokens of a grant that is now for one use, and
// any code that would still give one, in the transaction of the yes that made
// it so: a redemption that looked at the grant before finds its code gone.
func (s *Server) GrantChanged(tx kv.Tx, _, g consent.Grant) error {
	if !g.Agreed.Uses.Once() {
		return nil
	}
	return dropAll(tx, g.ID, codeKind, refreshKind)
}
