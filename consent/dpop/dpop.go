// Package dpop checks proofs of possession (RFC 9449): that whoever sends this
// request holds the key that a token is bound to, for this request and now.
//
// [Verify] is a pure function of proof, request and clock. It asks for a nonce
// of ours (sections 8 and 9) where the request names [Nonces], which are made
// out of the clock and kept nowhere: a proof cannot be made ahead, by whoever
// had the key for a moment. That a proof is used once is [Replay]'s business,
// which keeps what it has seen in memory. None of them knows tokens, clients
// or storage.
package dpop

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"time"

	"jali/internal/fault"
	"jali/internal/jose"
)

// The window that a proof's iat may lie in, seen from our clock.
const (
	Past   = 60 * time.Second
	Future = 10 * time.Second
)

// MaxBytes is the size of a proof beyond which it is not read: an RSA key of
// 4096 bits with its signature takes less than half of it.
const MaxBytes = 4 << 10

// ErrProof is a proof that is missing, malformed, badly signed, for another
// request, or out of its time. To clients it is "invalid_dpop_proof".
var ErrProof = &fault.Error{Kind: fault.Unauthenticated, Code: "invalid_dpop_proof",
	Detail: "the DPoP proof is not valid for this request"}

// Proof is a good proof.
type Proof struct {
	Thumbprint string    // of its key, RFC 7638: the "jkt" that tokens are bound to
	ID         string    // its jti
	IssuedAt   time.Time // its iat, to the second
}

// Request is what a proof must be for.
type Request struct {
	Method string // as in the request line
	// URLs are the addresses that the client may have called, out of our
	// configuration and never out of a Host header. Their queries and fragments
	// do not count.
	URLs []string
	// Token is the access token that comes with the request; empty where
	// none does, at the authorization server.
	Token string
	// Nonces are those of which the proof must hold one; nil: none is asked for.
	Nonces *Nonces
	Now    time.Time
}

// FromHeader answers the request's one proof. None, or more than one, is
// ErrProof (RFC 9449, section 4.3, check 1).
func FromHeader(h http.Header) (string, error) {
	switch got := h.Values("DPoP"); len(got) {
	case 1:
		return got[0], nil
	case 0:
		return "", ErrProof.Saying("the DPoP header is missing: this token is only good with a proof (RFC 9449)")
	default:
		return "", ErrProof.Saying("there is more than one DPoP header")
	}
}

// Verify makes the checks of RFC 9449, section 4.3, except for replay, and
// answers whose proof it is. A proof that lacks nothing but the nonce is
// ErrNonce; all else is ErrProof.
func Verify(proof string, r Request) (Proof, error) {
	t, err := jose.Verify(proof, nil, jose.Expect{Types: []string{"dpop+jwt"}, MaxBytes: MaxBytes, OwnKey: true})
	if err != nil {
		return Proof{}, ErrProof.Saying("the DPoP proof: " + fault.Of(err).Detail).Because(err)
	}
	id, ok := t.Claims.String("jti")
	if !ok || id == "" || len(id) > 256 {
		return Proof{}, ErrProof.Saying("the DPoP proof needs a jti of 1 to 256 bytes")
	}
	if htm, ok := t.Claims.String("htm"); !ok || htm != r.Method {
		return Proof{}, ErrProof.Saying("the DPoP proof's htm is not this request's method")
	}
	htu, ok := t.Claims.String("htu")
	if !ok || !slices.ContainsFunc(r.URLs, func(one string) bool { return sameURL(htu, one) }) {
		return Proof{}, ErrProof.Saying("the DPoP proof's htu is not this request's URL")
	}
	at, ok := t.Claims.Time("iat")
	if !ok || at.Before(r.Now.Add(-Past)) || at.After(r.Now.Add(Future)) {
		return Proof{}, ErrProof.Saying("the DPoP proof's iat is missing or not within the last 60 seconds")
	}
	if err := lifetime(t.Claims, r.Now); err != nil {
		return Proof{}, err
	}
	if ath, ok := t.Claims.String("ath"); r.Token != "" && (!ok || !isHash(ath, r.Token)) {
		return Proof{}, ErrProof.Saying("the DPoP proof's ath is not the hash of this access token")
	}
	if nonce, ok := t.Claims.String("nonce"); r.Nonces != nil && (!ok || !r.Nonces.knows(nonce, r.Now)) {
		return Proof{}, ErrNonce
	}
	return Proof{Thumbprint: t.Key.Thumbprint(), ID: id, IssuedAt: at}, nil
}

// lifetime heeds an exp and nbf that the sender chose to add (RFC 7519,
// sections 4.1.4 and 4.1.5): they can only make the window smaller.
func lifetime(c jose.Claims, now time.Time) error {
	if exp, ok := c.Time("exp"); c.Has("exp") && (!ok || !now.Before(exp)) {
		return ErrProof.Saying("the DPoP proof has expired")
	}
	if nbf, ok := c.Time("nbf"); c.Has("nbf") && (!ok || nbf.After(now.Add(Future))) {
		return ErrProof.Saying("the DPoP proof is not valid yet")
	}
	return nil
}

func isHash(ath, token string) bool {
	sum := sha256.Sum256([]byte(token))
	want := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(ath), []byte(want)) == 1
}
