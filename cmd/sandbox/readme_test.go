package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the README tells developers to type does what it says.
func TestTheReadmesExample(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("%s is missing, so the README's example is not run", tool)
		}
	}
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(b), "```sh\n")
	script, _, found := strings.Cut(script, "```")
	if !found {
		t.Fatal("the README has no example in sh")
	}
	s, r := begin(t, "")
	defer end(t, s)
	dir := t.TempDir()
	if err := writeReady(filepath.Join(dir, "ready.json"), r); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NO_PROXY=localhost,127.0.0.1", "no_proxy=localhost,127.0.0.1", "CURL_HOME="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr.String())
	}
	d := json.NewDecoder(strings.NewReader(string(out)))
	var decided struct{ Decision string }
	var totals []struct{ Assets struct{ Value string } }
	if d.Decode(&decided) != nil || decided.Decision != "allow" || d.Decode(&totals) != nil || len(totals) != 1 || totals[0].Assets.Value == "" {
		t.Errorf("it ends with\n%s", out)
	}
}
