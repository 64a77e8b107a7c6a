package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/par"
	"github.com/ory/fosite/handler/pkce"

	"jali/consent"
)

const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// newCore puts fosite together out of the four handlers that are used, in the
// order in which they must run: PKCE after code, and ours last, since it
// binds what the others have let through.
func newCore(s *Server) *fosite.Fosite {
	c := &fosite.Config{
		AuthorizeCodeLifespan: codeLife, AccessTokenLifespan: accessLife, RefreshTokenLifespan: -1,
		EnforcePKCE: true, RefreshTokenScopes: []string{}, OmitRedirectScopeParam: true,
		SanitationWhiteList:             []string{"redirect_uri", "code_challenge", "code_challenge_method"},
		RedirectSecureChecker:           fosite.IsRedirectURISecureStrict,
		PushedAuthorizeRequestURIPrefix: requestURIPrefix, PushedAuthorizeContextLifespan: requestLife,
		IsPushedAuthorizeEnforced: true,
		// fosite fills these in when it first wants them, without a lock.
		ScopeStrategy: fosite.ExactScopeStrategy, AudienceMatchingStrategy: fosite.DefaultAudienceMatchingStrategy,
		ClientAuthenticationStrategy: func(ctx context.Context, _ *http.Request, _ url.Values) (fosite.Client, error) {
			return s.store.GetClient(ctx, string(stepOf(ctx).client.ID))
		},
	}
	tokens := strategy{s.store}
	codes := &oauth2.AuthorizeExplicitGrantHandler{
		AccessTokenStrategy: tokens, RefreshTokenStrategy: tokens, AuthorizeCodeStrategy: tokens,
		CoreStorage: s.store, TokenRevocationStorage: s.store, Config: c,
	}
	proofKey := &pkce.Handler{AuthorizeCodeStrategy: tokens, Storage: s.store, Config: c}
	c.PushedAuthorizeEndpointHandlers.Append(&par.PushedAuthorizeHandler{Storage: s.store, Config: c})
	c.AuthorizeEndpointHandlers.Append(codes)
	c.AuthorizeEndpointHandlers.Append(proofKey)
	c.TokenEndpointHandlers.Append(codes)
	c.TokenEndpointHandlers.Append(&unrotated{&oauth2.RefreshTokenGrantHandler{
		AccessTokenStrategy: tokens, RefreshTokenStrategy: tokens, TokenRevocationStorage: s.store, Config: c,
	}})
	c.TokenEndpointHandlers.Append(proofKey)
	c.TokenEndpointHandlers.Append(&bound{s.Consent})
	c.TokenIntrospectionHandlers.Append(&oauth2.CoreValidator{CoreStrategy: tokens, CoreStorage: s.store, Config: c})
	return fosite.NewOAuth2Provider(s.store, c)
}

// strategy makes codes and tokens. There is nothing in them to validate;
// whether one is good is for the store to say.
type strategy struct{ store }

func (s strategy) generate(k kind, r fosite.Requester) (token, stored string, err error) {
	token, as := s.fresh(k, r.GetID())
	return token, string(as), nil
}

// signature is the mark of a token, which fosite asks for at every turn.
func (s strategy) signature(ctx context.Context, k kind, token string) string {
	st := stepOf(ctx)
	if st.marked.kind != k || st.marked.token != token {
		st.marked.kind, st.marked.token, st.marked.as = k, token, s.mark(k, token)
	}
	return string(st.marked.as)
}

func (s strategy) AuthorizeCodeSignature(ctx context.Context, t string) string {
	return s.signature(ctx, codeKind, t)
}
func (s strategy) AccessTokenSignature(ctx context.Context, t string) string {
	return s.signature(ctx, accessKind, t)
}
func (s strategy) RefreshTokenSignature(ctx context.Context, t string) string {
	return s.signature(ctx, refreshKind, t)
}
func (s strategy) GenerateAuthorizeCode(_ context.Context, r fosite.Requester) (string, string, error) {
	return s.generate(codeKind, r)
}
func (s strategy) GenerateAccessToken(_ context.Context, r fosite.Requester) (string, string, error) {
	return s.generate(accessKind, r)
}
func (s strategy) GenerateRefreshToken(_ context.Context, r fosite.Requester) (string, string, error) {
	return s.generate(refreshKind, r)
}
func (strategy) ValidateAuthorizeCode(context.Context, fosite.Requester, string) error { return nil }
func (strategy) ValidateAccessToken(context.Context, fosite.Requester, string) error   { return nil }
func (strategy) ValidateRefreshToken(context.Context, fosite.Requester, string) error  { return nil }

// unrotated is fosite's refresh handler with the last step replaced: an access
// token is issued and the refresh token stays. fosite cannot be told so.
type unrotated struct {
	*oauth2.RefreshTokenGrantHandler
}

func (h *unrotated) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, out fosite.AccessResponder) error {
	if !h.CanHandleTokenEndpointRequest(ctx, r) {
		return fosite.ErrUnknownRequest
	}
	token, hash, err := h.AccessTokenStrategy.GenerateAccessToken(ctx, r)
	if err != nil {
		return err
	}
	if err := h.TokenRevocationStorage.CreateAccessTokenSession(ctx, hash, r); err != nil {
		return err
	}
	out.SetAccessToken(token)
	return nil
}

var errGrantEnded = invalidGrant("the grant has ended; ask the person again")

// bound is the last handler of the token endpoint. It holds code or refresh
// token against what the sender holds, and the grant against the clock.
type bound struct{ consent *consent.Service }

func (*bound) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

func (*bound) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne("authorization_code") || r.GetGrantTypes().ExactOne("refresh_token")
}

func (b *bound) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	st, se := stepOf(ctx), sessionOf(r)
	if se == nil || se.grant == "" {
		return fosite.ErrInvalidGrant
	}
	if !st.held.mayUse(se.held, st.client, r.GetGrantTypes().ExactOne("refresh_token")) {
		return invalidGrant("this is bound to another key than the DPoP proof's (RFC 9449, section 10), or to another certificate")
	}
	if !within(st.scopes, se.scopes) {
		return errScope
	}
	g, err := b.consent.Load(ctx, st.client.ID, se.grant)
	if errors.Is(err, consent.ErrNoGrant) {
		return fosite.ErrInvalidGrant
	} else if err != nil {
		return err
	}
	if g.State != consent.Given || !st.now.Before(g.Agreed.Until) {
		return errGrantEnded
	}
	se.until, st.grant = g.Agreed.Until, g
	return nil
}

func (*bound) PopulateTokenEndpointResponse(ctx context.Context, _ fosite.AccessRequester, out fosite.AccessResponder) error {
	out.SetTokenType(stepOf(ctx).held.tokenType())
	return nil
}
