package kek

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string // nil: refused
	}{
		{`age`, []string{"age"}},
		{"  awskms\t--key  arn:aws:kms:eu-west-1:1:key/2 ", []string{"awskms", "--key", "arn:aws:kms:eu-west-1:1:key/2"}},
		{`'/opt/my tools/wrap' ''`, []string{"/opt/my tools/wrap", ""}},
		{`wrap "a b" c'd e'f "it's" '"'`, []string{"wrap", "a b", "cd ef", "it's", `"`}},
		{`wrap \$HOME "\$HOME" '$HOME' a\ b "\\" "\""`, []string{"wrap", "$HOME", "$HOME", "$HOME", "a b", `\`, `"`}},
		{`wrap '\n'`, []string{"wrap", `\n`}},
		{`wrap ~ # [a] {b} !`, []string{"wrap", "~", "#", "[a]", "{b}", "!"}},
		{`包 --名 '中 文'`, []string{"包", "--名", "中 文"}},
		{"", nil},
		{" \t ", nil},
		{`''`, nil},           // no program
		{`'' wrap`, nil},      // an empty one
		{`wrap 'a`, nil},      // open quotes
		{`wrap "a`, nil},      //
		{`wrap a\`, nil},      // nothing behind it
		{`wrap | tee x`, nil}, // a shell's
		{`wrap; rm x`, nil},
		{`wrap && wrap`, nil},
		{`wrap > x`, nil},
		{`wrap < x`, nil},
		{`wrap $KEY`, nil},
		{`wrap "$KEY"`, nil},
		{"wrap `id`", nil},
		{`wrap $(id)`, nil},
		{`wrap *.key`, nil},
		{"wrap\nwrap", nil},
		{"wrap a\x00b", nil},
	} {
		got, err := split(tt.line)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("split(%q) = %q, %v; want %q", tt.line, got, err, tt.want)
		}
	}
	if _, err := NewCommand("wrap --pin 12345678 | tee x", 0); !errors.Is(err, ErrCommandSyntax) || strings.Contains(err.Error(), "12345678") {
		t.Errorf("NewCommand = %v, want ErrCommandSyntax that quotes nothing", err)
	}
}

// Whatever words there are, quoted as the rules say they come back.
func FuzzSplit(f *testing.F) {
	f.Add("age", "a b")
	f.Add(`it's`, `"\$`)
	f.Fuzz(func(t *testing.T, program, arg string) {
		if words, err := split(program + arg); err == nil && (len(words) == 0 || words[0] == "") {
			t.Errorf("split(%q) = %q without a program", program+arg, words)
		}
		if program == "" || strings.ContainsAny(program+arg, "\x00") {
			return
		}
		single := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
		double := func(s string) string {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s) + `"`
		}
		for _, line := range []string{single(program) + " " + single(arg), "\t" + double(program) + "  " + double(arg) + " "} {
			if got, err := split(line); err != nil || !slices.Equal(got, []string{program, arg}) {
				t.Errorf("split(%q) = %q, %v; want %q", line, got, err, []string{program, arg})
			}
		}
	})
}

// No wrapped bytes make the parser fail in another way than as tampered or
// another kind's; what it takes apart is what was given.
func FuzzParts(f *testing.F) {
	answer := []byte("answer")
	good := slices.Concat([]byte{commandVersion}, checksum(answer), []byte{0, 6}, answer, []byte{1, 2, 3})
	f.Add(good)
	f.Add(good[:headerSize])
	f.Add([]byte{keyVersion})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, wrapped []byte) {
		key, err := newKey(make([]byte, keySize))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := key.Unwrap(t.Context(), wrapped); !errors.Is(err, ErrTampered) && !errors.Is(err, ErrWrongKey) {
			t.Errorf("Key.Unwrap = %v", err)
		}
		said, sealed, err := parts(wrapped)
		if err != nil {
			if !errors.Is(err, ErrTampered) && !errors.Is(err, ErrWrongKey) {
				t.Errorf("parts = %v", err)
			}
			return
		}
		if len(said)+len(sealed)+headerSize != len(wrapped) {
			t.Errorf("parts = %d and %d bytes of %d", len(said), len(sealed), len(wrapped))
		}
	})
}
