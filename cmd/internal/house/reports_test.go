package house

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	"jali/connectors"
	"jali/openapi"
	"jali/openapi/problems"
)

// moody is an institution that answers with an error where it is told to.
type moody struct {
	crowdSource
	unattended int
	mood       *atomic.Pointer[error]
}

func (m moody) Source() connectors.Source {
	s := m.crowdSource.Source()
	s.Unattended = m.unattended
	return s
}

func (m moody) Balances(ctx context.Context, c connectors.Credential, refs []connectors.AccountRef) ([]connectors.Balance, error) {
	if err := m.mood.Load(); err != nil {
		return nil, *err
	}
	return m.crowdSource.Balances(ctx, c, refs)
}

// link connects somebody to a source.
func (p *prober) link(source string) {
	p.t.Helper()
	to, err := p.Aggregate.BeginLink(p.t.Context(), p.who.Session, source, issuer+"/connect/return")
	p.must(nil, err)
	at, err := url.Parse(to)
	p.must(nil, err)
	p.must(p.Aggregate.FinishLink(p.t.Context(), p.who.Session, url.Values{"state": at.Query()["state"], "code": {string(p.who.Person)}}))
}

// Every code that a source's report can hold is provoked by a source that is in
// that state; the view it stands in is there all the same.
func TestEveryCodeOfAReportIsProvoked(t *testing.T) {
	moods := map[string]struct {
		err           error
		status, owner string
	}{
		"source_unauthorized": {connectors.ErrUnauthorized, "refused", "person"},
		"source_signature":    {connectors.ErrUnsigned, "failed", "source"},
		"source_malformed":    {connectors.ErrMalformed, "failed", "source"},
		"source_refused":      {connectors.ErrRefused, "refused", "source"},
		"source_down":         {connectors.ErrDown, "failed", "source"},
		"source_busy":         {connectors.ErrBusy, "failed", "source"},
		"source_budget":       {nil, "skipped", "source"},
		"internal":            {errors.New("a fault of ours"), "failed", "us"},
	}
	doc, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	enum := doc.Components.Schemas["SourceReport"].Value.Properties["code"].Value.Enum
	if len(enum) != len(moods) {
		t.Errorf("the document names %d codes, and %d are provoked", len(enum), len(moods))
	}
	states := map[string]*atomic.Pointer[error]{}
	p := newProber(t, func(c *Config) {
		for code := range moods {
			states[code] = new(atomic.Pointer[error])
			if err := c.Sources.Register(moody{crowdSource{"moody_" + code, []connectors.AccountKind{connectors.Deposit}, c.Now(), nil}, 1, states[code]}); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, v := range enum {
		code := v.(string)
		t.Run(code, func(t *testing.T) {
			p.t = t
			p.now.Add(3600)
			p.link("moody_" + code)
			mood, known := moods[code]
			if !known {
				t.Fatal("nothing provokes it")
			}
			if mood.err != nil {
				states[code].Store(&mood.err)
			}
			_, token := p.token(daily)
			body := fmt.Sprintf(`{"sources":["moody_%s"],"datatypes":["balances"]}`, code)
			got := p.open(token, "the-first-of-the-day", body)
			if code == "source_budget" {
				got = p.open(token, "one-too-many-that-day", body)
			}
			reports, _ := got.json["sources"].([]any)
			if len(reports) != 1 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			r := reports[0].(map[string]any)
			if r["code"] != code || r["status"] != mood.status || r["owner"] != mood.owner || got.json["complete"] != false {
				t.Errorf("%v, complete %v; want %s, %s of %s", r, got.json["complete"], code, mood.status, mood.owner)
			}
			action, _ := r["action"].(string)
			if e, _ := problems.Find(code); action != e.Action || r["owner"] != string(e.Owner) {
				t.Errorf("%v, and the catalogue has owner %s, action %q", r, e.Owner, e.Action)
			}
		})
	}
}
