package vault

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"

	"jali/internal/kv"
	"jali/internal/secret"
)

// SigningKey answers the issuer's ES256 key (P-256, PKCS #8), made and sealed
// on first use. Whoever asks first makes it; all get the same.
func (v *Vault) SigningKey(ctx context.Context) (secret.Value, error) {
	return v.signingKey(ctx, "", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })
}

// WebhookKey is SigningKey for the Ed25519 key that signs webhooks.
func (v *Vault) WebhookKey(ctx context.Context) (secret.Value, error) {
	return v.signingKey(ctx, "webhook", func() (crypto.Signer, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	})
}

// signingKey answers the key of that name; the issuer's has none.
func (v *Vault) signingKey(ctx context.Context, name string, generate func() (crypto.Signer, error)) (secret.Value, error) {
	row, names := kv.Key("vault", "signing"), []string{"signing"}
	if name != "" {
		row, names = kv.Key("vault", "signing", name), append(names, name)
	}
	var sealed []byte
	before := v.ring()
	read := func(tx kv.Tx) error {
		b, err := tx.Get(row)
		sealed = bytes.Clone(b)
		return err
	}
	if err := v.db.View(ctx, read); err != nil {
		return secret.Value{}, err
	}
	if len(sealed) == 0 {
		key, err := generate()
		if err != nil {
			return secret.Value{}, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return secret.Value{}, err
		}
		err = v.keep(ctx, der, names, func(fresh []byte) error {
			return v.db.Update(ctx, func(tx kv.Tx) error {
				if err := read(tx); err != nil || len(sealed) > 0 {
					return err
				}
				var ring storedRing
				if _, err := kv.Load(tx, ringKey, &ring); err != nil {
					return err
				}
				if term, err := termOf(fresh); err != nil || term < ring.Term {
					return errors.Join(err, errLeft)
				}
				sealed = fresh
				return tx.Put(row, fresh)
			})
		})
		clear(der)
		if err != nil {
			return secret.Value{}, err
		}
	}
	der, err := v.unwrap(before, sealed, names...)
	if err != nil {
		return secret.Value{}, err
	}
	return secret.New(der), nil
}
