package berlingroup

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/secret"
)

const (
	consentDays = 180              // a consent's longest life (RTS on SCA, article 10a)
	early       = time.Minute      // how long before its end a credential is renewed
	linkLife    = 10 * time.Minute // of a connectors.Linking
	wordName    = "link"           // of the query member that a redirect brings back
)

// credential is what the vault keeps of a link. The members of tokens are empty
// where the bank only redirects.
type credential struct {
	Consent string `json:"consent"`
	Access  string `json:"access,omitempty"`
	Refresh string `json:"refresh,omitempty"`
	Token   string `json:"token,omitempty"` // the endpoint that renews
	Until   int64  `json:"until"`           // Unix seconds: of the access token, or of the consent
}

// kept is what a link under way keeps on our side.
type kept struct {
	Consent  string `json:"consent"`
	Word     string `json:"word,omitempty"` // redirect: comes back with the browser
	Verifier string `json:"verifier,omitempty"`
	Issuer   string `json:"issuer,omitempty"`
	Token    string `json:"token,omitempty"`
}

func read(v connectors.Credential) (credential, error) {
	var k credential
	if json.Unmarshal(v.Reveal(), &k) != nil || k.Consent == "" {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the credential is not one of this dialect"))
	}
	return k, nil
}

func sealed(k any) (secret.Value, error) {
	b, err := json.Marshal(k)
	return secret.New(b), err
}

// access is the accountAccess of a consent.
type access struct {
	Accounts     *[]struct{} `json:"accounts,omitempty"` // empty: those that the person picks at the bank
	Balances     *[]struct{} `json:"balances,omitempty"`
	Transactions *[]struct{} `json:"transactions,omitempty"`
	AllPSD2      string      `json:"allPsd2,omitempty"`
}

// consented is the answer to a consent, and to the start of its authorisation.
type consented struct {
	Consent string `json:"consentId"`
	Status  string `json:"consentStatus"`
	Links   struct {
		Redirect href `json:"scaRedirect"`
		OAuth    href `json:"scaOAuth"`
		Start    href `json:"startAuthorisation"`
	} `json:"_links"`
}

// Begin asks the bank for a consent and answers where the person agrees to it.
func (c *Connector) Begin(ctx context.Context, state, redirectURI string) (connectors.Linking, error) {
	k := kept{Word: rand.Text()}
	back, err := url.Parse(redirectURI)
	if err != nil {
		return connectors.Linking{}, connectors.ErrRefused.Because(fault.Cause("not an address to come back to"))
	}
	q := back.Query()
	q.Set("state", state)
	q.Set(wordName, k.Word)
	back.RawQuery = q.Encode()

	none := []struct{}{}
	wants := access{Accounts: &none, Balances: &none, Transactions: &none}
	if c.all {
		wants = access{AllPSD2: "allAccounts"}
	}
	ask := request{method: http.MethodPost, url: c.api.JoinPath("consents"), redirect: back.String(), body: map[string]any{
		"access": wants, "recurringIndicator": true, "frequencyPerDay": c.source.Unattended, "combinedServiceIndicator": false,
		"validUntil": c.now().In(c.zone).AddDate(0, 0, consentDays).Format(time.DateOnly)}}
	var a consented
	if err := ours(c.call(ctx, ask, &a)); err != nil {
		return connectors.Linking{}, err
	}
	if a.Consent == "" || a.Status != "received" {
		return connectors.Linking{}, connectors.ErrMalformed.Because(fault.Cause("no consent that waits for its authorisation"))
	}
	k.Consent = a.Consent
	if a.Links.Redirect.Href == "" && a.Links.OAuth.Href == "" && a.Links.Start.Href != "" {
		if ask.url, err = c.within(a.Links.Start.Href, "consents", a.Consent); err != nil {
			return connectors.Linking{}, connectors.ErrMalformed.Because(err)
		}
		ask.body = struct{}{}
		if err := ours(c.call(ctx, ask, &a)); err != nil {
			return connectors.Linking{}, err
		}
	}
	l := connectors.Linking{RedirectURI: redirectURI}
	switch {
	case a.Links.OAuth.Href != "":
		l.URL, err = c.authorize(ctx, a.Links.OAuth.Href, state, redirectURI, &k)
	case a.Links.Redirect.Href != "":
		if _, err = dial.Endpoint(a.Links.Redirect.Href); err != nil {
			err = connectors.ErrMalformed.Because(fault.Cause("scaRedirect is not an address for a browser"))
		}
		l.URL = a.Links.Redirect.Href
	default:
		err = connectors.ErrRefused.Because(fault.Cause("the bank offers neither scaRedirect nor scaOAuth"))
	}
	if err != nil {
		return connectors.Linking{}, err
	}
	l.Keep, err = sealed(k)
	return l, err
}

// Finish believes that the person has agreed once the bank says that the
// consent is valid.
func (c *Connector) Finish(ctx context.Context, l connectors.Linking, query url.Values) (connectors.Credential, error) {
	var k kept
	if json.Unmarshal(l.Keep.Reveal(), &k) != nil || k.Consent == "" {
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("not a link of this dialect"))
	}
	made := credential{Consent: k.Consent}
	var err error
	if k.Token != "" {
		made, err = c.redeem(ctx, k, l.RedirectURI, query)
	} else {
		err = c.returned(k, query)
	}
	if err != nil {
		return secret.Value{}, err
	}
	until, err := c.stands(ctx, made)
	if errors.Is(err, connectors.ErrUnauthorized) {
		err = connectors.ErrLinkRefused.Because(err)
	}
	if err != nil {
		return secret.Value{}, err
	}
	if made.Until == 0 {
		made.Until = until
	}
	return sealed(made)
}

// returned checks that the browser came from the bank, which alone was told the
// word of this link, and that it comes once.
func (c *Connector) returned(k kept, query url.Values) error {
	words := query[wordName]
	if k.Word == "" || len(words) != 1 || subtle.ConstantTimeCompare([]byte(words[0]), []byte(k.Word)) != 1 {
		return connectors.ErrLinkRefused.Because(fault.Cause("the browser does not come from the bank"))
	}
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for word, at := range c.ended {
		if now.Sub(at) > linkLife {
			delete(c.ended, word)
		}
	}
	if _, again := c.ended[k.Word]; again {
		return connectors.ErrLinkRefused.Because(fault.Cause("the link was finished before"))
	}
	c.ended[k.Word] = now
	return nil
}

// stands asks for the consent, and answers when it ends. One that does not open
// anything, yet or any more, is ErrUnauthorized.
func (c *Connector) stands(ctx context.Context, k credential) (until int64, err error) {
	var a struct {
		Status string `json:"consentStatus"`
		Until  string `json:"validUntil"`
	}
	at := c.api.JoinPath("consents", url.PathEscape(k.Consent))
	if err := c.call(ctx, request{method: http.MethodGet, url: at, as: k}, &a); err != nil {
		return 0, err
	}
	why, known := states[a.Status]
	switch {
	case !known:
		return 0, connectors.ErrMalformed.Because(fault.Cause("the consent is in a state of the bank's own"))
	case why != nil:
		return 0, connectors.ErrUnauthorized.Because(why)
	}
	last, err := time.ParseInLocation(time.DateOnly, a.Until, c.zone)
	if err != nil {
		return 0, connectors.ErrMalformed.Because(fault.Cause("validUntil is not a date"))
	}
	return last.AddDate(0, 0, 1).Unix(), nil
}

// states are those of a consent, and why it opens nothing.
var states = map[string]error{
	"valid":               nil,
	"received":            fault.Cause("the consent was not authorised"),
	"partiallyAuthorised": fault.Cause("the consent waits for others who must authorise it too"),
	"rejected":            fault.Cause("the consent was rejected"),
	"revokedByPsu":        fault.Cause("the person has revoked the consent at the bank"),
	"expired":             fault.Cause("the consent has expired"),
	"terminatedByTpp":     fault.Cause("the consent was terminated by us"),
}

// Stale reports whether the access token, or without one the consent, ends
// within a minute.
func (c *Connector) Stale(v connectors.Credential, now time.Time) bool {
	k, err := read(v)
	return err == nil && k.ends(now)
}

func (k credential) ends(now time.Time) bool { return !now.Add(early).Before(time.Unix(k.Until, 0)) }

// Refresh trades the refresh token for a new access token. Without tokens it
// asks whether the consent stands longer than was known.
func (c *Connector) Refresh(ctx context.Context, v connectors.Credential) (connectors.Credential, error) {
	k, err := read(v)
	if err != nil {
		return secret.Value{}, err
	}
	if k.Access != "" {
		k, err = c.renew(ctx, k)
	} else if k.Until, err = c.stands(ctx, k); err == nil && k.ends(c.now()) {
		err = connectors.ErrUnauthorized.Because(states["expired"])
	}
	if err != nil {
		return secret.Value{}, err
	}
	return sealed(k)
}

// Unlink deletes the consent. One that is gone already is as good.
func (c *Connector) Unlink(ctx context.Context, v connectors.Credential) error {
	k, err := read(v)
	if err != nil {
		return err
	}
	if k.Refresh != "" && k.ends(c.now()) {
		if k, err = c.renew(ctx, k); err != nil {
			return gone(err)
		}
	}
	return gone(c.call(ctx, request{method: http.MethodDelete, url: c.api.JoinPath("consents", url.PathEscape(k.Consent)), as: k}, nil))
}

func gone(err error) error {
	if errors.Is(err, connectors.ErrUnauthorized) || says(err, "RESOURCE_UNKNOWN") {
		return nil
	}
	return err
}

// ours is err of a call that we made in our own name: what the bank does not
// accept there is our registration, and no person mends it by linking again.
func ours(err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == connectors.ErrUnauthorized.Code {
		return connectors.ErrRefused.Because(errors.Unwrap(f)) // f itself, in the chain, would still be found there
	}
	return err
}
