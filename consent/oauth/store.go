package oauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/url"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/pkce"

	"jali/consent"
	"jali/internal/kv"
)

// step is what one call into fosite is about. fosite hands its context on to
// the store, which finds everything here: no clock but the request's, and the
// transaction, if there is one.
type step struct {
	tx     kv.Tx // nil where nothing is to be written
	now    time.Time
	client consent.Client // who has authenticated
	asked  pushed         // the request that is being pushed or finished
	grant  consent.Grant  // and what the person said to it

	askedAt []byte // the key of asked, once it is stored
	uri     string // by which it is opened
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

// session is what fosite wants of one. It takes no expiry, for fosite's clock
// is not ours: endings are set where rows are written, and checked where they
// are read.
type session struct{}

func (*session) SetExpiresAt(fosite.TokenType, time.Time)        {}
func (*session) GetExpiresAt(fosite.TokenType) (never time.Time) { return never }
func (*session) GetUsername() string                             { return "" }
func (*session) GetSubject() string                              { return "" }
func (s *session) Clone() fosite.Session                         { return s }

// party is a client as fosite sees it.
type party struct {
	id        consent.ClientID
	redirects []string
}

func (p party) GetID() string                    { return string(p.id) }
func (party) GetHashedSecret() []byte            { return nil }
func (p party) GetRedirectURIs() []string        { return p.redirects }
func (party) GetResponseTypes() fosite.Arguments { return fosite.Arguments{"code"} }
func (party) GetScopes() fosite.Arguments        { return nil }
func (party) GetAudience() fosite.Arguments      { return nil }
func (party) IsPublic() bool                     { return false }
func (party) GetGrantTypes() fosite.Arguments    { return fosite.Arguments{"authorization_code"} }

// store is what fosite keeps things in. fosite never opens a transaction:
// what it writes belongs to the Update that it is called in. It writes requests
// and codes, and is asked for no code or token: of that part of its interfaces
// nothing is here.
type store struct {
	oauth2.CoreStorage
	pkce.PKCERequestStorage
	db  kv.DB
	mac func(use string, parts ...string) []byte
}

// mark answers what stands for a token in storage. A token of ours begins with
// its grant (a client's own, with the client) and a dot, so that all of a
// grant's rows share a page and ending them needs no index; with anything else before the dot nothing is found.
func (s store) mark(k kind, token string) mark {
	m := base64.RawURLEncoding.EncodeToString(s.mac("oauth "+string(k), token))
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
	errOwnStrategy = errors.New("oauth: clients are not authenticated by fosite")
)

// The register.

func (s store) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	if c := stepOf(ctx).client; id != "" && string(c.ID) == id {
		return party{id: c.ID, redirects: c.RedirectURIs}, nil
	}
	return nil, fosite.ErrNotFound
}

func (store) ClientAssertionJWTValid(context.Context, string) error          { return errOwnStrategy }
func (store) SetClientAssertionJWT(context.Context, string, time.Time) error { return errOwnStrategy }

// Pushed requests. The real state and the key come from the step: fosite has a
// stand-in for the one and knows nothing of the other.

// CreatePARSession stores the request under a request_uri of ours, which names
// its grant, and not under fosite's.
func (s store) CreatePARSession(ctx context.Context, _ string, r fosite.AuthorizeRequester) error {
	st := stepOf(ctx)
	if st.tx == nil {
		return errNoTx
	}
	p := st.asked
	p.RedirectURI = r.GetRedirectURI().String()
	p.Challenge = r.GetRequestForm().Get("code_challenge")
	token, m := s.fresh(pushedKind, string(p.Grant))
	st.uri = requestURIPrefix + token
	return put(st.tx, pushedKind, m, p, st.now.Add(pushedLife))
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
	return st.tx.Delete(st.askedAt)
}

// Codes. The row holds the PKCE challenge too (SanitationWhiteList), so it
// lives and dies with the code.

func (s store) CreateAuthorizeCodeSession(ctx context.Context, hash string, r fosite.Requester) error {
	st := stepOf(ctx)
	if st.tx == nil {
		return errNoTx
	}
	form := r.GetRequestForm()
	return putRow(st.tx, codeKind, mark(hash), row{
		Grant: st.grant.ID, Client: st.asked.Client, holder: st.asked.holder, Scopes: st.asked.Scopes, At: st.now, Ends: st.now.Add(codeLife),
		RedirectURI: form.Get("redirect_uri"), Challenge: form.Get("code_challenge"),
	}, st.now.Add(codeLife+accessLife))
}

func (store) CreatePKCERequestSession(context.Context, string, fosite.Requester) error { return nil }
