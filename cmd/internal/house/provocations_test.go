package house

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/consent"
	"jali/consent/dpop"
	"jali/internal/kv"
	"jali/vault"
)

// everywhere provokes what can go wrong with every operation alike.
func everywhere(want promise) provocation {
	method, path, _ := strings.Cut(want.operation, " ")
	oauth, views := strings.HasPrefix(path, "/oauth") || strings.HasPrefix(path, "/.well-known"), strings.HasPrefix(path, "/v1/views")
	switch fmt.Sprint(want.status, " ", want.code) {
	case "500 server_error", "500 internal":
		return func(p *prober) answer { return p.honest(want.operation, http.Header{"X-Break": {"here"}}, func() {}) }
	case "503 temporarily_unavailable":
		return func(p *prober) answer { return p.ailing(want.operation, kv.ErrStopped) }
	case "503 storage_stopped":
		return func(p *prober) answer { return p.ailing(want.operation, kv.ErrStopped) }
	case "503 record_damaged":
		return func(p *prober) answer { return p.ailing(want.operation, kv.ErrRecord) }
	case "503 sealed_record":
		return func(p *prober) answer { return p.ailing(want.operation, vault.ErrSealed) }
	case "503 outcome_unknown":
		return func(p *prober) answer { return p.ailing(want.operation, kv.ErrUnknown) }
	case "503 busy":
		return func(p *prober) answer { return p.ailing(want.operation, dpop.ErrFull) }
	case "503 unavailable": // a code that is not for clients
		return func(p *prober) answer { return p.ailing(want.operation, vault.ErrTermSpent) }
	case "413 body_too_large", "413 invalid_request":
		return func(p *prober) answer {
			large := strings.Repeat("a", 1<<20+1)
			if want.code == "invalid_request" {
				large = large[:64<<10+1]
			}
			if views {
				_, token, _ := p.opened()
				m, at := at(want.operation, "view_0123456789abcdef")
				c := call{token: token, body: large}
				if m == "POST" {
					c.header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"a-key-of-this-probe"}}
				}
				return p.do(m, at, c)
			}
			h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
			if strings.HasPrefix(path, "/oauth/register") {
				h.Set("Content-Type", "application/json")
				where, token := p.registered()
				if path == "/oauth/register" {
					where, token = path, p.invite()
				}
				h.Set("Authorization", "Bearer "+token)
				return p.send(method, where, h, large)
			}
			return p.plain(want.operation, h, large)
		}
	case "429 temporarily_unavailable", "429 rate_limited":
		return func(p *prober) answer {
			for range 70 { // of which each costs ten, as a guess does
				if got := p.plain(want.operation, http.Header{"Authorization": {"DPoP guess"}}, ""); got.status == http.StatusTooManyRequests {
					return got
				}
			}
			return answer{}
		}
	case "401 invalid_client":
		if method == "POST" {
			return func(p *prober) answer { return p.do(method, path, call{form: p.formOf(path), noAuth: true}) }
		}
		return func(p *prober) answer {
			grant, token := p.token(daily)
			defer p.suspend()()
			m, where := at(want.operation, string(grant))
			return p.do(m, where, call{token: token})
		}
	case "401 invalid_token":
		return func(p *prober) answer { return p.plain(want.operation, http.Header{}, "") }
	case "401 invalid_dpop_proof", "401 use_dpop_nonce":
		proof := map[string]string{"invalid_dpop_proof": "bad", "use_dpop_nonce": "old"}[want.code]
		if oauth {
			return func(p *prober) answer {
				grant, token := p.token(daily)
				m, where := at(want.operation, string(grant))
				return p.do(m, where, call{token: token, proof: proof})
			}
		}
		return func(p *prober) answer { return p.data(want.operation, nil, call{proof: proof}) }
	case "400 invalid_dpop_proof", "400 use_dpop_nonce":
		proof := map[string]string{"invalid_dpop_proof": "bad", "use_dpop_nonce": "old"}[want.code]
		return func(p *prober) answer { return p.do(method, path, call{form: p.formOf(path), proof: proof}) }
	case "401 grant_revoked":
		return func(p *prober) answer {
			return p.data(want.operation, func(_, _ string, g consent.GrantID) func() {
				p.must(p.Consent.Revoke(p.t.Context(), p.who.Session, g))
				return nil
			}, call{})
		}
	case "401 grant_expired": // by a later yes, which its token outlives
		return func(p *prober) answer {
			return p.data(want.operation, func(_, _ string, g consent.GrantID) func() {
				until := p.clock().Add(5 * time.Minute).UTC().Format(time.RFC3339)
				p.given(strings.Replace(daily, `"uses"`, `"until":"`+until+`","uses"`, 1), "grant_management_action", "replace", "grant_id", string(g))
				p.now.Add(360)
				return nil
			}, call{})
		}
	case "401 insufficient_user_authentication":
		return func(p *prober) answer {
			return p.data(want.operation, func(string, string, consent.GrantID) func() {
				p.now.Add(120)
				p.Consent.StepUpLife = time.Minute
				return func() { p.Consent.StepUpLife = 0 }
			}, call{})
		}
	case "403 grant_paused":
		return func(p *prober) answer {
			return p.data(want.operation, func(string, string, consent.GrantID) func() {
				p.must(nil, p.Consent.Pause(p.t.Context(), p.who.Session, p.app.id))
				return func() { p.must(nil, p.Consent.Resume(p.t.Context(), p.who.Session, p.app.id)) }
			}, call{})
		}
	case "403 client_suspended":
		return func(p *prober) answer {
			return p.data(want.operation, func(string, string, consent.GrantID) func() { return p.suspend() }, call{})
		}
	case "403 insufficient_scope":
		return func(p *prober) answer {
			grant, token := p.token(daily, "scope", map[string]string{"GET": "grant_management_revoke", "DELETE": "grant_management_query"}[method])
			m, where := at(want.operation, string(grant))
			return p.do(m, where, call{token: token})
		}
	case "403 unauthorized_client":
		return func(p *prober) answer {
			where, token := p.registered()
			id := consent.ClientID(strings.TrimPrefix(where, "/oauth/register/"))
			p.must(nil, p.Consent.SuspendClient(p.t.Context(), id, true))
			h, body := http.Header{"Authorization": {"Bearer " + token}}, ""
			if method == "PUT" {
				h.Set("Content-Type", "application/json")
				body = p.metadata(map[string]any{"client_id": id})
			}
			return p.send(method, where, h, body)
		}
	case "404 invalid_grant_id":
		return func(p *prober) answer {
			_, token := p.token(daily)
			m, where := at(want.operation, "grant_of_nobody")
			return p.do(m, where, call{token: token})
		}
	case "404 grant_not_found": // the person left between two looks
		return func(p *prober) answer {
			return p.data(want.operation, func(string, string, consent.GrantID) func() {
				return p.changing(func(consent.Grant, error) (consent.Grant, error) { return consent.Grant{}, consent.ErrNoGrant })
			}, call{})
		}
	case "404 view_not_found":
		return func(p *prober) answer {
			_, token, _ := p.opened()
			m, where := at(want.operation, "view_0123456789abcdef")
			return p.do(m, where, call{token: token})
		}
	case "410 view_expired":
		return func(p *prober) answer {
			view, token, _ := p.opened()
			p.now.Add(11 * 60)
			if method == "POST" {
				return p.open(token, "the-key-of-opened", "{}")
			}
			m, where := at(want.operation, view)
			return p.do(m, where, call{token: token})
		}
	case "400 invalid_scope":
		return func(p *prober) answer {
			form := p.formOf(path)
			form.Set("scope", "everything")
			return p.do(method, path, call{form: form})
		}
	case "400 invalid_target":
		return func(p *prober) answer {
			form := p.formOf(path)
			form.Set("resource", "https://other.example/v1")
			return p.do(method, path, call{form: form})
		}
	case "400 invalid_authorization_details":
		return func(p *prober) answer {
			form := p.formOf(path)
			form.Set("authorization_details", `[{"type":"account_view","uses":{"limit":99}}]`)
			return p.do(method, path, call{form: form})
		}
	case "400 invalid_grant_id":
		return func(p *prober) answer {
			form := p.formOf(path)
			form.Set("grant_management_action", "replace")
			form.Set("grant_id", "grant_of_nobody")
			return p.do(method, path, call{form: form})
		}
	case "400 request_invalid":
		return func(p *prober) answer {
			if views {
				_, token, _ := p.opened()
				m, where := at(want.operation, "short")
				return p.do(m, where+"?more=1", call{token: token})
			}
			return p.plain(want.operation+"?more=1", http.Header{}, "")
		}
	case "400 invalid_request":
		if strings.HasPrefix(path, "/oauth/register") {
			return func(p *prober) answer {
				where, token := p.registered()
				if path == "/oauth/register" {
					where, token = path, p.invite()
				}
				return p.send(method, where, http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"text/plain"}}, "{}")
			}
		}
		return func(p *prober) answer { return p.do(method, path+"?more=1", call{form: p.formOf(path)}) }
	}
	if strings.HasPrefix(path, "/oauth/register") && want.status == http.StatusBadRequest {
		changes := map[string]map[string]any{
			"invalid_client_metadata":       {"client_uri": "https://shop.example", "token_endpoint_auth_method": "client_secret_basic"},
			"invalid_redirect_uri":          {"redirect_uris": []string{"ftp://shop.example"}},
			"unapproved_software_statement": {"software_statement": "a.b.c"},
			"invalid_software_statement":    {"software_statement": 7},
		}[want.code]
		if changes == nil {
			return nil
		}
		return func(p *prober) answer {
			if method == "POST" {
				return p.register(p.invite(), changes)
			}
			where, token := p.registered()
			said := maps.Clone(changes)
			said["client_id"] = strings.TrimPrefix(where, "/oauth/register/")
			return p.send(method, where, http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}, p.metadata(said))
		}
	}
	return nil
}

// provocations are those that only one operation has, or has in its own way.
func provocations() map[string]provocation {
	par := func(changes ...string) provocation {
		return func(p *prober) answer { return p.do("POST", "/oauth/par", call{form: p.push(oneLook, changes...)}) }
	}
	views := func(do func(p *prober, token string) answer) provocation {
		return func(p *prober) answer {
			_, token, _ := p.opened()
			return do(p, token)
		}
	}
	return map[string]provocation{
		"POST /oauth/par 400 invalid_request_object":            par("request", "a.b.c"),
		"POST /oauth/par 400 unsupported_response_type":         par("response_type", "token"),
		"POST /oauth/par 400 unmet_authentication_requirements": par("acr_values", "pwd"),
		"POST /oauth/bc-authorize 400 unknown_user_id": func(p *prober) answer {
			return p.do("POST", "/oauth/bc-authorize", call{form: p.decoupled("login_hint", "00000000")})
		},
		"POST /oauth/bc-authorize 400 invalid_binding_message": func(p *prober) answer {
			return p.do("POST", "/oauth/bc-authorize", call{form: p.decoupled("binding_message", strings.Repeat("a", 61))})
		},
		"POST /oauth/bc-authorize 400 unauthorized_client": func(p *prober) answer {
			defer p.undelivered()()
			return p.do("POST", "/oauth/bc-authorize", call{form: p.decoupled()})
		},
		"POST /oauth/token 400 unauthorized_client": func(p *prober) answer {
			_, poll := p.asked()
			defer p.undelivered()()
			return p.do("POST", "/oauth/token", call{form: poll})
		},
		"POST /oauth/token 400 invalid_grant": func(p *prober) answer {
			_, trade := p.given(oneLook)
			trade.Set("code_verifier", strings.Repeat("w", 43))
			return p.do("POST", "/oauth/token", call{form: trade})
		},
		"POST /oauth/token 400 unsupported_grant_type": func(p *prober) answer {
			return p.do("POST", "/oauth/token", call{form: url.Values{"grant_type": {"password"}}})
		},
		"POST /oauth/token 400 authorization_pending": func(p *prober) answer {
			_, poll := p.asked()
			p.now.Add(6)
			return p.do("POST", "/oauth/token", call{form: poll})
		},
		"POST /oauth/token 400 slow_down": func(p *prober) answer {
			_, poll := p.asked()
			p.now.Add(6)
			p.do("POST", "/oauth/token", call{form: poll})
			return p.do("POST", "/oauth/token", call{form: poll})
		},
		"POST /oauth/token 400 expired_token": func(p *prober) answer {
			_, poll := p.asked()
			p.now.Add(301)
			return p.do("POST", "/oauth/token", call{form: poll})
		},
		"POST /oauth/token 400 access_denied": func(p *prober) answer {
			request, poll := p.asked()
			p.must(p.Consent.Show(p.t.Context(), p.who.Session, request))
			_, _, err := p.Consent.Refuse(p.t.Context(), p.who.Session, request)
			p.must(nil, err)
			return p.do("POST", "/oauth/token", call{form: poll})
		},
		"POST /oauth/register 401 invalid_token": func(p *prober) answer { p.invite(); return p.register("nobody's", nil) },
		"POST /oauth/register 404 invalid_request": func(p *prober) answer {
			all, err := p.OAuth.Invites(p.t.Context())
			p.must(nil, err)
			for _, i := range all {
				p.must(nil, p.OAuth.Uninvite(p.t.Context(), i.ID))
			}
			return p.register("nobody's", nil)
		},
		"POST /v1/views 400 request_invalid": views(func(p *prober, token string) answer { return p.open(token, "short", "{}") }),
		"POST /v1/views 400 presence_invalid": views(func(p *prober, token string) answer {
			return p.open(token, "a-key-of-this-probe", "{}", "x-fapi-customer-ip-address", "0.0.0.0")
		}),
		"POST /v1/views 403 not_granted": views(func(p *prober, token string) answer {
			return p.open(token, "a-key-of-this-probe", `{"sources":["moon_bank"]}`)
		}),
		"POST /v1/views 403 grant_spent": func(p *prober) answer {
			_, token := p.token(oneLook)
			p.open(token, "the-first-of-two-keys", "{}")
			return p.open(token, "the-other-of-two-keys", "{}")
		},
		"POST /v1/views 409 conflict": views(func(p *prober, token string) answer {
			looks := 0
			defer p.changing(func(g consent.Grant, err error) (consent.Grant, error) {
				if looks++; looks == 2 { // narrowed while the sources answered
					g.Revision, g.Accounts = g.Revision+1, nil
				}
				return g, err
			})()
			return p.open(token, "a-key-of-this-probe", "{}")
		}),
		"POST /v1/views 415 media_type_unsupported": views(func(p *prober, token string) answer {
			return p.open(token, "a-key-of-this-probe", "{}", "Content-Type", "text/plain")
		}),
		"POST /v1/views 422 idempotency_mismatch": views(func(p *prober, token string) answer {
			return p.open(token, "the-key-of-opened", `{"datatypes":["bills"]}`)
		}),
		"POST /v1/views 429 grant_spent_today": views(func(p *prober, token string) answer {
			for i := range 3 {
				p.open(token, fmt.Sprint("a-key-of-this-probe-", i), "{}")
			}
			return p.open(token, "a-key-of-this-probe", "{}")
		}),
		"POST /v1/views 503 view_unfinished": views(func(p *prober, token string) answer {
			defer ail(&p.views, context.DeadlineExceeded)()
			return p.open(token, "a-key-of-this-probe", "{}")
		}),
		"GET /v1/views/{id}/bills 400 cursor_invalid": func(p *prober) answer {
			view, token, _ := p.opened()
			return p.do("GET", "/v1/views/"+view+"/bills?cursor=AAAAAAAAAAAAAAAA", call{token: token})
		},
	}
}
