package billfile

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"io"
)

// zipAES is what a member's extra field 0x9901 says (WinZip, AES Encryption
// Information: Encryption Specification AE-1 and AE-2, 1.04).
type zipAES struct {
	version  uint16 // 1: the checksum of the plain text is in the directory; 2: it is not
	strength byte   // 1, 2, 3: 128, 192, 256 bits
	method   uint16 // of packing, within
}

const methodAES = 99

// aesOf finds the field.
func aesOf(extra []byte) (z zipAES, ok bool) {
	for len(extra) >= 4 {
		id, size := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; size > len(extra) {
			break
		}
		if f := extra[:size]; id == 0x9901 && size == 7 && string(f[2:4]) == "AE" {
			z = zipAES{binary.LittleEndian.Uint16(f), f[4], binary.LittleEndian.Uint16(f[5:])}
			return z, (z.version == 1 || z.version == 2) && z.strength >= 1 && z.strength <= 3
		}
		extra = extra[size:]
	}
	return z, false
}

const (
	aesRounds   = 1000 // of PBKDF2, fixed by the specification
	aesVerifier = 2
	aesMAC      = 10
)

// open decrypts a member: salt, two bytes that verify the password, what is
// encrypted, and ten bytes of HMAC-SHA1 over that, which is checked before
// anything is decrypted.
func (z zipAES) open(raw, password []byte) ([]byte, error) {
	bits := 8 * (int(z.strength) + 1) // bytes of a key, and twice those of the salt
	salt := bits / 2
	if len(raw) < salt+aesVerifier+aesMAC {
		return nil, io.ErrUnexpectedEOF
	}
	keys, err := pbkdf2.Key(sha1.New, string(password), raw[:salt], aesRounds, 2*bits+aesVerifier)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(keys[2*bits:], raw[salt:salt+aesVerifier]) == 0 {
		return nil, errPassword
	}
	body, mac := raw[salt+aesVerifier:len(raw)-aesMAC], raw[len(raw)-aesMAC:]
	h := hmac.New(sha1.New, keys[bits:2*bits])
	h.Write(body)
	if !hmac.Equal(h.Sum(nil)[:aesMAC], mac) {
		return nil, errPassword
	}
	block, err := aes.NewCipher(keys[:bits])
	if err != nil {
		return nil, err
	}
	littleCTR(block, body)
	return body, nil
}

// littleCTR is counter mode with a counter from 1 whose first byte is the
// least, which crypto/cipher's is not.
func littleCTR(block cipher.Block, b []byte) {
	var counter, pad [aes.BlockSize]byte
	for n := uint64(1); len(b) > 0; n++ {
		binary.LittleEndian.PutUint64(counter[:], n)
		block.Encrypt(pad[:], counter[:])
		b = b[subtle.XORBytes(b, b, pad[:]):]
	}
}
