package main

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/internal/dial/dialtest"
)

// A source's address in the config file leads to this machine in none of the
// forms that there are, unless the operator allows that source. Each connector
// is led by all its addresses, and asked for what it does first.
func TestNoAddressOfTheConfigLeadsInside(t *testing.T) {
	private, public, _ := keyFiles(t)
	secret := fileOf(t, "secret", []byte("0123456789abcdef0123456789abcdef\n"))
	canary, names := dialtest.Listen(t), dialtest.Serve(t)
	settings := []string{
		"{id: s, dialect: alipay, app-id: '1', gateway: 'URL', authorize: 'URL', key-file: PRIVATE, public-key-file: PUBLIC, MORE}",
		"{id: s, dialect: wechatpay, app-id: '1', app-secret-file: SECRET, mchid: '2', serial: '3', public-key-id: PUB_KEY_ID_1, api: 'URL', sns: 'URL', authorize: 'URL', key-file: PRIVATE, public-key-file: PUBLIC, MORE}",
		"{id: s, dialect: openbanking, api: 'URL/open-banking/v4.0/aisp', issuer: 'URL', client-id: '1', key-id: '1', key-file: PRIVATE, MORE}",
		"{id: s, dialect: fdx, api: 'URL', issuer: 'URL', authorize: 'URL', client-id: '1', key-id: '1', key-file: PRIVATE, fdx: {par: 'URL', token: 'URL'}, MORE}",
	}
	tried, refused := 0, 0
	for _, setting := range settings {
		ask := func(address, more string) (came int, err error) {
			text := "sources:\n  - " + strings.NewReplacer("URL", strings.ReplaceAll(address, "'", "''"), "PRIVATE", private, "PUBLIC", public, "SECRET", secret, "MORE", more).Replace(setting) + "\n"
			registry, err := loadSources(fileOf(t, "jali.yaml", []byte(text)))
			if err != nil {
				return 0, err
			}
			c, _ := registry.Find("s")
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			begun, err := c.(connectors.Linker).Begin(ctx, strings.Repeat("x", 43), "https://jali.example/connect/return")
			if err == nil {
				begun.RedirectURI = "https://jali.example/connect/return"
				_, err = c.(connectors.Linker).Finish(ctx, begun, url.Values{"code": {"1"}, "auth_code": {"1"}, "state": {strings.Repeat("x", 43)}})
			}
			came, _ = canary.Took()
			return came, err
		}
		led := 0
		for _, f := range dialtest.Forms() {
			if !f.Loopback || f.Deaf {
				continue
			}
			// Names and addresses must be https, or loopback that is written plainly.
			for _, scheme := range []string{"http", "https"} {
				at := strings.TrimSuffix(strings.ReplaceAll(strings.Replace(f.URL, "http:", scheme+":", 1), "PORT", canary.Port), "/")
				for _, more := range []string{"", "allow-private: true"} {
					if f.Name != "" {
						names.Answer(f.Name, f.Answers...)
					}
					came, err := ask(at, more)
					if more != "" {
						led += came
						continue
					}
					if tried++; err != nil {
						refused++
					}
					if came > 0 || err == nil {
						t.Errorf("%s: %s: %.60s: %d connections, %v", f.Why, at, setting, came, err)
					}
				}
			}
		}
		if led < 10 {
			t.Errorf("%.60s led to the canary %d times where that is allowed: this test shows nothing", setting, led)
		}
	}
	t.Logf("%d addresses of sources were tried, and %d refused", tried, refused)
}
