package oauth

import (
	"net/http"
	"net/url"
	"strings"
)

// routes are the endpoints by path and method. A path that ends in "{id}"
// stands for every one with something else there, which its handlers read by
// [http.Request.PathValue].
type routes map[string]map[string]http.HandlerFunc

// find answers the path that a request's belongs to, as it was escaped, and its
// id; empty: none. There is no cleaning and no redirecting: a path is one of
// ours or it is not, and what is escaped belongs to the id.
func (t routes) find(path string) (route, id string) {
	if strings.HasSuffix(path, "{id}") {
		return "", ""
	}
	if _, ok := t[path]; ok {
		return path, ""
	}
	at := strings.LastIndexByte(path, '/') + 1
	route = path[:at] + "{id}"
	if _, ok := t[route]; ok && path[at:] != "" {
		id, err := url.PathUnescape(path[at:])
		if err == nil {
			return route, id
		}
	}
	return "", ""
}
