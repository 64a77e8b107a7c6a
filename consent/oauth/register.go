package oauth

import (
	"crypto/rand"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"jali/consent"
	"jali/internal/jose"
	"jali/internal/kv"
)

// register answers POST /oauth/register (RFC 7591, section 3): a client
// registers itself by an initial access token. The endpoint is there only
// while such a token lives. A use is taken in the transaction that registers,
// so a failed try costs none.
func (s *Server) register(w http.ResponseWriter, r *http.Request) error {
	now, token := s.now(), bearerOf(r.Header)
	if open, err := s.inviting(r, now); err != nil {
		return err
	} else if !open {
		return errNoEndpoint
	}
	err := s.DB.View(r.Context(), func(tx kv.Tx) error {
		_, err := s.invited(tx, token, now)
		return err
	})
	if err != nil {
		return err
	}
	said, err := readJSON(w, r)
	if err != nil {
		return err
	}
	c, err := s.clientOf(said)
	if err != nil {
		return err
	}
	management, event := random256(), rand.Text()
	c.ID = consent.ClientID("client_" + rand.Text())
	c.AddedAt, c.Management = now, s.managementMAC(c.ID, management)
	var by Invite
	err = s.DB.Update(r.Context(), func(tx kv.Tx) error {
		var err error
		if by, err = s.invited(tx, token, now); err != nil {
			return err
		}
		if err := by.take(tx); err != nil {
			return err
		}
		if taken, err := s.Consent.NameTaken(tx, c.Name); err != nil {
			return err
		} else if taken {
			return badMetadata("client_name: people know another client by it")
		}
		return s.Consent.RegisterClient(tx, now, event, c)
	})
	if err != nil {
		return registrationError(err)
	}
	if c, err = s.Consent.Client(r.Context(), c.ID); err != nil {
		return err
	}
	s.Log.InfoContext(r.Context(), "a client registered itself", "client", c.ID, "invite", by.ID)
	s.tellClient(w, http.StatusCreated, c, management)
	return nil
}

// inviting reports whether any initial access token lives.
func (s *Server) inviting(r *http.Request, now time.Time) (bool, error) {
	var open bool
	err := s.DB.View(r.Context(), func(tx kv.Tx) error {
		open = false
		for e, err := range tx.Scan(kv.Prefix(room, inviteKind)) {
			var i Invite
			if err == nil {
				err = kv.Decode(e.Value, &i)
			}
			if open = err == nil && now.Before(i.Until); err != nil || open {
				return err
			}
		}
		return nil
	})
	return open, err
}

// tellClient answers a client's registration and how it changes it (RFC 7592,
// section 3).
func (s *Server) tellClient(w http.ResponseWriter, status int, c consent.Client, management string) {
	said := s.information(c)
	said["registration_client_uri"] = s.Issuer + "/oauth/register/" + string(c.ID)
	said["registration_access_token"] = management
	writeJSON(w, status, said)
}

// managementMAC is what a client's registration access token is known by.
func (s *Server) managementMAC(id consent.ClientID, token string) []byte {
	return s.MAC("oauth registration", string(id), token)
}

// readJSON reads a body that is one JSON object.
func readJSON(w http.ResponseWriter, r *http.Request) (jose.Claims, error) {
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return nil, invalidRequest("this endpoint takes no query")
	}
	kinds := r.Header.Values("Content-Type")
	if len(kinds) != 1 {
		return nil, invalidRequest("Content-Type must be application/json")
	}
	if kind, _, err := mime.ParseMediaType(kinds[0]); err != nil || kind != "application/json" {
		return nil, invalidRequest("Content-Type must be application/json")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, invalidRequest("a Content-Encoding is not read here")
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "invalid_request", "the body is larger than 64 KiB")
	} else if err != nil {
		return nil, invalidRequest("the body ended early")
	}
	said, err := jose.Object(b)
	if err != nil {
		return nil, badMetadata("the body is not a JSON object in UTF-8, or has a member twice")
	}
	return said, nil
}
