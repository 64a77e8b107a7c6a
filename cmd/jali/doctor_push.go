package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"jali/openapi/client"
)

// checkPush pushes a request with each redirect URI (RFC 9126). Nobody is sent
// to it, and it lapses by itself.
func (x *examination) checkPush(ctx context.Context) {
	if x.client.Key == nil && !x.client.Certified {
		x.found("client", unseen, words{"没有检查：先要有一把能用的密钥", "not looked at: first it needs a key"}, words{})
		return
	}
	if x.client.Key != nil && slices.ContainsFunc(x.findings, func(f finding) bool { return f.check == "clock" && f.grade == failure }) {
		x.found("client", unseen, words{"没有检查：先要把时钟对好", "not looked at: first the clock has to be set"}, words{})
		return
	}
	known := false
	for _, at := range x.redirects {
		c := &client.Client{Issuer: x.issuer, ID: x.client.ID, Redirect: at, Key: x.client.Key, Certified: x.client.Certified, HTTP: x.http, Now: x.now}
		err := x.push(ctx, c)
		var p *client.Problem
		redirect := errors.As(err, &p) && p.Code == "invalid_request" && strings.HasPrefix(p.Detail, "redirect_uri")
		if (err == nil || redirect) && !known {
			known = true
			x.found("client", fine, words{"服务器认得这个客户端和它的密钥；试推了一个请求", "the server knows the client by its key, and took a request"}, words{})
		}
		switch {
		case redirect:
			x.found("redirect", failure, words{at + " 没有登记", at + " is not registered"},
				words{"登记它，或者改成登记的那个：逐字比较，斜杠和大小写都算", "register it, or use the one that is: they are compared letter by letter, with slashes and case"})
		case err == nil:
			x.found("redirect", fine, words{at + " 已登记", at + " is registered"}, words{})
		default:
			says, remedy := x.refused(err)
			x.found("client", failure, says, remedy)
			return
		}
	}
}

func (x *examination) push(ctx context.Context, c *client.Client) error {
	wanted := client.AccountView{Datatypes: []client.Datatype{client.DatatypeBalances}, Purpose: client.AccountViewPurposeBalanceOverview, Uses: client.Uses{Limit: 1}}
	_, err := c.Push(ctx, wanted)
	var p *client.Problem
	if errors.As(err, &p) && p.Code == "invalid_request" && strings.Contains(p.Detail, "RFC 9101") && c.Key != nil {
		_, err = c.Push(ctx, wanted, x.signed(c)) // it is registered to sign its requests
	}
	return err
}

// signed puts the parameters into a request object (RFC 9101).
func (x *examination) signed(c *client.Client) client.Option {
	return func(form url.Values) {
		now := x.now().Unix()
		claims := map[string]any{"iss": c.ID, "client_id": c.ID, "aud": c.Issuer, "nbf": now, "iat": now, "exp": now + 60}
		for name := range form {
			claims[name] = form.Get(name)
			if name == "authorization_details" {
				claims[name] = json.RawMessage(form.Get(name))
			}
		}
		object, err := c.Key.Sign(map[string]any{"typ": "oauth-authz-req+jwt"}, claims)
		if err != nil {
			return // the server says what is missing
		}
		clear(form)
		form.Set("request", object)
	}
}

// refused says why a pushed request was not taken.
func (x *examination) refused(err error) (says, remedy words) {
	var p *client.Problem
	if !errors.As(err, &p) {
		return unreachable(err)
	}
	says = words{"推送请求被拒绝：" + p.Code + "（" + p.Detail + "）", "a pushed request is refused: " + p.Code + " (" + p.Detail + ")"}
	switch p.Code {
	case "invalid_client":
		var public struct{ Kid string }
		if x.client.Key != nil {
			_ = json.Unmarshal(x.client.Key.JWK(), &public)
			return says, words{"核对 --client-id；把公钥（kid " + public.Kid + "）登记到这个客户端名下；登记要求出示证书的，用 --cert；被停用的要找运营者",
				"check --client-id; register the public key (kid " + public.Kid + ") for this client; if it is registered with a certificate, use --cert; if it is suspended, write to its operator"}
		}
		return says, words{"核对 --client-id；证书的主体要和登记的一致；登记用密钥的，用 --jwks", "check --client-id; the certificate's subject has to be the registered one; if it is registered with a key, use --jwks"}
	case "invalid_dpop_proof", "use_dpop_nonce":
		return says, words{"对好时钟；中间的代理不能改写网址，也不能去掉 DPoP 和 DPoP-Nonce", "set the clock; and no proxy in between may rewrite the URL or take DPoP and DPoP-Nonce away"}
	case "temporarily_unavailable", "server_error":
		return says, words{"过一会儿再试；还是不行就把请求号 " + p.RequestID + " 告诉运营者", "try again later; if it stays, tell its operator the request id " + p.RequestID}
	default:
		return says, words{"说明见 " + x.issuer + "/problems/" + url.PathEscape(p.Code), "see " + x.issuer + "/problems/" + url.PathEscape(p.Code)}
	}
}
