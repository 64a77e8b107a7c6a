package page

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/language"
)

// askPage is a request before its person.
type askPage struct {
	Grant   consent.Grant
	Client  consent.Client
	Terms   termsText
	Groups  []offerGroup
	Missing []connectors.Source // asked for, and not connected
	Alias   string              // what an account will look like to the client
	Choice  choiceForm
	Revises *revision // what changes, of a request that revises a grant
	Wrong   said      // what was wrong with the last try
}

type offerGroup struct {
	Source   connectors.Source
	Accounts []offer
}

type offer struct {
	aggregate.OwnAccount
	Ticked  bool
	Granted bool // it is in the grant that the request revises
}

// aliasShapes are drawn, not real: an alias is made when the grant is used.
var aliasShapes = map[string]string{"card": "9977 •••• •••• •••• •••", "iban": "XX00 •••• •••• •••• ••••", "opaque": "acct_••••••••••"}

func (p *Page) consentAsk(w http.ResponseWriter, r *http.Request, s consent.Session) {
	g, err := p.Consent.Show(r.Context(), s, consent.GrantID(r.PathValue("grant")))
	if err == nil && g.State != consent.Shown {
		err = consent.ErrDecided
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.renderAsk(w, r, s, g, p.prepared(g), http.StatusOK, nil)
}

// prepared is what the person had set when they come back to change it.
func (p *Page) prepared(g consent.Grant) *consent.Choice {
	if g.Pending == nil || !p.Now().Before(g.Pending.Until) {
		return nil
	}
	t, asked := g.Pending.Terms, g.Asked
	c := consent.Choice{Accounts: g.Pending.Accounts, Datatypes: t.Datatypes}
	if t.Fields != asked.Fields {
		c.Fields = t.Fields
	}
	if t.Period != asked.Period {
		c.Period = t.Period
	}
	if t.Uses != asked.Uses {
		c.Uses = t.Uses
	}
	if !t.Until.Equal(asked.Until) {
		c.Until = t.Until
	}
	return &c
}

// offered are the accounts that may be ticked.
func offered(own []aggregate.OwnAccount, g consent.Grant) []aggregate.OwnAccount {
	return slices.DeleteFunc(slices.Clone(own), func(a aggregate.OwnAccount) bool { return !covers(g.Asked, a) })
}

// renderAsk shows the request; chosen is what the person had set, where a try
// failed or they come back.
func (p *Page) renderAsk(w http.ResponseWriter, r *http.Request, s consent.Session, g consent.Grant,
	chosen *consent.Choice, code int, wrong error) {
	words := p.views[language.Of(r)].words
	client, err := p.Consent.Client(r.Context(), g.Client)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	own, err := p.Aggregate.Accounts(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	accounts := offered(own, g)
	d := askPage{Grant: g, Client: client, Terms: words.terms(g.Asked, p.Aggregate.Sources()), Alias: aliasShapes["opaque"]}
	if shape, ok := aliasShapes[client.AliasShape]; ok {
		d.Alias = shape
	}
	if d.Revises, err = p.revision(r, s, g, g.Asked, nil, own); err != nil {
		p.fail(w, r, err)
		return
	}
	has := map[string]bool{}
	for _, a := range accounts {
		if !has[a.Source.ID] {
			has[a.Source.ID] = true
			d.Groups = append(d.Groups, offerGroup{Source: a.Source})
		}
		i := slices.IndexFunc(d.Groups, func(g offerGroup) bool { return g.Source.ID == a.Source.ID })
		granted := d.Revises.granted(a.ID)
		d.Groups[i].Accounts = append(d.Groups[i].Accounts,
			offer{a, chosen == nil && granted || chosen != nil && slices.Contains(chosen.Accounts, a.ID), granted})
	}
	for _, src := range p.Aggregate.Sources() {
		if !has[src.ID] && (len(g.Asked.Sources) == 0 || slices.Contains(g.Asked.Sources, src.ID)) {
			d.Missing = append(d.Missing, src)
		}
	}
	c := consent.Choice{}
	if chosen != nil {
		c = *chosen
	}
	d.Choice = p.choices(words, g.Asked, c)
	if wrong != nil {
		f := fault.Of(wrong)
		d.Wrong = words.fault(f)
		if !f.Is(consent.ErrNothingChosen) || len(c.Accounts) > 0 {
			d.Choice.Narrowed = true // that is where the mistake is
		}
	}
	title := "consent.title"
	if d.Revises != nil {
		title = "revise.title"
	}
	f := p.frameOf(r, s, title, "", d)
	f.Bare, f.Self = true, "/consent/"+url.PathEscape(string(g.ID))
	p.render(w, r, code, "consent", f)
}

// consentPrepare takes the choice and goes on to what the passkey is to sign.
func (p *Page) consentPrepare(w http.ResponseWriter, r *http.Request, s consent.Session) {
	id := consent.GrantID(r.PathValue("grant"))
	g, err := p.Consent.Show(r.Context(), s, id)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	own, err := p.Aggregate.Accounts(r.Context(), s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	var ids []consent.AccountID
	for _, a := range offered(own, g) {
		ids = append(ids, a.ID)
	}
	choice, err := readChoice(r.PostForm, g.Asked)
	if err == nil && len(choice.Accounts) == 0 {
		err = consent.ErrNothingChosen
	}
	if err == nil {
		_, err = p.Consent.Prepare(r.Context(), s, id, choice, ids)
	}
	if err == nil {
		http.Redirect(w, r, "/consent/"+url.PathEscape(string(id))+"/confirm", http.StatusSeeOther)
		return
	}
	switch f := fault.Of(err); {
	case f.Is(consent.ErrNothingChosen) || f.Is(consent.ErrWider) || f.Is(consent.ErrTooFew) || f.Is(errForm):
		p.renderAsk(w, r, s, g, &choice, p.Status(f.Kind), err)
	default:
		p.fail(w, r, err)
	}
}

// confirmPage shows what is signed, and nothing that is not.
type confirmPage struct {
	Grant     consent.Grant
	Client    consent.Client
	Terms     termsText
	Accounts  []aggregate.OwnAccount
	Revises   *revision
	Alias     string
	Agreement string // the very bytes, indented
	Hash      string // base64url of their SHA-256: the passkey's challenge
	Options   json.RawMessage
}

func (p *Page) consentConfirm(w http.ResponseWriter, r *http.Request, s consent.Session) {
	ctx, words := r.Context(), p.views[language.Of(r)].words
	id := consent.GrantID(r.PathValue("grant"))
	g, err := p.Consent.Show(ctx, s, id)
	if err == nil && g.State != consent.Shown {
		err = consent.ErrDecided
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if g.Pending == nil || !p.Now().Before(g.Pending.Until) {
		http.Redirect(w, r, "/consent/"+url.PathEscape(string(id)), http.StatusSeeOther)
		return
	}
	d := confirmPage{Grant: g, Terms: words.terms(g.Pending.Terms, p.Aggregate.Sources()), Alias: aliasShapes["opaque"],
		Agreement: indent(g.Pending.JSON), Hash: base64.RawURLEncoding.EncodeToString(g.Pending.Challenge)}
	if d.Client, err = p.Consent.Client(ctx, g.Client); err == nil {
		d.Options, err = p.Passkeys.Options(ctx, s, g.Pending.Challenge)
	}
	var own []aggregate.OwnAccount
	if err == nil {
		own, err = p.Aggregate.Accounts(ctx, s)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if shape, ok := aliasShapes[d.Client.AliasShape]; ok {
		d.Alias = shape
	}
	for _, id := range g.Pending.Accounts {
		i := slices.IndexFunc(own, func(a aggregate.OwnAccount) bool { return a.ID == id })
		if i < 0 { // disconnected since: what was prepared is not what there is
			http.Redirect(w, r, "/consent/"+url.PathEscape(string(g.ID)), http.StatusSeeOther)
			return
		}
		d.Accounts = append(d.Accounts, own[i])
	}
	if d.Revises, err = p.revision(r, s, g, g.Pending.Terms, g.Pending.Accounts, own); err != nil {
		p.fail(w, r, err)
		return
	}
	f := p.frameOf(r, s, "confirm.title", "", d)
	f.Bare = true
	p.render(w, r, http.StatusOK, "confirm", f)
}

// consentGive takes the passkey's answer from a script.
func (p *Page) consentGive(w http.ResponseWriter, r *http.Request, s consent.Session) {
	var in struct {
		Response json.RawMessage `json:"response"`
	}
	if err := readJSON(w, r, &in); err != nil {
		p.fail(w, r, err)
		return
	}
	id := consent.GrantID(r.PathValue("grant")) // of the request: what is given may be another, that it revised
	_, ticket, err := p.Consent.Give(r.Context(), s, id, in.Response)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"next": afterDecision(id, ticket, "agreed")})
}

func (p *Page) consentRefuse(w http.ResponseWriter, r *http.Request, s consent.Session) {
	id := consent.GrantID(r.PathValue("grant"))
	_, ticket, err := p.Consent.Refuse(r.Context(), s, id)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, afterDecision(id, ticket, "declined"), http.StatusSeeOther)
}

// consentReturn sends a refusal on its way to the client (see depart).
func (p *Page) consentReturn(w http.ResponseWriter, r *http.Request, s consent.Session) {
	ctx, id := r.Context(), consent.GrantID(r.PathValue("grant"))
	grants, err := p.Consent.Grants(ctx, s)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	i := slices.IndexFunc(grants, func(g consent.Grant) bool { return g.ID == id })
	ticket := r.URL.Query().Get("ticket")
	if i < 0 || ticket == "" {
		p.fail(w, r, consent.ErrNoGrant)
		return
	}
	client, err := p.clientName(ctx, grants[i].Client, map[consent.ClientID]consent.Client{})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.depart(w, r, s, finishURL(id, consent.Ticket(ticket)), client.Name, true)
}

func finishURL(id consent.GrantID, t consent.Ticket) string {
	return "/oauth/finish?" + url.Values{"grant": {string(id)}, "ticket": {string(t)}}.Encode()
}

func indent(b []byte) string {
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return string(b)
	}
	return out.String()
}
