package oauth

import (
	"net/http"
	"strings"
)

// routes are the endpoints by path and method. A path that ends in "{id}"
// stands for every one with something else there, which its handlers read by
// [http.Request.PathValue].
type routes map[string]map[string]http.HandlerFunc

// find answers the path that a request's belongs to, and its id; empty: none.
// There is no cleaning and no redirecting: a path is one of ours or it is not.
func (t routes) find(path string) (route, id string) {
	at := strings.LastIndexByte(path, '/') + 1
	if strings.HasSuffix(path, "{id}") {
		return "", ""
	}
	if _, ok := t[path]; ok {
		return path, ""
	}
	route = path[:at] + "{id}"
	if _, ok := t[route]; ok && path[at:] != "" {
		return route, path[at:]
	}
	return "", ""
}
