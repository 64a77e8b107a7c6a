package conntest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/conntest"
	"jali/connectors/mock"
	"jali/connectors/openbanking"
)

// plantedBank is a bank's connector with faults that a wallet's cannot show.
type plantedBank struct {
	*openbanking.Connector
	fault string
	last  []connectors.Balance
}

// bankPlants are its faults, as plants are.
var bankPlants = []map[string]string{
	{"answers what it knew when it cannot read": "hostile", "says that the person is there": "presence", "asks for every page ahead": "links_elsewhere"},
	{"takes a token that ended for a refusal": "hostile", "tells a statement that closed before it was asked": "statements"},
}

func (p *plantedBank) has(fault string) bool { return strings.Contains(p.fault, fault) }

func (p *plantedBank) Balances(ctx context.Context, k connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	if p.has("says that the person is there") {
		ctx = connectors.Present(ctx, connectors.Presence{IP: netip.MustParseAddr("192.0.2.1")})
	}
	got, err := p.Connector.Balances(ctx, k, refs)
	switch {
	case p.has("answers what it knew when it cannot read") && errors.Is(err, connectors.ErrMalformed):
		return p.last, nil
	case p.has("takes a token that ended for a refusal") && errors.Is(err, connectors.ErrUnauthorized) && len(refs) == 1:
		return nil, connectors.ErrRefused
	}
	p.last = got
	return got, err
}

func (p *plantedBank) Statements(ctx context.Context, k connectors.Credential, a connectors.AccountRef, from, to time.Time) ([]connectors.Statement, error) {
	if p.has("tells a statement that closed before it was asked") {
		from = from.AddDate(0, -3, 0)
	}
	return p.Connector.Statements(ctx, k, a, from, to)
}

// ahead asks for the next page of whatever it has read.
type ahead struct{ next http.RoundTripper }

var nextPage = regexp.MustCompile(`"Next":"(http[^"]*)"`)

func (a ahead) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // of a body without an end, its begin
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	if m := nextPage.FindSubmatch(body); err == nil && m != nil {
		if page, err := http.Get(string(m[1])); err == nil {
			_ = page.Body.Close()
		}
	}
	return resp, err
}

func runPlantedBank(t *testing.T, town *mock.Town, fault string) {
	b := town.Banks()[0]
	setup := bankSetup(t, town, b)
	setup.From = now.AddDate(0, 0, -40)
	setup.Connect = func(t *testing.T, client *http.Client) connectors.Connector {
		p := &plantedBank{fault: fault}
		if p.has("asks for every page ahead") {
			client = &http.Client{Transport: ahead{client.Transport}}
		}
		p.Connector = bank(t, b, client)
		return p
	}
	conntest.Run(t, setup)
}
