package passkey

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"time"

	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
)

const (
	idleLife    = 12 * time.Hour
	sessionLife = 30 * 24 * time.Hour
	// seenEvery is how often a session in use is written: its idle time is
	// short by so much at most.
	seenEvery = 10 * time.Minute
	// freshLife is how long after its sign-in a session may change what
	// guards the account.
	freshLife = 15 * time.Minute
)

// session is kept under the hash of its cookie.
type session struct {
	ID         string           `json:"id"`
	Person     consent.PersonID `json:"person"`
	At         time.Time        `json:"at"`
	SeenAt     time.Time        `json:"seen_at"`
	Agent      string           `json:"agent"`
	Recovering bool             `json:"recovering,omitempty"`
}

// place is how a session is found by its id.
type place struct {
	Hash  []byte `json:"hash"`
	Forms []byte `json:"forms"` // key of its CSRF token
}

func (r session) until() time.Time {
	idle, whole := r.SeenAt.Add(idleLife), r.At.Add(sessionLife)
	if whole.Before(idle) {
		return whole
	}
	return idle
}

func (r session) due(hash []byte) due { return due{At: r.until(), Kind: "session", Hash: hash} }

// opening is a session about to be stored.
type opening struct {
	session
	place
	secret string
}

func (s *Service) newSession(p consent.PersonID, agent string, now time.Time, recovering bool) opening {
	secret := random(32)
	return opening{
		session: session{ID: random(16), Person: p, At: now, SeenAt: now, Agent: agent, Recovering: recovering},
		place:   place{Hash: hashOf(secret), Forms: []byte(random(32))},
		secret:  secret,
	}
}

func (o opening) put(tx kv.Tx) error {
	if err := kv.Store(tx, sessionKey(o.Hash), o.session); err != nil {
		return err
	}
	if err := kv.Store(tx, placeKey(o.Person, o.ID), o.place); err != nil {
		return err
	}
	return o.due(o.Hash).put(tx)
}

// SignedIn is a new session and the secret of its cookie.
type SignedIn struct {
	Session consent.Session
	Cookie  *http.Cookie // HttpOnly, SameSite=Lax, __Host- and Secure on https
}

func (s *Service) signedIn(o opening) SignedIn {
	return SignedIn{
		Session: consent.Session{ID: o.ID, Person: o.Person, At: o.At},
		Cookie: &http.Cookie{Name: s.cookie, Value: o.secret, Path: "/", MaxAge: int(sessionLife / time.Second),
			HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode},
	}
}

// NoCookie is what a browser is told when its session has ended.
func (s *Service) NoCookie() *http.Cookie {
	return &http.Cookie{Name: s.cookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
}

// Session reads the request's cookie. ErrSignedOut where there is none that
// lives: 12 hours without use, 30 days with. Recovering reports a session by
// recovery code that has added no passkey yet.
func (s *Service) Session(r *http.Request) (p consent.Session, recovering bool, err error) {
	c, err := r.Cookie(s.cookie)
	if err != nil || len(c.Value) != base64.RawURLEncoding.EncodedLen(32) {
		return consent.Session{}, false, ErrSignedOut
	}
	now, hash := s.now(), hashOf(c.Value)
	var found session
	read := func(tx kv.Tx) error {
		found = session{} // what is no longer in the row must not stay
		ok, err := kv.Load(tx, sessionKey(hash), &found)
		if err == nil && (!ok || !now.Before(found.until())) {
			err = ErrSignedOut
		}
		return err
	}
	if err := s.db.View(r.Context(), read); err != nil {
		return consent.Session{}, false, err
	}
	if now.Sub(found.SeenAt) >= seenEvery {
		if err := s.db.Update(r.Context(), func(tx kv.Tx) error {
			if err := read(tx); err != nil {
				return err
			}
			if err := found.due(hash).delete(tx); err != nil {
				return err
			}
			found.SeenAt = now
			if err := found.due(hash).put(tx); err != nil {
				return err
			}
			return kv.Store(tx, sessionKey(hash), found)
		}); err != nil {
			return consent.Session{}, false, err
		}
	}
	return consent.Session{ID: found.ID, Person: found.Person, At: found.At}, found.Recovering, nil
}

// getSession reads a session by its id; ErrSignedOut where it has ended.
func getSession(tx kv.Tx, p consent.Session) (session, error) {
	var at place
	ok, err := kv.Load(tx, placeKey(p.Person, p.ID), &at)
	if err != nil {
		return session{}, err
	}
	var r session
	if ok {
		ok, err = kv.Load(tx, sessionKey(at.Hash), &r)
	}
	if err == nil && !ok {
		err = ErrSignedOut
	}
	return r, err
}

// guards reports why a session may not change what guards the account.
func (s *Service) guards(tx kv.Tx, p consent.Session, now time.Time) error {
	r, err := getSession(tx, p)
	switch {
	case err != nil:
		return err
	case r.Recovering:
		return ErrRecovering
	case !now.Before(r.At.Add(freshLife)):
		return ErrStale
	}
	return nil
}

// mayAdd is guards, but that a recovering session may.
func (s *Service) mayAdd(tx kv.Tx, p consent.Session, now time.Time) error {
	r, err := getSession(tx, p)
	if err != nil || r.Recovering {
		return err
	}
	return s.guards(tx, p, now)
}

// recovered makes a session by recovery code a whole one.
func recovered(tx kv.Tx, p consent.Session) error {
	r, err := getSession(tx, p)
	if err != nil || !r.Recovering {
		return err
	}
	var at place
	if _, err := kv.Load(tx, placeKey(p.Person, p.ID), &at); err != nil {
		return err
	}
	r.Recovering = false
	return kv.Store(tx, sessionKey(at.Hash), r)
}

// CSRF answers the token that every form of this session carries; empty for a
// session that has ended, and nothing equals that.
func (s *Service) CSRF(p consent.Session) string {
	var at place
	var ok bool
	err := s.db.View(context.Background(), func(tx kv.Tx) error {
		var err error
		ok, err = kv.Load(tx, placeKey(p.Person, p.ID), &at)
		return err
	})
	if err != nil || !ok {
		return ""
	}
	mac := hmac.New(sha256.New, at.Forms)
	mac.Write([]byte("csrf " + p.ID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// CheckCSRF compares in constant time.
func (s *Service) CheckCSRF(p consent.Session, token string) bool {
	want := s.CSRF(p)
	return want != "" && hmac.Equal([]byte(want), []byte(token))
}

// SessionInfo is a session as its owner sees it.
type SessionInfo struct {
	ID       string
	Agent    string // browser and system in words, from the User-Agent
	OpenedAt time.Time
	SeenAt   time.Time // to the hour
	Current  bool
}

// Sessions lists where the person is signed in, newest first.
func (s *Service) Sessions(ctx context.Context, p consent.Session) ([]SessionInfo, error) {
	now := s.now()
	var list []SessionInfo
	err := s.db.View(ctx, func(tx kv.Tx) error {
		list = nil
		all, err := sessionsOf(tx, p.Person)
		if err != nil {
			return err
		}
		for _, o := range all {
			if now.Before(o.until()) {
				list = append(list, SessionInfo{ID: o.ID, Agent: o.Agent, OpenedAt: o.At,
					SeenAt: o.SeenAt.Truncate(time.Hour), Current: o.ID == p.ID})
			}
		}
		return nil
	})
	sortByTime(list, func(i SessionInfo) time.Time { return i.OpenedAt })
	slices.Reverse(list)
	return list, err
}

// End ends one of the person's sessions, this one too.
func (s *Service) End(ctx context.Context, p consent.Session, id string) error {
	return s.endAll(ctx, p, func(o opening) bool { return o.ID == id }, true)
}

// EndAll ends all but the given one.
func (s *Service) EndAll(ctx context.Context, p consent.Session) error {
	return s.endAll(ctx, p, func(o opening) bool { return o.ID != p.ID }, false)
}

func (s *Service) endAll(ctx context.Context, p consent.Session, which func(opening) bool, some bool) error {
	now, event := s.now(), random(16)
	return s.db.Update(ctx, func(tx kv.Tx) error {
		all, err := sessionsOf(tx, p.Person)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(o opening) bool { return !which(o) })
		if some && len(all) == 0 {
			return ErrNotFound
		}
		for _, o := range all {
			if err := o.delete(tx); err != nil {
				return err
			}
			if err := s.revoked(tx, OneSession, o.ID); err != nil {
				return err
			}
			if err := record(tx, event+"-"+o.ID, now, p.Person, audit.SessionEnded, o.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

func sessionsOf(tx kv.Tx, p consent.PersonID) ([]opening, error) {
	var list []opening
	for row, err := range tx.Scan(kv.Prefix(room, "place", p)) {
		if err != nil {
			return nil, err
		}
		var o opening
		if err := kv.Decode(row.Value, &o.place); err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	for i := range list {
		if _, err := kv.Load(tx, sessionKey(list[i].Hash), &list[i].session); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (o opening) delete(tx kv.Tx) error {
	for _, k := range [][]byte{sessionKey(o.Hash), placeKey(o.Person, o.ID), o.due(o.Hash).key()} {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func sortByTime[T any](list []T, at func(T) time.Time) {
	slices.SortStableFunc(list, func(a, b T) int { return at(a).Compare(at(b)) })
}
