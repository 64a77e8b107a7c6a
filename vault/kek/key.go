package kek

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"

	"jali/internal/fault"
)

// What a Key wraps is a version byte, 8 bytes that tell one key from another,
// a nonce of 12 bytes and AES-256-GCM. The associated data is the purpose,
// the version and the key's id.
const (
	keyVersion = 1
	keySize    = 32
	idSize     = 8
	purpose    = "jali root keyring"
)

// Key is a key-encryption key of 32 bytes that this process holds.
type Key struct {
	aead cipher.AEAD
	id   []byte
}

var _ KEK = (*Key)(nil)

// newKey clears key.
func newKey(key []byte) (*Key, error) {
	defer clear(key)
	sealing, err := hkdf.Expand(sha256.New, key, "jali kek wrap", keySize)
	if err != nil {
		return nil, err
	}
	id, err := hkdf.Expand(sha256.New, key, "jali kek id", idSize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Key{aead: aead, id: id}, nil
}

// decode reads a key as it is written in a file and in the environment. It
// never quotes what it reads: most of it may be right.
func decode(text []byte) ([]byte, error) {
	key, err := base64.RawURLEncoding.Strict().AppendDecode(nil, bytes.TrimRight(text, "\r\n"))
	if err != nil {
		return nil, fault.Cause("the key is not base64url")
	}
	if len(key) != keySize {
		return nil, fault.Cause("the key has another number of bytes than 32:", len(key))
	}
	return key, nil
}

func (k *Key) associated() []byte {
	return append(append([]byte(purpose), keyVersion), k.id...)
}

// Wrap seals plain under the key.
func (k *Key) Wrap(ctx context.Context, plain []byte) ([]byte, error) {
	out := append([]byte{keyVersion}, k.id...)
	return k.aead.Seal(out, nil, plain, k.associated()), ctx.Err()
}

// Unwrap opens what Wrap sealed.
func (k *Key) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	if len(wrapped) > 0 && wrapped[0] == commandVersion {
		return nil, ErrWrongKey.Saying("this database's key-encryption key is a command's: start with --key-command; nothing was changed")
	}
	if len(wrapped) < 1+idSize || wrapped[0] != keyVersion {
		return nil, ErrTampered
	}
	plain, err := k.aead.Open(nil, nil, wrapped[1+idSize:], k.associated())
	switch same := bytes.Equal(wrapped[1:1+idSize], k.id); {
	case err != nil && !same:
		return nil, ErrWrongKey
	case err != nil || !same: // the id itself may be what was changed
		clear(plain)
		return nil, ErrTampered
	}
	return plain, ctx.Err()
}
