package main

import (
	"bytes"
	"net/url"

	"golang.org/x/net/html"
)

// filled is a form's fields as they stand, with the accounts ticked.
func filled(form *html.Node, accounts []string) url.Values {
	fields := url.Values{}
	each(form, func(n *html.Node) {
		name, value := attribute(n, "name"), attribute(n, "value")
		switch {
		case name == "" || has(n, "disabled"):
		case n.Data == "select":
			if o := find(n, func(n *html.Node) bool { return n.Data == "option" && has(n, "selected") }); o != nil {
				fields.Add(name, attribute(o, "value"))
			}
		case n.Data != "input":
		case name == "account":
			if accounts == nil {
				fields.Add(name, value)
			}
		case attribute(n, "type") == "checkbox" || attribute(n, "type") == "radio":
			if has(n, "checked") {
				fields.Add(name, value)
			}
		default:
			fields.Add(name, value)
		}
	})
	for _, a := range accounts {
		fields.Add("account", a)
	}
	return fields
}

func csrfOf(page []byte) string {
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return ""
	}
	n := find(root, func(n *html.Node) bool { return n.Data == "input" && attribute(n, "name") == "csrf" })
	if n == nil {
		n = find(root, func(n *html.Node) bool { return n.Data == "meta" && attribute(n, "name") == "csrf" })
		return attribute(n, "content")
	}
	return attribute(n, "value")
}

func each(n *html.Node, f func(*html.Node)) {
	if n.Type == html.ElementNode {
		f(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, f)
	}
}

func find(n *html.Node, want func(*html.Node) bool) (found *html.Node) {
	each(n, func(n *html.Node) {
		if found == nil && want(n) {
			found = n
		}
	})
	return found
}

func attribute(n *html.Node, name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}
