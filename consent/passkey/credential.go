package passkey

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
)

const maxPasskeys = 20

// credential is one passkey (WebAuthn Level 3, section 4, credential record).
type credential struct {
	ID         []byte    `json:"id"`
	PublicKey  []byte    `json:"public_key"` // COSE
	SignCount  uint32    `json:"sign_count"`
	Eligible   bool      `json:"backup_eligible"`
	BackedUp   bool      `json:"backed_up"`
	Transports []string  `json:"transports,omitempty"`
	Label      []byte    `json:"label"` // sealed
	AddedAt    time.Time `json:"added_at"`
	UsedAt     time.Time `json:"used_at"`
}

func (c credential) lib() webauthn.Credential {
	l := webauthn.Credential{
		ID: c.ID, PublicKey: c.PublicKey,
		Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: c.Eligible, BackupState: c.BackedUp},
		Authenticator: webauthn.Authenticator{SignCount: c.SignCount},
	}
	for _, t := range c.Transports {
		l.Transport = append(l.Transport, protocol.AuthenticatorTransport(t))
	}
	return l
}

func credentialOf(l *webauthn.Credential, label []byte, now time.Time) credential {
	c := credential{
		ID: l.ID, PublicKey: l.PublicKey, SignCount: l.Authenticator.SignCount,
		Eligible: l.Flags.BackupEligible, BackedUp: l.Flags.BackupState,
		Label: label, AddedAt: now, UsedAt: now,
	}
	for _, t := range l.Transport {
		c.Transports = append(c.Transports, string(t))
	}
	return c
}

// user is a person as go-webauthn sees one.
type user struct {
	id          consent.PersonID
	name        string
	credentials []credential
}

func (u user) WebAuthnID() []byte          { return []byte(u.id) }
func (u user) WebAuthnName() string        { return u.name }
func (u user) WebAuthnDisplayName() string { return u.name }
func (u user) WebAuthnCredentials() []webauthn.Credential {
	list := make([]webauthn.Credential, len(u.credentials))
	for i, c := range u.credentials {
		list[i] = c.lib()
	}
	return list
}

func credentialsOf(tx kv.Tx, p consent.PersonID) ([]credential, error) {
	var list []credential
	for row, err := range tx.Scan(kv.Prefix(room, "credential", p)) {
		if err != nil {
			return nil, err
		}
		var c credential
		if err := kv.Decode(row.Value, &c); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// addCredential keeps a new passkey. An id that somebody has already is
// refused (WebAuthn Level 3, section 7.1, step 26).
func addCredential(tx kv.Tx, p consent.PersonID, c credential) error {
	taken, err := tx.Get(ownerKey(c.ID))
	if err != nil {
		return err
	}
	if taken != nil {
		return ErrRefused
	}
	if err := tx.Put(ownerKey(c.ID), []byte(p)); err != nil {
		return err
	}
	return kv.Store(tx, credentialKey(p, c.ID), c)
}

// assert verifies an assertion over a challenge by one of p's passkeys, with
// user verification, and writes its new sign count. A count that has not risen
// may be a copy's and is refused (section 6.1.1).
func (s *Service) assert(tx kv.Tx, now time.Time, p consent.PersonID, challenge string, answer *protocol.ParsedCredentialAssertionData) (credential, error) {
	creds, err := credentialsOf(tx, p)
	if err != nil {
		return credential{}, err
	}
	session := webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: s.rp.Config.RPID, UserID: []byte(p),
		UserVerification: protocol.VerificationRequired,
	}
	for _, c := range creds {
		session.AllowedCredentialIDs = append(session.AllowedCredentialIDs, c.ID)
	}
	proven, err := s.rp.ValidateLogin(user{id: p, credentials: creds}, session, answer)
	if err != nil {
		return credential{}, ErrRefused.Because(err)
	}
	if proven.Authenticator.CloneWarning {
		return credential{}, ErrRefused.Saying("the passkey's counter went backwards: it may have been copied; use another one")
	}
	for _, c := range creds {
		if string(c.ID) == string(proven.ID) {
			c.SignCount, c.BackedUp, c.UsedAt = proven.Authenticator.SignCount, proven.Flags.BackupState, now
			return c, kv.Store(tx, credentialKey(p, c.ID), c)
		}
	}
	return credential{}, ErrRefused
}

// Passkeys lists a person's passkeys, oldest first.
func (s *Service) Passkeys(ctx context.Context, p consent.Session) ([]Passkey, error) {
	var creds []credential
	if err := s.db.View(ctx, func(tx kv.Tx) error {
		var err error
		creds, err = credentialsOf(tx, p.Person)
		return err
	}); err != nil {
		return nil, err
	}
	list := make([]Passkey, 0, len(creds))
	for _, c := range creds {
		label, err := s.seal.Open(ctx, p.Person, labelRecord(c.ID), c.Label)
		if err != nil {
			return nil, err
		}
		list = append(list, Passkey{ID: base64.RawURLEncoding.EncodeToString(c.ID), Label: string(label), AddedAt: c.AddedAt, LastUsed: c.UsedAt})
	}
	sortByTime(list, func(k Passkey) time.Time { return k.AddedAt })
	return list, nil
}

// Remove takes a passkey away, never the last.
func (s *Service) Remove(ctx context.Context, p consent.Session, id string) error {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return ErrNotFound
	}
	now, event := s.now(), events(1)[0]
	return s.db.Update(ctx, func(tx kv.Tx) error {
		if err := s.guards(tx, p, now); err != nil {
			return err
		}
		creds, err := credentialsOf(tx, p.Person)
		if err != nil {
			return err
		}
		found := false
		for _, c := range creds {
			found = found || string(c.ID) == string(raw)
		}
		switch {
		case !found:
			return ErrNotFound
		case len(creds) == 1:
			return ErrLastPasskey
		}
		if err := tx.Delete(credentialKey(p.Person, raw)); err != nil {
			return err
		}
		if err := tx.Delete(ownerKey(raw)); err != nil {
			return err
		}
		if err := s.revoked(tx, APasskey, id); err != nil {
			return err
		}
		return record(tx, event, now, p.Person, audit.PasskeyRemoved, id)
	})
}

// Passkey is one of a person's ways to sign in.
type Passkey struct {
	ID       string // base64url of the credential's id
	Label    string
	AddedAt  time.Time
	LastUsed time.Time
}

func labelRecord(id []byte) string { return "passkey/" + base64.RawURLEncoding.EncodeToString(id) }
