package dial

import (
	"errors"
	"net/url"
)

// Endpoint reads the address of a service from a configuration: https, or
// plain http where the host is this machine.
func Endpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Host == "", u.User != nil, u.Fragment != "":
		return nil, errors.New("not the address of a service")
	case u.Scheme == "https", u.Scheme == "http" && thisMachine(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("must be https")
}

func thisMachine(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}
