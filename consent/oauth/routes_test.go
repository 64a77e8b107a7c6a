package oauth

import "testing"

func TestRoutes(t *testing.T) {
	all := routes{"/oauth/token": nil, "/oauth/grants/{id}": nil}
	for _, tt := range []struct{ path, route, id, why string }{
		{"/oauth/token", "/oauth/token", "", "as it stands"},
		{"/oauth/grants/grant_1", "/oauth/grants/{id}", "grant_1", "with an id"},
		{"/oauth/grants/{id}", "", "", "the pattern itself is no path"},
		{"/oauth/grants/", "", "", "no id"},
		{"/oauth/grants", "", "", "nor a slash"},
		{"/oauth/grants/a/b", "", "", "one segment"},
		{"/oauth/grants/a%2Fb", "/oauth/grants/{id}", "a/b", "a slash of the id's own"},
		{"/oauth/%74oken", "", "", "one way to write a path"},
		{"/oauth//token", "", "", "paths are not cleaned"},
		{"/oauth/token/", "", "", "nor cut"},
		{"", "", "", "an empty path"},
		{"*", "", "", "OPTIONS *"},
	} {
		if route, id := all.find(tt.path); route != tt.route || id != tt.id {
			t.Errorf("find(%q) = %q, %q; want %q, %q (%s)", tt.path, route, id, tt.route, tt.id, tt.why)
		}
	}
}
