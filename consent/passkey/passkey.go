// Package passkey signs people in and steps them up with WebAuthn
// (go-webauthn), keeps their sessions, and lets them back in with a one-time
// recovery code when every passkey is lost.
package passkey

import (
	"context"
	"net/http"
	"time"

	"jali/consent"
	"jali/internal/kv"
)

// Sealer keeps what a person calls themselves and their passkeys. The vault
// implements it, wired in cmd.
type Sealer interface {
	NewPerson(tx kv.Tx, person consent.PersonID) error // makes the person's key
	Seal(tx kv.Tx, person consent.PersonID, record string, plain []byte) ([]byte, error)
	Open(tx kv.Tx, person consent.PersonID, record string, sealed []byte) ([]byte, error)
}

// Service is constructed by New.
type Service struct{}

// Config of a Service.
type Config struct {
	DB     kv.DB
	Seal   Sealer
	Issuer string // https://jali.example or http://localhost:8080: the WebAuthn origin and the cookie's scope
	Now    func() time.Time
}

func New(c Config) (*Service, error) { panic("unwritten") }

// BeginSignUp starts a new person. options is JSON for
// PublicKeyCredential.parseCreationOptionsFromJSON; flow names the ceremony
// (kept 5 minutes, single use) and comes back with the answer.
func (s *Service) BeginSignUp(ctx context.Context, name string) (flow string, options []byte, err error) {
	panic("unwritten")
}

// FinishSignUp makes the person, their key, their first passkey and a session.
// It answers eight recovery codes, shown this once.
func (s *Service) FinishSignUp(ctx context.Context, flow string, response []byte, userAgent string) (SignedIn, []string, error) {
	panic("unwritten")
}

func (s *Service) BeginSignIn(ctx context.Context) (flow string, options []byte, err error) {
	panic("unwritten")
}
func (s *Service) FinishSignIn(ctx context.Context, flow string, response []byte, userAgent string) (SignedIn, error) {
	panic("unwritten")
}

// Recover signs in with a recovery code (rate limited); the session may only add a passkey
// until it has.
func (s *Service) Recover(ctx context.Context, code string, userAgent string) (SignedIn, error) {
	panic("unwritten")
}

// BeginAdd and FinishAdd put a further passkey beside the first.
func (s *Service) BeginAdd(ctx context.Context, p consent.Session) (flow string, options []byte, err error) {
	panic("unwritten")
}
func (s *Service) FinishAdd(ctx context.Context, p consent.Session, flow string, response []byte, label string) error {
	panic("unwritten")
}

// NewCodes replaces all recovery codes.
func (s *Service) NewCodes(ctx context.Context, p consent.Session) ([]string, error) {
	panic("unwritten")
}

// Passkeys lists a person's passkeys; Remove takes one away, never the last.
func (s *Service) Passkeys(ctx context.Context, p consent.Session) ([]Passkey, error) {
	panic("unwritten")
}
func (s *Service) Remove(ctx context.Context, p consent.Session, id string) error { panic("unwritten") }

// Options answers JSON for PublicKeyCredential.parseRequestOptionsFromJSON
// over a given challenge, restricted to the person's passkeys, user
// verification required.
func (s *Service) Options(ctx context.Context, p consent.Session, challenge []byte) ([]byte, error) {
	panic("unwritten")
}

// Check implements consent.StepUp.
func (s *Service) Check(tx kv.Tx, person consent.PersonID, challenge, response []byte) (consent.Evidence, error) {
	panic("unwritten")
}

// SignedIn is a new session and the secret of its cookie.
type SignedIn struct {
	Session consent.Session
	Cookie  *http.Cookie // HttpOnly, SameSite=Lax, __Host- and Secure on https
}

// Session reads the request's cookie. ErrSignedOut where there is none that lives.
// Recovering reports a session by recovery code that has added no passkey yet.
func (s *Service) Session(r *http.Request) (p consent.Session, recovering bool, err error) {
	panic("unwritten")
}

// CSRF answers the token that every form of this session carries, and
// CheckCSRF compares it in constant time.
func (s *Service) CSRF(p consent.Session) string                  { panic("unwritten") }
func (s *Service) CheckCSRF(p consent.Session, token string) bool { panic("unwritten") }

// Sessions lists where the person is signed in; End ends one, EndAll all but the given one.
func (s *Service) Sessions(ctx context.Context, p consent.Session) ([]SessionInfo, error) {
	panic("unwritten")
}
func (s *Service) End(ctx context.Context, p consent.Session, id string) error { panic("unwritten") }
func (s *Service) EndAll(ctx context.Context, p consent.Session) error         { panic("unwritten") }

// Name is what the person calls themselves.
func (s *Service) Name(ctx context.Context, p consent.Session) (string, error) { panic("unwritten") }

// PersonLeaves removes passkeys, codes and sessions.
func (s *Service) PersonLeaves(tx kv.Tx, person consent.PersonID) error { panic("unwritten") }

// Sweep removes lapsed ceremonies and sessions.
func (s *Service) Sweep(ctx context.Context) error { panic("unwritten") }

type Passkey struct {
	ID       string
	Label    string
	AddedAt  time.Time
	LastUsed time.Time
}

type SessionInfo struct {
	ID       string
	Agent    string // browser and system in words, from the User-Agent
	OpenedAt time.Time
	SeenAt   time.Time // to the hour
	Current  bool
}
