package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"jali/consent"
)

type clientShow struct {
	ID string `arg:"" help:"The client's id."`
}

func (clientShow) Help() string {
	return `Example:
  jali client show client_ABC`
}

func (s *clientShow) Run(c *cli) error {
	var one consent.Client
	if err := c.ask(http.MethodGet, "/clients/"+url.PathEscape(s.ID), nil, &one); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows(one) {
		if row[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
	return w.Flush()
}

// rows are a registration in words, empty where there is nothing to say.
func rows(c consent.Client) [][2]string {
	by := "the operator"
	if len(c.Management) > 0 {
		by = "itself"
	}
	bound := "a key, by DPoP"
	if c.CertificateBound {
		bound = "its certificate"
	}
	auth, n := c.Auth, c.Certificate
	if auth == "" {
		auth = consent.PrivateKeyJWT
	}
	var signed []string
	for what, is := range map[string]bool{"requests": c.SignedRequests, "responses": c.SignedResponses, "introspection": c.SignedIntrospection} {
		if is {
			signed = append(signed, what)
		}
	}
	slices.Sort(signed)
	return [][2]string{
		{"id", string(c.ID)},
		{"state", state(c)},
		{"name (zh)", c.Name.ZH},
		{"name (en)", c.Name.EN},
		{"registered", c.AddedAt.Format(time.RFC3339) + " by " + by},
		{"redirects to", strings.Join(c.RedirectURIs, " ")},
		{"authenticates by", string(auth)},
		{"certificate", n.SubjectDN + n.DNS + n.URI + n.IP + n.Email}, // one of them is set
		{"keys", keysIn(c.JWKS)},
		{"keys at", c.JWKSURI},
		{"tokens bound to", bound},
		{"signed", strings.Join(signed, ", ")},
		{"aliases", c.AliasShape},
		{"webhook", c.WebhookURI},
		{"decoupled", strings.TrimSpace(string(c.Delivery) + " " + c.NotificationURI)},
	}
}

// keysIn names the keys of a set.
func keysIn(jwks []byte) string {
	var set struct {
		Keys []struct{ Kid, Alg string }
	}
	if json.Unmarshal(jwks, &set) != nil {
		return ""
	}
	var names []string
	for _, k := range set.Keys {
		names = append(names, k.Kid+" ("+k.Alg+")")
	}
	return strings.Join(names, ", ")
}
