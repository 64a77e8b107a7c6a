package conntest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/alipay"
	"jali/connectors/conntest"
)

// planted is a connector with faults.
type planted struct {
	*alipay.Connector
	fault string // of plants, joined
	calls int
	stay  chan struct{}
}

// plants are faults, each with the part of the suite that must see it. Those
// of one connector are seen by different parts, so that none hides another.
var plants = []map[string]string{
	{"loses a bill of a long window": "bills", "names an account by its number": "accounts"},
	{"tells a bill past the end": "bills", "quotes the credential": "secrets", "never finds a credential stale": "refresh"},
	{"makes up other ids each time": "bills", "says nothing of failures": "faults_of_the_wire", "answers balances twice": "balances"},
	{"tells one bill twice": "bills", "calls every failure a refusal": "dead_credential"},
	{"takes any cursor": "bills", "believes a changed digit": "faults_of_the_wire"},
	{"leaves somebody waiting for it": "", "lets a spent code in once again": "link"},
}

func (p *planted) has(fault string) bool { return strings.Contains(p.fault, fault) }

func (p *planted) Bills(ctx context.Context, k connectors.Credential, a connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	asked := to
	if p.has("takes any cursor") && next == "no such cursor" {
		next = ""
	}
	if p.has("tells a bill past the end") && to.Before(now) {
		asked = to.AddDate(0, 0, 3)
	}
	page, err := p.Connector.Bills(ctx, k, a, from, asked, next)
	p.calls++
	for i := range page.Bills {
		if p.has("makes up other ids each time") {
			page.Bills[i].ID = fmt.Sprint(p.calls, i)
		}
	}
	switch {
	case err != nil || len(page.Bills) == 0:
	case p.has("tells one bill twice"):
		page.Bills = append(page.Bills, page.Bills[0])
	case p.has("loses a bill of a long window") && to.Sub(from) > 15*24*time.Hour:
		page.Bills = page.Bills[1:]
	}
	return page, err
}

func (p *planted) Accounts(ctx context.Context, k connectors.Credential) ([]connectors.Account, error) {
	if p.has("leaves somebody waiting for it") {
		go func() { <-p.stay }()
	}
	accounts, err := p.Connector.Accounts(ctx, k)
	if err == nil && p.has("names an account by its number") {
		accounts[0].Name = "余额 " + accounts[0].Number.RevealString()
	}
	return accounts, err
}

func (p *planted) Balances(ctx context.Context, k connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	got, err := p.Connector.Balances(ctx, k, refs)
	switch {
	case err == nil && p.has("answers balances twice") && len(got) > 0:
		got = append(got, got[0])
	case err == nil:
	case p.has("quotes the credential"):
		return nil, connectors.ErrDown.Because(fmt.Errorf("%w, having sent %s", err, k.Reveal()))
	case p.has("says nothing of failures"):
		return nil, nil
	case p.has("calls every failure a refusal"):
		return nil, connectors.ErrRefused
	case p.has("believes a changed digit") && errors.Is(err, connectors.ErrUnsigned):
		return nil, connectors.ErrMalformed
	}
	return got, err
}

func (p *planted) Stale(k connectors.Credential, at time.Time) bool {
	return !p.has("never finds a credential stale") && p.Connector.Stale(k, at)
}

func (p *planted) Finish(ctx context.Context, l connectors.Linking, q url.Values) (connectors.Credential, error) {
	k, err := p.Connector.Finish(ctx, l, q)
	if err != nil && len(q["auth_code"]) == 1 && p.has("lets a spent code in once again") {
		return k, nil
	}
	return k, err
}

// TestTheSuiteSeesPlantedFaults runs the suite, in a process of its own, over
// connectors that are each wrong in one way, and wants it to fail for each.
func TestTheSuiteSeesPlantedFaults(t *testing.T) {
	if os.Getenv("JALI_PLANTED") != "" {
		town := found(t)
		for i, faults := range plants {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				stay := make(chan struct{})
				defer close(stay)
				fault := strings.Join(slices.Sorted(maps.Keys(faults)), "; ")
				setup := alipaySetup(town, func(c *alipay.Connector) connectors.Connector {
					return &planted{Connector: c, fault: fault, stay: stay}
				})
				setup.From = now.AddDate(0, 0, -20)
				conntest.Run(t, setup)
			})
		}
		for i, faults := range bankPlants {
			t.Run(fmt.Sprint(len(plants)+i), func(t *testing.T) {
				runPlantedBank(t, town, strings.Join(slices.Sorted(maps.Keys(faults)), "; "))
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
	for i, faults := range slices.Concat(plants, bankPlants) {
		for fault, part := range faults {
			name := fmt.Sprintf("--- FAIL: TestTheSuiteSeesPlantedFaults/%d/%s (", i, part)
			if part != "" && !strings.Contains(string(out), name) {
				t.Errorf("a connector that %s is not found out by %q", fault, part)
			}
		}
	}
}
