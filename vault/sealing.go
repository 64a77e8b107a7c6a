package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// Sealed bytes: version 1, term 4 (big endian), nonce 12, then AES-256-GCM
// with its tag of 16.
const (
	sealVersion = 1
	headerSize  = 1 + 4
	keySize     = 32
)

// aead is one key in use, of one term.
type aead struct {
	gcm  cipher.AEAD // draws and prepends its own nonces
	term uint32
}

func newAEAD(key []byte, term uint32) (*aead, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &aead{gcm, term}, nil
}

// seal binds plain to names.
func (a *aead) seal(plain []byte, names ...string) []byte {
	out := make([]byte, headerSize, headerSize+a.gcm.Overhead()+len(plain))
	out[0] = sealVersion
	binary.BigEndian.PutUint32(out[1:], a.term)
	return a.gcm.Seal(out, nil, plain, bound(a.term, names))
}

func (a *aead) open(sealed []byte, names ...string) ([]byte, error) {
	term, err := termOf(sealed)
	if err != nil {
		return nil, err
	}
	plain, err := a.gcm.Open(nil, nil, sealed[headerSize:], bound(term, names))
	if err != nil {
		return nil, ErrSealed.Because(err)
	}
	return plain, nil
}

func termOf(sealed []byte) (uint32, error) {
	if len(sealed) < headerSize || sealed[0] != sealVersion {
		return 0, ErrSealed
	}
	return binary.BigEndian.Uint32(sealed[1:]), nil
}

// bound is the associated data: each name behind its length, so that no two
// lists of names give the same bytes.
func bound(term uint32, names []string) []byte {
	b := make([]byte, 0, 128)
	b = append(b, "jali sealed"...)
	b = append(b, sealVersion, schema)
	b = binary.BigEndian.AppendUint32(b, term)
	return lengthened(b, names)
}

func lengthened(b []byte, parts []string) []byte {
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// mac is HMAC-SHA-256 over parts, each behind its length.
func mac(key []byte, parts ...string) []byte { return newMacer(key).mac(parts...) }

// macer is HMAC-SHA-256 under one key that is used often: ready states are
// kept, since setting one up costs as much again as a short message.
type macer struct{ ready sync.Pool }

// macing is one state with the room that it works in.
type macing struct {
	hash.Hash
	room []byte
}

func newMacer(key []byte) *macer {
	return &macer{sync.Pool{New: func() any { return &macing{Hash: hmac.New(sha256.New, key)} }}}
}

func (m *macer) mac(parts ...string) []byte {
	h := m.ready.Get().(*macing)
	defer m.ready.Put(h)
	h.Reset()
	h.room = lengthened(h.room[:0], parts)
	_, _ = h.Write(h.room)
	clear(h.room)
	return h.Sum(make([]byte, 0, sha256.Size))
}

// derived is HKDF-SHA-256 (RFC 5869) without salt, for keys that are random.
func derived(key []byte, use string) []byte {
	k, err := hkdf.Expand(sha256.New, key, "jali "+use, keySize)
	if err != nil {
		panic("vault: 32 bytes are never too many for HKDF: " + err.Error())
	}
	return k
}
