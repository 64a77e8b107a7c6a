package client_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// ready is a ready file.
type ready struct {
	Issuer, Sandbox string
	Clients         []struct {
		ID       string          `json:"client_id"`
		Redirect string          `json:"redirect_uri"`
		JWKS     json.RawMessage `json:"jwks"`
	}
	People []struct{ ID string }
	MTLS   struct{ URL, CA, Certificate, Key string }
}

// sandbox is the one that the examples run against; it starts with the first.
var sandbox = sync.OnceValue(func() *ready {
	r, err := startSandbox()
	if err != nil {
		fmt.Fprintln(os.Stderr, "no sandbox:", err)
		os.Exit(1)
	}
	return r
})

var stopSandbox = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stopSandbox()
	os.Exit(code)
}

func startSandbox() (*ready, error) {
	dir, err := os.MkdirTemp("", "jali-client-")
	if err != nil {
		return nil, err
	}
	binary, file := filepath.Join(dir, "sandbox"), filepath.Join(dir, "ready.json")
	if out, err := exec.Command("go", "build", "-o", binary, "jali/cmd/sandbox").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	process := exec.Command(binary, "--addr", "localhost:0", "--town-addr", "127.0.0.1:0", "--bank-addr", "127.0.0.1:0", "--ready", file)
	process.Stderr = os.Stderr
	stdout, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	stopSandbox = func() {
		_ = process.Process.Signal(os.Interrupt)
		_ = process.Wait()
		_ = os.RemoveAll(dir)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.Contains(lines.Text(), "Ctrl-C") {
			break
		}
	}
	b, err := os.ReadFile(file)
	r := new(ready)
	if err == nil {
		err = json.Unmarshal(b, r)
	}
	if err != nil {
		stopSandbox()
	}
	return r, err
}
