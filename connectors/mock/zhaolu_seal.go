package mock

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
)

// zhaoluSorted writes JSON anew with its members sorted and without spaces.
func zhaoluSorted(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one value")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func zhaoluID() []byte { return []byte((zhaoluUID + "0000000000000000")[:16]) }

func (t *Town) zhaoluCipher() cipher.Block {
	block, err := sm4.NewCipher([]byte(t.zhaoluSM4()))
	if err != nil { // 16 letters are a key
		panic(err)
	}
	return block
}

// zhaoluOpen unseals DATA.
func (t *Town) zhaoluOpen(data string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(b) == 0 || len(b)%16 != 0 {
		return nil, errors.New("not sealed")
	}
	out := make([]byte, len(b))
	cipher.NewCBCDecrypter(t.zhaoluCipher(), zhaoluID()).CryptBlocks(out, b)
	n := int(out[len(out)-1])
	if n < 1 || n > 16 {
		return nil, errors.New("not filled")
	}
	return out[:len(out)-n], nil
}

type zhaoluPair struct{ R, S *big.Int }

// zhaoluSigns makes 64 bytes of r and s, in base64.
func zhaoluSigns(key *sm2.PrivateKey, text []byte) (string, error) {
	der, err := key.SignWithSM2(rand.Reader, zhaoluID(), text)
	if err != nil {
		return "", err
	}
	var pair zhaoluPair
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(append(pair.R.FillBytes(make([]byte, 32)), pair.S.FillBytes(make([]byte, 32))...)), nil
}

func zhaoluSigned(key *ecdsa.PublicKey, text []byte, signature string) bool {
	b, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(b) != 64 {
		return false
	}
	der, err := asn1.Marshal(zhaoluPair{new(big.Int).SetBytes(b[:32]), new(big.Int).SetBytes(b[32:])})
	return err == nil && sm2.VerifyASN1WithSM2(key, zhaoluID(), text, der)
}
