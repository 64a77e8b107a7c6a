package main

import (
	"flag"
	"fmt"
	"io"
	random "math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"jali/openapi"
	"jali/openapi/conform"
	"jali/openapi/probe"
	document "jali/openapi/sandbox"
)

var (
	cases = flag.Int("cases", map[bool]int{false: 25, true: 4}[raced], "requests to try of each operation in TestAnyRequest")
	seed  = flag.Uint64("seed", 0, "what TestAnyRequest draws them from; 0: another each time, and one and the same where CI is true")
)

// Whatever is asked, of any operation of either document, is answered as the
// document promises, never as a fault of ours; and what is refused stores
// nothing.
func TestAnyRequest(t *testing.T) {
	switch { // who comes by is not to be stopped by what somebody else left
	case *seed != 0:
	case os.Getenv("CI") == "true":
		*seed = 1
	default:
		*seed = random.Uint64()
	}
	t.Logf("drawn by: go test ./cmd/sandbox -run %s -cases %d -seed %d", t.Name(), *cases, *seed)
	for name, y := range map[string][]byte{"jali": openapi.YAML, "sandbox": document.YAML} {
		p := openProber(t) // one for each: the sandbox's requests do away with what the others need
		doc, err := openapi3.NewLoader().LoadFromData(y)
		if err != nil {
			t.Fatal(err)
		}
		promised, err := conform.Load(y)
		if err != nil {
			t.Fatal(err)
		}
		prepare := p.preparing(name)
		for i, o := range probe.Operations(doc) {
			t.Run(fmt.Sprintf("%s %s %s", name, o.Method, o.Path), func(t *testing.T) {
				r := random.New(random.NewPCG(*seed, uint64(i)))
				prepare(t)
				for n := range *cases {
					q := o.Broken(r, p.known)
					if n%4 == 0 {
						q = o.Valid(r, p.known)
					}
					if what := p.try(t, promised, o, q, r.IntN(12) > 0); what != "" {
						t.Fatalf("case %d: %s %s\n%s\n%.2000s\n(%s)\n%s", n, q.Method, q.Path, headers(q.Header), q.Body, q.Broken, what)
					}
				}
			})
		}
	}
}

// Requests that are drawn get through: a generator whose requests are all
// refused at the door would ask nothing.
func TestAnyRequestGetsThrough(t *testing.T) {
	if raced {
		t.Skip("run without the race detector, which has nothing to look for here and takes minutes: as .ci/run does")
	}
	for name, y := range map[string][]byte{"jali": openapi.YAML, "sandbox": document.YAML} {
		p := openProber(t)
		doc, err := openapi3.NewLoader().LoadFromData(y)
		if err != nil {
			t.Fatal(err)
		}
		prepare := p.preparing(name)
		for i, o := range probe.Operations(doc) {
			if refusedAlways[o.ID] != "" {
				continue
			}
			r := random.New(random.NewPCG(7, uint64(i)))
			prepare(t)
			taken := false
			for n := 0; n < 400 && !taken; n++ {
				_, status, _, _, err := p.send(p.dressed(o, o.Valid(r, p.known)))
				if err != nil {
					t.Fatal(err)
				}
				taken = status < 400
			}
			if !taken {
				t.Errorf("%s: no %s was taken (%s %s)", name, o.ID, o.Method, o.Path)
			}
		}
	}
}

// refusedAlways are operations that no drawn request is taken by, and why.
var refusedAlways = map[string]string{
	"FinishRequest": "it is where a consent page leads once a yes is given",
	"CreatePasskey": "its options are of a page that is open",
	"UsePasskey":    "its options are of a page that is open",
	"SettleFile":    "a file that waits is none of the prober's",
	"RemovePerson":  "who is acted for stays",
	"ResetPerson":   "who is acted for stays",
}

// A harness that finds nothing is first shown something.
func TestAnyRequestFindsPlantedFaults(t *testing.T) {
	p := openProber(t)
	p.prepare(t)
	doc, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	open := slices.IndexFunc(probe.Operations(doc), func(o probe.Operation) bool { return o.ID == "OpenView" })
	honest := p.http.Transport
	for planted, change := range map[string]func(*http.Response){
		"a fault of ours":                        func(r *http.Response) { r.StatusCode = 500 },
		"the status is not promised":             func(r *http.Response) { r.StatusCode = 418 },
		"what the document forbids is taken":     func(r *http.Response) { r.StatusCode = 201 },
		"commits for what was refused":           func(*http.Response) { p.http.Transport = honest; p.give(t) },
		"what the document allows is called inv": func(r *http.Response) { r.Body = io.NopCloser(strings.NewReader(`{"code":"request_invalid"}`)) },
	} {
		t.Run(planted, func(t *testing.T) {
			r, found := random.New(random.NewPCG(1, 1)), false
			for n := 0; n < 200 && !found; n++ {
				p.http.Transport = tampered(func(q *http.Request) (*http.Response, error) {
					resp, err := http.DefaultTransport.RoundTrip(q)
					if err == nil && resp.StatusCode != http.StatusUnauthorized { // which is asked again with a nonce
						change(resp)
					}
					return resp, err
				})
				o := probe.Operations(doc)[open]
				q := o.Broken(r, p.known)
				if n%4 == 0 {
					q = o.Valid(r, p.known)
				}
				found = strings.Contains(p.try(t, conform.Jali(), o, q, true), planted)
			}
			if p.http.Transport = honest; !found {
				t.Error("nothing was said of it")
			}
		})
	}
}

type tampered func(*http.Request) (*http.Response, error)

func (f tampered) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
