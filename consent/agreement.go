package consent

import (
	"crypto/sha256"
	"time"
)

// agreementLife is how long a challenge waits for the passkey.
const agreementLife = 5 * time.Minute

// agreement makes what a passkey is to sign: the RFC 8785 JSON of says, with a
// type, the nonce and the moment it lapses.
func agreement(kind, nonce string, until time.Time, says map[string]any) (Agreement, error) {
	says["type"], says["version"] = kind, 1
	says["nonce"], says["expires"] = nonce, until.Format(time.RFC3339Nano)
	b, err := canonical(says)
	if err != nil {
		return Agreement{}, err
	}
	sum := sha256.Sum256(b)
	return Agreement{JSON: b, Challenge: sum[:], Until: until}, nil
}

// grantAgreement says what a person is about to agree to. Its members have the
// names they have in authorization_details. Of a request that revises a grant
// it says which, to which revision, how, and what that grant was before, so
// that the assertion is evidence of exactly this change.
func grantAgreement(g, before Grant, c Client, t Terms, accounts []AccountID, nonce string, until time.Time) (Agreement, error) {
	says := map[string]any{
		"grant":    string(g.ID),
		"revision": 1,
		"client":   map[string]any{"id": string(c.ID), "name": map[string]any{"zh": c.Name.ZH, "en": c.Name.EN}},
		"terms":    t.says(),
		"accounts": texts(accounts),
	}
	if g.Revises != "" {
		says["action"], says["revises"], says["revision"] = string(g.Action), string(g.Revises), g.Base+1
		says["before"] = map[string]any{"revision": g.Base, "terms": before.Agreed.says(), "accounts": texts(before.Accounts)}
	}
	if g.Binding != "" {
		says["binding_message"] = g.Binding
	}
	a, err := agreement("jali/grant", nonce, until, says)
	a.Terms, a.Accounts = t, accounts
	return a, err
}

func (t Terms) says() map[string]any {
	m := map[string]any{
		"purpose":   string(t.Purpose),
		"datatypes": texts(t.Datatypes),
		"sources":   texts(t.Sources),
		"locations": texts(t.Locations),
		"until":     t.Until.UTC().Format(time.RFC3339),
		"retention": t.RetentionISO(),
	}
	uses := map[string]any{"limit": t.Uses.Limit}
	if t.Uses.Per != "" {
		uses["per"], uses["tz"] = t.Uses.Per, t.Uses.Zone().String()
	}
	m["uses"] = uses
	if t.Fields != "" {
		m["bill_fields"] = string(t.Fields)
	}
	switch p := t.Period; {
	case p.Days > 0:
		m["period"] = map[string]any{"days": p.Days}
	case !p.Zero():
		m["period"] = map[string]any{"from": string(p.From), "to": string(p.To)}
	}
	return m
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
