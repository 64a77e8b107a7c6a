package page

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/audit"
	"jali/internal/ledger"
)

func newCatalog(t testing.TB, lang string) *catalog {
	t.Helper()
	c, err := readCatalog(lang)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// families are keys that are put together at run time, with all their members.
func families() map[string][]string {
	f := map[string][]string{}
	add := func(prefix string, members ...string) { f[prefix] = append(f[prefix], members...) }
	for _, k := range []connectors.AccountKind{connectors.WalletBalance, connectors.Deposit, connectors.CreditCard, connectors.CreditLine,
		connectors.Loan, connectors.ECNY, connectors.Fund, connectors.Settlement, connectors.OtherAccount} {
		add("account.kind.", string(k))
	}
	for _, k := range []connectors.BalanceKind{connectors.Available, connectors.Current, connectors.Booked, connectors.Frozen, connectors.CreditLimit, connectors.Outstanding} {
		add("balance.", string(k))
	}
	for _, k := range []connectors.Kind{connectors.Payment, connectors.Income, connectors.Refund, connectors.Transfer, connectors.Topup, connectors.Withdrawal,
		connectors.Repayment, connectors.LoanKind, connectors.Investment, connectors.Redemption, connectors.Interest, connectors.Fee, connectors.RedPacket,
		connectors.Adjustment, connectors.Other} {
		add("kind.", string(k))
	}
	for _, s := range []connectors.BillState{connectors.Pending, connectors.Done, connectors.Reversed, connectors.Failed} {
		add("bill.state.", string(s))
	}
	for _, s := range []aggregate.Status{aggregate.Fresh, aggregate.FromFile, aggregate.Failed, aggregate.Refused, aggregate.Skipped} {
		add("status.", string(s))
	}
	add("due.state.", "paid", "open", "past", "minimum", "today", "soon")
	add("report.", "failed", "refused", "skipped")
	add("flow.", string(connectors.FlowIn), string(connectors.FlowOut), string(connectors.FlowInternal))
	add("source.kind.", string(connectors.Wallet), string(connectors.Bank))
	add("connection.", "healthy", "needs_person")
	for _, s := range []consent.State{consent.Pushed, consent.Shown, consent.Given, consent.Refused, consent.Exhausted, consent.Revoked, consent.Expired} {
		add("state.", string(s))
	}
	for _, d := range []consent.Datatype{consent.Balances, consent.Bills, consent.Statements} {
		add("datatype.", string(d))
	}
	for _, l := range []consent.BillFields{consent.Minimal, consent.Standard, consent.Full} {
		add("fields.", string(l))
	}
	add("deed.", verbs()...)
	add("deed.", "other", audit.GrantRevoked+".client", audit.GrantRevoked+".operator", audit.GrantRevoked+".restore", audit.RetentionEnded+".revoked", audit.SourceRefuses+".told")
	for _, m := range []string{"purpose", "datatypes", "sources", "bill_fields", "period", "uses", "until", "retention"} {
		add("revise.member.", m)
	}
	add("fact.", told...)
	for d := range dones {
		add("done.", d)
	}
	for _, k := range kindNames {
		add("fault.kind.", k+".title", k+".body")
	}
	for a := range actions {
		add("fault.action.", a)
	}
	add("format.", "alipay_web", "alipay_app_2021", "alipay_app_2023", "wechat_csv", "wechat_xlsx_text", "wechat_xlsx_number")
	add("problem.", "count_differs", "sum_differs", "claim_unreadable", "claim_missing", "outside_period", "sheet_ignored", "balance_breaks", "other")
	add("problem.of.", "total", "in", "out", "other", "in_pending", "out_pending", "period", "balance")
	add("note.", "split_funding", "refunded_part", "fee_included", "fee_unclear", "batch")
	add("direction.", string(connectors.In), string(connectors.Out))
	add("category.by.", "person", "learnt")
	add("category.found.", "person", "learnt", "rule", "source")
	add("sums.by.", "category", "source", "shop")
	add("sums.of.", "category", "source", "shop")
	add("whose.why.", "first", "known", "only", "another", "unknown")
	add("place.", reasons()...)
	add("place.", "other", "row", "cell")
	add("unknown_file.", "empty", "pdf", "picture", "archive", "web_page", "utf16", "archive_in_archive", "archive_of_others", "archive_packing",
		"archive_of_several", "archive_with_holes", "workbook_password", "workbook_old", "office", "workbook_of_others", "no_statement")
	add("map.", "date", "time", "amount", "in", "out", "direction", "balance", "currency_in", "counterparty", "description", "order", "type")
	add("map.date_order.", dateOrders...)
	return f
}

// reasons are why a file's reader stops, read from package billfile: one that
// is added without words fails here.
func reasons() []string {
	f, err := parser.ParseFile(token.NewFileSet(), "../../connectors/billfile/fault.go", nil, 0)
	if err != nil {
		panic(err)
	}
	var list []string
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Names[0].Name != "reasons" {
			return true
		}
		for _, e := range v.Values[0].(*ast.CompositeLit).Elts {
			why, _ := strconv.Unquote(e.(*ast.KeyValueExpr).Key.(*ast.BasicLit).Value)
			list = append(list, why)
		}
		return false
	})
	return list
}

// verbs are all that package audit has, read from its source: one that is added
// without words fails here.
func verbs() []string {
	f, err := parser.ParseFile(token.NewFileSet(), "../../internal/audit/audit.go", nil, 0)
	if err != nil {
		panic(err)
	}
	var list []string
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				verb, _ := strconv.Unquote(lit.Value)
				list = append(list, verb)
			}
		}
		return true
	})
	return list
}

// TestNoKeyIsMissing collects every key that templates and code ask for, and
// wants each in both catalogs, and nothing else in them.
func TestNoKeyIsMissing(t *testing.T) {
	used := map[string]bool{}
	for prefix, members := range families() {
		for _, m := range members {
			used[prefix+m] = true
		}
	}
	all, err := readViews()
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]bool{"t": true, "tn": true, "rich": true}
	for _, page := range all["en"].pages {
		for _, tpl := range page.Templates() {
			if tpl.Tree == nil {
				continue
			}
			walkTemplate(tpl.Tree.Root, func(c *parse.CommandNode) {
				if id, ok := c.Args[0].(*parse.IdentifierNode); ok && calls[id.Ident] {
					if s, ok := c.Args[1].(*parse.StringNode); ok {
						used[s.Text] = true
					}
				}
			})
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no source", err)
	}
	en, zh := newCatalog(t, "en"), newCatalog(t, "zh-CN")
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if ok && (sel.Sel.Name == "T" || sel.Sel.Name == "N") && len(n.Args) > 0 {
					if lit, ok := n.Args[0].(*ast.BasicLit); ok {
						key, _ := strconv.Unquote(lit.Value)
						used[key] = true
					}
				}
			case *ast.BasicLit: // titles of frames, words of a fault
				if key, err := strconv.Unquote(n.Value); err == nil && en.has(key) {
					used[key] = true
				}
			}
			return true
		})
	}
	for key := range used {
		for _, c := range []*catalog{en, zh} {
			if !c.has(key) {
				t.Errorf("%s lacks %q", c.lang, key)
			}
		}
	}
	for _, c := range []string{"en", "zh-CN"} {
		b, err := catalogFiles.ReadFile("i18n/" + c + ".json")
		if lines := strings.Count(string(b), `": "`); err != nil || lines != len(newCatalog(t, c).texts) {
			t.Errorf("%s: %d lines say %d things: one is said twice", c, lines, len(newCatalog(t, c).texts))
		}
	}
	holes := regexp.MustCompile(`\{\d\}`)
	for key, text := range en.texts {
		if !zh.has(key) {
			t.Errorf("zh-CN lacks %q", key)
		}
		if !used[key] && !isFaultCode(key) && !strings.HasSuffix(key, ".title") {
			t.Errorf("%q is used nowhere", key)
		}
		want, got := map[string]bool{}, map[string]bool{}
		for _, h := range holes.FindAllString(text, -1) {
			want[h] = true
		}
		for _, h := range holes.FindAllString(zh.texts[key], -1) {
			got[h] = true
		}
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("%s: the languages put in different things: %q, %q", key, text, zh.texts[key])
		}
	}
	for key := range zh.texts {
		if !en.has(key) {
			t.Errorf("en lacks %q", key)
		}
	}
	for _, c := range ledger.Categories {
		if en.Category(c.Code) != c.EN || zh.Category(c.Code) != c.ZH {
			t.Errorf("category %s has no name", c.Code)
		}
	}
}

// isFaultCode tells the words for one code: codes are the other rooms' affair.
func isFaultCode(key string) bool { return regexp.MustCompile(`^fault\.[a-z_]+$`).MatchString(key) }

func walkTemplate(n parse.Node, f func(*parse.CommandNode)) {
	list := func(l *parse.ListNode) {
		if l != nil {
			for _, c := range l.Nodes {
				walkTemplate(c, f)
			}
		}
	}
	branch := func(b *parse.BranchNode) {
		walkTemplate(b.Pipe, f)
		list(b.List)
		list(b.ElseList)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		list(n)
	case *parse.ActionNode:
		walkTemplate(n.Pipe, f)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			walkTemplate(n.Pipe, f)
		}
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			f(c)
			for _, a := range c.Args {
				walkTemplate(a, f)
			}
		}
	}
}

// postRoutes counts the posts in routes, by its source.
func postRoutes(t *testing.T) int {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "page.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(f, func(node ast.Node) bool {
		if c, ok := node.(*ast.CallExpr); ok {
			if id, ok := c.Fun.(*ast.Ident); ok && (id.Name == "post" || id.Name == "deed") && len(c.Args) == 2 {
				if lit, ok := c.Args[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					n++
				}
			}
		}
		return true
	})
	return n
}

func TestLanguage(t *testing.T) {
	h := newHouse(t)
	w := h.get(t, "/lang/en?next=/grants%3Fdone=paused", "", "")
	if w.Code != 303 || w.Header().Get("Location") != "/grants?done=paused" || !strings.HasPrefix(w.Header().Get("Set-Cookie"), "jali_lang=en;") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w = h.get(t, "/lang/en?next=//evil.example", "", ""); w.Header().Get("Location") != "/" {
		t.Errorf("an open redirect to %q", w.Header().Get("Location"))
	}
	if w = h.get(t, "/lang/xx", "", ""); w.Code != 404 {
		t.Errorf("an unknown language: %d", w.Code)
	}
}
