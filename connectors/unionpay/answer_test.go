package unionpay

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"jali/connectors"
	"jali/internal/fault"
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever is answered to whatever was asked, nothing comes of it that is not
// signed but a link, or a fault that says whose it is.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"resp":"00","msg":"","params":{"accessToken":"A","expiresIn":3600,"openId":"o1","scope":"upapi_base","merId":"777290058110097","backendToken":"B"}}`,
		`{"resp":"a10","msg":"x","params":{}}`,
		"respCode=98&respMsg=文件不存在[6100030]&version=5.1.0&signMethod=01&signature=AAAA&signPubKeyCert=" + root().pem,
		"respCode=31", "respCode=06", "<html>",
	} {
		f.Add(body, 200)
		f.Add(body, 503)
	}
	var body string
	var status int
	cfg := config(f, "https://platform.example")
	cfg.HTTP = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != "platform.example" {
			return nil, errors.New("somebody else is asked")
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r, ContentLength: -1}, nil
	})}
	c, err := New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, code int) {
		if code < 100 || code > 599 {
			t.Skip()
		}
		body, status = text, code
		known := func(err error) bool {
			var e *fault.Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("an error without a kind: %v", err)
			}
			return err == nil
		}
		_, err := c.Bills(t.Context(), linked, own, begins(theDate), theDate, "")
		if known(err) || errors.Is(err, connectors.ErrUnauthorized) {
			t.Fatalf("an unsigned answer is believed: %v", err)
		}
		if k, err := c.Finish(t.Context(), connectors.Linking{}, url.Values{"code": {"c"}}); known(err) {
			if _, err := read(k); err != nil {
				t.Fatalf("a credential that does not serve: %v", err)
			}
		}
	})
}
