package openapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jali/openapi"
)

const redocly = "../internal/walk/node/node_modules/.bin/redocly"

// lint answers what Redocly finds wrong about each document, by the rules of
// redocly.yaml.
func lint(t *testing.T, documents ...string) (found [][]string) {
	t.Helper()
	if _, err := os.Stat(redocly); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("run npm ci --prefix internal/walk/node to lint the documents")
	}
	cmd := exec.CommandContext(t.Context(), redocly, append([]string{"lint", "--format=json", "--config=redocly.yaml"}, documents...)...)
	cmd.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	var told bytes.Buffer
	cmd.Stderr = &told
	out, failed := cmd.Output() // fails where there are problems, too
	answers := json.NewDecoder(bytes.NewReader(out))
	for range documents {
		var answer struct {
			Problems []struct {
				RuleID, Severity, Message string
				Location                  []struct{ Pointer string }
			}
		}
		if err := answers.Decode(&answer); err != nil {
			t.Fatalf("redocly: %v, %v\n%s", failed, err, told.Bytes())
		}
		var problems []string
		for _, p := range answer.Problems {
			at := ""
			if len(p.Location) > 0 {
				at = p.Location[0].Pointer
			}
			problems = append(problems, strings.Join([]string{p.Severity, p.RuleID, at, p.Message}, " "))
		}
		found = append(found, problems)
	}
	return found
}

// The linter is shown a fault in the same run, or its silence would mean
// nothing.
func TestRedoclyFindsNothing(t *testing.T) {
	t.Parallel()
	spoilt := filepath.Join(t.TempDir(), "spoilt.yaml")
	y := bytes.Replace(openapi.YAML, []byte("      summary: The institutions that a person can connect.\n"), nil, 1)
	if err := os.WriteFile(spoilt, y, 0o600); err != nil {
		t.Fatal(err)
	}
	documents := []string{"openapi.yaml", "sandbox/sandbox.yaml", spoilt}
	found := lint(t, documents...)
	for i, problems := range found[:2] {
		for _, problem := range problems {
			t.Errorf("%s: %s", documents[i], problem)
		}
	}
	if !strings.Contains(strings.Join(found[2], "\n"), "operation-summary") {
		t.Errorf("an operation without a summary passes: %q", found[2])
	}
}
