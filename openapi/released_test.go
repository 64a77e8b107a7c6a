package openapi_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"jali/openapi"
)

// released answers the documents of all releases, oldest first.
func released(t *testing.T) (versions []string, documents [][]byte) {
	t.Helper()
	files, err := filepath.Glob("released/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("a release is a copy of openapi.yaml as released/{version}.yaml, and there is none: %v", err)
	}
	for i := range files {
		files[i] = strings.TrimSuffix(filepath.Base(files[i]), ".yaml")
	}
	slices.SortFunc(files, byVersion)
	for _, version := range files {
		b, err := os.ReadFile(filepath.Join("released", version+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, b)
	}
	return files, documents
}

// byVersion compares two versions, major.minor.patch.
func byVersion(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	return slices.CompareFunc(x, y, func(p, q string) int {
		m, _ := strconv.Atoi(p)
		n, _ := strconv.Atoi(q)
		return cmp.Compare(m, n)
	})
}

// asReleased is the SHA-256 of each release's document. It is written down
// once, with the release, and never again: who breaks openapi.yaml and copies it
// over a release would have nothing left to be compared with.
var asReleased = map[string]string{
	"1.0.0": "e18b665171384651783e8cdead2da7704c1f699baceb9e7263bfa434cabcd796",
}

func TestReleasesStayAsTheyWere(t *testing.T) {
	versions, documents := released(t)
	for _, wrong := range rewritten(asReleased, versions, documents) {
		t.Error(wrong)
	}
}

// rewritten answers the releases that are not what was written down of them.
func rewritten(sums map[string]string, versions []string, documents [][]byte) (wrong []string) {
	for i, v := range versions {
		sum := sha256.Sum256(documents[i])
		switch is := hex.EncodeToString(sum[:]); sums[v] {
		case is:
		case "":
			wrong = append(wrong, "released/"+v+".yaml is new: write down "+is)
		default:
			wrong = append(wrong, "released/"+v+".yaml was released otherwise: bring it back, and give what is new a version of its own")
		}
	}
	for _, v := range slices.Sorted(maps.Keys(sums)) {
		if !slices.Contains(versions, v) {
			wrong = append(wrong, "released/"+v+".yaml was released and is gone")
		}
	}
	return wrong
}

func TestRewrittenReleasesAreFound(t *testing.T) {
	versions, documents := released(t)
	broken := bytes.Replace(openapi.YAML, []byte("operationId: OpenView"), []byte("operationId: ShowView"), 1)
	if len(breaks(read(t, documents[0]), read(t, broken))) == 0 {
		t.Fatal("what is planted is no break")
	}
	last := len(versions) - 1
	copied := append(slices.Clone(documents[:last]), broken)
	for _, tt := range []struct {
		why       string
		versions  []string
		documents [][]byte
		finds     string
	}{
		{"as they were", versions, documents, ""},
		{"broken, and copied over the release", versions, copied, "released otherwise"},
		{"one more, not written down", append(slices.Clone(versions), "99.0.0"), append(slices.Clone(documents), broken), "99.0.0.yaml is new"},
		{"one removed", versions[:last], documents[:last], "is gone"},
	} {
		found := strings.Join(rewritten(asReleased, tt.versions, tt.documents), "\n")
		if (found == "") != (tt.finds == "") || !strings.Contains(found, tt.finds) {
			t.Errorf("%s: %q; want %q", tt.why, found, tt.finds)
		}
	}
}

// Within /v1 nothing that a developer relies on is taken back, from one
// release to the next and from the newest to what is here.
func TestNothingReleasedIsTakenBack(t *testing.T) {
	versions, documents := released(t)
	versions, documents = append(versions, "the present document"), append(documents, openapi.YAML)
	for i := range documents[1:] {
		for _, broken := range breaks(read(t, documents[i]), read(t, documents[i+1])) {
			t.Errorf("%s breaks what %s promised: %s", versions[i+1], versions[i], broken)
		}
	}
}

// What differs has a version of its own, and the changelog says what is new.
func TestEveryVersionIsInTheChangelog(t *testing.T) {
	versions, documents := released(t)
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range versions {
		if got := read(t, documents[i]).Info.Version; got != v {
			t.Errorf("released/%s.yaml calls itself %s", v, got)
		}
	}
	same := bytes.Equal(documents[len(documents)-1], openapi.YAML)
	for _, wrong := range misnamed(versions, same, document(t).Info.Version, string(changelog)) {
		t.Error(wrong)
	}
}

// misnamed answers what is wrong with the version of a document that is the
// same as the newest of the released ones, or is not, and with the changelog.
func misnamed(released []string, same bool, version, changelog string) (wrong []string) {
	newest := released[len(released)-1]
	switch {
	case same && version != newest:
		wrong = append(wrong, "the document is as it was in "+newest+", but calls itself "+version)
	case !same && byVersion(version, newest) <= 0:
		wrong = append(wrong, "the document is another than in "+newest+": give it a higher version, and the changelog a section that says what is new")
	}
	var told []string
	for _, section := range regexp.MustCompile(`(?m)^## `).Split(changelog, -1)[1:] {
		head, text, _ := strings.Cut(section, "\n")
		told = append(told, head)
		if !strings.Contains(text, "\n- ") {
			wrong = append(wrong, "the changelog says nothing of "+head)
		}
	}
	want := slices.Compact(append(slices.Clone(released), version))
	slices.Reverse(want)
	if !slices.Equal(told, want) {
		wrong = append(wrong, "the changelog has "+strings.Join(told, ", ")+", and not, newest first, "+strings.Join(want, ", "))
	}
	return wrong
}

func TestMisnamedVersionsAreFound(t *testing.T) {
	const first, second = "\n## 1.0.0\n\n- The first.\n", "\n## 1.1.0\n\n- A code.\n"
	for _, tt := range []struct {
		why       string
		same      bool
		version   string
		changelog string
		finds     string
	}{
		{"nothing has changed", true, "1.0.0", first, ""},
		{"something is new and says so", false, "1.1.0", second + first, ""},
		{"something is new, and nothing says so", false, "1.0.0", first, "give it a higher version"},
		{"a version of before", false, "0.9.0", first, "give it a higher version"},
		{"ten is more than nine", false, "1.10.0", strings.Replace(second, "1.1.0", "1.10.0", 1) + first, ""},
		{"a version for nothing", true, "1.1.0", second + first, "as it was in 1.0.0"},
		{"a version that the changelog does not know", false, "1.1.0", first, "the changelog has 1.0.0"},
		{"a version of which the changelog says nothing", false, "1.1.0", "\n## 1.1.0\n" + first, "says nothing of 1.1.0"},
		{"in the wrong order", false, "1.1.0", first + second, "newest first"},
	} {
		found := strings.Join(misnamed([]string{"1.0.0"}, tt.same, tt.version, tt.changelog), "\n")
		if (found == "") != (tt.finds == "") || !strings.Contains(found, tt.finds) {
			t.Errorf("%s: %q; want %q", tt.why, found, tt.finds)
		}
	}
}

// What may grow at any time is announced where developers read it.
func TestTheRuleIsInTheDocument(t *testing.T) {
	for _, words := range []string{"Within `/v1` this document only grows", "Pass over members that you do not know", "further values", "error codes among"} {
		if !strings.Contains(strings.Join(strings.Fields(document(t).Info.Description), " "), words) {
			t.Errorf("the document does not say %q", words)
		}
	}
}

func read(t testing.TB, y []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(y)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// asJSON is the document as it is read most quickly.
var asJSON = sync.OnceValues(func() ([]byte, error) {
	doc, err := openapi.Document()
	if err != nil {
		return nil, err
	}
	return doc.MarshalJSON()
})

// reloaded is a copy of the document that a test may spoil.
func reloaded(t testing.TB) *openapi3.T {
	t.Helper()
	b, err := asJSON()
	if err != nil {
		t.Fatal(err)
	}
	return read(t, b)
}
