package vault

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
)

// ViewID is HMAC-SHA-256 over grant and idempotency key, 256 bits in base64url
// behind "view_": the same again for the same two, and stored nowhere.
func (v *Vault) ViewID(grant, idempotencyKey string) string {
	return "view_" + base64.RawURLEncoding.EncodeToString(mac(v.fixed.viewID, grant, idempotencyKey))
}

// ViewHash is what a view's record is kept under and what logs hold. It leads
// back to no id.
func (v *Vault) ViewHash(viewID string) string {
	return base64.RawURLEncoding.EncodeToString(mac(v.fixed.viewRow, viewID))
}

// SealView seals under a key made of the id (HKDF, RFC 5869), so that without
// the id, which only the client has, what is stored is noise, also in pages
// that the database has freed.
func (v *Vault) SealView(viewID string, plain []byte) ([]byte, error) {
	a, err := v.viewAEAD(viewID)
	if err != nil {
		return nil, err
	}
	return a.seal(plain, "view", v.ViewHash(viewID)), nil
}

// OpenView answers [ErrSealed] for another view's record.
func (v *Vault) OpenView(viewID string, sealed []byte) ([]byte, error) {
	a, err := v.viewAEAD(viewID)
	if err != nil {
		return nil, err
	}
	return a.open(sealed, "view", v.ViewHash(viewID))
}

func (v *Vault) viewAEAD(viewID string) (*aead, error) {
	key, err := hkdf.Key(sha256.New, []byte(viewID), v.fixed.view, "jali view key", keySize)
	if err != nil {
		return nil, err
	}
	return newAEAD(key, 0) // no term: it is of no root's
}

// MAC is HMAC-SHA-256 under a key derived from the root for a named use:
// token hashes, cookies, cursors, idempotency keys. Each part counts with its
// length, so that ("ab", "c") and ("a", "bc") differ. It outlives terms.
func (v *Vault) MAC(use string, parts ...string) []byte {
	m, ok := v.macs.Load(use)
	if !ok {
		m, _ = v.macs.LoadOrStore(use, newMacer(derived(v.fixed.mac, "use "+use)))
	}
	return m.(*macer).mac(parts...)
}

// Subject is the pairwise OAuth sub of a person for a client (OpenID Connect
// Core, section 8.1): 128 bits in base64url.
func (v *Vault) Subject(person, client string) string {
	return short(mac(v.fixed.subject, client, person))
}
