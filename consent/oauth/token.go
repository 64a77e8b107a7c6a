package oauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/ory/fosite"

	"jali/consent"
	"jali/internal/kv"
)

// token answers POST /oauth/token: a code or a refresh token for an access
// token that is bound to the key of the DPoP proof.
func (s *Server) token(w http.ResponseWriter, c call) error {
	kept, err := tokenParams(c)
	if err != nil {
		return err
	}
	if err := s.resource(c.form); err != nil {
		return err
	}
	key, err := s.proof(c)
	if err != nil {
		return err
	}
	ctx := c.Context()
	st := step{now: c.now, client: c.client, key: key}
	ar, err := s.core.NewAccessRequest(with(ctx, &st), request(http.MethodPost, kept), &session{})
	if err != nil {
		return err
	}
	var made fosite.AccessResponder
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		in := st
		in.tx, in.found.sure = tx, false // what was read before may have changed
		if stands, err := s.Consent.Stands(tx, st.grant); err != nil {
			return err
		} else if !stands { // or tokens would outlive what GrantEnded has dropped
			return errGrantEnded
		}
		var err error
		made, err = s.core.NewAccessResponse(with(ctx, &in), ar)
		return err
	})
	if errors.Is(err, fosite.ErrInvalidatedAuthorizeCode) { // lost a race: used twice, as any other second use
		if err := s.takeBack(ctx, consent.GrantID(ar.GetID())); err != nil {
			return err
		}
		return fositeCodes["invalid_grant"]
	} else if err != nil {
		return err
	}
	answer := made.ToMap()
	delete(answer, "scope") // there are none
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// tokenParams checks the parameters of one grant type and leaves the others
// behind.
func tokenParams(c call) (map[string][]string, error) {
	switch {
	case c.form.Has("scope"):
		return nil, fositeCodes["invalid_scope"]
	case c.form.Has("authorization_details"):
		return nil, refuse(http.StatusBadRequest, "invalid_authorization_details", "what was agreed to cannot be changed here; push a new request")
	}
	switch c.form.Get("grant_type") {
	case "":
		return nil, invalidRequest("grant_type is missing")
	case "authorization_code":
		if !c.form.Has("code") {
			return nil, invalidRequest("code is missing")
		}
		return only(c.form, "grant_type", "code", "redirect_uri", "code_verifier"), nil
	case "refresh_token":
		if !c.form.Has("refresh_token") {
			return nil, invalidRequest("refresh_token is missing")
		}
		return only(c.form, "grant_type", "refresh_token"), nil
	}
	return nil, fositeCodes["unsupported_grant_type"]
}

// takeBack removes every token that a grant's code has given.
func (s *Server) takeBack(ctx context.Context, id consent.GrantID) error {
	return s.DB.Update(ctx, func(tx kv.Tx) error { return dropAll(tx, id, accessKind, refreshKind) })
}
