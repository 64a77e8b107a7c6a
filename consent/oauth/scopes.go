package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The scopes there are: what a client may do to its own grants (Grant
// Management for OAuth 2.0). Data is asked for by authorization_details alone.
const (
	scopeQuery  = "grant_management_query"
	scopeRevoke = "grant_management_revoke"
)

var errScope = refuse(http.StatusBadRequest, "invalid_scope",
	"the scopes are "+scopeQuery+" and "+scopeRevoke+"; data is asked for with authorization_details")

// scopesOf answers the scopes that a form asks for, sorted and each once.
func scopesOf(form url.Values) ([]string, error) {
	if !form.Has("scope") {
		return nil, nil
	}
	asked := strings.Split(form.Get("scope"), " ")
	slices.Sort(asked)
	asked = slices.Compact(asked)
	for _, one := range asked {
		if one != scopeQuery && one != scopeRevoke {
			return nil, errScope
		}
	}
	return asked, nil
}

// within reports whether every one of the scopes is among these.
func within(scopes, these []string) bool {
	return !slices.ContainsFunc(scopes, func(one string) bool { return !slices.Contains(these, one) })
}
