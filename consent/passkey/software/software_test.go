package software_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"jali/consent/passkey/software"
)

const (
	origin    = "http://localhost:8080"
	challenge = "AAAAAAAAAAAAAAAAAAAAAA"
)

func create(rp, user string) []byte {
	return fmt.Appendf(nil, `{"rp":{"id":%q,"name":"x"},"user":{"id":%q,"name":"n","displayName":"d"},"challenge":%q,
		"pubKeyCredParams":[{"type":"public-key","alg":-257},{"type":"public-key","alg":-7}]}`, rp, base64.RawURLEncoding.EncodeToString([]byte(user)), challenge)
}

func get(rp string) []byte { return fmt.Appendf(nil, `{"rpId":%q,"challenge":%q}`, rp, challenge) }

func TestAPageMayUseItsOwnSiteAlone(t *testing.T) {
	for _, tt := range []struct {
		origin, rp string
		ok         bool
	}{
		{"http://localhost:8080", "localhost", true},
		{"http://localhost:8080", "", true},
		{"https://jali.example", "jali.example", true},
		{"https://www.jali.example:8443", "jali.example", true},
		{"https://jali.example", "www.jali.example", false},
		{"https://evil-jali.example", "jali.example", false},
		{"https://jali.example", "example", false},
		{"http://jali.example", "jali.example", false},
		{"http://127.0.0.1:8080", "127.0.0.1", false},
		{"http://127.0.0.1:8080", "localhost", false},
		{"https://jali.example/page", "jali.example", false},
		{"null", "jali.example", false},
		{"", "", false},
	} {
		_, err := software.New().Create(tt.origin, create(tt.rp, "u"))
		if tt.ok != (err == nil) || !tt.ok && !errors.Is(err, software.ErrOrigin) {
			t.Errorf("a page of %q creates for %q: %v", tt.origin, tt.rp, err)
		}
	}
}

func TestChoosing(t *testing.T) {
	a := software.New()
	if _, err := a.Get(origin, get("localhost")); !errors.Is(err, software.ErrNone) {
		t.Errorf("an empty one: %v", err)
	}
	for _, user := range []string{"ann", "bob", "ann"} { // the third replaces the first
		if _, err := a.Create(origin, create("localhost", user)); err != nil {
			t.Fatal(err)
		}
	}
	list := a.Credentials()
	if len(list) != 2 || string(list[0].UserHandle) != "bob" || string(list[1].UserHandle) != "ann" || list[0].RPID != "localhost" || list[0].Name != "n" || list[0].DisplayName != "d" {
		t.Fatalf("Credentials = %+v", list)
	}
	if _, err := a.Get(origin, get("localhost")); !errors.Is(err, software.ErrChoose) {
		t.Errorf("two fit: %v", err)
	}
	if _, err := a.GetAs(list[1].ID, origin, get("localhost")); err != nil {
		t.Errorf("chosen: %v", err)
	}
	for _, id := range []string{"", "x"} {
		if _, err := a.GetAs(id, origin, get("localhost")); !errors.Is(err, software.ErrNone) {
			t.Errorf("GetAs(%q): %v", id, err)
		}
	}
	allow := fmt.Appendf(nil, `{"rpId":"localhost","challenge":%q,"allowCredentials":[{"type":"public-key","id":%q}]}`, challenge, list[0].ID)
	if _, err := a.Get(origin, allow); err != nil {
		t.Errorf("one of two is allowed: %v", err)
	}
	if _, err := a.GetAs(list[1].ID, origin, allow); !errors.Is(err, software.ErrNone) {
		t.Errorf("the other one of two is allowed: %v", err)
	}
	if _, err := a.GetAs(list[0].ID, "https://evil.example", get("evil.example")); !errors.Is(err, software.ErrNone) {
		t.Errorf("for another site: %v", err)
	}
}

func TestOptionsThatNoBrowserTakes(t *testing.T) {
	for _, in := range []string{``, `[]`, `{"rp":{"id":"localhost"}}`,
		`{"rp":{"id":"localhost"},"user":{"id":"YQ","name":"n"},"challenge":"AAAA"}`,
		`{"rp":{"id":"localhost"},"user":{"id":"","name":"n"},"challenge":"AAAAAAAAAAAAAAAAAAAAAA"}`,
		`{"rp":{"id":"localhost"},"user":{"id":"YQ","name":"n"},"challenge":"AAAAAAAAAAAAAAAAAAAAAA","pubKeyCredParams":[{"type":"public-key","alg":-257}]}`,
	} {
		if _, err := software.New().Create(origin, []byte(in)); !errors.Is(err, software.ErrOptions) {
			t.Errorf("Create(%s): %v", in, err)
		}
	}
}

// count is the sign count in an answer.
func count(t *testing.T, answer []byte) uint32 {
	t.Helper()
	var r struct {
		Response struct{ AuthenticatorData string }
	}
	if err := json.Unmarshal(answer, &r); err != nil {
		t.Fatal(err)
	}
	auth, err := base64.RawURLEncoding.DecodeString(r.Response.AuthenticatorData)
	if err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint32(auth[33:])
}

func TestPasskeysSurviveARestart(t *testing.T) {
	a := software.New()
	if _, err := a.Create(origin, create("localhost", "ann")); err != nil {
		t.Fatal(err)
	}
	kept, err := a.Export()
	if err != nil {
		t.Fatal(err)
	}
	late, err := a.Get(origin, get("localhost")) // signed after the export
	if err != nil {
		t.Fatal(err)
	}
	b, err := software.Import(kept)
	if err != nil {
		t.Fatal(err)
	}
	next, err := b.Get(origin, get("localhost"))
	if err != nil {
		t.Fatal(err)
	}
	if count(t, next) <= count(t, late) {
		t.Errorf("the count went from %d to %d over a restart", count(t, late), count(t, next))
	}
	if a, b := a.Credentials()[0], b.Credentials()[0]; a.ID != b.ID || string(a.UserHandle) != string(b.UserHandle) {
		t.Errorf("%+v came back as %+v", a, b)
	}
	for _, bad := range []string{``, `{}`, `[{}]`, `[{"id":"x","rp_id":"y","private_key":"AAAA"}]`} {
		if _, err := software.Import([]byte(bad)); err == nil {
			t.Errorf("Import(%s) was taken", bad)
		}
	}
}

func TestManyHands(t *testing.T) {
	a := software.New()
	if _, err := a.Create(origin, create("localhost", "ann")); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := map[uint32]bool{}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			got, err := a.Get(origin, get("localhost"))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[count(t, got)] = true
		})
	}
	wg.Wait()
	if len(seen) != 32 {
		t.Errorf("%d different counts of 32 signatures", len(seen))
	}
}

func FuzzOptions(f *testing.F) {
	f.Add(create("localhost", "ann"))
	f.Add(get("localhost"))
	f.Fuzz(func(t *testing.T, options []byte) {
		a := software.New()
		if made, err := a.Create(origin, options); err == nil && !json.Valid(made) {
			t.Errorf("Create(%q) = %q", options, made)
		}
		if got, err := a.Get(origin, options); err == nil && !json.Valid(got) {
			t.Errorf("Get(%q) = %q", options, got)
		}
	})
}
