package page

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"jali/consent"
	"jali/consent/passkey"
	"jali/internal/fault"
	"jali/internal/language"
)

const longestName = passkey.MaxName

var errName = passkey.ErrName

// begun is what a script needs to go on with a ceremony.
type begun struct {
	Flow    string          `json:"flow"`
	Options json.RawMessage `json:"options"`
}

type finish struct {
	Flow     string          `json:"flow"`
	Response json.RawMessage `json:"response"`
	Label    string          `json:"label,omitempty"`
	Next     string          `json:"next,omitempty"`
}

// gate shows the sign-up, sign-in and recovery pages to those who are out.
func (p *Page) gate(w http.ResponseWriter, r *http.Request, name string) {
	next := nextOr(r.URL.Query().Get("next"), "")
	again := r.URL.Query().Get("again") != "" // what guards the account wants a sign-in of just now
	if _, recovering, err := p.Passkeys.Session(r); err == nil && !recovering && !again {
		http.Redirect(w, r, nextOr(next, "/"), http.StatusSeeOther)
		return
	}
	f := p.frameOf(r, consent.Session{}, name+".title", "", map[string]any{"Next": next})
	f.Bare = true
	p.render(w, r, http.StatusOK, name, f)
}

func (p *Page) signUp(w http.ResponseWriter, r *http.Request) { p.gate(w, r, "signup") }
func (p *Page) signIn(w http.ResponseWriter, r *http.Request) { p.gate(w, r, "signin") }

func (p *Page) recoverForm(w http.ResponseWriter, r *http.Request) { p.gate(w, r, "recover") }

func (p *Page) beginSignUp(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name string `json:"name"`
	}
	if err := readJSON(w, r, &in); err != nil {
		p.fail(w, r, err)
		return
	}
	name := strings.TrimSpace(in.Name)
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > longestName {
		p.fail(w, r, errName)
		return
	}
	flow, options, err := p.Passkeys.BeginSignUp(r.Context(), name)
	p.answerBegun(w, r, flow, options, err)
}

func (p *Page) beginSignIn(w http.ResponseWriter, r *http.Request) {
	var in struct{}
	if err := readJSON(w, r, &in); err != nil {
		p.fail(w, r, err)
		return
	}
	flow, options, err := p.Passkeys.BeginSignIn(r.Context())
	p.answerBegun(w, r, flow, options, err)
}

func (p *Page) answerBegun(w http.ResponseWriter, r *http.Request, flow string, options []byte, err error) {
	if err != nil {
		p.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, begun{flow, options})
}

// finishSignUp answers the recovery codes too: the script shows them before it
// goes on.
func (p *Page) finishSignUp(w http.ResponseWriter, r *http.Request) {
	var in finish
	if err := readJSON(w, r, &in); err != nil {
		p.fail(w, r, err)
		return
	}
	signed, codes, err := p.Passkeys.FinishSignUp(r.Context(), in.Flow, in.Response, r.UserAgent())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	http.SetCookie(w, signed.Cookie)
	writeJSON(w, http.StatusOK, map[string]any{"next": nextOr(in.Next, "/"), "codes": codes})
}

func (p *Page) finishSignIn(w http.ResponseWriter, r *http.Request) {
	var in finish
	if err := readJSON(w, r, &in); err != nil {
		p.fail(w, r, err)
		return
	}
	signed, err := p.Passkeys.FinishSignIn(r.Context(), in.Flow, in.Response, r.UserAgent())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	http.SetCookie(w, signed.Cookie)
	writeJSON(w, http.StatusOK, map[string]any{"next": nextOr(in.Next, "/")})
}

func (p *Page) recover(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.fail(w, r, formFault(err))
		return
	}
	signed, err := p.Passkeys.Recover(r.Context(), r.PostFormValue("code"), r.UserAgent())
	if err != nil {
		k := fault.Of(err).Kind
		if k == fault.Internal || k == fault.Unavailable {
			p.fail(w, r, err)
			return
		}
		f := p.frameOf(r, consent.Session{}, "recover.title", "",
			map[string]any{"Next": "", "Wrong": p.views[language.Of(r)].words.fault(fault.Of(err))})
		f.Bare, f.Self = true, "/recover"
		p.render(w, r, p.Status(k), "recover", f)
		return
	}
	http.SetCookie(w, signed.Cookie)
	http.Redirect(w, r, "/recover/passkey", http.StatusSeeOther)
}

// recoverPasskey is all that a session by recovery code can do.
func (p *Page) recoverPasskey(w http.ResponseWriter, r *http.Request, s consent.Session) {
	f := p.frameOf(r, s, "addpasskey.title", "", nil)
	f.Bare = true
	p.render(w, r, http.StatusOK, "addpasskey", f)
}

func (p *Page) signOut(w http.ResponseWriter, r *http.Request, s consent.Session) {
	if err := p.Passkeys.End(r.Context(), s, s.ID); err != nil {
		p.fail(w, r, err)
		return
	}
	http.SetCookie(w, p.Passkeys.NoCookie())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
