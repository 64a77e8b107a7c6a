package page

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/deletion"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/language"
)

// Deletions keeps what receipts of deletions are made of; [*deletion.Register] is one.
type Deletions interface {
	Leave(tx kv.Tx, id string, l deletion.Leaving) error
	Left(ctx context.Context, id string) (deletion.Leaving, error)
	All(ctx context.Context, person string) ([]deletion.Deletion, error)
	Of(ctx context.Context, person, id string) (deletion.Deletion, error)
}

// leavePage says what will be gone; its passkey check signs Agreement.
type leavePage struct {
	Connections, Grants int
	Agreement, Hash     string
	Options             json.RawMessage
	Wrong               said
}

func (p *Page) leaveForm(w http.ResponseWriter, r *http.Request, s consent.Session) {
	p.renderLeave(w, r, s, http.StatusOK, said{})
}

func (p *Page) renderLeave(w http.ResponseWriter, r *http.Request, s consent.Session, code int, wrong said) {
	ctx := r.Context()
	a, err := p.Consent.PrepareLeave(ctx, s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	d := leavePage{Agreement: indent(a.JSON), Hash: base64.RawURLEncoding.EncodeToString(a.Challenge), Wrong: wrong}
	if d.Options, err = p.Passkeys.Options(ctx, s, a.Challenge); err != nil {
		p.fail(w, r, err)
		return
	}
	connections, err := p.Aggregate.Connections(ctx, s)
	if err == nil {
		d.Connections = len(connections)
		var grants []consent.Grant
		if grants, err = p.Consent.Grants(ctx, s); err == nil {
			for _, g := range grants {
				if g.State == consent.Given {
					d.Grants++
				}
			}
		}
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	http.SetCookie(w, p.leftCookie(deletion.NewID()))
	f := p.frameOf(r, s, "leave.title", "settings", d)
	f.Self = "/settings/leave"
	p.render(w, r, code, "leave", f)
}

// leftName is the cookie by which a browser finds the receipt of who left from
// it. It is there before anything is deleted, so that nothing is lost where the
// answer does not arrive, and its value stands nowhere else.
const leftName = "jali_left"

func (p *Page) leftCookie(id string) *http.Cookie {
	return &http.Cookie{Name: leftName, Value: id, Path: "/settings/leave", MaxAge: int(deletion.Keep / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(p.origin, "https:")}
}

// whoLeft answers the deletion that this browser has a cookie of.
func (p *Page) whoLeft(r *http.Request) (deletion.Leaving, error) {
	c, err := r.Cookie(leftName)
	if err != nil {
		return deletion.Leaving{}, deletion.ErrNone
	}
	return p.Deletions.Left(r.Context(), c.Value)
}

// orLeft sends whoever has left already, and asks again because they never saw
// the answer, to it.
func (p *Page) orLeft(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, _, err := p.Passkeys.Session(r); err != nil && fault.Of(err).Kind == fault.Unauthenticated {
			if _, err := p.whoLeft(r); err == nil {
				http.Redirect(w, r, leftPath, http.StatusSeeOther)
				return
			}
		}
		next(w, r)
	}
}

const (
	leftPath = "/settings/leave/done"
	// farewell is how long the sources of who has left have to hear of it.
	farewell = 3 * time.Second
)

// leave deletes the person, destroys their keys and tells their sources. What
// comes of it is shown by [Page.left], which needs no session.
func (p *Page) leave(w http.ResponseWriter, r *http.Request, s consent.Session) {
	id := ""
	if c, err := r.Cookie(leftName); err == nil {
		id = c.Value
	}
	if _, err := p.whoLeft(r); err == nil || id == "" { // somebody else's, or none
		id = deletion.NewID()
		http.SetCookie(w, p.leftCookie(id))
	}
	tell, err := p.Aggregate.Parting(r.Context(), s)
	if err != nil { // nobody is kept here by that
		p.Log.ErrorContext(r.Context(), "the sources of who leaves cannot be told", "code", fault.Of(err).Code)
		tell = func(context.Context) {}
	}
	_, err = p.Consent.Leave(r.Context(), s, []byte(r.PostFormValue("response")), func(tx kv.Tx, bye consent.Farewell) error {
		held, err := p.Aggregate.Held(tx, s.Person)
		if err != nil {
			return err
		}
		proof, err := json.Marshal(bye.Evidence)
		if err != nil {
			return err
		}
		return p.Deletions.Leave(tx, id, deletion.Leaving{Person: string(s.Person), Proof: proof, Deletion: deletion.Deletion{
			ID: string(s.Person), Of: deletion.Person, At: bye.At,
			Connections: held.Connections, Accounts: held.Accounts, Bills: held.Bills, Grants: bye.Grants}})
	})
	if err != nil {
		switch f := fault.Of(err); f.Kind {
		case fault.Internal, fault.Unavailable:
			p.fail(w, r, err)
		default:
			p.renderLeave(w, r, s, p.Status(f.Kind), p.views[language.Of(r)].words.fault(f))
		}
		return
	}
	http.SetCookie(w, p.Passkeys.NoCookie())
	p.destroyKeys(r)
	telling, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), farewell)
	defer cancel()
	tell(telling)
	http.Redirect(w, r, leftPath, http.StatusSeeOther)
}

// destroyKeys does at once what the house does within seconds, so that the next
// page can tell of it.
func (p *Page) destroyKeys(r *http.Request) {
	if err := p.Shred(context.WithoutCancel(r.Context())); err != nil {
		p.Log.ErrorContext(r.Context(), "the keys of what was deleted are not destroyed yet", "err", err)
	}
}

// leftPage says what was deleted; Receipt is empty until the keys are gone.
type leftPage struct {
	deletion.Deletion
	Receipt string
	Until   time.Time // it can be had
}

func (p *Page) left(w http.ResponseWriter, r *http.Request) {
	l, err := p.whoLeft(r)
	d := leftPage{Deletion: l.Deletion, Until: l.At.Add(deletion.Keep)}
	if err == nil && p.Receipts != nil && !l.Destroyed.IsZero() {
		d.Receipt, err = p.leavingReceipt(l)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	f := p.frameOf(r, consent.Session{}, "left.title", "", d)
	f.Bare, f.Self = true, leftPath
	p.render(w, r, http.StatusOK, "left", f)
}

// leftReceipt is the receipt as a file.
func (p *Page) leftReceipt(w http.ResponseWriter, r *http.Request) {
	l, err := p.whoLeft(r)
	jws := ""
	if err == nil {
		jws, err = p.leavingReceipt(l)
	}
	p.saveReceipt(w, r, deletionReceipt+"-receipt", jws, err)
}

// gone is what the receipt of a deletion says.
type gone struct {
	receiptHead
	Of            string         `json:"of"` // "person", "connection" or "views"
	DeletedAt     time.Time      `json:"deleted_at"`
	KeysDestroyed time.Time      `json:"keys_destroyed_at"`
	Destroyed     map[string]int `json:"destroyed"` // how many of what
	// BackupsEnd is when backups from before the deletion can be opened no more;
	// absent: when the operator renews the root keys.
	BackupsEnd time.Time `json:"backups_unreadable_from,omitzero"`

	Connection string            `json:"connection,omitempty"`
	Source     string            `json:"source,omitempty"`
	Imported   bool              `json:"imported,omitempty"`
	Client     string            `json:"client,omitempty"`
	Grant      string            `json:"grant,omitempty"`
	Evidence   *consent.Evidence `json:"evidence,omitempty"` // of a person's
}

// deleted answers errNoPage while the keys are not destroyed: there is nothing
// yet to give a receipt of.
func (p *Page) deleted(person consent.PersonID, d deletion.Deletion, proof *consent.Evidence) (string, error) {
	if p.Receipts == nil || d.Destroyed.IsZero() {
		return "", errNoPage
	}
	g := gone{receiptHead: p.receiptHead(person), Of: d.Of, DeletedAt: d.At.UTC(), KeysDestroyed: d.Destroyed.UTC(), BackupsEnd: d.Backups.UTC(),
		Source: d.Source, Imported: d.Imported, Client: d.Client, Grant: d.Grant, Evidence: proof}
	switch d.Of {
	case deletion.Person:
		g.Destroyed = map[string]int{"connections": d.Connections, "accounts": d.Accounts, "bills": d.Bills, "grants": d.Grants}
	case deletion.Connection:
		g.Connection, g.Destroyed = d.ID, map[string]int{"accounts": d.Accounts, "bills": d.Bills}
	case deletion.Views:
		g.Destroyed = map[string]int{"views": d.Views}
	}
	return p.Receipts(deletionReceipt, g)
}

func (p *Page) leavingReceipt(l deletion.Leaving) (string, error) {
	var proof consent.Evidence
	if err := json.Unmarshal(l.Proof, &proof); err != nil {
		return "", err
	}
	return p.deleted(consent.PersonID(l.Person), l.Deletion, &proof)
}

// deletionOf answers the receipt of something that a person who is here has deleted.
func (p *Page) deletionOf(w http.ResponseWriter, r *http.Request, s consent.Session) {
	d, err := p.Deletions.Of(r.Context(), string(s.Person), r.PathValue("deletion"))
	jws := ""
	if err == nil {
		jws, err = p.deleted(s.Person, d, nil)
	}
	p.saveReceipt(w, r, deletionReceipt+"-receipt", jws, err)
}

// deletions are the receipts of all that a person has deleted, for their export.
func (p *Page) deletions(ctx context.Context, s consent.Session) ([]aggregate.AboutReceipt, error) {
	all, err := p.Deletions.All(ctx, string(s.Person))
	if err != nil || p.Receipts == nil {
		return nil, err
	}
	var list []aggregate.AboutReceipt
	for _, d := range all {
		if d.Destroyed.IsZero() {
			continue
		}
		jws, err := p.deleted(s.Person, d, nil)
		if err != nil {
			return nil, err
		}
		list = append(list, aggregate.AboutReceipt{Deletion: d.ID, Name: deletionReceipt, JWS: jws})
	}
	return list, nil
}
