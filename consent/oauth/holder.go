package oauth

import (
	"net/http"
	"time"

	"jali/consent"
	"jali/consent/dpop"
)

// holder is what a sender has proved to hold, and what codes and tokens are
// bound to: one of the two, by the client's registration. Its zero value is
// nothing: a code that was asked for without either.
type holder struct {
	Key  string `json:"jkt,omitempty"` // RFC 7638 thumbprint of a key, by a DPoP proof
	Cert string `json:"x5t,omitempty"` // RFC 8705 thumbprint of a certificate, by the connection
}

// tokenType is how tokens of this holder are sent (RFC 9449, section 5; RFC
// 8705, section 3).
func (h holder) tokenType() string {
	if h.Cert != "" {
		return "Bearer"
	}
	return "DPoP"
}

// confirmation is the cnf of RFC 7800.
func (h holder) confirmation() map[string]string {
	if h.Cert != "" {
		return map[string]string{"x5t#S256": h.Cert}
	}
	return map[string]string{"jkt": h.Key}
}

// mayUse reports whether this sender may use what is bound to another holder.
// A client that authenticates by certificate may renew its certificate and go
// on refreshing: which certificates are its own its registration says (RFC
// 8705, section 7.1).
func (h holder) mayUse(bound holder, c consent.Client, refresh bool) bool {
	renewed := refresh && h.Cert != "" && bound.Cert != "" && c.Auth != "" && c.Auth != consent.PrivateKeyJWT
	return bound == holder{} || bound == h || renewed
}

// holderOf checks what the sender of a token request holds, and answers it.
func (s *Server) holderOf(c call) (holder, error) {
	key, err := s.proof(c)
	return holder{Key: key}, err
}

// holderAsked answers what the code shall be bound to, by dpop_jkt or by a
// proof (RFC 9449, section 10); nothing where the client leaves it open.
func (s *Server) holderAsked(c call) (holder, error) {
	key := c.form.Get("dpop_jkt")
	if key != "" && !isHash(key) {
		return holder{}, invalidRequest("dpop_jkt must be the 43 characters of a SHA-256 in base64url")
	}
	if len(c.Header.Values("DPoP")) == 0 {
		return holder{Key: key}, nil
	}
	proved, err := s.proof(c)
	if err == nil && key != "" && proved != key {
		err = dpop.ErrProof.Saying("dpop_jkt is not the thumbprint of the DPoP proof's key")
	}
	return holder{Key: proved}, err
}

// proof checks the request's one proof and answers its key.
func (s *Server) proof(c call) (string, error) {
	return s.proofOf(c.Request, "", c.now)
}

// proofOf checks the one proof that a request brings for a token, or for none,
// and answers its key.
func (s *Server) proofOf(r *http.Request, token string, now time.Time) (string, error) {
	proof, err := dpop.FromHeader(r.Header)
	if err != nil {
		return "", err
	}
	p, err := dpop.Verify(proof, dpop.Request{Method: r.Method, URL: s.Issuer + r.URL.EscapedPath(), Token: token, Now: now})
	if err != nil {
		return "", err
	}
	return p.Thumbprint, s.replay.TakeProof(p, now)
}
