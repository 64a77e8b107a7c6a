package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

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

// redeemCode trades a code for tokens, once (RFC 6749, section 4.1.3; RFC 7636,
// section 4.6). A second use takes back what the code gave, whoever else it is
// wrong for; a wrong verifier, redirect_uri or key takes nothing away.
func (s *Server) redeemCode(c call, h holder) (*tokens, error) {
	switch {
	case c.form.Has("scope"):
		return nil, errScope.saying("scope belongs to the pushed request")
	case !c.form.Has("code"):
		return nil, invalidRequest("code is missing")
	}
	at := s.store.mark(codeKind, c.form.Get("code")).key(codeKind)
	var answer *tokens
	err := s.DB.Update(c.Context(), func(tx kv.Tx) error {
		answer = nil
		r, err := found(tx, at, c)
		switch {
		case err != nil:
			return err
		case !r.Used.IsZero():
			return s.takeBack(tx, r.Grant)
		case c.form.Get("redirect_uri") != r.RedirectURI || !proves(c.form.Get("code_verifier"), r.Challenge):
			return errNoToken
		}
		g, err := s.opens(tx, r, c, h, false)
		if err != nil {
			return err
		}
		r.Used = c.now
		if err := tokenRows.Store(tx, at, r); err != nil {
			return err
		}
		answer, err = s.issue(tx, c.now, c.client, h, r.Scopes, g)
		return err
	})
	if err == nil && answer == nil {
		err = errNoToken
	}
	return answer, err
}

// proves reports whether a code_verifier is one (RFC 7636, section 4.1) and the
// one that a challenge was made of.
func proves(verifier, challenge string) bool {
	unreserved := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~", c)
	}
	if len(verifier) < 43 || len(verifier) > 128 || strings.TrimFunc(verifier, unreserved) != "" {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// refresh gives an access token for a refresh token, which stays (RFC 6749,
// section 6; FAPI 2.0 Security Profile, section 5.3.2.1).
func (s *Server) refresh(c call, h holder) (*tokens, error) {
	scopes, err := scopesOf(c.form)
	if err != nil {
		return nil, err
	}
	if !c.form.Has("refresh_token") {
		return nil, invalidRequest("refresh_token is missing")
	}
	at := s.store.mark(refreshKind, c.form.Get("refresh_token")).key(refreshKind)
	var answer *tokens
	err = s.DB.Update(c.Context(), func(tx kv.Tx) error {
		answer = nil
		r, err := found(tx, at, c)
		if err != nil {
			return err
		}
		if !within(scopes, r.Scopes) {
			return errScope
		}
		g, err := s.opens(tx, r, c, h, true)
		if err != nil {
			return err
		}
		if len(scopes) > 0 {
			r.Scopes = scopes
		}
		answer, err = s.access(tx, c.now, c.client, h, r.Scopes, g)
		return err
	})
	return answer, err
}

// found reads a code or refresh token that is the client's own and has not
// ended. A used code ends later than it says.
func found(tx kv.Tx, at []byte, c call) (row, error) {
	r, ok, err := tokenRows.Load(tx, at)
	if err == nil && (!ok || r.Client != c.client.ID || r.Used.IsZero() && !c.now.Before(r.Ends)) {
		err = errNoToken
	}
	return r, err
}

// opens answers the grant of a code or refresh token, if the sender may use it
// and the grant stands in this transaction.
func (s *Server) opens(tx kv.Tx, r row, c call, h holder, refresh bool) (consent.Grant, error) {
	if !h.mayUse(r.holder, c.client, refresh) {
		return consent.Grant{}, errOtherHolder
	}
	g, err := s.Consent.LoadIn(tx, c.now, c.client.ID, r.Grant)
	switch {
	case errors.Is(err, consent.ErrNoGrant):
		return consent.Grant{}, errNoToken
	case err == nil && g.State != consent.Given:
		return consent.Grant{}, errGrantEnded
	}
	return g, err
}

var (
	errNoToken     = invalidGrant("code, code_verifier, redirect_uri or token is wrong, has expired or was used; or it belongs to another client or key")
	errOtherHolder = invalidGrant("this is bound to another key than the DPoP proof's (RFC 9449, section 10), or to another certificate")
	errGrantEnded  = invalidGrant("the grant has ended; ask the person again")
)
