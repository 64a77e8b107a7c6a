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

// lint answers what Redocly finds wrong about a document, by the rules of
// redocly.yaml.
func lint(t *testing.T, file string) (found []string) {
	t.Helper()
	program, err := filepath.Abs(redocly)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("run npm ci --prefix internal/walk/node to lint the documents")
	}
	config, err := filepath.Abs("redocly.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "lint", "--format=json", "--max-problems=50", "--config", config, file)
	cmd.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	var told bytes.Buffer
	cmd.Stderr = &told
	out, failed := cmd.Output() // 1 where there are errors
	var answer struct {
		Problems []struct {
			RuleID, Severity, Message string
			Location                  []struct{ Pointer string }
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("redocly: %v, %v\n%s", failed, err, told.Bytes())
	}
	for _, p := range answer.Problems {
		at := ""
		if len(p.Location) > 0 {
			at = p.Location[0].Pointer
		}
		found = append(found, strings.Join([]string{p.Severity, p.RuleID, at, p.Message}, " "))
	}
	if failed != nil && len(found) == 0 {
		t.Fatalf("redocly: %v\n%s", failed, told.Bytes())
	}
	return found
}

func TestRedoclyFindsNothing(t *testing.T) {
	for _, file := range []string{"openapi.yaml", "sandbox/sandbox.yaml"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			for _, problem := range lint(t, file) {
				t.Error(problem)
			}
		})
	}
}

// The linter is first shown a fault, or its silence would mean nothing.
func TestRedoclyFindsPlantedFaults(t *testing.T) {
	t.Parallel()
	spoilt := bytes.Replace(openapi.YAML, []byte("      summary: The institutions that a person can connect.\n"), nil, 1)
	file := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(file, spoilt, 0o600); err != nil {
		t.Fatal(err)
	}
	found := lint(t, file)
	if !strings.Contains(strings.Join(found, "\n"), "operation-summary") {
		t.Errorf("an operation without a summary passes: %q", found)
	}
}
