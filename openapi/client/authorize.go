package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
)

// Authorization is a request for a grant that waits for the person's answer. It
// belongs to the session of the browser that is sent to URL, is kept there until
// the answer comes, and is good for one.
type Authorization struct {
	URL      string `json:"url"`      // where the person decides
	State    string `json:"state"`    // comes back with the answer
	Verifier string `json:"verifier"` // PKCE's (RFC 7636); a secret
}

// Option changes the parameters of a request for a grant.
type Option func(parameters url.Values)

// Replacing asks for a grant in place of one that was given, which is also how a
// grant is renewed: it keeps its id (Grant Management for OAuth 2.0, draft 03,
// section 6.2).
func Replacing(grant string) Option { return change("replace", grant) }

// Merging asks for more beside what a grant holds already.
func Merging(grant string) Option { return change("merge", grant) }

func change(action, grant string) Option {
	return func(p url.Values) {
		p.Set("grant_management_action", action)
		p.Set("grant_id", grant)
	}
}

// management is what tokens may do with the grants that they come with.
const management = "grant_management_query grant_management_revoke"

// Managing asks for tokens that [Session.ReadGrant] and [Session.RevokeGrant]
// take.
func Managing() Option { return func(p url.Values) { p.Set("scope", management) } }

// details are the authorization_details (RFC 9396) of what is wanted.
func details(wanted AccountView) (string, error) {
	wanted.Type = cmp.Or(wanted.Type, AccountViewTypeAccountView)
	if wanted.Actions == nil {
		wanted.Actions = []AccountViewActions{AccountViewActionsView}
	}
	b, err := json.Marshal([]AccountView{wanted})
	return string(b), err
}

// Push asks for a grant by a pushed request (RFC 9126). Type and Actions of what
// is wanted may be left out.
func (c *Client) Push(ctx context.Context, wanted AccountView, options ...Option) (*Authorization, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	d, err := details(wanted)
	if err != nil {
		return nil, err
	}
	a := &Authorization{State: rand.Text(), Verifier: rand.Text() + rand.Text()}
	challenge := sha256.Sum256([]byte(a.Verifier))
	form := url.Values{
		"response_type": {"code"}, "redirect_uri": {c.Redirect}, "state": {a.State},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
		"authorization_details": {d},
	}
	for _, o := range options {
		o(form)
	}
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	if err := c.form(ctx, true, m.Push, form, &pushed); err != nil {
		return nil, err
	}
	to, err := url.Parse(m.Authorization)
	if err != nil {
		return nil, err
	}
	query := to.Query()
	query.Set("client_id", c.ID)
	query.Set("request_uri", pushed.RequestURI)
	to.RawQuery = query.Encode()
	a.URL = to.String()
	return a, nil
}

var (
	// ErrState is an answer that does not belong to this authorization (RFC
	// 6749, section 10.12), or says nothing at all.
	ErrState = errors.New("client: this answer does not belong to the request")
	// ErrIssuer is an answer of another server than was asked (RFC 9207, section 2.4).
	ErrIssuer = errors.New("client: this answer is not of the issuer that was asked")
)

// Redeem takes the query that the person's browser brought to the redirect URI,
// and trades its code for tokens. A person who refused is a [*Problem]
// access_denied.
func (c *Client) Redeem(ctx context.Context, a *Authorization, callback url.Values) (*Session, error) {
	code, err := c.code(a, callback)
	if err != nil {
		return nil, err
	}
	return c.token(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.Redirect}, "code_verifier": {a.Verifier},
	})
}

// code is what a callback brings.
func (c *Client) code(a *Authorization, callback url.Values) (string, error) {
	one := func(name string) string {
		if values := callback[name]; len(values) == 1 {
			return values[0]
		}
		return ""
	}
	if a.State == "" || subtle.ConstantTimeCompare([]byte(one("state")), []byte(a.State)) == 0 {
		return "", ErrState
	}
	if one("iss") != c.Issuer {
		return "", ErrIssuer
	}
	if code := one("error"); code != "" {
		return "", &Problem{Code: code, Detail: one("error_description")}
	}
	if code := one("code"); code != "" {
		return code, nil
	}
	return "", ErrState
}
