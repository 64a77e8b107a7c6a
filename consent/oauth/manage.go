package oauth

import (
	"crypto/hmac"
	"errors"
	"net/http"

	"jali/consent"
	"jali/internal/jose"
)

// errNotManaged answers whoever does not hold the registration access token of
// a client that registered itself: whether there is one, nobody learns.
var errNotManaged = &refusal{status: http.StatusUnauthorized, code: "invalid_token", challenge: bearer + ` error="invalid_token"`,
	description: "send the client's registration access token as Authorization: Bearer"}

// managed wraps what a client does to its own registration (RFC 7592). Its
// token stays the same until the client is removed: a new one that got lost on
// the way would shut the client out.
func (s *Server) managed(serve func(w http.ResponseWriter, r *http.Request, c consent.Client, token string) error) http.HandlerFunc {
	return s.served(func(w http.ResponseWriter, r *http.Request) error {
		token := bearerOf(r.Header)
		c, err := s.Consent.Client(r.Context(), consent.ClientID(r.PathValue("id")))
		if err != nil && !errors.Is(err, consent.ErrNoClient) {
			return err
		}
		if !s.manages(c, token) {
			return errNotManaged
		}
		if c.Suspended {
			return refuse(http.StatusForbidden, "unauthorized_client", errSuspended.description)
		}
		return serve(w, r, c, token)
	})
}

func (s *Server) manages(c consent.Client, token string) bool {
	return len(c.Management) > 0 && token != "" && hmac.Equal(c.Management, s.managementMAC(c.ID, token))
}

// served lets a handler answer by an error.
func (s *Server) served(serve func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// registration answers GET /oauth/register/{client_id}.
func (s *Server) registration(w http.ResponseWriter, _ *http.Request, c consent.Client, token string) error {
	s.tellClient(w, http.StatusOK, c, token)
	return nil
}

// reregister answers PUT /oauth/register/{client_id}: what is sent takes the
// place of everything. The name stays, since it is what people have trusted;
// so does a suspension.
func (s *Server) reregister(w http.ResponseWriter, r *http.Request, c consent.Client, token string) error {
	said, err := readJSON(w, r)
	if err != nil {
		return err
	}
	if err := resent(said, c.ID); err != nil {
		return err
	}
	sent, err := s.clientOf(said)
	if err != nil {
		return err
	}
	c, err = s.Consent.ReviseClient(r.Context(), c.ID, func(old consent.Client) (consent.Client, error) {
		if !s.manages(old, token) {
			return consent.Client{}, errNotManaged
		}
		if sent.Name != old.Name {
			return consent.Client{}, badMetadata("client_name: people know the client by it; only our operator changes it")
		}
		put := sent
		put.AddedAt, put.Suspended, put.Management = old.AddedAt, old.Suspended, old.Management
		return put, nil
	})
	if errors.Is(err, consent.ErrNoClient) { // removed just now
		return errNotManaged
	} else if err != nil {
		return registrationError(err)
	}
	s.Log.InfoContext(r.Context(), "a client changed its registration", "client", c.ID)
	s.tellClient(w, http.StatusOK, c, token)
	return nil
}

// resent heeds what an update must and must not bring (RFC 7592, section 2.2).
func resent(said jose.Claims, id consent.ClientID) error {
	if got, _ := said.String("client_id"); got != string(id) {
		return badMetadata("client_id: must be there, and be the client's")
	}
	for _, name := range []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at", "client_secret"} {
		if said.Has(name) {
			return badMetadata(name + ": is not to be sent back")
		}
	}
	return nil
}

// deregister answers DELETE /oauth/register/{client_id}: the client goes, and
// every grant it was given ends.
func (s *Server) deregister(w http.ResponseWriter, r *http.Request, c consent.Client, _ string) error {
	if err := s.Consent.Deregister(r.Context(), c.ID); err != nil && !errors.Is(err, consent.ErrNoClient) {
		return err
	}
	s.Log.InfoContext(r.Context(), "a client removed itself", "client", c.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
