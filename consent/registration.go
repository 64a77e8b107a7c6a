package consent

import (
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxRedirects = 16
	maxName      = 60 // runes
	maxURI       = 2000
)

// check reports, as [ErrClient], the first thing that is not acceptable about
// a registration.
func (c Client) check() error {
	for _, check := range []func() error{c.checkNames, c.checkAddresses, c.checkAuth, c.checkKeys} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Client) checkNames() error {
	const idChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	switch {
	case c.ID == "" || len(c.ID) > 128 || strings.Trim(string(c.ID), idChars) != "":
		return ErrClient.Saying("an id has 1 to 128 letters, digits or -._~")
	case !plainName(c.Name.ZH) || !plainName(c.Name.EN):
		return ErrClient.Saying("a client has a name in Chinese and one in English, at most 60 characters, without control characters")
	case c.AliasShape != "opaque" && c.AliasShape != "card" && c.AliasShape != "iban":
		return ErrClient.Saying("the alias shape is opaque, card or iban")
	}
	return nil
}

func (c Client) checkAddresses() error {
	if len(c.RedirectURIs) == 0 || len(c.RedirectURIs) > maxRedirects ||
		slices.ContainsFunc(c.RedirectURIs, func(u string) bool { return !Redirectable(u) }) {
		return ErrRedirect
	}
	const form = " is absolute, has no fragment and no user, and is https, or http on this machine's own address"
	switch {
	case c.JWKSURI != "" && !Redirectable(c.JWKSURI):
		return ErrClient.Saying("the key set's URL" + form)
	case c.WebhookURI != "" && !Redirectable(c.WebhookURI):
		return ErrClient.Saying("the webhook URI" + form)
	case c.NotificationURI != "" && !Redirectable(c.NotificationURI):
		return ErrClient.Saying("the notification URI" + form)
	case c.Delivery != "" && c.Delivery != Poll && c.Delivery != Ping: // OpenID CIBA Core 1.0, section 4
		return ErrClient.Saying("decoupled decisions are delivered by poll or ping; without either there are none")
	case (c.Delivery == Ping) != (c.NotificationURI != ""):
		return ErrClient.Saying("a client that is pinged has a notification URI, and no other has one")
	}
	return nil
}

func (c Client) checkAuth() error {
	switch c.Auth {
	case "", PrivateKeyJWT, SelfSignedTLS:
		if c.Certificate != (CertName{}) {
			return ErrClient.Saying("the name of a certificate goes only with tls_client_auth")
		}
		return nil
	case TLSClientAuth:
		return c.Certificate.check()
	}
	return ErrClient.Saying("a client authenticates by private_key_jwt, tls_client_auth or self_signed_tls_client_auth")
}

func (c Client) checkKeys() error {
	switch {
	case len(c.JWKS) > 0 && c.JWKSURI != "":
		return ErrClient.Saying("keys are registered by value or by their URL, not both")
	case c.JWKSURI != "": // looked at whenever they are read
		return nil
	case len(c.JWKS) == 0 && c.Auth == TLSClientAuth && !c.SignedRequests:
		return nil
	case len(c.JWKS) == 0:
		return ErrClient.Saying("a client that signs, or whose certificate is its own, has a key set or the URL of one")
	}
	if err := CheckKeys(c.JWKS); err != nil {
		return err
	}
	if c.Auth == SelfSignedTLS && !holdsCertificate(c.JWKS) {
		return ErrClient.Saying("the key set of a client with a certificate of its own has it as x5c (RFC 8705, section 2.2.2)")
	}
	return nil
}

// check holds the name of a certificate to RFC 8705, section 2.1.2.
func (n CertName) check() error {
	set := 0
	for _, s := range []string{n.SubjectDN, n.DNS, n.URI, n.IP, n.Email} {
		if s != "" {
			set++
		}
		if len(s) > maxURI || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			return ErrClient.Saying("the name of a certificate is too long or holds control characters")
		}
	}
	if set != 1 {
		return ErrClient.Saying("a client's certificate is known by exactly one name: subject DN, DNS, URI, IP or e-mail")
	}
	switch {
	case n.SubjectDN != "" && !distinguished.MatchString(n.SubjectDN):
		return ErrClient.Saying("the subject DN is not written as RFC 4514 has it, without spaces around its separators")
	case n.DNS != "" && (len(n.DNS) > 253 || !hostName.MatchString(n.DNS)):
		return ErrClient.Saying("the DNS name is no host name; a wildcard is none")
	case n.URI != "" && !absolute(n.URI):
		return ErrClient.Saying("the certificate's URI is not absolute")
	case n.IP != "" && !address(n.IP):
		return ErrClient.Saying("the certificate's IP is no address")
	case n.Email != "" && !mailbox(n.Email):
		return ErrClient.Saying("the certificate's e-mail is no address")
	}
	return nil
}

// distinguished is the text of a distinguished name (RFC 4514, section 3): an
// attribute's value is written with escapes, or in hexadecimal.
var distinguished = func() *regexp.Regexp {
	const (
		kind    = `(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)`
		escape  = `\\(?:[ "#+,;<=>\\]|[0-9A-Fa-f]{2})`
		inner   = `[^"+,;<>\\]`
		outer   = `[^ "+,;<>\\]`
		first   = `[^ #"+,;<>\\]`
		value   = `(?:#(?:[0-9A-Fa-f]{2})+|(?:(?:` + first + `|` + escape + `)(?:(?:` + inner + `|` + escape + `)*(?:` + outer + `|` + escape + `))?))`
		single  = kind + `=` + value
		several = single + `(?:\+` + single + `)*`
	)
	return regexp.MustCompile(`^` + several + `(?:,` + several + `)*$`)
}()

// hostName is RFC 1123, section 2.1, in ASCII.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)

func absolute(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && (u.Host != "" || u.Opaque != "") && !strings.Contains(s, " ")
}

func address(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Zone() == ""
}

func mailbox(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// Redirectable reports whether a client may have people sent there (RFC 9700,
// section 2.1; RFC 8252, section 7.3): an absolute address without a fragment
// or a user, https or on this machine. The addresses that we call ourselves
// are held to the same; where they lead is checked when they are dialled.
func Redirectable(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxURI || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Opaque != "" ||
		strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == '#' || r == '*' || r == '\\' || r >= 0x7f }) {
		return false
	}
	switch u.Scheme {
	case "https":
		return true
	case "http":
		ip, err := netip.ParseAddr(u.Hostname())
		return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	}
	return false
}
