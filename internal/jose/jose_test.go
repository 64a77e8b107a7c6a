package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/internal/secret"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs exactly the header and payload that are given, well-formed or
// not, as jwx itself would not.
func forge(k PrivateKey, header, payload string) string {
	message := b64(header) + "." + b64(payload)
	return message + "." + b64(string(must(k.sign([]byte(message)))))
}

var es, ps, ed = must(Generate(ES256)), must(Generate(PS256)), must(Generate(Ed25519))

func TestRoundTrip(t *testing.T) {
	for _, alg := range Algorithms() {
		t.Run(alg, func(t *testing.T) {
			k := map[string]PrivateKey{ES256: es, PS256: ps, EdDSA: must(Generate(EdDSA)), Ed25519: ed}[alg]
			jws, err := k.Sign(map[string]any{"typ": "JWT"}, map[string]any{"iss": "a", "exp": 5})
			if err != nil {
				t.Fatal(err)
			}
			tok, err := Verify(jws, KeySet{k.Public()}, Expect{MaxBytes: 4096, Types: []string{"jwt"}})
			if err != nil {
				t.Fatal(err)
			}
			if iss, ok := tok.Claims.String("iss"); !ok || iss != "a" {
				t.Errorf("iss = %q, %v", iss, ok)
			}
			if exp, ok := tok.Claims.Time("exp"); !ok || exp.Unix() != 5 {
				t.Errorf("exp = %v, %v", exp, ok)
			}
			again, err := ParsePrivateKey(must(k.Export()))
			if err != nil {
				t.Fatal(err)
			}
			if again.Public().Thumbprint() != k.Public().Thumbprint() || again.Algorithm() != alg || again.Public().ID() != k.Public().ID() {
				t.Errorf("exported and read again: another key")
			}
			set, err := ParseKeySet(fmt.Appendf(nil, `{"keys":[%s]}`, k.Public().JWK()))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(must(again.Sign(nil, map[string]any{})), set, Expect{MaxBytes: 4096}); err != nil {
				t.Errorf("the exported key's signature: %v", err)
			}
		})
	}
}

func TestBareSignatures(t *testing.T) {
	sig, err := ed.SignBytes([]byte("message"))
	if err != nil || !ed25519.Verify(ed.Public().Ed25519(), []byte("message"), sig) || ed25519.Verify(ed.Public().Ed25519(), []byte("massage"), sig) {
		t.Errorf("the signature is not that of the message: %v", err)
	}
	if _, err := (PrivateKey{}).SignBytes(nil); !errors.Is(err, ErrKey) {
		t.Errorf("no key signs: %v", err)
	}
	if es.Public().Ed25519() != nil || (PublicKey{}).Ed25519() != nil {
		t.Error("another key is answered as Ed25519")
	}
}

// TestOneEd25519KeyGoesByBothNames: today's clients send the RFC 9864 name for
// keys that were registered as EdDSA, and the other way round.
func TestOneEd25519KeyGoesByBothNames(t *testing.T) {
	pub := must(ParsePublicKey(bytes.Replace(ed.Public().JWK(), []byte(`"alg":"Ed25519",`), nil, 1)))
	for _, alg := range []string{"EdDSA", "Ed25519"} {
		if _, err := Verify(forge(ed, `{"alg":"`+alg+`"}`, `{}`), KeySet{pub}, Expect{MaxBytes: 999}); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	keys := KeySet{es.Public(), ps.Public(), ed.Public()}
	own := string(es.Public().JWK())
	good := forge(es, `{"alg":"ES256","typ":"x+jwt"}`, `{"a":1}`)
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	want := Expect{MaxBytes: 2000, Types: []string{"x+jwt"}}
	ownKey := Expect{MaxBytes: 2000, OwnKey: true}
	if _, err := Verify(good, keys, want); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for _, tt := range []struct {
		why  string
		jws  string
		want Expect
		err  error
	}{
		{"nothing at all", "", want, ErrMalformed},
		{"larger than allowed, looked at before anything else", strings.Repeat("a", 2001), want, ErrMalformed},
		{"two parts", "e30.e30", want, ErrMalformed},
		{"five parts: a JWE", good + ".x.y", want, ErrMalformed},
		{"a JSON serialization", `{"payload":"e30"}`, want, ErrMalformed},
		{"line breaks, which encoding/base64 skips", strings.Replace(good, ".", ".\n", 1), want, ErrMalformed},
		{"padding", strings.Replace(good, ".", "=.", 1), want, ErrMalformed},
		{"no signature", good[:strings.LastIndex(good, ".")+1], want, ErrMalformed},
		{"alg none", b64(`{"alg":"none","typ":"x+jwt"}`) + "." + b64(`{}`) + ".", want, ErrRefused},
		{"alg none in other case", forge(es, `{"alg":"nOnE","typ":"x+jwt"}`, `{}`), want, ErrRefused},
		{"no alg", forge(es, `{"typ":"x+jwt"}`, `{}`), want, ErrRefused},
		{"alg of another type", forge(es, `{"alg":256,"typ":"x+jwt"}`, `{}`), want, ErrRefused},
		{"RS256, which FAPI forbids", forge(ps, `{"alg":"RS256","typ":"x+jwt"}`, `{}`), want, ErrRefused},
		{"HMAC with a public key as its secret", forge(es, `{"alg":"HS256","typ":"x+jwt"}`, `{}`), want, ErrRefused},
		{"a key of another kind than alg says", forge(es, `{"alg":"PS256","typ":"x+jwt"}`, `{}`), want, ErrSignature},
		{"an alg the caller does not take", good, Expect{MaxBytes: 2000, Algorithms: []string{PS256}}, ErrRefused},
		{"typ missing", forge(es, `{"alg":"ES256"}`, `{}`), want, ErrRefused},
		{"typ of another sort", forge(es, `{"alg":"ES256","typ":"jwt"}`, `{}`), want, ErrRefused},
		{"typ empty where absence is allowed", forge(es, `{"alg":"ES256","typ":""}`, `{}`), Expect{MaxBytes: 999, Types: []string{""}}, ErrRefused},
		{"typ no string where absence is allowed", forge(es, `{"alg":"ES256","typ":1}`, `{}`), Expect{MaxBytes: 999, Types: []string{""}}, ErrRefused},
		{"alg in another case than the real one", forge(es, `{"Alg":"ES256","typ":"x+jwt"}`, `{}`), want, ErrRefused},
		{"crit, even an empty one", forge(es, `{"alg":"ES256","typ":"x+jwt","crit":[]}`, `{}`), want, ErrRefused},
		{"b64", forge(es, `{"alg":"ES256","typ":"x+jwt","b64":true}`, `{}`), want, ErrRefused},
		{"zip", forge(es, `{"alg":"ES256","typ":"x+jwt","zip":"DEF"}`, `{}`), want, ErrRefused},
		{"its own key where it must be known", forge(es, `{"alg":"ES256","typ":"x+jwt","jwk":`+own+`}`, `{}`), want, ErrRefused},
		{"no key of its own where it must bring one", forge(es, `{"alg":"ES256"}`, `{}`), ownKey, ErrRefused},
		{"another's key as its own", forge(es, `{"alg":"PS256","jwk":`+string(ps.Public().JWK())+`}`, `{}`), ownKey, ErrSignature},
		{"a private key as its own", forge(es, `{"alg":"ES256","jwk":`+must(es.Export()).RevealString()+`}`, `{}`), ownKey, ErrKey},
		{"a symmetric key as its own", forge(es, `{"alg":"ES256","jwk":{"kty":"oct","k":"AAAA"}}`, `{}`), ownKey, ErrKey},
		{"a member twice in the header", forge(es, `{"alg":"ES256","typ":"x+jwt","alg":"ES256"}`, `{}`), want, ErrMalformed},
		{"a member twice, once escaped", forge(es, `{"alg":"ES256","typ":"x+jwt","\u0061lg":"none"}`, `{}`), want, ErrMalformed},
		{"a member twice in the payload", forge(es, `{"alg":"ES256","typ":"x+jwt"}`, `{"a":1,"a":2}`), want, ErrMalformed},
		{"a member twice further in", forge(es, `{"alg":"ES256","typ":"x+jwt"}`, `{"a":[{"b":1,"b":2}]}`), want, ErrMalformed},
		{"a payload that is no object", forge(es, `{"alg":"ES256","typ":"x+jwt"}`, `[]`), want, ErrMalformed},
		{"something after the payload", forge(es, `{"alg":"ES256","typ":"x+jwt"}`, `{}{}`), want, ErrMalformed},
		{"invalid UTF-8", forge(es, `{"alg":"ES256","typ":"x+jwt"}`, "{\"a\":\"\xff\"}"), want, ErrMalformed},
		{"nesting without end", forge(es, `{"alg":"ES256","typ":"x+jwt"}`, `{"a":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}`), want, ErrMalformed},
		{"a kid that is another key's", forge(es, `{"alg":"ES256","typ":"x+jwt","kid":"who"}`, `{}`), want, ErrSignature},
		{"changed after signing", strings.Replace(good, b64(`{"a":1}`), b64(`{"a":2}`), 1), want, ErrSignature},
		{"a stranger's key", forge(must(Generate(ES256)), `{"alg":"ES256","typ":"x+jwt"}`, `{}`), want, ErrSignature},
		{"PKCS #1 v1.5 under the name of PSS", pkcs1(rsaKey), Expect{MaxBytes: 2000}, ErrSignature},
		{"signature of all zeros, once taken for any", b64(`{"alg":"ES256","typ":"x+jwt"}`) + "." + b64(`{}`) + "." + b64(strings.Repeat("\x00", 64)), want, ErrSignature},
	} {
		t.Run(tt.why, func(t *testing.T) {
			set := keys
			if strings.HasPrefix(tt.why, "PKCS") {
				set = KeySet{must(newPublicKey(&rsaKey.PublicKey, "", ""))}
			}
			if _, err := Verify(tt.jws, set, tt.want); !errors.Is(err, tt.err) {
				t.Errorf("Verify = %v; want %v", err, tt.err)
			}
		})
	}
}

func pkcs1(k *rsa.PrivateKey) string {
	message := b64(`{"alg":"PS256"}`) + "." + b64(`{}`)
	sum := sha256.Sum256([]byte(message))
	return message + "." + b64(string(must(rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:]))))
}

func TestKeySets(t *testing.T) {
	one := string(es.Public().JWK())
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	n := base64.RawURLEncoding.EncodeToString(small.N.Bytes())
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	x384 := base64.RawURLEncoding.EncodeToString(p384.X.Bytes())
	y384 := base64.RawURLEncoding.EncodeToString(p384.Y.Bytes())
	off := b64(strings.Repeat("\x01", 32))
	for _, tt := range []struct {
		why, in string
		keys    int // 0: refused
	}{
		{"one key", `{"keys":[` + one + `]}`, 1},
		{"keys for other things are left out", `{"keys":[` + one + `,` + strings.Replace(one, `"sig"`, `"enc"`, 1) + `]}`, 1},
		{"keys of unknown kinds are left out", `{"keys":[` + one + `,{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}]}`, 1},
		{"keys for RS256 are left out", `{"keys":[` + one + `,` + strings.Replace(string(ps.Public().JWK()), "PS256", "RS256", 1) + `]}`, 1},
		{"an alg that is not the key's is left out", `{"keys":[` + strings.Replace(one, "ES256", "PS256", 1) + `]}`, 0},
		{"key_ops without verify", `{"keys":[` + strings.Replace(one, `"use":"sig"`, `"key_ops":["encrypt"]`, 1) + `]}`, 0},
		{"no usable key", `{"keys":[]}`, 0},
		{"no keys", `{}`, 0},
		{"keys that are none", `{"keys":[1]}`, 0},
		{"keys twice", `{"keys":[` + one + `],"keys":[]}`, 0},
		{"RSA below 2048", `{"keys":[{"kty":"RSA","e":"AQAB","n":"` + n + `"}]}`, 0},
		{"RSA with exponent 3", `{"keys":[{"kty":"RSA","e":"Aw","n":"` + base64.RawURLEncoding.EncodeToString(new(big.Int).Lsh(big.NewInt(1), 2047).Bytes()) + `"}]}`, 0},
		{"another curve", `{"keys":[{"kty":"EC","crv":"P-384","x":"` + x384 + `","y":"` + y384 + `"}]}`, 0},
		{"a point off the curve", `{"keys":[{"kty":"EC","crv":"P-256","x":"` + off + `","y":"` + off + `"}]}`, 0},
		{"a private key among them fails all", `{"keys":[` + one + `,` + must(ed.Export()).RevealString() + `]}`, 0},
		{"a symmetric one fails all", `{"keys":[` + one + `,{"kty":"oct","k":"AAAA"}]}`, 0},
		{"more than 16", `{"keys":[` + strings.TrimSuffix(strings.Repeat(one+",", 17), ",") + `]}`, 0},
		{"larger than 64 KiB", `{"keys":[` + one + `],"x":"` + strings.Repeat("a", 64<<10) + `"}`, 0},
		{"not JSON", `keys`, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			set, err := ParseKeySet([]byte(tt.in))
			if len(set) != tt.keys || (err == nil) != (tt.keys > 0) {
				t.Errorf("ParseKeySet = %d keys, %v; want %d", len(set), err, tt.keys)
			}
			if err != nil && !errors.Is(err, ErrKey) {
				t.Errorf("ParseKeySet = %v; want ErrKey", err)
			}
		})
	}
}

// TestThumbprint holds RFC 7638, section 3.1, and RFC 8037, appendix A.3.
func TestThumbprint(t *testing.T) {
	for _, tt := range []struct{ jwk, want string }{
		{`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","kid":"2011-04-29"}`,
			"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		{`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
	} {
		if k, err := ParsePublicKey([]byte(tt.jwk)); err != nil || k.Thumbprint() != tt.want {
			t.Errorf("Thumbprint = %q, %v; want %q", k.Thumbprint(), err, tt.want)
		}
	}
}

func TestPKCS8(t *testing.T) {
	p := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	k, err := ParsePKCS8(secret.New(must(x509.MarshalPKCS8PrivateKey(p))))
	if err != nil || k.Algorithm() != ES256 || k.Public().ID() != k.Public().Thumbprint() {
		t.Fatalf("ParsePKCS8 = %v, %v", k, err)
	}
	_, e, _ := ed25519.GenerateKey(rand.Reader)
	if k, err := ParsePKCS8(secret.New(must(x509.MarshalPKCS8PrivateKey(e)))); err != nil || k.Algorithm() != EdDSA {
		t.Fatalf("ParsePKCS8 = %v, %v", k, err)
	}
	if _, err := ParsePKCS8(secret.Of("x")); !errors.Is(err, ErrKey) {
		t.Errorf("ParsePKCS8 of nonsense = %v; want ErrKey", err)
	}
}

// TestPrivateKeysDoNotShow: a key that lands in a log or an error says which
// one it is and no more.
func TestPrivateKeysDoNotShow(t *testing.T) {
	var m struct {
		D string `json:"d"`
	}
	if err := json.Unmarshal(must(es.Export()).Reveal(), &m); err != nil || m.D == "" {
		t.Fatal("no private part to look for")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, struct{ K PrivateKey }{es}); strings.Contains(got, m.D) || len(got) > 400 {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}

func TestSetsRemembers(t *testing.T) {
	var sets Sets
	raw := fmt.Appendf(nil, `{"keys":[%s]}`, es.Public().JWK())
	a, b := must(sets.Parse(raw)), must(sets.Parse(raw))
	if &a[0] != &b[0] {
		t.Error("the same bytes were parsed twice")
	}
	if _, err := sets.Parse([]byte(`{}`)); !errors.Is(err, ErrKey) {
		t.Errorf("Parse of no set = %v; want ErrKey", err)
	}
	for i := range 1100 { // more sets than are kept: still right, and no growth
		must(sets.Parse(fmt.Appendf(nil, `{"keys":[%s],"n":%d}`, es.Public().JWK(), i)))
	}
	if len(sets.kept) > 1024 {
		t.Errorf("%d sets are kept", len(sets.kept))
	}
}

func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int64 // -1: no time
	}{
		{`1`, 1}, {`1.9`, 1}, {`17e8`, 1700000000},
		{`-1`, -1}, {`"1"`, -1}, {`null`, -1}, {`1e300`, -1}, {`253402300800`, -1}, {`true`, -1}, {``, -1},
	} {
		got, ok := Claims{"x": json.RawMessage(tt.in)}.Time("x")
		if ok != (tt.want >= 0) || ok && !got.Equal(time.Unix(tt.want, 0)) {
			t.Errorf("Time(%s) = %v, %v; want %d", tt.in, got, ok, tt.want)
		}
	}
}

func TestTexts(t *testing.T) {
	for in, want := range map[string][]string{
		`"a"`: {"a"}, `["a","b"]`: {"a", "b"}, `[]`: {},
		`["a",null]`: nil, `["a",1]`: nil, `[["a"]]`: nil, `null`: nil, `7`: nil, `{"a":"a"}`: nil, ``: nil,
	} {
		if got := (Claims{"x": json.RawMessage(in)}).Texts("x"); !slices.Equal(got, want) {
			t.Errorf("Texts(%s) = %q; want %q", in, got, want)
		}
	}
}

func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,{"b":"\"}"}],"c":null}`, `{"a":1,"a":2}`, ` {"\u0061":1.5e3 } `, `{"a":"\\"}`, `[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := members(b)
		var want map[string]json.RawMessage
		err := json.Unmarshal(b, &want)
		if !ok {
			return
		}
		if err != nil || len(got) != len(want) {
			t.Fatalf("members(%q) = %d members; encoding/json: %d, %v", b, len(got), len(want), err)
		}
		for name, raw := range want {
			if !bytes.Equal(bytes.TrimSpace(raw), bytes.TrimSpace(got[name])) {
				t.Fatalf("member %q = %q; want %q", name, got[name], raw)
			}
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add(forge(es, `{"alg":"ES256","jwk":`+string(es.Public().JWK())+`}`, `{"a":1}`), true)
	f.Add(forge(ed, `{"alg":"EdDSA"}`, `{}`), false)
	f.Add("..", false)
	f.Fuzz(func(t *testing.T, jws string, own bool) {
		tok, err := Verify(jws, KeySet{es.Public(), ed.Public()}, Expect{MaxBytes: 4096, OwnKey: own})
		if (err == nil) != (tok.Claims != nil) {
			t.Fatalf("Verify = %v, %v", tok, err)
		}
	})
}

func FuzzParseKeySet(f *testing.F) {
	f.Add(fmt.Appendf(nil, `{"keys":[%s]}`, es.Public().JWK()))
	f.Add(fmt.Appendf(nil, `{"keys":[%s]}`, ps.Public().JWK()))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"X25519","x":"AA"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if set, err := ParseKeySet(raw); (err == nil) != (len(set) > 0) {
			t.Fatalf("ParseKeySet = %d, %v", len(set), err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, k := range []PrivateKey{es, ps, ed} {
		jws := must(k.Sign(nil, map[string]any{"iss": "a", "sub": "a", "aud": "b", "exp": 1, "iat": 1, "jti": "x"}))
		own := must(k.Sign(map[string]any{"kid": nil, "jwk": k.Public().JWK()}, map[string]any{"htm": "POST", "htu": "b", "iat": 1, "jti": "x"}))
		keys := KeySet{k.Public()}
		b.Run(k.Algorithm(), func(b *testing.B) {
			for b.Loop() {
				must(Verify(jws, keys, Expect{MaxBytes: 4096}))
			}
		})
		b.Run(k.Algorithm()+"/own", func(b *testing.B) {
			for b.Loop() {
				must(Verify(own, nil, Expect{MaxBytes: 4096, OwnKey: true}))
			}
		})
	}
	p := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	sum := sha256.Sum256(nil)
	r, s := new(big.Int), new(big.Int)
	r, s, _ = ecdsa.Sign(rand.Reader, p, sum[:])
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			if !ecdsa.Verify(&p.PublicKey, sum[:], r, s) {
				b.Fatal()
			}
		}
	})
}

func TestOwnKeysAreRememberedWithinBounds(t *testing.T) {
	var r remembered
	for i := range 4200 {
		raw := fmt.Appendf(nil, `{"n":%d,%s`, i, es.Public().JWK()[1:])
		if k, err := r.parse(raw); err != nil || k.Thumbprint() != es.Public().Thumbprint() {
			t.Fatalf("parse = %v, %v", k, err)
		}
	}
	if n := len(r.kept); n == 0 || n > 4096 {
		t.Errorf("%d keys are kept", n)
	}
	long := fmt.Appendf(nil, `{"n":%q,%s`, strings.Repeat("x", 2000), es.Public().JWK()[1:])
	if _, err := r.parse(long); err != nil || r.kept[string(long)].raw != nil {
		t.Errorf("a long one: %v, kept: %v", err, r.kept[string(long)].raw != nil)
	}
	if _, err := r.parse([]byte(`{"kty":"oct","k":"AAAA"}`)); !errors.Is(err, ErrKey) {
		t.Errorf("parse = %v; want ErrKey", err)
	}
}
