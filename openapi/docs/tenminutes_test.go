package docs_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// others are the guides that go on where the first view has ended, each with a
// sandbox of its own.
var others = []string{"grants", "views", "renewing", "webhooks", "authenticating", "errors", "going-live"}

// The ten-minute guide does what it says, line by line, in a fresh clone; and
// each of the other guides does, behind it.
func TestTheTenMinuteGuide(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq", "openssl", "node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("install %s (.ci/run does), or the guides are not run", tool)
		}
	}
	clone := freshClone(t)
	p := player{dir: clone, as: asShown(filepath.Join(clone, "try", "ready.json")), env: []string{
		"GOFLAGS=-trimpath",              // what is built is kept for the next clone
		"npm_config_prefer_offline=true", // what .ci/run has fetched is here
		"JALI_SANDBOX_ADDR=localhost:0", "JALI_SANDBOX_TOWN_ADDR=127.0.0.1:0", "JALI_SANDBOX_BANK_ADDR=127.0.0.1:0",
	}}
	began := time.Now()
	if err := p.play(t.Context(), "first-view", guide(t, "en", "first-view")); err != nil {
		t.Fatal(err)
	}
	t.Logf("the first view took %.1f s", time.Since(began).Seconds())
	p.kept(t, "try")
	for _, name := range others {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := p.beside(t, name)
			if err := p.play(t.Context(), name, guide(t, "en", name)); err != nil {
				t.Error(err)
			}
			p.kept(t, ".")
		})
	}
}

// kept looks through what the sandbox of a guide has logged for promises broken.
func (p player) kept(t *testing.T, folder string) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(p.dir, folder, "sandbox.log"))
	if err != nil || bytes.Contains(log, []byte("not what the document promises")) {
		t.Errorf("the sandbox says %s, %v", log, err)
	}
}

// beside answers a player in a folder of its own, like the first guide's at its
// end: what the other guides leave there does not meet.
func (p player) beside(t *testing.T, name string) player {
	t.Helper()
	first, own := filepath.Join(p.dir, "try"), filepath.Join(p.dir, "try-"+name)
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, kept := range []string{"sandbox", "jali.sh"} {
		if err := os.Link(filepath.Join(first, kept), filepath.Join(own, kept)); err != nil {
			t.Fatal(err)
		}
	}
	p.dir, p.as = own, asShown(filepath.Join(own, "ready.json"))
	return p
}

type addresses struct{ Issuer, Town, Bank string }

func readyAt(path string) (a addresses) {
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil {
		return addresses{}
	}
	return a
}

// asShown writes the addresses of this run as the guides do, which show the usual ones.
func asShown(ready string) func(string) string {
	return func(printed string) string {
		a := readyAt(ready)
		if a.Issuer == "" {
			return printed
		}
		return strings.NewReplacer(a.Issuer, "http://localhost:8080", a.Town, "http://127.0.0.1:8070", a.Bank, "http://127.0.0.1:8090").Replace(printed)
	}
}

func guide(t *testing.T, lang, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("guides", lang, name+".md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// freshClone copies what is tracked, or all there is where nothing tracks it.
func freshClone(t *testing.T) string {
	t.Helper()
	const root = "../.."
	var names []string
	if out, err := exec.Command("git", "-C", root, "ls-files", "-z").Output(); err == nil {
		names = strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	} else if err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || path == "try"):
			return fs.SkipDir
		case d.Type().IsRegular():
			names = append(names, path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	clone := t.TempDir()
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(clone, name)), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(clone, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return clone
}

// Whoever reads Chinese types what whoever reads English does, and sees the same.
func TestGuidesAgreeInBothLanguages(t *testing.T) {
	names := map[string][]string{}
	for _, lang := range []string{"en", "zh"} {
		files, err := filepath.Glob(filepath.Join("guides", lang, "*.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			names[lang] = append(names[lang], strings.TrimSuffix(filepath.Base(f), ".md"))
		}
	}
	played := slices.Sorted(slices.Values(append([]string{"first-view"}, others...)))
	if !slices.Equal(names["en"], played) || !slices.Equal(names["zh"], played) {
		t.Fatalf("guides are %q and %q; played are %q", names["en"], names["zh"], played)
	}
	for _, name := range played {
		en, zh := fences(guide(t, "en", name)), fences(guide(t, "zh", name))
		if len(en) == 0 || len(en) != len(zh) {
			t.Errorf("%s has %d blocks in English, %d in Chinese", name, len(en), len(zh))
			continue
		}
		for i := range en {
			if en[i].lang != zh[i].lang || en[i].text != zh[i].text || en[i].behind != zh[i].behind {
				t.Errorf("%s: en:%d and zh:%d are not the same block", name, en[i].first, zh[i].first)
			}
		}
	}
}
