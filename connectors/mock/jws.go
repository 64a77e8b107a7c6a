package mock

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"time"
)

var (
	b64 = base64.RawURLEncoding
	pss = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}

	errJWS = errors.New("not a JWS that the key verifies")
)

// jwsClaims are the registered claims that the banks look at, and the few of
// the request object (OpenID Connect Core 6.1).
type jwsClaims struct {
	Issuer       string     `json:"iss"`
	Subject      string     `json:"sub"`
	Audience     audience   `json:"aud"`
	Expires      *moment    `json:"exp"`
	NotBefore    *moment    `json:"nbf"`
	IssuedAt     *moment    `json:"iat"`
	ID           string     `json:"jti"`
	ClientID     string     `json:"client_id"`
	ResponseType string     `json:"response_type"`
	RedirectURI  string     `json:"redirect_uri"`
	Scope        string     `json:"scope"`
	State        string     `json:"state"`
	Nonce        string     `json:"nonce"`
	Challenge    string     `json:"code_challenge"`
	Method       string     `json:"code_challenge_method"`
	Claims       claimsWish `json:"claims"`
}

type claimsWish struct {
	IDToken  intentWish `json:"id_token"`
	UserInfo intentWish `json:"userinfo"`
}

type intentWish struct {
	Intent struct {
		Value string `json:"value"`
	} `json:"openbanking_intent_id"`
}

// intent is the consent that an authorisation is about.
func (c jwsClaims) intent() string {
	if v := c.Claims.IDToken.Intent.Value; v != "" {
		return v
	}
	return c.Claims.UserInfo.Intent.Value
}

// audience is one text or a list of them (RFC 7519 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// moment is a NumericDate.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	if seconds < 0 || seconds > 1<<40 {
		return errJWS
	}
	m.Time = time.Unix(int64(seconds), 0)
	return nil
}

// openJWS verifies a compact JWS with PS256 and nothing else (RFC 7515, RFC
// 7518 3.5) and reads its claims.
func openJWS(compact, kid string, key *rsa.PublicKey) (jwsClaims, error) {
	var claims jwsClaims
	parts := strings.Split(compact, ".")
	if len(parts) != 3 || len(compact) > 16<<10 {
		return claims, errJWS
	}
	raw := make([][]byte, 3)
	for i, p := range parts {
		var err error
		if raw[i], err = b64.DecodeString(p); err != nil {
			return claims, errJWS
		}
	}
	var header struct {
		Alg  string          `json:"alg"`
		Kid  string          `json:"kid"`
		Crit json.RawMessage `json:"crit"`
	}
	if json.Unmarshal(raw[0], &header) != nil || header.Alg != "PS256" || header.Kid != kid || header.Crit != nil {
		return claims, errJWS
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPSS(key, crypto.SHA256, digest[:], raw[2], pss) != nil {
		return claims, errJWS
	}
	if json.NewDecoder(bytes.NewReader(raw[1])).Decode(&claims) != nil {
		return claims, errJWS
	}
	return claims, nil
}

func signJWS(key *rsa.PrivateKey, kid string, claims any, forged bool) string {
	header, err1 := json.Marshal(map[string]string{"alg": "PS256", "kid": kid, "typ": "JWT"})
	payload, err2 := json.Marshal(claims)
	if err1 != nil || err2 != nil {
		return ""
	}
	text := b64.EncodeToString(header) + "." + b64.EncodeToString(payload)
	digest := sha256.Sum256([]byte(text))
	if forged {
		digest[0] ^= 1
	}
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], pss)
	if err != nil {
		return ""
	}
	return text + "." + b64.EncodeToString(sig)
}

func jwkOf(key *rsa.PublicKey, kid string) map[string]string {
	return map[string]string{"kty": "RSA", "use": "sig", "alg": "PS256", "kid": kid,
		"n": b64.EncodeToString(key.N.Bytes()), "e": b64.EncodeToString(big.NewInt(int64(key.E)).Bytes())}
}
