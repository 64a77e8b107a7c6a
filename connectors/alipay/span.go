package alipay

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
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
// response is an object, or a string where it is encrypted.
func open(body []byte, name string) (envelope, error) {
	var e envelope
	if !utf8.Valid(body) {
		return e, fault.Cause("the answer is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return e, fault.Cause("the answer is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return e, fault.Cause("the answer is not JSON")
		}
		key, _ := t.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return e, fault.Cause("the answer is not JSON")
		}
		switch key {
		case name, "error_response", "sign", "alipay_cert_sn":
			if seen[key] {
				return e, fault.Cause("a member stands twice")
			}
			seen[key] = true
		}
		switch key {
		case name, "error_response":
			end := d.InputOffset()
			e.raw = body[end-int64(len(value)) : end]
			if len(value) == 0 || value[0] != '{' && (value[0] != '"' || key != name) {
				return e, fault.Cause("the response is not an object")
			}
		case "sign":
			err = json.Unmarshal(value, &e.sign)
		case "alipay_cert_sn":
			err = json.Unmarshal(value, &e.serial)
		}
		if err != nil {
			return e, fault.Cause("the sign or its certificate is not a string")
		}
	}
	if _, err := d.Token(); err != nil {
		return e, fault.Cause("the answer is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return e, fault.Cause("something follows the answer")
	}
	if seen[name] == seen["error_response"] {
		return e, fault.Cause("the answer holds no response, or two")
	}
	return e, nil
}
