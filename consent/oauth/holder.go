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

// headerNonce tells a client the nonce of its next proof (RFC 9449, section 8).
const headerNonce = "DPoP-Nonce"

// holderOf checks what the sender of a token request holds, and answers it.
func (s *Server) holderOf(c call) (holder, error) {
	if !c.client.CertificateBound {
		key, err := s.proof(c)
		return holder{Key: key}, err
	}
	if len(c.Header.Values("DPoP")) > 0 {
		return holder{}, errNotByProof
	}
	cert := certificateOf(c.Request, c.now)
	if cert == nil {
		return holder{}, errNoCertificate
	}
	return holder{Cert: thumbprintOf(cert)}, nil
}

var (
	errNotByProof    = invalidRequest("this client's tokens are bound to its certificate (RFC 8705), not by DPoP")
	errNoCertificate = invalidRequest("this client's tokens are bound to its certificate (RFC 8705): send this over mutual TLS, with one that is valid now, to the address in mtls_endpoint_aliases")
)

// holderAsked answers what the code shall be bound to: a certificate that came
// with the request; or a key, by dpop_jkt or by a proof (RFC 9449, section 10).
// It is nothing where the client leaves it open.
func (s *Server) holderAsked(c call) (holder, error) {
	key, proofs := c.form.Get("dpop_jkt"), c.Header.Values("DPoP")
	if c.client.CertificateBound {
		if key != "" || len(proofs) > 0 {
			return holder{}, errNotByProof
		}
		return holder{Cert: thumbprintOf(certificateOf(c.Request, c.now))}, nil
	}
	if key != "" && !isHash(key) {
		return holder{}, invalidRequest("dpop_jkt must be the 43 characters of a SHA-256 in base64url")
	}
	if len(proofs) == 0 {
		return holder{Key: key}, nil
	}
	proved, err := s.proof(c)
	if err == nil && key != "" && proved != key {
		err = dpop.ErrProof.Saying("dpop_jkt is not the thumbprint of the DPoP proof's key")
	}
	return holder{Key: proved}, err
}

// proof checks the request's one proof and answers its key. The answer brings
// the nonce of the next.
func (s *Server) proof(c call) (string, error) {
	c.answer.Set(headerNonce, s.nonces.At(c.now))
	p, err := s.proofOf(c.Request, "", c.now)
	if err != nil {
		return "", err
	}
	return p.Thumbprint, s.replay.TakeProof(p, c.now)
}

// proofOf checks the one proof that a request brings for a token, or for none,
// but for whether it was used before. It may name either of our addresses.
func (s *Server) proofOf(r *http.Request, token string, now time.Time) (dpop.Proof, error) {
	proof, err := dpop.FromHeader(r.Header)
	if err != nil {
		return dpop.Proof{}, err
	}
	path := r.URL.EscapedPath()
	urls := []string{s.Issuer + path}
	if s.MTLS != "" {
		urls = append(urls, s.MTLS+path)
	}
	return dpop.Verify(proof, dpop.Request{Method: r.Method, URLs: urls, Token: token, Nonces: s.nonces, Now: now})
}
