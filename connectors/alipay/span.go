package alipay

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"jali/internal/fault"
)

// open finds the response member of an answer, named name or error_response,
// and the sign beside it. raw is the member's value exactly as it came, "\/"
// and all: that is what Alipay signs. An answer that has either of the three
// twice, or both kinds of response, is refused: two readers of it might not
// see the same one.
func open(body []byte, name string) (raw []byte, sign string, err error) {
	if !utf8.Valid(body) {
		return nil, "", fault.Cause("the answer is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, "", fault.Cause("the answer is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, "", fault.Cause("the answer is not JSON")
		}
		key, _ := t.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, "", fault.Cause("the answer is not JSON")
		}
		switch key {
		case name, "error_response", "sign":
			if seen[key] {
				return nil, "", fault.Cause("a member stands twice")
			}
			seen[key] = true
		}
		switch key {
		case name, "error_response":
			end := d.InputOffset()
			raw = body[end-int64(len(value)) : end]
			if len(value) == 0 || value[0] != '{' {
				return nil, "", fault.Cause("the response is not an object")
			}
		case "sign":
			if json.Unmarshal(value, &sign) != nil {
				return nil, "", fault.Cause("the sign is not a string")
			}
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, "", fault.Cause("the answer is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, "", fault.Cause("something follows the answer")
	}
	if seen[name] == seen["error_response"] {
		return nil, "", fault.Cause("the answer holds no response, or two")
	}
	return raw, sign, nil
}
