package passkey

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"jali/consent"
	"jali/internal/fault"
)

// ErrEvidence is an assertion that does not prove what it was kept for; its
// Detail names the part that fails.
var ErrEvidence = &fault.Error{Kind: fault.Mismatch, Code: "evidence_refused",
	Detail: "this assertion does not prove the agreement"}

// VerifyEvidence checks by itself, without any row of this server's, that the
// passkey in e signed e.Agreement on a page of issuer's, with its person there
// and verified (WebAuthn Level 3, section 7.2, steps 11 to 23). It cannot say
// whose passkey it is: whoever hands the evidence on has to vouch for that.
func VerifyEvidence(e consent.Evidence, issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Hostname() == "" {
		return ErrEvidence.Saying("the issuer is no URL with a host")
	}
	var client protocol.CollectedClientData
	if err := json.Unmarshal(e.ClientData, &client); err != nil {
		return ErrEvidence.Saying("clientDataJSON is not readable")
	}
	said := sha256.Sum256(e.Agreement)
	switch {
	case client.Type != protocol.AssertCeremony:
		return ErrEvidence.Saying("clientDataJSON is not of an assertion (webauthn.get)")
	case client.Challenge != base64.RawURLEncoding.EncodeToString(said[:]):
		return ErrEvidence.Saying("the challenge is not the SHA-256 of the agreement")
	case client.Origin != origin(u) || client.CrossOrigin || client.TopOrigin != "":
		return ErrEvidence.Saying("it was not signed on a page of the issuer's origin")
	}
	var device protocol.AuthenticatorData
	if err := device.Unmarshal(e.Authenticator); err != nil {
		return ErrEvidence.Saying("authenticatorData is not readable")
	}
	site := sha256.Sum256([]byte(u.Hostname()))
	switch {
	case !slices.Equal(device.RPIDHash, site[:]):
		return ErrEvidence.Saying("the passkey is not of the issuer's site (rpIdHash)")
	case !device.Flags.UserPresent():
		return ErrEvidence.Saying("nobody was there (user presence)")
	case !device.Flags.UserVerified():
		return ErrEvidence.Saying("the person was not verified (user verification)")
	}
	key, err := webauthncose.ParsePublicKey(e.PublicKey)
	if err != nil {
		return ErrEvidence.Saying("the passkey's public key is not readable")
	}
	what := sha256.Sum256(e.ClientData)
	if ok, err := webauthncose.VerifySignature(key, slices.Concat(e.Authenticator, what[:]), e.Signature); err != nil || !ok {
		return ErrEvidence.Saying("the signature is not the passkey's")
	}
	return nil
}
