package walk

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// testNode runs other people's libraries against the house. What they are told
// over mutual TLS passes by the recording proxy, so they keep it themselves.
func (h *house) testNode(t *testing.T) {
	needNode(t)
	answers, certificate := filepath.Join(t.TempDir(), "answers"), filepath.Join(t.TempDir(), "self-signed.json")
	if err := os.WriteFile(certificate, h.selfSigned(t), 0o600); err != nil {
		t.Fatal(err)
	}
	// Kept connections would keep the processes, too.
	cmd := exec.CommandContext(t.Context(), "node", "--test", "--test-concurrency=4", "--test-force-exit", "--test-reporter=spec")
	cmd.Dir = "node"
	cmd.Env = append(os.Environ(), "JALI_READY="+h.readFile, "JALI_ANSWERS="+answers, "JALI_SELF_SIGNED="+certificate)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	told, err := os.ReadFile(answers)
	if err != nil || len(told) == 0 {
		t.Fatalf("nothing was told over mutual TLS: %v", err)
	}
	_, _ = h.answers.Write(told)
}

func needNode(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("node")
	_, modules := os.Stat("node/node_modules")
	need(t, "Node with its packages", "install Node 20.14 or newer and run `npm ci --prefix internal/walk/node`", err == nil && modules == nil)
}

// selfSigned makes a certificate, which Node cannot, and its key. It calls
// itself what the authority's calls itself.
func (h *house) selfSigned(t *testing.T) []byte {
	t.Helper()
	authoritys, _ := pem.Decode([]byte(h.MTLS.Certificate))
	vouched, err := x509.ParseCertificate(authoritys.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: vouched.Subject,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{
		"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"key":         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
