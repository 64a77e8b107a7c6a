package oauth

import (
	"net/http"

	"jali/consent/rar"
	"jali/internal/jose"
)

// wellKnownResource is where the data API describes itself; the path of its
// identifier comes behind (RFC 9728, section 3.1).
const wellKnownResource = "/.well-known/oauth-protected-resource"

func (s *Server) resourceMetadataURL() string { return s.Issuer + wellKnownResource + resourcePath }

// resourceMetadata describes the data API (RFC 9728, section 2): whose tokens
// it takes, and that each comes with a proof of possession.
func (s *Server) resourceMetadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", publicCache)
	writeJSON(w, http.StatusOK, map[string]any{
		"resource":                                   s.Resource(),
		"resource_name":                              "Jali",
		"resource_name#zh":                           "花窗",
		"authorization_servers":                      []string{s.Issuer},
		"bearer_methods_supported":                   []string{"header"},
		"authorization_details_types_supported":      []string{rar.Type},
		"dpop_signing_alg_values_supported":          jose.Algorithms(),
		"dpop_bound_access_tokens_required":          s.MTLS == "",
		"tls_client_certificate_bound_access_tokens": s.MTLS != "",
	})
}
