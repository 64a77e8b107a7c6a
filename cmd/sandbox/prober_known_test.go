package main

import (
	"crypto/rand"
	"jali/openapi/probe"
	random "math/rand/v2"
	"slices"
)

// known tells of places what no schema does.
func (p *prober) known(r *random.Rand, operation, name string) (any, bool) {
	switch name {
	case "client_assertion":
		return p.assertion(), r.IntN(8) > 0
	case "client_id":
		if operation == "RegisterClient" || operation == "ReplaceRegistration" {
			return p.registering(r, operation, name)
		}
		return p.id, r.IntN(8) > 0
	case "redirect_uri":
		return p.Clients[1].RedirectURI, true
	case "code_challenge":
		return "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", true
	case "token":
		return p.token, r.IntN(3) > 0
	case "cursor":
		return p.cursor, p.cursor != "" && r.IntN(2) > 0
	case "person":
		return p.other, r.IntN(3) > 0
	case "grant_id":
		if operation == "AskElsewhere" || operation == "PushRequest" {
			return probe.Absent, r.IntN(6) > 0
		}
		return p.grant, r.IntN(2) > 0
	case "ahead":
		return "1s", true
	case "wait": // by the real clock
		return "1ms", true
	case "latency_ms", "delay_ms":
		return r.IntN(5), true
	case "persona":
		return "newcomer", r.IntN(20) == 0
	case "request_uri":
		return p.push(), r.IntN(3) > 0
	case "login_hint":
		return p.sub, r.IntN(3) > 0
	case "connection":
		return p.connection, r.IntN(3) > 0
	case "client":
		return p.test, r.IntN(3) > 0
	case "institution", "source":
		return "jiangnan_bank", r.IntN(3) > 0
	case "id":
		return p.idOf(operation), p.idOf(operation) != "" && r.IntN(4) > 0
	}
	if operation == "RegisterClient" || operation == "ReplaceRegistration" {
		return p.registering(r, operation, name)
	}
	if (operation == "AskElsewhere" || operation == "PushRequest") &&
		slices.Contains([]string{"request", "grant_management_action", "scope", "resource", "dpop_jkt", "requested_expiry", "acr_values", "response_mode"}, name) {
		return probe.Absent, r.IntN(6) > 0
	}
	return nil, false
}

// idOf is of what an operation's path names.
func (p *prober) idOf(operation string) string {
	switch operation {
	case "ReadView", "ListBills":
		return p.view
	case "ReadRegistration", "ReplaceRegistration", "RemoveRegistration":
		return p.registered
	case "ReadClient", "ChangeClient", "RotateKeys", "SuspendClient", "ReadmitClient", "TestWebhook", "ResumeWebhook", "RemoveClient":
		return p.test
	case "ReadGrant", "RevokeGrant":
		return p.grant
	case "ReadDelivery", "ReplayDelivery":
		return p.delivery
	case "ReadPerson", "LookAsPerson", "PauseClient", "ResumeClient", "RevokeAll", "Connect", "Disconnect", "BringFile":
		return p.other
	}
	return ""
}

// registering keeps most of a registration to what goes together: of all that
// is random hardly any is.
func (p *prober) registering(r *random.Rand, operation, name string) (any, bool) {
	if r.IntN(12) == 0 {
		return nil, false
	}
	switch name {
	case "client_id":
		return p.registered, operation == "ReplaceRegistration"
	case "jwks":
		return p.app.publicSet(), true
	case "redirect_uris":
		return []string{"https://app.example/callback"}, true
	case "client_name":
		if operation == "ReplaceRegistration" {
			return p.name, true // it stays
		}
		return "App " + rand.Text(), true
	case "authorization_details_types", "grant_types", "response_types", "alias_shape":
		return nil, false
	}
	return probe.Absent, true
}
