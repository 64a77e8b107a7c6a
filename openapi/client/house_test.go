package client_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"jali/openapi/client"
	"log"
	"maps"
	"net/http"
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
	MTLS   struct {
		CA, Certificate, Key string
		Subject              string `json:"subject_dn"`
	}
	Invite string `json:"initial_access_token"`
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

// stopSandbox fails where the sandbox answered what its documents do not promise.
var stopSandbox = func() error { return nil }

func TestMain(m *testing.M) {
	code := m.Run()
	if err := stopSandbox(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
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
	r := new(ready)
	stopSandbox = func() error {
		err := promised(r.Sandbox)
		_ = process.Process.Signal(os.Interrupt)
		_ = process.Wait()
		_ = os.RemoveAll(dir)
		return err
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.Contains(lines.Text(), "Ctrl-C") {
			break
		}
	}
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, r)
	}
	if err != nil {
		return nil, errors.Join(err, stopSandbox())
	}
	return r, nil
}

func promised(sandbox string) error {
	resp, err := http.Get(sandbox + "/violations")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var said struct{ Violations []any }
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || len(said.Violations) > 0 {
		return fmt.Errorf("answers that no document promises: %v, %v", said.Violations, err)
	}
	return nil
}

// registered is a client of the sandbox with a key of its own.
func registered() *client.Client { return registeredWith(nil) }

// registeredWith registers a client by invitation (RFC 7591).
func registeredWith(more map[string]any) *client.Client {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	key, err := client.NewKey(private, "")
	if err != nil {
		log.Fatal(err)
	}
	c := &client.Client{Issuer: sandbox().Issuer, Redirect: "http://127.0.0.1/callback", Key: key}
	about := map[string]any{
		"client_name": "Example Bank " + rand.Text()[:6], "redirect_uris": []string{c.Redirect}, "jwks": map[string]any{"keys": []json.RawMessage{key.JWK()}},
		"grant_types": []string{"authorization_code", "refresh_token", "client_credentials", "urn:openid:params:grant-type:ciba"}, "backchannel_token_delivery_mode": "poll",
	}
	maps.Copy(about, more)
	var answer struct {
		ID string `json:"client_id"`
	}
	post(c.Issuer+"/oauth/register", about, &answer)
	c.ID = answer.ID
	return c
}

// introduction is the code that a person reads out from their own page.
func introduction() string {
	var said struct{ Code string }
	post(sandbox().Sandbox+"/introductions", map[string]any{"person": sandbox().People[0].ID}, &said)
	return said.Code
}

// decideElsewhere decides a request on the person's own device.
func decideElsewhere(id, decision string) {
	post(sandbox().Sandbox+"/consents", map[string]any{"auth_req_id": id, "person": sandbox().People[0].ID, "decision": decision}, nil)
}

func post(to string, body, answer any) {
	b, err := json.Marshal(body)
	if err != nil {
		log.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(b))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+sandbox().Invite)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err = io.ReadAll(resp.Body); err != nil || resp.StatusCode >= 300 {
		log.Fatalf("%s: %s %s %v", to, resp.Status, b, err)
	}
	if answer != nil {
		if err := json.Unmarshal(b, answer); err != nil {
			log.Fatal(err)
		}
	}
}
