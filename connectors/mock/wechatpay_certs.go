package mock

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"time"
)

// wechatKey is what WeChat Pay signs with, under the name that it gives it.
type wechatKey struct {
	serial      string
	key         *rsa.PrivateKey
	certificate []byte // PEM; none for a public key
	from, until time.Time
}

// certificateLife is that of a platform certificate.
const certificateLife = 5 * 365 * 24 * time.Hour

func (t *Town) wechatAPIv3Key() string { return letters(seeded(t.cfg.Seed, "wechat api v3"), 32) }

func (t *Town) wechatSigner(certificates bool) wechatKey {
	if !certificates {
		return wechatKey{serial: wechatPublicKeyID, key: t.keys.get(keyWeChatPay)}
	}
	all := t.wechatKeys()
	return all[len(all)-1]
}

// wechatKeys are the platform certificates, the newest last. The first is of
// the key that signs in public-key mode, too.
func (t *Town) wechatKeys() []wechatKey {
	first := t.keys.get(keyWeChatPay)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.wechat) == 0 {
		t.wechat = append(t.wechat, t.wechatCertify(first))
	}
	return append([]wechatKey(nil), t.wechat...)
}

// RotateWeChatPay replaces the platform certificate by one of a new key, which
// signs from now on; the list goes on showing both.
func (t *Town) RotateWeChatPay() error {
	t.wechatKeys()
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wechat = append(t.wechat, t.wechatCertify(key))
	return nil
}

func (t *Town) wechatCertify(key *rsa.PrivateKey) wechatKey {
	serial := make([]byte, 20)
	_, _ = rand.Read(serial) // does not fail
	serial[0] = serial[0]&0x3f | 0x40
	now := t.cfg.Now()
	c := &x509.Certificate{SerialNumber: new(big.Int).SetBytes(serial), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		Subject: pkix.Name{CommonName: "Tenpay.com sign", Organization: []string{"Tenpay.com"}, OrganizationalUnit: []string{"Tenpay.com CA Center"}, Country: []string{"CN"}}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil { // of a template of our own
		panic(fmt.Sprintf("mock: %v", err))
	}
	return wechatKey{fmt.Sprintf("%X", c.SerialNumber), key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), c.NotBefore, c.NotAfter}
}

// wechatCertificates is GET /v3/certificates "获取平台证书列表".
func (t *Town) wechatCertificates(_ *http.Request, c wechatCall) (any, *wechatFault) {
	if !c.certificates {
		return nil, &wechatFault{http.StatusNotFound, "RESOURCE_NOT_EXISTS", "该商户使用微信支付公钥，无可用的平台证书"}
	}
	type sealed struct {
		Algorithm  string `json:"algorithm"`
		Nonce      string `json:"nonce"`
		About      string `json:"associated_data"`
		Ciphertext string `json:"ciphertext"`
	}
	type row struct {
		Serial string `json:"serial_no"`
		From   string `json:"effective_time"`
		Until  string `json:"expire_time"`
		Sealed sealed `json:"encrypt_certificate"`
	}
	var rows []row
	for _, k := range t.wechatKeys() {
		nonce := rand.Text()[:12]
		rows = append(rows, row{k.serial, k.from.In(beijing).Format(time.RFC3339), k.until.In(beijing).Format(time.RFC3339),
			sealed{"AEAD_AES_256_GCM", nonce, "certificate", base64.StdEncoding.EncodeToString(sealGCM(t.wechatAPIv3Key(), nonce, "certificate", k.certificate))}})
	}
	return map[string]any{"data": listed(c.Trouble, rows)}, nil
}
