package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// operation is a request of the document; client.gen.go fills it.
type operation struct {
	method, path string
	query        url.Values
	header       http.Header
	body         any
}

func (o *operation) inPath(name, value string) {
	o.path = strings.Replace(o.path, "{"+name+"}", url.PathEscape(value), 1)
}

// inQuery adds a parameter that has a value.
func (o *operation) inQuery(name string, value any) {
	if s := fmt.Sprint(value); s != "" && s != "0" {
		if o.query == nil {
			o.query = url.Values{}
		}
		o.query.Set(name, s)
	}
}

func (o *operation) inHeader(name, value string) {
	if value == "" {
		return
	}
	if o.header == nil {
		o.header = http.Header{}
	}
	o.header.Set(name, value)
}

// request makes the operation's request to the server at base.
func (o operation) request(ctx context.Context, base string) (*http.Request, error) {
	var body []byte
	if o.body != nil {
		var err error
		if body, err = json.Marshal(o.body); err != nil {
			return nil, err
		}
	}
	at := base + o.path
	if o.query != nil {
		at += "?" + o.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, o.method, at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range o.header {
		r.Header[name] = values
	}
	if o.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// performer sends an operation and reads its answer, if there is one.
type performer interface {
	perform(ctx context.Context, o operation, answer any) error
}

func ask[T any](ctx context.Context, p performer, o operation) (*T, error) {
	answer := new(T)
	if err := p.perform(ctx, o, answer); err != nil {
		return nil, err
	}
	return answer, nil
}

// perform sends an operation that takes no token.
func (c *Client) perform(ctx context.Context, o operation, answer any) error {
	_, body, err := c.send(ctx, true, func() (*http.Request, error) { return o.request(ctx, c.Issuer) })
	if err != nil {
		return err
	}
	return read(body, answer)
}
