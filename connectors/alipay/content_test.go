package alipay

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"testing"

	"jali/connectors"
	"jali/internal/secret"
)

// The vector is openssl's: AES-128-CBC with an IV of zeroes.
func TestContentIsEncryptedAsPublished(t *testing.T) {
	c, err := newContent(secret.Of("MDEyMzQ1Njc4OWFiY2RlZg=="))
	if err != nil {
		t.Fatal(err)
	}
	const sealed = "OwJ0nahzxoEuYEADHpiOqg=="
	if got := c.seal(`{"a":"花呗"}`); got != sealed {
		t.Errorf("sealed %s", got)
	}
	if got, err := c.open(sealed); err != nil || string(got) != `{"a":"花呗"}` {
		t.Errorf("opened %q, %v", got, err)
	}
	for _, bad := range []string{"", "?", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA=="} {
		if got, err := c.open(bad); err == nil {
			t.Errorf("%q opens as %q", bad, got)
		}
	}
	for _, key := range []string{"?", "AAAA", "MDEyMzQ1Njc4OWFiY2RlZjA="} {
		if _, err := newContent(secret.Of(key)); err == nil {
			t.Errorf("the key %q is taken", key)
		}
	}
}

func TestEncryptedGateway(t *testing.T) {
	key := secret.Of("MDEyMzQ1Njc4OWFiY2RlZg==")
	sealing, err := newContent(key)
	if err != nil {
		t.Fatal(err)
	}
	const good = `{"code":"10000","available_amount":"1.00"}`
	for _, tt := range []struct {
		why, response string
		key           secret.Value
		want          error
	}{
		{"encrypted", `"` + sealing.seal(good) + `"`, key, nil},
		{"not encrypted as agreed", good, key, connectors.ErrMalformed},
		{"an error, which is not encrypted", `{"code":"20000","sub_code":"isp.unknow-error"}`, key, connectors.ErrDown},
		{"an encrypted error", `"` + sealing.seal(`{"code":"40005"}`) + `"`, key, connectors.ErrBusy},
		{"of another key", `"AAAAAAAAAAAAAAAAAAAAAA=="`, key, connectors.ErrMalformed},
		{"of no text", `"\ud800"`, key, connectors.ErrMalformed},
		{"encrypted though not agreed", `"` + sealing.seal(good) + `"`, secret.Value{}, connectors.ErrMalformed},
	} {
		g := &gatewayStub{t: t, answer: func(form url.Values) (string, string) {
			if tt.key.Empty() == (form.Get("encrypt_type") == "AES") {
				t.Errorf("%s: encrypt_type %q", tt.why, form.Get("encrypt_type"))
			}
			if !tt.key.Empty() {
				if text, err := sealing.open(form.Get("biz_content")); err != nil || !json.Valid(text) {
					t.Errorf("%s: asked with %q, %v", tt.why, text, err)
				}
			}
			return "alipay_data_bill_balance_query_response", tt.response
		}}
		c := connectWith(t, g, func(c *Config) { c.ContentKey = tt.key })
		_, err := c.Balances(context.Background(), linked, []connectors.AccountRef{own})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}

func FuzzContent(f *testing.F) {
	c, err := newContent(secret.Of("MDEyMzQ1Njc4OWFiY2RlZg=="))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.seal("{}"))
	f.Add("AAAAAAAAAAAAAAAAAAAAAA==")
	f.Fuzz(func(t *testing.T, text string) {
		if plain, err := c.open(text); err == nil && c.seal(string(plain)) == "" {
			t.Error("what opens does not seal")
		}
		if again, err := c.open(c.seal(text)); err != nil || string(again) != text {
			t.Errorf("%q opens as %q, %v", text, again, err)
		}
	})
}
