// Package oauth carries grants over OAuth 2.0: a client asks for one by a
// pushed request (RFC 9126) with authorization_details (RFC 9396), the
// person's browser passes by here on its way to the consent page and back,
// and the client gets tokens that are bound to its key (RFC 9449) or to its
// certificate (RFC 8705). The grant is the authority; what is issued here only
// points at it.
//
// Every endpoint is a strict wrapper of ours, in the manner of FAPI 2.0, and
// behind it fosite as the state machine from the pushed request to the code and
// its PKCE challenge, over a store of ours. The wrapper reads forms, checks
// client assertions (RFC 7523) and proofs, strips what fosite must not see or
// keep, and gives every error its standard code. Not used of fosite are its
// request objects, client authentication, signer and response writers. Other
// steps are direct code because fosite's are worse: the first visit to the
// authorization endpoint, where fosite would delete the request_uri that a
// reload still needs; revocation, where it takes the refresh token away
// together with an access token and answers a foreign token with an error; and
// the trade of a code or refresh token and introspection, where it reads twice
// what one transaction reads once, rotates, and forgets a challenge that no
// verifier answers. fosite also wants a state of eight
// characters, which is the client's business and optional: it is given the
// grant's id for one, and the real state stands in our row.
//
// What a client asks may come in a request object that it has signed (RFC 9101),
// and then nothing counts that stands beside it; the answer may go back signed
// (JARM), and so may what introspection says (RFC 9701). A client's registration
// can demand each of itself and of us (FAPI 2.0 Message Signing). A request may
// also change a grant that was given (Grant Management for OAuth 2.0, draft 03):
// it has a grant's id of its own until the person has said yes, and its code
// and tokens are the changed grant's, whose older refresh tokens end then.
// There are no ID tokens: nonce is taken and not used; max_age and the acr phr
// are met by every yes, which takes a passkey; prompt, claims and ui_locales
// are not known.
//
// A code lives 60 seconds and works once, by compare-and-set. Its second use
// takes back every token that it gave. The grant stays as it is: it is the
// person's to end, and without a token nothing opens it. Access tokens live 15
// minutes or until the grant's end. Refresh tokens exist for recurring grants
// alone, are bound to client and key, are not rotated (FAPI 2.0 Security
// Profile, section 5.3.2.1) and live until the grant's end. Codes and
// tokens begin with the grant's id, which the client is told anyway; of what
// makes them good the store knows a MAC only.
//
// Who sends a request is known by private_key_jwt or by a certificate (RFC 8705,
// section 2), whichever the client is registered for and never the other. What
// a code or token is bound to ([holder]) is the key of a DPoP proof, which needs
// a nonce of ours and brings the next, or for clients that are registered so
// the certificate of the connection. A refresh token is bound as its access
// tokens are, but that a client which authenticates by certificate may come
// with a renewed one: 90 days of a certificate must not end a year's grant.
// Certificates come to an address of their own ([Config.MTLS]), so that no
// browser is asked for one; no header is read for them here. By
// client_credentials a client gets a token of its own, for the two scopes of
// grant management; it opens no data. A yes that is older than the operator
// wants is told as RFC 9470 has it, and the data API describes itself (RFC
// 9728).
//
// A client may also name the person whom it asks, and come for the tokens once
// they have said yes on a device of their own (OpenID Client-Initiated
// Backchannel Authentication Core 1.0, by poll or ping). It names them by the
// pairwise sub that it has had a token for, or by eight digits that they read
// out; it cannot name anybody else, and names of nobody and of strangers are
// refused alike. An auth_req_id begins with its request's id and gives tokens
// once, to one of any number of polls.
//
// The ids of client assertions and proofs are kept in memory; what was issued
// before this process started is refused, so both need an iat.
//
// Rows: ("oauth", "grant", grant, kind, mac) are pushed requests, codes, access and
// refresh tokens, a client's own tokens under the client's id in place of a
// grant's, and decoupled requests under their own id; ("oauth", "ends",
// at, kind, mark) holds the key of what Sweep removes when its time has come. ("oauth", "sub",
// client, sub) is the person whom a client may name so, found by ("oauth",
// "person", person, client). ("oauth", "invite", id) is an initial access token,
// by which clients may register themselves.
// Sessions, pages and data are not known here.
package oauth

import (
	"crypto/x509"
	"errors"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ory/fosite"

	"jali/consent"
	"jali/consent/dpop"
	"jali/internal/brake"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/jose"
	"jali/internal/kv"
)

// How long things last.
const (
	requestLife = 300 * time.Second               // a request_uri may be opened
	decideLife  = 15 * time.Minute                // the person may take to answer, from the push on
	pushedLife  = decideLife + consent.TicketLife // an answer of the last moment is still handed on
	codeLife    = 60 * time.Second
	accessLife  = 15 * time.Minute
)

// Config of a Server. All but Notify, Taken, Publish, ErrorPage, HTTP, Brakes and Log are
// required.
type Config struct {
	DB      kv.DB
	Consent *consent.Service
	// Issuer is our origin, https://jali.example or http://localhost:8080,
	// without a path or a slash at its end. Clients' htu and aud are compared
	// with it, never with a Host header.
	Issuer string
	// MTLS is the origin of a listener of ours that asks clients for their
	// certificates; empty: there is none (RFC 8705, section 5).
	MTLS string
	// ClientCAs vouch for the certificates of tls_client_auth; nil: nobody does.
	ClientCAs *x509.CertPool
	Now       func() time.Time
	// MAC keys what is stored in place of tokens; package vault has one.
	MAC func(use string, parts ...string) []byte
	// Subject is the pairwise sub of a person for a client.
	Subject func(person, client string) string
	// IssuerKey is published at the jwks_uri.
	IssuerKey jose.PrivateKey
	// ConsentURL is where a person answers a request; it may be a path.
	ConsentURL func(consent.GrantID) string
	// Notify queues the ping of a decided request, in its transaction. Nil:
	// clients poll.
	Notify func(kv.Tx, Ping) error
	// Taken is told, in its transaction, of a grant that goes on while tokens of
	// it are taken back. Nil: nobody.
	Taken func(kv.Tx, consent.GrantID) error
	// Seen is told of each client that has proved who it is, or holds a token.
	// Nil: nobody.
	Seen func(consent.ClientID)
	// Publish are further members of the metadata, of rooms not known here.
	Publish map[string]any
	// ErrorPage tells a person in their browser what went wrong. Nil: plain
	// text in both languages.
	ErrorPage func(http.ResponseWriter, *http.Request, *fault.Error)
	// HTTP fetches key sets from the URLs that clients have registered. It is
	// made by package dial; nil: a strict one.
	HTTP   *http.Client
	Brakes Brakes
	Log    *slog.Logger
}

// Server is the authorization server, mounted at /oauth/ and at
// /.well-known/oauth-authorization-server and /.well-known/openid-configuration.
type Server struct {
	Config
	core   *fosite.Fosite
	store  store
	keys   jose.Sets
	remote remoteKeys
	replay *dpop.Replay
	nonces *dpop.Nonces
	routes routes
	// guesses are the introductions that clients have tried in vain; guessing is
	// held while one is tried.
	guesses  *brake.Brake
	guessing sync.Mutex
	// grantTypes are how a sender gets tokens, by grant_type.
	grantTypes map[string]func(c call, h holder) (*tokens, error)
}

// New checks the configuration and makes a Server. What was issued before
// this moment will be refused.
func New(c Config) (*Server, error) {
	if c.DB == nil || c.Consent == nil || c.Now == nil || c.MAC == nil || c.Subject == nil || c.ConsentURL == nil || c.IssuerKey.Empty() {
		return nil, errors.New("oauth: the configuration is not whole")
	}
	if u, err := url.Parse(c.Issuer); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || c.Issuer != u.Scheme+"://"+u.Host {
		return nil, errors.New("oauth: the issuer must be an origin, as https://jali.example")
	} else if u.Scheme == "http" && !fosite.IsLocalhost(u) {
		return nil, errors.New("oauth: the issuer must be https, or http on localhost")
	}
	if u, err := url.Parse(c.MTLS); c.MTLS != "" && (err != nil || u.Scheme != "https" || u.Host == "" || c.MTLS != "https://"+u.Host || c.MTLS == c.Issuer) {
		return nil, errors.New("oauth: the mTLS address must be an origin of its own, as https://mtls.jali.example")
	}
	if c.ErrorPage == nil {
		c.ErrorPage = plainErrorPage
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.HTTP == nil {
		c.HTTP = dial.New(dial.Config{Timeout: fetchPatience, MaxBody: maxKeySet})
	}
	s := &Server{Config: c, replay: dpop.NewReplay(c.Now())}
	s.remote.http, s.remote.log = c.HTTP, c.Log
	s.nonces = dpop.NewNonces(func(minute string) []byte { return c.MAC("dpop nonce", minute) })
	s.store = store{db: c.DB, mac: c.MAC}
	s.guesses = brake.New("login-hint", wrongCodes, c.Now)
	s.core = newCore(s)
	s.grantTypes = map[string]func(call, holder) (*tokens, error){
		"authorization_code": s.redeemCode,
		"refresh_token":      s.refresh,
		"client_credentials": s.ownToken,
		cibaGrant:            s.redeemDecoupled,
	}
	s.routes = routes{
		"/.well-known/oauth-authorization-server": {http.MethodGet: s.served(s.metadata)},
		"/.well-known/openid-configuration":       {http.MethodGet: s.served(s.metadata)}, // RFC 8414, section 5
		wellKnownResource:                         {http.MethodGet: s.resourceMetadata},
		wellKnownResource + resourcePath:          {http.MethodGet: s.resourceMetadata},
		"/oauth/jwks":                             {http.MethodGet: s.jwks},
		"/oauth/authorize":                        {http.MethodGet: s.authorize},
		"/oauth/finish":                           {http.MethodGet: s.finish},
		"/oauth/par":                              {http.MethodPost: s.posted(s.push)},
		"/oauth/bc-authorize":                     {http.MethodPost: s.posted(s.askDecoupled)},
		"/oauth/token":                            {http.MethodPost: s.posted(s.token)},
		"/oauth/revoke":                           {http.MethodPost: s.posted(s.revoke)},
		"/oauth/introspect":                       {http.MethodPost: s.posted(s.introspect)},
		"/oauth/register":                         {http.MethodPost: s.served(s.register)},
		"/oauth/register/{id}": {http.MethodGet: s.managed(s.registration), http.MethodPut: s.managed(s.reregister),
			http.MethodDelete: s.managed(s.deregister)},
		"/oauth/grants/{id}": {http.MethodGet: s.held(s.grantAsked), http.MethodDelete: s.held(s.grantRevoked)},
	}
	return s, nil
}

var errNoEndpoint = refuse(http.StatusNotFound, "invalid_request", "there is no such endpoint")

// Resource is the data API that tokens are for: the only location and
// resource that a client can name.
func (s *Server) Resource() string { return s.Issuer + resourcePath }

const resourcePath = "/v1"

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answering{ResponseWriter: w}
	defer func() {
		switch p := recover(); {
		case p == nil:
		case p == http.ErrAbortHandler || a.begun: // half an answer must not look like a whole one
			panic(p)
		default:
			s.fail(w, r, serverError(fault.Panicked(p)))
		}
	}()
	s.serve(a, r)
}

// answering knows whether an answer has begun.
type answering struct {
	http.ResponseWriter
	begun bool
}

func (a *answering) WriteHeader(status int) {
	a.ResponseWriter.WriteHeader(status)
	a.begun = true
}

func (a *answering) Write(b []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(b)
}

func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	path, id := s.routes.find(r.URL.EscapedPath())
	serve := s.routes[path][r.Method]
	switch {
	case path == "":
		s.fail(w, r, errNoEndpoint)
	case serve == nil:
		methods := strings.Join(slices.Sorted(maps.Keys(s.routes[path])), ", ")
		h.Set("Allow", methods)
		s.fail(w, r, refuse(http.StatusMethodNotAllowed, "invalid_request", "this endpoint answers to "+methods+" only"))
	default:
		if err := s.Brakes.address(w, r); err != nil {
			s.fail(w, r, err)
			return
		}
		r.SetPathValue("id", id)
		serve(w, r)
	}
}

// now is read once for each request and before any transaction.
func (s *Server) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// plainErrorPage says what went wrong to whoever has no page for it.
func plainErrorPage(w http.ResponseWriter, _ *http.Request, f *fault.Error) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	status := http.StatusBadRequest
	if k := f.Kind; k == fault.Internal || k == fault.Unavailable {
		status = http.StatusServiceUnavailable
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<!DOCTYPE html>\n<title>Jali</title>\n"+
		"<p lang=zh-CN>这个授权请求无法继续，请回到发起它的应用重新开始。</p>\n"+
		"<p lang=en>This request cannot go on. Go back to the app that you came from and start again.</p>\n"+
		"<p lang=en>("+html.EscapeString(f.Code+": "+f.Detail)+")</p>\n")
}
