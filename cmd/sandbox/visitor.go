package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/html"

	"jali/connectors/mock"
	"jali/consent/passkey/software"
)

// visitor is a person at a browser of their own, without the browser: it asks
// for pages, fills in their forms and answers their passkey checks, so that
// whatever it does has gone through the same code as a person's doing.
type visitor struct {
	issuer  string // the origin that jali takes the person to be on
	own     string // where jali listens: what is in front of it is left out
	http    *http.Client
	passkey *software.Authenticator

	signing sync.Mutex // a passkey counts its uses, and jali sees them in order
}

// newVisitor has no cookies yet.
func newVisitor(issuer, own string, a *software.Authenticator) (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &visitor{issuer: issuer, own: own, passkey: a, http: &http.Client{
		Jar: jar, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// pageCap is the largest page that is read, in bytes.
const pageCap = 4 << 20

// refusedError is an answer that was not hoped for.
type refusedError struct {
	status int
	code   string
}

func (e *refusedError) Error() string { return fmt.Sprintf("jali answered %d %s", e.status, e.code) }

// do sends a request and follows redirects within jali. It answers the last
// answer's body, and where it would lead if that is elsewhere.
func (v *visitor) do(ctx context.Context, method, to, kind string, body []byte, header http.Header) (page []byte, elsewhere *url.URL, err error) {
	at, err := url.Parse(v.home(to))
	if err != nil {
		return nil, nil, err
	}
	for range 10 {
		r, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
		if err != nil {
			return nil, nil, err
		}
		for name, values := range header {
			r.Header[name] = values
		}
		r.Header.Set("User-Agent", "Jali sandbox")
		r.Header.Set("Accept", "text/html, application/json")
		if method == http.MethodPost {
			r.Header.Set("Content-Type", kind)
			r.Header.Set("Origin", v.issuer)
		}
		resp, err := v.http.Do(r)
		if err != nil {
			return nil, nil, err
		}
		page, err = io.ReadAll(io.LimitReader(resp.Body, pageCap))
		_ = resp.Body.Close()
		if err != nil {
			return nil, nil, err
		}
		if resp.StatusCode >= http.StatusBadRequest {
			return nil, nil, refusalOf(resp.StatusCode, page)
		}
		location := resp.Header.Get("Location")
		if location == "" {
			return page, nil, nil
		}
		next, err := at.Parse(location)
		if err != nil {
			return nil, nil, err
		}
		if next, err = url.Parse(v.home(next.String())); err != nil {
			return nil, nil, err
		}
		if next.RawQuery == "" && strings.Contains(next.Fragment, "state=") {
			next.RawQuery, next.Fragment = next.EscapedFragment(), "" // as handover.js does
		}
		if next.Host != at.Host {
			return nil, next, nil
		}
		at, method, body = next, http.MethodGet, nil
	}
	return nil, nil, errors.New("jali redirects in a circle")
}

// home turns an address under the issuer into the one where jali listens.
func (v *visitor) home(to string) string {
	if rest, ok := strings.CutPrefix(to, v.issuer); ok {
		return v.own + rest
	}
	if strings.HasPrefix(to, "/") {
		return v.own + to
	}
	return to
}

func (v *visitor) get(ctx context.Context, to string) ([]byte, *url.URL, error) {
	return v.do(ctx, http.MethodGet, to, "", nil, nil)
}

// page is a page of jali's, parsed; elsewhere, where it leads away.
func (v *visitor) page(ctx context.Context, to string) (root *html.Node, elsewhere *url.URL, err error) {
	b, elsewhere, err := v.get(ctx, to)
	if err != nil || elsewhere != nil {
		return nil, elsewhere, err
	}
	root, err = html.Parse(bytes.NewReader(b))
	return root, nil, err
}

func (v *visitor) form(ctx context.Context, to string, fields url.Values) ([]byte, *url.URL, error) {
	return v.do(ctx, http.MethodPost, to, "application/x-www-form-urlencoded", []byte(fields.Encode()), nil)
}

// json posts as the pages' scripts do.
func (v *visitor) json(ctx context.Context, to, csrf string, body, answer any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	header := http.Header{}
	if csrf != "" {
		header.Set("X-Jali-CSRF", csrf)
	}
	page, _, err := v.do(ctx, http.MethodPost, to, "application/json", b, header)
	if err != nil {
		return err
	}
	return json.Unmarshal(page, answer)
}

func refusalOf(status int, page []byte) error {
	var said struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(page, &said) != nil {
		if root, err := html.Parse(bytes.NewReader(page)); err == nil {
			if n := find(root, func(n *html.Node) bool { return attribute(n, "data-code") != "" }); n != nil {
				said.Code = attribute(n, "data-code")
			}
		}
	}
	return &refusedError{status, said.Code}
}

// ceremony is what begins a passkey check.
type ceremony struct {
	Flow    string          `json:"flow"`
	Options json.RawMessage `json:"options"`
}

// signUp makes a person with a software passkey and answers its id.
func (v *visitor) signUp(ctx context.Context, name string) (credential string, err error) {
	var begun ceremony
	if err := v.json(ctx, "/signup/begin", "", map[string]string{"name": name}, &begun); err != nil {
		return "", err
	}
	response, err := v.passkey.Create(v.issuer, begun.Options)
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(response, &made); err != nil {
		return "", err
	}
	var done struct{ Next string }
	return made.ID, v.json(ctx, "/signup/finish", "", map[string]any{"flow": begun.Flow, "response": json.RawMessage(response)}, &done)
}

// signIn signs in with one of the software passkeys.
func (v *visitor) signIn(ctx context.Context, credential string) error {
	var begun ceremony
	if err := v.json(ctx, "/signin/begin", "", struct{}{}, &begun); err != nil {
		return err
	}
	response, err := v.passkey.GetAs(credential, v.issuer, begun.Options)
	if err != nil {
		return err
	}
	var done struct{ Next string }
	return v.json(ctx, "/signin/finish", "", map[string]any{"flow": begun.Flow, "response": json.RawMessage(response)}, &done)
}

// person is the signed-in person's id, as their settings page shows it.
func (v *visitor) person(ctx context.Context) (string, error) {
	page, _, err := v.get(ctx, "/settings")
	if err != nil {
		return "", err
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return "", err
	}
	n := find(root, func(n *html.Node) bool { return attribute(n, "id") == "person-id" })
	if n == nil || n.FirstChild == nil {
		return "", errors.New("the settings page does not say who is signed in")
	}
	return n.FirstChild.Data, nil
}

// connect links a source by its own login page in the town.
func (v *visitor) connect(ctx context.Context, source string, who mock.Person) error {
	page, _, err := v.get(ctx, "/sources")
	if err != nil {
		return err
	}
	login, err := v.leave(ctx, "/sources/"+source+"/connect", url.Values{"csrf": {csrfOf(page)}})
	if err != nil {
		return err
	}
	_, back, err := v.form(ctx, login.String(), url.Values{"login": {who.Login}, "password": {who.Password}, "decision": {"agree"}})
	if err == nil && back == nil {
		err = fmt.Errorf("the login page of %s does not send one back", source)
	}
	if err != nil {
		return err
	}
	_, _, err = v.get(ctx, back.String())
	return err
}

// decide answers a consent request and says where the browser goes then.
// accounts nil ticks every account that is offered.
func (v *visitor) decide(ctx context.Context, authorize string, allow bool, accounts []string) (*url.URL, error) {
	page, elsewhere, err := v.get(ctx, authorize)
	if err != nil || elsewhere != nil {
		return elsewhere, err
	}
	return v.answerAs(ctx, page, verdict(allow), choice{Accounts: accounts}, false)
}

// decideHere answers a request that waits on the person's own pages, where
// they stay.
func (v *visitor) decideHere(ctx context.Context, request string, allow bool, accounts []string) error {
	page, err := v.openHere(ctx, request)
	if err != nil {
		return err
	}
	_, err = v.answerAs(ctx, page, verdict(allow), choice{Accounts: accounts}, true)
	return err
}

func verdict(allow bool) string {
	if allow {
		return "allow"
	}
	return "deny"
}

var errNoReturn = errors.New("jali does not send one back to the client")

func stays(elsewhere *url.URL) error {
	if elsewhere != nil {
		return errors.New("jali sends one away from a request that is decided here")
	}
	return nil
}

// introduce has the person's page show a code and answers it.
func (v *visitor) introduce(ctx context.Context) (string, error) {
	page, _, err := v.get(ctx, "/introduce")
	if err != nil {
		return "", err
	}
	if page, _, err = v.form(ctx, "/introduce", url.Values{"csrf": {csrfOf(page)}}); err != nil {
		return "", err
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return "", err
	}
	n := find(root, func(n *html.Node) bool { return attribute(n, "id") == "introduction" })
	if n == nil {
		return "", errors.New("there is no code on the page")
	}
	if n = find(n, func(n *html.Node) bool { return attribute(n, "class") == "unseen" }); n == nil || n.FirstChild == nil {
		return "", errors.New("the code cannot be read out")
	}
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, n.FirstChild.Data), nil
}

// actionOf is where the page's form posts to whose action ends so.
func actionOf(page []byte, ending string) (string, error) {
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return "", err
	}
	n := find(root, func(n *html.Node) bool { return strings.HasSuffix(attribute(n, "action"), ending) })
	if n == nil {
		return "", errors.New("there is no consent form on the page")
	}
	return attribute(n, "action"), nil
}

// agree chooses on a consent page, answers the passkey check of the
// confirm page, and says where that leads.
func (v *visitor) agree(ctx context.Context, page []byte, c choice) (next string, err error) {
	ask, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return "", err
	}
	prepare := find(ask, func(n *html.Node) bool { return strings.HasSuffix(attribute(n, "action"), "/prepare") })
	if prepare == nil {
		return "", errors.New("there is no consent form on the page")
	}
	fields := filled(prepare, c.Accounts)
	if err := c.narrow(fields); err != nil {
		return "", err
	}
	if page, _, err = v.form(ctx, attribute(prepare, "action"), fields); err != nil {
		return "", err
	}
	confirm, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return "", err
	}
	options := find(confirm, func(n *html.Node) bool { return n.Data == "script" && attribute(n, "id") == "give-options" })
	if options == nil || options.FirstChild == nil {
		return "", errors.New("there is no passkey check on the page")
	}
	v.signing.Lock()
	defer v.signing.Unlock()
	response, err := v.passkey.Get(v.issuer, []byte(options.FirstChild.Data))
	if err != nil {
		return "", err
	}
	var given struct {
		Next string `json:"next"`
	}
	path := strings.TrimSuffix(attribute(prepare, "action"), "/prepare")
	err = v.json(ctx, path+"/give", csrfOf(page), map[string]any{"response": json.RawMessage(response)}, &given)
	return given.Next, err
}

// leave posts a form after which a page leads elsewhere, and answers where.
func (v *visitor) leave(ctx context.Context, action string, fields url.Values) (*url.URL, error) {
	page, elsewhere, err := v.form(ctx, action, fields)
	if err != nil || elsewhere != nil {
		return elsewhere, err
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return nil, err
	}
	link := find(root, func(n *html.Node) bool { return attribute(n, "id") == "depart" })
	to, err := url.Parse(attribute(link, "href"))
	if link == nil || err != nil {
		return nil, errors.New("the page leads nowhere")
	}
	if to.Host != "" {
		return to, nil
	}
	if _, elsewhere, err = v.get(ctx, to.String()); err == nil && elsewhere == nil {
		err = errNoReturn
	}
	return elsewhere, err
}
