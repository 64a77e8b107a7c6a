package passkey

import (
	"context"
	"crypto/rand"
	"encoding/json"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
)

const nameRecord = "passkey/name"

// BeginSignUp starts a new person. options is JSON for
// PublicKeyCredential.parseCreationOptionsFromJSON; flow names the ceremony
// (kept 5 minutes, single use) and comes back with the answer.
func (s *Service) BeginSignUp(ctx context.Context, name string) (flow string, options []byte, err error) {
	if name, err = tidy(name); err != nil {
		return "", nil, err
	}
	return s.beginCreate(ctx, signUp, user{id: consent.PersonID(rand.Text()), name: name}, "")
}

// beginCreate keeps a creation ceremony for u.
func (s *Service) beginCreate(ctx context.Context, kind string, u user, session string) (string, []byte, error) {
	var exclude []protocol.CredentialDescriptor
	for _, c := range u.WebAuthnCredentials() {
		exclude = append(exclude, c.Descriptor())
	}
	creation, data, err := s.rp.BeginRegistration(u, webauthn.WithExclusions(exclude))
	if err != nil {
		return "", nil, err
	}
	options, err := json.Marshal(creation.Response)
	if err != nil {
		return "", nil, err
	}
	name := random(32)
	f := flow{Kind: kind, Until: s.now().Add(flowLife), Data: *data, Person: u.id, Session: session}
	if kind == signUp {
		if f.Name, err = sealUnder(name, u.name); err != nil {
			return "", nil, err
		}
	}
	return name, options, s.keepFlow(ctx, name, f)
}

// created takes the ceremony and verifies the authenticator's answer to it.
func (s *Service) created(ctx context.Context, kind, name string, response []byte) (flow, *webauthn.Credential, error) {
	answer, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return flow{}, nil, ErrMalformed.Because(err)
	}
	now := s.now()
	var f flow
	if err := s.db.Update(ctx, func(tx kv.Tx) error {
		var err error
		f, err = takeFlow(tx, name, kind, now)
		return err
	}); err != nil {
		return flow{}, nil, err
	}
	c, err := s.rp.CreateCredential(user{id: f.Person}, f.Data, answer)
	if err != nil {
		return flow{}, nil, ErrRefused.Because(err)
	}
	return f, c, nil
}

// FinishSignUp makes the person, their key, their first passkey and a session.
// It answers eight recovery codes, shown this once.
func (s *Service) FinishSignUp(ctx context.Context, flow string, response []byte, userAgent string) (SignedIn, []string, error) {
	f, made, err := s.created(ctx, signUp, flow, response)
	if err != nil {
		return SignedIn{}, nil, err
	}
	name, err := openUnder(flow, f.Name)
	if err != nil {
		return SignedIn{}, nil, ErrFlow.Because(err)
	}
	if err := s.seal.NewPerson(ctx, f.Person); err != nil {
		return SignedIn{}, nil, err
	}
	sealed, err := s.seal.Seal(ctx, f.Person, nameRecord, []byte(name))
	if err != nil {
		return SignedIn{}, nil, err
	}
	agent := Agent(userAgent)
	label, err := s.seal.Seal(ctx, f.Person, labelRecord(made.ID), []byte(labelOr(agent)))
	if err != nil {
		return SignedIn{}, nil, err
	}
	now, ids, codes := s.now(), events(4), makeCodes(f.Person)
	in := s.newSession(f.Person, agent, now, false)
	err = s.db.Update(ctx, func(tx kv.Tx) error {
		if err := addCredential(tx, f.Person, credentialOf(made, label, now)); err != nil {
			return err
		}
		if err := codes.put(tx); err != nil {
			return err
		}
		if err := kv.Store(tx, personKey(f.Person), person{JoinedAt: now, Name: sealed, Codes: codes.locator}); err != nil {
			return err
		}
		if err := in.put(tx); err != nil {
			return err
		}
		for i, verb := range []string{audit.PersonJoined, audit.PasskeyAdded, audit.CodesMade, audit.SignedIn} {
			if err := record(tx, ids[i], now, f.Person, verb, ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return SignedIn{}, nil, err
	}
	return s.signedIn(in), codes.plain, nil
}

// BeginAdd starts to put a further passkey beside the first. Only a session
// that signed in within 15 minutes, or by recovery code, may.
func (s *Service) BeginAdd(ctx context.Context, p consent.Session) (flow string, options []byte, err error) {
	name, err := s.Name(ctx, p)
	if err != nil {
		return "", nil, err
	}
	now, u := s.now(), user{id: p.Person, name: name}
	if err := s.db.View(ctx, func(tx kv.Tx) error {
		if err := s.mayAdd(tx, p, now); err != nil {
			return err
		}
		u.credentials, err = credentialsOf(tx, p.Person)
		return err
	}); err != nil {
		return "", nil, err
	}
	if len(u.credentials) >= maxPasskeys {
		return "", nil, ErrTooMany
	}
	return s.beginCreate(ctx, addKey, u, p.ID)
}

// FinishAdd keeps the further passkey; a session by recovery code is a whole
// one from then on. An empty label is the browser's name.
func (s *Service) FinishAdd(ctx context.Context, p consent.Session, flow string, response []byte, label string) error {
	if label != "" {
		var err error
		if label, err = tidy(label); err != nil {
			return err
		}
	}
	f, made, err := s.created(ctx, addKey, flow, response)
	if err != nil {
		return err
	}
	if f.Person != p.Person || f.Session != p.ID {
		return ErrFlow
	}
	now, event := s.now(), events(1)[0]
	sealed, err := s.seal.Seal(ctx, p.Person, labelRecord(made.ID), []byte(labelOr(label)))
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx kv.Tx) error {
		if err := s.mayAdd(tx, p, now); err != nil {
			return err
		}
		creds, err := credentialsOf(tx, p.Person)
		if err != nil {
			return err
		}
		if len(creds) >= maxPasskeys {
			return ErrTooMany
		}
		if err := addCredential(tx, p.Person, credentialOf(made, sealed, now)); err != nil {
			return err
		}
		if err := recovered(tx, p); err != nil {
			return err
		}
		return record(tx, event, now, p.Person, audit.PasskeyAdded, "")
	})
}

func labelOr(label string) string {
	if label == "" {
		return "Passkey"
	}
	return label
}

// Name is what the person calls themselves.
func (s *Service) Name(ctx context.Context, p consent.Session) (string, error) {
	var who person
	if err := s.db.View(ctx, func(tx kv.Tx) error {
		var err error
		who, err = getPerson(tx, p.Person)
		return err
	}); err != nil {
		return "", err
	}
	name, err := s.seal.Open(ctx, p.Person, nameRecord, who.Name)
	return string(name), err
}
