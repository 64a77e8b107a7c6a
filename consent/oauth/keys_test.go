package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"jali/consent"
	"jali/internal/jose"
)

// What a registration takes has to be usable with every request: a client
// whose keys are refused later would be told server_error for ever.
func FuzzRegisteredKeysAreUsable(f *testing.F) {
	h := open(f)
	for _, alg := range jose.Algorithms() {
		f.Add(fmt.Appendf(nil, `{"keys":[%s]}`, must(jose.Generate(alg)).Public().JWK()))
	}
	jwk := string(h.bank.key.Public().JWK())
	for _, set := range []string{
		`{"Keys":[` + jwk + `]}`, `{"keys":[` + jwk + `],"keys":[]}`, `{"keys":[` + jwk[:len(jwk)-1] + `,"key_ops":["sign"]}]}`,
		`{"keys":[` + jwk[:len(jwk)-1] + `,"x5t":{"a":{"a":{"a":1}}}}]}`, `{"keys":[` + jwk[:len(jwk)-1] + `,"x5c":"AA","x5u":1}]}`,
		`{"keys":[` + jwk[:len(jwk)-1] + `,"` + "\xff" + `":1}]}`, `{"keys":null}`, `null`, `{"keys":[null]}`,
	} {
		f.Add([]byte(set))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := h.consent.SetKeys(t.Context(), consent.ClientID(h.other.id), raw)
		if errors.Is(err, consent.ErrClient) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		var said struct{ Keys []json.RawMessage }
		set, err := jose.ParseKeySet(raw)
		if err != nil || json.Unmarshal(raw, &said) != nil || len(set) != len(said.Keys) {
			t.Errorf("registered, but of %d keys %d are usable (%v): %q", len(said.Keys), len(set), err, raw)
		}
	})
}
