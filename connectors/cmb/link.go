package cmb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/secret"
)

// credential is what the vault keeps of a link.
type credential struct {
	Client string `json:"client"`
}

// kept is what a link under way keeps on our side.
type kept struct {
	Verifier string `json:"verifier"`
}

func read(v connectors.Credential) (credential, error) {
	var k credential
	if json.Unmarshal(v.Reveal(), &k) != nil || !wire.Code(k.Client, 10) {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the credential is not one of this dialect"))
	}
	return k, nil
}

// Begin answers the login page.
func (c *Connector) Begin(_ context.Context, state, redirectURI string) (connectors.Linking, error) {
	k := kept{Verifier: rand.Text() + rand.Text()}
	sum := sha256.Sum256([]byte(k.Verifier))
	u := *c.authorize
	q := u.Query()
	for name, value := range map[string]string{"response_type": "code", "client_id": c.uid, "redirect_uri": redirectURI, "scope": "accounts",
		"state": state, "code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256"} {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	b, err := json.Marshal(k)
	return connectors.Linking{URL: u.String(), RedirectURI: redirectURI, Keep: secret.New(b)}, err
}

// Finish trades the code for the customer number.
func (c *Connector) Finish(ctx context.Context, l connectors.Linking, query url.Values) (connectors.Credential, error) {
	var k kept
	codes := query["code"]
	if json.Unmarshal(l.Keep.Reveal(), &k) != nil || k.Verifier == "" || len(codes) != 1 || codes[0] == "" || query.Has("error") {
		return secret.Value{}, connectors.ErrLinkRefused
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": codes, "redirect_uri": {l.RedirectURI}, "client_id": {c.uid}, "code_verifier": {k.Verifier}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.swap.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return secret.Value{}, connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	a, err := wire.Do(c.http, r, 64<<10)
	if err != nil {
		return secret.Value{}, err
	}
	var said struct {
		Error  string `json:"error"`
		Client string `json:"client_nbr"`
	}
	readable := dial.JSON(a.Body, &said) == nil
	switch err := status(a, c.now()); {
	case a.Status == http.StatusBadRequest && readable && said.Error == "invalid_grant":
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("the code is not good"))
	case err != nil:
		return secret.Value{}, err
	case !readable, !wire.Code(said.Client, 10):
		return secret.Value{}, connectors.ErrMalformed.Because(fault.Cause("no customer number"))
	}
	b, err := json.Marshal(credential{said.Client})
	return secret.New(b), err
}
