package conform

import (
	"bytes"
	"io"
	"net/http"
)

// Transport asks as next does (nil: as http.DefaultTransport), and fails t in
// the end of its life for every answer that the document of the data API does
// not promise. It is [For] from the other side of a network.
func Transport(t Test, next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return transport{next, complaints(t)}
}

type transport struct {
	next   http.RoundTripper
	report func(Violation)
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil || !Jali().within(r) {
		return resp, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, kept+1))
	if err != nil {
		return nil, err
	}
	rest := resp.Body
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), rest}
	for _, v := range Jali().check(&seen{request: r, status: resp.StatusCode, header: resp.Header, body: body, long: len(body) > kept}) {
		t.report(v)
	}
	return resp, nil
}
