package house

import (
	"errors"
	"net/netip"
	"net/url"
)

// CheckIssuer accepts https URLs, and http on this machine alone; without a
// path, since clients and passkeys know a server by its origin.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return errors.New("the issuer must be a URL such as https://jali.example")
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("the issuer must be scheme, host and port alone, such as https://jali.example, with nothing behind it")
	}
	a, err := netip.ParseAddr(u.Hostname())
	here := u.Hostname() == "localhost" || err == nil && a.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !here) {
		return errors.New("the issuer must be an https URL; http is for localhost alone")
	}
	return nil
}
