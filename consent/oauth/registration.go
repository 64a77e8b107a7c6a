package oauth

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"jali/consent"
	"jali/consent/rar"
	"jali/internal/fault"
	"jali/internal/jose"
)

func badMetadata(description string) *refusal {
	return refuse(http.StatusBadRequest, "invalid_client_metadata", description)
}

// registration is client metadata as JSON (RFC 7591, section 2). What is not
// known here is passed over; a known member that says what is not done here,
// or contradicts another, fails the whole. The first fault is kept.
type registration struct {
	said jose.Claims
	err  *refusal
}

func (m *registration) fail(name, want string) {
	if m.err == nil {
		m.err = badMetadata(name + ": " + want)
	}
}

// has reports whether a member is there; null is as good as absent.
func (m *registration) has(name string) bool {
	return m.said.Has(name) && string(m.said[name]) != "null"
}

func (m *registration) text(name string) string {
	if !m.has(name) {
		return ""
	}
	s, ok := m.said.String(name)
	if !ok || s == "" {
		m.fail(name, "must be a string that is not empty")
	}
	return s
}

func (m *registration) yes(name string) bool {
	if !m.has(name) {
		return false
	}
	var is bool
	if json.Unmarshal(m.said[name], &is) != nil {
		m.fail(name, "must be true or false")
	}
	return is
}

func (m *registration) list(name string) []string {
	if !m.has(name) {
		return nil
	}
	var list []string
	if json.Unmarshal(m.said[name], &list) != nil || len(list) == 0 || len(list) > maxParams {
		m.fail(name, "must be an array of strings that is not empty")
	}
	return list
}

// among holds a member that may only say what is done here anyway: a string,
// or all of a list.
func (m *registration) among(name string, values []string, done ...string) {
	for _, v := range values {
		if v != "" && !slices.Contains(done, v) {
			m.fail(name, "must be of "+strings.Join(done, ", "))
		}
	}
}

// clientOf reads metadata. Names are those of RFC 7591, 8705, 9101, 9126, 9396,
// 9449 and 9701, JARM and CIBA; alias_shape and webhook_uri are ours.
func (s *Server) clientOf(said jose.Claims) (consent.Client, error) {
	m := &registration{said: said}
	name := m.text("client_name")
	c := consent.Client{
		Name:         consent.Name{ZH: or(m.text("client_name#zh-CN"), name), EN: or(m.text("client_name#en"), name)},
		RedirectURIs: m.list("redirect_uris"), JWKSURI: m.text("jwks_uri"),
		Auth: or(consent.AuthMethod(m.text("token_endpoint_auth_method")), consent.PrivateKeyJWT),
		Certificate: consent.CertName{
			SubjectDN: m.text("tls_client_auth_subject_dn"), DNS: m.text("tls_client_auth_san_dns"), URI: m.text("tls_client_auth_san_uri"),
			IP: m.text("tls_client_auth_san_ip"), Email: m.text("tls_client_auth_san_email"),
		},
		CertificateBound:    m.yes("tls_client_certificate_bound_access_tokens"),
		SignedRequests:      m.yes("require_signed_request_object"),
		SignedResponses:     m.has("authorization_signed_response_alg"),
		SignedIntrospection: m.has("introspection_signed_response_alg"),
		Delivery:            consent.Delivery(m.text("backchannel_token_delivery_mode")),
		NotificationURI:     m.text("backchannel_client_notification_endpoint"),
		AliasShape:          m.text("alias_shape"), WebhookURI: m.text("webhook_uri"),
	}
	if m.has("jwks") {
		c.JWKS = slices.Clone(m.said["jwks"])
	}
	s.heedMetadata(m, c)
	if m.err != nil {
		return consent.Client{}, m.err
	}
	return c, nil
}

// heedMetadata is what consent does not know of: what this server does.
func (s *Server) heedMetadata(m *registration, c consent.Client) {
	switch {
	case c.Name.ZH == "" || c.Name.EN == "":
		m.fail("client_name", "is needed, or client_name#zh-CN and client_name#en: people see it in either language")
	case c.CertificateBound && s.MTLS == "":
		m.fail("tls_client_certificate_bound_access_tokens", "certificates are not taken here")
	case m.has("dpop_bound_access_tokens") && m.yes("dpop_bound_access_tokens") == c.CertificateBound:
		m.fail("dpop_bound_access_tokens", "tokens are bound by DPoP, or else by tls_client_certificate_bound_access_tokens")
	}
	own := s.IssuerKey.Algorithm()
	for name, done := range map[string][]string{
		"token_endpoint_auth_signing_alg":                jose.Algorithms(),
		"request_object_signing_alg":                     jose.Algorithms(),
		"backchannel_authentication_request_signing_alg": jose.Algorithms(),
		"authorization_signed_response_alg":              {own},
		"introspection_signed_response_alg":              {own},
		"subject_type":                                   {"pairwise"},
	} {
		m.among(name, []string{m.text(name)}, done...)
	}
	if !slices.Contains(s.authMethods(), c.Auth) {
		m.fail("token_endpoint_auth_method", "must be one of token_endpoint_auth_methods_supported in our metadata")
	}
	if c.Delivery != "" && !slices.Contains(s.deliveries(), c.Delivery) {
		m.fail("backchannel_token_delivery_mode", "must be one of backchannel_token_delivery_modes_supported in our metadata")
	}
	m.among("response_types", m.list("response_types"), "code")
	m.among("authorization_details_types", m.list("authorization_details_types"), rar.Type)
	m.among("grant_types", m.list("grant_types"), s.grantTypesOf(c)...)
	m.among("scope", strings.Fields(m.text("scope")), scopeQuery, scopeRevoke)
	if m.yes("backchannel_user_code_parameter") {
		m.fail("backchannel_user_code_parameter", "user codes are not asked for here")
	}
	for _, name := range []string{"request_object_encryption_alg", "request_object_encryption_enc", "authorization_encrypted_response_alg",
		"authorization_encrypted_response_enc", "introspection_encrypted_response_alg", "introspection_encrypted_response_enc"} {
		if m.has(name) {
			m.fail(name, "nothing is encrypted here beside TLS")
		}
	}
	if m.has("software_statement") { // RFC 7591, section 3.2.2
		m.err = refuse(http.StatusBadRequest, "unapproved_software_statement", "no software statement is taken here: leave it out")
		if _, ok := m.said.String("software_statement"); !ok {
			m.err = refuse(http.StatusBadRequest, "invalid_software_statement", "a software statement is a string")
		}
	}
}

// grantTypesOf are those that a client may use.
func (s *Server) grantTypesOf(c consent.Client) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.grantTypes)), func(g string) bool { return g == cibaGrant && c.Delivery == "" })
}

// information is a client as it stands, in the words it may use to change it
// (RFC 7591, section 3.2.1).
func (s *Server) information(c consent.Client) map[string]any {
	own := s.IssuerKey.Algorithm()
	said := map[string]any{
		"client_id": c.ID, "client_id_issued_at": c.AddedAt.Unix(),
		"client_name": c.Name.EN, "client_name#zh-CN": c.Name.ZH, "client_name#en": c.Name.EN,
		"redirect_uris":                              c.RedirectURIs,
		"token_endpoint_auth_method":                 or(c.Auth, consent.PrivateKeyJWT),
		"grant_types":                                s.grantTypesOf(c),
		"response_types":                             []string{"code"},
		"authorization_details_types":                []string{rar.Type},
		"scope":                                      scopeQuery + " " + scopeRevoke,
		"subject_type":                               "pairwise",
		"require_pushed_authorization_requests":      true,
		"require_signed_request_object":              c.SignedRequests,
		"tls_client_certificate_bound_access_tokens": c.CertificateBound,
		"dpop_bound_access_tokens":                   !c.CertificateBound,
		"alias_shape":                                c.AliasShape,
	}
	if len(c.JWKS) > 0 {
		said["jwks"] = c.JWKS
	}
	for name, value := range map[string]string{
		"jwks_uri": c.JWKSURI, "webhook_uri": c.WebhookURI,
		"backchannel_token_delivery_mode": string(c.Delivery), "backchannel_client_notification_endpoint": c.NotificationURI,
		"tls_client_auth_subject_dn": c.Certificate.SubjectDN, "tls_client_auth_san_dns": c.Certificate.DNS,
		"tls_client_auth_san_uri": c.Certificate.URI, "tls_client_auth_san_ip": c.Certificate.IP, "tls_client_auth_san_email": c.Certificate.Email,
	} {
		if value != "" {
			said[name] = value
		}
	}
	if c.SignedResponses {
		said["authorization_signed_response_alg"] = own
	}
	if c.SignedIntrospection {
		said["introspection_signed_response_alg"] = own
	}
	return said
}

// registrationError gives what consent says of a client the name of RFC 7591,
// section 3.2.2.
func registrationError(err error) error {
	switch {
	case errors.Is(err, consent.ErrRedirect):
		return refuse(http.StatusBadRequest, "invalid_redirect_uri", fault.Of(err).Detail)
	case errors.Is(err, consent.ErrClient):
		return badMetadata(fault.Of(err).Detail)
	}
	return err
}

func or[S ~string](s, instead S) S {
	if s == "" {
		return instead
	}
	return s
}
