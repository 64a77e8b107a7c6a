package oauth

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	maxBody   = 64 << 10
	maxParams = 64
)

// readForm reads the parameters of a POST: form-encoded, in the body alone,
// each at most once. One without a value counts as left out (RFC 6749, section
// 3.1).
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return nil, invalidRequest("parameters belong in the body; this endpoint takes no query")
	}
	kinds := r.Header.Values("Content-Type")
	if len(kinds) != 1 {
		return nil, invalidRequest("Content-Type must be application/x-www-form-urlencoded")
	}
	if kind, params, err := mime.ParseMediaType(kinds[0]); err != nil || kind != "application/x-www-form-urlencoded" ||
		params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return nil, invalidRequest("Content-Type must be application/x-www-form-urlencoded")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, invalidRequest("a Content-Encoding is not read here")
	}
	var body bytes.Buffer // io.Copy would make room for 32 KiB
	body.Grow(int(min(max(r.ContentLength, 0), maxBody)) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "invalid_request", "the body is larger than 64 KiB")
	} else if err != nil {
		return nil, invalidRequest("the body ended early")
	}
	return parseForm(body.String())
}

func parseForm(body string) (url.Values, error) {
	if strings.Count(body, "&") >= maxParams {
		return nil, invalidRequest("there are too many parameters")
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, invalidRequest("the body is not form-encoded")
	}
	for name, values := range form {
		if len(values) != 1 {
			return nil, invalidRequest("a parameter stands more than once")
		}
		if !utf8.ValidString(name+values[0]) || strings.ContainsRune(name+values[0], 0) {
			return nil, invalidRequest("a parameter is not text in UTF-8")
		}
		if values[0] == "" {
			delete(form, name)
		}
	}
	return form, nil
}

// only answers a copy of the form with nothing but these parameters: what
// fosite may see. It keeps whatever it is given.
func only(form url.Values, names ...string) url.Values {
	kept := url.Values{}
	for _, name := range names {
		if v := form.Get(name); v != "" {
			kept.Set(name, v)
		}
	}
	return kept
}

// request makes the request that fosite reads a form from.
func request(method string, form url.Values) *http.Request {
	return &http.Request{Method: method, URL: &url.URL{}, Header: http.Header{}, Form: form, PostForm: form}
}
