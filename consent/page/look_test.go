package page

import (
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestServe is no test: with PAGE_SERVE=127.0.0.1:0 it serves the pages over
// made-up data until interrupted, to be looked at. /as/{in,new,recovering}?next=
// signs in; /with/busy?next= lets requests wait, a grant end soon and all be paused.
func TestServe(t *testing.T) {
	addr := os.Getenv("PAGE_SERVE")
	if addr == "" {
		t.Log("PAGE_SERVE is not set: nothing is served")
		return
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, func(c *Config) {
		c.Issuer = "http://localhost:" + strings.Split(l.Addr().String(), ":")[1]
		c.Software = "/sandbox/passkey"
		if clock := os.Getenv("PAGE_CLOCK"); clock == "real" {
			c.Now = time.Now
		}
	})
	h.remember(t)
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("GET /as/{who}", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: r.PathValue("who"), Path: "/"})
		http.Redirect(w, r, r.URL.Query().Get("next"), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /with/{state}", func(w http.ResponseWriter, r *http.Request) {
		h.grants.busy(r.PathValue("state") == "busy")
		http.Redirect(w, r, r.URL.Query().Get("next"), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /sandbox/passkey/credentials", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, 200, []map[string]string{{"id": "1", "name": "小林"}, {"id": "2", "name": "Chen"}})
	})
	answer := func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, "yes") }
	mux.HandleFunc("POST /sandbox/passkey/get", answer)
	mux.HandleFunc("POST /sandbox/passkey/create", answer)
	t.Log("serving on", l.Addr())
	_ = http.Serve(l, mux)
}
