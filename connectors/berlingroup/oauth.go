package berlingroup

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/fault"
)

const wellKnown = "/.well-known/oauth-authorization-server"

// authorize answers the page of the bank's authorization server for a consent.
func (c *Connector) authorize(ctx context.Context, link, state, redirectURI string, k *kept) (string, error) {
	if c.client == "" {
		return "", connectors.ErrRefused.Because(fault.Cause("the bank offers scaOAuth, and the config has no client id"))
	}
	at, err := c.api.Parse(link)
	switch {
	case err != nil || at.User != nil:
		return "", connectors.ErrMalformed.Because(fault.Cause("scaOAuth is not an address"))
	case c.metadata != nil && at.String() != c.metadata.String(),
		c.metadata == nil && (at.Scheme != c.api.Scheme || at.Host != c.api.Host):
		return "", connectors.ErrMalformed.Because(fault.Cause("scaOAuth leads to another authorization server than the configured one"))
	}
	var doc struct {
		Issuer    string   `json:"issuer"`
		Authorize string   `json:"authorization_endpoint"`
		Token     string   `json:"token_endpoint"`
		Methods   []string `json:"code_challenge_methods_supported"`
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return "", connectors.ErrMalformed.Because(fault.Cause("scaOAuth is not an address"))
	}
	r.Header.Set("Accept", "application/json")
	a, err := c.send(r)
	if err != nil {
		return "", err
	}
	if err := ours(connectors.Answered(a.Status, a.RetryAfter(c.now()))); err != nil {
		return "", err
	}
	if err := decode(a.Body, &doc); err != nil {
		return "", err
	}
	page, err1 := dial.Endpoint(doc.Authorize)
	token, err2 := dial.Endpoint(doc.Token)
	switch {
	case err1 != nil || err2 != nil:
		return "", connectors.ErrMalformed.Because(fault.Cause("the authorization server's document lacks an endpoint"))
	case !published8414(doc.Issuer, at), token.Host != at.Host:
		return "", connectors.ErrMalformed.Because(fault.Cause("the authorization server's document is another server's"))
	}
	*k = kept{Consent: k.Consent, Verifier: rand.Text() + rand.Text(), Issuer: doc.Issuer, Token: token.String()}
	sum := sha256.Sum256([]byte(k.Verifier))
	q := page.Query()
	for name, value := range map[string]string{"response_type": "code", "client_id": c.client, "scope": "AIS:" + k.Consent, "state": state,
		"redirect_uri": redirectURI, "code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256"} {
		q.Set(name, value)
	}
	page.RawQuery = q.Encode()
	return page.String(), nil
}

// published8414 reports whether a document at u may speak for the issuer: it
// stands where RFC 8414, section 3, has it, or below the issuer, where the
// framework's own example does.
func published8414(issuer string, u *url.URL) bool {
	i, err := dial.Endpoint(issuer)
	if err != nil || i.RawQuery != "" || i.Scheme != u.Scheme || i.Host != u.Host {
		return false
	}
	path := strings.TrimSuffix(i.EscapedPath(), "/")
	return u.EscapedPath() == wellKnown+path || u.EscapedPath() == path+wellKnown
}

// redeem trades the code that came back for tokens.
func (c *Connector) redeem(ctx context.Context, k kept, redirectURI string, query url.Values) (credential, error) {
	made := credential{Consent: k.Consent, Token: k.Token}
	codes := query["code"]
	switch iss := query.Get("iss"); {
	case iss != "" && iss != k.Issuer: // RFC 9207
		return made, connectors.ErrLinkRefused.Because(fault.Cause("another issuer answered"))
	case query.Has("error") || len(codes) != 1 || codes[0] == "":
		return made, connectors.ErrLinkRefused
	}
	made, err := c.token(ctx, made, url.Values{"grant_type": {"authorization_code"}, "code": codes, "redirect_uri": {redirectURI},
		"code_verifier": {k.Verifier}})
	if errors.Is(err, connectors.ErrUnauthorized) {
		err = connectors.ErrLinkRefused.Because(err)
	}
	return made, err
}

func (c *Connector) renew(ctx context.Context, k credential) (credential, error) {
	if k.Refresh == "" {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the bank gave no refresh token"))
	}
	return c.token(ctx, k, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {k.Refresh}})
}

// token calls the token endpoint. The certificate that the HTTP client shows
// authenticates us (RFC 8705, section 2).
func (c *Connector) token(ctx context.Context, k credential, form url.Values) (credential, error) {
	if _, err := dial.Endpoint(k.Token); err != nil {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the credential does not say who renews it"))
	}
	form.Set("client_id", c.client)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, k.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return k, connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	a, err := c.send(r)
	if err != nil {
		return k, err
	}
	if a.Status == http.StatusBadRequest || a.Status == http.StatusUnauthorized {
		var e struct {
			Error string `json:"error"`
		}
		if dial.JSON(a.Body, &e) == nil && e.Error == "invalid_grant" {
			return k, connectors.ErrUnauthorized.Because(fault.Cause("invalid_grant"))
		}
		return k, connectors.ErrRefused.Because(fault.Cause("from the token endpoint, HTTP status", a.Status))
	}
	now := c.now()
	if err := connectors.Answered(a.Status, a.RetryAfter(now)); err != nil {
		return k, err
	}
	var t struct {
		Access  string      `json:"access_token"`
		Type    string      `json:"token_type"`
		Expires json.Number `json:"expires_in"`
		Refresh string      `json:"refresh_token"`
	}
	if err := decode(a.Body, &t); err != nil {
		return k, err
	}
	seconds, err := t.Expires.Int64()
	if t.Access == "" || !strings.EqualFold(t.Type, "Bearer") || err != nil || seconds <= 0 || seconds > 10*366*24*60*60 {
		return k, connectors.ErrMalformed.Because(fault.Cause("no bearer token with a lifetime"))
	}
	k.Access, k.Until = t.Access, now.Unix()+seconds
	if t.Refresh != "" {
		k.Refresh = t.Refresh
	}
	return k, nil
}
