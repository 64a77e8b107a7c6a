// Package client speaks to Jali as a bank's app does: a pushed request (RFC
// 9126) for a grant of type account_view (RFC 9396), PKCE (RFC 7636), client
// authentication by private_key_jwt (RFC 7523), tokens bound to a key by DPoP
// (RFC 9449), and the data API. Or it asks a person whom it names, and who
// decides elsewhere (OpenID CIBA Core 1.0). What it is told of its grants it
// reads by [ReadWebhook].
//
// It keeps nothing but the server's nonce for its next proof, with which it
// asks again, once, where it had an older one or none. State, code verifier and
// token are the caller's to hold.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Client is one registered client with one key. It is safe for concurrent use,
// and not to be copied.
type Client struct {
	Issuer   string // Jali's issuer identifier
	ID       string // client_id
	Redirect string // the registered redirect_uri to use
	Key      Signer // authenticates the client and proves possession of its tokens
	HTTP     *http.Client
	Now      func() time.Time // nil: time.Now

	nonce atomic.Pointer[string] // of the last answer that had one (RFC 9449, section 8)
}

// Signer makes a compact JWS over header and claims, to which it adds its alg
// and kid. It is used at once by several goroutines.
type Signer interface {
	Sign(header map[string]any, claims any) (string, error)
	// JWK is the public key, as the "jwk" header of a DPoP proof has it.
	JWK() json.RawMessage
}

// Problem is what Jali answers instead of what was asked: an RFC 9457 problem
// of the data API, or an OAuth error with its code and description.
type Problem struct {
	Status     int    `json:"status"`
	Code       string `json:"code"`
	Title      string `json:"title"`
	Detail     string `json:"detail"`
	Owner      string `json:"owner"`       // who can mend it: person, client, source, us
	Action     string `json:"action"`      // what the person can do
	RetryAfter int    `json:"retry_after"` // seconds
}

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// answerCap is the largest answer that is read, in bytes.
const answerCap = 16 << 20

// nonceCap is the longest nonce that is kept, in bytes.
const nonceCap = 256

// Push asks for a grant and answers the URL to send the person to. details is
// the authorization_details array; verifier is 43 to 128 characters, secret
// until Redeem.
func (c *Client) Push(ctx context.Context, state, verifier string, details any) (string, error) {
	array, err := json.Marshal(details)
	if err != nil {
		return "", err
	}
	challenge := sha256.Sum256([]byte(verifier))
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	err = c.form(ctx, "/oauth/par", url.Values{
		"response_type": {"code"}, "redirect_uri": {c.Redirect}, "state": {state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
		"authorization_details": {string(array)},
	}, &pushed)
	if err != nil {
		return "", err
	}
	return c.Issuer + "/oauth/authorize?" + url.Values{"client_id": {c.ID}, "request_uri": {pushed.RequestURI}}.Encode(), nil
}

// Token is a token endpoint's answer.
type Token struct {
	AccessToken  string          `json:"access_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    int             `json:"expires_in"` // seconds
	RefreshToken string          `json:"refresh_token"`
	GrantID      string          `json:"grant_id"`
	Details      json.RawMessage `json:"authorization_details"` // what the person agreed to
}

// Redeem trades a code for an access token bound to the client's key.
func (c *Client) Redeem(ctx context.Context, code, verifier string) (Token, error) {
	return c.token(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.Redirect}, "code_verifier": {verifier},
	})
}

func (c *Client) token(ctx context.Context, form url.Values) (Token, error) {
	var t Token
	err := c.form(ctx, "/oauth/token", form, &t)
	if err == nil && !strings.EqualFold(t.TokenType, "DPoP") {
		return Token{}, fmt.Errorf("client: a token of type %q is not bound to the key", t.TokenType)
	}
	return t, err
}

type userKey struct{}

// user is somebody who uses the client while it calls.
type user struct{ address, agent string }

// Present answers a context for [Client.OpenView] in which the person looks
// themselves, from a device at this address: sources bear it less often that
// they are read while nobody is there. agent, of their browser, may be empty.
func Present(ctx context.Context, address, agent string) context.Context {
	return context.WithValue(ctx, userKey{}, user{address, agent})
}

// OpenView spends a use of the token's grant and reads the view into view.
// key is the Idempotency-Key, 16 to 128 characters; want is {} or a subset.
func (c *Client) OpenView(ctx context.Context, token, key string, want, view any) error {
	body, err := json.Marshal(want)
	if err != nil {
		return err
	}
	return c.data(token, view, func() (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Issuer+"/v1/views", bytes.NewReader(body))
		if err == nil {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", key)
			if u, ok := ctx.Value(userKey{}).(user); ok {
				r.Header.Set("x-fapi-customer-ip-address", u.address)
				if u.agent != "" {
					r.Header.Set("x-customer-user-agent", u.agent)
				}
			}
		}
		return r, err
	})
}

// Read gets a resource of the data API ("/v1/views/…") into answer.
func (c *Client) Read(ctx context.Context, token, path string, answer any) error {
	return c.data(token, answer, func() (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, c.Issuer+path, nil)
	})
}

// form posts to an OAuth endpoint as this client. Each try has an assertion of
// its own: one is good for one request.
func (c *Client) form(ctx context.Context, path string, form url.Values, answer any) error {
	return c.send(nil, answer, func() (*http.Request, error) {
		now := c.now().Unix()
		assertion, err := c.Key.Sign(map[string]any{"typ": "JWT"}, map[string]any{
			"iss": c.ID, "sub": c.ID, "aud": c.Issuer, "jti": rand.Text(), "iat": now, "exp": now + 60,
		})
		if err != nil {
			return nil, err
		}
		form.Set("client_id", c.ID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Issuer+path, strings.NewReader(form.Encode()))
		if err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return r, err
	})
}

func (c *Client) data(token string, answer any, request func() (*http.Request, error)) error {
	hash := sha256.Sum256([]byte(token))
	return c.send(hash[:], answer, func() (*http.Request, error) {
		r, err := request()
		if err == nil {
			r.Header.Set("Authorization", "DPoP "+token)
		}
		return r, err
	})
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// nonceWanted is what is answered to a proof without the server's nonce.
const nonceWanted = "use_dpop_nonce"

// send sends a request, and once more where only the nonce was wrong: nothing
// has come of the first then.
func (c *Client) send(tokenHash []byte, answer any, request func() (*http.Request, error)) error {
	err := c.try(tokenHash, answer, request)
	if p := (*Problem)(nil); errors.As(err, &p) && p.Code == nonceWanted {
		return c.try(tokenHash, answer, request)
	}
	return err
}

// try proves possession of the key and sends the request.
func (c *Client) try(tokenHash []byte, answer any, request func() (*http.Request, error)) error {
	r, err := request()
	if err != nil {
		return err
	}
	htu, _, _ := strings.Cut(r.URL.String(), "?")
	claims := map[string]any{"jti": rand.Text(), "htm": r.Method, "htu": htu, "iat": c.now().Unix()}
	if tokenHash != nil {
		claims["ath"] = base64.RawURLEncoding.EncodeToString(tokenHash)
	}
	if nonce := c.nonce.Load(); nonce != nil {
		claims["nonce"] = *nonce
	}
	proof, err := c.Key.Sign(map[string]any{"typ": "dpop+jwt", "jwk": c.Key.JWK()}, claims)
	if err != nil {
		return err
	}
	r.Header.Set("DPoP", proof)
	resp, err := c.HTTP.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if nonce := resp.Header.Get("DPoP-Nonce"); nonce != "" && len(nonce) <= nonceCap {
		c.nonce.Store(&nonce)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerCap+1))
	if err != nil {
		return err
	}
	if len(b) > answerCap {
		return fmt.Errorf("client: an answer of status %d is over %d MiB", resp.StatusCode, answerCap>>20)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return refusal(resp.StatusCode, b)
	}
	if answer == nil || len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, answer)
}

func refusal(status int, body []byte) error {
	var said struct {
		Problem
		OAuth       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return fmt.Errorf("client: status %d without a problem", status)
	}
	p := said.Problem
	if p.Status = status; said.OAuth != "" {
		p.Code, p.Detail = said.OAuth, said.Description
	}
	return &p
}
