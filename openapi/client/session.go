package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Session reads what a grant opens. Its access token is renewed by the refresh
// token, where there is one: shortly before its end, or when it is refused. It
// is safe for concurrent use.
type Session struct {
	client *Client
	turn   chan struct{} // held by who renews the token

	mu    sync.Mutex
	token Token
}

// renewBefore is how long before its end an access token is renewed.
const renewBefore = 30 * time.Second

// Session goes on with a token that was kept.
func (c *Client) Session(t Token) *Session {
	return &Session{client: c, turn: make(chan struct{}, 1), token: t}
}

// Token is the token as it stands, to be kept.
func (s *Session) Token() Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// access is an access token, another than the refused one where that can be had.
func (s *Session) access(ctx context.Context, refused string) (string, error) {
	if t := s.Token(); s.good(t, refused) {
		return t.AccessToken, nil
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-s.turn }()
	kept := s.Token()
	if s.good(kept, refused) { // somebody else has renewed it
		return kept.AccessToken, nil
	}
	fresh, err := s.client.take(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {kept.RefreshToken}})
	if err != nil {
		if kept.AccessToken != refused && s.client.now().Before(kept.ExpiresAt) {
			return kept.AccessToken, nil // it is good for a moment yet
		}
		return "", err
	}
	fresh.RefreshToken = cmp.Or(fresh.RefreshToken, kept.RefreshToken) // RFC 6749, section 6
	fresh.GrantID = cmp.Or(fresh.GrantID, kept.GrantID)
	if fresh.Details == nil {
		fresh.Details = kept.Details
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = fresh
	return fresh.AccessToken, nil
}

// good reports whether a token may be sent as it is.
func (s *Session) good(t Token, refused string) bool {
	return t.RefreshToken == "" || t.AccessToken != refused && s.client.now().Add(renewBefore).Before(t.ExpiresAt)
}

// Renew gets a new access token at once (RFC 6749, section 6).
func (s *Session) Renew(ctx context.Context) error {
	if t := s.Token(); t.RefreshToken != "" {
		_, err := s.access(ctx, t.AccessToken)
		return err
	}
	return errors.New("client: a grant for one use has no refresh token")
}

// Do sends a request with the session's token, which it renews, and a proof of
// possession. The answer is as Jali gave it, a refusal too, and has been read.
func (s *Session) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return nil, errors.New("client: a body that cannot be read again cannot be sent again")
	}
	resp, body, err := s.send(r.Context(), harmless(r), func() (*http.Request, error) {
		again := r.Clone(r.Context())
		if r.GetBody == nil {
			return again, nil
		}
		var err error
		again.Body, err = r.GetBody()
		return again, err
	})
	if resp == nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// harmless reports whether a request may be done twice.
func harmless(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Header.Get("Idempotency-Key") != ""
}

// send sends a request with the session's token, and once more with another
// where that was refused.
func (s *Session) send(ctx context.Context, harmless bool, request func() (*http.Request, error)) (*http.Response, []byte, error) {
	refused := ""
	for {
		token, err := s.access(ctx, refused)
		if err != nil {
			return nil, nil, err
		}
		resp, body, err := s.client.send(ctx, harmless, func() (*http.Request, error) {
			r, err := request()
			if err == nil {
				r.Header.Set("Authorization", s.client.tokenType()+" "+token)
			}
			return r, err
		})
		p := (*Problem)(nil)
		if !errors.As(err, &p) || p.Code != "invalid_token" || refused != "" || s.Token().RefreshToken == "" {
			return resp, body, err
		}
		refused = token
	}
}

// perform sends an operation that takes a token.
func (s *Session) perform(ctx context.Context, o operation, answer any) error {
	base, err := s.client.base(ctx)
	if err != nil {
		return err
	}
	first, err := o.request(ctx, base)
	if err != nil {
		return err
	}
	_, body, err := s.send(ctx, harmless(first), func() (*http.Request, error) { return o.request(ctx, base) })
	if err != nil || answer == nil {
		return err
	}
	return read(body, answer)
}
