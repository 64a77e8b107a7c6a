package mock

import (
	"maps"
	"slices"
	"time"

	"jali/internal/fault"
)

// mostSettled is how many people may be settled in the town at a time.
const mostSettled = 1000

var (
	// ErrNoPersona is returned by [Town.Settle] for a persona that is none of
	// [Town.Personas].
	ErrNoPersona = &fault.Error{Kind: fault.NotFound, Code: "persona_unknown", Detail: "there is no such persona; ask for the list of them"}
	// ErrTownFull is returned by [Town.Settle] while as many people are settled
	// as the town takes: remove some.
	ErrTownFull = &fault.Error{Kind: fault.Conflict, Code: "town_full", Detail: "a thousand people are settled in the town, and it takes no more; remove some"}
	// ErrNoPerson is returned for somebody who does not live in the town.
	ErrNoPerson = &fault.Error{Kind: fault.NotFound, Code: "person_unknown", Detail: "there is no such person"}
	// ErrNative is returned by [Town.Remove] for one of those with whom the town
	// was founded: the others trade with them.
	ErrNative = &fault.Error{Kind: fault.Denied, Code: "person_native", Detail: "this person belongs to the town and cannot be removed; settle somebody and remove them"}
)

// settled is a home as it is written down: all else follows from the town's
// seed and the number.
type settled struct {
	Number  int
	Persona string
	Gone    []string `json:",omitempty"` // those of it who were removed
}

// home is a household that was settled: a world of its own, with a book of its
// own days, so that nobody's past changes by who moves in or out.
type home struct {
	settled
	*world
}

func (h *home) here() []*person {
	return slices.DeleteFunc(slices.Clone(h.people), func(p *person) bool { return slices.Contains(h.Gone, p.id) })
}

// roster is who lives in the town. It is never changed: who moves in or out
// makes another.
type roster struct {
	people   []*person // the founders, then who was settled, in that order
	accounts []*account
	homes    []*home
	byID     map[string]*person // of those who were removed, too
	closed   []string           // real numbers of homes in which nobody lives any more
}

func (t *Town) roster() *roster { return t.living.Load() }

// rosterOf makes a roster of the town's own people and of some homes.
func (t *Town) rosterOf(all []*home) *roster {
	r := &roster{people: slices.Clone(t.world.people), accounts: slices.Clone(t.world.accounts), homes: all, byID: map[string]*person{}}
	if was := t.living.Load(); was != nil { // a request under way may still ask for who has just left
		r.byID, r.closed = maps.Clone(was.byID), was.closed
	}
	for _, p := range r.people {
		r.byID[p.id] = p
	}
	for _, h := range all {
		closed := map[*account]bool{}
		for _, p := range h.people {
			r.byID[p.id] = p
			if slices.Contains(h.Gone, p.id) {
				for _, a := range p.accounts() {
					closed[a] = true
				}
				continue
			}
			r.people = append(r.people, p)
		}
		for _, a := range h.accounts {
			if !closed[a] {
				r.accounts = append(r.accounts, a)
			}
		}
	}
	return r
}

// people are those who live here, accounts what they and their companies have.
func (t *Town) people() []*person    { return t.roster().people }
func (t *Town) accounts() []*account { return t.roster().accounts }

func (t *Town) personByID(id string) *person { return t.roster().byID[id] }

func (t *Town) personByLogin(login, password string) *person {
	for _, p := range t.people() {
		if p.login == login && p.password == password {
			return p
		}
	}
	return nil
}

// personByShop answers whose shop has a number at WeChat Pay, unless they have
// taken it from the service provider.
func (t *Town) personByShop(subMchID string) *person {
	for _, p := range t.people() {
		if p.sells() && p.shop.subMchID == subMchID && !t.state.left(WeChatPay, p.id) {
			return p
		}
	}
	return nil
}

// personByTill is personByShop for merchants of UnionPay.
func (t *Town) personByTill(merID string) *person {
	for _, p := range t.people() {
		if p.sells() && p.shop.qr.merID == merID && !t.state.left(UnionPay, p.id) {
			return p
		}
	}
	return nil
}

// read runs f on everybody's books as they stand at now.
func (t *Town) read(now time.Time, f func()) {
	t.world.read(now, func() {
		for _, h := range t.roster().homes {
			h.until(now)
		}
		f()
	})
}

// openHomes makes the homes again that the state tells of.
func (t *Town) openHomes() error {
	var all []*home
	for _, s := range t.state.Settled {
		h, err := t.build(s)
		if err != nil {
			return err
		}
		all = append(all, h)
	}
	t.living.Store(t.rosterOf(all))
	return nil
}

// build makes the home with a number, and lives none of its days.
func (t *Town) build(s settled) (*home, error) {
	for _, kind := range personas {
		if kind.ID == s.Persona {
			return &home{s, newHome(t.cfg.Seed, t.state.Founded, s.Number, kind)}, nil
		}
	}
	return nil, ErrNoPersona
}

// Settle has people of a persona move in, with all that they did since the town
// was founded, and answers them; the first is whom the persona is about. Who they
// are follows from the town's seed and from how many have been settled before.
func (t *Town) Settle(persona string) ([]Person, error) {
	t.moving.Lock()
	defer t.moving.Unlock()
	h, err := t.build(settled{Number: t.state.Homes + 1, Persona: persona})
	if err != nil {
		return nil, err
	}
	was := t.roster()
	if len(was.people)-len(t.world.people)+len(h.people) > mostSettled {
		return nil, ErrTownFull
	}
	if err := t.state.change(func() error {
		t.state.Homes = h.Number
		t.state.Settled = append(t.state.Settled, h.settled)
		return nil
	}); err != nil {
		return nil, ErrState.Because(err)
	}
	t.living.Store(t.rosterOf(append(slices.Clip(was.homes), h)))
	var who []Person
	for _, p := range h.people {
		who = append(who, p.shown())
	}
	return who, nil
}

// Reset gives a person's life back as it was before anybody came to see it: what
// they have agreed to at any institution has ended, with every code and token.
// Their money is what it would be anyway, for nobody can spend it from outside.
func (t *Town) Reset(id string) error {
	if !slices.ContainsFunc(t.people(), func(p *person) bool { return p.id == id }) {
		return ErrNoPerson
	}
	return t.forget(id)
}

// Remove has somebody who was settled move out: their accounts are closed, and
// their login serves no more. Who lived with them lives on as if they were away.
func (t *Town) Remove(id string) error {
	t.moving.Lock()
	defer t.moving.Unlock()
	if t.world.personByID(id) != nil {
		return ErrNative
	}
	was := t.roster()
	i := slices.IndexFunc(was.homes, func(h *home) bool {
		return slices.ContainsFunc(h.here(), func(p *person) bool { return p.id == id })
	})
	if i < 0 {
		return ErrNoPerson
	}
	left := &home{was.homes[i].settled, was.homes[i].world}
	left.Gone = append(slices.Clip(left.Gone), id)
	all := slices.Clone(was.homes)
	empty := len(left.here()) == 0
	if all[i] = left; empty {
		all = slices.Delete(all, i, i+1)
	}
	if err := t.state.change(func() error {
		t.state.Settled = nil
		for _, h := range all {
			t.state.Settled = append(t.state.Settled, h.settled)
		}
		return nil
	}); err != nil {
		return ErrState.Because(err)
	}
	next := t.rosterOf(all)
	if empty {
		next.closed = append(next.closed, left.numbers()...)
	}
	t.living.Store(next)
	if err := t.forget(id); err != nil || !empty {
		return err
	}
	t.world.read(t.cfg.Now(), left.clear)
	return nil
}

// clear forgets what has happened in a home that nobody lives in.
func (h *home) clear() {
	for _, p := range h.people {
		p.wallet.rows, p.shop.trades, p.shop.paid, p.shop.qr.sales = nil, nil, nil, nil
	}
	for _, a := range h.world.accounts {
		a.rows = nil
	}
}
