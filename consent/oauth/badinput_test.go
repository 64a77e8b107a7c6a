package oauth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// sent is a request as it goes out.
type sent struct {
	method, path, body string
	header             http.Header
	unsized            bool // in chunks, its length untold
}

func (h *house) deal(s sent) answer {
	h.t.Helper()
	var body io.Reader = strings.NewReader(s.body)
	if s.unsized {
		body = io.MultiReader(body)
	}
	return h.send(s.method, s.path, s.header, body)
}

// spoil makes a good request a bad one; told is what it must be told.
type spoil struct {
	why  string
	do   func(*sent)
	told string
}

const bait = "c4n4ry" // stands in whatever spoils a request, and in no answer

func header(name string, values ...string) func(*sent) {
	return func(s *sent) { s.header[name] = values }
}

func behind(more string) func(*sent) { return func(s *sent) { s.body += more } }

var huge = strings.Repeat(bait, 12000)

// spoiltForms are for every endpoint that a client posts a form to. What is
// wrong with the form is said to whoever asks, before who they are.
var spoiltForms = []spoil{
	{"a parameter twice", behind("&client_id=" + bait), "400 invalid_request"},
	{"an unknown parameter twice", behind("&" + bait + "=1&" + bait + "=1"), "400 invalid_request"},
	{"a parameter twice, once empty", behind("&client_id="), "400 invalid_request"},
	{"a parameter twice, once escaped", behind("&client%5fid=" + bait), "400 invalid_request"},
	{"a query", func(s *sent) { s.path += "?" + bait + "=1" }, "400 invalid_request"},
	{"all of it in the query", func(s *sent) { s.path, s.body = s.path+"?"+s.body, "" }, "400 invalid_request"},
	{"an empty query", func(s *sent) { s.path += "?" }, "400 invalid_request"},
	{"more than 64 KiB", behind("&x=" + huge), "413 invalid_request"},
	{"more than 64 KiB, length untold", func(s *sent) { s.body += "&x=" + huge; s.unsized = true }, "413 invalid_request"},
	{"too many parameters", behind(strings.Repeat("&"+bait, 70)), "400 invalid_request"},
	{"no content type", header("Content-Type"), "400 invalid_request"},
	{"JSON", func(s *sent) {
		s.body = `{"client_id":"` + bait + `"}`
		s.header.Set("Content-Type", "application/json")
	}, "400 invalid_request"},
	{"multipart, which fosite would read", header("Content-Type", "multipart/form-data; boundary="+bait), "400 invalid_request"},
	{"a content type that is none", header("Content-Type", bait+";;"), "400 invalid_request"},
	{"two content types", header("Content-Type", "application/x-www-form-urlencoded", "application/json"), "400 invalid_request"},
	{"another charset", header("Content-Type", "application/x-www-form-urlencoded; charset="+bait), "400 invalid_request"},
	{"compressed", header("Content-Encoding", "gzip"), "400 invalid_request"},
	{"nothing", func(s *sent) { s.body = "" }, "401 invalid_client"},
	{"nothing but separators", func(s *sent) { s.body = "&&&" }, "401 invalid_client"},
	{"not UTF-8", behind("&x=%ff" + bait), "400 invalid_request"},
	{"a name that is not UTF-8", behind("&%ff" + bait + "=x"), "400 invalid_request"},
	{"bytes that are not UTF-8", behind("&x=\xff" + bait), "400 invalid_request"},
	{"half a surrogate", behind("&x=%ed%a0%80" + bait), "400 invalid_request"},
	{"a NUL", behind("&x=%00" + bait), "400 invalid_request"},
	{"a NUL in a name", behind("&%00" + bait + "=x"), "400 invalid_request"},
	{"a bad escape", behind("&x=%zz" + bait), "400 invalid_request"},
	{"semicolons", behind(";x=" + bait), "400 invalid_request"},
	{"a huge charset", header("Content-Type", "application/x-www-form-urlencoded; charset="+huge), "400 invalid_request"},
	{"a huge Authorization", header("Authorization", "Bearer "+huge), "401 invalid_client"},
	{"an Authorization of nonsense", header("Authorization", bait), "401 invalid_client"},
}

// spoiltObjects are for what clients send to register: JSON, with errors of
// its own for what is in it (RFC 7591, section 3.2.2).
var spoiltObjects = []spoil{
	{"a member twice", func(s *sent) { s.body = `{"client_name":"` + bait + `",` + s.body[1:] }, "400 invalid_client_metadata"},
	{"a query", func(s *sent) { s.path += "?" + bait + "=1" }, "400 invalid_request"},
	{"more than 64 KiB", behind(strings.Repeat(" ", 64<<10)), "413 invalid_request"},
	{"more than 64 KiB, length untold", func(s *sent) { s.body += strings.Repeat(" ", 64<<10); s.unsized = true }, "413 invalid_request"},
	{"no content type", header("Content-Type"), "400 invalid_request"},
	{"a form", header("Content-Type", "application/x-www-form-urlencoded"), "400 invalid_request"},
	{"a content type that is none", header("Content-Type", bait+";;"), "400 invalid_request"},
	{"two content types", header("Content-Type", "application/json", "text/plain"), "400 invalid_request"},
	{"compressed", header("Content-Encoding", "gzip"), "400 invalid_request"},
	{"nothing", func(s *sent) { s.body = "" }, "400 invalid_client_metadata"},
	{"null", func(s *sent) { s.body = "null" }, "400 invalid_client_metadata"},
	{"a list", func(s *sent) { s.body = "[" + s.body + "]" }, "400 invalid_client_metadata"},
	{"something behind it", behind(bait), "400 invalid_client_metadata"},
	{"not UTF-8", func(s *sent) { s.body = "{\"x\":\"\xff" + bait + "\"," + s.body[1:] }, "400 invalid_client_metadata"},
	{"a NUL", func(s *sent) { s.body = "{\"x\":\"\x00" + bait + "\"," + s.body[1:] }, "400 invalid_client_metadata"},
	{"an escaped NUL in a name that is kept", func(s *sent) {
		s.body = strings.Replace(s.body, " Bank", `\u0000`+bait, 1)
	}, "400 invalid_client_metadata"},
	{"ten thousand brackets", func(s *sent) { s.body = `{"jwks":` + strings.Repeat("[", 10000) }, "400 invalid_client_metadata"},
	{"a huge content type", header("Content-Type", "application/"+huge), "400 invalid_request"},
	{"no token", header("Authorization"), "401 invalid_token"},
	{"a huge token", header("Authorization", "Bearer "+huge), "401 invalid_token"},
	{"two tokens", header("Authorization", "Bearer "+bait, "Bearer "+bait), "401 invalid_token"},
	{"Basic", header("Authorization", "Basic "+bait), "401 invalid_token"},
}

// spoiltCalls are for what is asked about a grant, without a body.
var spoiltCalls = []spoil{
	{"no token", header("Authorization"), "401 invalid_token"},
	{"a huge token", header("Authorization", "DPoP "+huge), "401 invalid_token"},
	{"two tokens", header("Authorization", "DPoP "+bait, "DPoP "+bait), "401 invalid_token"},
	{"a token with a NUL's place in it", header("Authorization", "DPoP grant_"+bait+".%00"), "401 invalid_token"},
	{"Bearer", header("Authorization", "Bearer "+bait), "401 invalid_token"},
	{"no proof", header("Dpop"), "401 invalid_dpop_proof"},
	{"a huge proof", header("Dpop", huge), "401 invalid_dpop_proof"},
	{"two proofs", header("Dpop", bait, bait), "401 invalid_dpop_proof"},
}

func TestBadInput(t *testing.T) {
	h, _ := elsewhere(t)
	var log bytes.Buffer
	h.server.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	code, _ := h.code(h.bank, once)
	access, grant := h.scoped(h.bank, daily, bothScopes)
	_, invite := h.invite(1)
	own := h.enrol(nil)
	hint := h.says()

	post := func(path string, form func() url.Values) func() sent {
		return func() sent {
			s := sent{method: "POST", path: path, body: form().Encode(), header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
			if path == "/oauth/token" {
				s.header["Dpop"] = []string{h.tokenProof(h.bank)}
			}
			return s
		}
	}
	object := func(method, path, token string, changes m) func() sent {
		return func() sent {
			return sent{method: method, path: path, body: string(must(json.Marshal(h.metadata(changes)))), header: http.Header{
				"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}}
		}
	}
	grants := "/oauth/grants/" + string(grant)
	call := func(method string) func() sent {
		return func() sent {
			return sent{method: method, path: grants, header: http.Header{
				"Authorization": {"DPoP " + access}, "Dpop": {h.proof(h.bank.dpop, method, issuer+grants, access, nil)}}}
		}
	}
	registration := strings.TrimPrefix(own.text("registration_client_uri"), issuer)
	bigProof := spoil{"a huge proof", header("Dpop", huge), "400 invalid_dpop_proof"}
	endpoints := []struct {
		good   func() sent
		status int // of the good one
		spoils []spoil
	}{
		{post("/oauth/par", func() url.Values { return h.parForm(h.bank, once) }), 201, append(spoiltForms, bigProof)},
		{post("/oauth/token", func() url.Values { return h.redeemForm(h.bank, code) }), 200, append(spoiltForms, bigProof)},
		{post("/oauth/introspect", func() url.Values { return h.form(h.bank, "token", access) }), 200, spoiltForms},
		{post("/oauth/revoke", func() url.Values { return h.form(h.bank, "token", "x") }), 200, spoiltForms},
		{post("/oauth/bc-authorize", func() url.Values { return h.askForm(h.bank, hint, once) }), 200, spoiltForms},
		{object("POST", "/oauth/register", invite, m{"client_name": "Evening Bank"}), 201, spoiltObjects},
		{object("PUT", registration, own.text("registration_access_token"), m{"client_id": own.text("client_id")}), 200, spoiltObjects},
		{call("GET"), 200, spoiltCalls},
		{call("DELETE"), 204, spoiltCalls},
	}
	before := h.dump()
	for _, e := range endpoints {
		good := e.good()
		name := good.method + " " + strings.NewReplacer(string(grant), "{id}", own.text("client_id"), "{id}").Replace(good.path)
		t.Run(name, func(t *testing.T) {
			for _, tt := range e.spoils {
				s := e.good()
				s.header = maps.Clone(s.header)
				tt.do(&s)
				got := h.deal(s)
				if said := fmt.Sprint(got.status, " ", got.text("error")); said != tt.told {
					t.Errorf("%s: %v; want %s", tt.why, got, tt.told)
				}
				if strings.Contains(got.body+fmt.Sprint(got.header), bait) {
					t.Errorf("%s: the answer repeats what was sent: %v %v", tt.why, got, got.header)
				}
				if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: headers %v", tt.why, got.header)
				}
			}
			path, _ := h.server.routes.find(good.path)
			taken := slices.Sorted(maps.Keys(h.server.routes[path]))
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", bait} {
				if slices.Contains(taken, method) {
					continue
				}
				s := e.good()
				s.method = method
				got := h.deal(s)
				if got.status != http.StatusMethodNotAllowed || method != "HEAD" && got.text("error") != "invalid_request" ||
					got.header.Get("Allow") != strings.Join(taken, ", ") || strings.Contains(got.body, bait) {
					t.Errorf("%s: %v, Allow %q", method, got, got.header.Get("Allow"))
				}
			}
		})
	}
	if h.dump() != before {
		t.Error("something was stored")
	}
	if strings.Contains(log.String(), bait) {
		t.Error("the log repeats what was sent")
	}
	for _, e := range endpoints { // it was what was spoilt that was refused
		s := e.good()
		if got := h.deal(s); got.status != e.status {
			t.Errorf("%s %s as it should be: %v; want %d", s.method, s.path, got, e.status)
		}
	}
}

// Ids in paths may hold anything too.
func TestBadPaths(t *testing.T) {
	h := open(t)
	token := h.ownToken(h.bank, bothScopes)
	for _, tt := range []struct{ why, id, grants, register string }{
		{"unknown", bait, "404 invalid_grant_id", "401 invalid_token"},
		{"a NUL", "%00" + bait, "404 invalid_grant_id", "401 invalid_token"},
		{"not UTF-8", "%ff" + bait, "404 invalid_grant_id", "401 invalid_token"},
		{"a quote", "%22" + bait, "404 invalid_grant_id", "401 invalid_token"},
		{"a way out", "%2e%2e%2f" + bait, "404 invalid_grant_id", "401 invalid_token"},
		{"a slash", bait + "%2f" + bait, "404 invalid_grant_id", "401 invalid_token"},
		{"huge: no proof of 4 KiB can name it", huge, "401 invalid_dpop_proof", "401 invalid_token"},
	} {
		for _, method := range []string{"GET", "DELETE"} {
			path := "/oauth/grants/" + tt.id
			grants := h.deal(sent{method: method, path: path, header: http.Header{
				"Authorization": {"DPoP " + token}, "Dpop": {h.proof(h.bank.dpop, method, issuer+path, token, nil)}}})
			register := h.deal(sent{method: method, path: "/oauth/register/" + tt.id, header: http.Header{"Authorization": {"Bearer " + bait}}})
			for said, want := range map[*answer]string{&grants: tt.grants, &register: tt.register} {
				if fmt.Sprint(said.status, " ", said.text("error")) != want || strings.Contains(fmt.Sprint(said.body, said.header), bait) {
					t.Errorf("%s, %s: %v %v; want %s", method, tt.why, said, said.header, want)
				}
			}
		}
	}
	for _, s := range []sent{
		{method: "POST", path: "/oauth/" + bait},
		{method: "POST", path: "/oauth/token/"},
		{method: "POST", path: "/oauth//token"},
		{method: "GET", path: "/.well-known/" + bait},
		{method: "POST", path: "/oauth/register"}, // nobody was invited
	} {
		h.wantError(s.path, h.deal(s), http.StatusNotFound, "invalid_request")
	}
	if got := h.send("HEAD", "/oauth/finish?grant=a&ticket=b", nil, nil); got.status != http.StatusMethodNotAllowed { // it would take a ticket
		t.Errorf("HEAD: %v", got)
	}
}

// What is unknown but well-formed does no harm.
func TestUnknownParametersAreIgnored(t *testing.T) {
	h := open(t)
	good := h.parForm(h.bank, once, "unknown", "花", "prompt", "consent")
	kind := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=UTF-8"}}
	if got := h.send("POST", "/oauth/par", kind, strings.NewReader(good.Encode())); got.status != http.StatusCreated {
		t.Errorf("a charset and unknown parameters: %v", got)
	}
}
