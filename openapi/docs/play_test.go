package docs_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fence is a fenced block of a guide.
type fence struct {
	lang       string
	first, end int // lines, from 1: the first inside, and the closing fence
	text       string
	behind     bool // nothing but empty lines stands between the block before and this one
}

func fences(guide string) (found []fence) {
	var open *fence
	behind := false
	for i, line := range strings.Split(guide, "\n") {
		switch {
		case open == nil && strings.HasPrefix(line, "```"):
			open = &fence{lang: strings.TrimPrefix(line, "```"), first: i + 2, behind: behind}
		case open == nil:
			behind = behind && line == ""
		case line == "```":
			open.end, behind = i+1, true
			found = append(found, *open)
			open = nil
		default:
			open.text += line + "\n"
		}
	}
	return found
}

// prints is what the guide says that a block of commands prints: the text,
// json or http right behind it, or nothing.
func prints(all []fence, i int) string {
	if i+1 < len(all) && all[i+1].behind {
		switch all[i+1].lang {
		case "text", "json", "http":
			return all[i+1].text
		}
	}
	return ""
}

// likeness matches what is shown: … stands for anything within a line, and a
// line of … alone for any lines.
func likeness(shown string) *regexp.Regexp {
	var p strings.Builder
	for line := range strings.Lines(shown) {
		line = strings.TrimSuffix(line, "\n")
		if strings.TrimSpace(line) == "…" {
			p.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		p.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", `[^\n]*?`) + `\n`)
	}
	return regexp.MustCompile(`^` + p.String() + `$`)
}

// mark ends what a block has printed.
const mark = "\x1e"

// script is the guide's commands for a shell, each on its line of the guide.
func script(guide string, all []fence) string {
	lines := make([]string, strings.Count(guide, "\n")+1)
	lines[0] = `set -Eeuo pipefail; trap 'echo "$LINENO: $BASH_COMMAND" >> "$JALI_FAILED"' ERR; trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT; exec 2>&1`
	for _, f := range all {
		if f.lang == "sh" {
			copy(lines[f.first-1:], strings.Split(strings.TrimSuffix(f.text, "\n"), "\n"))
			lines[f.end-1] = `printf '` + mark + `'`
		}
	}
	return strings.Join(lines, "\n")
}

// patience is for one guide, of which the first builds a sandbox, beside other tests.
const patience = 15 * time.Minute

// player runs guides as their readers do.
type player struct {
	dir string
	env []string
	// as says how what is printed reads at the addresses that the guides show.
	as func(string) string
}

// play types a guide into one shell, in its order, and answers what first fails
// or prints anything else than the guide shows.
func (p player) play(ctx context.Context, name, guide string) error {
	all := fences(guide)
	kept, err := os.MkdirTemp("", "jali-guide-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(kept)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	typed, failed := filepath.Join(kept, "typed"), filepath.Join(kept, "failed")
	if err := os.WriteFile(typed, []byte(script(guide, all)), 0o600); err != nil {
		return err
	}
	printed, err := os.Create(filepath.Join(kept, "printed"))
	if err != nil {
		return err
	}
	defer printed.Close()
	cmd := exec.CommandContext(ctx, "bash", typed)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, printed, printed
	cmd.Env = append(append(os.Environ(), p.env...), "JALI_FAILED="+failed, "CURL_HOME="+kept, "NO_PROXY=localhost,127.0.0.1", "no_proxy=localhost,127.0.0.1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // and what it has left running
	ended := cmd.Run()

	b, err := os.ReadFile(printed.Name())
	if err != nil {
		return err
	}
	said := strings.Split(string(b), mark)
	for i, f := range all {
		if f.lang != "sh" {
			continue
		}
		got := said[0]
		if p.as != nil {
			got = p.as(got)
		}
		if len(said) == 1 {
			at := strconv.Itoa(f.first)
			if b, err := os.ReadFile(failed); err == nil {
				at, _, _ = strings.Cut(string(b), "\n")
			}
			return fmt.Errorf("%s:%s: %w\n%s", name, at, ended, got)
		}
		if want := prints(all, i); !likeness(want).MatchString(got) {
			return fmt.Errorf("%s:%d: the guide shows\n%s\nand this is printed\n%s", name, f.first, want, got)
		}
		said = said[1:]
	}
	if ended != nil {
		return fmt.Errorf("%s: its shell ends with: %w\n%s", name, ended, said[0])
	}
	return nil
}

// What is wrong in a guide is found, and at its line.
func TestAWrongGuideIsFound(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("install bash")
	}
	for why, tt := range map[string]struct{ guide, want string }{
		"nothing wrong":                 {"# T\n\n```sh\na=1\necho $a\n```\n\n```text\n1\n```\n\nand\n\n```sh\necho $a-b >&2\n```\n```json\n1…\n```\n", ""},
		"any lines":                     {"# T\n```sh\nseq 5\n```\n```text\n1\n…\n5\n```\n", ""},
		"a heredoc":                     {"# T\n```sh\ncat > f <<'END'\nfalse\n\nEND\ncat f\n```\n```text\nfalse\n\n```\n", ""},
		"a command that fails":          {"# T\n```sh\ntrue\nfalse\n```\n", "g:4: false"},
		"one within a pipe":             {"# T\n```sh\nx=$(false | cat)\n```\n", "g:3: "},
		"one within a function":         {"# T\n```sh\nf() {\n  false\n  true\n}\nf\n```\n", "g:4: false"},
		"an unknown command":            {"# T\n```sh\nnosuchcommand\n```\n", "g:3: nosuchcommand"},
		"a name that is not set":        {"# T\n\n```sh\necho $nobody\n```\n", "nobody: unbound variable"},
		"other output":                  {"# T\n```sh\necho 1\n```\n```text\n2\n```\n", "g:3: the guide shows\n2\n\nand this is printed\n1"},
		"more output":                   {"# T\n```sh\nseq 2\n```\n```text\n1\n```\n", "g:3: the guide shows"},
		"output that is not shown":      {"# T\n```sh\necho 1\n```\n", "g:3: the guide shows"},
		"output that does not come":     {"# T\n```sh\ntrue\n```\n```text\n1\n```\n", "g:3: the guide shows"},
		"output of the block before":    {"# T\n```sh\necho 1\n```\nand\n```text\n1\n```\n", "g:3: the guide shows"},
		"a dot that is no dot":          {"# T\n```sh\necho 1x5\n```\n```text\n1.5\n```\n", "g:3: the guide shows"},
		"the second of two":             {"# T\n```sh\necho 1\n```\n```text\n1\n```\n```sh\nfalse\n```\n", "g:9: false"},
		"wrong syntax":                  {"# T\n```sh\nif true\n```\n", "syntax error"},
		"a shell that is left with a 3": {"# T\n```sh\nexit 3\n```\n", "exit status 3"},
	} {
		err := player{dir: t.TempDir()}.play(t.Context(), "g", tt.guide)
		if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", why, err, tt.want)
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := (player{dir: t.TempDir()}).play(soon, "g", "# T\n```sh\nsleep 600\n```\n"); err == nil || !strings.Contains(err.Error(), "g:3") {
		t.Errorf("a command that does not end: %v", err)
	}
}
