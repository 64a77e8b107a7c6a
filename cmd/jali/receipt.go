package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"jali/cmd/internal/house"
	"jali/consent"
	"jali/consent/passkey"
	"jali/internal/fault"
	"jali/internal/jose"
)

type receiptCmd struct {
	Verify receiptVerify `cmd:"" help:"Check receipts that people keep, and say what they prove."`
}

type receiptVerify struct {
	Files []string `arg:"" name:"file" help:"Receipts as downloaded: one JWS a file." placeholder:"FILE"`
	JWKS  string   `help:"The issuer's keys: a file, or a URL (https, or http on this machine). Default: what the issuer publishes at /oauth/jwks." name:"jwks" placeholder:"FILE|URL"`
	Lang  string   `help:"The language of the answer: zh, en or both. Default: as LC_ALL or LANG says, or else en." enum:"zh,en,both," default:"" placeholder:"LANGUAGE"`
}

func (receiptVerify) Help() string {
	return `Nothing is read of a server's data: the issuer's keys and the file are enough.
The exit status is 0 if every receipt is genuine, and 1 otherwise.

Example:
  jali receipt verify --issuer https://jali.example jali-grant-receipt-1-2026-11-21.jwt`
}

// maxReceipt holds a receipt of 200 accounts, changed at that, many times over.
const maxReceipt = 1 << 20

// errUnproved ends a run in which a receipt was not genuine. What was wrong
// has been said.
var errUnproved = errors.New("not every receipt is genuine")

func (v *receiptVerify) Run(c *cli) error {
	keys, err := v.keys(c.Issuer)
	if err != nil {
		return err
	}
	words := wordsFor(v.Lang, os.Getenv)
	bad := false
	for _, name := range v.Files {
		r, err := readReceipt(name, c.Issuer, keys)
		bad = bad || err != nil
		for _, w := range words {
			w.tell(os.Stdout, name, r, err)
		}
	}
	if bad {
		return errUnproved
	}
	return nil
}

// keys reads the issuer's public keys.
func (v *receiptVerify) keys(issuer string) (jose.KeySet, error) {
	from := v.JWKS
	if from == "" {
		if err := house.CheckIssuer(issuer); err != nil {
			return nil, err
		}
		from = issuer + "/oauth/jwks"
	}
	read := func() ([]byte, error) { return readSmall(from) }
	if u, err := url.Parse(from); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		if err := house.CheckIssuer(u.Scheme + "://" + u.Host); err != nil {
			return nil, errors.New("keys are fetched over https, or http on this machine")
		}
		read = func() ([]byte, error) { return fetch(background(), from) }
	}
	b, err := read()
	if err != nil {
		return nil, fmt.Errorf("the issuer's keys: %w", err)
	}
	set, err := jose.ParseKeySet(b)
	if err != nil {
		return nil, fmt.Errorf("the issuer's keys at %s: %w", from, err)
	}
	return set, nil
}

// fetch reads one small answer; it follows no redirect.
func fetch(ctx context.Context, from string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", from, resp.Status)
	}
	return capped(resp.Body)
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return capped(f)
}

func capped(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxReceipt+1))
	if err == nil && len(b) > maxReceipt {
		err = errors.New("it is larger than 1 MiB")
	}
	return b, err
}

// receipt is what a JWS of ours says. It is declared here and not taken from
// the room that writes it: one slip would otherwise pass on both sides.
type receipt struct {
	Kind string `json:"-"` // grant, revocation or deletion: out of the header's typ

	Issuer   string           `json:"iss"`
	IssuedAt int64            `json:"iat"`
	Person   string           `json:"person"`
	Grant    string           `json:"grant"`
	Client   string           `json:"client"`
	Yes      int              `json:"yes"`
	AgreedAt time.Time        `json:"agreed_at"`
	Evidence consent.Evidence `json:"evidence"`

	Agreement string    `json:"agreement"` // of a revocation: the hash
	RevokedAt time.Time `json:"revoked_at"`
	RevokedBy string    `json:"revoked_by"`

	Of            string         `json:"of"` // of a deletion: "person", "connection" or "views"
	DeletedAt     time.Time      `json:"deleted_at"`
	KeysDestroyed time.Time      `json:"keys_destroyed_at"`
	Destroyed     map[string]int `json:"destroyed"`
	BackupsEnd    time.Time      `json:"backups_unreadable_from"`
	Connection    string         `json:"connection"`
	Source        string         `json:"source"`
	Imported      bool           `json:"imported"`

	Agreed agreement `json:"-"` // what the passkey signed
}

// agreement is the canonical JSON that a passkey signed.
type agreement struct {
	Type     string `json:"type"`
	Grant    string `json:"grant"`
	Revises  string `json:"revises"`
	Revision int    `json:"revision"`
	Client   struct {
		ID   string       `json:"id"`
		Name consent.Name `json:"name"`
	} `json:"client"`
	Terms struct {
		Purpose   string   `json:"purpose"`
		Datatypes []string `json:"datatypes"`
		Fields    string   `json:"bill_fields"`
		Sources   []string `json:"sources"`
		Period    struct {
			Days     int
			From, To string
		} `json:"period"`
		Uses struct {
			Limit   int
			Per, TZ string
		} `json:"uses"`
		Until     string `json:"until"`
		Retention string `json:"retention"`
	} `json:"terms"`
	Accounts []string  `json:"accounts"`
	Binding  string    `json:"binding_message"`
	Expires  time.Time `json:"expires"`
}

// Why a receipt proves nothing. Errors of other rooms have words of their own.
var (
	errNotReceipt = &fault.Error{Kind: fault.Invalid, Code: "receipt_none", Detail: "this is no receipt of Jali's"}
	errIssuer     = &fault.Error{Kind: fault.Mismatch, Code: "receipt_issuer", Detail: "the receipt is another issuer's than --issuer names"}
	errContradict = &fault.Error{Kind: fault.Mismatch, Code: "receipt_contradicts", Detail: "what the receipt says and what the passkey signed are not the same"}
	errUnread     = &fault.Error{Kind: fault.Invalid, Code: "receipt_unread", Detail: "the file cannot be read"}
)

var receiptTypes = []string{"jali-grant-receipt+jwt", "jali-revocation-receipt+jwt", "jali-deletion-receipt+jwt"}

// readReceipt checks a receipt from the outside in: the issuer's signature
// (RFC 7515), who it is from, the passkey's assertion, and that the two say
// the same.
func readReceipt(name, issuer string, keys jose.KeySet) (receipt, error) {
	b, err := readSmall(name)
	if err != nil {
		return receipt{}, errUnread.Because(err)
	}
	token, err := jose.Verify(strings.TrimSpace(string(b)), keys, jose.Expect{Types: receiptTypes, MaxBytes: maxReceipt})
	if err != nil {
		return receipt{}, err
	}
	var r receipt
	if err := json.Unmarshal(token.Payload, &r); err != nil {
		return receipt{}, errNotReceipt.Because(err)
	}
	typ, _ := token.Header.String("typ")
	r.Kind = strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(strings.TrimPrefix(typ, "application/")), "jali-"), "-receipt+jwt")
	if r.Issuer != issuer {
		return r, errIssuer
	}
	if r.Kind == "revocation" {
		if sum, err := base64.RawURLEncoding.DecodeString(r.Agreement); err != nil || len(sum) != sha256.Size || r.Grant == "" || r.RevokedAt.IsZero() {
			return r, errNotReceipt
		}
		return r, nil
	}
	if r.Kind == "deletion" {
		if !r.deletes() {
			return r, errNotReceipt
		}
		if r.Of != "person" { // what a person can take back without a passkey has the issuer's word alone
			return r, nil
		}
	}
	if err := passkey.VerifyEvidence(r.Evidence, r.Issuer); err != nil {
		return r, err
	}
	if err := json.Unmarshal(r.Evidence.Agreement, &r.Agreed); err != nil {
		return r, errNotReceipt.Because(err)
	}
	return r, r.agrees()
}

// deletes reports whether a deletion says what was deleted, and that its keys
// are gone since; and none says that backups end before.
func (r receipt) deletes() bool {
	named := map[string]bool{"person": true, "connection": r.Connection != "" && r.Source != "", "views": r.Grant != ""}[r.Of]
	return named && !r.DeletedAt.IsZero() && !r.KeysDestroyed.Before(r.DeletedAt) && (r.BackupsEnd.IsZero() || !r.BackupsEnd.Before(r.KeysDestroyed))
}

// agrees reports whether the issuer speaks of what the passkey signed.
func (r receipt) agrees() error {
	a := r.Agreed
	want := "jali/" + map[string]string{"grant": "grant", "deletion": "leave"}[r.Kind]
	if a.Type != want {
		return errContradict
	}
	if r.Kind == "deletion" {
		if r.DeletedAt.IsZero() || !r.DeletedAt.Before(a.Expires) {
			return errContradict
		}
		return nil
	}
	grant := a.Grant
	if a.Revises != "" { // the request had an id of its own
		grant = a.Revises
	}
	late := !r.AgreedAt.IsZero() && !r.AgreedAt.Before(a.Expires)
	if grant != r.Grant || a.Client.ID != r.Client || a.Revision != r.Yes || late || !slices.IsSorted(a.Accounts) {
		return errContradict
	}
	return nil
}
