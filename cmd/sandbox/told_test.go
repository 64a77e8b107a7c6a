package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"jali/openapi/client"
	api "jali/openapi/sandbox"
)

// Every type of event that the document has happens when it is asked for, by
// its deed, and arrives signed.
func TestEveryEventHappens(t *testing.T) {
	d := developing(t)
	p, lasting := d.person(), daily
	lasting.Until = d.s.now().AddDate(0, 11, 0)
	living, _ := d.give(p, lasting)
	request := func(want client.AccountView, options ...client.Option) members {
		r := d.decision(d.push(want, options...), p, "")
		delete(r, "decision")
		return r
	}
	another := func() members { id, _ := d.give(p, someUse); return members{"grant_id": id} }
	one := members{"grant_id": living}
	fire := map[string]func() members{
		"grant.given":             func() members { return request(once) },
		"grant.refused":           func() members { return request(once) },
		"grant.changed":           func() members { return request(lasting, client.Replacing(living)) },
		"grant.used":              func() members { return one },
		"grant.paused":            func() members { return one },
		"grant.resumed":           func() members { return one },
		"connection.needs_person": func() members { return members{"person": p, "source": "alipay"} },
		"retention.ended":         func() members { return one },
		"grant.exhausted":         another,
		"grant.revoked":           another,
		"grant.expiring":          func() members { return one },
		"grant.expired":           func() members { return one },
		"webhook.test":            func() members { return members{"client_id": d.id} },
	}
	doc, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	order := []string{"grant.given", "grant.refused", "grant.changed", "grant.used", "grant.paused", "grant.resumed", "connection.needs_person", "retention.ended",
		"grant.exhausted", "grant.revoked", "grant.expiring", "grant.expired", "webhook.test"}
	if n := len(doc.Components.Schemas["EventType"].Value.Enum); n != len(order) {
		t.Errorf("the document has %d types of events, this test %d", n, len(order))
	}
	var box members
	for _, what := range order {
		more := fire[what]()
		before := d.s.now()
		done := d.fire(what, more)
		if ids := done["deliveries"].([]any); len(ids) == 0 {
			t.Errorf("%s: nobody is told: %v", what, done)
		} else if what != "webhook.test" {
			told := d.call("GET", "/webhooks/"+ids[0].(string), nil)
			types := []string{}
			for _, id := range ids {
				types = append(types, d.call("GET", "/webhooks/"+id.(string), nil)["type"].(string))
			}
			if !strings.Contains(strings.Join(types, " "), what) || told["client_id"] != d.id {
				t.Errorf("%s: told is %v", what, types)
			}
		}
		moved, err := time.ParseDuration(done["moved"].(string))
		if ahead := d.s.now().Sub(before) - moved; err != nil || ahead < 0 || ahead > time.Minute {
			t.Errorf("%s: it says that the clock was moved by %v, and it is %v off", what, moved, ahead)
		}
		came := len(d.call("GET", "/inbox/"+d.id, nil)["messages"].([]any))
		waiting := len(d.call("GET", "/webhooks?state=waiting", nil)["deliveries"].([]any))
		box = d.deliver(d.id, came+waiting) // before the next: nothing waits longer than thirty days
	}
	came := map[string]int{}
	for _, m := range box["messages"].([]any) {
		if at(m, "signature") != "valid" || at(m, "kind") != "event" {
			t.Errorf("%v is %v", at(m, "type"), at(m, "signature"))
		}
		came[at(m, "type").(string)]++
	}
	for _, what := range order {
		if came[what] == 0 {
			t.Errorf("%s did not come; these did: %v", what, came)
		}
	}
}

// What cannot happen is said so, and does not.
func TestEventsThatCannotHappen(t *testing.T) {
	d := developing(t)
	p := d.person()
	used, _ := d.give(p, someUse)
	d.fire("grant.exhausted", members{"grant_id": used})
	perDay, _ := d.give(p, daily)
	living, _ := d.give(p, someUse)
	for _, tt := range []struct {
		why  string
		ask  members
		code string
	}{
		{"no such grant", members{"type": "grant.revoked", "grant_id": "grant_x"}, "grant_not_found"},
		{"no grant is named", members{"type": "grant.revoked"}, "request_invalid"},
		{"no such type", members{"type": "grant.stolen", "grant_id": living}, "request_invalid"},
		{"it is used up", members{"type": "grant.used", "grant_id": used}, "event_impossible"},
		{"it is not used up by the day", members{"type": "grant.exhausted", "grant_id": perDay}, "event_impossible"},
		{"a short one is not reminded of", members{"type": "grant.expiring", "grant_id": used}, "event_impossible"},
		{"nothing is kept", members{"type": "retention.ended", "grant_id": living}, "event_impossible"},
		{"nobody", members{"type": "connection.needs_person", "person": "nobody", "source": "alipay"}, "person_unknown"},
		{"not connected", members{"type": "connection.needs_person", "person": p, "source": "unionpay"}, "connection_not_found"},
		{"no such client", members{"type": "webhook.test", "client_id": "client_x"}, "client_not_found"},
		{"a client that wants to be told nothing", members{"type": "webhook.test", "client_id": d.r.Clients[1].ClientID}, "event_impossible"},
		{"no request is named", members{"type": "grant.given", "person": p}, "request_invalid"},
		{"no such request", members{"type": "grant.refused", "person": p, "client_id": d.id, "request_uri": "urn:x"}, "request_not_found"},
	} {
		if status, said := d.try("POST", "/events", tt.ask); status < 400 || said["code"] != tt.code {
			t.Errorf("%s: %d %v, want %s", tt.why, status, said, tt.code)
		}
	}
	if at(d.grant(living), "state") != "given" || at(d.grant(perDay), "uses_left") != 1.0 {
		t.Error("something has happened all the same")
	}
}

// An inbox that fails shows retries: when they come, what was sent each time,
// that the same is signed anew, and what becomes of an event in the end.
func TestWebhooksAreSeen(t *testing.T) {
	d := developing(t)
	p := d.person()
	event := func() string {
		t.Helper()
		id, _ := d.give(p, someUse)
		d.deliver(d.id, 1)
		d.call("DELETE", "/inbox/"+d.id, nil)
		return d.fire("grant.revoked", members{"grant_id": id})["deliveries"].([]any)[0].(string)
	}
	seen := func(id string) members { t.Helper(); return d.call("GET", "/webhooks/"+id, nil) }

	id := event()
	d.call("PUT", "/inbox/"+d.id, members{"status": 503, "times": 1})
	d.deliver(d.id, 1)
	first := seen(id)
	if first["state"] != "waiting" || first["tries"] != 1.0 || first["last"] != "http_503" || first["next_at"] == nil || at(first, "attempts.0.status") != 503.0 {
		t.Errorf("after a 503: %v", first)
	}
	d.call("POST", "/clock", members{"ahead": "1m"})
	box := d.deliver(d.id, 2)
	again := seen(id)
	if again["state"] != "taken" || at(again, "attempts.1.status") != 204.0 || len(d.call("GET", "/webhooks?state=waiting", nil)["deliveries"].([]any)) != 0 {
		t.Errorf("tried again: %v", again)
	}
	for i, which := range []string{"messages.0", "messages.1"} {
		m := at(box, which)
		if at(m, "signature") != "valid" || at(m, "event_id") != id || at(m, "body") != again["body"] {
			t.Errorf("message %d: %v", i, m)
		}
	}
	if a, b := at(again, "attempts.0.headers.webhook-timestamp"), at(again, "attempts.1.headers.webhook-timestamp"); a == nil || a == b {
		t.Errorf("both attempts are signed at %v", a)
	}

	d.call("POST", "/webhooks/"+id+"/replay", nil)
	if m := d.deliver(d.id, 3); at(m, "messages.0.event_id") != id {
		t.Errorf("replayed: %v", at(m, "messages.0"))
	}

	id = event()
	d.call("PUT", "/inbox/"+d.id, members{"status": 410})
	d.deliver(d.id, 1)
	if c := d.call("GET", "/clients/"+d.id, nil); at(c, "webhook.stopped") != true || seen(id)["state"] != "waiting" {
		t.Errorf("after a 410: %v", c["webhook"])
	}
	d.call("PUT", "/inbox/"+d.id, members{})
	if c := d.call("POST", "/clients/"+d.id+"/webhook/resume", nil); at(c, "webhook.stopped") != false {
		t.Errorf("resumed: %v", c["webhook"])
	}
	d.call("POST", "/clock", members{"ahead": "2m"})
	d.deliver(d.id, 2)
	if is := seen(id); is["state"] != "taken" {
		t.Errorf("after the resumption: %v", is)
	}

	id = event()
	d.call("PUT", "/inbox/"+d.id, members{"status": 500})
	for n := 1; seen(id)["state"] == "waiting" && n < 15; n++ {
		d.deliver(d.id, n)
		d.call("POST", "/clock", members{"ahead": "14h"})
	}
	if is := seen(id); is["state"] != "given_up" {
		t.Errorf("nobody ever took it: %v", is)
	}
	d.call("DELETE", "/inbox/"+d.id, nil)

	id = event()
	d.call("PATCH", "/clients/"+d.id, members{"webhook_uri": ""})
	other := *d
	other.id, other.client = d.register(members{"inbox": true})
	other.give(p, someUse)
	other.deliver(other.id, 1) // by then the first one's turn has come, too
	if is := seen(id); is["state"] != "dropped" {
		t.Errorf("there is nowhere to tell it: %v", is)
	}
}

// Who may call: programs, the sandbox's own pages and links that are followed;
// no page of another site, and nobody under another name.
func TestNoOtherSiteActsForPeople(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	own := strings.TrimSuffix(r.Sandbox, "/sandbox")
	for _, tt := range []struct {
		why, method, path string
		header            map[string]string
		host              string
		allowed           bool
	}{
		{"a program", "GET", "/people", nil, "", true},
		{"a program by the address", "GET", "/people", nil, strings.Replace(own, "http://localhost", "127.0.0.1", 1), true},
		{"a page of ours", "GET", "/people", map[string]string{"Origin": own, "Sec-Fetch-Site": "same-origin"}, "", true},
		{"the address bar", "GET", "/people", map[string]string{"Sec-Fetch-Site": "none"}, "", true},
		{"a link that is followed", "GET", "/docs", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, "", true},
		{"a frame", "GET", "/docs", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, "", false},
		{"a page of another port", "GET", "/people", map[string]string{"Sec-Fetch-Site": "same-site"}, "", false},
		{"a page of another site", "POST", "/consents", map[string]string{"Sec-Fetch-Site": "cross-site"}, "", false},
		{"a form of another site", "POST", "/consents", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, "", false},
		{"an old browser", "POST", "/clock", map[string]string{"Origin": "https://evil.example"}, "", false},
		{"a page without an origin", "POST", "/clock", map[string]string{"Origin": "null"}, "", false},
		{"a name that leads here", "GET", "/people", nil, "evil.example", false},
		{"the same with our port", "GET", "/people", nil, "evil.example" + own[strings.LastIndex(own, ":"):], false},
	} {
		q, err := http.NewRequestWithContext(t.Context(), tt.method, r.Sandbox+tt.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if tt.method == "GET" {
			q.Body, q.ContentLength = nil, 0
		}
		q.Header.Set("Content-Type", "application/json")
		for name, value := range tt.header {
			q.Header.Set(name, value)
		}
		if tt.host != "" {
			q.Host = tt.host
		}
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if allowed := resp.StatusCode != http.StatusForbidden; allowed != tt.allowed {
			t.Errorf("%s: %d, want it let in: %v", tt.why, resp.StatusCode, tt.allowed)
		}
	}
}

// Who opens what the ready file calls the sandbox, or types a slash too many,
// comes to the reference.
func TestAPersonFindsTheReference(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	for _, path := range []string{"", "/docs/"} {
		resp, err := http.Get(r.Sandbox + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if at := resp.Request.URL.Path; resp.StatusCode != http.StatusOK || at != "/sandbox/docs" || resp.Request.Response.StatusCode != http.StatusPermanentRedirect {
			t.Errorf("%q leads to %s: %s", path, at, resp.Status)
		}
	}
	if err := s.violations.told(); err != nil {
		t.Error(err)
	}
}

// What is not in the document is not there, and sends nobody on.
func TestPathsThatAreNotThere(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{"/", "/nowhere", "/docs/nowhere", "/docs//", "/people/", "/people//reset", "//people", "/./people", "/clients/../people", "/people/%2E%2E/clock"} {
		resp, err := stay.Get(r.Sandbox + path)
		if err != nil {
			t.Fatal(err)
		}
		var p struct{ Code string }
		err = json.NewDecoder(resp.Body).Decode(&p)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound || p.Code != "route_unknown" {
			t.Errorf("%q: %s, %+v, %v", path, resp.Status, p, err)
		}
	}
}
