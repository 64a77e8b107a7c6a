package software

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"fmt"
)

// exported is a passkey with its private key, as a sandbox keeps it.
type exported struct {
	Credential
	Private []byte `json:"private_key"` // PKCS #8
	Count   uint32 `json:"sign_count"`
}

// Export writes all passkeys with their private keys, as JSON.
func (a *Authenticator) Export() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]exported, len(a.keys))
	for i, k := range a.keys {
		private, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return nil, err
		}
		list[i] = exported{Credential: k.Credential, Private: private, Count: k.count}
	}
	return json.Marshal(list)
}

// countsAhead is how far Import moves the sign counts on, since signatures
// made after the export are not in it and a count must not go back.
const countsAhead = 1 << 16

// Import reads what Export wrote.
func Import(b []byte) (*Authenticator, error) {
	var list []exported
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("software: these are no exported passkeys: %w", err)
	}
	a := New()
	for i, e := range list {
		parsed, err := x509.ParsePKCS8PrivateKey(e.Private)
		private, ok := parsed.(*ecdsa.PrivateKey)
		if err != nil || !ok || private.Curve != elliptic.P256() || e.ID == "" || e.RPID == "" {
			return nil, fmt.Errorf("software: exported passkey %d cannot be read", i)
		}
		if e.Count > 1<<32-1-2*countsAhead {
			return nil, fmt.Errorf("software: exported passkey %d has signed too often", i)
		}
		a.keys = append(a.keys, &key{Credential: e.Credential, private: private, count: e.Count + countsAhead})
	}
	return a, nil
}
