package page

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"jali/consent"
	"jali/consent/passkey"
	"jali/internal/aggregate"
)

type settingsPage struct {
	Person    consent.PersonID // what an operator's import is told
	Name      string
	Passkeys  []passkey.Passkey
	Sessions  []passkey.SessionInfo
	CodesLeft int
	Done      string
}

func (p *Page) settings(w http.ResponseWriter, r *http.Request, s consent.Session) {
	ctx := r.Context()
	d := settingsPage{Person: s.Person, Done: done(r)}
	var err error
	if d.Name, err = p.Passkeys.Name(ctx, s); err == nil {
		d.Passkeys, err = p.Passkeys.Passkeys(ctx, s)
	}
	if err == nil {
		d.Sessions, err = p.sessions(ctx, s)
	}
	if err == nil {
		d.CodesLeft, err = p.Passkeys.CodesLeft(ctx, s)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.render(w, r, http.StatusOK, "settings", p.frameOf(r, s, "settings.title", "settings", d))
}

func (p *Page) sessions(ctx context.Context, s consent.Session) ([]passkey.SessionInfo, error) {
	list, err := p.Passkeys.Sessions(ctx, s)
	for i := range list { // what was seen is kept by the hour, and the hour may have begun before
		if x := &list[i]; x.SeenAt.Before(x.OpenedAt) {
			x.SeenAt = x.OpenedAt
		}
	}
	return list, err
}

func (p *Page) beginAdd(w http.ResponseWriter, r *http.Request, s consent.Session) {
	var in struct{}
	if err := readJSON(w, r, &in); err != nil {
		p.fail(w, r, err)
		return
	}
	flow, options, err := p.Passkeys.BeginAdd(r.Context(), s)
	p.answerBegun(w, r, flow, options, err)
}

func (p *Page) finishAdd(w http.ResponseWriter, r *http.Request, s consent.Session) {
	var in finish
	if err := readJSON(w, r, &in); err != nil {
		p.fail(w, r, err)
		return
	}
	label := strings.TrimSpace(in.Label)
	if len([]rune(label)) > longestName {
		p.fail(w, r, errName)
		return
	}
	if label == "" {
		label = passkey.Agent(r.UserAgent())
	}
	if err := p.Passkeys.FinishAdd(r.Context(), s, in.Flow, in.Response, label); err != nil {
		p.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"next": "/settings?done=passkey_added"})
}

func (p *Page) removePasskey(w http.ResponseWriter, r *http.Request, s consent.Session) {
	if err := p.Passkeys.Remove(r.Context(), s, r.PathValue("passkey")); err != nil {
		p.fail(w, r, err)
		return
	}
	toDone(w, r, "/settings", "passkey_removed")
}

// newCodes shows the codes in answer to the post itself: they are told once,
// and stand nowhere to be shown again.
func (p *Page) newCodes(w http.ResponseWriter, r *http.Request, s consent.Session) {
	codes, err := p.Passkeys.NewCodes(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	f := p.frameOf(r, s, "codes.title", "settings", codes)
	f.Self, f.Once = "/settings", true
	p.render(w, r, http.StatusOK, "codes", f)
}

func (p *Page) endSession(w http.ResponseWriter, r *http.Request, s consent.Session) {
	if err := p.Passkeys.End(r.Context(), s, r.PathValue("session")); err != nil {
		p.fail(w, r, err)
		return
	}
	toDone(w, r, "/settings", "session_ended")
}

func (p *Page) endOthers(w http.ResponseWriter, r *http.Request, s consent.Session) {
	if err := p.Passkeys.EndAll(r.Context(), s); err != nil {
		p.fail(w, r, err)
		return
	}
	toDone(w, r, "/settings", "others_ended")
}

func (p *Page) exportJSON(w http.ResponseWriter, r *http.Request, s consent.Session) {
	about, err := p.about(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.download(w, r, s, func(ctx context.Context, s consent.Session, w io.Writer) error {
		return p.Aggregate.ExportJSON(ctx, s, about, w)
	}, "json", "application/json")
}

// about gathers for an export what is kept of a person beside their accounts.
func (p *Page) about(ctx context.Context, s consent.Session) (aggregate.About, error) {
	a := aggregate.About{ID: s.Person, Passkeys: []aggregate.AboutPasskey{}, Sessions: []aggregate.AboutSession{}, Paused: []consent.ClientID{}}
	var err error
	if a.Name, err = p.Passkeys.Name(ctx, s); err != nil {
		return a, err
	}
	keys, err := p.Passkeys.Passkeys(ctx, s)
	if err != nil {
		return a, err
	}
	for _, k := range keys {
		a.Passkeys = append(a.Passkeys, aggregate.AboutPasskey{ID: k.ID, Label: k.Label, AddedAt: k.AddedAt, LastUsed: k.LastUsed})
	}
	sessions, err := p.sessions(ctx, s)
	if err != nil {
		return a, err
	}
	for _, x := range sessions {
		a.Sessions = append(a.Sessions, aggregate.AboutSession{ID: x.ID, Agent: x.Agent, OpenedAt: x.OpenedAt, SeenAt: x.SeenAt})
	}
	paused, err := p.Consent.Paused(ctx, s)
	if err != nil {
		return a, err
	}
	for client, is := range paused {
		if is {
			a.Paused = append(a.Paused, client)
		}
	}
	slices.Sort(a.Paused)
	if a.AllPaused, err = p.Consent.AllPaused(ctx, s); err != nil {
		return a, err
	}
	if a.Receipts, err = p.receipts(ctx, s); err != nil {
		return a, err
	}
	deletions, err := p.deletions(ctx, s)
	a.Receipts = append(a.Receipts, deletions...)
	return a, err
}

func (p *Page) exportCSV(w http.ResponseWriter, r *http.Request, s consent.Session) {
	p.download(w, r, s, p.Aggregate.ExportCSV, "csv", "text/csv; charset=utf-8")
}

// download is whole before it begins: a file that breaks off looks like all
// there is.
func (p *Page) download(w http.ResponseWriter, r *http.Request, s consent.Session,
	write func(context.Context, consent.Session, io.Writer) error, ext, kind string) {
	var b bytes.Buffer
	if err := write(r.Context(), s, &b); err != nil {
		p.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="jali-`+p.Now().In(shanghai).Format(time.DateOnly)+"."+ext+`"`)
	_, _ = b.WriteTo(w)
}
