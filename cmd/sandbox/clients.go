package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"time"

	"jali/consent"
	"jali/internal/jose"
	"jali/internal/secret"
)

// newClient is what a client is registered with; what is left out takes what
// is usual.
type newClient struct {
	Name                string          `json:"name"`
	NameZH              string          `json:"name_zh,omitempty"`
	RedirectURIs        []string        `json:"redirect_uris"`
	Auth                string          `json:"auth,omitempty"`
	Alg                 string          `json:"alg,omitempty"`
	JWKS                json.RawMessage `json:"jwks,omitempty"`
	CertificateBound    *bool           `json:"certificate_bound,omitempty"`
	SignedRequests      bool            `json:"signed_requests,omitempty"`
	SignedResponses     bool            `json:"signed_responses,omitempty"`
	SignedIntrospection bool            `json:"signed_introspection,omitempty"`
	Delivery            string          `json:"delivery,omitempty"`
	NotificationURI     string          `json:"notification_uri,omitempty"`
	WebhookURI          string          `json:"webhook_uri,omitempty"`
	Inbox               bool            `json:"inbox,omitempty"`
	AliasShape          string          `json:"alias_shape,omitempty"`
}

// clientJSON is a client; its private keys are told once.
type clientJSON struct {
	ID                  string          `json:"client_id"`
	Issuer              string          `json:"issuer"`
	Name                string          `json:"name"`
	NameZH              string          `json:"name_zh"`
	RedirectURIs        []string        `json:"redirect_uris"`
	Auth                string          `json:"auth"`
	AliasShape          string          `json:"alias_shape"`
	CertificateBound    bool            `json:"certificate_bound"`
	SignedRequests      bool            `json:"signed_requests"`
	SignedResponses     bool            `json:"signed_responses"`
	SignedIntrospection bool            `json:"signed_introspection"`
	Delivery            string          `json:"delivery"`
	NotificationURI     string          `json:"notification_uri,omitempty"`
	Suspended           bool            `json:"suspended"`
	Webhook             webhookJSON     `json:"webhook"`
	Inbox               string          `json:"inbox"`
	AddedAt             time.Time       `json:"added_at"`
	LastSeenAt          time.Time       `json:"last_seen_at,omitzero"`
	JWKS                json.RawMessage `json:"jwks,omitempty"`
	Certificate         string          `json:"certificate,omitempty"`
	Key                 string          `json:"key,omitempty"`
	CA                  string          `json:"ca,omitempty"`
	MTLS                string          `json:"mtls_url,omitempty"`
}

type webhookJSON struct {
	URI     string `json:"uri,omitempty"`
	Stopped bool   `json:"stopped"`
}

// keys are what is made for a client.
type keys struct {
	private     json.RawMessage
	certificate *authority
}

func (s *sandbox) addClient(r *http.Request) (any, error) {
	n, err := read[newClient](r)
	if err != nil {
		return nil, err
	}
	c := consent.Client{
		ID: consent.ClientID("client_" + rand.Text()), Name: consent.Name{ZH: cmp.Or(n.NameZH, n.Name), EN: n.Name},
		RedirectURIs: n.RedirectURIs, AliasShape: n.AliasShape, Auth: consent.AuthMethod(cmp.Or(n.Auth, string(consent.PrivateKeyJWT))),
		SignedRequests: n.SignedRequests, SignedResponses: n.SignedResponses, SignedIntrospection: n.SignedIntrospection,
		WebhookURI: n.WebhookURI, NotificationURI: n.NotificationURI,
	}
	c.CertificateBound = c.Auth != consent.PrivateKeyJWT
	if n.CertificateBound != nil {
		c.CertificateBound = *n.CertificateBound
	}
	if n.Delivery != "none" {
		c.Delivery = consent.Delivery(cmp.Or(n.Delivery, string(consent.Poll)))
	}
	if n.Inbox {
		if n.WebhookURI != "" || n.NotificationURI != "" {
			return nil, errInvalid.Saying("its inbox takes the place of webhook_uri and notification_uri; send it or them")
		}
		c.WebhookURI = s.inboxOf(c.ID)
		if c.Delivery == consent.Ping {
			c.NotificationURI = c.WebhookURI
		}
	}
	var made keys
	if n.JWKS != nil {
		c.JWKS = n.JWKS
	}
	if made, err = s.equip(&c, cmp.Or(n.Alg, jose.ES256), n.JWKS == nil); err != nil {
		return nil, err
	}
	if err := s.house.Consent.AddClient(r.Context(), c); err != nil {
		return nil, err
	}
	return s.clientWith(r.Context(), c.ID, made)
}

// equip makes keys for a client, and a certificate if it shows one, and
// registers their public halves with it.
func (s *sandbox) equip(c *consent.Client, alg string, signs bool) (made keys, err error) {
	t := s.template(string(c.ID), leafLife)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	switch {
	case c.Auth == consent.SelfSignedTLS && !signs: // its own keys hold its certificate
		return made, nil
	case c.Auth == consent.SelfSignedTLS && alg != jose.ES256:
		return made, consent.ErrClient.Saying("a certificate of its own is made with ES256 alone")
	case c.Auth == consent.SelfSignedTLS:
		return made, selfSign(c, t, &made)
	case c.Auth == consent.TLSClientAuth || c.CertificateBound:
		if made.certificate, err = s.state.Authority.issue(t); err != nil {
			return made, err
		}
		if c.Auth == consent.TLSClientAuth {
			c.Certificate = consent.CertName{SubjectDN: t.Subject.String()}
		}
	}
	if !signs {
		return made, nil
	}
	k, err := jose.Generate(alg)
	if err != nil {
		return made, err
	}
	c.JWKS, c.JWKSURI = key{k}.publicSet(), ""
	made.private, err = key{k}.privateSet()
	return made, err
}

// selfSign makes a certificate that vouches for itself, in a key set of its
// own (RFC 8705, section 2.2).
func selfSign(c *consent.Client, t *x509.Certificate, made *keys) error {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if made.certificate, err = sealed(t, t, k, k); err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(made.certificate.Key))
	private, err := jose.ParsePKCS8(secret.New(block.Bytes))
	if err != nil {
		return err
	}
	if made.private, err = (key{private}).privateSet(); err != nil {
		return err
	}
	var jwk map[string]any
	if err := json.Unmarshal(key{private}.JWK(), &jwk); err != nil {
		return err
	}
	leaf, _ := pem.Decode([]byte(made.certificate.Certificate))
	jwk["x5c"] = []string{base64.StdEncoding.EncodeToString(leaf.Bytes)}
	b, err := json.Marshal(jwk)
	c.JWKS, c.JWKSURI = set(b), ""
	return err
}

// clientWith tells of a client, with the keys that were made for it.
func (s *sandbox) clientWith(ctx context.Context, id consent.ClientID, made keys) (clientJSON, error) {
	c, err := s.house.Consent.Client(ctx, id)
	if err != nil {
		return clientJSON{}, err
	}
	one, err := s.clientNow(ctx, c)
	one.JWKS = made.private
	if made.certificate != nil {
		one.Certificate, one.Key = made.certificate.Certificate, made.certificate.Key
	}
	return one, err
}

func (s *sandbox) clientNow(ctx context.Context, c consent.Client) (clientJSON, error) {
	one := clientJSON{
		ID: string(c.ID), Issuer: s.ready.Issuer, Name: c.Name.EN, NameZH: c.Name.ZH, RedirectURIs: c.RedirectURIs,
		Auth: cmp.Or(string(c.Auth), string(consent.PrivateKeyJWT)), AliasShape: c.AliasShape, CertificateBound: c.CertificateBound,
		SignedRequests: c.SignedRequests, SignedResponses: c.SignedResponses, SignedIntrospection: c.SignedIntrospection,
		Delivery: cmp.Or(string(c.Delivery), "none"), NotificationURI: c.NotificationURI, Suspended: c.Suspended,
		Webhook: webhookJSON{URI: c.WebhookURI}, Inbox: s.inboxOf(c.ID), AddedAt: c.AddedAt.UTC(), LastSeenAt: s.seen.at(c.ID).UTC(),
	}
	if c.CertificateBound || one.Auth != string(consent.PrivateKeyJWT) {
		one.CA, one.MTLS = s.ready.MTLS.CA, s.ready.MTLS.URL
	}
	var err error
	if c.WebhookURI != "" {
		one.Webhook.Stopped, err = s.house.Outbox.Stopped(ctx, string(c.ID), c.WebhookURI)
	}
	return one, err
}

// clientAnswer is a client as it is now.
func (s *sandbox) clientAnswer(r *http.Request, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return s.clientWith(r.Context(), clientOf(r), keys{})
}

func clientOf(r *http.Request) consent.ClientID { return consent.ClientID(r.PathValue("id")) }

func (s *sandbox) readClient(r *http.Request) (any, error) { return s.clientAnswer(r, nil) }

func (s *sandbox) listClients(r *http.Request) (any, error) {
	all, err := s.idle(r)
	list := []clientJSON{}
	for _, c := range all {
		one, failed := s.clientNow(r.Context(), c)
		if failed != nil {
			return nil, failed
		}
		list = append(list, one)
	}
	return map[string]any{"clients": list}, err
}

// idle are the clients that nothing was heard of for as long as the query says.
func (s *sandbox) idle(r *http.Request) ([]consent.Client, error) {
	all, err := s.house.Consent.Clients(r.Context())
	asked := r.URL.Query().Get("idle_for")
	if err != nil || asked == "" {
		return all, err
	}
	patience, err := time.ParseDuration(asked)
	if err != nil {
		return nil, errInvalid.Saying("idle_for is no duration, such as 24h")
	}
	var idle []consent.Client
	for _, c := range all {
		last := c.AddedAt
		if seen := s.seen.at(c.ID); seen.After(last) {
			last = seen
		}
		if s.now().Sub(last) >= patience {
			idle = append(idle, c)
		}
	}
	return idle, nil
}

func (s *sandbox) removeIdleClients(r *http.Request) (any, error) {
	idle, err := s.idle(r)
	if err != nil {
		return nil, err
	}
	removed := []string{}
	for _, c := range idle {
		if s.state.founding(string(c.ID)) {
			continue
		}
		if err := s.house.Consent.RemoveClient(r.Context(), c.ID); err != nil {
			return nil, err
		}
		s.gone(c.ID)
		removed = append(removed, string(c.ID))
	}
	return map[string]any{"removed": removed}, nil
}

// gone forgets what the sandbox itself knew of a client.
func (s *sandbox) gone(c consent.ClientID) {
	s.seen.forget(c)
	s.mail.forget(c)
}

func (s *sandbox) removeClient(r *http.Request) (any, error) {
	if _, err := s.house.Consent.Client(r.Context(), clientOf(r)); err != nil {
		return nil, err
	}
	err := s.house.Consent.RemoveClient(r.Context(), clientOf(r))
	if err == nil {
		s.gone(clientOf(r))
	}
	return nil, err
}

func (s *sandbox) suspendClient(r *http.Request) (any, error) {
	return s.clientAnswer(r, s.house.Consent.SuspendClient(r.Context(), clientOf(r), true))
}

func (s *sandbox) readmitClient(r *http.Request) (any, error) {
	return s.clientAnswer(r, s.house.Consent.SuspendClient(r.Context(), clientOf(r), false))
}

func (s *sandbox) changeClient(r *http.Request) (any, error) {
	change, err := read[struct {
		Name         *string   `json:"name"`
		NameZH       *string   `json:"name_zh"`
		RedirectURIs *[]string `json:"redirect_uris"`
		WebhookURI   *string   `json:"webhook_uri"`
		AliasShape   *string   `json:"alias_shape"`
	}](r)
	if err != nil {
		return nil, err
	}
	_, err = s.house.Consent.ReviseClient(r.Context(), clientOf(r), func(c consent.Client) (consent.Client, error) {
		put(&c.Name.EN, change.Name)
		put(&c.Name.ZH, change.NameZH)
		put(&c.RedirectURIs, change.RedirectURIs)
		put(&c.WebhookURI, change.WebhookURI)
		put(&c.AliasShape, change.AliasShape)
		return c, nil
	})
	return s.clientAnswer(r, err)
}

func put[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

func (s *sandbox) rotateKeys(r *http.Request) (any, error) {
	ask, err := read[struct {
		Alg string `json:"alg"`
	}](r)
	if err != nil {
		return nil, err
	}
	c, err := s.house.Consent.Client(r.Context(), clientOf(r))
	if err != nil {
		return nil, err
	}
	made, err := s.equip(&c, cmp.Or(ask.Alg, jose.ES256), true)
	if err != nil {
		return nil, err
	}
	if _, err := s.house.Consent.ReviseClient(r.Context(), c.ID, func(old consent.Client) (consent.Client, error) {
		old.JWKS, old.JWKSURI, old.Certificate = c.JWKS, c.JWKSURI, c.Certificate
		return old, nil
	}); err != nil {
		return nil, err
	}
	return s.clientWith(r.Context(), c.ID, made)
}
