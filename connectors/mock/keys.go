package mock

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// Keys by their holder. The operator uses one key at every bank, as Open
// Banking's directory has it.
const (
	keyAlipayApp   = "alipay_app"
	keyAlipay      = "alipay"
	keyAlipayCA    = "alipay_ca"
	keyMerchant    = "wechatpay_merchant"
	keyWeChatPay   = "wechatpay"
	keyUnionPay    = "unionpay"
	keyBankClient  = "bank_client"
	keyBankPrefix  = "bank_"
	keyBits        = 2048
	keyOrdersAhead = 16
)

// keyring holds RSA keys that are made in the background, those that an
// operator needs first first; one that few ever need is made when it is first
// asked for. get waits for its key alone.
type keyring struct{ keys map[string]*lateKey }

type lateKey struct {
	made chan struct{}
	key  *rsa.PrivateKey
	ask  sync.Once
	make func() // nil: it is being made
}

func openKeys(st *state) (*keyring, error) {
	names := []string{keyAlipayApp, keyMerchant, keyBankClient, keyAlipay, keyWeChatPay, keyDongling}
	for _, b := range bankNames {
		names = append(names, keyBankPrefix+b.id)
	}
	names = append(names, keyUnionPay, keyAlipayCA) // the last is the one that is not ordered
	ring := &keyring{keys: map[string]*lateKey{}}
	orders := make(chan string, keyOrdersAhead)
	for _, name := range names {
		k := &lateKey{made: make(chan struct{})}
		ring.keys[name] = k
		if text, ok := st.Keys[name]; ok {
			key, err := parseKey(text)
			if err != nil {
				return nil, err
			}
			k.key = key
			close(k.made)
			continue
		}
		if name == keyAlipayCA {
			k.make = func() { k.fill(st, name) }
			continue
		}
		orders <- name
	}
	close(orders)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for name := range orders {
				ring.keys[name].fill(st, name)
			}
		}()
	}
	return ring, nil
}

func (k *lateKey) fill(st *state, name string) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil { // crypto/rand does not fail; without it there is no town
		panic(fmt.Sprintf("mock: %v", err))
	}
	k.key = key
	close(k.made)
	st.keepKey(name, key)
}

func (r *keyring) get(name string) *rsa.PrivateKey {
	k := r.keys[name]
	if k.make != nil {
		k.ask.Do(k.make)
	}
	<-k.made
	return k.key
}

func parseKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("a key of the town is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("a key of the town is not RSA")
	}
	return rsaKey, nil
}

func writeKey(key *rsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// signPKCS1 is SHA256withRSA in base64, which Alipay calls RSA2 and WeChat Pay
// SHA256-RSA2048. A forged signature is well-formed and over something else.
func signPKCS1(key *rsa.PrivateKey, message []byte, forged bool) string {
	digest := sha256.Sum256(message)
	if forged {
		digest[0] ^= 1
	}
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(sig)
}

func verifiesPKCS1(key *rsa.PublicKey, message []byte, signature string) bool {
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	digest := sha256.Sum256(message)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig) == nil
}
