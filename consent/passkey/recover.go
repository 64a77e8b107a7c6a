package passkey

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
)

// A recovery code is 30 symbols of Crockford's base 32 in groups of five: a
// locator of 50 bits, which all codes of a set share and under which they are
// kept, and 100 random bits. Those are too many to guess from a plain hash;
// the salt keeps equal codes of different people, which do not happen, from
// being seen.
const (
	symbols    = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	locatorLen = 10
	secretLen  = 20
	codeCount  = 8
)

// codes is the row at a locator.
type codes struct {
	Person consent.PersonID `json:"person"`
	Codes  []saltedCode     `json:"codes"`
}

// saltedCode is SHA-256 over a label, 16 random bytes and the secret part.
type saltedCode struct {
	Salt []byte `json:"salt"`
	Hash []byte `json:"hash"`
}

func (c saltedCode) of(secret string) []byte {
	h := sha256.New()
	h.Write([]byte("jali recovery code v1\x00"))
	h.Write(c.Salt)
	h.Write([]byte(secret))
	return h.Sum(nil)
}

// madeCodes is a new set, about to be stored and shown.
type madeCodes struct {
	codes
	locator string
	plain   []string
}

func makeCodes(p consent.PersonID) madeCodes {
	m := madeCodes{codes: codes{Person: p}, locator: draw(locatorLen)}
	for range codeCount {
		secret, salt := draw(secretLen), make([]byte, 16)
		_, _ = rand.Read(salt) // never fails
		c := saltedCode{Salt: salt}
		c.Hash = c.of(secret)
		m.Codes = append(m.Codes, c)
		m.plain = append(m.plain, grouped(m.locator+secret))
	}
	return m
}

func (m madeCodes) put(tx kv.Tx) error {
	taken, err := tx.Get(codesKey(m.locator))
	if err != nil {
		return err
	}
	if taken != nil { // one in 2^50, and somebody else's
		return ErrFlow
	}
	return kv.Store(tx, codesKey(m.locator), m.codes)
}

// Recover signs in with a recovery code, once for each code and at most ten
// times in 15 minutes for each person; the session may only add a passkey
// until it has.
func (s *Service) Recover(ctx context.Context, code string, userAgent string) (SignedIn, error) {
	plain, ok := normal(code)
	if !ok {
		return SignedIn{}, ErrCode
	}
	locator, secret := plain[:locatorLen], plain[locatorLen:]
	now, ids := s.now(), events(2)
	if wait := s.tries.take(locator, now); wait > 0 {
		return SignedIn{}, ErrTooOften.After(wait)
	}
	in := s.newSession("", Agent(userAgent), now, true)
	err := s.db.Update(ctx, func(tx kv.Tx) error {
		var set codes
		if ok, err := kv.Load(tx, codesKey(locator), &set); err != nil {
			return err
		} else if !ok {
			return ErrCode
		}
		hit := slices.IndexFunc(set.Codes, func(c saltedCode) bool { return subtle.ConstantTimeCompare(c.of(secret), c.Hash) == 1 })
		if hit < 0 {
			return ErrCode
		}
		set.Codes = slices.Delete(set.Codes, hit, hit+1)
		if err := kv.Store(tx, codesKey(locator), set); err != nil {
			return err
		}
		in.Person = set.Person
		if err := s.revoked(tx, Codes, string(set.Person)); err != nil {
			return err
		}
		if err := in.put(tx); err != nil {
			return err
		}
		if err := audit.Append(tx, audit.Event{ID: ids[0], At: now, Person: string(set.Person), Verb: audit.CodeUsed,
			Facts: map[string]string{"codes_left": strconv.Itoa(len(set.Codes))}}); err != nil {
			return err
		}
		return record(tx, ids[1], now, set.Person, audit.SignedIn, "")
	})
	if err != nil {
		return SignedIn{}, err
	}
	return s.signedIn(in), nil
}

// NewCodes replaces all recovery codes. Only a session that signed in within
// 15 minutes may.
func (s *Service) NewCodes(ctx context.Context, p consent.Session) ([]string, error) {
	now, event, set := s.now(), events(1)[0], makeCodes(p.Person)
	err := s.db.Update(ctx, func(tx kv.Tx) error {
		if err := s.guards(tx, p, now); err != nil {
			return err
		}
		who, err := getPerson(tx, p.Person)
		if err != nil {
			return err
		}
		if err := tx.Delete(codesKey(who.Codes)); err != nil {
			return err
		}
		if err := set.put(tx); err != nil {
			return err
		}
		who.Codes = set.locator
		if err := kv.Store(tx, personKey(p.Person), who); err != nil {
			return err
		}
		if err := s.revoked(tx, Codes, string(p.Person)); err != nil {
			return err
		}
		return record(tx, event, now, p.Person, audit.CodesMade, "")
	})
	if err != nil {
		return nil, err
	}
	return set.plain, nil
}

// CodesLeft is how many recovery codes the person has not used yet.
func (s *Service) CodesLeft(ctx context.Context, p consent.Session) (int, error) {
	var set codes
	err := s.db.View(ctx, func(tx kv.Tx) error {
		set = codes{}
		who, err := getPerson(tx, p.Person)
		if err != nil {
			return err
		}
		_, err = kv.Load(tx, codesKey(who.Codes), &set)
		return err
	})
	return len(set.Codes), err
}

// normal reads a code as people type it: any case, with spaces or hyphens, O
// for 0, I and L for 1.
func normal(typed string) (string, bool) {
	if len(typed) > 100 {
		return "", false
	}
	plain := strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(typed))
	return plain, len(plain) == locatorLen+secretLen && strings.Trim(plain, symbols) == ""
}

func draw(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = symbols[b[i]&31] // 256 is a multiple of 32: no symbol is likelier
	}
	return string(b)
}

func grouped(code string) string {
	var groups []string
	for g := range slices.Chunk([]byte(code), 5) {
		groups = append(groups, string(g))
	}
	return strings.Join(groups, "-")
}

const (
	triesLimit  = 10
	triesWindow = 15 * time.Minute
	triesKept   = 10_000
)

// tries counts attempts by locator in this process. It is bounded: beyond
// triesKept some other locator is forgotten, which gives a guesser of 100 bits
// nothing.
type tries struct {
	mu sync.Mutex
	by map[string]*window
}

type window struct {
	since time.Time
	n     int
}

// take counts a try and answers how long to wait if there are none left.
func (t *tries) take(locator string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[string]*window{}
	}
	w := t.by[locator]
	if w == nil || !now.Before(w.since.Add(triesWindow)) {
		if w == nil && len(t.by) >= triesKept {
			for other := range t.by {
				delete(t.by, other)
				break
			}
		}
		w = &window{since: now}
		t.by[locator] = w
	}
	if w.n >= triesLimit {
		return w.since.Add(triesWindow).Sub(now)
	}
	w.n++
	return 0
}
