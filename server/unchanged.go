package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// kept are the answers that anybody may keep for a while, and then ask whether
// they are still the same: those in which nothing is personal.
var kept = []string{"/v1/sources", "/openapi.yaml"}

// tag gives answers that may be kept an ETag over their bytes, and answers 304 to
// whoever has them already (RFC 9110, sections 8.8.3 and 13.1.2).
func (s *Server) tag(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if !slices.Contains(kept, c.Path()) || r.Method != http.MethodGet && r.Method != http.MethodHead {
			return next(c)
		}
		have := strings.Join(r.Header.Values("If-None-Match"), ", ")
		if have != "" {
			r.Header.Set("If-None-Match", have) // one list, in however many lines it came
		}
		w := c.Response().Writer
		page := &page{ResponseWriter: w, status: http.StatusOK}
		c.Response().Writer = page
		err := next(c)
		c.Response().Writer, c.Response().Committed, c.Response().Size = w, false, 0
		if err != nil {
			return err // nothing has been written
		}
		h := w.Header()
		sum := sha256.Sum256(page.body.Bytes())
		etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
		h.Set("ETag", etag)
		h.Set("Cache-Control", "public, max-age=300")
		if page.status == http.StatusOK && names(have, etag) {
			h.Del("Content-Type")
			c.Response().WriteHeader(http.StatusNotModified)
			return nil
		}
		h.Set("Content-Length", strconv.Itoa(page.body.Len()))
		c.Response().WriteHeader(page.status)
		if r.Method != http.MethodHead {
			_, err = c.Response().Write(page.body.Bytes())
		}
		return err
	}
}

// page is an answer that waits for its ETag.
type page struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (p *page) WriteHeader(status int)      { p.status = status }
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }

// names reports whether an If-None-Match names an entity tag, or any, compared
// weakly (RFC 9110, section 13.1.2). What is no list of tags names none.
func names(list, etag string) bool {
	list = strings.Trim(list, " \t")
	if list == "*" {
		return true
	}
	for list != "" {
		one := strings.TrimPrefix(list, "W/")
		if one == "" || one[0] != '"' {
			return false
		}
		end := strings.IndexByte(one[1:], '"')
		if end < 0 {
			return false
		}
		if one[:end+2] == etag {
			return true
		}
		list = strings.TrimLeft(one[end+2:], " \t")
		if list != "" && list[0] != ',' {
			return false
		}
		list = strings.TrimLeft(list, " \t,") // empty members count for nothing (section 5.6.1)
	}
	return false
}
