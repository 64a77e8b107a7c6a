package consent

import (
	"encoding/json"
	"time"
)

// Client is a bank's app that may ask for grants.
type Client struct {
	ID           ClientID        `json:"id"`
	Name         Name            `json:"name"`          // shown to people
	JWKS         json.RawMessage `json:"jwks"`          // public keys, RFC 7517
	RedirectURIs []string        `json:"redirect_uris"` // compared as strings
	AliasShape   string          `json:"alias_shape"`   // "opaque", "card" or "iban"
	Suspended    bool            `json:"suspended,omitempty"`
	AddedAt      time.Time       `json:"added_at"`
}

// Name is a name in both languages of the pages.
type Name struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}
