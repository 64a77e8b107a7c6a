package house

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"jali/consent/oauth"
	"jali/internal/brake"
	"jali/server"
)

// Rates are limits by name.
type Rates map[string]brake.Limit

// usual are the limits of a house that was told no others. Nobody types as fast
// as a guesser, and a bank asks for many people from few addresses.
var usual = map[string]string{
	"address":      "100/s burst 1000", // of an address, at /oauth/ and /v1 together; what looks like a guess counts ten times
	"signin":       "30/m burst 60",    // of an address, at signing in, signing up and recovery
	"lookup":       "10/m burst 30",    // of an address, at asking what an alias stands for
	"grant":        "2/s burst 60",     // of a grant, at /v1
	"par":          "50/s burst 500",   // of a client, as those below
	"bc-authorize": "10/s burst 100",
	"token":        "100/s burst 500",
	"introspect":   "100/s burst 500",
	"revoke":       "50/s burst 500",
}

// ParseRates reads "token=20/s burst 100", one limit each, over the usual ones.
func ParseRates(settings []string) (Rates, error) {
	rates, named := Rates{}, map[string]string{}
	for _, s := range settings {
		name, text, _ := strings.Cut(s, "=")
		name = strings.TrimSpace(name)
		if usual[name] == "" {
			return nil, fmt.Errorf("there is no rate of that name; there are %s", strings.Join(slices.Sorted(maps.Keys(usual)), ", "))
		}
		if _, twice := named[name]; twice {
			return nil, fmt.Errorf("the rate %s is set twice", name)
		}
		named[name] = strings.TrimSpace(text)
	}
	for name, text := range usual {
		if set, ok := named[name]; ok {
			text = set
		}
		limit, err := brake.ParseLimit(text)
		if err != nil {
			return nil, fmt.Errorf("the rate %s: %w", name, err)
		}
		rates[name] = limit
	}
	return rates, nil
}

// GenerousRates are limits that no test meets and no honest program could.
func GenerousRates() Rates {
	rates := Rates{}
	for name := range usual {
		rates[name] = brake.Limit{Every: time.Millisecond / 10, Burst: 1_000_000}
	}
	return rates
}

type brakes struct {
	oauth  oauth.Brakes
	data   server.Brakes
	signIn addressBrake
	lookup addressBrake
}

func (r Rates) brakes(now func() time.Time) brakes {
	made := func(name string) *brake.Brake { return brake.New(name, r[name], now) }
	address := made("address")
	b := brakes{
		oauth:  oauth.Brakes{Address: address, Client: map[string]*brake.Brake{}},
		data:   server.Brakes{Address: address, Grant: made("grant")},
		signIn: addressBrake{made("signin")},
		lookup: addressBrake{made("lookup")},
	}
	for _, name := range []string{"par", "bc-authorize", "token", "introspect", "revoke"} {
		b.oauth.Client[name] = made(name)
	}
	return b
}

// addressBrake is a page's.
type addressBrake struct{ of *brake.Brake }

func (b addressBrake) Take(r *http.Request) error {
	return b.of.Take(brake.Address(r.RemoteAddr)).Err()
}
