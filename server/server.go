// Package server is the HTTP edge: routes, who is calling, whether a request
// is what the document says, and how a fault looks on the wire. It decides
// nothing about data; it stores nothing.
//
// A request to /v1 goes: request id, log, recovery, size, headers,
// authentication, the document, the handler. Authentication comes before
// validation, so that a stranger learns nothing from either. A fault is told by
// its code where clients are to meet that code, and else as internal or
// unavailable. Other paths go to the handlers that are mounted here, which
// answer in their own ways.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/discreet"
	"jali/openapi"
)

// Views opens and reads views; *aggregate.Service does.
type Views interface {
	Offers() []aggregate.Offer
	Open(context.Context, aggregate.OpenRequest) (aggregate.View, error)
	Get(ctx context.Context, client consent.ClientID, grant consent.GrantID, view string) (aggregate.View, error)
	Page(ctx context.Context, client consent.ClientID, grant consent.GrantID, view, cursor string, limit int) (aggregate.BillPage, error)
}

// Caller is who sent a request: a client, by a grant.
type Caller struct {
	Client consent.ClientID
	Grant  consent.GrantID
	Given  consent.Grant // as it stands; its uses of a day are told
}

// Config of a server. Views and Authenticate are required.
type Config struct {
	Views Views

	// Issuer is our origin, without a slash at its end: where {issuer}/problems
	// explains the codes of problems.
	Issuer string

	// Authenticate answers who sent a request to /v1, or a fault. It may set
	// headers of the answer; an error with a method Challenge() string names
	// its own WWW-Authenticate.
	Authenticate func(answer http.Header, r *http.Request) (Caller, error)

	// Brakes bound requests to /v1 that are not public: of each address,
	// which a refused token costs more, and of each grant.
	Brakes Brakes

	OAuth http.Handler            // /oauth/ and /.well-known/
	Docs  http.Handler            // /docs, /problems, and what is below them
	Pages http.Handler            // everything that nobody else has
	Extra map[string]http.Handler // by prefix, "/sandbox/"

	// Uploads are the paths whose bodies may be as large as a bill file and
	// its form (20 MiB and 64 KiB). All others end at 1 MiB. nil: "/upload".
	Uploads []string

	// HTTPS says that people reach this by https, be it that a proxy ends the
	// TLS: browsers are told to keep to it (RFC 6797).
	HTTPS bool

	// TrustedProxies may say in X-Forwarded-For whom they speak for. Without
	// one that header is not read.
	TrustedProxies []netip.Prefix

	// CertificateHeader is where trusted proxies that end TLS pass a client's
	// certificate on (RFC 9440). They must take it out of what they are sent
	// themselves. Empty: they pass none on.
	CertificateHeader string

	Log     *slog.Logger          // nil: slog.Default
	Metrics prometheus.Registerer // nil: none
	Now     func() time.Time      // nil: time.Now
}

// Server is an http.Handler.
type Server struct {
	Config
	echo  *echo.Echo
	check *Checker
}

// New mounts everything. It fails if the document cannot be read.
func New(c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	c.Log = discreet.Logger(c.Log)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Uploads == nil {
		c.Uploads = []string{"/upload"}
	}
	check, err := newChecker()
	if err != nil {
		return nil, err
	}
	s := &Server{Config: c, echo: echo.New(), check: check}
	observe, err := s.observe()
	if err != nil {
		return nil, err
	}
	e := s.echo
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = addressOf(c.TrustedProxies)
	e.HTTPErrorHandler = s.answerError
	e.Use(s.identify, observe, s.recover, s.limit, s.harden, s.tag, s.admit)

	data := openapi.ServerInterfaceWrapper{Handler: openapi.NewStrictHandler(s, nil)}
	openapi.RegisterHandlers(e, data.Handler)
	e.HEAD("/v1/sources", data.ListSources)
	e.HEAD("/v1/views/:id", data.ReadView)
	e.HEAD("/v1/views/:id/bills", data.ListBills)
	mount := func(h echo.HandlerFunc, paths ...string) {
		for _, path := range paths {
			e.Any(path, h)
			e.RouteNotFound(path, h) // in methods that nobody knows
		}
	}
	mount(s.strayed, "/v1", "/v1/*")
	mount(onlyRead, "/openapi.yaml")
	e.Match([]string{http.MethodGet, http.MethodHead}, "/openapi.yaml", serveDocument)
	if c.OAuth != nil {
		mount(echo.WrapHandler(c.OAuth), "/oauth", "/oauth/*", "/.well-known", "/.well-known/*")
	}
	if c.Docs != nil {
		mount(echo.WrapHandler(c.Docs), "/docs", "/docs/*", "/problems", "/problems/*")
	}
	for prefix, h := range c.Extra {
		mount(echo.WrapHandler(h), strings.TrimSuffix(prefix, "/"), prefix+"*")
	}
	if c.Pages != nil {
		e.Any("/*", echo.WrapHandler(c.Pages))
	}
	return s, nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

func serveDocument(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml; charset=utf-8", openapi.YAML)
}

// onlyRead answers who would do more with the document.
func onlyRead(c echo.Context) error {
	c.Response().Header().Set("Allow", "GET, HEAD")
	return errMethod
}

// strayed answers what lies under /v1 and is no operation of the document.
func (s *Server) strayed(c echo.Context) error {
	if allow := s.check.methods(c.Request().URL.Path); len(allow) > 0 && !slices.Contains(allow, c.Request().Method) {
		c.Response().Header().Set("Allow", strings.Join(allow, ", "))
		return errMethod
	}
	return errRoute
}
