package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/openapi/client"
)

// developer has a sandbox that they reach over HTTP alone, and the one
// client that they have registered.
type developer struct {
	t      *testing.T
	s      *sandbox
	r      Ready
	id     string
	client *client.Client
}

// developing starts a sandbox on a fixed morning; it delivers when it is told to.
func developing(t *testing.T) *developer {
	t.Helper()
	began, base := time.Now(), time.Date(2026, 11, 10, 4, 0, 0, 0, time.UTC)
	s, err := start(t.Context(), flags{
		Addr: "localhost:0", TownAddr: "127.0.0.1:0", BankAddr: "127.0.0.1:0", Ready: filepath.Join(t.TempDir(), "ready.json"), Quiet: true,
		Now: func() time.Time { return base.Add(time.Since(began)) },
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, s) })
	d := &developer{t: t, s: s, r: s.ready}
	d.id, d.client = d.register(map[string]any{"inbox": true})
	return d
}

// register makes a client by a call, and one that signs with its keys.
func (d *developer) register(more map[string]any) (string, *client.Client) {
	d.t.Helper()
	body := map[string]any{"name": "My app", "redirect_uris": []string{"http://127.0.0.1:3000/callback"}}
	for name, value := range more {
		body[name] = value
	}
	made := d.call("POST", "/clients", body)
	jwks, err := json.Marshal(made["jwks"])
	if err != nil {
		d.t.Fatal(err)
	}
	key, err := client.ParseKey(jwks)
	if err != nil {
		d.t.Fatal(err)
	}
	id := made["client_id"].(string)
	return id, &client.Client{Issuer: d.r.Issuer, ID: id, Redirect: "http://127.0.0.1:3000/callback", Key: key, Now: d.s.now}
}

type members = map[string]any

// try calls the sandbox's API.
func (d *developer) try(method, path string, body any) (int, members) {
	d.t.Helper()
	var b []byte
	kind := "application/json"
	switch body := body.(type) {
	case nil:
	case []byte:
		b, kind = body, "application/octet-stream"
	default:
		b, _ = json.Marshal(body)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.r.Sandbox+path, bytes.NewReader(b))
	if err != nil {
		d.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err = io.ReadAll(resp.Body); err != nil {
		d.t.Fatal(err)
	}
	var said members
	if len(b) > 0 {
		if err := json.Unmarshal(b, &said); err != nil {
			d.t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return resp.StatusCode, said
}

// call is a try that has to work.
func (d *developer) call(method, path string, body any) members {
	d.t.Helper()
	status, said := d.try(method, path, body)
	if status/100 != 2 {
		d.t.Fatalf("%s %s: %d %v", method, path, status, said)
	}
	return said
}

// at is what stands at a path of names and places, "people.0.id".
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case members:
			v = x[name]
		case []any:
			i := 0
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// person has somebody move in for one row alone.
func (d *developer) person() string {
	d.t.Helper()
	return at(d.call("POST", "/people", members{"persona": "student"}), "people.0.id").(string)
}

var (
	once    = client.AccountView{Datatypes: []client.Datatype{"balances"}, Purpose: "balance_overview", Uses: client.Uses{Limit: 1}}
	daily   = client.AccountView{Datatypes: []client.Datatype{"balances"}, Purpose: "bookkeeping", Uses: client.Uses{Limit: 1, Per: "day"}, Retention: "P30D"}
	someUse = client.AccountView{Datatypes: []client.Datatype{"balances"}, Purpose: "balance_overview", Uses: client.Uses{Limit: 3}}
)

// push asks for a grant and answers the request.
func (d *developer) push(want client.AccountView, options ...client.Option) *client.Authorization {
	d.t.Helper()
	a, err := d.client.Push(d.t.Context(), want, options...)
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

// decision is the body that decides a pushed request.
func (d *developer) decision(a *client.Authorization, person, what string) members {
	d.t.Helper()
	u, err := url.Parse(a.URL)
	if err != nil {
		d.t.Fatal(err)
	}
	return members{"client_id": d.id, "request_uri": u.Query().Get("request_uri"), "person": person, "decision": what}
}

// give has a person agree, and answers the grant and the client's session.
func (d *developer) give(person string, want client.AccountView, options ...client.Option) (string, *client.Session) {
	d.t.Helper()
	a := d.push(want, options...)
	done := d.call("POST", "/consents", d.decision(a, person, "allow"))
	back, err := url.Parse(done["redirect_to"].(string))
	if err != nil {
		d.t.Fatal(err)
	}
	session, err := d.client.Redeem(d.t.Context(), a, back.Query())
	if err != nil {
		d.t.Fatal(err)
	}
	return done["grant_id"].(string), session
}

func (d *developer) fire(what string, more members) members {
	d.t.Helper()
	body := members{"type": what}
	for name, value := range more {
		body[name] = value
	}
	return d.call("POST", "/events", body)
}

func (d *developer) grant(id string) members { d.t.Helper(); return d.call("GET", "/grants/"+id, nil) }

// deliver runs the outbox until a client's inbox holds so many messages, and
// what is under way has been written down.
func (d *developer) deliver(client string, messages int) members {
	d.t.Helper()
	ctx, stop := context.WithCancel(d.t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.s.house.Outbox.Run(ctx) })
	box := d.call("GET", fmt.Sprintf("/inbox/%s?at_least=%d&wait=30s", client, messages), nil)
	stop()
	running.Wait()
	if n := len(box["messages"].([]any)); n < messages {
		d.t.Fatalf("%d messages came, want %d", n, messages)
	}
	return box
}

// opened is the code with which the data API answers when a view is opened.
func (d *developer) opened(s *client.Session) string {
	d.t.Helper()
	_, err := s.OpenView(d.t.Context(), client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{})
	return code(err)
}

// Every state that production can come to is reached here through the sandbox's
// API and a client's own calls, and seen where a developer would look for it.
func TestEveryStateIsReachable(t *testing.T) {
	d := developing(t)
	sample := d.r.People[0].ID
	for _, row := range []struct {
		what, state string
		reach       func() (seen any)
	}{
		{"source", "open", func() any { // its circuit; first, for calls that work keep it shut
			d.call("POST", "/troubles", members{"institution": "unionpay", "down": true})
			defer d.call("DELETE", "/troubles", nil)
			for range 10 {
				id, _ := d.give(sample, client.AccountView{Datatypes: []client.Datatype{"bills"}, Sources: []string{"unionpay"}, Purpose: "bill_overview", Uses: client.Uses{Limit: 3}})
				d.fire("grant.exhausted", members{"grant_id": id})
				for _, s := range d.call("GET", "/sources", nil)["sources"].([]any) {
					if at(s, "id") == "unionpay" && at(s, "circuit") == "open" && at(s, "trouble.down") == true {
						return "open"
					}
				}
			}
			return nil
		}},
		{"request", "pushed", func() any {
			d.push(once)
			return at(d.call("GET", "/grants?client_id="+d.id+"&state=pushed", nil), "grants.0.state")
		}},
		{"request", "shown", func() any {
			done := d.call("POST", "/consents", d.decision(d.push(once), sample, "show"))
			return d.grant(done["grant_id"].(string))["state"]
		}},
		{"request", "refused", func() any {
			done := d.call("POST", "/consents", d.decision(d.push(once), sample, "deny"))
			return d.grant(done["grant_id"].(string))["state"]
		}},
		{"request", "expired", func() any {
			done := d.call("POST", "/consents", d.decision(d.push(once), sample, "show"))
			d.call("POST", "/clock", members{"ahead": "1h"})
			return d.grant(done["grant_id"].(string))["state"]
		}},
		{"request", "waiting elsewhere", func() any {
			hint := d.call("POST", "/introductions", members{"person": sample})["code"].(string)
			if _, err := d.client.Ask(t.Context(), hint, "W4SCT", once); err != nil {
				t.Fatal(err)
			}
			if at(d.call("GET", "/people/"+sample, nil), "requests.0.binding_message") == "W4SCT" {
				return "waiting elsewhere"
			}
			return nil
		}},
		{"grant", "changed", func() any {
			grant, _ := d.give(sample, someUse)
			more := someUse
			more.Uses.Limit = 4
			same, _ := d.give(sample, more, client.Replacing(grant)) // the request is applied, and gone
			if now := d.grant(grant); same == grant && now["revision"] == 2.0 && now["uses_left"] == 4.0 {
				return "changed"
			}
			return d.grant(grant)
		}},
		{"grant", "given", func() any { id, _ := d.give(sample, someUse); return d.grant(id)["state"] }},
		{"grant", "narrowed", func() any {
			a := d.push(daily)
			yes := d.decision(a, sample, "allow")
			yes["sources"], yes["uses"], yes["until"] = []string{"alipay"}, members{"limit": 1}, "2026-12-01"
			g := d.grant(d.call("POST", "/consents", yes)["grant_id"].(string))
			if at(g, "uses.per") == nil && g["until"] == "2026-12-01T15:59:59Z" && len(g["accounts"].([]any)) == 1 {
				return "narrowed"
			}
			return g
		}},
		{"grant", "used", func() any {
			id, _ := d.give(sample, someUse)
			d.fire("grant.used", members{"grant_id": id})
			if d.grant(id)["uses_left"] == 2.0 {
				return "used"
			}
			return d.grant(id)
		}},
		{"grant", "exhausted", func() any {
			id, s := d.give(sample, someUse)
			d.fire("grant.exhausted", members{"grant_id": id})
			if got := d.opened(s); got != "grant_spent" {
				t.Errorf("its client is told %q", got)
			}
			return d.grant(id)["state"]
		}},
		{"grant", "spent for today", func() any {
			id, s := d.give(sample, daily)
			d.fire("grant.used", members{"grant_id": id})
			if got := d.opened(s); got != "grant_spent_today" {
				return got
			}
			return "spent for today"
		}},
		{"grant", "revoked by its person", func() any {
			id, s := d.give(sample, someUse)
			d.fire("grant.revoked", members{"grant_id": id})
			if got := d.opened(s); got != "grant_revoked" {
				t.Errorf("its client is told %q", got)
			}
			return fmt.Sprint(d.grant(id)["state"], " by its ", d.grant(id)["ended_by"])
		}},
		{"grant", "revoked by its client", func() any {
			id, s := d.give(sample, someUse, client.Managing())
			if err := s.RevokeGrant(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(d.grant(id)["state"], " by its ", d.grant(id)["ended_by"])
		}},
		{"grant", "paused", func() any {
			id, s := d.give(sample, someUse)
			d.fire("grant.paused", members{"grant_id": id})
			if got := d.opened(s); got != "grant_paused" {
				t.Errorf("its client is told %q", got)
			}
			paused := d.grant(id)["paused"]
			d.fire("grant.resumed", members{"grant_id": id})
			if paused == true && d.grant(id)["paused"] == false {
				return "paused"
			}
			return paused
		}},
		{"grant", "keeping", func() any {
			id, _ := d.give(d.person(), daily)
			d.fire("grant.used", members{"grant_id": id})
			if d.grant(id)["kept_until"] == nil {
				return d.grant(id)
			}
			d.fire("retention.ended", members{"grant_id": id})
			if d.grant(id)["kept_until"] != nil {
				return "still keeping"
			}
			return "keeping"
		}},
		{"grant", "wanting another yes", func() any {
			id, s := d.give(d.person(), client.AccountView{Datatypes: daily.Datatypes, Purpose: daily.Purpose, Uses: daily.Uses, Until: d.s.now().AddDate(0, 11, 0)})
			d.fire("grant.expiring", members{"grant_id": id})
			d.call("POST", "/clock", members{"ahead": "168h"})
			if got := d.opened(s); got != "insufficient_user_authentication" {
				t.Errorf("its client is told %q", got)
			}
			if d.grant(id)["needs_yes"] == true {
				return "wanting another yes"
			}
			return d.grant(id)
		}},
		{"grant", "expired", func() any {
			a := d.push(daily)
			yes := d.decision(a, sample, "allow")
			yes["until"] = d.s.now().AddDate(0, 0, 3).Format(time.DateOnly)
			id := d.call("POST", "/consents", yes)["grant_id"].(string)
			d.fire("grant.expired", members{"grant_id": id})
			return d.grant(id)["state"]
		}},
		{"view", "open", func() any {
			id, _ := d.give(sample, once)
			d.fire("grant.used", members{"grant_id": id})
			return at(d.call("GET", "/views?grant_id="+id, nil), "views.0.state")
		}},
		{"view", "gone", func() any {
			id, _ := d.give(sample, once)
			d.fire("grant.exhausted", members{"grant_id": id})
			d.call("POST", "/clock", members{"ahead": "11m"})
			return at(d.call("GET", "/views?grant_id="+id, nil), "views.0.state")
		}},
		{"client", "suspended", func() any {
			_, s := d.give(sample, someUse)
			d.call("POST", "/clients/"+d.id+"/suspend", nil)
			defer d.call("POST", "/clients/"+d.id+"/resume", nil)
			if got := d.opened(s); got != "client_suspended" {
				t.Errorf("it is told %q", got)
			}
			if d.call("GET", "/clients/"+d.id, nil)["suspended"] == true {
				return "suspended"
			}
			return nil
		}},
		{"client", "idle, and removed", func() any {
			id, _ := d.register(nil)
			d.call("POST", "/clock", members{"ahead": "25h"})
			d.push(once) // the other one is not
			if got := len(d.call("GET", "/clients?idle_for=25h", nil)["clients"].([]any)); got < 1 {
				t.Errorf("%d are idle", got)
			}
			removed := fmt.Sprint(d.call("DELETE", "/clients?idle_for=25h", nil)["removed"])
			status, _ := d.try("GET", "/clients/"+id, nil)
			if status != http.StatusNotFound || !strings.Contains(removed, id) || strings.Contains(removed, d.id) {
				return removed
			}
			return "idle, and removed"
		}},
		{"connection", "healthy", func() any { return d.connection(d.person(), "alipay")["state"] }},
		{"connection", "needs_person", func() any {
			p := d.person()
			d.fire("connection.needs_person", members{"person": p, "source": "alipay"})
			state := d.connection(p, "alipay")["state"]
			d.call("POST", "/people/"+p+"/connections", members{"source": "alipay"})
			if again := d.connection(p, "alipay")["state"]; again != "healthy" {
				t.Errorf("connected again it is %v", again)
			}
			return state
		}},
		{"connection", "gone", func() any {
			p := d.person()
			id := d.connection(p, "alipay")["id"].(string)
			d.call("DELETE", "/people/"+p+"/connections/"+id, nil)
			if d.connection(p, "alipay") == nil {
				return "gone"
			}
			return nil
		}},
		{"person", "paused all", func() any {
			p := d.person()
			d.call("POST", "/people/"+p+"/pause", members{})
			if d.call("GET", "/people/"+p, nil)["all_paused"] == true {
				return "paused all"
			}
			return nil
		}},
		{"person", "as at first", func() any {
			p := d.person()
			id, _ := d.give(p, someUse)
			d.call("POST", "/people/"+p+"/pause", members{"client_id": d.id})
			now := d.call("POST", "/people/"+p+"/reset", nil)
			if len(now["paused"].([]any)) == 0 && d.grant(id)["state"] == "revoked" && at(now, "connections.0.state") == "healthy" {
				return "as at first"
			}
			return now
		}},
		{"person", "left", func() any {
			p := d.person()
			id, s := d.give(p, someUse)
			d.call("DELETE", "/people/"+p, nil)
			if got := d.opened(s); got != "grant_revoked" {
				t.Errorf("a client is told %q", got)
			}
			if status, _ := d.try("GET", "/people/"+p, nil); status == http.StatusNotFound && d.grant(id)["state"] == "revoked" {
				return "left"
			}
			return nil
		}},
		{"source", "failed", func() any {
			p := d.person()
			d.call("POST", "/troubles", members{"institution": "alipay", "down": true})
			defer d.call("DELETE", "/troubles/alipay", nil)
			return d.report(p, "alipay")["status"]
		}},
		{"source", "skipped", func() any { // its readings of the day are spent
			p := sample
			d.call("POST", "/people/"+p+"/reset", nil)
			id, _ := d.give(p, client.AccountView{Datatypes: daily.Datatypes, Sources: []string{"xihe_bank"}, Purpose: "balance_overview", Uses: client.Uses{Limit: 4, Per: "day"}})
			for range 4 {
				d.fire("grant.used", members{"grant_id": id})
			}
			_, s := d.give(p, client.AccountView{Datatypes: daily.Datatypes, Sources: []string{"xihe_bank"}, Purpose: "balance_overview", Uses: client.Uses{Limit: 1}})
			v, err := s.OpenView(t.Context(), client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{})
			if err != nil {
				t.Fatal(err)
			}
			return string(v.Sources[0].Status)
		}},
		{"file", "imported", func() any {
			p := d.person()
			f := d.call("POST", "/people/"+p+"/files", members{"sample": "alipay"})
			if again := d.call("POST", "/people/"+p+"/files", members{"sample": "alipay"}); again["known"] != again["rows"] {
				t.Errorf("the same file again: %v", again)
			}
			return f["state"]
		}},
		{"file", "waiting for a password", func() any { return d.settled("locked", "password", members{"password": samplePassword}) }},
		{"file", "waiting for a mapping", func() any {
			return d.settled("unknown", "mapping", members{"mapping": members{"header": []string{"day", "shop", "paid"}, "source": "Riverbank", "account": "Card",
				"kind": "deposit", "side": "asset", "currency": "CNY", "date": "day", "date_order": "ymd", "amount": "paid", "minus": "out", "counterparty": "shop"}})
		}},
		{"file", "waiting for a mismatch", func() any { return d.settled("mismatch", "mismatch", members{"accept_mismatch": true}) }},
		{"file", "refused", func() any {
			status, said := d.try("POST", "/people/"+sample+"/files", []byte("\x89PNG nothing of the sort"))
			if status == http.StatusUnprocessableEntity && said["code"] == "file_unreadable" {
				return "refused"
			}
			return said
		}},
		{"file", "lapsed", func() any {
			f := d.call("POST", "/people/"+sample+"/files", members{"sample": "locked"})
			d.call("POST", "/clock", members{"ahead": "61m"})
			if status, said := d.try("POST", "/people/"+sample+"/files/"+f["file_id"].(string), members{"password": samplePassword}); status == http.StatusNotFound && said["code"] == "upload_not_found" {
				return "lapsed"
			}
			return nil
		}},
	} {
		t.Run(row.what+" "+row.state, func(t *testing.T) {
			d.t = t
			if got := row.reach(); got != row.state {
				t.Errorf("a %s is seen as %v, want %s", row.what, got, row.state)
			}
		})
	}
}

// connection is a person's live one to a source, or nil.
func (d *developer) connection(person, source string) members {
	d.t.Helper()
	for _, c := range d.call("GET", "/people/"+person, nil)["connections"].([]any) {
		if at(c, "source") == source && at(c, "imported") == false {
			return c.(members)
		}
	}
	return nil
}

// report is how a source answers a person's look.
func (d *developer) report(person, source string) members {
	d.t.Helper()
	for _, r := range d.call("POST", "/people/"+person+"/look", nil)["sources"].([]any) {
		if at(r, "source") == source {
			return r.(members)
		}
	}
	return nil
}

// settled brings a sample that waits, says what it waits for, and answers that
// if it came in then.
func (d *developer) settled(sample, waits string, say members) any {
	d.t.Helper()
	p := d.person()
	f := d.call("POST", "/people/"+p+"/files", members{"sample": sample})
	if f["waits_for"] != waits {
		return f
	}
	status, said := d.try("POST", "/people/"+p+"/files/"+f["file_id"].(string), say)
	if status != http.StatusOK || said["state"] != "imported" {
		return said
	}
	return "waiting for a " + waits
}

// code is that of the problem that a client met; empty: none.
func code(err error) string {
	var p *client.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
