package wechatpay

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/secret"
)

const (
	// anew is how long the platform's list of certificates is good for: it asks
	// for less than twelve hours, and shows a new one a day before it signs
	// with it.
	anew = 11 * time.Hour
	// pause is how long an unknown serial waits for another look: or anybody
	// who forges answers could have us ask without end.
	pause = time.Minute
	// manyCertificates is more than are ever valid side by side.
	manyCertificates = 16
)

// trusted is whom answers are believed from: the public keys of the config
// and, in platform-certificate mode, the certificates that /v3/certificates
// lists. Several of either stand side by side while one is replaced.
type trusted struct {
	keys   map[string]*rsa.PublicKey
	apiV3  secret.Value // opens the list; empty: public-key mode, where there is none
	listed atomic.Pointer[list]
	turn   chan *look // who holds it may ask for the list
}

// list is what /v3/certificates answered.
type list struct {
	certificates map[string]*x509.Certificate
	at           time.Time
}

// look is the last try to fetch the list, and what became of it.
type look struct {
	at  time.Time
	err error
}

// platformKey answers the key that an answer names in Wechatpay-Serial.
func (c *Connector) platformKey(ctx context.Context, serial string) (*rsa.PublicKey, error) {
	unknown := connectors.ErrUnsigned.Because(fault.Cause("signed with an unknown key"))
	if key, ok := c.trusted.keys[serial]; ok {
		return key, nil
	}
	if c.trusted.apiV3.Empty() || serial == "" {
		return nil, unknown
	}
	key, old := c.trusted.find(serial, c.now())
	switch {
	case key != nil && !old:
		return key, nil
	case key != nil: // known, but the list may have dropped it: whoever is first looks
		select {
		case last := <-c.trusted.turn:
			_ = c.lookAgain(ctx, last)
		default:
		}
	default:
		select {
		case last := <-c.trusted.turn:
			if key, _ = c.trusted.find(serial, c.now()); key != nil {
				c.trusted.turn <- last
				return key, nil
			}
			if err := c.lookAgain(ctx, last); err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, connectors.ErrDown.Because(ctx.Err())
		}
	}
	if key, _ = c.trusted.find(serial, c.now()); key == nil {
		return nil, unknown
	}
	return key, nil
}

// find answers the key of a listed certificate that is valid, and whether the
// list has grown old.
func (p *trusted) find(serial string, now time.Time) (*rsa.PublicKey, bool) {
	l := p.listed.Load()
	if l == nil {
		return nil, false
	}
	crt := l.certificates[strings.ToUpper(serial)]
	if crt == nil || now.Before(crt.NotBefore) || now.After(crt.NotAfter) {
		return nil, false
	}
	return crt.PublicKey.(*rsa.PublicKey), now.Sub(l.at) >= anew
}

// lookAgain fetches the list, unless that was tried within the minute: then it
// answers what came of that. It gives the turn back.
func (c *Connector) lookAgain(ctx context.Context, last *look) (err error) {
	next := last
	defer func() { c.trusted.turn <- next }()
	now := c.now()
	if since := now.Sub(last.at); since >= 0 && since < pause {
		return last.err
	}
	next = &look{at: now}
	l, err := c.certificates(ctx)
	if err != nil {
		next.err = err
		return err
	}
	c.trusted.listed.Store(l)
	return nil
}

// certificates asks /v3/certificates ("获取平台证书列表"). The certificates are
// sealed under the APIv3 key, and one of them signs the answer.
func (c *Connector) certificates(ctx context.Context) (*list, error) {
	a, err := c.send(ctx, c.api.JoinPath("v3/certificates"), maxAnswer)
	if err != nil {
		return nil, err
	}
	if a.Status < 200 || a.Status > 299 {
		return nil, c.meaning(a, false)
	}
	l := &list{at: c.now()}
	if l.certificates, err = openCertificates(a.Body, c.trusted.apiV3); err != nil {
		return nil, connectors.ErrUnsigned.Because(err)
	}
	crt := l.certificates[strings.ToUpper(a.Header.Get("Wechatpay-Serial"))]
	if crt == nil {
		return nil, connectors.ErrUnsigned.Because(fault.Cause("the list of certificates is signed with none of them"))
	}
	if err := signedBy(crt.PublicKey.(*rsa.PublicKey), a, c.now()); err != nil {
		return nil, connectors.ErrUnsigned.Because(err)
	}
	return l, nil
}

// openCertificates reads the list with the APIv3 key ("证书和回调报文解密").
func openCertificates(body []byte, apiV3 secret.Value) (map[string]*x509.Certificate, error) {
	var a struct {
		Data []struct {
			Serial string `json:"serial_no"`
			Sealed struct {
				Algorithm  string `json:"algorithm"`
				Nonce      string `json:"nonce"`
				Data       string `json:"associated_data"`
				Ciphertext string `json:"ciphertext"`
			} `json:"encrypt_certificate"`
		} `json:"data"`
	}
	if dial.JSON(body, &a) != nil || len(a.Data) == 0 || len(a.Data) > manyCertificates {
		return nil, fault.Cause("not a list of certificates")
	}
	all := map[string]*x509.Certificate{}
	for _, one := range a.Data {
		if one.Sealed.Algorithm != "AEAD_AES_256_GCM" {
			continue // for merchants of another kind of signature
		}
		text, err := base64.StdEncoding.DecodeString(one.Sealed.Ciphertext)
		if err != nil {
			return nil, fault.Cause("a certificate's ciphertext is not base64")
		}
		if text, err = openGCM(apiV3.Reveal(), []byte(one.Sealed.Nonce), text, []byte(one.Sealed.Data)); err != nil {
			return nil, err
		}
		crt, err := wire.Certificate(string(text))
		if err != nil {
			return nil, fault.Cause("a certificate cannot be read")
		}
		key, ok := crt.PublicKey.(*rsa.PublicKey)
		if serial := fmt.Sprintf("%X", crt.SerialNumber); !ok || key.N.BitLen() < wire.MinBits || serial != strings.ToUpper(one.Serial) {
			return nil, fault.Cause("a certificate is not RSA, or has another serial than it is listed under")
		}
		all[strings.ToUpper(one.Serial)] = crt
	}
	return all, nil
}

// believe sets up whom answers are believed from.
func (c *Connector) believe(cfg Config) error {
	p := &trusted{keys: map[string]*rsa.PublicKey{}, apiV3: cfg.APIv3Key, turn: make(chan *look, 1)}
	p.turn <- &look{}
	for id, text := range cfg.PlatformKeys {
		key, err := wire.PublicKey(text, wire.MinBits)
		if id == "" {
			return errors.New("wechatpay: PlatformKeys has a key without its id")
		}
		if err != nil {
			return fmt.Errorf("wechatpay: PlatformKeys[%q] %w", id, err)
		}
		p.keys[id] = key
	}
	switch n := len(cfg.APIv3Key.Reveal()); {
	case n != 0 && n != 32:
		return errors.New("wechatpay: APIv3Key is not of 32 bytes")
	case n == 0 && len(p.keys) == 0:
		return errors.New("wechatpay: neither PlatformKeys nor APIv3Key is set: no answer could be believed")
	}
	if len(p.keys) == 1 {
		for id := range maps.Keys(p.keys) {
			c.asks = id
		}
	}
	c.trusted = p
	return nil
}
