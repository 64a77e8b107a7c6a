package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"jali/cmd/internal/house"
	"jali/connectors"
)

// The example is what operators begin with: every setting in it exists, and
// so does every member of its sources.
func TestTheExampleConfiguration(t *testing.T) {
	const example = "jali.example.yaml"
	var c cli
	k, err := kong.New(&c, kong.Configuration(loadYAML))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse([]string{"serve", "--config", example}); err != nil {
		t.Fatal(err)
	}
	if c.Issuer != "https://jali.example" || c.Serve.Listen != ":8443" || c.Serve.TLSCert == "" || c.KeyFile == "" || c.Anchor == "" {
		t.Errorf("the example is not what is served: %+v", c)
	}
	if _, err := c.Serve.check(c.Issuer); err != nil {
		t.Error(err)
	}
	if c.Serve.MTLSListen == "" || c.Serve.MTLSURL == "" || c.Serve.ClientCA == "" {
		t.Errorf("the example serves no clients with certificates: %+v", c.Serve.certificates)
	}
	shown, err := house.ParseRates(c.Serve.Rate)
	usual, usually := house.ParseRates(nil)
	if err != nil || usually != nil || !maps.Equal(shown, usual) || len(c.Serve.Rate) != len(usual) {
		t.Errorf("the example's rates are not the usual ones: %v, %v", shown, err)
	}
	b, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	commented := regexp.MustCompile(`(?m)^( +)# ( *[a-z0-9-]+:( \S.*)?)$`)
	_, whole, _ := bytes.Cut(b, []byte("\nsources:\n"))
	for why, text := range map[string][]byte{"as it is": whole, "with what is in comments": commented.ReplaceAll(whole, []byte("$1$2"))} {
		var nodes []yaml.Node
		if err := yaml.Unmarshal(text, &nodes); err != nil || len(nodes) < 9 {
			t.Fatalf("%s: %d sources, %v", why, len(nodes), err)
		}
		for _, node := range nodes {
			s, err := readSetting(&node)
			if err != nil || s.ID == "" || s.Dialect == "" || s.KeyFile == "" {
				t.Errorf("%s, source %q: %v", why, s.ID, err)
			}
			if _, err := s.Limits.of(connectors.Source{}); err != nil || strings.Contains(fmt.Sprint(s), " (") {
				t.Errorf("%s, source %q: %v, or words where a value is: %+v", why, s.ID, err, s)
			}
		}
	}
}

// Flags win over the environment, and the environment over the file.
func TestWhichSettingWins(t *testing.T) {
	file := t.TempDir() + "/jali.yaml"
	if err := os.WriteFile(file, []byte("listen: localhost:1\nlog-level: warn\nbehind-proxy: [10.0.0.0/8, 192.0.2.0/24]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JALI_LISTEN", "localhost:2")
	t.Setenv("JALI_LOG_LEVEL", "error")
	var c cli
	k, err := kong.New(&c, kong.Configuration(loadYAML))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse([]string{"serve", "--config", file, "--listen", "localhost:3"}); err != nil {
		t.Fatal(err)
	}
	if c.Serve.Listen != "localhost:3" || c.Serve.LogLevel != "error" || len(c.Serve.BehindProxy) != 2 {
		t.Errorf("listen %s, log level %s, proxies %v", c.Serve.Listen, c.Serve.LogLevel, c.Serve.BehindProxy)
	}
}
