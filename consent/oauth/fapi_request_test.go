package oauth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"time"

	"jali/consent"
	"jali/internal/jose"
	"jali/internal/secret"
)

// requestModules are about signed request objects. The bank signs all of its
// requests here, and demands it of itself.
var requestModules = map[string]module{
	"ensure-request-object-with-multiple-aud-succeeds": func(h *house) {
		h.signs()
		h.carry(h.signed(nil, m{"aud": []string{"https://other.example", issuer}}))
	},
	"ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted": func(h *house) {
		h.signs()
		h.carry(h.signed(nil, m{"nbf": h.in(8 * time.Second)}))
		h.pushFails(h.signed(nil, m{"nbf": h.in(11 * time.Second)}), "invalid_request_object")
	},
	"ensure-different-nonce-inside-and-outside-request-object": func(h *house) {
		h.signs()
		h.carry(h.signed(nil, m{"nonce": "inside"}, "nonce", "outside"))
	},
	"ensure-different-state-inside-and-outside-request-object": func(h *house) {
		h.signs()
		if back := h.carry(h.signed(nil, nil, "state", "outside")); back.Get("state") != "the state" {
			h.t.Errorf("the client is told %v", back)
		}
	},
	"state-only-outside-request-object-not-used": func(h *house) {
		h.signs()
		if back := h.carry(h.signed(nil, m{"state": nil}, "state", "outside")); back.Has("state") {
			h.t.Errorf("the client is told %v", back)
		}
	},

	"ensure-unsigned-request-at-par-endpoint-fails": func(h *house) {
		h.signs()
		h.pushFails(h.plainForm(h.bank, once), "invalid_request")
	},
	"ensure-request-object-without-exp-fails": func(h *house) { h.refusedObject(nil, m{"exp": nil}) },
	"ensure-request-object-without-nbf-fails": func(h *house) { h.refusedObject(nil, m{"nbf": nil}) },
	"ensure-expired-request-object-fails": func(h *house) {
		h.refusedObject(nil, m{"nbf": h.in(-10 * time.Minute), "exp": h.in(-5 * time.Minute)})
		h.refusedObject(nil, m{"exp": h.in(0)})
	},
	"ensure-request-object-with-exp-over-60-fails": func(h *house) {
		h.refusedObject(nil, m{"exp": h.in(70 * time.Minute)})
		h.refusedObject(nil, m{"nbf": h.in(0), "exp": h.in(60*time.Minute + time.Second)})
	},
	"ensure-request-object-with-nbf-over-60-fails": func(h *house) {
		h.refusedObject(nil, m{"nbf": h.in(-70 * time.Minute), "exp": h.in(-10 * time.Minute)})
		got := h.post("/oauth/par", h.signed(nil, m{"nbf": h.in(-61 * time.Minute), "exp": h.in(-1 * time.Minute)}))
		if h.wantError("nbf", got, 400, "invalid_request_object"); !strings.Contains(got.text("error_description"), "nbf that is over 60 minutes old") {
			h.t.Errorf("the client is told %v; want the reason that it can act on", got)
		}
	},
	"ensure-request-object-with-bad-aud-fails": func(h *house) {
		for _, aud := range []any{nil, "https://other.example", issuer + "/", issuer + "/oauth/par", []string{}, []any{issuer, 1}, m{"a": issuer}} {
			h.refusedObject(nil, m{"aud": aud})
		}
	},
	"ensure-request-object-without-redirect-uri-fails": func(h *house) {
		h.signs()
		h.pushFails(h.signed(nil, m{"redirect_uri": nil}, "redirect_uri", callback), "invalid_request")
	},
	"par-authorization-request-containing-request_uri": func(h *house) {
		h.refusedObject(nil, m{"request_uri": requestURIPrefix + "x"})
		h.refusedObject(nil, m{"request": h.object(nil, nil)})
	},

	"ensure-signed-request-object-with-RS256-fails": func(h *house) {
		key := must(rsa.GenerateKey(rand.Reader, 2048))
		h.bank.key = must(jose.ParsePKCS8(secret.New(must(x509.MarshalPKCS8PrivateKey(key)))))
		h.signs()
		h.carry(h.signed(nil, nil)) // with PS256 the key is good
		object := rs256(key, m{"typ": requestType, "kid": h.bank.key.Public().ID()}, h.claims(nil))
		h.pushFails(h.form(h.bank, "request", object), "invalid_request_object")
	},
	"ensure-request-object-signature-algorithm-is-not-none": func(h *house) {
		h.signs()
		head, rest, _ := strings.Cut(h.object(nil, nil), ".")
		body, sig, _ := strings.Cut(rest, ".")
		for _, alg := range []string{"none", "None", "NONE", ""} {
			none := encode(m{"alg": alg, "typ": requestType}) + "." + body + "."
			h.pushFails(h.form(h.bank, "request", none), "invalid_request_object")
			h.pushFails(h.form(h.bank, "request", none+sig), "invalid_request_object")
		}
		h.pushFails(h.form(h.bank, "request", head+"."+body+"."), "invalid_request_object")
	},
	"ensure-request-object-with-invalid-signature-fails": func(h *house) {
		h.signs()
		good := h.object(nil, nil)
		i := strings.LastIndexByte(good, '.') + 1
		sig := must(base64.RawURLEncoding.DecodeString(good[i:]))
		sig[len(sig)/2] ^= 1
		h.pushFails(h.form(h.bank, "request", good[:i]+base64.RawURLEncoding.EncodeToString(sig)), "invalid_request_object")
	},
	"ensure-matching-key-in-authorization-request": func(h *house) {
		h.signs()
		thief := h.bank
		thief.key = h.other.key
		object := must(thief.key.Sign(m{"typ": requestType}, h.claims(nil)))
		h.pushFails(h.form(h.bank, "request", object), "invalid_request_object")
		object = must(thief.key.Sign(m{"typ": requestType, "kid": h.bank.key.Public().ID()}, h.claims(nil)))
		h.pushFails(h.form(h.bank, "request", object), "invalid_request_object")
	},
}

// change puts a client's registration in another way.
func (h *house) change(a app, how func(*consent.Client)) {
	h.t.Helper()
	c, err := h.consent.Client(context.Background(), consent.ClientID(a.id))
	if err == nil {
		how(&c)
		err = h.consent.PutClient(context.Background(), c)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// signs has the bank registered to sign its requests, with the key it has now.
func (h *house) signs() {
	h.t.Helper()
	h.publish()
	h.change(h.bank, func(c *consent.Client) { c.SignedRequests = true })
}

// publish has the bank registered with the key it has now.
func (h *house) publish() {
	h.t.Helper()
	h.change(h.bank, func(c *consent.Client) {
		c.JWKS = json.RawMessage(`{"keys":[` + string(h.bank.key.Public().JWK()) + `]}`)
	})
}

func (h *house) in(d time.Duration) int64 { return h.clock.now().Add(d).Unix() }

// claims are those of a good request object of the bank's with changes; nil removes.
func (h *house) claims(changes m) m {
	c := m{
		"iss": h.bank.id, "aud": issuer, "nbf": h.in(0), "exp": h.in(5 * time.Minute),
		"client_id": h.bank.id, "response_type": "code", "redirect_uri": callback, "state": "the state",
		"code_challenge": s256(verifier), "code_challenge_method": "S256", "authorization_details": json.RawMessage(once),
	}
	if h.signing {
		c["response_mode"] = "jwt"
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// object is a good request object of the bank's with changes.
func (h *house) object(header, changes m) string {
	head := m{"typ": requestType}
	maps.Copy(head, header)
	return must(h.bank.key.Sign(head, h.claims(changes)))
}

// signed is a push of it, with parameters that stand outside.
func (h *house) signed(header, changes m, outside ...string) url.Values {
	return h.form(h.bank, append(outside, "request", h.object(header, changes))...)
}

// refusedObject pushes a request object that is wrong in one way.
func (h *house) refusedObject(header, changes m) {
	h.t.Helper()
	h.signs()
	h.pushFails(h.signed(header, changes), "invalid_request_object")
}

// requestOf is the request object that says what a form would.
func (h *house) requestOf(a app, f url.Values) string {
	c := m{"iss": a.id, "aud": issuer, "nbf": h.in(0), "exp": h.in(5 * time.Minute), "response_mode": "jwt"}
	for name := range f {
		switch name {
		case "client_assertion", "client_assertion_type":
		case "authorization_details":
			c[name] = json.RawMessage(f.Get(name))
		default:
			c[name] = f.Get(name)
		}
	}
	return must(a.key.Sign(m{"typ": requestType}, c))
}

// rs256 signs as FAPI 2.0 allows nobody to (Security Profile, section 5.4.1).
func rs256(key *rsa.PrivateKey, header, claims m) string {
	header["alg"] = "RS256"
	message := encode(header) + "." + encode(claims)
	sum := sha256.Sum256([]byte(message))
	sig := must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]))
	return message + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func encode(v any) string { return base64.RawURLEncoding.EncodeToString(must(json.Marshal(v))) }
