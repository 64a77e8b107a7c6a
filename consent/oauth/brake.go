package oauth

import (
	"net/http"
	"strings"

	"jali/consent"
	"jali/internal/brake"
	"jali/internal/fault"
)

// Brakes bound how often the endpoints that clients call may be tried. What
// an address has left is asked before any work is done for it, and what a
// client has left once it has shown who it is: strangers cannot use that up.
// A brake that is nil allows everything.
type Brakes struct {
	Address *brake.Brake            // of each address, at all these endpoints together
	Client  map[string]*brake.Brake // of each client, at /oauth/{name}
}

// guessWeight is how many tries a wrong credential costs an address beyond its
// own.
const guessWeight = 9

// unbraked are the paths that people's browsers come by, and what is public.
var unbraked = map[string]bool{"/oauth/authorize": true, "/oauth/finish": true, "/oauth/jwks": true}

func (b Brakes) address(w http.ResponseWriter, r *http.Request) error {
	if unbraked[r.URL.Path] || !strings.HasPrefix(r.URL.Path, "/oauth/") {
		return nil
	}
	a := b.Address.Take(brake.Address(r.RemoteAddr))
	if !a.OK {
		a.Tell(w.Header())
	}
	return a.Err()
}

func (b Brakes) client(w http.ResponseWriter, r *http.Request, c consent.ClientID) error {
	a := b.Client[strings.TrimPrefix(r.URL.Path, "/oauth/")].Take(string(c))
	a.Tell(w.Header())
	return a.Err()
}

// refused charges for what looks like a guess. To be asked for a nonce is no
// failure (RFC 9449, section 8).
func (b Brakes) refused(r *http.Request, no *refusal) {
	if no.status == http.StatusUnauthorized && no.code != "use_dpop_nonce" {
		b.Address.Charge(brake.Address(r.RemoteAddr), guessWeight)
	}
}

// limited is how a brake's refusal is told. No standard names an error for
// it: RFC 9126, section 2.3, gives the status alone, and RFC 6749, section
// 4.1.2.1, has a code for a server that cannot serve just now.
func limited(f *fault.Error) *refusal {
	return &refusal{status: http.StatusTooManyRequests, code: "temporarily_unavailable", description: f.Detail, retryAfter: f.RetryAfter}
}
