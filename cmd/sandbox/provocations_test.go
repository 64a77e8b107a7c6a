package main

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"jali/connectors/mock"
	"jali/openapi/client"
)

// provocations are those of one operation alone.
func provocations() map[string]provocation {
	return map[string]provocation{
		"POST /sandbox/consents 400 nothing_chosen": func(p *provoker) (int, members) {
			return p.deciding(members{"accounts": []string{}})
		},
		"POST /sandbox/consents 400 choice_wider": func(p *provoker) (int, members) {
			return p.deciding(members{"datatypes": []string{"balances", "bills"}})
		},
		"POST /sandbox/consents 400 too_few_uses": func(p *provoker) (int, members) {
			grant, _ := p.give(p.ids.person, someUse)
			p.fire("grant.used", members{"grant_id": grant})
			p.fire("grant.used", members{"grant_id": grant})
			return p.deciding(members{"uses": members{"limit": 1}}, client.Merging(grant))
		},
		"POST /sandbox/consents 403 client_suspended": func(p *provoker) (int, members) {
			yes := p.decision(p.push(someUse), p.ids.person, "allow")
			defer p.suspended()()
			return p.try("POST", "/consents", yes)
		},
		"POST /sandbox/consents 404 request_not_found": func(p *provoker) (int, members) { // its person has paused who asks
			hint := p.call("POST", "/introductions", members{"person": p.ids.person})["code"].(string)
			asked, err := p.client.Ask(p.t.Context(), hint, "W4SCT", someUse)
			if err != nil {
				p.t.Fatal(err)
			}
			p.call("POST", "/people/"+p.ids.person+"/pause", members{"client_id": p.id})
			defer p.call("POST", "/people/"+p.ids.person+"/resume", members{"client_id": p.id})
			return p.try("POST", "/consents", members{"auth_req_id": asked.ID, "person": p.ids.person, "decision": "allow"})
		},
		"POST /sandbox/consents 409 request_decided": func(p *provoker) (int, members) { // in another window
			a := p.push(someUse)
			defer p.meanwhile("/prepare", func() { p.call("POST", "/consents", p.decision(a, p.ids.person, "deny")) })()
			return p.try("POST", "/consents", p.decision(a, p.ids.person, "allow"))
		},
		"POST /sandbox/consents 409 grant_changed": func(p *provoker) (int, members) {
			grant, _ := p.give(p.ids.person, someUse)
			yes := p.decision(p.push(someUse, client.Replacing(grant)), p.ids.person, "allow")
			p.call("POST", "/grants/"+grant+"/revoke", nil)
			return p.try("POST", "/consents", yes)
		},
		"POST /sandbox/consents 410 request_expired": func(p *provoker) (int, members) { // while its page is read
			defer p.meanwhile("/prepare", func() { p.call("POST", "/clock", members{"ahead": "2h"}) })()
			return p.deciding(nil)
		},
		"POST /sandbox/people 404 persona_unknown": func(p *provoker) (int, members) {
			return p.try("POST", "/people", members{"persona": "astronaut"})
		},
		"POST /sandbox/people 409 town_full": func(p *provoker) (int, members) {
			for {
				moved, err := p.s.town.Settle("newcomer")
				if errors.Is(err, mock.ErrTownFull) {
					return p.try("POST", "/people", members{"persona": "newcomer"})
				}
				if err != nil {
					p.t.Fatal(err)
				}
				defer func() {
					if err := p.s.town.Remove(moved[0].ID); err != nil {
						p.t.Error(err)
					}
				}()
			}
		},
		"POST /sandbox/people/{id}/connections 409 not_a_customer": func(p *provoker) (int, members) {
			return p.try("POST", "/people/"+p.ids.person+"/connections", members{"source": "unionpay"})
		},
		"POST /sandbox/people/{id}/connections 409 login_failed": func(p *provoker) (int, members) {
			p.call("POST", "/troubles", members{"institution": "alipay", "down": true})
			defer p.call("DELETE", "/troubles/alipay", nil)
			return p.try("POST", "/people/"+p.ids.person+"/connections", members{"source": "alipay"})
		},
		"POST /sandbox/people/{id}/files 422 file_unreadable": func(p *provoker) (int, members) {
			return p.try("POST", "/people/"+p.ids.person+"/files", []byte("\x89PNG nothing of the sort"))
		},
		"POST /sandbox/people/{id}/files/{file} 422 file_unreadable": func(p *provoker) (int, members) {
			f := p.call("POST", "/people/"+p.ids.person+"/files", members{"sample": "unknown"})["file_id"].(string)
			return p.try("POST", "/people/"+p.ids.person+"/files/"+f, members{"mapping": members{"header": []string{"columns", "of", "another", "file"}}})
		},
		"POST /sandbox/grants/{id}/revoke 409 event_impossible": func(p *provoker) (int, members) {
			p.push(someUse)
			request := at(p.call("GET", "/grants?state=pushed&client_id="+p.id, nil), "grants.0.grant_id").(string)
			return p.try("POST", "/grants/"+request+"/revoke", nil)
		},
		"POST /sandbox/clients 400 client_invalid": func(p *provoker) (int, members) {
			return p.try("POST", "/clients", members{"name": "X", "redirect_uris": []string{"https://a.example/"}, "delivery": "ping"})
		},
		"POST /sandbox/clients 400 client_redirect_invalid": func(p *provoker) (int, members) {
			return p.try("POST", "/clients", members{"name": "X", "redirect_uris": []string{"http://away.example/"}})
		},
		"PATCH /sandbox/clients/{id} 400 client_invalid": func(p *provoker) (int, members) {
			return p.try("PATCH", "/clients/"+p.id, members{"webhook_uri": "ftp://a.example/"})
		},
		"PATCH /sandbox/clients/{id} 400 client_redirect_invalid": func(p *provoker) (int, members) {
			return p.try("PATCH", "/clients/"+p.id, members{"redirect_uris": []string{"http://away.example/"}})
		},
		"POST /sandbox/clients/{id}/keys 400 client_invalid": func(p *provoker) (int, members) {
			id, _ := p.register(members{"auth": "self_signed_tls_client_auth"})
			return p.try("POST", "/clients/"+id+"/keys", members{"alg": "PS256"})
		},
		"POST /sandbox/clients/{id}/webhook/test 403 webhook_suspended": func(p *provoker) (int, members) {
			defer p.suspended()()
			return p.try("POST", "/clients/"+p.id+"/webhook/test", nil)
		},
		"POST /sandbox/clients/{id}/webhook/test 409 webhook_nowhere": func(p *provoker) (int, members) {
			return p.try("POST", "/clients/"+p.r.Clients[1].ClientID+"/webhook/test", nil)
		},
		"POST /sandbox/events 404 grant_not_found": firing("grant.used", members{"grant_id": "grant_x"}),
		"POST /sandbox/events 404 person_unknown":  firing("connection.needs_person", members{"person": "nobody", "source": "alipay"}),
		"POST /sandbox/events 404 client_not_found": firing("webhook.test", members{
			"client_id": "client_x"}),
		"POST /sandbox/events 404 connection_not_found": func(p *provoker) (int, members) {
			return firing("connection.needs_person", members{"person": p.ids.person, "source": "unionpay"})(p)
		},
		"POST /sandbox/events 404 request_not_found": func(p *provoker) (int, members) {
			return firing("grant.given", members{"person": p.ids.person, "auth_req_id": "grant_x.y"})(p)
		},
		"POST /sandbox/events 409 event_impossible": func(p *provoker) (int, members) {
			return firing("retention.ended", members{"grant_id": p.ids.grant})(p)
		},
		"POST /sandbox/inbox/{client} 4XX inbox_told": answeringBy(http.StatusGone),
		"POST /sandbox/inbox/{client} 4XX signature_invalid": func(p *provoker) (int, members) {
			return p.try("POST", "/inbox/"+p.id, members{"type": "grant.revoked"})
		},
		"POST /sandbox/inbox/{client} 5XX inbox_told": answeringBy(http.StatusServiceUnavailable),
		"POST /sandbox/passkey/create 409 passkey_excluded": func(p *provoker) (int, members) {
			return p.try("POST", "/passkey/create", creation("Zm9v", p.s.people()[0].Credential))
		},
		"POST /sandbox/passkey/get 404 passkey_unknown": func(p *provoker) (int, members) {
			asked := creation("Zm9v")
			asked["id"] = "none"
			return p.try("POST", "/passkey/get", asked)
		},
	}
}

// deciding pushes a request and has the person say yes to it, changed.
func (p *provoker) deciding(change members, options ...client.Option) (int, members) {
	p.t.Helper()
	yes := p.decision(p.push(someUse, options...), p.ids.person, "allow")
	for name, value := range change {
		yes[name] = value
	}
	return p.try("POST", "/consents", yes)
}

func firing(what string, more members) provocation {
	return func(p *provoker) (int, members) {
		event := members{"type": what}
		for name, value := range more {
			event[name] = value
		}
		return p.try("POST", "/events", event)
	}
}

// answeringBy has the client's inbox answer so, and sends it something.
func answeringBy(status int) provocation {
	return func(p *provoker) (int, members) {
		p.call("PUT", "/inbox/"+p.id, members{"status": status})
		defer p.call("DELETE", "/inbox/"+p.id, nil)
		return p.try("POST", "/inbox/"+p.id, members{"auth_req_id": "grant_x.y"})
	}
}

// suspended stops the client until the returned function is called.
func (p *provoker) suspended() func() {
	p.t.Helper()
	p.call("POST", "/clients/"+p.id+"/suspend", nil)
	return func() { p.call("POST", "/clients/"+p.id+"/resume", nil) }
}

// meanwhile does something before the person's next post to a page whose path
// ends so, until the returned function is called.
func (p *provoker) meanwhile(ending string, do func()) func() {
	p.t.Helper()
	people := p.s.people()
	i := slices.IndexFunc(people, func(who samplePerson) bool { return who.ID == p.ids.person })
	v, err := p.s.visitors.get(p.t.Context(), people[i])
	if err != nil {
		p.t.Fatal(err)
	}
	before := v.http.Transport
	v.http.Transport = tampered(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, ending) {
			do()
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	return func() { v.http.Transport = before }
}
