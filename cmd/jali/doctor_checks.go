package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"jali/openapi/client"
)

// examination is one look at a client and a server. Its checks follow one
// another, and those that a failure makes pointless are not made.
type examination struct {
	issuer      string
	redirects   []string
	webhook     string
	keyFile     string
	certificate *x509.Certificate // nil: it has none
	http        *http.Client
	client      *client.Client
	now         func() time.Time
	told        func(finding) // of each finding, as it is made; nil: nobody

	metadata struct {
		Issuer      string   `json:"issuer"`
		Methods     []string `json:"token_endpoint_auth_methods_supported"`
		ProofAlgs   []string `json:"dpop_signing_alg_values_supported"`
		Details     []string `json:"authorization_details_types_supported"`
		WebhookKeys []any    `json:"webhook_keys"`
		Aliases     any      `json:"mtls_endpoint_aliases"`
	}
	findings []finding
}

// examination reads the files that the flags name. What is wrong with the
// flags themselves is an error; what is wrong with a key is a finding.
func (d *doctorCmd) examination(issuer string) (*examination, error) {
	x := &examination{issuer: issuer, redirects: d.Redirect, webhook: d.Webhook, keyFile: d.JWKS, now: time.Now}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	if d.CA != "" {
		pem, err := os.ReadFile(d.CA)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%q holds no certificate in PEM", d.CA)
		}
	}
	if d.Cert != "" {
		pair, err := tls.LoadX509KeyPair(d.Cert, d.CertKey)
		if err != nil {
			return nil, fmt.Errorf("%q and %q are no certificate with its key in PEM", d.Cert, d.CertKey)
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
		x.certificate = pair.Leaf
	}
	x.http = &http.Client{Transport: transport, Timeout: 15 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	x.client = &client.Client{Issuer: issuer, ID: d.ClientID, Certified: d.Cert != "", HTTP: x.http}
	return x, nil
}

func (x *examination) found(check string, g grade, says, remedy words) {
	f := finding{check, g, says, remedy}
	x.findings = append(x.findings, f)
	if x.told != nil {
		x.told(f)
	}
}

// run makes all checks.
func (x *examination) run(ctx context.Context) {
	x.checkKey()
	x.checkCertificate()
	x.checkRedirects()
	if x.checkIssuer(ctx) {
		x.checkSupport()
		x.checkData(ctx)
		x.checkPush(ctx)
	} else {
		for _, check := range []string{"client", "data"} {
			x.found(check, unseen, words{"没有检查：先让签发方可以连上", "not looked at: first the issuer has to answer"}, words{})
		}
	}
	x.checkWebhook(ctx)
}

// checkIssuer reads the metadata (RFC 8414), and the server's clock beside it.
func (x *examination) checkIssuer(ctx context.Context) bool {
	u, err := url.Parse(x.issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		x.found("issuer", failure, words{"--issuer 不是网址", "--issuer is no URL of a server"},
			words{"写成 https://jali.example 的样子，由花窗的运营者告诉您", "write it as https://jali.example; its operator tells you"})
		return false
	}
	if strings.HasSuffix(x.issuer, "/") {
		x.found("issuer", failure, words{"--issuer 以斜杠结尾", "--issuer ends with a slash"}, words{"去掉斜杠：签发方要一字不差", "leave it out: issuers are compared letter by letter"})
		return false
	}
	u.Path = "/.well-known/oauth-authorization-server" + u.Path
	before := x.now()
	resp, body, err := x.get(ctx, u.String())
	if err != nil {
		says, remedy := unreachable(err)
		x.found("issuer", failure, says, remedy)
		return false
	}
	after := x.now()
	if resp.StatusCode != http.StatusOK || json.Unmarshal(body, &x.metadata) != nil {
		x.found("metadata", failure, words{fmt.Sprintf("%s 的回答不是元数据（状态码 %d）", u, resp.StatusCode), fmt.Sprintf("%s answers no metadata (status %d)", u, resp.StatusCode)},
			words{"那里也许不是花窗；核对 --issuer，以及中间的代理", "that may be no Jali; check --issuer, and the proxies in between"})
		return false
	}
	if x.metadata.Issuer != x.issuer {
		x.found("metadata", failure, words{"服务器自称 " + x.metadata.Issuer, "the server calls itself " + x.metadata.Issuer},
			words{"客户端里的签发方改成这个；两者要一字不差", "use that as the issuer in your client; the two have to be the same, letter by letter"})
		return false
	}
	secured := words{"（本机，没有 TLS）", " (this machine, without TLS)"}
	if resp.TLS != nil {
		until := resp.TLS.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly)
		secured = words{fmt.Sprintf("（%s，证书到 %s）", tls.VersionName(resp.TLS.Version), until), fmt.Sprintf(" (%s, its certificate until %s)", tls.VersionName(resp.TLS.Version), until)}
	}
	x.found("issuer", fine, words{"可以连上" + secured.zh, "answers" + secured.en}, words{})
	x.checkClock(resp.Header.Get("Date"), before, after)
	return true
}

// What the server takes of a client's clock: ten seconds ahead, and a minute
// behind for proofs (RFC 9449, section 11.1).
const (
	aheadMost  = 10 * time.Second
	behindMost = 60 * time.Second
	clockWorth = 5 * time.Second // mentioning
)

func (x *examination) checkClock(date string, before, after time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		x.found("clock", warning, words{"服务器没有说时间", "the server does not tell the time"}, words{"检查中间的代理有没有去掉 Date", "see whether a proxy takes the Date header away"})
		return
	}
	// Date is cut to the second: it was somewhere within the next.
	ahead := before.Add(after.Sub(before) / 2).Sub(theirs.Add(time.Second / 2))
	by := ahead.Abs().Round(time.Second)
	way := words{fmt.Sprintf("比服务器快 %s", by), fmt.Sprintf("%s ahead of the server's", by)}
	if ahead < 0 {
		way = words{fmt.Sprintf("比服务器慢 %s", by), fmt.Sprintf("%s behind the server's", by)}
	}
	set := words{"用 NTP 对时：快过 10 秒或慢过 60 秒的签名都不收", "set it by NTP: what is signed over 10 s ahead or 60 s behind is refused"}
	switch {
	case ahead > aheadMost || -ahead > behindMost:
		x.found("clock", failure, way, set)
	case ahead.Abs() > clockWorth:
		x.found("clock", warning, way, set)
	default:
		x.found("clock", fine, words{"和服务器相差不到几秒", "within seconds of the server's"}, words{})
	}
}

// checkKey reads the client's key. Nothing of it but its public half leaves.
func (x *examination) checkKey() {
	if x.keyFile == "" {
		return
	}
	b, err := os.ReadFile(x.keyFile)
	if err != nil {
		x.found("key", failure, words{"读不了密钥文件", "the key file cannot be read"}, words{"检查 --jwks 和文件的权限", "check --jwks and who may read the file"})
		return
	}
	key, err := client.ParseKey(b)
	if err != nil {
		x.found("key", failure, words{"这不是能用的私钥", "this is no private key that can be used"},
			words{"要一把 P-256、Ed25519 或 2048 至 4096 位 RSA 的私钥，写成 JWK；只有公钥的不行，几把在一起的也不行",
				"it takes one private key as a JWK: P-256, Ed25519, or RSA of 2048 to 4096 bits; not the public half alone, and not several"})
		return
	}
	x.client.Key = key
	var public struct{ Kid, Alg string }
	_ = json.Unmarshal(key.JWK(), &public)
	says := words{public.Alg + "，kid " + public.Kid, public.Alg + ", kid " + public.Kid}
	if info, err := os.Stat(x.keyFile); err == nil && info.Mode().Perm()&0o077 != 0 && fs.FileMode(os.PathSeparator) == '/' {
		x.found("key", warning, words{says.zh + "；别人也读得到这个文件", says.en + "; others on this machine may read the file"}, words{"chmod 600", "chmod 600"})
		return
	}
	x.found("key", fine, says, words{})
}

const expiringSoon = 30 * 24 * time.Hour

func (x *examination) checkCertificate() {
	c := x.certificate
	if c == nil {
		return
	}
	until := c.NotAfter.UTC().Format(time.DateOnly)
	says := words{c.Subject.String() + "，到 " + until, c.Subject.String() + ", until " + until}
	switch now := x.now(); {
	case now.Before(c.NotBefore) || now.After(c.NotAfter):
		x.found("certificate", failure, words{says.zh + "：不在有效期内", says.en + ": not valid now"}, words{"换一张有效的证书", "take one that is valid"})
	case c.NotAfter.Sub(now) < expiringSoon:
		x.found("certificate", warning, says, words{"快到期了：换证书时，主体名称不变", "it ends soon: renew it under the same subject"})
	default:
		x.found("certificate", fine, says, words{})
	}
}

// checkRedirects looks at what can be seen without asking (RFC 9700, section
// 4.1; FAPI 2.0 Security Profile, section 5.3.2.2).
func (x *examination) checkRedirects() {
	for _, at := range x.redirects {
		u, err := url.Parse(at)
		switch {
		case err != nil || u.Host == "":
			x.found("redirect", failure, words{at + " 不是网址", at + " is no URL"}, words{"写全：https://app.bank.example/callback", "write it whole: https://app.bank.example/callback"})
		case u.Fragment != "" || strings.Contains(at, "#"):
			x.found("redirect", failure, words{at + " 带有 #", at + " has a #"}, words{"去掉 # 和后面的部分", "leave out # and what follows"})
		case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
			x.found("redirect", failure, words{at + " 不是 https", at + " is not https"}, words{"用 https；http 只限本机（127.0.0.1）", "use https; http is for this machine alone (127.0.0.1)"})
		}
	}
}

// checkSupport compares what the client uses with what the server offers.
func (x *examination) checkSupport() {
	method := "private_key_jwt"
	if x.client.Key == nil {
		method = "tls_client_auth"
	}
	var alg struct{ Alg string }
	if x.client.Key != nil {
		_ = json.Unmarshal(x.client.Key.JWK(), &alg)
	}
	switch m := x.metadata; {
	case !slices.Contains(m.Details, "account_view"):
		x.found("metadata", failure, words{"服务器不认得 account_view", "the server does not know account_view"}, words{"那里不是花窗，或者版本不对", "that is no Jali, or another version"})
	case x.client.Key == nil && !x.client.Certified: // nothing to compare
	case !slices.Contains(m.Methods, method):
		x.found("metadata", failure, words{"服务器不支持 " + method, "the server does not offer " + method},
			words{"可选：" + strings.Join(m.Methods, "、"), "it offers " + strings.Join(m.Methods, ", ")})
	case alg.Alg != "" && !slices.Contains(m.ProofAlgs, alg.Alg):
		x.found("metadata", failure, words{"服务器不收 " + alg.Alg + " 的签名", "the server takes no signatures by " + alg.Alg},
			words{"可选：" + strings.Join(m.ProofAlgs, "、"), "it takes " + strings.Join(m.ProofAlgs, ", ")})
	case x.client.Certified && m.Aliases == nil:
		x.found("metadata", failure, words{"这里不能出示证书", "certificates are shown nowhere here"}, words{"请运营者开启 --mtls-listen，或改用 private_key_jwt", "ask its operator for --mtls-listen, or use private_key_jwt"})
	default:
		x.found("metadata", fine, words{"客户端用到的，服务器都支持", "offers what this client uses"}, words{})
	}
}

// checkData asks the data API by a token that nobody has: what comes back has
// to have come the whole way (RFC 9449, sections 7.1 and 8.2).
func (x *examination) checkData(ctx context.Context) {
	resp, body, err := x.get(ctx, x.issuer+"/v1/views/nothing_of_the_kind", "Authorization", "DPoP nobody", "DPoP", "nothing")
	if err != nil {
		says, remedy := unreachable(err)
		x.found("data", failure, says, remedy)
		return
	}
	var p client.Problem
	_ = json.Unmarshal(body, &p)
	switch {
	case resp.StatusCode != http.StatusUnauthorized || p.Code == "":
		x.found("data", failure, words{fmt.Sprintf("/v1 的回答不是花窗的（状态码 %d）", resp.StatusCode), fmt.Sprintf("what answers under /v1 is no Jali (status %d)", resp.StatusCode)},
			words{"检查中间的代理：/v1 要原样转发，Authorization 和 DPoP 也是", "see to the proxies in between: /v1 is passed on as it is, with Authorization and DPoP"})
	case resp.Header.Get("WWW-Authenticate") == "" || resp.Header.Get("DPoP-Nonce") == "" && !x.client.Certified:
		x.found("data", failure, words{"WWW-Authenticate 或 DPoP-Nonce 在路上丢了", "WWW-Authenticate or DPoP-Nonce is lost on its way"},
			words{"让中间的代理放行这两个响应头", "let the proxies in between pass these headers on"})
	default:
		x.found("data", fine, words{"没有令牌时按规矩拒绝", "refuses as it should without a token"}, words{})
	}
}

// checkWebhook sends a message that nobody signed. A client that takes it
// would take anybody's.
func (x *examination) checkWebhook(ctx context.Context) {
	if x.webhook == "" {
		return
	}
	u, err := url.Parse(x.webhook)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		x.found("webhook", failure, words{"--webhook 不是 https 网址", "--webhook is no https URL"}, words{"用 https；http 只限本机", "use https; http is for this machine alone"})
		return
	}
	body := fmt.Sprintf(`{"type":"webhook.test","timestamp":%q,"data":{"client_id":%q}}`, x.now().UTC().Format(time.RFC3339), x.client.ID)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, x.webhook, strings.NewReader(body))
	if err != nil {
		x.found("webhook", failure, words{"--webhook 不是网址", "--webhook is no URL"}, words{})
		return
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("webhook-id", "jali_doctor")
	r.Header.Set("webhook-timestamp", fmt.Sprint(x.now().Unix()))
	r.Header.Set("webhook-signature", "v1a,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==")
	resp, err := x.http.Do(r)
	if err != nil {
		says, remedy := unreachable(err)
		x.found("webhook", failure, says, remedy)
		return
	}
	_ = resp.Body.Close()
	switch s := resp.StatusCode; {
	case s < 300:
		x.found("webhook", failure, words{"没有签名的通知也收了", "it takes a message that nobody signed"}, words{"先验签再回答，见 " + x.issuer + "/docs/guides/webhooks", "check the signature before you answer; see " + x.issuer + "/docs/guides/webhooks"})
	case s < 400:
		x.found("webhook", failure, words{fmt.Sprintf("转到别处（状态码 %d）", s), fmt.Sprintf("it redirects (status %d)", s)}, words{"直接写最后的网址：转址不会跟", "name the address itself: redirects are not followed"})
	case s == http.StatusNotFound || s == http.StatusMethodNotAllowed:
		x.found("webhook", failure, words{fmt.Sprintf("那里不收通知（状态码 %d）", s), fmt.Sprintf("nothing takes messages there (status %d)", s)}, words{"核对网址；通知用 POST", "check the address; messages come by POST"})
	case s >= 500:
		x.found("webhook", failure, words{fmt.Sprintf("出错了（状态码 %d）", s), fmt.Sprintf("it fails (status %d)", s)}, words{"没有签名的通知要回答 4xx，不能出错", "a message that nobody signed is answered 4xx, and no error"})
	case len(x.metadata.WebhookKeys) == 0:
		x.found("webhook", unseen, words{"拒绝了没有签名的通知；服务器的公钥没有读到", "refuses what nobody signed; the server's keys were not read"}, words{})
	default:
		x.found("webhook", fine, words{"拒绝了没有签名的通知", "refuses what nobody signed"}, words{})
	}
}

// answerMost bounds what is read of an answer.
const answerMost = 1 << 20

func (x *examination) get(ctx context.Context, at string, headers ...string) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, nil, err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := x.http.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerMost))
	return resp, bytes.TrimSpace(b), err
}

// unreachable says why nothing answered.
func unreachable(err error) (says, remedy words) {
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return words{"找不到主机 " + dns.Name, "there is no host " + dns.Name}, words{"核对网址和 DNS", "check the address, and DNS"}
	case errors.As(err, &authority):
		return words{"证书不是这台机器认得的机构签发的", "its certificate is of no authority that this machine knows"}, words{"内部机构签发的，用 --ca 给出它的证书", "name the authority's certificate with --ca, if it is one of your own"}
	case errors.As(err, &name):
		return words{"证书是别的主机的", "its certificate is another host's"}, words{"核对网址；证书里要有这个主机名", "check the address; the certificate has to name this host"}
	case errors.As(err, &invalid):
		return words{"证书不在有效期内，或者不能用", "its certificate has expired, or is not valid"}, words{"换服务器的证书；也看看本机的时钟", "have it renewed; and look at this machine's clock"}
	case errors.As(err, &timeout) && timeout.Timeout():
		return words{"没有及时回答", "it does not answer in time"}, words{"检查网络、防火墙和代理", "see to the network, the firewall and the proxies"}
	default:
		return words{"连不上", "nothing answers there"}, words{"核对网址和端口；服务器在运行吗？", "check the address and the port; is the server running?"}
	}
}
