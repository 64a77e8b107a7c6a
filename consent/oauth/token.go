package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/ory/fosite"

	"jali/consent"
	"jali/internal/kv"
)

// token answers POST /oauth/token: an access token for a code, a refresh token
// or in the client's own name, bound to what the sender has proved to hold.
func (s *Server) token(w http.ResponseWriter, c call) error {
	trade := s.grantTypes[c.form.Get("grant_type")]
	switch {
	case !c.form.Has("grant_type"):
		return invalidRequest("grant_type is missing")
	case trade == nil:
		return fositeCodes["unsupported_grant_type"]
	case c.form.Has("authorization_details"):
		return refuse(http.StatusBadRequest, "invalid_authorization_details", "what was agreed to cannot be changed here; push a new request")
	}
	if err := s.resource(c.form); err != nil {
		return err
	}
	held, err := s.holderOf(c)
	if err != nil {
		return err
	}
	answer, err := trade(c, held)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) redeemCode(c call, h holder) (map[string]any, error) {
	switch {
	case c.form.Has("scope"):
		return nil, errScope.saying("scope belongs to the pushed request")
	case !c.form.Has("code"):
		return nil, invalidRequest("code is missing")
	}
	return s.redeem(c, h, nil, only(c.form, "grant_type", "code", "redirect_uri", "code_verifier"))
}

func (s *Server) refresh(c call, h holder) (map[string]any, error) {
	scopes, err := scopesOf(c.form)
	if err != nil {
		return nil, err
	}
	if !c.form.Has("refresh_token") {
		return nil, invalidRequest("refresh_token is missing")
	}
	return s.redeem(c, h, scopes, only(c.form, "grant_type", "refresh_token"))
}

// redeem trades what fosite knows of.
func (s *Server) redeem(c call, h holder, scopes []string, kept url.Values) (map[string]any, error) {
	ctx := c.Context()
	st := step{now: c.now, client: c.client, held: h, scopes: scopes}
	ar, err := s.core.NewAccessRequest(with(ctx, &st), request(http.MethodPost, kept), &session{})
	if err != nil {
		return nil, err
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
		if made, err = s.core.NewAccessResponse(with(ctx, &in), ar); err != nil {
			return err
		}
		return s.acquaint(tx, st.grant)
	})
	if errors.Is(err, fosite.ErrInvalidatedAuthorizeCode) { // lost a race: used twice, as any other second use
		if err := s.takeBack(ctx, consent.GrantID(ar.GetID())); err != nil {
			return nil, err
		}
		return nil, fositeCodes["invalid_grant"]
	} else if errors.Is(err, fosite.ErrNotFound) { // gone since: the grant has ended or changed
		return nil, fositeCodes["invalid_grant"]
	} else if err != nil {
		return nil, err
	}
	answer := told(st.access(sessionOf(ar)), st.grant)
	answer["access_token"] = made.GetAccessToken()
	if t := made.GetExtra("refresh_token"); t != nil {
		answer["refresh_token"] = t
	}
	return answer, nil
}

// takeBack removes every token that a grant's code has given.
func (s *Server) takeBack(ctx context.Context, id consent.GrantID) error {
	return s.DB.Update(ctx, func(tx kv.Tx) error { return dropAll(tx, id, accessKind, refreshKind) })
}
