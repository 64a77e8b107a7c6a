package aggregate

import (
	"context"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
)

// errBudget is a source that may be read so often a day without its person,
// and has been.
var errBudget = &fault.Error{Kind: fault.Limited, Code: "source_budget", Owner: fault.Source,
	Detail: "the source may not be read again today while the person is not there"}

// spent is how much of something is used up of a day.
type spent struct {
	Day  string `json:"day"`
	Used int    `json:"used"`
}

// on is what is used up on a day. A day that is over counts for nothing; one
// that is yet to come, by another machine's clock, counts.
func (u spent) on(day string) spent {
	if u.Day < day {
		return spent{Day: day}
	}
	return u
}

// ration is what a connection may still be read today without its person.
type ration struct {
	Unattended
	taken   bool // one reading is reserved for this look
	refused bool // none was left
}

func readingKey(p consent.PersonID, link string) []byte {
	return kv.Key("aggregate", "reading", p, link)
}

// ration reserves an unattended reading of each connection whose source counts
// them, all in one transaction and before anything is asked; a look with its
// person there takes none and is told how many are left.
func (s *Service) ration(ctx context.Context, p consent.PersonID, all []known) (map[string]ration, error) {
	now := s.now().In(consent.Shanghai)
	midnight := consent.DateOf(now, consent.Shanghai).Start().AddDate(0, 0, 1)
	who, present := connectors.PresenceOf(ctx)
	present = present && who.IP.IsValid() // sources know nobody without an address
	limits := map[string]int{}
	for _, k := range all {
		if c, ok := s.Connectors.Find(k.Source); ok && !k.Imported && !k.NeedsPerson && c.Source().Unattended > 0 {
			limits[k.ID] = c.Source().Unattended
		}
	}
	if len(limits) == 0 {
		return nil, nil
	}
	var rations map[string]ration
	do := s.DB.Update
	if present {
		do = s.DB.View
	}
	err := do(ctx, func(tx kv.Tx) error {
		rations = make(map[string]ration, len(limits))
		for id, limit := range limits {
			var u spent
			if _, err := kv.Load(tx, readingKey(p, id), &u); err != nil {
				return err
			}
			u = u.on(now.Format(time.DateOnly))
			r := ration{Unattended: Unattended{Limit: limit, ResetsAt: midnight}, refused: !present && u.Used >= limit}
			if r.taken = !present && !r.refused; r.taken {
				u.Used++
				if err := kv.Store(tx, readingKey(p, id), u); err != nil {
					return err
				}
			}
			r.Left = max(0, limit-u.Used)
			rations[id] = r
		}
		return nil
	})
	return rations, err
}

// giveBack undoes the reservations of connections whose sources were, for sure,
// sent nothing. If it fails the day is a reading shorter.
func (s *Service) giveBack(ctx context.Context, p consent.PersonID, answers []answer) {
	var unread []int
	for i, a := range answers {
		if a.ration.taken && !a.gone && a.asked.Load() == 0 {
			unread = append(unread, i)
		}
	}
	if len(unread) == 0 {
		return
	}
	err := s.DB.Update(context.WithoutCancel(ctx), func(tx kv.Tx) error {
		for _, i := range unread {
			a := &answers[i]
			var u spent
			if ok, err := kv.Load(tx, readingKey(p, a.ID), &u); err != nil {
				return err
			} else if !ok || u.Used == 0 || u.Day != a.ration.day() {
				continue // its day is over
			}
			u.Used--
			if err := kv.Store(tx, readingKey(p, a.ID), u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.log().WarnContext(ctx, "readings that did not happen stay counted today", "code", code(err))
		return
	}
	for _, i := range unread {
		if u := answers[i].report.Unattended; u != nil {
			u.Left++
		}
	}
}

// day is the one that ends when the ration is new.
func (r ration) day() string { return r.ResetsAt.Add(-time.Nanosecond).Format(time.DateOnly) }

// skip says in the report that the source was not asked, and until when it
// will not be.
func (s *Service) skip(a *answer) {
	a.complete = false
	a.report.Status, a.report.Code, a.report.Owner = Skipped, errBudget.Code, string(errBudget.Owner)
	a.report.RetryAfter = a.ration.ResetsAt.Sub(s.now())
}

// Allot reserves up to n of a source's calls of a day, of which there are limit
// for everybody together, and answers how many it got: package upstream spends
// them from memory. What a machine has reserved and not spent when it stops is
// lost to the day.
func (s *Service) Allot(ctx context.Context, source, day string, limit, n int) (granted int, err error) {
	key := kv.Key("aggregate", "allotted", source)
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		var u spent
		if _, err := kv.Load(tx, key, &u); err != nil {
			return err
		}
		u = u.on(day)
		granted = max(0, min(n, limit-u.Used))
		if granted == 0 {
			return nil
		}
		u.Used += granted
		return kv.Store(tx, key, u)
	})
	if err != nil {
		return 0, err
	}
	return granted, nil
}
