package oauth

import (
	"context"
	"net/http"
	"net/url"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/par"
	"github.com/ory/fosite/handler/pkce"
)

const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// newCore puts fosite together out of the three handlers that are used, in the
// order in which they must run: PKCE after code.
func newCore(s *Server) *fosite.Fosite {
	c := &fosite.Config{
		AuthorizeCodeLifespan: codeLife,
		EnforcePKCE:           true, OmitRedirectScopeParam: true,
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
	c.PushedAuthorizeEndpointHandlers.Append(&par.PushedAuthorizeHandler{Storage: s.store, Config: c})
	c.AuthorizeEndpointHandlers.Append(&oauth2.AuthorizeExplicitGrantHandler{
		AuthorizeCodeStrategy: strategy{s.store}, CoreStorage: s.store, Config: c,
	})
	c.AuthorizeEndpointHandlers.Append(&pkce.Handler{AuthorizeCodeStrategy: strategy{s.store}, Storage: s.store, Config: c})
	return fosite.NewOAuth2Provider(s.store, c)
}

// strategy makes codes. There is nothing in them to validate; whether one is
// good is for its row to say.
type strategy struct{ store }

func (s strategy) GenerateAuthorizeCode(_ context.Context, r fosite.Requester) (code, stored string, err error) {
	code, as := s.fresh(codeKind, r.GetID())
	return code, string(as), nil
}

func (s strategy) AuthorizeCodeSignature(_ context.Context, code string) string {
	return string(s.mark(codeKind, code))
}

func (strategy) ValidateAuthorizeCode(context.Context, fosite.Requester, string) error { return nil }
