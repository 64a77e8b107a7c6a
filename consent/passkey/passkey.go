// Package passkey signs people in and steps them up with WebAuthn
// (go-webauthn), keeps their sessions, and lets them back in with a one-time
// recovery code when every passkey is lost.
//
// It decides who a browser speaks for. Its unit is the person: a random id,
// which is their WebAuthn user handle, too; what they call themselves and
// their passkeys is sealed. It knows no grant: consent asks it, through
// [Service.Check], whether that person answered that challenge just now.
//
// Of what opens something - cookies, ceremonies, recovery codes - only SHA-256
// is kept. Rows, all under "passkey":
//
//	("person", person)             when they joined, their sealed name, where their codes are
//	("credential", person, id)     a passkey: public key, sign count, sealed label
//	("owner", id)                  whose passkey that is
//	("session", hash of cookie)    a session
//	("place", person, session)     where that session is, and the key of its forms
//	("flow", hash of flow)         a ceremony under way
//	("codes", locator)             a person's recovery codes, hashed
//	("due", at, kind, person, id)  what lapses when; see Sweep
package passkey

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
)

// Sealer keeps what a person calls themselves and their passkeys. The vault
// implements it, wired in cmd.
type Sealer interface {
	NewPerson(ctx context.Context, person consent.PersonID) error // makes the person's key, durably
	Seal(ctx context.Context, person consent.PersonID, record string, plain []byte) ([]byte, error)
	Open(ctx context.Context, person consent.PersonID, record string, sealed []byte) ([]byte, error)
}

// Config of a Service.
type Config struct {
	DB     kv.DB
	Seal   Sealer
	Issuer string // https://jali.example or http://localhost:8080: the WebAuthn origin and the cookie's scope
	Now    func() time.Time
}

// Service is constructed by New.
type Service struct {
	// Revoked is told, in its transaction, of what opens something no longer: a
	// passkey by its id, recovery codes by their person, a session.
	Revoked []func(tx kv.Tx, what Revocable, id string) error

	db     kv.DB
	seal   Sealer
	clock  func() time.Time
	rp     *webauthn.WebAuthn
	cookie string // its name
	secure bool
	tries  tries
}

// Name of the relying party, as authenticators show it.
const display = "花窗 Jali"

// New wants an issuer that WebAuthn takes: https on a named host, or http on
// localhost. Its path is not looked at.
func New(c Config) (*Service, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("passkey: the issuer is no URL with a host")
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil, fmt.Errorf("passkey: WebAuthn wants a host name for an issuer, not an address; on this machine localhost")
	}
	secure := u.Scheme == "https"
	if !secure && (u.Scheme != "http" || u.Hostname() != "localhost") {
		return nil, fmt.Errorf("passkey: the issuer is https, or http on localhost")
	}
	rp, err := webauthn.New(&webauthn.Config{
		RPID:                  u.Hostname(),
		RPDisplayName:         display,
		RPOrigins:             []string{origin(u)},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: protocol.ResidentKeyRequired(),
			ResidentKey:        protocol.ResidentKeyRequirementRequired,
			UserVerification:   protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login:        webauthn.TimeoutConfig{Timeout: flowLife, TimeoutUVD: flowLife},
			Registration: webauthn.TimeoutConfig{Timeout: flowLife, TimeoutUVD: flowLife},
		},
		// Password managers answer with extensions that nobody asked for; none of them is read.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	s := &Service{db: c.DB, seal: c.Seal, clock: c.Now, rp: rp, secure: secure, cookie: "jali_session"}
	if secure {
		s.cookie = "__Host-jali"
	}
	return s, nil
}

// origin is the issuer's as a browser writes it: without its scheme's own port.
func origin(u *url.URL) string {
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		return u.Scheme + "://" + u.Hostname()
	}
	return u.Scheme + "://" + u.Host
}

// Revocable is what [Service.Revoked] is told of.
type Revocable string

const (
	APasskey   Revocable = "passkey"
	Codes      Revocable = "codes"
	OneSession Revocable = "session"
)

func (s *Service) revoked(tx kv.Tx, what Revocable, id string) error {
	for _, revoked := range s.Revoked {
		if err := revoked(tx, what, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// MaxName is how long a person's name and a passkey's label may be, in characters.
const MaxName = 40

var (
	// ErrSignedOut is a request without a session that lives.
	ErrSignedOut = &fault.Error{Kind: fault.Unauthenticated, Code: "signed_out", Owner: fault.Person, Action: "sign_in",
		Detail: "sign in first"}

	// ErrStale is a change of what guards the account by a session whose
	// sign-in is more than 15 minutes old.
	ErrStale = &fault.Error{Kind: fault.Unauthenticated, Code: "sign_in_again", Owner: fault.Person, Action: "sign_in",
		Detail: "sign in again before changing how you sign in"}

	// ErrRecovering is a session by recovery code that has added no passkey yet.
	ErrRecovering = &fault.Error{Kind: fault.Denied, Code: "add_passkey_first", Owner: fault.Person, Action: "add_passkey",
		Detail: "add a passkey first"}

	// ErrFlow is an answer to a ceremony that is unknown, lapsed, used or another session's.
	ErrFlow = &fault.Error{Kind: fault.Conflict, Code: "ceremony_expired", Owner: fault.Person, Action: "try_again",
		Detail: "this took too long or was used already; try again"}

	// ErrRefused is an answer of an authenticator that does not prove what it should.
	ErrRefused = &fault.Error{Kind: fault.Denied, Code: "passkey_refused", Owner: fault.Person, Action: "try_again",
		Detail: "the passkey's answer was not accepted"}

	// ErrMalformed is an answer that is none.
	ErrMalformed = &fault.Error{Kind: fault.Invalid, Code: "passkey_malformed",
		Detail: "this is no answer of an authenticator"}

	// ErrCode is a recovery code that is wrong or was used.
	ErrCode = &fault.Error{Kind: fault.Unauthenticated, Code: "recovery_code_refused", Owner: fault.Person, Action: "try_again",
		Detail: "this recovery code is not right, or was used already"}

	// ErrTooOften is too many tries with recovery codes of one person.
	ErrTooOften = &fault.Error{Kind: fault.Limited, Code: "recovery_limited", Owner: fault.Person,
		Detail: "too many tries; wait and try again"}

	// ErrName is a name or label beyond [MaxName], empty, or not printable.
	ErrName = &fault.Error{Kind: fault.Invalid, Code: "name_invalid", Owner: fault.Person,
		Detail: "a name has 1 to 40 characters and no control characters"}

	ErrLastPasskey = &fault.Error{Kind: fault.Conflict, Code: "last_passkey", Owner: fault.Person, Action: "add_passkey",
		Detail: "the last passkey cannot be removed; add another first"}

	ErrNotFound = &fault.Error{Kind: fault.NotFound, Code: "passkey_not_found", Owner: fault.Person,
		Detail: "there is no such passkey or session"}

	ErrTooMany = &fault.Error{Kind: fault.Conflict, Code: "too_many_passkeys", Owner: fault.Person,
		Detail: "there are 20 passkeys already; remove one first"}
)
