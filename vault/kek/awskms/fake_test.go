package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fake is what of AWS KMS is asked: Encrypt and Decrypt with symmetric keys,
// over its JSON 1.1 protocol. Its ciphertexts are real ones, and name their
// key as KMS's do.
type fake struct {
	*httptest.Server

	mu    sync.Mutex
	keys  map[string]cipher.AEAD
	asked []string // "Encrypt", "Decrypt"
	seen  []map[string]string
	how   string // "", or how it fails
	freed chan struct{}
}

const (
	arn   = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	other = "arn:aws:kms:eu-west-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab"
)

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{keys: map[string]cipher.AEAD{}, freed: make(chan struct{})}
	for _, name := range []string{arn, other} {
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
	t.Setenv("AWS_ENDPOINT_URL", f.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
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
	verb := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	f.asked = append(f.asked, verb)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	refuse := func(status int, kind string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":%q,"message":"refused"}`, kind)
	}
	if by := r.Header.Get("Authorization"); !strings.HasPrefix(by, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(by, "/eu-west-1/kms/aws4_request") {
		refuse(http.StatusBadRequest, "IncompleteSignatureException")
		return
	}
	switch f.how {
	case "denies":
		refuse(http.StatusBadRequest, "AccessDeniedException")
		return
	case "is broken":
		refuse(http.StatusInternalServerError, "KMSInternalException")
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
		_, _ = w.Write([]byte("{}"))
		return
	}
	var in struct {
		KeyID             string            `json:"KeyId"`
		Plaintext         []byte            `json:"Plaintext"`
		CiphertextBlob    []byte            `json:"CiphertextBlob"`
		EncryptionContext map[string]string `json:"EncryptionContext"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		refuse(http.StatusBadRequest, "ValidationException")
		return
	}
	f.seen = append(f.seen, in.EncryptionContext)
	key, ok := f.keys[in.KeyID]
	if !ok {
		refuse(http.StatusBadRequest, "NotFoundException")
		return
	}
	bound, _ := json.Marshal(in.EncryptionContext) // in the order of its names
	out := map[string]any{"KeyId": in.KeyID, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
	switch verb {
	case "Encrypt":
		if len(in.Plaintext) == 0 || len(in.Plaintext) > 4096 {
			refuse(http.StatusBadRequest, "ValidationException")
			return
		}
		out["CiphertextBlob"] = key.Seal([]byte(in.KeyID), nil, in.Plaintext, bound)
	case "Decrypt":
		sealed, ok := strings.CutPrefix(string(in.CiphertextBlob), in.KeyID)
		if !ok {
			refuse(http.StatusBadRequest, "IncorrectKeyException")
			return
		}
		plain, err := key.Open(nil, nil, []byte(sealed), bound)
		if err != nil {
			refuse(http.StatusBadRequest, "InvalidCiphertextException")
			return
		}
		out["Plaintext"] = plain
	default:
		refuse(http.StatusBadRequest, "UnknownOperationException")
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}
