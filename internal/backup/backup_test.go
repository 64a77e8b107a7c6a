package backup

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

var bg = context.Background()

// key is an age key: its recipient and its identity, as text.
func key(t testing.TB) (recipient, identity string) {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return k.Recipient().String(), k.String()
}

func recipients(t testing.TB, keys ...string) Recipients {
	t.Helper()
	to, err := ParseRecipients(keys)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func identities(t testing.TB, lines string) Identities {
	t.Helper()
	with, err := ParseIdentities(strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	return with
}

// signer signs as one house does.
func signer(house string) Sign {
	return func(parts ...string) []byte {
		h := hmac.New(sha256.New, []byte(house))
		for _, p := range parts {
			_, _ = fmt.Fprintf(h, "%d %s", len(p), p)
		}
		return h.Sum(nil)
	}
}

func rowsOf(rows ...string) iter.Seq2[kv.Entry, error] {
	return func(yield func(kv.Entry, error) bool) {
		for i, v := range rows {
			if !yield(kv.Entry{Key: kv.Key("row", i), Value: []byte(v)}, nil) {
				return
			}
		}
	}
}

var made = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

func header(stores ...Store) Header { return Header{Made: made, Ring: "ring", Term: 3, Stores: stores} }

// small is a backup of two stores, and the key to it.
func small(t testing.TB) (b []byte, with Identities) {
	t.Helper()
	to, id := key(t)
	var w bytes.Buffer
	h := header(Store{Name: "keys.db", Schema: boltkv.Schema, Rows: rowsOf("k0", "k1")}, Store{Name: "jali.db", Schema: boltkv.Schema, Rows: rowsOf("r0", strings.Repeat("r1", 70_000), "r2")})
	if _, err := Write(bg, &w, recipients(t, to), h, signer("ours"), nil); err != nil {
		t.Fatal(err)
	}
	return w.Bytes(), identities(t, id)
}

// taken is what a backup holds, by store and key.
func taken(b []byte, with Identities) (map[string]string, *Reader, Sums, error) {
	r, err := Open(bytes.NewReader(b), with)
	if err != nil {
		return nil, nil, Sums{}, err
	}
	got, sums, err := all(r)
	return got, r, sums, err
}

func all(r *Reader) (map[string]string, Sums, error) {
	got := map[string]string{}
	sums, err := r.Each(bg, func(s Store) error {
		for e, err := range s.Rows {
			if err != nil {
				return err
			}
			got[s.Name+string(e.Key)] = string(e.Value)
		}
		return nil
	}, nil)
	return got, sums, err
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	b, with := small(t)
	got, r, sums, err := taken(b, with)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for name, rows := range map[string][]string{"keys.db": {"k0", "k1"}, "jali.db": {"r0", strings.Repeat("r1", 70_000), "r2"}} {
		for i, v := range rows {
			want[name+string(kv.Key("row", i))] = v
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("read %d rows, want %d", len(got), len(want))
	}
	if !r.Made.Equal(made) || r.Ring != "ring" || r.Term != 3 || sums.Rows() != 5 {
		t.Errorf("header %+v, %d rows", r.Header, sums.Rows())
	}
	if sum, err := SumOf(bg, rowsOf("k0", "k1")); err != nil || !sum.Equal(sums.Stores[0]) {
		t.Errorf("the same rows sum up to %+v, %v; want %+v", sum, err, sums.Stores[0])
	}
	if !r.MadeBy(signer("ours")) {
		t.Error("a backup is not of the house that made it")
	}
	if r.MadeBy(signer("theirs")) || r.MadeBy(func(...string) []byte { return nil }) {
		t.Error("a backup is of another house than made it")
	}
	opened, err := age.Decrypt(bytes.NewReader(b), with...)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(opened)
	if err != nil {
		t.Fatal(err)
	}
	// Long enough to be in no ciphertext by chance.
	for _, word := range []string{`"keys.db"`, `"ring":"ring"`, `"term":3`, string(kv.Key("row", 1)), strings.Repeat("r1", 8)} {
		if !bytes.Contains(plain, []byte(word)) {
			t.Errorf("the search cannot find: %q is not in a backup at all", word)
		}
		if bytes.Contains(b, []byte(word)) {
			t.Errorf("%q can be read without a key", word)
		}
	}
}

func TestEveryRecipientOpensIt(t *testing.T) {
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	to1, id1 := key(t)
	to2, id2 := key(t)
	for name, tt := range map[string]struct {
		to  []string
		ids []string
	}{
		"two keys":     {[]string{to1, to2}, []string{id1, id2}},
		"post-quantum": {[]string{hybrid.Recipient().String()}, []string{hybrid.String()}},
	} {
		var w bytes.Buffer
		if _, err := Write(bg, &w, recipients(t, tt.to...), header(Store{Name: "a.db", Schema: boltkv.Schema, Rows: rowsOf("x")}), signer(""), nil); err != nil {
			t.Fatal(err)
		}
		for _, id := range tt.ids {
			if _, _, _, err := taken(w.Bytes(), identities(t, "# created: today\n\n"+id+"\n")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestKeysThatAreNone(t *testing.T) {
	to, id := key(t)
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for why, keys := range map[string][]string{
		"none":                 nil,
		"a typo":               {to[:20] + "q" + to[21:] + "x"},
		"an identity":          {id},
		"a passphrase":         {"correct horse battery staple"},
		"a key of SSH's":       {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJwiJ8Wxq1dTbRo8VhqIWCBmyAz0JmFjdrlxnFbC2iFM"},
		"old and post-quantum": {to, hybrid.Recipient().String()},
	} {
		_, err := ParseRecipients(keys)
		if !errors.Is(err, ErrRecipient) {
			t.Errorf("%s: %v, want ErrRecipient", why, err)
		} else if strings.Contains(err.Error(), id[20:]) {
			t.Errorf("%s: the error quotes it", why)
		}
	}
	misspelt := id[:len(id)-1] + "Q"
	if misspelt == id {
		misspelt = id[:len(id)-1] + "P"
	}
	for why, file := range map[string]string{
		"empty":             "",
		"comments":          "# public key: " + to + "\n",
		"a recipient":       to,
		"a misspelt one":    misspelt,
		"one and something": id + "\n" + strings.ToLower(id[:40]),
	} {
		_, err := ParseIdentities(strings.NewReader(file))
		if !errors.Is(err, ErrIdentity) {
			t.Errorf("%s: %v, want ErrIdentity", why, err)
		} else if strings.Contains(strings.ToUpper(err.Error()), id[20:40]) {
			t.Errorf("%s: the error quotes it", why)
		}
	}
}

func TestABackupThatIsNotWhole(t *testing.T) {
	b, with := small(t)
	refused := func(t *testing.T, why string, b []byte) {
		t.Helper()
		_, _, _, err := taken(b, with)
		if !errors.Is(err, ErrBroken) && !errors.Is(err, ErrNoBackup) && !errors.Is(err, ErrStranger) {
			t.Errorf("%s: %v, want it refused", why, err)
		}
	}
	t.Run("cut", func(t *testing.T) {
		for n := 0; n < len(b); n += 1 + n/40 {
			refused(t, fmt.Sprintf("%d of %d bytes", n, len(b)), b[:n])
		}
		refused(t, "a byte short", b[:len(b)-1])
	})
	t.Run("a bit flipped", func(t *testing.T) {
		for range 300 {
			bad := bytes.Clone(b)
			at, bit := rand.IntN(len(bad)), rand.IntN(8)
			bad[at] ^= 1 << bit
			refused(t, fmt.Sprintf("bit %d of byte %d", bit, at), bad)
		}
	})
	t.Run("joined", func(t *testing.T) {
		other, _ := small(t)
		refused(t, "twice", append(bytes.Clone(b), b...))
		refused(t, "before another", append(bytes.Clone(b), other...))
		refused(t, "with a byte behind it", append(bytes.Clone(b), 0))
	})
}

func TestWhatIsNoBackup(t *testing.T) {
	to, id := key(t)
	sealed := func(plain []byte) []byte {
		var b bytes.Buffer
		w, err := age.Encrypt(&b, recipients(t, to)...)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(plain)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	whole, _ := small(t)
	for why, tt := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":              {nil, ErrNoBackup},
		"a text":               {[]byte("Dear operator,\n"), ErrNoBackup},
		"armoured":             {[]byte("-----BEGIN AGE ENCRYPTED FILE-----\n"), ErrNoBackup},
		"for somebody else":    {whole, ErrStranger},
		"an encrypted letter":  {sealed([]byte("Dear operator,\n")), ErrNoBackup},
		"encrypted nothing":    {sealed(nil), ErrNoBackup},
		"a long line":          {sealed(bytes.Repeat([]byte("jali backup 1"), 100_000)), ErrNoBackup},
		"a former format":      {sealed([]byte("jali backup 0\n{}")), ErrVersion},
		"a later format":       {sealed([]byte("jali backup 2\n\x01")), ErrVersion},
		"a later one, far off": {sealed([]byte("jali backup 1000000000000\n")), ErrVersion},
	} {
		if _, err := Open(bytes.NewReader(tt.b), identities(t, id)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", why, err, tt.want)
		}
	}
}

// crafted is the inside of a backup by somebody who knows the recipient.
func crafted(pieces ...any) []byte {
	b := []byte(firstLine)
	for _, p := range pieces {
		switch p := p.(type) {
		case string:
			b = append(binary.AppendUvarint(b, uint64(len(p))), p...)
		case int:
			b = binary.AppendUvarint(b, uint64(p)) // a length without what it promises
		}
	}
	return b
}

const head = `{"made":"2026-11-22T06:00:00Z","ring":"r","term":1,"stores":[{"name":"a.db","schema":1}]}`

func TestACraftedBackup(t *testing.T) {
	sum, err := SumOf(bg, rowsOf("v"))
	if err != nil {
		t.Fatal(err)
	}
	row := string(kv.Key("row", 0))
	foot := fmt.Sprintf(`{"stores":[{"rows":1,"bytes":%d,"sha256":"%s"}]}`, sum.Bytes, base64.StdEncoding.EncodeToString(sum.SHA256))
	if _, _, err := each(crafted(head, row, "v", "", foot, "mac")); err != nil {
		t.Fatalf("what is put together by hand is refused: %v", err)
	}
	stores := func(names ...string) string {
		for i, n := range names {
			names[i] = fmt.Sprintf(`{"name":%q,"schema":1}`, n)
		}
		return `{"stores":[` + strings.Join(names, ",") + `]}`
	}
	for why, b := range map[string][]byte{
		"no header":                 crafted(),
		"a header that is none":     crafted("{"),
		"a header with more in it":  crafted(`{"stores":[{"name":"a.db"}],"path":"/etc"}`),
		"no stores":                 crafted(stores()),
		"a store elsewhere":         crafted(stores("../../etc/passwd"), "", "{}"),
		"a store with a path":       crafted(stores("a/b"), "", "{}"),
		"a store without a name":    crafted(stores(""), "", "{}"),
		"a hidden store":            crafted(stores(".."), "", "{}"),
		"a store twice":             crafted(stores("a", "a"), "", "", "{}"),
		"too many stores":           crafted(stores(strings.Split(strings.Repeat("x", 20), "")...)),
		"a row without a value":     crafted(head, row, "", "", foot, "mac"),
		"a key too long":            crafted(head, strings.Repeat("k", mostKey+1), "v", "", foot, "mac"),
		"a length that lies":        crafted(head, row, mostValue),
		"a length out of bounds":    crafted(head, row, 1<<62),
		"a varint without an end":   append(crafted(head), bytes.Repeat([]byte{0xff}, 20)...),
		"another count":             crafted(head, row, "v", "", strings.Replace(foot, `"rows":1`, `"rows":2`, 1), "mac"),
		"another sum":               crafted(head, row, "w", "", foot, "mac"),
		"sums of no store":          crafted(head, row, "v", "", `{"stores":[]}`, "mac"),
		"sums of a store too many":  crafted(head, row, "v", "", `{"stores":[{},{}]}`, "mac"),
		"no end":                    crafted(head, row, "v", ""),
		"no MAC":                    crafted(head, row, "v", "", foot),
		"something behind the end":  crafted(head, row, "v", "", foot, "mac", "more"),
		"rows where the sums stand": crafted(head, row, "v", "", row, "v"),
	} {
		if _, _, err := each(b); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v, want ErrBroken", why, err)
		}
	}
}

func each(plain []byte) (*Reader, map[string]string, error) {
	r, err := read(bytes.NewReader(plain))
	if err != nil {
		return nil, nil, err
	}
	got, _, err := all(r)
	return r, got, err
}

// What is read of an archive is what was in it, and no bytes from outside
// make it panic or take memory that they do not pay for.
func FuzzRead(f *testing.F) {
	f.Add(crafted(head, "key", "value", "", `{"stores":[]}`, "mac"))
	f.Add(crafted(head, "key", mostValue))
	f.Add([]byte(firstLine))
	f.Add([]byte("jali backup 2\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, got, err := each(b)
		if err != nil {
			return
		}
		size := 0
		for _, v := range got {
			size += len(v)
		}
		if size > len(b) {
			t.Errorf("%d bytes hold rows of %d", len(b), size)
		}
	})
}

// FuzzOpen is for bytes before they are decrypted.
func FuzzOpen(f *testing.F) {
	b, with := small(f)
	f.Add(b[:200])
	f.Add([]byte(ageLine))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Open(bytes.NewReader(b), with); err == nil {
			t.Errorf("a backup by chance: %+v", r.Header)
		}
	})
}

func TestWritingThatFails(t *testing.T) {
	to, _ := key(t)
	broken := errors.New("the store broke")
	failing := func(yield func(kv.Entry, error) bool) { yield(kv.Entry{}, broken) }
	write := func(ctx context.Context, w io.Writer, rows iter.Seq2[kv.Entry, error]) error {
		_, err := Write(ctx, w, recipients(t, to), header(Store{Name: "a.db", Schema: boltkv.Schema, Rows: rows}), signer(""), nil)
		return err
	}
	if err := write(bg, io.Discard, failing); !errors.Is(err, broken) {
		t.Errorf("a store that breaks: %v", err)
	}
	ended, end := context.WithCancel(bg)
	end()
	if err := write(ended, io.Discard, rowsOf("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	for n := range 5 {
		if err := write(bg, &short{n * 40_000}, rowsOf(strings.Repeat("x", 200_000))); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("a disk that is full after %d bytes: %v", n*40_000, err)
		}
	}
}

// short takes so many bytes and no more.
type short struct{ left int }

func (s *short) Write(p []byte) (int, error) {
	if len(p) > s.left {
		return 0, io.ErrShortWrite
	}
	s.left -= len(p)
	return len(p), nil
}
