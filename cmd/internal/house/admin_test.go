package house

import (
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"jali/consent"
)

// A running server refuses a client that could never show it a certificate that
// it believes; a house opened for a verb does not know and takes it.
func TestAddingAClientWithACertificate(t *testing.T) {
	data, err := os.MkdirTemp("", "jali") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	h := openFor(t, data)
	t.Cleanup(func() { _ = h.Close() })
	l, err := ListenAdmin(data)
	if err != nil {
		t.Fatal(err)
	}
	running := &http.Server{Handler: h.Admin}
	go func() { _ = running.Serve(l) }()
	t.Cleanup(func() { _ = running.Close() })
	socket, err := Talk(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	inProcess := &Talker{&http.Client{Transport: direct{h.Admin}}, nil}

	const key = `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	add := func(to *Talker, change func(*consent.Client)) error {
		c := consent.Client{Name: consent.Name{ZH: "晨曦", EN: "Morning"}, AliasShape: "opaque", RedirectURIs: []string{"https://app.bank.example/cb"}, JWKS: []byte(key)}
		change(&c)
		return to.DoJSON(t.Context(), http.MethodPost, "/clients", c, new(consent.Client))
	}
	vouched := func(c *consent.Client) {
		c.Auth, c.Certificate, c.CertificateBound = consent.TLSClientAuth, consent.CertName{DNS: "app.bank.example"}, true
	}
	bound := func(c *consent.Client) { c.CertificateBound = true }
	for _, tt := range []struct {
		why         string
		mtls        string
		authorities *x509.CertPool
		to          *Talker
		client      func(*consent.Client)
		want        string // of the refusal
	}{
		{"no address", "", nil, socket, vouched, "--mtls-url"},
		{"no address for tokens' certificates", "", nil, socket, bound, "--mtls-url"},
		{"no authority", "https://mtls.jali.example", nil, socket, vouched, "--client-ca"},
		{"tokens' certificates need none", "https://mtls.jali.example", nil, socket, bound, ""},
		{"both", "https://mtls.jali.example", x509.NewCertPool(), socket, vouched, ""},
		{"no certificate", "", nil, socket, func(*consent.Client) {}, ""},
		{"no server runs", "", nil, inProcess, vouched, ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h.OAuth.MTLS, h.OAuth.ClientCAs = tt.mtls, tt.authorities
			var no *Refusal
			switch err := add(tt.to, tt.client); {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (!errors.As(err, &no) || no.Code != "client_invalid" || !strings.Contains(no.Detail, tt.want)):
				t.Errorf("%v; want client_invalid that names %s", err, tt.want)
			}
		})
	}
}
