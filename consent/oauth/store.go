package oauth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/url"
	"time"

	"github.com/ory/fosite"

	"jali/consent"
	"jali/internal/kv"
)

// step is what one call into fosite is about. fosite hands its context on to
// the store, the strategies and our handlers, which find everything here: no
// clock but the request's, and the transaction, if there is one.
type step struct {
	tx     kv.Tx // nil: reads take a transaction of their own
	now    time.Time
	client consent.Client // who has authenticated, or who asked
	held   holder         // what the sender has proved to hold
	scopes []string       // that a refresh asks for; none: all it may have
	asked  pushed         // the request that is being pushed or finished
	grant  consent.Grant  // and what the person said to it

	askedMark mark // of asked, once it is stored

	found  found // what find read last, which is asked for again
	marked struct {
		kind  kind
		token string
		as    mark
	}
}

// found is a row as it was stored and as it was read.
type found struct {
	key, raw []byte
	row      row
	sure     bool // it was read in this transaction
}

type stepKey struct{}

func with(ctx context.Context, st *step) context.Context {
	return context.WithValue(ctx, stepKey{}, st)
}

func stepOf(ctx context.Context) *step {
	st, _ := ctx.Value(stepKey{}).(*step)
	if st == nil {
		return &step{}
	}
	return st
}

// session is what fosite carries between the rows it reads and those it
// writes. It takes no expiry from fosite, whose clock is not ours: endings are
// set where rows are written, and checked where they are read.
type session struct {
	grant  consent.GrantID
	held   holder // that the code or token is bound to
	scopes []string
	ends   time.Time // of what was read
	until  time.Time // the grant's end; set by the handler that loads it
	recurs bool
}

func (*session) SetExpiresAt(fosite.TokenType, time.Time)          {}
func (s *session) GetExpiresAt(fosite.TokenType) (never time.Time) { return never }
func (*session) GetUsername() string                               { return "" }
func (*session) GetSubject() string                                { return "" }
func (s *session) Clone() fosite.Session                           { c := *s; return &c }
func sessionOf(r fosite.Requester) *session                        { s, _ := r.GetSession().(*session); return s }

// party is a client as fosite sees it.
type party struct {
	id        consent.ClientID
	redirects []string
	recurs    bool // may get and use a refresh token
}

func (p party) GetID() string                    { return string(p.id) }
func (party) GetHashedSecret() []byte            { return nil }
func (p party) GetRedirectURIs() []string        { return p.redirects }
func (party) GetResponseTypes() fosite.Arguments { return fosite.Arguments{"code"} }
func (party) GetScopes() fosite.Arguments        { return nil }
func (party) GetAudience() fosite.Arguments      { return nil }
func (party) IsPublic() bool                     { return false }
func (p party) GetGrantTypes() fosite.Arguments {
	if !p.recurs {
		return fosite.Arguments{"authorization_code"}
	}
	return fosite.Arguments{"authorization_code", "refresh_token"}
}

// requester is a stored row as fosite reads it. Its id is the grant's, by
// which fosite revokes.
func (r row) requester() *fosite.Request {
	form := url.Values{}
	if r.RedirectURI != "" {
		form.Set("redirect_uri", r.RedirectURI)
	}
	if r.Challenge != "" {
		form.Set("code_challenge", r.Challenge)
		form.Set("code_challenge_method", "S256")
	}
	return &fosite.Request{
		ID: string(r.Grant), RequestedAt: r.At, Form: form,
		Client:  party{id: r.Client, recurs: r.Recurs},
		Session: &session{grant: r.Grant, held: r.holder, scopes: r.Scopes, ends: r.Ends, recurs: r.Recurs},
	}
}

// store is what fosite keeps things in. fosite never opens a transaction:
// what it writes belongs to the Update that it is called in.
type store struct {
	db  kv.DB
	mac func(use string, parts ...string) []byte
}

// mark answers what stands for a token in storage. A token of ours begins with
// its grant (a client's own, with the client) and a dot, so that all of a grant's rows share a page and ending
// them needs no index; with anything else before the dot nothing is found.
func (s store) mark(k kind, token string) mark {
	m := base64.RawURLEncoding.EncodeToString(s.mac("oauth "+string(k), token))
	if k == pushedKind {
		return mark(m)
	}
	owner, _ := ownerOf(token)
	return mark(owner + "." + m)
}

// fresh makes a code or token: the id of whose it is, which the client knows,
// and 256 random bits in base64url.
func (s store) fresh(k kind, owner string) (token string, as mark) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand, since Go 1.24)
	token = owner + "." + base64.RawURLEncoding.EncodeToString(b)
	return token, s.mark(k, token)
}

var (
	errNoTx        = errors.New("oauth: fosite wrote outside a transaction")
	errNotRotated  = errors.New("oauth: refresh tokens are not rotated")
	errOwnStrategy = errors.New("oauth: clients are not authenticated by fosite")
)

func (s store) view(ctx context.Context, f func(kv.Tx) error) error {
	if st := stepOf(ctx); st.tx != nil {
		return f(st.tx)
	}
	return s.db.View(ctx, f)
}

func (s store) update(ctx context.Context, f func(kv.Tx) error) error {
	if st := stepOf(ctx); st.tx != nil {
		return f(st.tx)
	}
	return s.db.Update(ctx, f)
}

// find reads a code or token that has not ended and that is the caller's own;
// all others are fosite.ErrNotFound. A used code ends later than it says.
func (s store) find(ctx context.Context, k kind, m mark) (row, error) {
	st, at := stepOf(ctx), m.key(k)
	before := st.found
	same := bytes.Equal(before.key, at)
	if same && before.sure {
		return before.row, nil
	}
	var now found
	err := s.view(ctx, func(tx kv.Tx) error {
		raw, err := tx.Get(at)
		if err != nil {
			return err
		}
		if same && bytes.Equal(before.raw, raw) { // as it was before this transaction, when it was good
			now = before
			return nil
		}
		now = found{key: at, raw: bytes.Clone(raw)}
		if raw == nil {
			return fosite.ErrNotFound
		}
		if err := kv.Decode(raw, &now.row); err != nil {
			return err
		}
		if r := now.row; r.Client != st.client.ID || r.Used.IsZero() && !st.now.Before(r.Ends) {
			return fosite.ErrNotFound
		}
		return nil
	})
	if err != nil {
		return row{}, err
	}
	now.sure = true
	st.found = now
	return now.row, nil
}

func (s store) put(ctx context.Context, k kind, m mark, g consent.GrantID, v any, until time.Time) error {
	st := stepOf(ctx)
	if st.tx == nil {
		return errNoTx
	}
	return put(st.tx, k, m, g, v, until)
}

// The register.

func (s store) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	if c := stepOf(ctx).client; id != "" && string(c.ID) == id {
		return party{id: c.ID, redirects: c.RedirectURIs, recurs: true}, nil
	}
	return nil, fosite.ErrNotFound
}

func (store) ClientAssertionJWTValid(context.Context, string) error          { return errOwnStrategy }
func (store) SetClientAssertionJWT(context.Context, string, time.Time) error { return errOwnStrategy }

// Pushed requests. The real state and the key come from the step: fosite has a
// stand-in for the one and knows nothing of the other.

func (s store) CreatePARSession(ctx context.Context, uri string, r fosite.AuthorizeRequester) error {
	st := stepOf(ctx)
	p := st.asked
	p.RedirectURI = r.GetRedirectURI().String()
	p.Challenge = r.GetRequestForm().Get("code_challenge")
	return s.put(ctx, pushedKind, s.mark(pushedKind, uri), p.Grant, p, st.now.Add(pushedLife))
}

func (s store) GetPARSession(ctx context.Context, _ string) (fosite.AuthorizeRequester, error) {
	p := stepOf(ctx).asked
	to, err := url.Parse(p.RedirectURI)
	if err != nil || p.Grant == "" {
		return nil, fosite.ErrNotFound
	}
	r := fosite.NewAuthorizeRequest()
	r.ID = string(stepOf(ctx).grant.ID) // of the code: not the request's, where that has changed another grant
	r.Client = party{id: p.Client, redirects: []string{p.RedirectURI}}
	r.RedirectURI, r.ResponseTypes, r.State = to, fosite.Arguments{"code"}, string(p.Grant)
	r.Form = url.Values{
		"redirect_uri": {p.RedirectURI}, "code_challenge": {p.Challenge}, "code_challenge_method": {"S256"},
	}
	return r, nil
}

// DeletePARSession ends the request: its code is about to be issued.
func (s store) DeletePARSession(ctx context.Context, _ string) error {
	st := stepOf(ctx)
	if st.tx == nil {
		return errNoTx
	}
	return drop(st.tx, pushedKind, st.askedMark, st.asked.Grant)
}

// Codes. The row holds the PKCE challenge too (SanitationWhiteList), so it
// lives and dies with the code, and a failed try does not take it away.

func (s store) CreateAuthorizeCodeSession(ctx context.Context, hash string, r fosite.Requester) error {
	st := stepOf(ctx)
	form := r.GetRequestForm()
	return s.put(ctx, codeKind, mark(hash), st.grant.ID, row{
		Grant: st.grant.ID, Client: st.asked.Client, holder: st.asked.holder, Scopes: st.asked.Scopes, At: st.now, Ends: st.now.Add(codeLife),
		RedirectURI: form.Get("redirect_uri"), Challenge: form.Get("code_challenge"),
		Recurs: !st.grant.Agreed.Uses.Once(),
	}, st.now.Add(codeLife+accessLife))
}

func (s store) GetAuthorizeCodeSession(ctx context.Context, hash string, _ fosite.Session) (fosite.Requester, error) {
	r, err := s.find(ctx, codeKind, mark(hash))
	if err != nil {
		return nil, err
	}
	if !r.Used.IsZero() {
		return r.requester(), fosite.ErrInvalidatedAuthorizeCode
	}
	return r.requester(), nil
}

// InvalidateAuthorizeCodeSession takes the code, for exactly one caller: it
// compares and sets in the transaction that stores the tokens.
func (s store) InvalidateAuthorizeCodeSession(ctx context.Context, hash string) error {
	st := stepOf(ctx)
	if st.tx == nil {
		return errNoTx
	}
	r, err := s.find(ctx, codeKind, mark(hash))
	if err != nil {
		return err
	}
	if !r.Used.IsZero() {
		return fosite.ErrInvalidatedAuthorizeCode
	}
	r.Used, st.found = st.now, found{}
	return kv.Store(st.tx, mark(hash).key(codeKind), r)
}

func (store) CreatePKCERequestSession(context.Context, string, fosite.Requester) error { return nil }
func (store) DeletePKCERequestSession(context.Context, string) error                   { return nil }
func (s store) GetPKCERequestSession(ctx context.Context, hash string, _ fosite.Session) (fosite.Requester, error) {
	r, err := s.find(ctx, codeKind, mark(hash))
	if err != nil {
		return nil, err
	}
	return r.requester(), nil
}

// Tokens.

func (s store) CreateAccessTokenSession(ctx context.Context, hash string, r fosite.Requester) error {
	st, se := stepOf(ctx), sessionOf(r)
	t := st.access(se)
	return s.put(ctx, accessKind, mark(hash), se.grant, t, t.Ends)
}

// access is the row of an access token that is about to be issued.
func (st *step) access(se *session) row {
	scopes := st.scopes
	if len(scopes) == 0 {
		scopes = se.scopes
	}
	return row{Grant: se.grant, Client: st.client.ID, holder: st.held, Scopes: scopes, At: st.now, Ends: accessEnds(st.now, se.until)}
}

func accessEnds(now, until time.Time) time.Time {
	if ends := now.Add(accessLife); ends.Before(until) {
		return ends
	}
	return until
}

func (s store) CreateRefreshTokenSession(ctx context.Context, hash, _ string, r fosite.Requester) error {
	st, se := stepOf(ctx), sessionOf(r)
	return s.put(ctx, refreshKind, mark(hash), se.grant, row{
		Grant: se.grant, Client: st.client.ID, holder: st.held, Scopes: se.scopes, At: st.now, Ends: se.until, Recurs: true,
	}, se.until)
}

func (s store) GetAccessTokenSession(ctx context.Context, hash string, _ fosite.Session) (fosite.Requester, error) {
	return s.token(ctx, accessKind, mark(hash))
}

func (s store) GetRefreshTokenSession(ctx context.Context, hash string, _ fosite.Session) (fosite.Requester, error) {
	return s.token(ctx, refreshKind, mark(hash))
}

func (s store) token(ctx context.Context, k kind, m mark) (fosite.Requester, error) {
	r, err := s.find(ctx, k, m)
	if err != nil {
		return nil, err
	}
	return r.requester(), nil
}

func (s store) DeleteAccessTokenSession(ctx context.Context, hash string) error {
	return s.remove(ctx, accessKind, mark(hash))
}

func (s store) DeleteRefreshTokenSession(ctx context.Context, hash string) error {
	return s.remove(ctx, refreshKind, mark(hash))
}

func (s store) remove(ctx context.Context, k kind, m mark) error {
	return s.update(ctx, func(tx kv.Tx) error { return tx.Delete(m.key(k)) })
}

func (store) RotateRefreshToken(context.Context, string, string) error { return errNotRotated }

// RevokeAccessToken and RevokeRefreshToken take back what a code gave: its id
// is the grant's.
func (s store) RevokeAccessToken(ctx context.Context, id string) error {
	return s.update(ctx, func(tx kv.Tx) error { return dropAll(tx, consent.GrantID(id), accessKind) })
}

func (s store) RevokeRefreshToken(ctx context.Context, id string) error {
	return s.update(ctx, func(tx kv.Tx) error { return dropAll(tx, consent.GrantID(id), refreshKind) })
}
