package page

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/language"
)

// looking is a page that waits for a look over a year: what stands before the
// look is sent first, as on home.
type looking struct {
	Wait     func() string
	Asking   []connectors.Source
	Wrong    said  // there is no look
	Year     int   // 0: the last twelve months
	Years    []int // that there may be bills of, newest first
	From, To time.Time
	Look     aggregate.Look
	None     bool // nothing is connected
}

// withLook renders a page whose data embeds l, filled in from the look.
func (p *Page) withLook(w http.ResponseWriter, r *http.Request, s consent.Session, name, title string, l *looking, data any, fill func(aggregate.Look, *catalog)) {
	connections, err := p.Aggregate.Connections(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	f := p.frameOf(r, s, title, "home", data)
	if l.None = len(connections) == 0; l.None {
		p.render(w, r, http.StatusOK, name, f)
		return
	}
	l.read(r.URL.Query(), p.Now(), connections)
	p.stream(w, r, name, f, func(flush func()) {
		l.Wait = func() string {
			flush()
			if l.Look, err = p.Aggregate.Own(r.Context(), s, l.From, l.To); err != nil {
				if r.Context().Err() == nil {
					p.Log.ErrorContext(r.Context(), "no look at a person's own data", "err", err)
				}
				l.Wrong = p.views[language.Of(r)].words.fault(fault.Of(err))
				return ""
			}
			fill(l.Look, p.views[language.Of(r)].words)
			return ""
		}
	})
}

// read takes the year that is asked for, if there may be bills of it; a year
// ends today at the latest.
func (l *looking) read(q url.Values, now time.Time, connections []aggregate.Connection) {
	now = now.In(shanghai)
	tomorrow := midnight(now).AddDate(0, 0, 1)
	oldest := now.Year() - 1
	for _, c := range connections {
		if !c.Imported {
			l.Asking = append(l.Asking, c.Source)
		} else if !c.Covers.From.IsZero() {
			oldest = min(oldest, max(c.Covers.From.In(shanghai).Year(), now.Year()-30))
		}
	}
	for y := now.Year(); y >= oldest; y-- {
		l.Years = append(l.Years, y)
		if q.Get("year") == strconv.Itoa(y) {
			l.Year = y
		}
	}
	l.From, l.To = time.Date(now.Year(), now.Month()-11, 1, 0, 0, 0, 0, shanghai), tomorrow
	if l.Year > 0 {
		l.From, l.To = time.Date(l.Year, 1, 1, 0, 0, 0, 0, shanghai), time.Date(l.Year+1, 1, 1, 0, 0, 0, 0, shanghai)
		if tomorrow.Before(l.To) {
			l.To = tomorrow
		}
	}
}

func accountsOf(look aggregate.Look) map[consent.AccountID]aggregate.OwnAccount {
	all := make(map[consent.AccountID]aggregate.OwnAccount, len(look.Accounts))
	for _, a := range look.Accounts {
		all[a.ID] = a
	}
	return all
}

func midnight(t time.Time) time.Time {
	t = t.In(shanghai)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, shanghai)
}

// contains reports that a text holds a word; an empty word is in none.
func contains(text, word string) bool { return word != "" && strings.Contains(text, word) }
