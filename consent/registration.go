package consent

import (
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxRedirects = 16
	maxName      = 60 // runes
	maxURI       = 2000
	maxCertName  = 512
)

// check holds a registration to what the rest of the house relies on.
func (c Client) check() error {
	const idChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	switch {
	case c.ID == "" || len(c.ID) > 128 || strings.Trim(string(c.ID), idChars) != "":
		return ErrClient.Saying("an id has 1 to 128 letters, digits or -._~")
	case !plainName(c.Name.ZH) || !plainName(c.Name.EN):
		return ErrClient.Saying("a client has a name in Chinese and one in English, at most 60 characters, without control characters")
	case c.AliasShape != "opaque" && c.AliasShape != "card" && c.AliasShape != "iban":
		return ErrClient.Saying("the alias shape is opaque, card or iban")
	case len(c.RedirectURIs) == 0 || len(c.RedirectURIs) > maxRedirects || slices.ContainsFunc(c.RedirectURIs, func(u string) bool { return !Redirectable(u) }):
		return ErrRedirect
	case c.WebhookURI != "" && !Redirectable(c.WebhookURI):
		return ErrClient.Saying("the webhook URI is absolute, has no fragment and no user, and is https, or http on this machine's own address")
	}
	if err := c.checkDelivery(); err != nil {
		return err
	}
	if err := c.checkCertificate(); err != nil {
		return err
	}
	switch byValue, byURL := len(c.JWKS) > 0, c.JWKSURI != ""; {
	case byValue && byURL:
		return ErrClient.Saying("a client's keys are given by value or by URL, not both")
	case byURL && !Redirectable(c.JWKSURI):
		return ErrClient.Saying("the key set's URL is absolute, has no fragment and no user, and is https, or http on this machine's own address")
	case byURL, !byValue && c.Auth == TLSClientAuth && !c.SignedRequests:
		return nil
	}
	return CheckKeys(c.JWKS)
}

// checkDelivery heeds OpenID CIBA Core 1.0, section 4.
func (c Client) checkDelivery() error {
	switch {
	case c.Delivery != "" && c.Delivery != Poll && c.Delivery != Ping:
		return ErrClient.Saying("a decoupled decision is learnt of by poll or ping")
	case c.Delivery == Ping && !Redirectable(c.NotificationURI):
		return ErrClient.Saying("ping needs a notification URI: absolute, without fragment and user, and https, or http on this machine's own address")
	case c.Delivery != Ping && c.NotificationURI != "":
		return ErrClient.Saying("a notification URI is for ping alone")
	}
	return nil
}

// checkCertificate heeds RFC 8705, section 2.1.2.
func (c Client) checkCertificate() error {
	n, named := c.Certificate, 0
	for _, name := range []string{n.SubjectDN, n.DNS, n.URI, n.IP, n.Email} {
		if len(name) > maxCertName || name != strings.TrimSpace(name) || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			return ErrClient.Saying("a certificate's name has at most 512 bytes, no space around it and no control characters")
		}
		if name != "" {
			named++
		}
	}
	switch c.Auth {
	case "", PrivateKeyJWT, SelfSignedTLS:
		if named > 0 {
			return ErrClient.Saying("a certificate is named for tls_client_auth alone")
		}
		return nil
	case TLSClientAuth:
	default:
		return ErrClient.Saying("a client authenticates by private_key_jwt, tls_client_auth or self_signed_tls_client_auth")
	}
	_, mailErr := mail.ParseAddress(n.Email)
	uri, uriErr := url.Parse(n.URI)
	switch {
	case named != 1:
		return ErrClient.Saying("tls_client_auth needs exactly one name of the certificate: its subject, or a DNS name, URI, IP address or e-mail address")
	case n.SubjectDN != "" && !strings.Contains(n.SubjectDN, "="):
		return ErrClient.Saying("the certificate's subject is written as RFC 4514 has it, as CN=app.bank.example,O=Bank")
	case n.DNS != "" && (strings.ContainsAny(n.DNS, "*/:@ ") || net.ParseIP(n.DNS) != nil):
		return ErrClient.Saying("the certificate's DNS name is one host's, without wildcards")
	case n.URI != "" && (uriErr != nil || !uri.IsAbs()):
		return ErrClient.Saying("the certificate's URI is absolute")
	case n.IP != "" && net.ParseIP(n.IP) == nil:
		return ErrClient.Saying("the certificate's IP address is not one")
	case n.Email != "" && (mailErr != nil || strings.ContainsAny(n.Email, "<> ")):
		return ErrClient.Saying("the certificate's e-mail address is not one")
	}
	return nil
}

// plainName holds nothing that makes a name look like another one's surroundings:
// no controls, no line breaks, no marks that turn the direction of writing.
func plainName(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxName &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
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
