package page

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/language"
)

const (
	deedsPerPage = 50
	// noticesWithin bounds the walk back for uses that were not dismissed.
	noticesWithin = 500
	shownNotices  = 5
)

// deed is one event of the timeline, in words.
type deed struct {
	At     time.Time
	Verb   string
	Text   string
	Facts  []string
	Client string
	Grant  string // its page, where the deed is about one
	Gone   string // the deletion of which there is a receipt
	Times  int    // how many of the same stand for this one
	NewDay bool
}

// notice is a use or an end of a grant that the person has not yet put away.
type notice struct {
	At     time.Time
	Client consent.Name
	Grant  string
}

// restored says that an older copy of the database was put back, and which
// grants ended for that.
type restored struct {
	At    time.Time
	Ended []notice
}

func seenKey(person consent.PersonID) []byte { return kv.Key("page", "seen", person) }

func (p *Page) notices(ctx context.Context, s consent.Session) (found []notice, back *restored, until int64, err error) {
	var seen time.Time
	err = p.DB.View(ctx, func(tx kv.Tx) error {
		_, err := kv.Load(tx, seenKey(s.Person), &seen)
		return err
	})
	if err != nil {
		return nil, nil, 0, err
	}
	events, err := audit.Timeline(ctx, p.DB, string(s.Person), time.Time{}, noticesWithin)
	if err != nil {
		return nil, nil, 0, err
	}
	var ended []notice
	clients := map[consent.ClientID]consent.Client{}
	for _, e := range events {
		if !e.At.After(seen) {
			break
		}
		byRestore := e.Verb == audit.GrantRevoked && e.Facts["by"] == "restore"
		if e.Verb != audit.GrantUsed && e.Verb != audit.DataRestored && !byRestore {
			continue
		}
		until = max(until, e.At.UnixMicro())
		if e.Verb == audit.DataRestored {
			back = &restored{At: e.At}
			continue
		}
		c, err := p.clientName(ctx, consent.ClientID(e.Client), clients)
		if err != nil {
			return nil, nil, 0, err
		}
		if n := (notice{At: e.At, Client: c.Name, Grant: e.On}); byRestore {
			ended = append(ended, n)
		} else {
			found = append(found, n)
		}
	}
	if back != nil {
		back.Ended = ended
	}
	return found, back, until, nil
}

// dismissNotices puts away the notices that the page showed, and none that
// came since.
func (p *Page) dismissNotices(w http.ResponseWriter, r *http.Request, s consent.Session) {
	micro, err := strconv.ParseInt(r.PostFormValue("until"), 10, 64)
	until := time.UnixMicro(micro + 1).UTC()
	if err != nil || micro <= 0 || until.After(p.Now().Add(time.Minute)) {
		p.fail(w, r, errForm)
		return
	}
	err = p.DB.Update(r.Context(), func(tx kv.Tx) error {
		var seen time.Time
		if _, err := kv.Load(tx, seenKey(s.Person), &seen); err != nil || seen.After(until) {
			return err
		}
		return kv.Store(tx, seenKey(s.Person), until)
	})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *Page) activity(w http.ResponseWriter, r *http.Request, s consent.Session) {
	events, next, err := p.timeline(r.Context(), s, r.URL.Query().Get("before"), deedsPerPage, func(audit.Event) bool { return true })
	if err != nil {
		p.fail(w, r, err)
		return
	}
	deeds, err := p.tell(r, s, events)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.render(w, r, http.StatusOK, "activity", p.frameOf(r, s, "activity.title", "activity",
		map[string]any{"Deeds": deeds, "Next": next, "Later": r.URL.Query().Get("before") != ""}))
}

// timeline answers events that match, newest first, and a cursor: the last
// event's microsecond and id, since two may share a moment.
func (p *Page) timeline(ctx context.Context, s consent.Session, cursor string, limit int, match func(audit.Event) bool) ([]audit.Event, string, error) {
	var before time.Time
	after := ""
	if at, id, ok := strings.Cut(cursor, "."); ok {
		micro, err := strconv.ParseInt(at, 10, 64)
		if err != nil || micro <= 0 {
			return nil, "", errForm
		}
		before, after = time.UnixMicro(micro+1).UTC(), id
	}
	const batch, most = 200, 5000
	var found []audit.Event
	for walked := 0; walked < most; walked += batch {
		events, err := audit.Timeline(ctx, p.DB, string(s.Person), before, batch)
		if err != nil {
			return nil, "", err
		}
		skip := after != ""
		for _, e := range events {
			if skip && e.At.UnixMicro() == before.UnixMicro()-1 && e.ID >= after {
				continue
			}
			skip = false
			if !match(e) {
				continue
			}
			if found = append(found, e); len(found) > limit {
				last := found[limit-1]
				return found[:limit], fmt.Sprintf("%d.%s", last.At.UnixMicro(), last.ID), nil
			}
		}
		if len(events) < batch {
			break
		}
		last := events[len(events)-1]
		before, after = last.At.Truncate(time.Microsecond).Add(time.Microsecond), last.ID
	}
	return found, "", nil
}

// told are the facts of events that are shown, in this order.
var told = []string{"accounts", "sources", "bills", "rows", "new", "uses_left", "codes_left"}

// deletedBy answers which deletions among events there are receipts of, by what
// was deleted.
func (p *Page) deletedBy(ctx context.Context, s consent.Session, events []audit.Event) (map[string]string, error) {
	if p.Receipts == nil || !slices.ContainsFunc(events, func(e audit.Event) bool { return e.Verb == audit.SourceUnlinked || e.Verb == audit.GrantRevoked }) {
		return nil, nil
	}
	all, err := p.Deletions.All(ctx, string(s.Person))
	there := map[string]string{}
	for _, d := range all {
		if !d.Destroyed.IsZero() {
			there[d.ID] = d.ID
		}
	}
	return there, err
}

// tell puts events into words. Names of clients and sources are looked up:
// events hold none.
func (p *Page) tell(r *http.Request, s consent.Session, events []audit.Event) ([]deed, error) {
	words := p.views[language.Of(r)].words
	clients := map[consent.ClientID]consent.Client{}
	sources := map[string]connectors.Source{}
	connections, err := p.Aggregate.Connections(r.Context(), s)
	if err != nil {
		return nil, err
	}
	for _, c := range connections { // those of files have no connector that names them
		sources[c.Source.ID] = c.Source
	}
	for _, src := range p.Aggregate.Sources() {
		sources[src.ID] = src
	}
	receipts, err := p.deletedBy(r.Context(), s, events)
	if err != nil {
		return nil, err
	}
	var deeds []deed
	day := ""
	for _, e := range events {
		d := deed{At: e.At, Verb: e.Verb, Times: 1}
		if e.Client != "" {
			c, err := p.clientName(r.Context(), consent.ClientID(e.Client), clients)
			if err != nil {
				return nil, err
			}
			d.Client = words.Name(c.Name)
		}
		source := words.T("activity.some_source")
		if src, ok := sources[e.Facts["source"]]; ok {
			source = words.Source(src)
		}
		key := "deed." + e.Verb
		if by := key + "." + e.Facts["by"]; words.has(by) {
			key = by
		}
		if !words.has(key) {
			key = "deed.other"
		}
		d.Text = words.T(key, d.Client, source)
		if (strings.HasPrefix(e.Verb, "grant.") || e.Verb == audit.RetentionEnded) && e.Verb != audit.GrantShown && e.Verb != audit.GrantRefused {
			d.Grant = e.On
		}
		switch e.Verb {
		case audit.SourceUnlinked:
			d.Gone = receipts[e.On]
		case audit.GrantRevoked:
			d.Gone = receipts["views-"+e.On]
		}
		for _, f := range told {
			if n, err := strconv.Atoi(e.Facts[f]); err == nil {
				d.Facts = append(d.Facts, words.N("fact."+f, n))
			}
		}
		today := e.At.In(shanghai).Format(time.DateOnly)
		if n := len(deeds); n > 0 && today == day && e.Verb == audit.DataSeen && deeds[n-1].Verb == audit.DataSeen {
			deeds[n-1].Times++
			continue
		}
		d.NewDay, day = today != day, today
		deeds = append(deeds, d)
	}
	return deeds, nil
}
