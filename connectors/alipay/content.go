package alipay

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"strings"

	"jali/internal/fault"
	"jali/internal/secret"
)

// content encrypts what is asked and answered, as published: AES in CBC mode
// with a vector of zeroes and PKCS#7 padding, in base64. It hides, and proves
// nothing: it is opened only after the signature over it has been checked.
type content struct{ block cipher.Block }

func newContent(key secret.Value) (*content, error) {
	if key.Empty() {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key.RevealString()))
	if err != nil {
		return nil, errors.New("alipay: ContentKey is not base64")
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, errors.New("alipay: ContentKey is not an AES key of 16, 24 or 32 bytes")
	}
	return &content{block}, nil
}

func (c *content) seal(plain string) string {
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	text := append([]byte(plain), strings.Repeat(string(rune(pad)), pad)...)
	cipher.NewCBCEncrypter(c.block, make([]byte, aes.BlockSize)).CryptBlocks(text, text)
	return base64.StdEncoding.EncodeToString(text)
}

func (c *content) open(sealed string) ([]byte, error) {
	text, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(text) == 0 || len(text)%aes.BlockSize != 0 {
		return nil, fault.Cause("the answer is not encrypted as agreed")
	}
	cipher.NewCBCDecrypter(c.block, make([]byte, aes.BlockSize)).CryptBlocks(text, text)
	pad := int(text[len(text)-1])
	if pad < 1 || pad > aes.BlockSize {
		return nil, fault.Cause("the answer is encrypted with another key")
	}
	for _, b := range text[len(text)-pad:] {
		if int(b) != pad {
			return nil, fault.Cause("the answer is encrypted with another key")
		}
	}
	return text[:len(text)-pad], nil
}
