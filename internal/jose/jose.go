// Package jose signs and verifies compact JWS (RFC 7515) over JSON objects
// with asymmetric keys, and reads and writes those keys as JWK (RFC 7517). It
// is the only room that imports jwx, and it lets through far less than jwx
// would: what is not named here does not exist.
//
// Algorithms are ES256, PS256 with 2048 to 4096 bits, and Ed25519 under both
// of its names: EdDSA (RFC 8037) and Ed25519 (RFC 9864), which jwx v2 lacks
// and is taught here. There is no none, no HMAC, no RS256, no encryption and
// no compression. Sizes are checked before anything is parsed; a member that
// stands twice in a header, a key or a payload fails the whole, and member
// names are compared exactly, where encoding/json would overlook their case.
//
// The package knows no clock: what exp and iat mean is its callers' business.
package jose

import (
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"jali/internal/fault"
)

// Names of algorithms, as they stand in "alg".
const (
	ES256   = "ES256"
	PS256   = "PS256"
	EdDSA   = "EdDSA"
	Ed25519 = "Ed25519"
)

// Algorithms are all that are accepted, in the order they are published.
func Algorithms() []string { return []string{ES256, PS256, EdDSA, Ed25519} }

// What can be wrong. All are the sender's; none repeats what was sent.
var (
	// ErrMalformed is not a compact JWS over a JSON object, or too large a one.
	ErrMalformed = &fault.Error{Kind: fault.Invalid, Code: "jws_malformed",
		Detail: "this is not a compact JWS over a JSON object, or it is too large"}
	// ErrRefused is a JWS whose header asks for what is not done here.
	ErrRefused = &fault.Error{Kind: fault.Invalid, Code: "jws_refused",
		Detail: "the JWS header asks for something that is not accepted"}
	// ErrSignature is a JWS that none of the keys has signed.
	ErrSignature = &fault.Error{Kind: fault.Invalid, Code: "jws_signature",
		Detail: "the signature was not made with a known key"}
	// ErrKey is a key or set of keys that is not accepted.
	ErrKey = &fault.Error{Kind: fault.Invalid, Code: "jwk_invalid",
		Detail: "this is not an acceptable JSON Web Key"}
)

// Every kind of key has one way to be checked, made once: jwx would otherwise
// build a verifier for each message.
var (
	verifiers = map[string]jws.Verifier{}
	signers   = map[string]jws.Signer{}
)

func init() {
	edVerifier, errV := jws.NewVerifier(jwa.EdDSA)
	edSigner, errS := jws.NewSigner(jwa.EdDSA)
	if errV != nil || errS != nil {
		panic("jose: jwx has lost EdDSA")
	}
	jws.RegisterVerifier(Ed25519, jws.VerifierFactoryFn(func() (jws.Verifier, error) { return edVerifier, nil }))
	jws.RegisterSigner(Ed25519, jws.SignerFactoryFn(func() (jws.Signer, error) { return edSigner, nil }))
	for _, alg := range Algorithms() {
		v, errV := jws.NewVerifier(jwa.SignatureAlgorithm(alg))
		s, errS := jws.NewSigner(jwa.SignatureAlgorithm(alg))
		if errV != nil || errS != nil {
			panic("jose: jwx has lost " + alg)
		}
		verifiers[alg], signers[alg] = v, s
	}
}
