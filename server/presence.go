package server

import (
	"net/http"
	"net/netip"
	"time"

	"jali/internal/aggregate"
	"jali/internal/fault"
)

var errPresence = &fault.Error{Kind: fault.Invalid, Code: "presence_invalid"}

// presence answers how the client says that the person is there, or nil: they
// are where their address is told (x-fapi-customer-ip-address, FAPI 1.0
// Baseline, section 6.2.1). It is the client's word; what a source makes of it
// is the source's affair.
func presence(address, signedIn, agent string, now time.Time) (*aggregate.Presence, error) {
	p := aggregate.Presence{UserAgent: agent}
	var err error
	if signedIn != "" {
		if p.Since, err = time.Parse(http.TimeFormat, signedIn); err != nil || p.Since.After(now.Add(time.Minute)) {
			return nil, errPresence.Saying("x-fapi-auth-date is not an HTTP date that has been")
		}
	}
	if address == "" {
		return nil, nil
	}
	if p.IP, err = netip.ParseAddr(address); err != nil || p.IP.Zone() != "" || p.IP.IsUnspecified() || p.IP.IsMulticast() {
		return nil, errPresence.Saying("x-fapi-customer-ip-address is not the address of a device")
	}
	p.IP = p.IP.Unmap()
	return &p, nil
}
