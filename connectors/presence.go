package connectors

import (
	"context"
	"net/netip"
	"time"
)

// Presence says that the person is there while their source is asked, and what
// the source may know of that: UK Open Banking's x-fapi-customer-ip-address and
// x-fapi-auth-date, Berlin Group's PSU-IP-Address. A read without one is
// unattended, which sources bear less often ([Source.Unattended]).
type Presence struct {
	IP        netip.Addr // of the person's device; invalid: not known
	UserAgent string     // of their browser or app; empty: not known
	Since     time.Time  // when they last proved who they are; zero: not known
}

type presenceKey struct{}

// Present answers a context in which the person is there.
func Present(ctx context.Context, p Presence) context.Context {
	return context.WithValue(ctx, presenceKey{}, p)
}

// PresenceOf answers how the person of a call is there, if they are.
func PresenceOf(ctx context.Context) (Presence, bool) {
	p, ok := ctx.Value(presenceKey{}).(Presence)
	return p, ok
}
