package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Metadata is what the server says of itself (RFC 8414, section 2), as far as
// this package uses it.
type Metadata struct {
	Issuer string `json:"issuer"`
	Endpoints
	Aliases     Endpoints `json:"mtls_endpoint_aliases"` // RFC 8705, section 5
	WebhookKeys []struct {
		WHPK string `json:"whpk"` // Standard Webhooks 1.0
	} `json:"webhook_keys"`
}

// Endpoints are where the server answers.
type Endpoints struct {
	Authorization string `json:"authorization_endpoint"`
	Push          string `json:"pushed_authorization_request_endpoint"` // RFC 9126, section 5
	Token         string `json:"token_endpoint"`
	Revocation    string `json:"revocation_endpoint"`
	Introspection string `json:"introspection_endpoint"`
	Grants        string `json:"grant_management_endpoint"`           // Grant Management for OAuth 2.0, section 7.1
	Backchannel   string `json:"backchannel_authentication_endpoint"` // CIBA Core 1.0, section 4
}

// metadata is the last that was read.
type metadata struct {
	mu    sync.Mutex
	read  *Metadata
	until time.Time // it is read again
}

const (
	metadataLife  = 5 * time.Minute
	metadataRetry = 30 * time.Second // where newer cannot be had, and the old serves on
)

// Metadata reads the server's metadata, which is kept for five minutes. It is an
// error if they are another issuer's (RFC 8414, section 3.3).
func (c *Client) Metadata(ctx context.Context) (*Metadata, error) {
	m, now := &c.metadata, c.now()
	m.mu.Lock()
	kept, until := m.read, m.until
	m.mu.Unlock()
	if kept != nil && now.Before(until) {
		return kept, nil
	}
	fresh, err := c.discover(ctx)
	life := metadataLife
	if err != nil {
		if kept == nil {
			return nil, err
		}
		fresh, life = kept, metadataRetry
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read, m.until = fresh, now.Add(life)
	return fresh, nil
}

// wellKnown stands between the issuer's host and its path (RFC 8414, section 3).
const wellKnown = "/.well-known/oauth-authorization-server"

func (c *Client) discover(ctx context.Context) (*Metadata, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("client: the issuer %q is not a URL of scheme, host and path", c.Issuer)
	}
	u.Path = wellKnown + strings.TrimSuffix(u.Path, "/")
	_, body, err := c.send(ctx, true, func() (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	})
	if err != nil {
		return nil, fmt.Errorf("client: the metadata of %s: %w", c.Issuer, err)
	}
	return c.readMetadata(body)
}

func (c *Client) readMetadata(b []byte) (*Metadata, error) {
	var m Metadata
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("client: the metadata of %s are not JSON of RFC 8414", c.Issuer)
	}
	if m.Issuer != c.Issuer {
		return nil, fmt.Errorf("client: the metadata of %s are those of another issuer", c.Issuer)
	}
	if c.Certified {
		m.Endpoints = m.aliased()
	}
	for _, at := range []string{m.Authorization, m.Push, m.Token} {
		if at == "" {
			return nil, fmt.Errorf("client: the metadata of %s lack an endpoint for authorization, pushed requests or tokens", c.Issuer)
		}
	}
	for _, at := range m.all() {
		if !c.sound(at) {
			return nil, fmt.Errorf("client: the metadata of %s name an endpoint that is no https URL", c.Issuer)
		}
	}
	return &m, nil
}

// aliased are the endpoints to which a certificate is shown.
func (m *Metadata) aliased() Endpoints {
	e := m.Endpoints
	for _, pair := range []struct {
		at    *string
		alias string
	}{
		{&e.Push, m.Aliases.Push}, {&e.Token, m.Aliases.Token}, {&e.Revocation, m.Aliases.Revocation},
		{&e.Introspection, m.Aliases.Introspection}, {&e.Grants, m.Aliases.Grants}, {&e.Backchannel, m.Aliases.Backchannel},
	} {
		if pair.alias != "" {
			*pair.at = pair.alias
		}
	}
	return e
}

func (e *Endpoints) all() []string {
	return []string{e.Authorization, e.Push, e.Token, e.Revocation, e.Introspection, e.Grants, e.Backchannel}
}

// sound reports whether an endpoint is as safe to call as the issuer.
func (c *Client) sound(at string) bool {
	if at == "" {
		return true
	}
	u, err := url.Parse(at)
	return err == nil && u.Host != "" && u.User == nil && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && strings.HasPrefix(c.Issuer, "http://"))
}

// base is what paths of the document stand under: the issuer, or where it is
// shown a certificate.
func (c *Client) base(ctx context.Context) (string, error) {
	m, err := c.Metadata(ctx)
	if err != nil || !c.Certified {
		return c.Issuer, err
	}
	base, ok := strings.CutSuffix(m.Token, "/oauth/token")
	if !ok {
		return "", fmt.Errorf("client: the metadata of %s do not say where certificates are shown", c.Issuer)
	}
	return base, nil
}
