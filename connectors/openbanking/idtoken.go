package openbanking

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"time"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/jose"
)

const (
	maxIDToken = 16 << 10        // bytes
	clockSkew  = 5 * time.Minute // between the bank and us
)

// confirm checks the ID token (OpenID Connect Core 1.0, section 3.1.3.7, and
// the openbanking_intent_id of the UK security profile).
func (c *Connector) confirm(ctx context.Context, compact string, k kept) (jose.Claims, error) {
	want := jose.Expect{MaxBytes: maxIDToken, Algorithms: []string{jose.PS256, jose.ES256}}
	var tok jose.Token
	for _, again := range []bool{false, true} {
		keys, err := c.bankKeys(ctx, again)
		if err != nil {
			return nil, err
		}
		tok, err = jose.Verify(compact, keys, want)
		if err == nil {
			break
		}
		if again || !errors.Is(err, jose.ErrSignature) {
			return nil, connectors.ErrUnsigned.Because(err)
		}
	}
	return tok.Claims, c.ofThisLink(tok.Claims, k)
}

// claim is a text among claims, or nothing.
func claim(claims jose.Claims, name string) string {
	s, _ := claims.String(name)
	return s
}

// ofThisLink checks what a verified ID token says.
func (c *Connector) ofThisLink(claims jose.Claims, k kept) error {
	var audience []string
	if one := claim(claims, "aud"); one != "" {
		audience = []string{one}
	} else if json.Unmarshal(claims["aud"], &audience) != nil {
		audience = nil
	}
	now := c.now()
	exp, okExp := claims.Time("exp")
	iat, okIat := claims.Time("iat")
	switch {
	case claim(claims, "iss") != c.issuer, !slices.Contains(audience, c.clientID):
		return connectors.ErrMalformed.Because(fault.Cause("the ID token is another issuer's, or for another client"))
	case len(audience) > 1 && claim(claims, "azp") != c.clientID:
		return connectors.ErrMalformed.Because(fault.Cause("the ID token is for several clients"))
	case !okExp, !okIat, !now.Before(exp.Add(clockSkew)), iat.After(now.Add(clockSkew)):
		return connectors.ErrMalformed.Because(fault.Cause("the ID token is not of this time"))
	case subtle.ConstantTimeCompare([]byte(claim(claims, "nonce")), []byte(k.Nonce)) != 1:
		return connectors.ErrMalformed.Because(fault.Cause("the ID token is of another link"))
	case claim(claims, "openbanking_intent_id") != k.Consent:
		return connectors.ErrMalformed.Because(fault.Cause("the ID token is for another consent"))
	}
	return nil
}

// detached checks the ID token that came with the code: the bank's signature
// over the code and the state (FAPI 1.0 Advanced 5.2.3.1, OpenID Connect Core
// 1.0 3.3.2.11). The code is worth nothing before.
func (c *Connector) detached(ctx context.Context, query url.Values, k kept) (jose.Claims, error) {
	compact := query["id_token"]
	if len(compact) != 1 {
		return nil, connectors.ErrLinkRefused.Because(fault.Cause("a hybrid answer without its ID token"))
	}
	claims, err := c.confirm(ctx, compact[0], k)
	if err != nil {
		return nil, err
	}
	for name, of := range map[string]string{"c_hash": query.Get("code"), "s_hash": query.Get("state")} {
		if subtle.ConstantTimeCompare([]byte(claim(claims, name)), []byte(half(of))) != 1 {
			return nil, connectors.ErrMalformed.Because(fault.Cause("the ID token came with another code or state"))
		}
	}
	return claims, nil
}

// half is the left half of a text's SHA-256, the hash of PS256 and ES256.
func half(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
