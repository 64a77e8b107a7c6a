package billfile

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/secret"
)

const zipPassword = "240117"

// The archives in testdata were made by other programs, so that what is read
// here is not only what is written here: Info-ZIP's zip, with a name in GBK
// and from a pipe, and zip.js.
func TestArchivesOfOtherPrograms(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.zip")
	if err != nil || len(archives) < 6 {
		t.Fatalf("%d archives, %v", len(archives), err)
	}
	for _, name := range archives {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Read(bytes.NewReader(data), Options{Password: secret.Of(zipPassword)})
			if err != nil {
				t.Fatal(err)
			}
			if b := f.Accounts[0].Bills; f.Format != "alipay_app_2023" || len(b) != 2 || b[0].Counterparty != "河边面馆" || b[1].Amount != yuan("20.00") {
				t.Errorf("%s with %+v", f.Format, b)
			}
			var without, with *fault.Error
			_, err = Read(bytes.NewReader(data), Options{})
			if !errors.Is(err, ErrPassword) || !errors.As(err, &without) {
				t.Errorf("without a password: %v", err)
			}
			for _, wrong := range []string{"240118", "24011", "2401177", strings.Repeat("x", 70)} {
				_, err = Read(bytes.NewReader(data), Options{Password: secret.Of(wrong)})
				if !errors.Is(err, ErrPassword) || !errors.As(err, &with) {
					t.Fatalf("with another password: %v", err)
				}
				if with.Detail == without.Detail {
					t.Errorf("a password that is missing and one that is wrong are told alike: %s", with.Detail)
				}
			}
		})
	}
}

func TestArchives(t *testing.T) {
	may := strings.NewReplacer("2024-05-", "2024-04-", "2024-05-31", "2024-04-30", "42000", "41000", "50300", "50200").Replace
	april := strings.Replace(may(wechatFile), "终止时间：[2024-04-31", "终止时间：[2024-04-30", 1)
	march := strings.NewReplacer("2024-05-", "2024-03-").Replace(wechatFile)
	xlsx := string(workbook(t, wechatFile, asText, 0))
	for _, tt := range []struct {
		why     string
		members []string // name and content by turns
		bills   int
		want    *fault.Error
	}{
		{"a bill beside a PDF and notes", []string{"说明.pdf", "%PDF-1.7", "bill.csv", wechatFile, "读我.txt", "hello", "__MACOSX/._bill.csv", "\x00\x05"}, 8, nil},
		{"a workbook in a folder", []string{"a/", "", "a/bill.xlsx", xlsx}, 8, nil},
		{"two months", []string{"2.csv", wechatFile, "1.csv", april}, 16, nil},
		{"the same month twice", []string{"1.csv", wechatFile, "2.csv", wechatFile}, 8, nil},
		{"two months with one between", []string{"1.csv", wechatFile, "2.csv", march}, 0, ErrUnknown},
		{"two people's", []string{"1.csv", wechatFile, "2.csv", strings.Replace(april, "小美", "阿明", 1)}, 0, ErrUnknown},
		{"two sources'", []string{"1.csv", wechatFile, "2.csv", alipayApp2021File}, 0, ErrUnknown},
		{"no bill", []string{"a.txt", "hello"}, 0, ErrUnknown},
		{"nothing", nil, 0, ErrUnknown},
		{"a table that nobody knows", []string{"a.txt", "hello", "b.csv", "date,amount\n2024-01-01,1.00\n"}, 0, ErrUnmapped},
		{"a bill that is cut short", []string{"1.csv", wechatFile, "2.csv", april[:len(april)-40]}, 0, ErrDamaged},
		{"an archive in an archive", []string{"in.zip", string(archive(t, []string{"bill.csv", wechatFile}, nil))}, 0, ErrUnknown},
		{"more files than are sent", strings.Split(strings.Repeat("a.txt,x,", maxMembers+1), ",")[:2*(maxMembers+1)], 0, ErrTooLarge},
		{"a bomb", []string{"bill.csv", wechatFile + strings.Repeat(" ", MaxSize)}, 0, ErrTooLarge},
		{"two halves of one", []string{"a.csv", strings.Repeat(" ", MaxSize/2), "b.csv", strings.Repeat(" ", MaxSize/2+1)}, 0, ErrTooLarge},
	} {
		t.Run(tt.why, func(t *testing.T) {
			for _, seal := range []sealer{nil, aesSealer(1, 3), aesSealer(2, 1), cryptoSealer} {
				f, err := Read(bytes.NewReader(archive(t, tt.members, seal)), Options{Password: secret.Of(zipPassword)})
				if tt.want != nil {
					if !errors.Is(err, tt.want) {
						t.Errorf("Read = %v, want %v", err, tt.want)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				checkSound(t, f)
				if len(f.Accounts) != 1 || len(f.Accounts[0].Bills) != tt.bills || f.Accounts[0].Rows != tt.bills {
					t.Errorf("%d accounts, %d bills; want 1, %d", len(f.Accounts), len(f.Accounts[0].Bills), tt.bills)
				}
			}
		})
	}
}

func TestTwoMonthsOfAnArchiveAreOnePeriod(t *testing.T) {
	april := strings.NewReplacer("2024-05-31", "2024-04-30", "2024-05-", "2024-04-").Replace(wechatFile)
	f, err := Read(bytes.NewReader(archive(t, []string{"b.csv", wechatFile, "a.csv", april}, nil)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := connectors.Span{From: at("2024-04-01 00:00:00"), To: at("2024-06-01 00:00:00")}
	if got := f.Accounts[0].Covers; !got.From.Equal(want.From) || !got.To.Equal(want.To) {
		t.Errorf("covers %v, want %v", got, want)
	}
}

// Whatever byte of an encrypted member is spoilt, nothing of it is believed.
func TestASpoiltArchive(t *testing.T) {
	whole := archive(t, []string{"bill.csv", wechatFile}, aesSealer(2, 3))
	from := bytes.Index(whole, []byte("bill.csv")) + len("bill.csv") + 11
	for i := from; i < from+200; i += 7 {
		data := bytes.Clone(whole)
		data[i] ^= 1
		if _, err := Read(bytes.NewReader(data), Options{Password: secret.Of(zipPassword)}); !errors.Is(err, ErrPassword) {
			t.Fatalf("byte %d spoilt: %v", i, err)
		}
	}
}

// sealer encrypts a packed member: what this package reads, written from the
// same descriptions.
type sealer func(h *zip.FileHeader, packed []byte) []byte

func cryptoSealer(h *zip.FileHeader, packed []byte) []byte {
	h.Flags |= 1
	k := zipKeysOf([]byte(zipPassword))
	plain := append(bytes.Repeat([]byte{7}, zipCryptoHeader-1), byte(h.CRC32>>24))
	plain = append(plain, packed...)
	for i, c := range plain {
		t := k[2] | 2
		plain[i] = c ^ byte(t*(t^1)>>8)
		k.update(c)
	}
	return plain
}

func aesSealer(version uint16, strength byte) sealer {
	return func(h *zip.FileHeader, packed []byte) []byte {
		bits := 8 * (int(strength) + 1)
		salt := bytes.Repeat([]byte{9}, bits/2)
		keys, err := pbkdf2.Key(sha1.New, zipPassword, salt, aesRounds, 2*bits+2)
		if err != nil {
			panic(err)
		}
		block, err := aes.NewCipher(keys[:bits])
		if err != nil {
			panic(err)
		}
		body := bytes.Clone(packed)
		littleCTR(block, body)
		m := hmac.New(sha1.New, keys[bits:2*bits])
		m.Write(body)
		h.Extra = binary.LittleEndian.AppendUint16([]byte{0x01, 0x99, 7, 0, byte(version), 0, 'A', 'E', strength}, h.Method)
		if h.Method, h.Flags = methodAES, h.Flags|1; version == 2 {
			h.CRC32 = 0
		}
		return bytes.Join([][]byte{salt, keys[2*bits:], body, m.Sum(nil)[:aesMAC]}, nil)
	}
}

func archive(t testing.TB, members []string, seal sealer) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(members); i += 2 {
		name, content := members[i], members[i+1]
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(content)), UncompressedSize64: uint64(len(content))}
		raw := packed.Bytes()
		if seal != nil && !strings.HasSuffix(name, "/") {
			raw = seal(h, raw)
		}
		if strings.HasSuffix(name, "/") {
			h.Method, raw = zip.Store, nil
		}
		h.CompressedSize64 = uint64(len(raw))
		out, err := z.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzZip: any archive, with any password, is a file or a fault of its own.
func FuzzZip(f *testing.F) {
	archives, _ := filepath.Glob("testdata/*.zip")
	for _, name := range archives {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, zipPassword)
	}
	f.Add(archive(f, []string{"a.csv", wechatFile, "b.pdf", "%PDF"}, nil), "")
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		checkReadWith(t, data, Options{Password: secret.Of(password)})
	})
}
