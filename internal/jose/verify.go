package jose

import (
	"encoding/base64"
	"slices"
	"strings"
)

// Expect is what a caller demands of a JWS before its claims mean anything.
type Expect struct {
	// Types are the accepted values of "typ", in lower case and without
	// "application/" (RFC 7515, section 4.1.9); "" accepts its absence. None:
	// it is not looked at.
	Types []string

	// Algorithms narrows [Algorithms]; none: all of them.
	Algorithms []string

	// MaxBytes is the size of the whole JWS beyond which it is not parsed. It
	// must be set.
	MaxBytes int

	// OwnKey takes the key out of the header's "jwk": the JWS then proves only
	// that its sender has that key. Otherwise a "jwk" is refused.
	OwnKey bool
}

// Token is a JWS whose signature is good.
type Token struct {
	Header  Claims
	Claims  Claims
	Payload []byte // the JSON that Claims are the members of
	Key     PublicKey
}

// Verify checks a compact JWS against keys, or with OwnKey against its own.
// Errors are ErrMalformed, ErrRefused, ErrKey and ErrSignature; they say which
// rule was broken and nothing of what was sent. Members "jku", "x5u" and the
// like are never followed, and a "crit", "b64" or "zip" is refused.
func Verify(compact string, keys KeySet, want Expect) (Token, error) {
	if compact == "" || len(compact) > want.MaxBytes {
		return Token{}, ErrMalformed
	}
	if strings.ContainsAny(compact, "\r\n") { // encoding/base64 would skip them
		return Token{}, ErrMalformed
	}
	head, rest, _ := strings.Cut(compact, ".")
	body, tail, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(tail, ".") {
		return Token{}, ErrMalformed
	}
	header, _, err := object(head)
	if err != nil {
		return Token{}, err
	}
	alg, err := heed(header, want)
	if err != nil {
		return Token{}, err
	}
	sig, err := strict.DecodeString(tail)
	if err != nil || len(sig) == 0 {
		return Token{}, ErrMalformed
	}
	if want.OwnKey {
		own, err := ownKeys.parse(header["jwk"])
		if err != nil {
			return Token{}, err
		}
		keys = KeySet{own}
	}
	key, ok := signedBy(keys, header, alg, []byte(compact[:len(head)+1+len(body)]), sig)
	if !ok {
		return Token{}, ErrSignature
	}
	claims, payload, err := object(body)
	if err != nil {
		return Token{}, err
	}
	return Token{Header: header, Claims: claims, Payload: payload, Key: key}, nil
}

var strict = base64.RawURLEncoding.Strict()

func object(encoded string) (Claims, []byte, error) {
	b, err := strict.DecodeString(encoded)
	if err != nil {
		return nil, nil, ErrMalformed
	}
	m, ok := members(b)
	if !ok {
		return nil, nil, ErrMalformed
	}
	return m, b, nil
}

// heed reads the header and answers its algorithm.
func heed(h Claims, want Expect) (string, error) {
	for _, name := range []string{"crit", "b64", "zip"} {
		if h.Has(name) {
			return "", ErrRefused.Saying("header member \"" + name + "\" is not accepted")
		}
	}
	if h.Has("jwk") != want.OwnKey {
		if want.OwnKey {
			return "", ErrRefused.Saying("header member \"jwk\" is required")
		}
		return "", ErrRefused.Saying("a key in the header is not accepted here")
	}
	alg, _ := h.String("alg")
	allowed := want.Algorithms
	if len(allowed) == 0 {
		allowed = Algorithms()
	}
	if _, ok := verifiers[alg]; !ok || !slices.Contains(allowed, alg) {
		return "", ErrRefused.Saying("\"alg\" must be one of " + strings.Join(allowed, ", "))
	}
	if len(want.Types) > 0 {
		typ, isText := h.String("typ")
		present := h.Has("typ")
		typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
		if present && (!isText || typ == "") || !slices.Contains(want.Types, typ) {
			return "", ErrRefused.Saying("\"typ\" is missing or not the one wanted here")
		}
	}
	return alg, nil
}

// signedBy tries the keys that can have made the signature: those of the
// header's kid, where it has one, and those that have no name.
func signedBy(keys KeySet, h Claims, alg string, message, sig []byte) (PublicKey, bool) {
	kid, named := h.String("kid")
	for _, k := range keys {
		if !k.fits(alg) || named && k.id != "" && k.id != kid && h["jwk"] == nil {
			continue
		}
		if verifiers[alg].Verify(message, sig, k.raw) == nil {
			return k, true
		}
	}
	return PublicKey{}, false
}

// Unverified answers the claims of a JWS that nobody has checked: who says it
// is from whom, to find the keys to check it with.
func Unverified(compact string, maxBytes int) (Claims, error) {
	if len(compact) > maxBytes {
		return nil, ErrMalformed
	}
	_, rest, _ := strings.Cut(compact, ".")
	body, _, _ := strings.Cut(rest, ".")
	claims, _, err := object(body)
	return claims, err
}

// KeyID answers the "kid" in the header of a JWS that nobody has checked, or
// nothing: which key it asks to be checked with.
func KeyID(compact string, maxBytes int) string {
	if len(compact) > maxBytes {
		return ""
	}
	head, _, _ := strings.Cut(compact, ".")
	header, _, err := object(head)
	if err != nil {
		return ""
	}
	id, _ := header.String("kid")
	return id
}
