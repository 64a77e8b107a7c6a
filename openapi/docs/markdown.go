package docs

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// readGuide makes a guide of its Markdown: a title, a paragraph that says what
// the reader gets, and sections. It gives the headings the anchors it is given,
// in order, or makes some. Raw HTML is left out.
func readGuide(name, lang string, src []byte, anchors []string) (*guide, []string, error) {
	md := goldmark.New(
		goldmark.WithExtensions(
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)), // an inline style otherwise
			extension.NewCJK(extension.WithEastAsianLineBreaks(extension.EastAsianLineBreaksCSS3Draft), extension.WithEscapedSpace()),
		),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(blocks{lang}, 100))),
	)
	doc := md.Parser().Parse(text.NewReader(src))
	title, ok := doc.FirstChild().(*ast.Heading)
	if !ok || title.Level != 1 {
		return nil, nil, errors.New("it does not begin with a title")
	}
	lead, ok := title.NextSibling().(*ast.Paragraph)
	if !ok {
		return nil, nil, errors.New("no paragraph after its title says what one gets")
	}
	g := &guide{Name: name, Title: plain(title, src), Summary: plain(lead, src), Brief: ticked(flat(lead, src, "`"))}
	g.Heads, anchors = headings(doc, src, anchors)
	relink(doc)

	var b bytes.Buffer
	if err := md.Renderer().Render(&b, src, lead); err != nil {
		return nil, nil, err
	}
	g.Lead = template.HTML(b.String()) //nolint:gosec // rendered from a file of ours
	doc.RemoveChild(doc, title)
	doc.RemoveChild(doc, lead)
	b.Reset()
	if err := md.Renderer().Render(&b, src, doc); err != nil {
		return nil, nil, err
	}
	g.Body = template.HTML(b.String()) //nolint:gosec // likewise
	return g, anchors, nil
}

// headings gives every heading below the title its anchor.
func headings(doc ast.Node, src []byte, anchors []string) (top []*head, made []string) {
	taken := map[string]int{}
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		h, ok := n.(*ast.Heading)
		if !ok || h.Level == 1 {
			continue
		}
		one := &head{Text: plain(h, src)}
		if at := len(made); at < len(anchors) {
			one.ID = anchors[at]
		} else {
			one.ID = slug(one.Text)
			if taken[one.ID]++; taken[one.ID] > 1 {
				one.ID = fmt.Sprintf("%s-%d", one.ID, taken[one.ID])
			}
		}
		made = append(made, one.ID)
		h.SetAttributeString("id", []byte(one.ID))
		if h.Level == 2 || len(top) == 0 {
			top = append(top, one)
		} else {
			last := top[len(top)-1]
			last.Heads = append(last.Heads, one)
		}
	}
	return top, made
}

func slug(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), "-")
}

// relink has links to the Markdown of other guides lead to their pages.
func relink(doc ast.Node) {
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if l, ok := n.(*ast.Link); ok && entering {
			if to, anchor, _ := strings.Cut(string(l.Destination), "#"); strings.HasSuffix(to, ".md") && !strings.Contains(to, "/") {
				to = "/docs/guides/" + strings.TrimSuffix(to, ".md")
				if anchor != "" {
					to += "#" + anchor
				}
				l.Destination = []byte(to)
			}
		}
		return ast.WalkContinue, nil
	})
}

// plain is the text of a node without its marks.
func plain(n ast.Node, src []byte) string { return flat(n, src, "") }

// flat is the text of a node in which only code has marks, the given ones.
func flat(n ast.Node, src []byte, tick string) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if n.Kind() == ast.KindCodeSpan {
			b.WriteString(tick)
		}
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(util.UnescapePunctuations(t.Segment.Value(src)))
			if t.SoftLineBreak() || t.HardLineBreak() {
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// blocks renders what the pages show in a way of their own.
type blocks struct{ lang string }

func (b blocks) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindHeading, b.heading)
	r.Register(ast.KindFencedCodeBlock, b.code)
	r.Register(ast.KindBlockquote, b.note)
	r.Register(east.KindTable, b.table)
}

func (b blocks) heading(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	h := n.(*ast.Heading)
	id, _ := h.AttributeString("id")
	if entering {
		_, err := fmt.Fprintf(w, "<h%d id=\"%s\">", h.Level, id)
		return ast.WalkContinue, err
	}
	_, err := fmt.Fprintf(w, " <a class=\"anchor\" href=\"#%s\" aria-label=\"%s\">#</a></h%d>\n", id, words["guide.anchor"].in(b.lang), h.Level)
	return ast.WalkContinue, err
}

// code is a block that scrolls by itself, also by keyboard.
func (b blocks) code(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		_, err := w.WriteString("</code></pre></figure>\n")
		return ast.WalkContinue, err
	}
	kind := string(n.(*ast.FencedCodeBlock).Language(src))
	label, ok := words["code."+kind]
	if !ok {
		label = both(strings.ToUpper(kind))
	}
	_, _ = fmt.Fprintf(w, "<figure class=\"code code-%s\"><figcaption>%s</figcaption><pre tabindex=\"0\"><code>", slug(kind), label.in(b.lang))
	lines := n.Lines()
	for i := range lines.Len() {
		line := lines.At(i)
		_, _ = w.Write(util.EscapeHTML(line.Value(src)))
	}
	return ast.WalkContinue, nil
}

func (b blocks) note(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	tag := "</div>\n"
	if entering {
		tag = "<div class=\"note\" role=\"note\">\n"
	}
	_, err := w.WriteString(tag)
	return ast.WalkContinue, err
}

func (b blocks) table(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	tag := "</table></div>\n"
	if entering {
		tag = "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"" + words["guide.table"].in(b.lang) + "\"><table>\n"
	}
	_, err := w.WriteString(tag)
	return ast.WalkContinue, err
}
