package oauth

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"jali/consent"
	"jali/consent/rar"
	"jali/internal/jose"
)

const publicCache = "public, max-age=300"

// metadata describes this server (RFC 8414, section 2; RFC 7591, section 3; RFC
// 8705, sections 3.3 and 5; RFC 9101, section 10.5; RFC 9126, section 5; RFC
// 9207, section 3; RFC 9396, section 10; RFC 9449, section 5.1; RFC 9701,
// section 7; JARM, section 4; Grant Management for OAuth 2.0, draft 03, section
// 7.1; OpenID CIBA Core 1.0, section 4). It names what is served and nothing
// that is not: who may register is invited first.
func (s *Server) metadata(w http.ResponseWriter, r *http.Request) error {
	inviting, err := s.inviting(r, s.now())
	if err != nil {
		return err
	}
	methods := s.authMethods()
	about := map[string]any{
		"issuer":                                         s.Issuer,
		"authorization_endpoint":                         s.Issuer + "/oauth/authorize",
		"token_endpoint":                                 s.Issuer + "/oauth/token",
		"pushed_authorization_request_endpoint":          s.Issuer + "/oauth/par",
		"revocation_endpoint":                            s.Issuer + "/oauth/revoke",
		"introspection_endpoint":                         s.Issuer + "/oauth/introspect",
		"jwks_uri":                                       s.Issuer + "/oauth/jwks",
		"grant_management_endpoint":                      s.Issuer + "/oauth/grants",
		"grant_management_actions_supported":             []string{"query", "revoke", "create", "merge", "replace"},
		"grant_management_action_required":               false,
		"require_pushed_authorization_requests":          true,
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query", "jwt", "query.jwt"},
		"grant_types_supported":                          slices.Sorted(maps.Keys(s.grantTypes)),
		"scopes_supported":                               []string{scopeQuery, scopeRevoke},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
		"authorization_details_types_supported":          []string{rar.Type},
		"dpop_signing_alg_values_supported":              jose.Algorithms(),

		// Of FAPI 2.0 Message Signing. What a client demands of itself is its
		// registration's. A request_uri is one that was got from us, which needs
		// no announcing (RFC 9126, section 5).
		"request_parameter_supported":                 true,
		"request_uri_parameter_supported":             false,
		"require_signed_request_object":               false,
		"request_object_signing_alg_values_supported": jose.Algorithms(),
		"authorization_signing_alg_values_supported":  []string{s.IssuerKey.Algorithm()},
		"introspection_signing_alg_values_supported":  []string{s.IssuerKey.Algorithm()},

		"backchannel_authentication_endpoint":                             s.Issuer + "/oauth/bc-authorize",
		"backchannel_token_delivery_modes_supported":                      s.deliveries(),
		"backchannel_user_code_parameter_supported":                       false,
		"backchannel_authentication_request_signing_alg_values_supported": jose.Algorithms(),

		"token_endpoint_auth_methods_supported":                    methods,
		"token_endpoint_auth_signing_alg_values_supported":         jose.Algorithms(),
		"revocation_endpoint_auth_methods_supported":               methods,
		"revocation_endpoint_auth_signing_alg_values_supported":    jose.Algorithms(),
		"introspection_endpoint_auth_methods_supported":            methods,
		"introspection_endpoint_auth_signing_alg_values_supported": jose.Algorithms(),

		"acr_values_supported":                       []string{acrPasskey},
		"tls_client_certificate_bound_access_tokens": s.MTLS != "",
	}
	if s.MTLS != "" {
		about["mtls_endpoint_aliases"] = s.aliases(about)
	}
	maps.Copy(about, s.Publish)
	if inviting { // RFC 7591, section 3
		about["registration_endpoint"] = s.Issuer + "/oauth/register"
	}
	w.Header().Set("Cache-Control", publicCache)
	writeJSON(w, http.StatusOK, about)
	return nil
}

// authMethods are the ways in which a client may authenticate.
func (s *Server) authMethods() []consent.AuthMethod {
	methods := []consent.AuthMethod{consent.PrivateKeyJWT}
	if s.MTLS != "" {
		methods = append(methods, consent.SelfSignedTLS)
	}
	if s.MTLS != "" && s.ClientCAs != nil {
		methods = append(methods, consent.TLSClientAuth)
	}
	return methods
}

// aliases are the endpoints that clients call, at the address where they are
// asked for their certificates (RFC 8705, section 5).
func (s *Server) aliases(about map[string]any) map[string]string {
	aliases := map[string]string{}
	for name, at := range about {
		at, _ := at.(string)
		if path, ok := strings.CutPrefix(at, s.Issuer); ok && strings.HasSuffix(name, "_endpoint") && name != "authorization_endpoint" {
			aliases[name] = s.MTLS + path
		}
	}
	return aliases
}

// jwks publishes the key that the issuer signs with.
func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", publicCache)
	writeJSON(w, http.StatusOK, map[string]any{"keys": []json.RawMessage{s.IssuerKey.Public().JWK()}})
}
