package mock

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

// XiheAccess is what an operator holds who has registered its software with
// Xihe Bank, which speaks NextGenPSD2 of the Berlin Group.
type XiheAccess struct {
	ID              string // XiheBank
	ZH, EN          string
	APIBase         string // "…/psd2/v1": offers scaOAuth
	RedirectAPIBase string // the same, for those who would rather be redirected: offers scaRedirect
	Metadata        string // of the authorization server
	ClientID        string // the organizationIdentifier of the certificate
	Certificate     string // QSealC, PEM
	Key             *rsa.PrivateKey
}

// organizationIdentifier is the attribute in which eIDAS certificates for PSD2
// name who they are for (ETSI TS 119 495).
var organizationIdentifier = asn1.ObjectIdentifier{2, 5, 4, 97}

const (
	xiheAt     = "/bank/" + XiheBank
	xiheClient = "PSDCN-PBC-JALI01"
)

// qtsp is the town's trust service provider with the one certificate that it
// has issued, made when somebody asks.
type qtsp struct {
	once   sync.Once
	issuer *x509.Certificate
	issued []byte // DER
}

func (t *Town) certify() *qtsp {
	q := &t.qtsp
	q.once.Do(func() {
		from, to := t.state.Founded.AddDate(0, 0, -1), t.state.Founded.AddDate(20, 0, 0)
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic("mock: " + err.Error()) // crypto/rand does not fail
		}
		root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Town QSealC CA", Organization: []string{"Mock Town"}, Country: []string{"CN"}},
			NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
		der, err := x509.CreateCertificate(rand.Reader, root, root, &own.PublicKey, own)
		if err == nil {
			q.issuer, err = x509.ParseCertificate(der)
		}
		if err == nil {
			leaf := &x509.Certificate{SerialNumber: big.NewInt(0x9FA1), NotBefore: from, NotAfter: to, KeyUsage: x509.KeyUsageDigitalSignature,
				Subject: pkix.Name{CommonName: "Jali", Country: []string{"CN"}, ExtraNames: []pkix.AttributeTypeAndValue{{Type: organizationIdentifier, Value: xiheClient}}}}
			q.issued, err = x509.CreateCertificate(rand.Reader, leaf, q.issuer, &t.keys.get(keyBankClient).PublicKey, own)
		}
		if err != nil {
			panic("mock: " + err.Error())
		}
	})
	return q
}

// Xihe answers the operator's registration at Xihe Bank. It waits for the key,
// which is the one that it uses at every bank.
func (t *Town) Xihe() XiheAccess {
	b, base := bankByID(XiheBank), t.cfg.BaseURL+xiheAt
	return XiheAccess{ID: b.id, ZH: b.zh, EN: b.en, APIBase: base + "/psd2/v1", RedirectAPIBase: base + "/redirect/psd2/v1",
		Metadata: base + "/oauth" + "/.well-known/oauth-authorization-server", ClientID: xiheClient,
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: t.certify().issued})), Key: t.keys.get(keyBankClient)}
}

// xiheCall is one request to Xihe Bank.
type xiheCall struct {
	t    *Town
	x    Trouble
	w    http.ResponseWriter
	r    *http.Request
	now  time.Time
	base string // of the interface that was called
	way  string
}

const (
	wayOAuth    = "oauth"
	wayRedirect = "redirect"
)

func (t *Town) serveXihe(mux *http.ServeMux) {
	at := func(pattern string, f func(xiheCall), well bool, base, way string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c := xiheCall{t: t, w: w, r: r, now: t.cfg.Now(), base: base, way: way}
			if !well { // login pages stay well
				var here bool
				if c.x, here = t.ails(w, r, XiheBank); !here {
					return
				}
				switch {
				case c.x.Down:
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				case c.x.Busy:
					if !c.x.NoWait {
						w.Header().Set("Retry-After", "2")
					}
					c.fail(http.StatusTooManyRequests, "ACCESS_EXCEEDED")
					return
				}
			}
			f(c)
		})
	}
	for way, base := range map[string]string{wayOAuth: xiheAt + "/psd2/v1", wayRedirect: xiheAt + "/redirect/psd2/v1"} {
		api := func(pattern string, f func(xiheCall)) {
			method, path, _ := strings.Cut(pattern, " ")
			at(method+" "+base+path, func(c xiheCall) {
				if c.sealed() {
					f(c)
				}
			}, false, base, way)
		}
		api("POST /consents", xiheCall.openConsent)
		api("GET /consents/{consentId}", xiheCall.readConsent)
		api("GET /consents/{consentId}/status", xiheCall.readConsent)
		api("DELETE /consents/{consentId}", xiheCall.deleteConsent)
		api("GET /accounts", xiheCall.accounts)
		api("GET /accounts/{id}", xiheCall.account)
		api("GET /accounts/{id}/balances", xiheCall.balances)
		api("GET /accounts/{id}/transactions", xiheCall.transactions)
		api("GET /card-accounts", xiheCall.accounts)
		api("GET /card-accounts/{id}", xiheCall.account)
		api("GET /card-accounts/{id}/balances", xiheCall.balances)
		api("GET /card-accounts/{id}/transactions", xiheCall.transactions)
	}
	oauth := xiheAt + "/oauth"
	at("GET "+oauth+"/.well-known/oauth-authorization-server", xiheCall.metadata, false, oauth, wayOAuth)
	at("POST "+oauth+"/token", xiheCall.token, false, oauth, wayOAuth)
	at("GET "+oauth+"/authorize", xiheCall.authorize, true, oauth, wayOAuth)
	at("POST "+oauth+"/authorize", xiheCall.authorize, true, oauth, wayOAuth)
	at("GET "+xiheAt+"/sca/{consentId}", xiheCall.sca, true, "", wayRedirect)
	at("POST "+xiheAt+"/sca/{consentId}", xiheCall.sca, true, "", wayRedirect)
}

func (c xiheCall) answer(status int, body any) {
	c.w.Header().Set("Content-Type", "application/json")
	if id := c.r.Header.Get("X-Request-ID"); id != "" && len(id) <= 64 {
		c.w.Header().Set("X-Request-ID", id)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(body)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(c.x.spoil(b.Bytes()))
}

// fail answers with one message of the framework's set.
func (c xiheCall) fail(status int, code string) {
	c.answer(status, map[string]any{"tppMessages": []map[string]string{{"category": "ERROR", "code": code, "text": "Xihe Bank: " + strings.ToLower(strings.ReplaceAll(code, "_", " "))}}})
}

// sealed checks who signed the request, and over what (Implementation
// Guidelines, section 12), or has refused it.
func (c xiheCall) sealed() bool {
	body, err := io.ReadAll(c.r.Body)
	if err != nil {
		c.fail(http.StatusBadRequest, "FORMAT_ERROR")
		return false
	}
	c.r.Body = io.NopCloser(bytes.NewReader(body))
	id := c.r.Header.Get("X-Request-ID")
	if len(id) != 36 || strings.Count(id, "-") != 4 || strings.Trim(id, "0123456789abcdefABCDEF-") != "" {
		c.fail(http.StatusBadRequest, "FORMAT_ERROR")
		return false
	}
	q := c.t.certify()
	trusted := func(cert *x509.Certificate) string {
		switch {
		case cert.CheckSignatureFrom(q.issuer) != nil || !namesClient(cert):
			return "CERTIFICATE_INVALID"
		case c.now.Before(cert.NotBefore) || c.now.After(cert.NotAfter):
			return "CERTIFICATE_EXPIRED"
		}
		return ""
	}
	if code := checkSeal(c.r.Header, body, c.now, trusted); code != "" {
		c.fail(http.StatusUnauthorized, code)
		return false
	}
	// An identification is unique to its call.
	if !c.t.once(c.t.nonces, XiheBank+" "+id, 2*sealSkew) {
		c.fail(http.StatusUnauthorized, "SIGNATURE_INVALID")
		return false
	}
	return true
}

func namesClient(cert *x509.Certificate) bool {
	for _, name := range cert.Subject.Names {
		if name.Type.Equal(organizationIdentifier) {
			return name.Value == xiheClient
		}
	}
	return false
}
