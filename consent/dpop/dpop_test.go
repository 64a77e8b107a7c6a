package dpop

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jali/internal/jose"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	key = must(jose.Generate(jose.ES256))
	now = time.Date(2026, 11, 1, 12, 0, 0, 500e6, time.UTC)
)

const (
	htu  = "https://jali.example/v1/views"
	mtls = "https://mtls.jali.example:8443/v1/views"
)

type m = map[string]any

// proof makes a good one and then changes header and claims; a nil removes.
func proof(k jose.PrivateKey, header, claims m) string {
	h := m{"typ": "dpop+jwt", "kid": nil, "jwk": k.Public().JWK()}
	c := m{"jti": "1", "htm": "POST", "htu": htu, "iat": now.Unix(), "ath": hash("token")}
	maps.Copy(h, header)
	maps.Copy(c, claims)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return must(k.Sign(h, c))
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestVerify(t *testing.T) {
	request := Request{Method: "POST", URLs: []string{htu, mtls}, Token: "token", Now: now}
	withPrivate := json.RawMessage(must(key.Export()).RevealString())
	for _, tt := range []struct {
		why    string
		header m
		claims m
		ok     bool
	}{
		{"as it should be", nil, nil, true},
		{"typ in another case: it is a media type", m{"typ": "DPoP+JWT"}, nil, true},
		{"a query in htu does not count", nil, m{"htu": htu + "?a=b"}, true},
		{"a fragment in htu does not count", nil, m{"htu": htu + "#a"}, true},
		{"the default port written out", nil, m{"htu": "https://jali.example:443/v1/views"}, true},
		{"scheme and host in other case", nil, m{"htu": "HTTPS://Jali.Example/v1/views"}, true},
		{"an escape that needs none", nil, m{"htu": "https://jali.example/%761/views"}, true},
		{"iat 60 s back", nil, m{"iat": now.Add(-59 * time.Second).Unix()}, true},
		{"iat 10 s ahead", nil, m{"iat": now.Add(10 * time.Second).Unix()}, true},
		{"htu of our other address", nil, m{"htu": mtls}, true},
		{"an exp still ahead", nil, m{"exp": now.Add(time.Second).Unix()}, true},
		{"claims nobody asked for", nil, m{"nonce": "x", "foo": m{}}, true},

		{"no typ", m{"typ": nil}, nil, false},
		{"typ of another JWT", m{"typ": "JWT"}, nil, false},
		{"no jwk", m{"jwk": nil}, nil, false},
		{"a kid in place of the jwk", m{"jwk": nil, "kid": "1"}, nil, false},
		{"a private key shown to us", m{"jwk": withPrivate}, nil, false},
		{"another's key", m{"jwk": must(jose.Generate(jose.ES256)).Public().JWK()}, nil, false},
		{"crit", m{"crit": []string{"htm"}}, nil, false},
		{"no jti", nil, m{"jti": nil}, false},
		{"an empty jti", nil, m{"jti": ""}, false},
		{"a jti that is a number", nil, m{"jti": 1}, false},
		{"an endless jti", nil, m{"jti": strings.Repeat("x", 257)}, false},
		{"no htm", nil, m{"htm": nil}, false},
		{"htm of another method", nil, m{"htm": "GET"}, false},
		{"htm in lower case: methods are case-sensitive", nil, m{"htm": "post"}, false},
		{"no htu", nil, m{"htu": nil}, false},
		{"htu of another path", nil, m{"htu": "https://jali.example/v1/view"}, false},
		{"htu with a slash more", nil, m{"htu": htu + "/"}, false},
		{"htu of another host", nil, m{"htu": "https://evil.example/v1/views"}, false},
		{"htu over http", nil, m{"htu": "http://jali.example/v1/views"}, false},
		{"htu of another port", nil, m{"htu": "https://jali.example:80/v1/views"}, false},
		{"htu with a user", nil, m{"htu": "https://jali.example@jali.example/v1/views"}, false},
		{"htu by a detour", nil, m{"htu": "https://jali.example/v1/x/../views"}, false},
		{"htu by an escaped detour", nil, m{"htu": "https://jali.example/v1/%2E/views"}, false},
		{"an escaped slash is not a slash", nil, m{"htu": "https://jali.example/v1%2Fviews"}, false},
		{"no iat", nil, m{"iat": nil}, false},
		{"iat that is a string", nil, m{"iat": "1"}, false},
		{"iat 61 s back", nil, m{"iat": now.Add(-61 * time.Second).Unix()}, false},
		{"iat 12 s ahead", nil, m{"iat": now.Add(12 * time.Second).Unix()}, false},
		{"an exp that has passed", nil, m{"exp": now.Unix()}, false},
		{"an exp that is no date", nil, m{"exp": "never"}, false},
		{"an exp that has passed by a second", nil, m{"exp": now.Add(-time.Second).Unix()}, false},
		{"an nbf 10 s ahead", nil, m{"nbf": now.Add(10 * time.Second).Unix()}, true},
		{"an nbf 12 s ahead", nil, m{"nbf": now.Add(12 * time.Second).Unix()}, false},
		{"an nbf that is no date", nil, m{"nbf": "now"}, false},
		{"a mix of our two addresses", nil, m{"htu": "https://jali.example:8443/v1/views"}, false},
		{"an nbf far ahead", nil, m{"nbf": now.Add(time.Minute).Unix()}, false},
		{"no ath", nil, m{"ath": nil}, false},
		{"ath of another token", nil, m{"ath": hash("other")}, false},
		{"the token itself for ath", nil, m{"ath": "token"}, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			p, err := Verify(proof(key, tt.header, tt.claims), request)
			if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrProof) {
				t.Fatalf("Verify = %v; want ok: %v", err, tt.ok)
			}
			if err == nil && (p.Thumbprint != key.Public().Thumbprint() || p.ID != "1") {
				t.Errorf("Verify = %+v", p)
			}
		})
	}
	if _, err := Verify(proof(key, nil, m{"ath": nil}), Request{Method: "POST", URLs: []string{htu}, Now: now}); err != nil {
		t.Errorf("no token, so no ath is needed: %v", err)
	}
	if _, err := Verify("x", request); !errors.Is(err, ErrProof) {
		t.Errorf("Verify(x) = %v", err)
	}
}

func testNonces(secret string) *Nonces {
	return NewNonces(func(minute string) []byte {
		sum := sha256.Sum256([]byte(secret + minute))
		return sum[:]
	})
}

func TestNonces(t *testing.T) {
	nonces := testNonces("ours")
	request := Request{Method: "POST", URLs: []string{htu}, Token: "token", Now: now, Nonces: nonces}
	ago := func(d time.Duration) string { return testNonces("ours").At(now.Add(-d)) } // of another server with the key
	for _, tt := range []struct {
		why   string
		nonce any
		want  error
	}{
		{"the newest", nonces.At(now), nil},
		{"of the minute before", ago(time.Minute), nil},
		{"two minutes old", ago(2 * time.Minute), nil},
		{"three minutes old", ago(3 * time.Minute), ErrNonce},
		{"from a minute ahead: nobody was given it", ago(-time.Minute), ErrNonce},
		{"of the year 1970", ago(now.Sub(time.Unix(0, 0))), ErrNonce},
		{"missing", nil, ErrNonce},
		{"empty", "", ErrNonce},
		{"made up", "x", ErrNonce},
		{"a number", 1, ErrNonce},
		{"of another server", testNonces("theirs").At(now), ErrNonce},
		{"cut short", nonces.At(now)[:20], ErrNonce},
	} {
		if _, err := Verify(proof(key, nil, m{"nonce": tt.nonce}), request); !errors.Is(err, tt.want) {
			t.Errorf("%s: Verify = %v; want %v", tt.why, err, tt.want)
		}
	}
	for _, bad := range []m{{"htm": "GET"}, {"htu": "https://evil.example"}, {"ath": nil}, {"iat": nil}, {"jti": nil}} {
		if _, err := Verify(proof(key, nil, bad), request); !errors.Is(err, ErrProof) {
			t.Errorf("a nonce would not mend %v, but Verify = %v", bad, err)
		}
	}
	for range 3 { // back and forth, as between requests that overlap a minute's end
		if nonces.At(now) == nonces.At(now.Add(time.Minute)) {
			t.Error("the nonce does not change")
		}
	}
}

func TestNoncesAtOnce(t *testing.T) {
	nonces := testNonces("ours")
	var all sync.WaitGroup
	for i := range 64 {
		at := now.Add(time.Duration(i%4) * time.Minute)
		all.Go(func() {
			if !nonces.knows(nonces.At(at), at) {
				t.Error("a nonce is not known in its own minute")
			}
		})
	}
	all.Wait()
}

func TestEveryAlgorithm(t *testing.T) {
	for _, alg := range jose.Algorithms() {
		k := must(jose.Generate(alg))
		p, err := Verify(proof(k, nil, nil), Request{Method: "POST", URLs: []string{htu}, Token: "token", Now: now})
		if err != nil || p.Thumbprint != k.Public().Thumbprint() {
			t.Errorf("%s: %+v, %v", alg, p, err)
		}
	}
}

func TestFromHeader(t *testing.T) {
	for _, tt := range []struct {
		why  string
		with []string
		ok   bool
	}{
		{"one", []string{"a"}, true},
		{"none", nil, false},
		{"two", []string{"a", "b"}, false},
	} {
		h := http.Header{}
		for _, v := range tt.with {
			h.Add("DPoP", v)
		}
		if got, err := FromHeader(h); (err == nil) != tt.ok || tt.ok && got != "a" {
			t.Errorf("%s: FromHeader = %q, %v", tt.why, got, err)
		}
	}
}

func TestReplay(t *testing.T) {
	r := NewReplay(now)
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	p := Proof{Thumbprint: "a", ID: "1", IssuedAt: at(0).Truncate(time.Second)}
	for _, tt := range []struct {
		why  string
		p    Proof
		now  time.Time
		want error
	}{
		{"first, in the very second of the start", p, at(0), nil},
		{"again", p, at(0), ErrReplayed},
		{"again at the end of its window", p, at(59), ErrReplayed},
		{"the same id from another key", Proof{"b", "1", p.IssuedAt}, at(1), nil},
		{"id and key that run together the same way", Proof{"a1", "", p.IssuedAt}, at(1), nil},
		{"the same id with another iat", Proof{"a", "1", at(30)}, at(31), ErrReplayed},
		{"from before the start", Proof{"c", "1", at(-1).Truncate(time.Second)}, at(1), ErrReplayed},
		{"much later the id is free again", Proof{"a", "1", at(300)}, at(300), nil},
	} {
		if err := r.TakeProof(tt.p, tt.now); !errors.Is(err, tt.want) {
			t.Errorf("%s: TakeProof = %v; want %v", tt.why, err, tt.want)
		}
	}
	if r.count != 1 || len(r.seen) != 1 {
		t.Errorf("%d ids in %d buckets are remembered after all but one lapsed", r.count, len(r.seen))
	}
}

func TestReplayIsBounded(t *testing.T) {
	r := NewReplay(now)
	r.count = maxSeen
	if err := r.Take("a", "1", now, now.Add(time.Minute), now); !errors.Is(err, ErrFull) {
		t.Errorf("Take with a full memory = %v; want %v", err, ErrFull)
	}
}

// TestReplayRace: of many who show the same proof at once, one gets through.
func TestReplayRace(t *testing.T) {
	r := NewReplay(now)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if r.TakeProof(Proof{"a", "1", now}, now) == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 64 got through; want 1", won.Load())
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(proof(key, nil, nil))
	f.Add(proof(key, nil, m{"htu": "%"}))
	nonces := testNonces("ours")
	f.Add(proof(key, nil, m{"nonce": nonces.At(now)}))
	f.Add(proof(key, nil, m{"nonce": m{"a": 1}, "nbf": 1e300}))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, s string) {
		request := Request{Method: "POST", URLs: []string{htu}, Token: "token", Now: now}
		p, err := Verify(s, request)
		if (err == nil) != (p.Thumbprint != "" && p.ID != "") {
			t.Fatalf("Verify = %+v, %v", p, err)
		}
		request.Nonces = nonces
		strict, because := Verify(s, request)
		if because == nil && strict != p || errors.Is(because, ErrNonce) && err != nil || because != nil && strict != (Proof{}) {
			t.Fatalf("asked for a nonce, Verify = %+v, %v; without, %v", strict, because, err)
		}
	})
}

func FuzzSameURL(f *testing.F) {
	for _, s := range []string{htu, "https://[::1]:8080/a%2fb", "http://a/%", "https://a/./b", "//a", "http:a", "https://h:443", "https://" + strings.Repeat("\xa2", 1000), "https://%99", "https://[fe80::1%25a]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := canonical(s)
		if !ok {
			return
		}
		if again, ok := canonical(c); !ok || again != c {
			t.Fatalf("canonical(%q) = %q, and of that %q, %v", s, c, again, ok)
		}
	})
}

func ExampleVerify() {
	k, _ := jose.Generate(jose.ES256)
	at := time.Unix(1793534400, 0)
	proof, _ := k.Sign(
		map[string]any{"typ": "dpop+jwt", "kid": nil, "jwk": k.Public().JWK()},
		map[string]any{"jti": "e1j3V_bKic8", "htm": "POST", "htu": "https://jali.example/oauth/token", "iat": at.Unix()})
	p, err := Verify(proof, Request{Method: "POST", URLs: []string{"https://jali.example/oauth/token"}, Now: at})
	fmt.Println(p.Thumbprint == k.Public().Thumbprint(), err)
	// Output: true <nil>
}
