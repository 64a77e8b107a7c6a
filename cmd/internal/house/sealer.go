package house

import (
	"context"

	"jali/consent"
	"jali/internal/kv"
	"jali/vault"
)

type tx = kv.Tx

// sealer lets package passkey keep names under the person's key.
type sealer struct{ vault *vault.Vault }

func (s sealer) NewPerson(ctx context.Context, p consent.PersonID) error {
	return s.vault.NewPerson(ctx, string(p))
}

func (s sealer) Seal(ctx context.Context, p consent.PersonID, record string, plain []byte) ([]byte, error) {
	return s.vault.Seal(ctx, vault.Record{Kind: "passkey", Person: string(p), Key: record}, plain)
}

func (s sealer) Open(ctx context.Context, p consent.PersonID, record string, sealed []byte) ([]byte, error) {
	v, err := s.vault.Open(ctx, vault.Record{Kind: "passkey", Person: string(p), Key: record}, sealed)
	if err != nil {
		return nil, err
	}
	return v.Reveal(), nil
}
