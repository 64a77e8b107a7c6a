package dial

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// ErrElsewhere is a request to a service that its client was not made for:
// nothing of it was sent.
var ErrElsewhere = errors.New("dial: not a service that this client was made for")

// Only answers a client like c that asks the services at these URLs, by scheme,
// host and port, and no other: what a credential travels with goes nowhere
// else, whatever an answer says. It shares c's connections.
func Only(c *http.Client, services ...*url.URL) *http.Client {
	o := &only{next: c.Transport, origins: make(map[string]bool, len(services))}
	if o.next == nil {
		o.next = http.DefaultTransport
	}
	for _, u := range services {
		o.origins[origin(u)] = true
	}
	one := *c
	one.Transport = o
	return &one
}

type only struct {
	next    http.RoundTripper
	origins map[string]bool
}

func (o *only) RoundTrip(r *http.Request) (*http.Response, error) {
	if !o.origins[origin(r.URL)] || r.Host != "" && !strings.EqualFold(r.Host, r.URL.Host) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, ErrElsewhere
	}
	return o.next.RoundTrip(r)
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (o *only) CloseIdleConnections() {
	if c, ok := o.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
