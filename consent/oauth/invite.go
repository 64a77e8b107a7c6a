package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/secret"
)

// Invite stands for an initial access token (RFC 7591, section 1.2): by it,
// apps may register themselves a number of times until a moment. There is no
// other way to register over the network.
type Invite struct {
	ID    string    `json:"id"`
	MAC   []byte    `json:"mac,omitempty"` // of the token, which is kept nowhere
	Left  int       `json:"left"`
	Until time.Time `json:"until"`
}

const (
	inviteKind kind = "invite"

	maxInviteUses = 1000
	maxInviteLife = 366 * 24 * time.Hour
)

var (
	errInvite = &fault.Error{Kind: fault.Invalid, Code: "invite_invalid",
		Detail: "an invitation is for 1 to 1000 clients and for at most a year"}
	errNoInvite = &fault.Error{Kind: fault.NotFound, Code: "invite_not_found",
		Detail: "there is no such invitation"}
	errUninvited = &refusal{status: http.StatusUnauthorized, code: "invalid_token", challenge: bearer + ` error="invalid_token"`,
		description: "send a living initial access token as Authorization: Bearer; our operator makes them"}
)

func inviteKey(id string) []byte { return mark(id).key(inviteKind) }

// Invite makes an initial access token, which is answered once.
func (s *Server) Invite(ctx context.Context, uses int, life time.Duration) (Invite, secret.Value, error) {
	now := s.now()
	if uses < 1 || uses > maxInviteUses || life <= 0 || life > maxInviteLife {
		return Invite{}, secret.Value{}, errInvite
	}
	id := "invite_" + rand.Text()
	token := id + "." + random256()
	i := Invite{ID: id, MAC: s.MAC("oauth invite", token), Left: uses, Until: now.Add(life).Truncate(time.Microsecond)}
	err := s.DB.Update(ctx, func(tx kv.Tx) error { return put(tx, inviteKind, mark(id), i, i.Until) })
	i.MAC = nil
	return i, secret.Of(token), err
}

// Invites answers the living ones.
func (s *Server) Invites(ctx context.Context) ([]Invite, error) {
	now := s.now()
	var list []Invite
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		list = nil
		for e, err := range tx.Scan(kv.Prefix(room, inviteKind)) {
			if err != nil {
				return err
			}
			var i Invite
			if err := kv.Decode(e.Value, &i); err != nil {
				return err
			}
			if i.MAC = nil; now.Before(i.Until) {
				list = append(list, i)
			}
		}
		return nil
	})
	return list, err
}

// Uninvite ends an invitation. Clients that came by it stay.
func (s *Server) Uninvite(ctx context.Context, id string) error {
	return s.DB.Update(ctx, func(tx kv.Tx) error {
		found, err := tx.Get(inviteKey(id))
		if err == nil && found == nil {
			err = errNoInvite
		}
		if err != nil {
			return err
		}
		return tx.Delete(inviteKey(id))
	})
}

// invited answers the living invitation whose token this is.
func (s *Server) invited(tx kv.Tx, token string, now time.Time) (Invite, error) {
	id, _, _ := strings.Cut(token, ".")
	var i Invite
	ok, err := kv.Load(tx, inviteKey(id), &i)
	if err != nil {
		return Invite{}, err
	}
	if !ok || !hmac.Equal(i.MAC, s.MAC("oauth invite", token)) || !now.Before(i.Until) {
		return Invite{}, errUninvited
	}
	return i, nil
}

// take spends one use of an invitation; the last one ends it.
func (i Invite) take(tx kv.Tx) error {
	if i.Left--; i.Left < 1 {
		return tx.Delete(inviteKey(i.ID))
	}
	return kv.Store(tx, inviteKey(i.ID), i)
}

// bearerOf takes the one bearer token out of a header (RFC 6750, section 2.1).
func bearerOf(h http.Header) string {
	got := h.Values("Authorization")
	if len(got) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(got[0], " ")
	if !strings.EqualFold(scheme, bearer) || len(token) > maxID {
		return ""
	}
	return token
}

func random256() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand, since Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b)
}
