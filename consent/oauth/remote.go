package oauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"jali/consent"
	"jali/internal/dial"
	"jali/internal/jose"
)

const (
	maxKeySet     = 64 << 10
	fetchPatience = 5 * time.Second

	// askAgain is how long a client's server is left alone after it was asked,
	// whatever it answered.
	askAgain = 30 * time.Second
	// A set is good for as long as its Cache-Control says, within bounds, and
	// for staleLife more where no new one can be fetched.
	shortestLife = time.Minute
	usualLife    = 5 * time.Minute
	longestLife  = time.Hour
	staleLife    = time.Hour

	// maxRemote bounds the memory that all sets take, in bytes.
	maxRemote = 16 << 20
	setWeight = 2 << 10 // of a set beside its text
)

// remoteKeys are the key sets that clients have registered by URL (RFC 7591,
// section 2, jwks_uri): of each, the keys that could be registered by value.
// The URL is a stranger's: see package dial.
type remoteKeys struct {
	http *http.Client
	log  *slog.Logger

	flights singleflight.Group
	mu      sync.Mutex
	held    map[string]*remoteSet
	weight  int
}

// remoteSet is what came of asking last. It is not changed once it is held.
type remoteSet struct {
	keys  registeredKeys // of the last time that there were any
	asked time.Time
	fresh time.Time // until then it is used unasked
	dies  time.Time // until then it is used where asking fails
}

func (r *remoteSet) weight() int { return len(r.keys.raw) + setWeight }

// keys answers a client's set. It is fetched where it is missing or stale, or
// renew is set, but not within askAgain of the last time; everybody who waits
// for the same client's set waits for the same exchange.
func (k *remoteKeys) keys(ctx context.Context, c consent.Client, now time.Time, renew bool) (registeredKeys, error) {
	at := string(c.ID) + "\x00" + c.JWKSURI
	k.mu.Lock()
	known := k.held[at]
	k.mu.Unlock()
	if known == nil || !now.Before(known.asked.Add(askAgain)) && (renew || !now.Before(known.fresh)) {
		flight := k.flights.DoChan(at, func() (any, error) { return k.fetch(ctx, c, at, known, now), nil })
		select {
		case got := <-flight:
			known = got.Val.(*remoteSet)
		case <-ctx.Done():
			return registeredKeys{}, errKeysAway
		}
	}
	if !now.Before(known.dies) {
		return registeredKeys{}, errKeysAway
	}
	return known.keys, nil
}

// fetch asks for a set and holds what came of it. before is what its caller
// has seen; if something else is held by now, somebody has just asked.
func (k *remoteKeys) fetch(ctx context.Context, c consent.Client, at string, before *remoteSet, now time.Time) *remoteSet {
	k.mu.Lock()
	held := k.held[at]
	k.mu.Unlock()
	if held != nil && held != before {
		return held
	}
	got := &remoteSet{asked: now}
	keys, life, err := k.get(ctx, c.JWKSURI)
	if err == nil {
		got.keys, got.fresh = keys, now.Add(life)
		got.dies = got.fresh.Add(staleLife)
	} else {
		k.log.WarnContext(ctx, "a client's key set could not be fetched", "client", c.ID, "error", err)
		if before != nil {
			got.keys, got.fresh, got.dies = before.keys, before.fresh, before.dies
		}
	}
	k.hold(at, got)
	return got
}

// hold keeps a set, in place of any others where memory is short.
func (k *remoteKeys) hold(at string, s *remoteSet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held == nil {
		k.held = map[string]*remoteSet{}
	}
	forget := func(at string) {
		if old := k.held[at]; old != nil {
			k.weight -= old.weight()
			delete(k.held, at)
		}
	}
	forget(at)
	for other := range k.held {
		if k.weight+s.weight() <= maxRemote {
			break
		}
		forget(other)
	}
	k.held[at] = s
	k.weight += s.weight()
}

// get reads a set and how long it may be used. The exchange outlives the
// request that began it: others wait for it too.
func (k *remoteKeys) get(ctx context.Context, uri string) (registeredKeys, time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return registeredKeys{}, 0, errors.New("the jwks_uri is not an address")
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	a, err := dial.Do(k.http, r, maxKeySet)
	if err != nil {
		return registeredKeys{}, 0, err
	}
	if a.Status != http.StatusOK {
		return registeredKeys{}, 0, errors.New("the answer was " + strconv.Itoa(a.Status))
	}
	raw, err := consent.UsableKeys(a.Body)
	if err != nil {
		return registeredKeys{}, 0, err
	}
	set, err := jose.ParseKeySet(raw)
	return registeredKeys{raw, set}, lifeOf(a.Header), err
}

// lifeOf reads Cache-Control (RFC 9111, section 5.2.2).
func lifeOf(h http.Header) time.Duration {
	life := usualLife
	for _, directive := range strings.Split(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return shortestLife
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if errors.Is(err, strconv.ErrRange) {
				life = longestLife
			} else if err == nil {
				life = min(max(time.Duration(seconds)*time.Second, shortestLife), longestLife)
			}
		}
	}
	return life
}
