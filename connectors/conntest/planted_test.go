package conntest_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/alipay"
	"jali/connectors/conntest"
)

// planted is a connector with one fault.
type planted struct {
	*alipay.Connector
	fault string
	calls int
	stay  chan struct{}
}

// plants names the faults, and the part of the suite that must see each.
var plants = map[string]string{
	"loses a bill of a long window":   "bills",
	"tells a bill past the end":       "bills",
	"makes up other ids each time":    "bills",
	"tells one bill twice":            "bills",
	"takes any cursor":                "bills",
	"quotes the credential":           "secrets",
	"says nothing of failures":        "faults_of_the_wire",
	"calls every failure a refusal":   "dead_credential",
	"names an account by its number":  "accounts",
	"answers balances of other pots":  "balances",
	"never finds a credential stale":  "refresh",
	"believes a changed digit":        "faults_of_the_wire",
	"leaves somebody waiting for it":  "",
	"lets a spent code in once again": "link",
}

func (p *planted) Bills(ctx context.Context, k connectors.Credential, a connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	asked := to
	switch p.fault {
	case "takes any cursor":
		if next == "no such cursor" {
			next = ""
		}
	case "tells a bill past the end":
		if to.Before(now) {
			asked = to.AddDate(0, 0, 3)
		}
	}
	page, err := p.Connector.Bills(ctx, k, a, from, asked, next)
	p.calls++
	for i := range page.Bills {
		if p.fault == "makes up other ids each time" {
			page.Bills[i].ID = fmt.Sprint(p.calls, i)
		}
	}
	switch {
	case err != nil || len(page.Bills) == 0:
	case p.fault == "tells one bill twice":
		page.Bills = append(page.Bills, page.Bills[0])
	case p.fault == "loses a bill of a long window" && to.Sub(from) > 60*24*time.Hour:
		page.Bills = page.Bills[1:]
	}
	return page, err
}

func (p *planted) Accounts(ctx context.Context, k connectors.Credential) ([]connectors.Account, error) {
	if p.fault == "leaves somebody waiting for it" {
		go func() { <-p.stay }()
	}
	accounts, err := p.Connector.Accounts(ctx, k)
	if err == nil && p.fault == "names an account by its number" {
		accounts[0].Name = "余额 " + accounts[0].Number.RevealString()
	}
	return accounts, err
}

func (p *planted) Balances(ctx context.Context, k connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	got, err := p.Connector.Balances(ctx, k, refs)
	switch {
	case err == nil && p.fault == "answers balances of other pots" && len(got) > 0:
		got = append(got, got[0])
	case err == nil:
	case p.fault == "quotes the credential":
		return nil, connectors.ErrDown.Because(fmt.Errorf("%w, having sent %s", err, k.Reveal()))
	case p.fault == "says nothing of failures":
		return nil, nil
	case p.fault == "calls every failure a refusal":
		return nil, connectors.ErrRefused
	case p.fault == "believes a changed digit" && errors.Is(err, connectors.ErrUnsigned):
		return nil, connectors.ErrMalformed
	}
	return got, err
}

func (p *planted) Stale(k connectors.Credential, at time.Time) bool {
	return p.fault != "never finds a credential stale" && p.Connector.Stale(k, at)
}

func (p *planted) Finish(ctx context.Context, l connectors.Linking, q url.Values) (connectors.Credential, error) {
	k, err := p.Connector.Finish(ctx, l, q)
	if err != nil && len(q["auth_code"]) == 1 && p.fault == "lets a spent code in once again" {
		return k, nil
	}
	return k, err
}

// TestTheSuiteSeesPlantedFaults runs the suite, in a process of its own, over
// connectors that are each wrong in one way, and wants it to fail for each.
func TestTheSuiteSeesPlantedFaults(t *testing.T) {
	if os.Getenv("JALI_PLANTED") != "" {
		town := found(t)
		for fault := range plants {
			t.Run(fault, func(t *testing.T) {
				stay := make(chan struct{})
				defer close(stay)
				conntest.Run(t, alipaySetup(town, func(c *alipay.Connector) connectors.Connector {
					return &planted{Connector: c, fault: fault, stay: stay}
				}))
			})
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestTheSuiteSeesPlantedFaults$", "-test.v")
	cmd.Env = append(os.Environ(), "JALI_PLANTED=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("the suite passes over planted faults:\n%s", out)
	}
	if !strings.Contains(string(out), "found unexpected goroutines") {
		t.Error("a connector that leaves a goroutine is not found out as that")
	}
	for fault, part := range plants {
		name := "--- FAIL: TestTheSuiteSeesPlantedFaults/" + strings.ReplaceAll(fault, " ", "_")
		if part != "" {
			name += "/" + part
		}
		if !strings.Contains(string(out), name+" (") {
			t.Errorf("a connector that %s is not found out by %q", fault, part)
		}
	}
}
