package consent

import (
	"encoding/json"
	"time"
)

// Client is a bank's app that may ask for grants.
type Client struct {
	ID           ClientID        `json:"id"`
	Name         Name            `json:"name"`               // shown to people
	JWKS         json.RawMessage `json:"jwks,omitempty"`     // public keys, RFC 7517
	JWKSURI      string          `json:"jwks_uri,omitempty"` // where they are, in place of JWKS
	RedirectURIs []string        `json:"redirect_uris"`      // compared as strings
	AliasShape   string          `json:"alias_shape"`        // "opaque", "card" or "iban"
	Suspended    bool            `json:"suspended,omitempty"`
	AddedAt      time.Time       `json:"added_at"`

	Auth             AuthMethod `json:"auth,omitempty"`              // empty: PrivateKeyJWT
	Certificate      CertName   `json:"certificate,omitzero"`        // of TLSClientAuth: what its certificate is called
	CertificateBound bool       `json:"certificate_bound,omitempty"` // its tokens are bound to its certificate (RFC 8705, section 3), not by DPoP

	// What it demands of itself and of us (FAPI 2.0 Message Signing).
	SignedRequests      bool `json:"signed_requests,omitempty"`      // request objects only (RFC 9101)
	SignedResponses     bool `json:"signed_responses,omitempty"`     // JARM only
	SignedIntrospection bool `json:"signed_introspection,omitempty"` // RFC 9701 only

	WebhookURI      string   `json:"webhook_uri,omitempty"`      // where it is told what happens to its grants; empty: nowhere
	Delivery        Delivery `json:"delivery,omitempty"`         // how it learns of a decoupled decision; empty: no decoupled requests
	NotificationURI string   `json:"notification_uri,omitempty"` // of Ping

	// Management is what stands for the registration access token (RFC 7592)
	// of a client that registered itself; nil for one the operator added.
	Management []byte `json:"management,omitempty"`
}

// AuthMethod is how a client proves who it is, by its name in the registry of
// RFC 7591.
type AuthMethod string

const (
	PrivateKeyJWT AuthMethod = "private_key_jwt"
	TLSClientAuth AuthMethod = "tls_client_auth"             // RFC 8705, section 2.1: a certificate of an authority we trust
	SelfSignedTLS AuthMethod = "self_signed_tls_client_auth" // RFC 8705, section 2.2: a certificate of its own, in its key set's x5c
)

// CertName is the one name by which a client's certificate is known (RFC
// 8705, section 2.1.2): exactly one field is set.
type CertName struct {
	SubjectDN string `json:"subject_dn,omitempty"` // RFC 4514
	DNS       string `json:"san_dns,omitempty"`
	URI       string `json:"san_uri,omitempty"`
	IP        string `json:"san_ip,omitempty"`
	Email     string `json:"san_email,omitempty"`
}

// Delivery is how a client learns that a decoupled request was decided
// (OpenID CIBA Core 1.0, section 5).
type Delivery string

const (
	Poll Delivery = "poll"
	Ping Delivery = "ping"
)

// Name is a name in both languages of the pages.
type Name struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}
