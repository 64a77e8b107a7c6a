package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fake is what of a transit engine is asked: encrypt and decrypt with AEAD
// keys. Its ciphertexts are real ones, and begin as the engine's do.
type fake struct {
	*httptest.Server

	mu    sync.Mutex
	keys  map[string]cipher.AEAD
	asked []string // "encrypt", "decrypt"
	seen  []string // associated data
	how   string   // "", or how it fails
	freed chan struct{}
}

const token = "hvs.CAESIEXAMPLETOKEN"

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{keys: map[string]cipher.AEAD{}, freed: make(chan struct{})}
	for _, name := range []string{"jali", "other"} {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		if f.keys[name], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			t.Fatal(err)
		}
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() { close(f.freed); f.Close() })
	t.Setenv("VAULT_ADDR", f.URL)
	t.Setenv("VAULT_TOKEN", token)
	t.Setenv("VAULT_MAX_RETRIES", "0")
	return f
}

func (f *fake) fails(how string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.how = how
}

func (f *fake) calls() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.asked = nil }()
	return strings.Join(f.asked, " ")
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // or a caller who goes away is not seen to
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	refuse := func(status int, why string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[%q]}`, why)
	}
	verb, name, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
	if !ok || r.Method != http.MethodPut && r.Method != http.MethodPost {
		refuse(http.StatusNotFound, "no handler for route")
		return
	}
	f.asked = append(f.asked, verb)
	if r.Header.Get("X-Vault-Token") != token {
		refuse(http.StatusForbidden, "permission denied")
		return
	}
	switch f.how {
	case "denies":
		refuse(http.StatusForbidden, "permission denied")
		return
	case "is sealed":
		refuse(http.StatusServiceUnavailable, "Vault is sealed")
		return
	case "hangs":
		f.mu.Unlock()
		select {
		case <-r.Context().Done():
		case <-f.freed:
		}
		f.mu.Lock()
		return
	case "babbles":
		_, _ = w.Write([]byte("<html>a proxy's page</html>"))
		return
	case "is empty":
		_, _ = w.Write([]byte(`{"data":{}}`))
		return
	}
	var in struct {
		Plaintext  []byte `json:"plaintext"`
		Ciphertext string `json:"ciphertext"`
		Bound      []byte `json:"associated_data"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		refuse(http.StatusBadRequest, "error parsing JSON")
		return
	}
	f.seen = append(f.seen, string(in.Bound))
	key, ok := f.keys[name]
	if !ok {
		refuse(http.StatusBadRequest, "encryption key not found")
		return
	}
	out := map[string]any{}
	switch verb {
	case "encrypt":
		out["ciphertext"] = "vault:v1:" + base64.StdEncoding.EncodeToString(key.Seal(nil, nil, in.Plaintext, in.Bound))
	case "decrypt":
		text, ok := strings.CutPrefix(in.Ciphertext, "vault:v1:")
		sealed, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			refuse(http.StatusBadRequest, "invalid ciphertext")
			return
		}
		plain, err := key.Open(nil, nil, sealed, in.Bound)
		if err != nil {
			refuse(http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		out["plaintext"] = plain
	default:
		refuse(http.StatusNotFound, "unsupported path")
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": out})
}
