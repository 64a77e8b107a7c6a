package page

import (
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jali/consent"
	"jali/internal/aggregate"
)

// openly answers receipts that can be read, in place of signed ones.
func openly(c *Config) {
	c.Receipts = func(kind string, claims any) (string, error) {
		b, err := json.Marshal(claims)
		return kind + " " + string(b), err
	}
}

func TestReceipts(t *testing.T) {
	h := newHouse(t, openly)
	get := func(path string) (*httptest.ResponseRecorder, map[string]any) {
		w := h.get(t, path, "in", "en")
		_, body, _ := strings.Cut(w.Body.String(), " ")
		var claims map[string]any
		_ = json.Unmarshal([]byte(body), &claims)
		return w, claims
	}
	for name, at := range map[string]string{"1": now.AddDate(0, -1, -3).UTC().Format(time.RFC3339), "2": "", "3": now.AddDate(0, 0, -3).UTC().Format(time.RFC3339)} {
		w, c := get("/grants/gr_live/receipts/" + name)
		if w.Code != 200 || !strings.HasPrefix(w.Body.String(), "grant ") || c["grant"] != "gr_live" || c["client"] != string(bank.ID) || c["person"] != string(lin.Person) ||
			c["iss"] != origin || c["iat"] != float64(now.Unix()) {
			t.Errorf("receipt %s: %d %s", name, w.Code, w.Body)
		}
		if got, _ := c["agreed_at"].(string); got != at {
			t.Errorf("receipt %s was agreed to at %q, want %q", name, got, at)
		}
		var e struct{ Evidence consent.Evidence }
		_, body, _ := strings.Cut(w.Body.String(), " ")
		if err := json.Unmarshal([]byte(body), &e); err != nil || string(e.Evidence.Agreement) != `{"grant":"gr_live","nonce":"SIGNED","revision":`+name+`}` {
			t.Errorf("receipt %s holds %q, %v", name, e.Evidence.Agreement, err)
		}
		if file := w.Header().Get("Content-Disposition"); !regexp.MustCompile(`^attachment; filename="jali-grant-receipt-\d-2026-11-21\.jwt"$`).MatchString(file) || w.Header().Get("Content-Type") != "application/jwt" {
			t.Errorf("receipt %s is the file %s", name, file)
		}
	}
	w, c := get("/grants/gr_revoked/receipts/revocation")
	if w.Code != 200 || !strings.HasPrefix(w.Body.String(), "revocation ") || c["revoked_by"] != "client" || c["revoked_at"] != now.AddDate(0, 0, -3).Add(time.Hour).UTC().Format(time.RFC3339) ||
		c["grant"] != "gr_revoked" || len(c["agreement"].(string)) != 43 {
		t.Errorf("the receipt of a revocation: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"gr_live/receipts/0", "gr_live/receipts/4", "gr_live/receipts/01", "gr_live/receipts/+1", "gr_live/receipts/x", "gr_live/receipts/revocation", "gr_none/receipts/1"} {
		if w, _ := get("/grants/" + path); w.Code != 404 || w.Header().Get("Content-Disposition") != "" {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := h.get(t, "/grants/gr_live/receipts/1", "", ""); w.Code != 303 {
		t.Errorf("signed out: %d", w.Code)
	}
}

func TestTheGrantOffersItsReceipts(t *testing.T) {
	with, without := newHouse(t), newHouse(t, func(c *Config) { c.Receipts = nil })
	offers := func(h *house, id string) (list []string) {
		for _, n := range find(t, h.get(t, "/grants/"+id, "in", "").Body.String(), func(n *html.Node) bool { return strings.Contains(attr(n, "href"), "/receipts/") }) {
			list = append(list, attr(n, "href"))
		}
		return list
	}
	for id, want := range map[string]string{"gr_live": "/grants/gr_live/receipts/1 /grants/gr_live/receipts/2 /grants/gr_live/receipts/3", "gr_spent": "/grants/gr_spent/receipts/1",
		"gr_revoked": "/grants/gr_revoked/receipts/1 /grants/gr_revoked/receipts/revocation"} {
		if got := strings.Join(offers(with, id), " "); got != want {
			t.Errorf("%s offers %s, want %s", id, got, want)
		}
	}
	if got := offers(without, "gr_live"); len(got) != 0 {
		t.Errorf("nobody signs, and %v are offered", got)
	}
	if w := without.get(t, "/grants/gr_live/receipts/1", "in", ""); w.Code != 404 {
		t.Errorf("nobody signs: %d", w.Code)
	}
}

func TestTheExportHoldsTheReceipts(t *testing.T) {
	h := newHouse(t, openly)
	h.grants.refused, h.grants.all = true, true
	var e struct{ Person aggregate.About }
	if err := json.Unmarshal(h.post(t, "/settings/export/json", nil).Body.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range e.Person.Receipts {
		got = append(got, string(r.Grant)+"/"+r.Name)
		if !strings.HasPrefix(r.JWS, "grant ") && !strings.HasPrefix(r.JWS, "revocation ") {
			t.Errorf("%s is no receipt", r.JWS)
		}
	}
	if want := "gr_live/1 gr_live/2 gr_live/3 gr_spent/1 gr_revoked/1 gr_revoked/revocation"; strings.Join(got, " ") != want {
		t.Errorf("the export holds %v, want %s", got, want)
	}
	if !e.Person.AllPaused {
		t.Error("the export does not know that all is paused")
	}
}
