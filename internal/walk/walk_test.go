package walk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// bin is where the sandbox is built, once for all tests.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "jali-walk-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(bin)
	os.Exit(code)
}

var built = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(bin, "sandbox")
	if out, err := exec.Command("go", "build", "-o", binary, "jali/cmd/sandbox").CombinedOutput(); err != nil {
		return "", fmt.Errorf("the sandbox does not build: %w\n%s", err, out)
	}
	return binary, nil
})

// TestWalk runs every walk through one sandbox, and then looks for canaries in
// all that was answered, logged and stored.
func TestWalk(t *testing.T) {
	h := open(t)
	t.Run("one use of 64 with different keys", h.testOneUse)
	t.Run("one view for 64 with one key", h.testOneView)
	t.Run("200 codes redeemed 16 times at once", h.testCodes)
	t.Run("a browser", h.testBrowser)
	t.Run("a lost passkey", h.testLostPasskey)
	t.Run("a software passkey", h.testSoftwarePasskey)
	t.Run("what a person can do about it", h.testOwnHands)
	t.Run("at a counter", h.testCounter)
	t.Run("bills out of files", h.testFiles)
	t.Run("the docs", h.testDocs)
	t.Run("other people's libraries", h.testNode)
	t.Run("every answer as it is promised", h.keptPromises)
	t.Run("no canary left", h.noCanaries)
}

// need skips a test whose tool is missing, or fails it where everything must run.
func need(t *testing.T, tool, how string, found bool) {
	t.Helper()
	switch {
	case found:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is missing: %s", tool, how)
	default:
		t.Skipf("%s is missing, so this is not tested: %s", tool, how)
	}
}

// canaries asks for all that the town holds by now, new tokens included.
func (h *house) canaries(t *testing.T) []string {
	t.Helper()
	resp, err := http.Get(h.Sandbox + "/canaries")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list []string
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list
}
