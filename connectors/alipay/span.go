package alipay

import (
	"encoding/json"
	"unicode/utf8"

	"jali/internal/fault"
)

// envelope is an answer of v2 taken apart.
type envelope struct {
	raw    []byte // the response exactly as it came, "\/" and all: that is what Alipay signs
	sign   string
	serial string // alipay_cert_sn
}

// open finds the response member of an answer, named name or error_response,
// and what stands beside it. An answer that has one of them twice, or both kinds
// of response, is refused: two readers of it might not see the same one. A
// response is an object, or a string where it is encrypted. Only its bounds are
// looked for here: it is long, and is read in a moment by who decodes it.
func open(body []byte, name string) (envelope, error) {
	var e envelope
	if !utf8.Valid(body) {
		return e, fault.Cause("the answer is not UTF-8")
	}
	i := space(body, 0)
	if i == len(body) || body[i] != '{' {
		return e, fault.Cause("the answer is not a JSON object")
	}
	seen := map[string]bool{}
	for {
		i = space(body, i+1) // behind { or ,
		end := value(body, i)
		var key string
		if json.Unmarshal(body[i:end], &key) != nil {
			return e, fault.Cause("the answer is not a JSON object of members")
		}
		if i = space(body, end); i == len(body) || body[i] != ':' {
			return e, fault.Cause("the answer is not JSON")
		}
		i = space(body, i+1)
		end = value(body, i)
		one := body[i:end]
		switch key {
		case name, "error_response", "sign", "alipay_cert_sn":
			if seen[key] {
				return e, fault.Cause("a member stands twice")
			}
			seen[key] = true
		}
		var err error
		switch key {
		case name, "error_response":
			e.raw = one
			if len(one) == 0 || one[0] != '{' && (one[0] != '"' || key != name) {
				return e, fault.Cause("the response is not an object")
			}
		case "sign":
			err = json.Unmarshal(one, &e.sign)
		case "alipay_cert_sn":
			err = json.Unmarshal(one, &e.serial)
		default:
			var any json.RawMessage
			err = json.Unmarshal(one, &any)
		}
		if err != nil {
			return e, fault.Cause("a member of the answer is not of its form")
		}
		i = space(body, end)
		if i < len(body) && body[i] == ',' {
			continue
		}
		if i == len(body) || body[i] != '}' || space(body, i+1) != len(body) {
			return e, fault.Cause("the answer is cut short, or something follows it")
		}
		break
	}
	if seen[name] == seen["error_response"] {
		return e, fault.Cause("the answer holds no response, or two")
	}
	return e, nil
}

// space answers where the white space of JSON from i on ends.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return min(i, len(b))
}

// value answers where the value that begins at i ends, if it is one: strings and
// brackets are matched, and nothing else is checked.
func value(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(b))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			} else if depth < 0 {
				return i
			}
		case ',', ' ', '\t', '\r', '\n', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}
