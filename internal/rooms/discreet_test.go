package rooms

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unguarded are the goroutines that need not catch their panics, by file.
var unguarded = map[string]string{
	"server/http.go":                   "net/http catches what a handler panics with, and server.HTTP keeps it from being logged",
	"cmd/jali/serve.go":                "servers, and loops that catch the panics of each deed",
	"cmd/internal/house/house.go":      "it runs each deed calmly",
	"cmd/internal/house/keys.go":       "it runs each deed calmly",
	"internal/kv/boltkv/group.go":      "bbolt's panics are caught where it is called, and closures run with who brought them; any other must end the process",
	"internal/aggregate/collect.go":    "each job catches its own, so that its part is told",
	"internal/aggregate/disconnect.go": "it calls package upstream, which catches",
	"internal/webhook/outbox.go":       "it calls once, which catches",
}

// said looks at one file for what could print texts of others: a log line whose
// message is no literal or that makes a string of an error, and a goroutine that
// lets a panic end the process, for Go prints its value.
func said(name string, f *ast.File) (complaints []string) {
	complain := func(what string) { complaints = append(complaints, name+": "+what) }
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if !catches(n.Call.Fun) && unguarded[name] == "" {
				complain("a goroutine does not defer fault.Caught")
			}
		case *ast.CallExpr:
			method, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if method.Sel.Name == "Go" && len(n.Args) > 0 && !catches(n.Args[len(n.Args)-1]) && unguarded[name] == "" {
				complain("a goroutine does not defer fault.Caught")
			}
			if at := slices.Index(levels, strings.TrimSuffix(method.Sel.Name, "Context")); at >= 0 && logs(method.X) {
				args := n.Args
				if strings.HasSuffix(method.Sel.Name, "Context") {
					args = args[1:]
				}
				if _, literal := args[0].(*ast.BasicLit); !literal {
					complain("the message of a log line is not written in the source")
				}
				if slices.ContainsFunc(args[1:], spelled) {
					complain("a log line makes a string of something: give it the error as it is")
				}
			}
		}
		return true
	})
	return complaints
}

var levels = []string{"Debug", "Info", "Warn", "Error"}

// logs reports whether x is a logger by its name: log, s.Log, s.log(), slog.
func logs(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "log" || x.Name == "slog"
	case *ast.SelectorExpr:
		return strings.EqualFold(x.Sel.Name, "log")
	case *ast.CallExpr:
		return logs(x.Fun)
	}
	return false
}

// catches reports whether x is a function that defers fault.Caught.
func catches(x ast.Expr) (found bool) {
	f, ok := x.(*ast.FuncLit)
	if !ok {
		return false
	}
	for _, s := range f.Body.List {
		if d, ok := s.(*ast.DeferStmt); ok {
			if m, ok := d.Call.Fun.(*ast.SelectorExpr); ok && m.Sel.Name == "Caught" {
				return true
			}
		}
	}
	return false
}

// spelled reports whether x calls Error() or one of fmt's printers.
func spelled(x ast.Expr) (found bool) {
	ast.Inspect(x, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			if m, ok := c.Fun.(*ast.SelectorExpr); ok && (m.Sel.Name == "Error" && len(c.Args) == 0 || strings.HasPrefix(m.Sel.Name, "Sprint")) {
				found = true
			}
		}
		return !found
	})
	return found
}

// What production code logs is the package discreet's to decide, and this holds
// what that cannot see.
func TestNobodyPrintsTextsOfOthers(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel("../..", path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() && (rel != "." && strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"node_modules", "testdata", "internal/walk", "connectors/mock",
			"connectors/conntest", "internal/kv/kvtest", "internal/dial/dialtest", "cmd/sandbox"}, rel) || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		seen++
		for _, c := range said(rel, f) {
			t.Error(c)
		}
		return nil
	})
	if err != nil || seen < 200 {
		t.Errorf("%d files were looked at, %v", seen, err)
	}
}

func TestATextOfOthersIsSeen(t *testing.T) {
	for body, want := range map[string]int{
		`log.Info("words", "err", err, "client", c.ID)`:                          0,
		`log.Error("words", "err", err.Error())`:                                 1,
		`s.Log.WarnContext(ctx, "words", "err", fmt.Sprintf("%v", err))`:         1,
		`s.log().Debug("words: "+err.Error())`:                                   1,
		`slog.ErrorContext(ctx, text)`:                                           1,
		`http.Error(w, err.Error(), 500)`:                                        0, // no log line
		`go f()`:                                                                 1,
		`go func() { f() }()`:                                                    1,
		`go func() { defer fault.Caught(&err); f() }()`:                          0,
		`group.Go(func() error { return f() })`:                                  1,
		`group.Go(func() (err error) { defer fault.Caught(&err); f(); return })`: 0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc x() {\n"+body+"\n}", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := said("x.go", f); len(got) != want {
			t.Errorf("of %s it says %q, want %d complaints", body, got, want)
		}
	}
}
