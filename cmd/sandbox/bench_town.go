package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"jali/connectors"
	"jali/connectors/mock"
	"jali/consent"
	"jali/openapi/client"
)

// mostSources is two wallets and the two banks four times over.
const mostSources = 10

// bankConnector is all that a bank's connector can do.
type bankConnector interface {
	connectors.Connector
	connectors.BillLister
	connectors.Linker
	connectors.Refresher
	connectors.Unlinker
}

// twin is one of the town's banks under a further name.
type twin struct {
	bankConnector
	source connectors.Source
}

// Source describes the twin.
func (t twin) Source() connectors.Source { return t.source }

// benchTown is a running sandbox with people who have accounts everywhere.
type benchTown struct {
	*sandbox
	jali   *client.Client
	people []*benchPerson
	order  []connectors.Connector // the two wallets and two banks, their twins behind them
}

// benchPerson is linked to every source twice: once at jali, and once by the
// same connectors without it.
type benchPerson struct {
	visitor *visitor
	links   []benchLink // in the order of sources
}

// benchLink is a source with a credential of its own.
type benchLink struct {
	connectors.Connector
	credential connectors.Credential
	accounts   []connectors.AccountRef
}

// town registers the twins, lets everybody who has accounts at all of them
// move in, and then slows the institutions down. Of the town's other banks some
// end a link when the same person makes another, as here each does.
func (b *benchCmd) town(ctx context.Context, s *sandbox) (*benchTown, error) {
	institutions := []string{mock.Alipay, mock.WeChatPay}
	for _, bank := range s.town.Banks() {
		institutions = append(institutions, bank.ID)
	}
	var order []connectors.Connector
	for _, id := range institutions {
		c, _ := s.sources.Find(id)
		order = append(order, c)
	}
	for n := 2; len(order) < mostSources; n++ {
		// Connections of their own, as other banks' would be.
		more, err := townSources(s.town, s.now)
		if err != nil {
			return nil, err
		}
		for _, c := range more.All() {
			bank, ok := c.(bankConnector)
			if !ok || c.Source().Kind != connectors.Bank || !slices.Contains(institutions, c.Source().ID) {
				continue
			}
			source := bank.Source()
			source.ID = fmt.Sprintf("%s_%d", source.ID, n)
			if err := s.sources.Register(twin{bank, source}); err != nil {
				return nil, err
			}
			order = append(order, twin{bank, source})
		}
	}
	t := &benchTown{sandbox: s, order: order, jali: &client.Client{
		Issuer: s.ready.Issuer, ID: s.ready.Clients[0].ClientID, Redirect: s.ready.Clients[0].RedirectURI, Key: s.state.Clients[0].Key,
		HTTP: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 1024}}, Now: s.now,
	}}
	var together errgroup.Group
	for _, who := range s.town.People() {
		everywhere := true
		for _, id := range institutions {
			everywhere = everywhere && s.town.Serves(id, who.ID)
		}
		if !everywhere {
			continue
		}
		p := &benchPerson{}
		t.people = append(t.people, p)
		together.Go(func() error { return t.moveIn(ctx, p, who) })
	}
	if err := together.Wait(); err != nil {
		return nil, err
	}
	for _, id := range institutions {
		s.town.SetLatency(id, b.Latency)
	}
	return t, nil
}

func (t *benchTown) moveIn(ctx context.Context, p *benchPerson, who mock.Person) (err error) {
	if p.visitor, err = t.visitors.open(); err != nil {
		return err
	}
	if _, err := p.visitor.signUp(ctx, who.Name); err != nil {
		return fmt.Errorf("signing up: %w", err)
	}
	for _, c := range t.order {
		if err := p.visitor.connect(ctx, c.Source().ID, who); err != nil {
			return fmt.Errorf("connecting %s: %w", c.Source().ID, err)
		}
		link, err := p.plainly(ctx, c, who)
		if err != nil {
			return fmt.Errorf("linking %s: %w", c.Source().ID, err)
		}
		p.links = append(p.links, link)
	}
	return nil
}

// plainly links a source without jali.
func (p *benchPerson) plainly(ctx context.Context, c connectors.Connector, who mock.Person) (benchLink, error) {
	linker, ok := c.(connectors.Linker)
	if !ok {
		return benchLink{}, fmt.Errorf("there is no login page")
	}
	begun, err := linker.Begin(ctx, rand.Text(), "http://127.0.0.1/linked")
	if err != nil {
		return benchLink{}, err
	}
	_, back, err := p.visitor.form(ctx, begun.URL, url.Values{"login": {who.Login}, "password": {who.Password}, "decision": {"agree"}})
	if err != nil {
		return benchLink{}, err
	}
	if back == nil {
		return benchLink{}, fmt.Errorf("the login page does not send one back")
	}
	link := benchLink{Connector: c}
	if link.credential, err = linker.Finish(ctx, begun, back.Query()); err != nil {
		return benchLink{}, err
	}
	accounts, err := c.Accounts(ctx, link.credential)
	for _, a := range accounts {
		link.accounts = append(link.accounts, a.Ref)
	}
	return link, err
}

// grantUses is how many views a token opens: the most that a day has.
const grantUses = 4

// sessions asks people in turn for as many grants over the first n sources as
// views want, and trades their codes. It answers one session per view, and what
// the trading took.
func (b *benchCmd) sessions(ctx context.Context, t *benchTown, n, views int) (sessions []*client.Session, traded asked, err error) {
	var sources []string
	for _, c := range t.order[:n] {
		sources = append(sources, c.Source().ID)
	}
	from, to := b.period(time.Now())
	wanted := client.AccountView{
		Datatypes: []client.Datatype{"balances", "bills"}, BillFields: "standard", Sources: sources,
		Purpose: "bill_overview", Uses: client.Uses{Limit: grantUses, Per: "day"}, Period: client.Period{From: from, To: to},
	}
	grants := (views + grantUses - 1) / grantUses
	for len(sessions) < views {
		// In parts, for a code lives a minute.
		codes := make([]answered, min(64, grants-len(sessions)/grantUses))
		var asking errgroup.Group
		for who, p := range t.people { // each one thing after another: a passkey counts its signatures
			asking.Go(func() (err error) {
				for i := who; i < len(codes) && err == nil; i += len(t.people) {
					codes[i], err = t.agree(ctx, p, wanted)
				}
				return err
			})
		}
		if err := asking.Wait(); err != nil {
			return nil, asked{}, fmt.Errorf("asking for a grant: %w", err)
		}
		got := make([]*client.Session, len(codes))
		part, err := together(16, len(codes), func(i int) error {
			session, err := t.redeem(ctx, codes[i])
			got[i] = session
			return err
		})
		if err != nil {
			return nil, asked{}, fmt.Errorf("trading a code: %w", err)
		}
		traded.join(part)
		for _, session := range got {
			for range grantUses {
				sessions = append(sessions, session)
			}
		}
	}
	return sessions, traded, nil
}

// answered is a request that a person has said yes to.
type answered struct {
	asking   *client.Authorization
	callback url.Values
}

// agree is one person's yes to everything that is asked for.
func (t *benchTown) agree(ctx context.Context, p *benchPerson, wanted client.AccountView) (answered, error) {
	asking, err := t.jali.Push(ctx, wanted)
	if err != nil {
		return answered{}, err
	}
	back, err := p.visitor.decide(ctx, asking.URL, true, nil)
	if err != nil {
		return answered{}, err
	}
	return answered{asking, back.Query()}, nil
}

func (t *benchTown) redeem(ctx context.Context, a answered) (*client.Session, error) {
	return t.jali.Redeem(ctx, a.asking, a.callback)
}

// period is the days that views are over: up to today, in whole days of Shanghai.
func (b *benchCmd) period(now time.Time) (from, to string) {
	today := consent.DateOf(now, consent.Shanghai).Start()
	return today.AddDate(0, 0, 1-b.Days).Format(time.DateOnly), today.Format(time.DateOnly)
}

// errShort is a source that did not answer in time: the load was too much for
// this machine, and that is counted.
var errShort = errors.New("a source did not answer in time")

// together has width goroutines do times things, one after another each.
func together(width, times int, do func(i int) error) (asked, error) {
	a := asked{took: make([]time.Duration, times)}
	var next, short atomic.Int64
	var group errgroup.Group
	begun := time.Now()
	for range width {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < times; i = int(next.Add(1)) - 1 {
				at := time.Now()
				err := do(i)
				a.took[i] = time.Since(at)
				if errors.Is(err, errShort) {
					short.Add(1)
				} else if err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	a.all, a.short = time.Since(begun), int(short.Load())
	slices.Sort(a.took)
	return a, err
}
