package vault

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"jali/internal/kv"
)

// Pair is one (person, client, epoch). It is made for one piece of work and
// safe for use by several goroutines.
type Pair struct {
	person, client string
	epoch          int
	ids            *macer
	seed           []byte // new aliases come out of it, so that a closure run again draws the same
}

func epochKey(person, client string) []byte { return kv.Key("vault", "epoch", person, client) }

func pairKey(person, client string, epoch int) []byte {
	return kv.Key("vault", "pair", person, client, epoch)
}

func endedKey(person, client string, epoch int) []byte {
	return kv.Key("vault", "ended", person, client, epoch)
}

// Pair answers what Jali says to one client about one person. It makes the
// pair's epoch and its key where there are none yet, so it is called outside
// any transaction.
func (v *Vault) Pair(ctx context.Context, person, client string) (*Pair, error) {
	if person == "" || client == "" || strings.Contains(client, "\x00") {
		return nil, errNameless
	}
	for {
		if _, err := v.sealing(ctx, holder{person: person}, v.ring().current.term); err != nil {
			return nil, err
		}
		epoch, err := v.epoch(ctx, person, client)
		if err != nil {
			return nil, err
		}
		key, err := v.pairKey(ctx, person, client, epoch)
		if errors.Is(err, ErrShredded) { // left since we looked: nor shall the epoch stay
			return nil, errors.Join(err, v.db.Update(ctx, func(tx kv.Tx) error { return tx.Delete(epochKey(person, client)) }))
		}
		if err != nil {
			return nil, err
		}
		if key != nil {
			return &Pair{person: person, client: client, epoch: epoch, ids: newMacer(key), seed: random(keySize)}, nil
		}
		// The epoch ended before its key was made: take the next.
	}
}

// epoch answers the current epoch, beginning the first.
func (v *Vault) epoch(ctx context.Context, person, client string) (epoch int, err error) {
	read := func(tx kv.Tx) error {
		epoch = 0
		_, err := kv.Load(tx, epochKey(person, client), &epoch)
		return err
	}
	if err := v.db.View(ctx, read); err != nil || epoch != 0 {
		return epoch, err
	}
	err = v.db.Update(ctx, func(tx kv.Tx) error {
		if err := read(tx); err != nil || epoch != 0 {
			return err
		}
		if left, err := tx.Get(kv.Key("vault", "left", person)); err != nil {
			return err
		} else if left != nil {
			return ErrShredded
		}
		epoch = 1
		return kv.Store(tx, epochKey(person, client), epoch)
	})
	return epoch, err
}

// pairKey answers the epoch's key, or nil where it has to be made and the
// epoch has ended meanwhile.
func (v *Vault) pairKey(ctx context.Context, person, client string, epoch int) ([]byte, error) {
	id := string(pairKey(person, client, epoch))
	key, age, ok := v.pairs.get(id)
	if ok {
		return key, nil
	}
	var wrapped []byte
	before := v.ring()
	read := func(tx kv.Tx) error {
		b, err := tx.Get([]byte(id))
		wrapped = append([]byte(nil), b...)
		return err
	}
	if err := v.keys.View(ctx, read); err != nil {
		return nil, err
	}
	names := []string{"pair", person, client, strconv.Itoa(epoch)}
	if len(wrapped) == 0 {
		err := v.keep(ctx, random(keySize), names, func(fresh []byte) error {
			return v.keys.Update(ctx, func(tx kv.Tx) error {
				if err := read(tx); err != nil || len(wrapped) > 0 {
					return err
				}
				if b, err := tx.Get(holder{person: person}.row()); err != nil {
					return err
				} else if b == nil {
					return ErrShredded // left, and was shredded, since Pair looked
				}
				wrapped = fresh
				return putNew(tx, []byte(id), fresh)
			})
		})
		if err != nil {
			return nil, err
		}
		if stale, err := v.dropIfEnded(ctx, person, client, epoch); err != nil || stale {
			return nil, err
		}
	}
	key, err := v.unwrap(before, wrapped, names...)
	if err != nil {
		return nil, err
	}
	v.pairs.put(id, key, age)
	return key, nil
}

// dropIfEnded takes back a key that was made for an epoch which ended and may
// have been shredded while it was made: nothing would ever destroy it.
func (v *Vault) dropIfEnded(ctx context.Context, person, client string, epoch int) (bool, error) {
	now, err := 0, error(nil)
	err = v.db.View(ctx, func(tx kv.Tx) error {
		now = 0
		_, err := kv.Load(tx, epochKey(person, client), &now)
		return err
	})
	if err != nil || now == epoch {
		return false, err
	}
	return true, v.keys.Update(ctx, func(tx kv.Tx) error { return tx.Delete(pairKey(person, client, epoch)) })
}

// ID derives an id that only this client meets: HMAC-SHA-256 under the
// epoch's key over prefix and parts, 128 bits in base64url behind prefix
// ("bill_", "ord_").
func (p *Pair) ID(prefix string, parts ...string) string {
	sum := p.ids.mac(append([]string{"id", prefix}, parts...)...)
	return prefix + short(sum)
}

// short is the first 128 bits in base64url.
func short(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum[:sha256.Size/2]) }

// EndEpoch forgets a client's aliases of a person and marks the epoch's key
// for [Vault.Shred]; the next Pair is of a new epoch. Called in the
// transaction that revokes. Where there never was a Pair it does nothing.
func (v *Vault) EndEpoch(tx kv.Tx, person, client string) error {
	epoch := 0
	if found, err := kv.Load(tx, epochKey(person, client), &epoch); err != nil || !found {
		return err
	}
	if err := forget(tx, kv.Prefix("vault", "alias", person, client)); err != nil {
		return err
	}
	if err := kv.Store(tx, endedKey(person, client, epoch), mark{Person: person, Client: client, Epoch: epoch}); err != nil {
		return err
	}
	return kv.Store(tx, epochKey(person, client), epoch+1)
}
