package client

import (
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
	"strconv"
	"strings"
	"time"
)

const (
	answerCap  = 16 << 20 // bytes of the largest answer that is read
	refusalCap = 64 << 10
	nonceCap   = 256
)

// nonceWanted is what is answered to a proof without the server's nonce (RFC
// 9449, sections 8 and 9).
const nonceWanted = "use_dpop_nonce"

// send sends what request makes, again where there is reason to, and answers the
// last answer with its body; all but a 2xx is an error as well. harmless says
// that a request may be done twice.
func (c *Client) send(ctx context.Context, harmless bool, request func() (*http.Request, error)) (*http.Response, []byte, error) {
	for asked := false; ; {
		r, err := request()
		if err != nil {
			return nil, nil, err
		}
		resp, body, err := c.try(r)
		var p *Problem
		switch {
		case !errors.As(err, &p):
			return resp, body, err
		case p.Code == nonceWanted && !asked: // nothing has come of it
			asked = true
		case (p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable && harmless) && wait(ctx, p.RetryAfter):
		default:
			return resp, body, err
		}
	}
}

// wait waits, if that leaves time before the context's deadline.
func wait(ctx context.Context, seconds int) bool {
	deadline, ok := ctx.Deadline()
	if !ok || seconds <= 0 || time.Until(deadline).Seconds() <= float64(seconds) {
		return false
	}
	t := time.NewTimer(time.Duration(seconds) * time.Second)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// try proves possession of the key, sends one request and reads its answer. An
// answer that refuses is there beside its error.
func (c *Client) try(r *http.Request) (*http.Response, []byte, error) {
	origin := r.URL.Scheme + "://" + r.URL.Host
	public := r.Method == http.MethodGet && r.Header.Get("Authorization") == ""
	if c.Key != nil && !c.Certified && !public {
		proof, err := c.proof(r, origin)
		if err != nil {
			return nil, nil, err
		}
		r.Header.Set("DPoP", proof)
	}
	h := http.DefaultClient
	if c.HTTP != nil {
		h = c.HTTP
	}
	h = &http.Client{Transport: h.Transport, Jar: h.Jar, Timeout: h.Timeout, CheckRedirect: stay}
	resp, err := h.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if nonce := resp.Header.Get("DPoP-Nonce"); nonce != "" && len(nonce) <= nonceCap {
		c.nonces.Store(origin, nonce)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		body, err := io.ReadAll(io.LimitReader(resp.Body, refusalCap))
		if err != nil {
			return nil, nil, err
		}
		return resp, body, refusal(resp, body)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerCap+1))
	if err == nil && len(body) > answerCap {
		err = fmt.Errorf("client: an answer of status %d is over %d MiB", resp.StatusCode, answerCap>>20)
	}
	if err != nil {
		return nil, nil, err
	}
	return resp, body, nil
}

// stay follows no redirect: a proof is for one URL.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// proof is a DPoP proof (RFC 9449, section 4.2), for the token that the request
// carries if it has one.
func (c *Client) proof(r *http.Request, origin string) (string, error) {
	at := *r.URL
	at.RawQuery, at.ForceQuery, at.Fragment = "", false, ""
	claims := map[string]any{"jti": rand.Text(), "htm": r.Method, "htu": at.String(), "iat": c.now().Unix()}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "DPoP "); ok {
		hash := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	if nonce, ok := c.nonces.Load(origin); ok {
		claims["nonce"] = nonce
	}
	return c.Key.Sign(map[string]any{"typ": "dpop+jwt", "jwk": c.Key.JWK()}, claims)
}

// refusal reads a problem (RFC 9457) or an OAuth error (RFC 6749, section 5.2).
func refusal(resp *http.Response, body []byte) error {
	var said struct {
		Problem
		OAuth       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &said); err != nil || said.Code == "" && said.OAuth == "" {
		return fmt.Errorf("client: status %d without a problem", resp.StatusCode)
	}
	p := said.Problem
	if p.Code == "" {
		p.Code, p.Detail = said.OAuth, said.Description
	}
	if p.Status = resp.StatusCode; p.RetryAfter == 0 {
		p.RetryAfter, _ = strconv.Atoi(resp.Header.Get("Retry-After"))
	}
	if p.RequestID == "" {
		p.RequestID = resp.Header.Get("X-Request-Id")
	}
	return &p
}

// form posts to an OAuth endpoint as this client. Each try has an assertion of
// its own (RFC 7523, section 3): one is good for one request.
func (c *Client) form(ctx context.Context, harmless bool, endpoint string, form url.Values, answer any) error {
	if endpoint == "" {
		return fmt.Errorf("client: %s does not offer this", c.Issuer)
	}
	form.Set("client_id", c.ID)
	_, body, err := c.send(ctx, harmless, func() (*http.Request, error) {
		if c.Key != nil {
			now := c.now().Unix()
			assertion, err := c.Key.Sign(map[string]any{"typ": "JWT"}, map[string]any{
				"iss": c.ID, "sub": c.ID, "aud": c.Issuer, "jti": rand.Text(), "iat": now, "exp": now + 60,
			})
			if err != nil {
				return nil, err
			}
			form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			form.Set("client_assertion", assertion)
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
		if err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return r, err
	})
	if err != nil || answer == nil {
		return err
	}
	return read(body, answer)
}

func read(body []byte, answer any) error {
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("client: an answer is not what the document says: %w", err)
	}
	return nil
}
