package dpop

import (
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"sync/atomic"
	"time"

	"jali/internal/fault"
)

// nonceStep is how long a nonce is the newest. It is accepted while it is, and
// for the two steps that follow.
const (
	nonceStep = time.Minute
	nonceKept = 3
)

// ErrNonce is a good proof without a nonce of ours, or with one that is too
// old. The answer brings the one to use (RFC 9449, sections 8 and 9).
var ErrNonce = &fault.Error{Kind: fault.Unauthenticated, Code: "use_dpop_nonce",
	Detail: "the DPoP proof needs the nonce of the DPoP-Nonce header of this answer"}

// Nonces makes and knows the nonces that proofs must hold. Each is the MAC of
// a minute: nothing is kept, nobody else can make one ahead of its time, and
// every server with the same key knows it. Safe for concurrent use.
type Nonces struct {
	mac  func(minute string) []byte
	made atomic.Pointer[nonces] // of the minute that was asked for last
}

type nonces struct {
	step int64
	good [nonceKept]string // the newest first
}

// NewNonces makes nonces with a MAC that is used for nothing else.
func NewNonces(mac func(minute string) []byte) *Nonces { return &Nonces{mac: mac} }

// At answers the nonce to use from a moment on.
func (n *Nonces) At(now time.Time) string { return n.at(now).good[0] }

func (n *Nonces) knows(nonce string, now time.Time) bool {
	found := 0
	for _, good := range n.at(now).good {
		found |= subtle.ConstantTimeCompare([]byte(nonce), []byte(good))
	}
	return found == 1
}

func (n *Nonces) at(now time.Time) *nonces {
	step := now.Unix() / int64(nonceStep/time.Second)
	if made := n.made.Load(); made != nil && made.step == step {
		return made
	}
	made := &nonces{step: step}
	for i := range made.good {
		made.good[i] = base64.RawURLEncoding.EncodeToString(n.mac(strconv.FormatInt(step-int64(i), 10)))
	}
	n.made.Store(made)
	return made
}
