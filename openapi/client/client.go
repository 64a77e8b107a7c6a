// Package client speaks to Jali as a bank's app does, from the request for a
// grant to the last bill of a view, with the standard library alone.
//
// A [Client] is one registered client with its [Signer]. It pushes a request
// (RFC 9126) for a grant of type account_view (RFC 9396), sends the person to
// the URL of the [Authorization] that comes of it, and redeems what they bring
// back (RFC 6749, 7636, 9207). That makes a [Session]: tokens that are bound to
// the client's key (RFC 9449) or certificate (RFC 8705), renewed while the grant
// lives, by which views are opened and read. A person whom the client can name
// decides elsewhere instead (OpenID CIBA Core 1.0). What happens to its grants
// it is told by [Client.Webhook].
//
// Types and operations are generated from openapi.yaml (client.gen.go). What is
// refused is a [*Problem]. An answer of 429 or 503 that says when to ask again
// is waited for and asked again, with the same Idempotency-Key, where asking
// twice does no harm and as long as the deadline of the context allows; without
// a deadline nothing is waited for.
//
// A Client keeps in memory what it read of the server's metadata and its last
// nonces, and nothing else. Authorizations and tokens are the caller's to keep:
// they are secrets of one person's session.
package client

//go:generate go tool -modfile=../../internal/tools/go.mod oapi-codegen -config codegen.yaml ../openapi.yaml

import (
	"net/http"
	"sync"
	"time"
)

// Client is one registered client. It is safe for concurrent use, and not to be
// copied.
type Client struct {
	Issuer   string // Jali's issuer identifier, https://jali.example
	ID       string // client_id
	Redirect string // the registered redirect_uri to use

	// Key authenticates the client by private_key_jwt (RFC 7523), and its
	// tokens are bound to it by DPoP (RFC 9449). It may be nil where the
	// certificate does both.
	Key Signer

	// Certified says that HTTP shows the client's certificate and tokens are
	// bound to that in place of Key (RFC 8705): requests go to the server's
	// mtls_endpoint_aliases.
	Certified bool

	HTTP *http.Client     // nil: http.DefaultClient; redirects are never followed
	Now  func() time.Time // nil: time.Now

	metadata metadata
	nonces   sync.Map // origin: the last DPoP-Nonce of its answers (RFC 9449, section 8.2)
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// Error says what went wrong by its code, which stands in the document at each
// answer and at {issuer}/problems/{code}.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Code
	}
	return p.Code + ": " + p.Detail
}
