package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"

	"jali/openapi"
)

// Checker holds requests against a document, as [openapi.Requests] reads one.
type Checker struct {
	doc     *openapi3.T
	options *openapi3filter.Options
}

// NewChecker answers a Checker for a document.
func NewChecker(doc *openapi3.T) *Checker {
	k := &Checker{doc: doc}
	// Without DisableSchemaErrorDetails an error would carry the value. The
	// value that was checked is kept, and it is what the handler is given:
	// decoded a second time by encoding/json, a key in other case would get
	// past the check.
	k.options = &openapi3filter.Options{
		KeepValidatedValue:      true,
		AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc, // admit has asked already
		SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.DisableSchemaErrorDetails()},
	}
	return k
}

func newChecker() (*Checker, error) {
	doc, err := openapi.Requests()
	if err != nil {
		return nil, err
	}
	return NewChecker(doc), nil
}

// operation answers what the document says of an echo route, or nil.
func (k *Checker) operation(method, route string) *routers.Route {
	segments := strings.Split(route, "/")
	for i, s := range segments {
		if name, ok := strings.CutPrefix(s, ":"); ok {
			segments[i] = "{" + name + "}"
		}
	}
	path := strings.Join(segments, "/")
	item := k.doc.Paths.Value(path)
	if item == nil || !strings.HasPrefix(path, "/v1/") {
		return nil
	}
	if method == http.MethodHead {
		method = http.MethodGet // without the body (RFC 9110, section 9.3.2)
	}
	op := item.GetOperation(method)
	if op == nil {
		return nil
	}
	return &routers.Route{Spec: k.doc, Path: path, PathItem: item, Method: method, Operation: op}
}

// methods answers the methods that the document has for a path.
func (k *Checker) methods(path string) []string {
	want := strings.Split(path, "/")
	for template, item := range k.doc.Paths.Map() {
		have := strings.Split(template, "/")
		if len(have) == len(want) && slices.EqualFunc(have, want, func(h, w string) bool {
			return h == w || strings.HasPrefix(h, "{") && w != ""
		}) {
			var methods []string
			for m := range item.Operations() {
				methods = append(methods, m)
				if m == http.MethodGet {
					methods = append(methods, http.MethodHead)
				}
			}
			slices.Sort(methods)
			return methods
		}
	}
	return nil
}

// public reports whether an operation is open to everybody.
func public(op *openapi3.Operation) bool { return op.Security != nil && len(*op.Security) == 0 }

// request fails where c's request is not what route allows.
func (k *Checker) request(c echo.Context, route *routers.Route) error {
	params := make(map[string]string, len(c.ParamNames()))
	for i, name := range c.ParamNames() {
		params[name] = c.ParamValues()[i]
	}
	return k.Check(c.Request(), route, params)
}

// Check fails where a request is not what route allows, as a fault that names
// nothing but words of the document. Its body has been read then, and can be
// read again.
func (k *Checker) Check(r *http.Request, route *routers.Route, params map[string]string) error {
	if err := checkQuery(r, route); err != nil {
		return err
	}
	for _, p := range route.Operation.Parameters {
		if p.Value.In == openapi3.ParameterInHeader && len(r.Header.Values(p.Value.Name)) > 1 {
			return errInvalid.Saying("the header " + p.Value.Name + " was sent more than once")
		}
	}
	if err := checkBody(r, route.Operation); err != nil {
		return err
	}
	err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, Route: route, PathParams: params, QueryParams: r.URL.Query(), Options: k.options,
	})
	if err != nil {
		return describe(err)
	}
	return nil
}

// checkQuery refuses parameters that the document does not know, and known
// ones that come twice: which of the two counts is nobody's to guess.
func checkQuery(r *http.Request, route *routers.Route) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return errInvalid.Saying("the query cannot be read")
	}
	for name, values := range query {
		p := route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name)
		if p == nil {
			if known := parameters(route.Operation); known != "" {
				return errInvalid.Saying("the query has a parameter that is not known here; known are " + known)
			}
			return errInvalid.Saying("the query has a parameter that is not known here")
		}
		if len(values) > 1 {
			return errInvalid.Saying("the parameter " + p.Name + " was sent more than once")
		}
	}
	return nil
}

// checkBody reads the body whole and puts it back.
func checkBody(r *http.Request, op *openapi3.Operation) error {
	var data []byte
	if r.Body != nil {
		var err error
		data, err = io.ReadAll(r.Body)
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			return errLarge
		case err != nil:
			return errInvalid.Saying("the body ended early").Because(err)
		}
	}
	if op.RequestBody == nil {
		if len(data) > 0 {
			return errInvalid.Saying("this takes no body")
		}
		return nil
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return errMedia
	}
	types := r.Header.Values("Content-Type")
	if len(types) != 1 {
		return errMedia
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || op.RequestBody.Value.Content[media] == nil {
		return errMedia
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return errMedia
	}
	if missing := len(data) == 0 && op.RequestBody.Value.Required; media == "application/json" && !missing {
		if err := checkJSON(data); err != nil {
			return err
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	r.ContentLength = int64(len(data))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return nil
}

const maxDepth = 32

var (
	errSyntax    = errInvalid.Saying("the body is not one JSON value in UTF-8, or holds a number that is too large")
	errTwice     = errInvalid.Saying("the body has a member twice, or twice in different case")
	errTooNested = errInvalid.Saying("the body is nested too deeply")
)

// checkJSON accepts one JSON value (RFC 8259) in which no object has a member
// twice. Members that differ only in case are taken for the same: a reader
// that does not mind case would see one of them.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errSyntax
	}
	d := json.NewDecoder(bytes.NewReader(data)) // without UseNumber: it refuses a number that no double holds
	type level struct {
		members map[string]bool // nil in an array
		value   bool            // a value, not a name, comes next
	}
	var stack []level
	for started := false; !started || len(stack) > 0; started = true {
		t, err := d.Token()
		if err != nil {
			return errSyntax
		}
		if t == json.Delim('}') || t == json.Delim(']') {
			stack = stack[:len(stack)-1]
			continue
		}
		if n := len(stack); n > 0 && stack[n-1].members != nil {
			top := &stack[n-1]
			if top.value = !top.value; top.value {
				name := strings.ToLower(t.(string))
				if top.members[name] {
					return errTwice
				}
				top.members[name] = true
				continue
			}
		}
		switch t {
		case json.Delim('{'):
			stack = append(stack, level{members: map[string]bool{}})
		case json.Delim('['):
			stack = append(stack, level{})
		}
		if len(stack) > maxDepth {
			return errTooNested
		}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errSyntax
	}
	return nil
}

type callerKey struct{}

// admit asks who is calling an operation of the document, and then whether the
// call is what the document allows.
func (s *Server) admit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		route := s.check.operation(c.Request().Method, c.Path())
		if route == nil {
			return next(c)
		}
		if !public(route.Operation) {
			caller, err := s.braked(c)
			if err != nil {
				return err
			}
			c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), callerKey{}, caller)))
		}
		if err := s.check.request(c, route); err != nil {
			return err
		}
		return next(c)
	}
}

// callerFrom answers whom admit let in.
func callerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
