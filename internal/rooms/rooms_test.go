// Package rooms holds the house's import table: which room may know which.
package rooms

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// may lists, for each room, the rooms it may import. A room is a folder with
// all that is below it, unless a deeper folder has a line of its own. A room
// without a line fails the test: whoever adds one says here what it may know.
var may = map[string]string{
	"cmd":                      "*",
	"server":                   "consent internal/brake internal/aggregate openapi openapi/problems internal/fault internal/discreet internal/language",
	"openapi":                  "",
	"openapi/client":           "",
	"openapi/problems":         "internal/fault internal/language",
	"openapi/docs":             "openapi openapi/problems internal/language internal/look",
	"consent":                  "internal/audit internal/webhook internal/kv internal/fault",
	"consent/rar":              "consent internal/fault",
	"consent/dpop":             "internal/jose internal/fault",
	"consent/oauth":            "consent consent/dpop consent/rar internal/brake internal/kv internal/jose internal/dial internal/fault internal/secret",
	"consent/passkey":          "consent internal/kv internal/audit internal/fault",
	"consent/passkey/software": "",
	"consent/page":             "consent consent/passkey consent/rar internal/aggregate internal/audit internal/deletion internal/kv internal/ledger internal/ledger/sums internal/language internal/look connectors connectors/billfile connectors/money internal/fault internal/secret",
	"vault":                    "vault/anchor vault/kek internal/audit internal/kv internal/jose internal/fault internal/secret",
	"vault/anchor":             "internal/durable internal/fault internal/secret",
	"vault/kek":                "internal/durable internal/fault",
	"vault/kek/awskms":         "", // a module of its own
	"vault/kek/hcvault":        "", // a module of its own
	"connectors":               "connectors/money internal/fault internal/secret",
	"connectors/money":         "",
	"connectors/billfile":      "connectors connectors/money connectors/summary internal/fault internal/secret",
	"connectors/summary":       "connectors",
	"connectors/wire":          "connectors internal/dial internal/secret",
	"connectors/conntest":      "connectors connectors/mock internal/fault internal/dial",
	"connectors/mock":          "connectors/money internal/jose internal/fault internal/secret",
	"connectors/alipay":        dialect,
	"connectors/wechatpay":     dialect,
	"connectors/openbanking":   dialect,
	"connectors/berlingroup":   dialect,
	"connectors/fdx":           dialect,
	"connectors/icbc":          dialect,
	"connectors/cmb":           dialect,
	"connectors/unionpay":      dialect,
	"internal/upstream":        "connectors internal/fault",
	"internal/aggregate":       "consent connectors connectors/billfile connectors/money internal/upstream internal/ledger internal/ledger/match internal/ledger/sums vault internal/audit internal/deletion internal/kv internal/fault internal/secret",
	"internal/deletion":        "internal/kv internal/fault",
	"internal/ledger":          "connectors connectors/money vault internal/kv internal/fault internal/secret",
	"internal/ledger/match":    "connectors connectors/money",
	"internal/ledger/sums":     "connectors connectors/money",
	"internal/ledger/year":     "connectors connectors/money",
	"internal/audit":           "internal/kv internal/fault",
	"internal/backup":          "internal/durable internal/kv internal/fault",
	"internal/durable":         "",
	"internal/brake":           "internal/fault",
	"internal/rollback":        "internal/kv vault/anchor internal/fault",
	"internal/webhook":         "internal/kv internal/jose internal/dial internal/fault internal/secret",
	"internal/kv":              "internal/durable internal/fault",
	"internal/dial":            "internal/fault",
	"internal/jose":            "internal/fault internal/secret",
	"internal/canary":          "",
	"internal/fault":           "",
	"internal/discreet":        "internal/fault",
	"internal/language":        "",
	"internal/look":            "",
	"internal/nodump":          "",
	"internal/secret":          "",
	"internal/walk":            "*", // the walk through the whole house, tests only
}

const dialect = "connectors connectors/money connectors/summary connectors/wire internal/jose internal/dial internal/fault internal/secret"

// owners names the one room that may import a library.
var owners = map[string][]string{
	"github.com/ory/fosite":         {"consent/oauth"},
	"github.com/lestrrat-go/jwx/v2": {"internal/jose"},
	"go.etcd.io/bbolt":              {"internal/kv/boltkv"},
	"github.com/labstack/echo/v4":   {"server", "openapi"},
	"github.com/go-webauthn":        {"consent/passkey"},
	"github.com/failsafe-go":        {"internal/upstream"},
	"github.com/yuin/goldmark":      {"openapi/docs"},
	"github.com/emmansun/gmsm":      {"connectors/cmb", "connectors/mock"},
	"filippo.io/age":                {"internal/backup"},
	"github.com/aws":                {"vault/kek/awskms"},
	"github.com/hashicorp/vault":    {"vault/kek/hcvault"},
	"github.com/tink-crypto":        {"vault/kek/awskms", "vault/kek/hcvault"},
}

type file struct {
	dir, name string
	imports   []string
}

func sources(t *testing.T, root string) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != root || d.Name() == "node_modules" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(p))
		if err != nil {
			return err
		}
		one := file{dir: filepath.ToSlash(dir), name: d.Name()}
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			one.imports = append(one.imports, name)
		}
		files = append(files, one)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func room(dir string) string {
	for r := dir; r != "."; r = path.Dir(r) {
		if _, ok := may[r]; ok {
			return r
		}
	}
	return ""
}

func broken(f file) (complaints []string) {
	own := room(f.dir)
	if own == "" {
		return []string{f.dir + " has no line in the import table"}
	}
	allowed := strings.Fields(may[own])
	for _, imported := range f.imports {
		if to, ours := strings.CutPrefix(imported, "jali/"); ours {
			to = room(to)
			if to != own && !slices.Contains(allowed, to) && may[own] != "*" {
				complaints = append(complaints, f.dir+"/"+f.name+" may not import "+imported)
			}
		}
		for library, rooms := range owners {
			if (imported == library || strings.HasPrefix(imported, library+"/")) && !slices.ContainsFunc(rooms, func(r string) bool {
				return f.dir == r || strings.HasPrefix(f.dir, r+"/")
			}) {
				complaints = append(complaints, f.dir+"/"+f.name+": "+library+" belongs to "+strings.Join(rooms, ", "))
			}
		}
	}
	return complaints
}

func TestImports(t *testing.T) {
	for _, f := range sources(t, "../..") {
		for _, c := range broken(f) {
			t.Error(c)
		}
	}
}

func TestAWrongImportIsSeen(t *testing.T) {
	for _, f := range []file{
		{dir: "connectors/mock", imports: []string{"jali/connectors/alipay"}},
		{dir: "consent", imports: []string{"jali/consent/oauth"}},
		{dir: "server", imports: []string{"github.com/ory/fosite"}},
		{dir: "nowhere"},
	} {
		if broken(f) == nil {
			t.Errorf("%v passes", f)
		}
	}
}

// The production binary holds no mock, no software passkey and nothing that is
// there to try it.
func TestJaliLinksNoMock(t *testing.T) {
	list, err := exec.Command("go", "list", "-deps", "jali/cmd/jali").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := map[string]bool{}
	for _, d := range strings.Fields(string(list)) {
		deps[d] = true
	}
	for _, d := range slices.Sorted(maps.Keys(deps)) {
		if strings.HasPrefix(d, "jali/connectors/mock") || strings.HasPrefix(d, "jali/consent/passkey/software") || strings.HasPrefix(d, "jali/cmd/sandbox") ||
			d == "jali/openapi/conform" || d == "jali/openapi/sandbox" || d == "jali/openapi/probe" {
			t.Errorf("cmd/jali links %s", d)
		}
	}
	if !deps["jali/consent"] {
		t.Error("cmd/jali does not link consent: this test looks at the wrong thing")
	}
}

// What is written for others names no place of the machine it was written on.
func TestTheProjectSpeaksOfItselfAlone(t *testing.T) {
	list, err := exec.Command("git", "-C", "../..", "ls-files", "-z").Output()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("git does not list the files of this folder, so they are not searched")
	}
	for _, name := range strings.Split(strings.Trim(string(list), "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil || strings.HasPrefix(name, "internal/rooms/") {
			continue
		}
		for _, word := range []string{"panic(\"unwritten\")", "panic(unwritten)", "/work/" + "main", "/tmp/" + "w/"} {
			if strings.Contains(string(b), word) {
				t.Errorf("%s holds %q", name, word)
			}
		}
	}
}

// asked are the rooms that work while a request is under way.
var asked = []string{"server", "consent", "internal/aggregate", "internal/upstream", "internal/ledger", "internal/deletion", "vault", "openapi/docs"}

// alone are the files of these whose lines belong to no one request, each with
// why.
var alone = map[string]string{
	"internal/upstream/executor.go": "a source's circuit changes by what many requests met",
}

// nameless are the lines of a file that are logged without a context: nobody
// could tell to which request they belong.
func nameless(f *ast.File) (lines []token.Pos) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		of, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, of.Sel.Name) || len(call.Args) == 0 {
			return true
		}
		var logger string
		switch x := of.X.(type) {
		case *ast.Ident:
			logger = x.Name
		case *ast.SelectorExpr:
			logger = x.Sel.Name
		case *ast.CallExpr:
			switch called := x.Fun.(type) {
			case *ast.SelectorExpr:
				logger = called.Sel.Name
			case *ast.Ident:
				logger = called.Name
			}
		}
		if slices.Contains([]string{"log", "slog", "logger", "default"}, strings.ToLower(logger)) {
			lines = append(lines, call.Pos())
		}
		return true
	})
	return lines
}

func TestLinesOfARequestNameIt(t *testing.T) {
	fset, read := token.NewFileSet(), 0
	for _, f := range sources(t, "../..") {
		name := f.dir + "/" + f.name
		if !slices.ContainsFunc(asked, func(r string) bool { return f.dir == r || strings.HasPrefix(f.dir, r+"/") }) || alone[name] != "" {
			continue
		}
		parsed, err := parser.ParseFile(fset, "../../"+name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		read++
		for _, at := range nameless(parsed) {
			t.Errorf("%s logs without the request's context", fset.Position(at))
		}
	}
	if read < 100 {
		t.Errorf("only %d files were read", read)
	}
	planted, err := parser.ParseFile(fset, "", "package p\nfunc f() { p.Log.Error(`a`); s.log().Warn(`b`); slog.Info(`c`); t.Error(`d`); l.log.ErrorContext(ctx, `e`) }", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := nameless(planted); len(got) != 3 {
		t.Errorf("%d planted lines were found, want 3", len(got))
	}
}
