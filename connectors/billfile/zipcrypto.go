package billfile

import (
	"crypto/subtle"
	"hash/crc32"
	"io"
)

// zipKeys is the state of ZIP's traditional encryption (PKWARE APPNOTE 6.1).
// It is weak, which is the sender's affair; its check is one byte, so that
// every 256th wrong password is found out only by what is unpacked.
type zipKeys [3]uint32

func zipKeysOf(password []byte) *zipKeys {
	k := &zipKeys{0x12345678, 0x23456789, 0x34567890}
	for _, b := range password {
		k.update(b)
	}
	return k
}

func (k *zipKeys) update(plain byte) {
	k[0] = crc32.IEEETable[byte(k[0])^plain] ^ k[0]>>8
	k[1] = (k[1]+k[0]&0xff)*134775813 + 1
	k[2] = crc32.IEEETable[byte(k[2])^byte(k[1]>>24)] ^ k[2]>>8
}

func (k *zipKeys) decrypt(b []byte) {
	for i, c := range b {
		t := k[2] | 2
		b[i] = c ^ byte(t*(t^1)>>8)
		k.update(b[i])
	}
}

const zipCryptoHeader = 12

// openZipCrypto decrypts a member. check is the high byte of its checksum, or
// of its time where the checksum follows it.
func openZipCrypto(raw, password []byte, check byte) ([]byte, error) {
	if len(raw) < zipCryptoHeader {
		return nil, io.ErrUnexpectedEOF
	}
	k := zipKeysOf(password)
	k.decrypt(raw)
	if subtle.ConstantTimeByteEq(raw[zipCryptoHeader-1], check) == 0 {
		return nil, errPassword
	}
	return raw[zipCryptoHeader:], nil
}
