package page

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"jali/connectors/billfile"
)

// Whatever a file of another sort looks like, the page says it in the person's
// language, and what to upload instead.
func TestFilesOfAnotherSortAreToldApart(t *testing.T) {
	for content, want := range map[string][2]string{
		"":           {"The file is empty", "这个文件是空的"},
		"%PDF-1.7 …": {"This is a PDF. Export", "这是 PDF。请改为导出"},
		"PK\x05\x06" + strings.Repeat("\x00", 18): {"No file in this archive is a bill", "压缩包里没有账单文件"},
		"\x01\x00\x02": {"", ""},
	} {
		_, err := billfile.Read(strings.NewReader(content), billfile.Options{})
		for i, lang := range []string{"en", "zh-CN"} {
			if got := newCatalog(t, lang).wrongFile(err).Detail; !strings.HasPrefix(got, want[i]) || want[i] == "" && got != "" {
				t.Errorf("%q in %s: %q, want %q", content, lang, got, want[i])
			}
		}
	}
	files, _ := filepath.Glob("../../connectors/billfile/*.go")
	seen := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`[^a-zA-Z]unknown\("(\w+)"\)`).FindAllSubmatch(b, -1) {
			seen++
			for _, lang := range []string{"en", "zh-CN"} {
				if key := "unknown_file." + string(m[1]); !newCatalog(t, lang).has(key) {
					t.Errorf("%s lacks %s", lang, key)
				}
			}
		}
	}
	if seen < 16 {
		t.Errorf("%d sorts of files are found", seen)
	}
}
