package oauth

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A module is a test of ours of what one module of the OpenID Foundation's
// plans fapi2-security-profile-final and fapi2-message-signing-final checks of
// a server, in a house of its own. This is self-testing against the published
// list of modules; it is no certification.
type module func(*house)

// modules are all of them by the names of those they mirror, without
// modulePrefix; each theme has a file.
var modules = union(
	pushModules,
	authorizeModules,
	requestModules,
)

const modulePrefix = "fapi2-security-profile-final-"

func union(themes ...map[string]module) map[string]module {
	all := map[string]module{}
	for _, theme := range themes {
		for name, check := range theme {
			if all[name] != nil {
				panic("two tests mirror " + name)
			}
			all[name] = check
		}
	}
	return all
}

func TestFAPI(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		t.Run(name, func(t *testing.T) { modules[name](open(t)) })
	}
}

// awaited are the published modules that nothing mirrors yet.
var awaited = []string{
	"access-token-type-header-case-sensitivity",
	"attempt-reuse-authorization-code-after-one-second",
	"ensure-token-endpoint-fails-with-expired-auth-code",
	"check-dpop-proof-nbf-exp",
	"dpop-negative-tests",
	"ensure-authorization-code-is-bound-to-client",
	"ensure-client-assertion-in-token-endpoint",
	"ensure-client-assertion-with-exp-is-5-minutes-in-past-fails",
	"ensure-client-assertion-with-no-sub-fails",
	"ensure-client-assertion-with-wrong-aud-fails",
	"ensure-client-id-in-token-endpoint",
	"ensure-dpop-auth-code-binding-success",
	"ensure-dpopproof-at-par-endpoint-binding-success",
	"ensure-dpopproof-with-iat-10seconds-after-succeeds",
	"ensure-dpopproof-with-iat-10seconds-before-succeeds",
	"ensure-holder-of-key-required",
	"ensure-mismatched-dpop-jkt-fails",
	"ensure-signed-client-assertion-with-RS256-fails",
	"ensure-token-endpoint-fails-with-mismatched-dpop-jkt",
	"ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt",
	"happy-flow",
	"par-test-array-as-audience-fails",
	"par-test-par-endpoint-url-as-audience-fails",
	"par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted",
	"par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails",
	"par-test-token-endpoint-url-as-audience-fails",
	"refresh-token",
}

// TestEveryModuleIsMirrored holds TestFAPI to the list as it was published.
func TestEveryModuleIsMirrored(t *testing.T) {
	list, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "fapi2-modules.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the list of published modules is not here")
	} else if err != nil {
		t.Fatal(err)
	}
	published := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), modulePrefix); ok {
			published[name] = true
			if (modules[name] == nil) != slices.Contains(awaited, name) {
				t.Errorf("%s: mirrored is %v, awaited is %v", name, modules[name] != nil, modules[name] == nil)
			}
		}
	}
	if len(published) == 0 {
		t.Fatal("the list names no module")
	}
	for name := range modules {
		if !published[name] {
			t.Errorf("%s mirrors no published module", name)
		}
	}
}
