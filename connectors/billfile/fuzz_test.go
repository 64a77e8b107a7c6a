package billfile

import (
	"bytes"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/internal/fault"
)

// FuzzRead: whatever comes, either a whole sound file or a fault of the file's
// own, and the same one each time.
func FuzzRead(f *testing.F) {
	for _, text := range []string{alipayWebFile, alipayApp2021File, wechatFile, appHeader, wechatColumns + `"`, ""} {
		f.Add([]byte(text))
		f.Add(gb18030(text))
	}
	f.Add(workbook(f, wechatFile, asText, 0))
	f.Add(workbook(f, wechatFile, asSerial, 1))
	f.Add(zipped(f, "a.csv", 1))
	f.Fuzz(func(t *testing.T, data []byte) { checkRead(t, data) })
}

// FuzzSheet puts arbitrary rows under a header that is known, where random
// bytes hardly ever come.
func FuzzSheet(f *testing.F) {
	_, rows, _ := bytes.Cut([]byte(wechatFile), []byte(wechatColumns))
	f.Add(rows)
	f.Add([]byte("2024-05-09 10:00:01,\"a\nb\",c"))
	f.Fuzz(func(t *testing.T, rows []byte) {
		checkRead(t, append([]byte(wechatColumns), rows...))
		checkRead(t, append([]byte(appHeader), rows...))
		// Any form, by what the rows happen to be.
		any := forms[crc32.ChecksumIEEE(rows)%uint32(len(forms))]
		checkRead(t, append([]byte("2024年01月\n"+strings.Join(any.needs, ",")+"\n"), rows...))
	})
}

func checkRead(t *testing.T, data []byte) { checkReadWith(t, data, Options{}) }

func checkReadWith(t *testing.T, data []byte, o Options) {
	got, err := Read(bytes.NewReader(data), o)
	if err != nil {
		var e *fault.Error
		if got != nil || !errors.As(err, &e) || e.Kind == fault.Internal {
			t.Fatalf("Read = %v, %v", got, err)
		}
		return
	}
	checkSound(t, got)
	again, err := Read(bytes.NewReader(data), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.Accounts[0].Bills, again.Accounts[0].Bills); diff != "" {
		t.Errorf("read twice: %s", diff)
	}
}
