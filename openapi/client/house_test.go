package client_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sandbox is the ready file of the one that the examples run against.
var sandbox struct {
	Issuer, Sandbox string
	Clients         []struct {
		ID       string          `json:"client_id"`
		Redirect string          `json:"redirect_uri"`
		JWKS     json.RawMessage `json:"jwks"`
	}
	People []struct{ ID string }
	MTLS   struct{ URL, CA, Certificate, Key string }
	Invite string `json:"initial_access_token"`
}

// TestMain starts a sandbox for the examples.
func TestMain(m *testing.M) {
	stop, err := startSandbox()
	if err != nil {
		fmt.Fprintln(os.Stderr, "no sandbox:", err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	os.Exit(code)
}

func startSandbox() (stop func(), err error) {
	dir, err := os.MkdirTemp("", "jali-client-")
	if err != nil {
		return nil, err
	}
	binary, ready := filepath.Join(dir, "sandbox"), filepath.Join(dir, "ready.json")
	if out, err := exec.Command("go", "build", "-o", binary, "jali/cmd/sandbox").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	process := exec.Command(binary, "--addr", "localhost:0", "--town-addr", "127.0.0.1:0", "--bank-addr", "127.0.0.1:0", "--ready", ready)
	process.Stderr = os.Stderr
	stdout, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = process.Process.Signal(os.Interrupt)
		_ = process.Wait()
		_ = os.RemoveAll(dir)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.Contains(lines.Text(), "Ctrl-C") {
			break
		}
	}
	b, err := os.ReadFile(ready)
	if err == nil {
		err = json.Unmarshal(b, &sandbox)
	}
	if err != nil {
		stop()
	}
	return stop, err
}
