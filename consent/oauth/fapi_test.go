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

	"jali/consent"
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
	assertionModules,
	proofModules,
	tokenModules,
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

// TestFAPI has clients ask and be answered in plain parameters, but where a
// module is about more.
func TestFAPI(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		t.Run(name, func(t *testing.T) { modules[name](open(t)) })
	}
}

// TestFAPIMessageSigning holds the same modules where every client signs what
// it asks for and is answered by a signed response, and neither is left to
// choice.
func TestFAPIMessageSigning(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			h.signing = true
			for _, a := range []app{h.bank, h.other} {
				h.change(a, func(c *consent.Client) { c.SignedRequests, c.SignedResponses = true, true })
			}
			modules[name](h)
		})
	}
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
			if modules[name] == nil {
				t.Errorf("nothing mirrors %s", name)
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
