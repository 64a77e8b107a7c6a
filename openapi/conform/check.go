package conform

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Violation is one thing in an answer that the document does not promise. It
// holds no value of the answer or of the request.
type Violation struct {
	Operation string // method and path as the document has them; "GET /v1/…" where it has none
	Status    int
	Wrong     string
	RequestID string

	path string // as it was asked for; tests alone tell it
}

func (v Violation) String() string { return fmt.Sprintf("%s: %d: %s", v.Operation, v.Status, v.Wrong) }

// Check holds one whole answer against the document. Of one outside of the
// document's realm it says nothing.
func (d *Document) Check(r *http.Request, status int, h http.Header, body []byte) []Violation {
	if !d.within(r) {
		return nil
	}
	return d.check(&seen{request: r, status: status, header: h, body: body})
}

// seen is an answer that is being looked at.
type seen struct {
	request   *http.Request
	status    int
	header    http.Header
	body      []byte
	long      bool // body is only its beginning
	operation string
	wrong     []Violation
}

func (s *seen) say(format string, args ...any) {
	id := s.header.Get("X-Request-Id")
	if !plainID.MatchString(id) {
		id = ""
	}
	s.wrong = append(s.wrong, Violation{Operation: s.operation, Status: s.status, Wrong: fmt.Sprintf(format, args...), RequestID: id, path: s.request.URL.Path})
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

func (d *Document) check(s *seen) []Violation {
	p, method := d.find(s.request), s.request.Method
	if p == nil {
		s.operation = method + " /" + strings.Split(s.request.URL.Path, "/")[1] + "/…"
		s.common(nil)
		d.unknown(s, nil)
		return s.wrong
	}
	s.operation = method + " " + p.template
	op := p.operations[method]
	if op == nil && method == http.MethodHead && s.status != http.StatusMethodNotAllowed {
		op = p.operations[http.MethodGet] // the same without a body (RFC 9110, section 9.3.2)
	}
	s.common(op)
	if op == nil {
		d.unknown(s, p)
		return s.wrong
	}
	a := op.promised(s.status)
	if a == nil {
		s.say("the status is not promised")
		return s.wrong
	}
	s.headers(a)
	if method != http.MethodHead {
		s.content(a)
	}
	return s.wrong
}

// common asks what holds for every answer.
func (s *seen) common(op *operation) {
	switch id := s.header.Get("X-Request-Id"); {
	case !plainID.MatchString(id):
		s.say("X-Request-Id is missing or not 8 to 64 plain characters")
	case plainID.MatchString(s.request.Header.Get("X-Request-Id")) && id != s.request.Header.Get("X-Request-Id"):
		s.say("X-Request-Id is not the one that was sent")
	}
	open := op != nil && op.public && (s.request.Method == http.MethodGet || s.request.Method == http.MethodHead) &&
		(s.status/100 == 2 || s.status == http.StatusNotModified)
	if !open && !slices.Contains(strings.Split(strings.ReplaceAll(s.header.Get("Cache-Control"), " ", ""), ","), "no-store") {
		s.say("Cache-Control is not no-store")
	}
}

// unknown asks that what the document does not have is not there: p is nil, or
// has other methods.
func (d *Document) unknown(s *seen, p *path) {
	want := http.StatusNotFound
	if p != nil {
		want = http.StatusMethodNotAllowed
	}
	asked := s.request.Method == http.MethodOptions && s.status == http.StatusNoContent && len(s.body) == 0
	if s.status != want && !(asked && p != nil) {
		s.say("the document has no such operation, so that %d is its answer", want)
		return
	}
	if p != nil {
		have := strings.FieldsFunc(strings.Join(s.header.Values("Allow"), ","), func(r rune) bool { return r == ',' || r == ' ' })
		for _, m := range slices.Sorted(maps.Keys(p.operations)) {
			if !slices.Contains(have, m) {
				s.say("Allow does not name %s", m)
			}
		}
	}
	if asked || s.request.Method == http.MethodHead {
		return
	}
	media, schema := "application/problem+json", d.problem
	if at := s.request.URL.Path; strings.HasPrefix(at, "/oauth") || strings.HasPrefix(at, "/.well-known") {
		media, schema = "application/json", d.oauth
	}
	v := s.content(&answer{bodies: map[string]*jsonschema.Schema{media: schema}})
	if body, ok := v.(map[string]any); ok && media == "application/problem+json" && body["code"] != strays[want] {
		s.say("the code is not %s", strays[want])
	}
}

// strays are the codes of what a document does not have.
var strays = map[int]string{http.StatusNotFound: "route_unknown", http.StatusMethodNotAllowed: "method_not_allowed"}

func (s *seen) headers(a *answer) {
	for _, h := range a.headers {
		values := s.header.Values(h.name)
		switch {
		case len(values) == 0 && h.required:
			s.say("the header %s is missing", h.name)
		case len(values) == 0 || h.schema == nil:
		default:
			if err := h.schema.Validate(h.read(strings.Join(values, ", "))); err != nil { // RFC 9110, section 5.3
				s.say("the header %s %s", h.name, explain(err))
			}
		}
	}
}

// read makes of a header's text what its schema is about.
func (h header) read(text string) any {
	if h.sort.Is("integer") || h.sort.Is("number") || h.sort.Is("boolean") {
		if v, err := jsonschema.UnmarshalJSON(strings.NewReader(text)); err == nil {
			return v
		}
	}
	return text
}

// content looks at the body, and answers what JSON it holds.
func (s *seen) content(a *answer) any {
	if len(a.bodies) == 0 {
		if len(s.body) > 0 {
			s.say("there is a body, and none is promised")
		}
		return nil
	}
	media, params, err := mime.ParseMediaType(s.header.Get("Content-Type"))
	if err != nil {
		s.say("Content-Type is missing or malformed")
		return nil
	}
	schema, ok := a.bodies[media]
	if !ok {
		s.say("the media type is not one of %s", strings.Join(slices.Sorted(maps.Keys(a.bodies)), ", "))
		return nil
	}
	if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") || !utf8.Valid(s.body) {
		s.say("the body is not in UTF-8")
		return nil
	}
	if schema == nil {
		return nil
	}
	if s.long {
		s.say("the body is larger than what is checked")
		return nil
	}
	var v any
	if err := json.Unmarshal(s.body, &v); err != nil {
		s.say("the body is not one JSON value")
		return nil
	}
	if err := schema.Validate(v); err != nil {
		s.say("the body%s", explain(err))
	}
	s.agrees(media, v)
	return v
}

// agrees asks of a problem that what it says twice is the same.
func (s *seen) agrees(media string, v any) {
	body, _ := v.(map[string]any)
	if media != "application/problem+json" {
		return
	}
	for member, head := range map[string]string{"status": strconv.Itoa(s.status), "request_id": s.header.Get("X-Request-Id"), "retry_after": s.header.Get("Retry-After")} {
		if have, there := body[member]; there && fmt.Sprint(have) != head {
			s.say("the problem's %s is not what the answer's head says", member)
		}
	}
}

var plainCode = regexp.MustCompile(`^[a-z][a-z0-9_]{1,63}$`)

// explain says what a schema complains of, in its own words: where, which
// keyword, and what it wants.
func explain(err error) string {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return " cannot be checked"
	}
	var said []string
	for leaves := []*jsonschema.ValidationError{v}; len(leaves) > 0; leaves = leaves[1:] {
		at := leaves[0]
		if len(at.Causes) > 0 {
			leaves = append(leaves, at.Causes...)
			continue
		}
		said = append(said, " at /"+strings.Join(at.InstanceLocation, "/")+" "+wants(at.ErrorKind))
	}
	slices.Sort(said)
	said = slices.Compact(said)
	return strings.Join(said[:min(len(said), 8)], ";")
}

func wants(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Required:
		return "lacks " + strings.Join(k.Missing, ", ")
	case *kind.AdditionalProperties:
		return "has " + strings.Join(k.Properties, ", ") + ", which is not described"
	case *kind.Type:
		return "is of type " + k.Got + ", not " + strings.Join(k.Want, " or ")
	case *kind.Enum:
		if got, ok := k.Got.(string); ok && plainCode.MatchString(got) {
			return fmt.Sprintf("is %s, not one of %v", got, k.Want)
		}
		return fmt.Sprintf("is not one of %v", k.Want)
	case *kind.Const:
		return fmt.Sprintf("is not %v", k.Want)
	case *kind.Pattern:
		return "does not match " + k.Want
	case *kind.Format:
		return "is no " + k.Want
	}
	return "breaks " + strings.Join(k.KeywordPath(), "/")
}
