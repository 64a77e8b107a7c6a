package vault

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"

	"jali/internal/kv"
	"jali/internal/secret"
)

var signingKey = kv.Key("vault", "signing")

// SigningKey answers the issuer's ES256 key (P-256, PKCS #8), made and sealed
// on first use. Whoever asks first makes it; all get the same.
func (v *Vault) SigningKey(ctx context.Context) (secret.Value, error) {
	var sealed []byte
	read := func(tx kv.Tx) error {
		b, err := tx.Get(signingKey)
		sealed = append([]byte(nil), b...)
		return err
	}
	if err := v.db.View(ctx, read); err != nil {
		return secret.Value{}, err
	}
	if len(sealed) == 0 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return secret.Value{}, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return secret.Value{}, err
		}
		fresh := v.ring.wrap(der, "signing")
		clear(der)
		err = v.db.Update(ctx, func(tx kv.Tx) error {
			if err := read(tx); err != nil || len(sealed) > 0 {
				return err
			}
			sealed = fresh
			return tx.Put(signingKey, fresh)
		})
		if err != nil {
			return secret.Value{}, err
		}
	}
	der, err := v.ring.unwrap(sealed, "signing")
	if err != nil {
		return secret.Value{}, err
	}
	return secret.New(der), nil
}
