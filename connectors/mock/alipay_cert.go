package mock

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// alipayAuthority is the platform's certificate authority: a root, one branch
// for applications and one for the platform itself, as Alipay has them.
type alipayAuthority struct {
	once    sync.Once
	renewed atomic.Bool
	all     alipayChain
	next    alipayCert // what the platform shows once it is renewed
}

type alipayChain struct {
	app, platform alipayCert
	root          string // in PEM, of two kinds of key
	rootSerial    string
}

type alipayCert struct {
	pem    string
	serial string // as opendocs.alipay.com/common/02mse7 counts it
}

// AlipayCerts answers what an operator downloads for certificate mode.
func (t *Town) AlipayCerts() AlipayCerts {
	t.alipayCerts()
	all := t.alipayCA.all
	return AlipayCerts{App: all.app.pem, Alipay: all.platform.pem, Root: all.root}
}

// RenewAlipayCert lets the platform's certificate be followed by another, which
// no operator has downloaded: answers are signed under it from now on.
func (t *Town) RenewAlipayCert() { t.alipayCA.renewed.Store(true) }

// alipayCerts answers the chain as it stands. It waits for three keys.
func (t *Town) alipayCerts() alipayChain {
	ca := t.alipayCA
	ca.once.Do(func() {
		key := t.keys.get(keyAlipayCA)
		made := &alipayIssuer{from: t.state.Founded.AddDate(-1, 0, 0), key: key}
		rootName := alipayName("Town Financial", "Certification Authority", "Town Financial Certification Authority R1")
		root := made.issue(1, rootName, rootName, &key.PublicKey, true)
		apps := alipayName("Town Financial", "Certification Authority", "Town Financial Certification Authority Class 1 R1")
		own := alipayName("Town Financial", "Certification Authority", "Town Financial Certification Authority Class 2 R1")
		branch1, branch2 := made.issue(2, rootName, apps, &key.PublicKey, true), made.issue(3, rootName, own, &key.PublicKey, true)
		app := made.issue(1001, apps, alipayName("花窗", "Alipay", "2088000000000000-"+alipayAppID), &t.keys.get(keyAlipayApp).PublicKey, false)
		alipay := alipayName("花窗", "Alipay", "小镇支付宝网络技术有限公司-2088000000000000")
		platform := &t.keys.get(keyAlipay).PublicKey
		ca.all = alipayChain{
			app:      alipayCert{app + branch1, alipaySerial(apps, 1001)},
			platform: alipayCert{made.issue(2001, own, alipay, platform, false) + branch2, alipaySerial(own, 2001)},
			root:     root + made.otherRoot(), rootSerial: alipaySerial(rootName, 1),
		}
		ca.next = alipayCert{made.issue(2002, own, alipay, platform, false) + branch2, alipaySerial(own, 2002)}
	})
	all := ca.all
	if ca.renewed.Load() {
		all.platform = ca.next
	}
	return all
}

type alipayIssuer struct {
	from time.Time
	key  *rsa.PrivateKey
}

// issue signs a certificate with the one key of root and branches.
func (i *alipayIssuer) issue(number int64, issuer, subject pkix.Name, key *rsa.PublicKey, authority bool) string {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: subject, NotBefore: i.from, NotAfter: i.from.AddDate(20, 0, 0),
		IsCA: authority, BasicConstraintsValid: authority, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if authority {
		c.KeyUsage = x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, c, &x509.Certificate{Subject: issuer}, key, i.key)
	if err != nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// otherRoot is a root of another kind, as Alipay's file holds some: it signs
// nothing and is not counted.
func (i *alipayIssuer) otherRoot() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ""
	}
	name := alipayName("Town Financial", "Certification Authority", "Town Financial Certification Authority E1")
	c := &x509.Certificate{SerialNumber: big.NewInt(9), Subject: name, NotBefore: i.from, NotAfter: i.from.AddDate(20, 0, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func alipayName(o, ou, cn string) pkix.Name {
	return pkix.Name{Country: []string{"CN"}, Organization: []string{o}, OrganizationalUnit: []string{ou}, CommonName: cn}
}

// alipaySerial is MD5 over the issuer, its names from the last to the first, and
// the number in decimal.
func alipaySerial(issuer pkix.Name, number int64) string {
	text := "CN=" + issuer.CommonName + ",OU=" + issuer.OrganizationalUnit[0] + ",O=" + issuer.Organization[0] + ",C=" + issuer.Country[0]
	sum := md5.Sum([]byte(text + big.NewInt(number).String()))
	return hex.EncodeToString(sum[:])
}

// alipayCertMode holds the serials of a request against what was issued; a
// request with none is one of key mode.
func (t *Town) alipayCertMode(app, root string) *alipayFault {
	if app == "" && root == "" {
		return nil
	}
	all := t.alipayCerts()
	switch {
	case app == "":
		return missing("app-cert-sn")
	case root == "":
		return missing("alipay-root-cert-sn")
	case app != all.app.serial:
		return invalid("app-cert-not-exist", "应用公钥证书不存在")
	case root != all.rootSerial:
		return invalid("invalid-alipay-root-cert-sn", "支付宝根证书序列号错误")
	}
	return nil
}

// alipayCert is alipay.open.app.alipaycert.download.
func (t *Town) alipayCert(a alipayAsk) ([]member, *alipayFault) {
	t.alipayCerts()
	for _, one := range []alipayCert{t.alipayCA.all.platform, t.alipayCA.next} {
		if one.serial == a.params["alipay_cert_sn"] {
			return []member{{"alipay_cert_content", base64.StdEncoding.EncodeToString([]byte(one.pem))}}, nil
		}
	}
	return nil, &alipayFault{"40004", "Business Failed", "isv.alipay-cert-not-exist", "支付宝公钥证书不存在"}
}

// alipayContentKey is the AES key of the application, the same for as long as
// its RSA key is.
func (t *Town) alipayContentKey() string {
	return base64.StdEncoding.EncodeToString(t.alipaySecret("content")[:16])
}

// alipaySecret derives a key of the platform's from its RSA key.
func (t *Town) alipaySecret(what string) []byte {
	h := hmac.New(sha256.New, t.keys.get(keyAlipay).D.Bytes())
	h.Write([]byte(what))
	return h.Sum(nil)
}

// alipaySeal is opendocs.alipay.com/common/02mse3: AES/CBC/PKCS5Padding, a
// vector of zeroes, base64.
func (t *Town) alipaySeal(plain []byte) string {
	block, err := aes.NewCipher(t.alipaySecret("content")[:16])
	if err != nil {
		return ""
	}
	n := 16 - len(plain)%16
	padded := slices.Concat(plain, slices.Repeat([]byte{byte(n)}, n))
	out := make([]byte, len(padded))
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(out, padded)
	return base64.StdEncoding.EncodeToString(out)
}

func (t *Town) alipayUnseal(text string) ([]byte, bool) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sealed) == 0 || len(sealed)%16 != 0 {
		return nil, false
	}
	block, err := aes.NewCipher(t.alipaySecret("content")[:16])
	if err != nil {
		return nil, false
	}
	out := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(out, sealed)
	n := int(out[len(out)-1])
	if n < 1 || n > 16 {
		return nil, false
	}
	return out[:len(out)-n], true
}
