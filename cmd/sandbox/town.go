package main

import (
	"net/http"
	"time"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/internal/dial"
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
