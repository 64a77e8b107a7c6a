package server

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"jali/internal/discreet"
	"jali/internal/fault"
)

const (
	headerRequestID = "X-Request-Id"
	maxBody         = 1 << 20
	maxUpload       = 20<<20 + 64<<10
)

// addressOf answers a caller's address: the connection's, or what a trusted
// proxy says.
func addressOf(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		p = p.Masked()
		options = append(options, echo.TrustIPRange(&net.IPNet{
			IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// identify gives every request an id, its own if it brings a plain one, and
// the certificate and address of whom a trusted proxy speaks for.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.SetRequest(named(c.Response(), c.Request()))
		s.certify(c)                   // while the connection's own address is still known
		if len(s.TrustedProxies) > 0 { // handlers further in know the person's address, not the proxy's
			c.Request().RemoteAddr = net.JoinHostPort(c.RealIP(), "0")
		}
		return next(c)
	}
}

// named gives a request its id, and its answer the same.
func named(w http.ResponseWriter, r *http.Request) *http.Request {
	id := r.Header.Get(headerRequestID)
	if !plainID(id) {
		id = rand.Text()
	}
	w.Header().Set(headerRequestID, id)
	return r.WithContext(discreet.Requested(r.Context(), id))
}

func plainID(id string) bool {
	return len(id) >= 8 && len(id) <= 64 &&
		strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// observe logs and counts each request by its route's template: paths and
// queries hold ids.
func (s *Server) observe() (echo.MiddlewareFunc, error) {
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "jali_http_request_duration_seconds", Help: "How long requests took, by method, route and status.",
		Buckets: []float64{.001, .005, .025, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"method", "route", "status"})
	if s.Metrics != nil {
		if err := s.Metrics.Register(took); err != nil {
			return nil, err
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := s.Now()
			if err := next(c); err != nil {
				c.Error(err) // writes the problem, so that its status is known here
			}
			method, route, status := c.Request().Method, c.Path(), c.Response().Status
			if !slices.Contains(methods, method) {
				method = "other" // or anybody could make series without end
			}
			d := s.Now().Sub(start)
			took.WithLabelValues(method, route, strconv.Itoa(status)).Observe(d.Seconds())
			s.Log.InfoContext(c.Request().Context(), "request", "method", method, "route", route, "status", status, "ms", d.Milliseconds())
			return nil
		}
	}, nil
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// recover turns a panic into a fault, or breaks the connection off where an
// answer has begun. What was panicked with may hold anything, so only its type
// and the place are logged.
func (s *Server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.Log.ErrorContext(c.Request().Context(), "panic", "route", c.Path(), "err", fault.Panicked(p))
			if c.Response().Committed { // half an answer must not look like a whole one
				panic(http.ErrAbortHandler)
			}
			err = errInternal
		}()
		return next(c)
	}
}

// limit bounds bodies before anybody reads them.
func (s *Server) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, most := c.Request(), int64(maxBody)
		if slices.Contains(s.Uploads, r.URL.Path) {
			most = maxUpload
		}
		if r.ContentLength > most && s.check.operation(r.Method, c.Path()) == nil && !posted(c) {
			return errLarge // an operation of the document first asks who is calling
		}
		if r.Body != nil && r.Body != http.NoBody {
			// On a copy: net/http looks at its own request to see whether a body
			// that nobody read is worth waiting for, and would not know it again.
			r = r.WithContext(r.Context())
			r.Body = http.MaxBytesReader(c.Response(), r.Body, most)
			c.SetRequest(r)
		}
		return next(c)
	}
}

// posted reports whether a body is OAuth's to refuse, in its own format.
func posted(c echo.Context) bool {
	m := c.Request().Method
	return c.Path() == "/oauth/*" && (m == http.MethodPost || m == http.MethodPut)
}

// harden sets the headers that hold unless a handler knows better: nothing is
// stored, sniffed, framed or run.
func (s *Server) harden(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if t := c.Request().TLS; s.HTTPS || t != nil && t.HandshakeComplete {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}
