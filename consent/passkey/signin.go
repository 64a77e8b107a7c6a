package passkey

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
)

// BeginSignIn answers JSON for PublicKeyCredential.parseRequestOptionsFromJSON
// that names no passkey: the authenticator lets the person choose.
func (s *Service) BeginSignIn(ctx context.Context) (name string, options []byte, err error) {
	assertion, data, err := s.rp.BeginDiscoverableLogin()
	if err != nil {
		return "", nil, err
	}
	if options, err = json.Marshal(assertion.Response); err != nil {
		return "", nil, err
	}
	name = random(32)
	return name, options, s.keepFlow(ctx, name, flow{Kind: signIn, Until: s.now().Add(flowLife), Data: *data})
}

// FinishSignIn opens a session for whoever the passkey belongs to. A wrong
// answer uses the ceremony up, too.
func (s *Service) FinishSignIn(ctx context.Context, flow string, response []byte, userAgent string) (SignedIn, error) {
	answer, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return SignedIn{}, ErrMalformed.Because(err)
	}
	who := consent.PersonID(answer.Response.UserHandle)
	if who == "" {
		return SignedIn{}, ErrRefused
	}
	now, event := s.now(), events(1)[0]
	in := s.newSession(who, Agent(userAgent), now, false)
	var refused error
	err = s.db.Update(ctx, func(tx kv.Tx) error {
		f, err := takeFlow(tx, flow, signIn, now)
		if err != nil {
			return err
		}
		if _, refused = s.assert(tx, now, who, f.Data.Challenge, answer); refused != nil {
			return nil // commits that the ceremony has gone, and nothing else
		}
		if err := in.put(tx); err != nil {
			return err
		}
		return record(tx, event, now, who, audit.SignedIn, "")
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return SignedIn{}, err
	}
	return s.signedIn(in), nil
}

// Options answers JSON for PublicKeyCredential.parseRequestOptionsFromJSON
// over a given challenge, restricted to the person's passkeys, user
// verification required.
func (s *Service) Options(ctx context.Context, p consent.Session, challenge []byte) ([]byte, error) {
	u := user{id: p.Person}
	if err := s.db.View(ctx, func(tx kv.Tx) error {
		if who, err := getSession(tx, p); err != nil {
			return err
		} else if who.Recovering {
			return ErrRecovering
		}
		var err error
		u.credentials, err = credentialsOf(tx, p.Person)
		return err
	}); err != nil {
		return nil, err
	}
	if len(u.credentials) == 0 {
		return nil, ErrRecovering
	}
	assertion, _, err := s.rp.BeginLogin(u, webauthn.WithChallenge(challenge), webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, err
	}
	return json.Marshal(assertion.Response)
}

// Check implements consent.StepUp.
func (s *Service) Check(tx kv.Tx, person consent.PersonID, challenge, response []byte) (consent.Evidence, error) {
	answer, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return consent.Evidence{}, ErrMalformed.Because(err)
	}
	// The one clock that is read inside a transaction: it says when a passkey
	// was last used, to the person, and decides nothing.
	c, err := s.assert(tx, s.now(), person, base64.RawURLEncoding.EncodeToString(challenge), answer)
	if err != nil {
		return consent.Evidence{}, err
	}
	raw := answer.Raw.AssertionResponse
	return consent.Evidence{
		Credential: c.ID, PublicKey: c.PublicKey,
		Authenticator: raw.AuthenticatorData, ClientData: raw.ClientDataJSON, Signature: raw.Signature,
	}, nil
}
