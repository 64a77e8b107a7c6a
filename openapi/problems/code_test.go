package problems_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"jali/internal/language"
	"jali/openapi/problems"
)

// said is one place in the code that says a code, and in which words.
type said struct {
	code, detail, at string
}

// code reads what the Go files under dirs, tests apart, say: literals of
// fault.Error and what Saying makes of them, and the refusals of OAuth. A part
// of a detail that is only known when it runs is {}.
func code(t *testing.T, dirs ...string) (faults, refusals []said) {
	t.Helper()
	files, fset := map[string][]*ast.File{}, token.NewFileSet()
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
			files[path.Base(filepath.ToSlash(filepath.Dir(p)))] = append(files[path.Base(filepath.ToSlash(filepath.Dir(p)))], f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	named := map[string]string{} // the code of a variable, by package and name
	for pkg, list := range files {
		for _, f := range list {
			ast.Inspect(f, func(n ast.Node) bool {
				if v, ok := n.(*ast.ValueSpec); ok {
					for i, value := range v.Values {
						if code := codeOf(value); code != "" {
							named[pkg+"."+v.Names[i].Name] = code
						}
					}
				}
				return true
			})
		}
	}
	// A variable that another says in its own words.
	resolve := func(pkg string, e ast.Expr) string {
		switch e := e.(type) {
		case *ast.Ident:
			return named[pkg+"."+e.Name]
		case *ast.SelectorExpr:
			if x, ok := e.X.(*ast.Ident); ok {
				return named[x.Name+"."+e.Sel.Name]
			}
		}
		return ""
	}
	for pkg, list := range files {
		for _, f := range list {
			ast.Inspect(f, func(n ast.Node) bool {
				at := func() string { return fset.Position(n.Pos()).String() }
				switch n := n.(type) {
				case *ast.CompositeLit:
					if code := codeOf(n); code != "" {
						faults = append(faults, said{code, words(member(n, "Detail")), at()})
					}
					if name, ok := n.Type.(*ast.Ident); ok && name.Name == "refusal" {
						if code := words(member(n, "code")); code != "" && !strings.Contains(code, "{}") {
							refusals = append(refusals, said{code, words(member(n, "description")), at()})
						}
					}
				case *ast.CallExpr:
					switch called := n.Fun.(type) {
					case *ast.Ident:
						if called.Name == "refuse" && len(n.Args) == 3 {
							if code := words(n.Args[1]); !strings.Contains(code, "{}") {
								refusals = append(refusals, said{code, words(n.Args[2]), at()})
							}
						}
					case *ast.SelectorExpr:
						if called.Sel.Name == "Saying" {
							faults = append(faults, said{resolve(pkg, called.X), words(n.Args[0]), at()})
						}
					}
				}
				return true
			})
		}
	}
	return faults, refusals
}

// codeOf is the code of a literal &fault.Error{…}, or of one that says more of
// it; else nothing.
func codeOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.UnaryExpr:
		return codeOf(e.X)
	case *ast.ParenExpr:
		return codeOf(e.X)
	case *ast.CompositeLit:
		switch name := e.Type.(type) {
		case *ast.SelectorExpr:
			if x, ok := name.X.(*ast.Ident); !ok || x.Name != "fault" || name.Sel.Name != "Error" {
				return ""
			}
		case *ast.Ident: // in package fault itself
			if name.Name != "Error" {
				return ""
			}
		default:
			return ""
		}
		return words(member(e, "Code"))
	}
	return ""
}

func member(lit *ast.CompositeLit, name string) ast.Expr {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == name {
				return kv.Value
			}
		}
	}
	return nil
}

// words is a string expression, with {} for what is no literal.
func words(e ast.Expr) string {
	switch e := e.(type) {
	case nil:
		return ""
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
	case *ast.BinaryExpr:
		return words(e.X) + words(e.Y)
	case *ast.ParenExpr:
		return words(e.X)
	}
	return "{}"
}

// rooms are those whose faults can reach a client. What only people's pages,
// files or an operator's verbs meet is elsewhere, by room or by code.
var rooms = []string{"server", "consent", "internal", "vault", "connectors", "cmd/sandbox"}

// elsewhere are codes that no client meets: the edge makes internal or
// unavailable of them, and OAuth server_error or temporarily_unavailable.
var elsewhere = map[string]string{
	"a person's pages": `account_name_invalid account_not_found account_unclear add_passkey_first agreement_expired alias_not_found
		bill_not_found category_unknown ceremony_expired deletion_not_found file_disagrees
		form_invalid form_stale form_too_large last_passkey link_expired link_refused many_files name_invalid no_file no_page
		not_json pair_invalid passkey_malformed passkey_not_found passkey_refused period_invalid recovering
		recovery_code_refused recovery_limited request_not_pushed sign_in_again signed_out source_unknown
		ticket_invalid too_many_passkeys words_full`,
	"a bill file": `damaged_file file_interrupted file_password file_too_large file_unmapped mapping_wrong unknown_file`,
	"a verb of the operator's": `anchor_damaged anchor_exposed anchor_missing anchor_unwritten backup_broken backup_for_others
		backup_forged backup_identity backup_none backup_recipient backup_row backup_space backup_version client_exists
		database_damaged database_file database_locked database_newer database_older evidence_refused invite_invalid
		invite_not_found key_choice key_command_babbles key_command_differs key_command_failed key_command_missing key_command_plain
		key_command_silent key_command_syntax key_command_timeout key_env_missing key_env_unreadable key_file_exposed
		key_file_unreadable key_wrong keyring_changed keyring_damaged keyring_retired keys_damaged keys_foreign keys_rotating
		restore_busy restore_occupied vault_format`,
	// Each has a name of the standard's at /oauth.
	"OAuth, under another name": `introduction_not_found requests_waiting
		jwk_invalid jws_malformed jws_refused jws_signature`,
	"nobody: a fault of ours, or one that a room deals with": `alias_shape audit_event deletion_nameless disk_full epoch_ended
		grant_backwards idempotency_key_missing import_raced introductions_taken person_native person_shredded read_only request_of_nobody
		rollback_unbegun sealed_nameless shutting_down source_mark storage_row term_spent total_range town_state transaction_over
		webhook_event webhook_lost webhook_ping`,
}

// A code that is sent and not explained is one that a developer meets unprepared;
// one that is explained and never sent is a branch that they write for nothing.
func TestTheCatalogueIsOfTheCodesInTheCode(t *testing.T) {
	faults, refusals := code(t, rooms...)
	if len(faults) < 150 || len(refusals) < 30 {
		t.Fatalf("%d faults and %d refusals: this test does not read the code", len(faults), len(refusals))
	}
	sent := map[string]bool{}
	away := map[string]string{}
	for where, codes := range elsewhere {
		for _, c := range strings.Fields(codes) {
			away[c] = where
		}
	}
	for _, s := range append(faults, refusals...) {
		sent[s.code] = true
		if _, known := problems.Find(s.code); !known && away[s.code] == "" && s.code != "" {
			t.Errorf("%s: %s is neither in the catalogue nor declared to be met elsewhere", s.at, s.code)
		}
	}
	for _, s := range refusals {
		if e, _ := problems.Find(s.code); !e.At(problems.OAuth) {
			t.Errorf("%s: %s is an error of OAuth, and the catalogue does not say so", s.at, s.code)
		}
	}
	for c, where := range away {
		if !sent[c] {
			t.Errorf("%s is declared to be met by %s, and nothing says it", c, where)
		}
		if _, known := problems.Find(c); known {
			t.Errorf("%s is declared to be met by %s alone, and in the catalogue", c, where)
		}
	}
	for _, e := range problems.All() {
		if !sent[e.Code] {
			t.Errorf("nothing says %s", e.Code)
		}
		if e.Detail != "" && !slices.ContainsFunc(faults, func(s said) bool { return s.code == e.Code && s.detail == e.Detail }) {
			t.Errorf("nothing says %q of %s", e.Detail, e.Code)
		}
	}
}

// Who reads Chinese is not told the half of it in English.
func TestEveryDetailHasChineseWords(t *testing.T) {
	faults, _ := code(t, rooms...)
	told, seen := 0, map[string]bool{}
	for _, s := range faults {
		e, _ := problems.Find(s.code)
		inner := strings.HasPrefix(s.code, "jws_") // stands in a proof's
		if !e.At(problems.Data) && !e.At(problems.Sandbox) && !inner || s.code == "internal" || s.detail == "" {
			continue
		}
		told++
		seen[s.detail] = true
		if zh, ok := problems.Detail(s.detail, language.Chinese); !ok || !hasHan(zh) {
			t.Errorf("%s: %q has no Chinese words in details.go", s.at, s.detail)
		}
	}
	if told < 60 {
		t.Errorf("only %d details were found", told)
	}
}

func TestDetailsArePutTogether(t *testing.T) {
	for _, tt := range []struct{ en, zh string }{
		{"the header parameter Idempotency-Key is missing", "缺少请求头参数 Idempotency-Key"},
		{"the body is missing; {} asks for everything", "缺少正文；{} 就是全部都要"},
		{"the DPoP proof: the signature was not made with a known key", "DPoP 证明：签名不是用认识的密钥做的"},
		{"the DPoP proof: \"alg\" must be one of ES256, EdDSA", "DPoP 证明：“alg”必须是其中之一：ES256, EdDSA"},
		{"the header Idempotency-Key was sent more than once", "请求头 Idempotency-Key 出现了不止一次"},
	} {
		if got, ok := problems.Detail(tt.en, language.Chinese); !ok || got != tt.zh {
			t.Errorf("%q is %q, want %q", tt.en, got, tt.zh)
		}
	}
	if zh, ok := problems.Detail("nobody ever says this", language.Chinese); ok {
		t.Errorf("words for what nobody says: %q", zh)
	}
}

// The readers of the code are first shown what they are to find.
func TestWhatIsSaidIsRead(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nvar errX = &fault.Error{Kind: fault.Invalid, Code: \"planted\", Detail: \"a \" + b + \" c\"}", 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []said
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok {
			got = append(got, said{code: codeOf(lit), detail: words(member(lit, "Detail"))})
		}
		return true
	})
	if len(got) != 1 || got[0].code != "planted" || got[0].detail != "a {} c" {
		t.Errorf("read %+v", got)
	}
}
