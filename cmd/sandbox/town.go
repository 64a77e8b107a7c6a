package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/internal/dial"
	"jali/internal/secret"
)

// townSources are the connectors to the town's institutions, made of what an
// operator who registered there would hold.
func townSources(t *mock.Town, now func() time.Time) (*connectors.Registry, error) {
	registry := &connectors.Registry{}
	// Each has its connections to itself: an institution that hangs holds no other's.
	client := func() *http.Client { return dial.New(dial.Config{AllowPrivate: true}) }
	for _, make := range []func(*mock.Town, func() *http.Client, func() time.Time) ([]connectors.Connector, error){
		townAlipay, townWeChatPay, townUnionPay, townBanks, townFDX, townBerlinGroup, townChinaBanks,
	} {
		made, err := make(t, client, now)
		if err != nil {
			return nil, err
		}
		for _, c := range made {
			if err := registry.Register(c); err != nil {
				return nil, err
			}
		}
	}
	return registry, nil
}

func privateDER(k *rsa.PrivateKey) secret.Value {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return secret.Value{}
	}
	return secret.New(der)
}

func privatePEM(k *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER(k).Reveal()}))
}

func publicPEM(k *rsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
