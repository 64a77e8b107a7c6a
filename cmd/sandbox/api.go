package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"

	"jali/internal/fault"
	"jali/openapi/problems"
	api "jali/openapi/sandbox"
	"jali/server"
)

// operation answers one operation of the sandbox's document. The request has been
// held against the document; the status is the one that the document promises.
type operation func(*http.Request) (any, error)

var (
	errRoute     = &fault.Error{Kind: fault.NotFound, Code: "route_unknown", Detail: "there is nothing here; see /sandbox/docs, or /sandbox/openapi.yaml for programs"}
	errMethod    = &fault.Error{Kind: fault.Invalid, Code: "method_not_allowed", Detail: "this path has other methods; see the Allow header"}
	errCrossSite = &fault.Error{Kind: fault.Denied, Code: "cross_site",
		Detail: "the sandbox acts for people, so it answers under its own host names alone, and no page of another site"}
	errInvalid = &fault.Error{Kind: fault.Invalid, Code: "request_invalid"}
)

// control is the sandbox's API: every operation of its document, and nothing
// else. It fails if the two are not the same.
func (s *sandbox) control() (http.Handler, error) {
	doc, err := api.Requests()
	if err != nil {
		return nil, err
	}
	check, operations, pages := server.NewChecker(doc), s.operations(), s.pages()
	mux := http.NewServeMux()
	for path, item := range doc.Paths.Map() {
		at := path
		if strings.HasSuffix(at, "/") {
			at += "{$}" // that path, and none below it
		}
		var allow []string
		for method, op := range item.Operations() {
			allow = append(allow, method)
			route := &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}
			h, raw := pages[op.OperationID]
			if do, ok := operations[op.OperationID]; ok {
				h = s.answering(do, promised(op))
			} else if !raw {
				return nil, fmt.Errorf("nobody answers %s %s", method, path)
			}
			mux.Handle(method+" "+at, s.checked(check, route, h))
			delete(operations, op.OperationID)
			delete(pages, op.OperationID)
		}
		if slices.Contains(allow, http.MethodGet) {
			allow = append(allow, http.MethodHead)
		}
		slices.Sort(allow)
		mux.HandleFunc(at, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			s.fail(w, r, errMethod)
		})
	}
	for id := range operations {
		return nil, fmt.Errorf("the document has no %s", id)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, errRoute) })
	return s.guarded(s.straight(slashed(mux))), nil
}

// straight answers paths that ServeMux would send on to others: no document has
// an empty segment, or one of dots.
func (s *sandbox) straight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at := r.URL.EscapedPath(); path.Clean(at) != strings.TrimSuffix(at, "/") {
			s.fail(w, r, errRoute)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// slashed lets an id be one escaped slash: ServeMux takes such a segment for
// the path's end. No id has any, so that two are as unknown as one.
func slashed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if segments := strings.Split(r.URL.EscapedPath(), "/"); slices.ContainsFunc(segments, isSlash) {
			for i, segment := range segments {
				if isSlash(segment) {
					segments[i] = "%2F%2F"
				}
			}
			at := *r.URL
			at.RawPath = strings.Join(segments, "/")
			at.Path, _ = url.PathUnescape(at.RawPath) // as it was sent, it could be
			r = r.WithContext(r.Context())
			r.URL = &at
		}
		next.ServeHTTP(w, r)
	})
}

func isSlash(segment string) bool { return strings.EqualFold(segment, "%2f") }

// promised is the status by which an operation says that it was done.
func promised(op *openapi3.Operation) int {
	for _, status := range []int{http.StatusOK, http.StatusCreated, http.StatusNoContent} {
		if op.Responses.Status(status) != nil {
			return status
		}
	}
	return http.StatusOK
}

// guarded answers only who means this sandbox. A page of another site is told
// apart by what its browser says of it (Fetch Metadata, Origin), and one that
// has this machine's address under a name of its own by that name. Links may
// be followed from anywhere: whoever has set one does not see the answer.
func (s *sandbox) guarded(next http.Handler) http.Handler {
	hosts, origins := map[string]bool{}, map[string]bool{}
	for _, at := range []string{s.ready.Issuer, strings.TrimSuffix(s.ready.Sandbox, "/sandbox")} {
		origins[at] = true
		if u, err := url.Parse(at); err == nil {
			hosts[u.Host] = true
			for _, name := range []string{"127.0.0.1", "[::1]"} {
				if u.Hostname() == "localhost" && u.Port() != "" {
					hosts[name+":"+u.Port()] = true
				}
			}
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
		follows := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
		if !hosts[r.Host] || origin != "" && !origins[origin] || site != "" && site != "same-origin" && site != "none" && !follows {
			s.fail(w, r, errCrossSite)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// checked holds a request against the document.
func (s *sandbox) checked(check *server.Checker, route *routers.Route, next http.Handler) http.Handler {
	var names []string
	for segment := range strings.SplitSeq(route.Path, "/") {
		if strings.HasPrefix(segment, "{") {
			names = append(names, strings.Trim(segment, "{}"))
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		params := map[string]string{}
		for _, name := range names {
			params[name] = r.PathValue(name)
		}
		if err := check.Check(r, route, params); err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// answering writes what an operation answers, by the status that was promised.
func (s *sandbox) answering(do operation, status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := do(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if status == http.StatusNoContent {
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false) // addresses are copied from here
		_ = e.Encode(v)
	})
}

// fail answers a fault as the edge does, by what can be met here.
func (s *sandbox) fail(w http.ResponseWriter, r *http.Request, err error) {
	if status := server.Problem(w, r, s.ready.Issuer, problems.Sandbox, err); status >= http.StatusInternalServerError {
		s.log.ErrorContext(r.Context(), "the sandbox failed", "code", fault.Of(err).Code, "err", err)
	}
}

// read decodes a body that has been checked.
func read[T any](r *http.Request) (v T, err error) {
	if err = json.NewDecoder(r.Body).Decode(&v); err != nil {
		err = errInvalid.Saying("the body cannot be read").Because(err)
	}
	return v, err
}
