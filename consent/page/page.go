// Package page is what a person meets in a browser: it decides how consent is
// asked for and how their own data is shown, and nothing else. Every right
// comes out of a [consent.Session] that package passkey made of the request's
// cookie, and every deed is done by the services of its [Config].
//
// The unit is the page: one method, one template, rendered whole into memory
// before the first byte leaves. Home, the sums and the pairs to decide are sent
// in two parts, since the second waits for the sources ([Page.stream]). Pages
// are plain HTML that works without script; script is used where WebAuthn,
// plots, upload progress, the list of waiting requests and what a bank writes
// behind a # need it. Of files under review nothing is kept here: their ids
// go from form to form, and a password only to the file that it opens. A request that revises a grant is shown as the
// difference that it makes ([Page.revision]), and one that another device
// started is answered here and returns nowhere. Receipts are signed when they
// are asked for, out of what package consent kept of each yes.
// Posts carry a token of their session and come from this origin, or are
// refused before anything is read of them (guard.go).
//
// Rows: ("page", "seen", person): until when that person has dismissed the
// notices of uses. It knows no OAuth and no source; it hands over at
// /oauth/finish and comes back at /connect/return.
package page

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/consent/passkey"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/kv"
)

// Grants is what a person can do about grants; [*consent.Service] is one.
type Grants interface {
	Show(context.Context, consent.Session, consent.GrantID) (consent.Grant, error)
	Prepare(context.Context, consent.Session, consent.GrantID, consent.Choice, []consent.AccountID) (consent.Agreement, error)
	Give(context.Context, consent.Session, consent.GrantID, []byte) (consent.Grant, consent.Ticket, error)
	Refuse(context.Context, consent.Session, consent.GrantID) (consent.Grant, consent.Ticket, error)
	Revoke(context.Context, consent.Session, consent.GrantID) (consent.Grant, error)
	Grants(context.Context, consent.Session) ([]consent.Grant, error)
	ReadableUntil(consent.Grant) time.Time
	// Kept answers until when clients may keep what they have seen.
	Kept(context.Context, consent.Session) (map[consent.GrantID]time.Time, error)
	Pause(context.Context, consent.Session, consent.ClientID) error
	Resume(context.Context, consent.Session, consent.ClientID) error
	Paused(context.Context, consent.Session) (map[consent.ClientID]bool, error)
	PrepareLeave(context.Context, consent.Session) (consent.Agreement, error)
	Leave(ctx context.Context, p consent.Session, response []byte, keep func(kv.Tx, consent.Farewell) error) (consent.Evidence, error)
	Client(context.Context, consent.ClientID) (consent.Client, error)
	Record(context.Context, consent.Session, consent.GrantID) (consent.Grant, []consent.Evidence, error)
	Revised(ctx context.Context, p consent.Session, request consent.GrantID) (consent.Grant, error)
	Waiting(context.Context, consent.Session) ([]consent.Grant, error)
	PauseAll(context.Context, consent.Session) error
	ResumeAll(context.Context, consent.Session) error
	AllPaused(context.Context, consent.Session) (bool, error)
	RevokeAll(context.Context, consent.Session, consent.ClientID) (int, error)
	Introduce(context.Context, consent.Session) (consent.Introduction, error)
	Introduced(context.Context, consent.Session) (consent.Introduction, error)
}

// Brake slows down who tries too often to get in.
type Brake interface {
	// Take counts a try of the request's address; beyond what it may, it
	// answers a fault of kind Limited that says when to come back.
	Take(*http.Request) error
}

// Passkeys signs people in and checks that they are there; [*passkey.Service] is one.
type Passkeys interface {
	BeginSignUp(ctx context.Context, name string) (flow string, options []byte, err error)
	FinishSignUp(ctx context.Context, flow string, response []byte, userAgent string) (passkey.SignedIn, []string, error)
	BeginSignIn(context.Context) (flow string, options []byte, err error)
	FinishSignIn(ctx context.Context, flow string, response []byte, userAgent string) (passkey.SignedIn, error)
	Recover(ctx context.Context, code string, userAgent string) (passkey.SignedIn, error)
	BeginAdd(context.Context, consent.Session) (flow string, options []byte, err error)
	FinishAdd(ctx context.Context, p consent.Session, flow string, response []byte, label string) error
	NewCodes(context.Context, consent.Session) ([]string, error)
	Passkeys(context.Context, consent.Session) ([]passkey.Passkey, error)
	Remove(ctx context.Context, p consent.Session, id string) error
	Options(ctx context.Context, p consent.Session, challenge []byte) ([]byte, error)
	Session(*http.Request) (p consent.Session, recovering bool, err error)
	CSRF(consent.Session) string
	CheckCSRF(p consent.Session, token string) bool
	Sessions(context.Context, consent.Session) ([]passkey.SessionInfo, error)
	End(ctx context.Context, p consent.Session, id string) error
	EndAll(context.Context, consent.Session) error
	Name(context.Context, consent.Session) (string, error)
	CodesLeft(context.Context, consent.Session) (int, error)
	NoCookie() *http.Cookie
}

// Accounts is a person's sources and what they hold; [*aggregate.Service] is one.
type Accounts interface {
	Sources() []connectors.Source
	Offers() []aggregate.Offer
	Connections(context.Context, consent.Session) ([]aggregate.Connection, error)
	BeginLink(ctx context.Context, p consent.Session, source, returnURL string) (string, error)
	FinishLink(context.Context, consent.Session, url.Values) (aggregate.Connection, error)
	Disconnect(ctx context.Context, p consent.Session, id string) error
	// Parting answers how to tell the sources of a person that they have left.
	Parting(context.Context, consent.Session) (tell func(context.Context), err error)
	// Held counts, in the transaction of a person's leaving, what goes with them.
	Held(kv.Tx, consent.PersonID) (aggregate.Holding, error)
	Accounts(context.Context, consent.Session) ([]aggregate.OwnAccount, error)
	Stage(context.Context, consent.Session, io.Reader, billfile.Options) (aggregate.Upload, error)
	Reopen(ctx context.Context, p consent.Session, upload string, o billfile.Options) (aggregate.Upload, error)
	Accept(ctx context.Context, p consent.Session, upload string, acceptMismatch bool, to []aggregate.Belongs) (aggregate.ImportReport, error)
	Own(ctx context.Context, p consent.Session, from, to time.Time) (aggregate.Look, error)
	OwnAfresh(ctx context.Context, p consent.Session, from, to time.Time) (aggregate.Look, error)
	Decide(ctx context.Context, p consent.Session, a, b string, link aggregate.Link, yes bool) error
	Undecide(ctx context.Context, p consent.Session, a, b string, link aggregate.Link) error
	Correct(ctx context.Context, p consent.Session, bill, category string) error
	Behind(ctx context.Context, p consent.Session, alias string) (aggregate.Behind, error)
	ExportJSON(context.Context, consent.Session, aggregate.About, io.Writer) error
	ExportCSV(context.Context, consent.Session, io.Writer) error
}

// Config of a [Page]. All but Software, Receipts, Brake and Log are required.
type Config struct {
	Consent   Grants
	Passkeys  Passkeys
	Aggregate Accounts
	Deletions Deletions
	DB        kv.DB  // the timeline, and this room's own rows
	Issuer    string // https://jali.example: the only origin that posts come from
	Now       func() time.Time
	Status    func(fault.Kind) int // the HTTP status of a kind of fault; the server decides it
	// Shred destroys the keys of everybody who has left and of all that was
	// disconnected. Where it fails it is tried again within a minute, by others.
	Shred func(context.Context) error

	// Software is the URL path of a software passkey on this origin that
	// answers GET {Software}/credentials with [{"id","name"}], and POST
	// {Software}/create and /get, {"options",…}, with the JSON of a
	// PublicKeyCredential. The sandbox alone sets it.
	Software string
	// Receipts signs a receipt of kind "grant", "revocation" or "deletion",
	// claims as JSON.
	Receipts func(kind string, claims any) (jws string, err error)
	Brake    Brake // on signing up, in and recovering; nil: none
	Lookups  Brake // on asking what an alias stands for; nil: none
	Log      *slog.Logger
}

// Page is an http.Handler of all pages; every path that is none of them
// answers a page that says so.
type Page struct {
	Config
	origin string
	views  map[string]*views // by language
	mux    *http.ServeMux
}

// New reads the templates and both catalogs; what is wrong with them is found here.
func New(c Config) (*Page, error) {
	if c.Consent == nil || c.Passkeys == nil || c.Aggregate == nil || c.Deletions == nil || c.DB == nil || c.Now == nil || c.Status == nil || c.Shred == nil {
		return nil, errors.New("page: a service, the database, the clock, the statuses or the shredder are missing")
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil || issuer.Scheme == "" || issuer.Host == "" {
		return nil, errors.New("page: the issuer is not an absolute URL")
	}
	if c.Software != "" && (localPath(c.Software) == "" || strings.HasSuffix(c.Software, "/")) {
		return nil, errors.New("page: the software passkey must be a path of this origin")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	p := &Page{Config: c, origin: issuer.Scheme + "://" + issuer.Host}
	if p.views, err = readViews(); err != nil {
		return nil, err
	}
	p.mux = http.NewServeMux()
	p.routes()
	return p, nil
}

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shield(w.Header())
	p.mux.ServeHTTP(w, r)
}

// PersonLeaves removes what this room keeps of a person.
func (p *Page) PersonLeaves(tx kv.Tx, person consent.PersonID) error {
	return tx.Delete(seenKey(person))
}

func (p *Page) routes() {
	get := func(path string, h http.HandlerFunc) { p.mux.HandleFunc("GET "+path, h) }
	post := func(path string, h http.HandlerFunc) { p.mux.HandleFunc("POST "+path, p.sameOrigin(h)) }
	mine := func(path string, h personal) { get(path, p.signedIn(h)) }
	deed := func(path string, h personal) { post(path, p.signedIn(p.withToken(h))) }

	get("/static/{file}", statics.ServeHTTP)
	get("/lang/{lang}", p.setLanguage)
	p.mux.HandleFunc("/", p.notFound)

	get("/{$}", p.home)
	deed("/notices/dismiss", p.dismissNotices)
	deed("/bills/category", p.correct)
	mine("/duplicates", p.duplicates)
	deed("/duplicates/decide", p.decide)
	deed("/duplicates/undo", p.undecide)
	mine("/sums", p.sums)

	get("/signup", p.signUp)
	post("/signup/begin", p.braked(p.beginSignUp))
	post("/signup/finish", p.braked(p.finishSignUp))
	get("/signin", p.signIn)
	post("/signin/begin", p.braked(p.beginSignIn))
	post("/signin/finish", p.braked(p.finishSignIn))
	get("/recover", p.recoverForm)
	post("/recover", p.braked(p.recover))
	get("/recover/passkey", p.signedInRecovering(p.recoverPasskey))
	deed("/signout", p.signOut)

	mine("/consent/{grant}", p.consentAsk)
	deed("/consent/{grant}/prepare", p.consentPrepare)
	mine("/consent/{grant}/confirm", p.consentConfirm)
	deed("/consent/{grant}/give", p.consentGive)
	deed("/consent/{grant}/refuse", p.consentRefuse)
	mine("/consent/{grant}/return", p.consentReturn)

	mine("/sources", p.sources)
	deed("/sources/{source}/connect", p.connect)
	mine("/connect/return", p.connectReturn)
	mine("/connections/{connection}/disconnect", p.disconnectForm)
	deed("/connections/{connection}/disconnect", p.disconnect)
	mine("/upload", p.uploadForm)
	post("/upload", p.signedIn(p.upload)) // its token is in the stream: checked there
	mine("/upload/review", p.uploadReview)
	deed("/upload/{upload}/password", p.uploadPassword)
	deed("/upload/{upload}/mapping", p.uploadMap)
	deed("/upload/accept", p.uploadAccept)
	mine("/upload/done", p.uploadDone)

	mine("/requests", p.requests)
	mine("/requests/ids", p.requestIDs)
	mine("/introduce", p.introduceForm)
	deed("/introduce", p.introduce)
	mine("/alias", p.aliasForm)
	post("/alias", p.brakedBy(p.Lookups, p.signedIn(p.withToken(p.alias))))

	mine("/grants", p.grants)
	mine("/grants/{grant}", p.grant)
	mine("/grants/{grant}/receipts/{receipt}", p.receipt)
	deed("/grants/{grant}/revoke", p.revoke)
	deed("/clients/{client}/pause", p.pause)
	deed("/clients/{client}/resume", p.resume)
	mine("/clients/{client}/revoke", p.revokeAllForm)
	deed("/clients/{client}/revoke", p.revokeAll)
	deed("/pause", p.pauseAll)
	deed("/resume", p.resumeAll)
	mine("/activity", p.activity)

	mine("/settings", p.settings)
	post("/settings/passkeys/begin", p.signedInRecovering(p.withToken(p.beginAdd)))
	post("/settings/passkeys/finish", p.signedInRecovering(p.withToken(p.finishAdd)))
	deed("/settings/passkeys/{passkey}/remove", p.removePasskey)
	deed("/settings/codes", p.newCodes)
	deed("/settings/sessions/{session}/end", p.endSession)
	deed("/settings/sessions/end-others", p.endOthers)
	deed("/settings/export/json", p.exportJSON)
	deed("/settings/export/csv", p.exportCSV)
	get("/settings/leave", p.orLeft(p.signedIn(p.leaveForm)))
	post("/settings/leave", p.orLeft(p.signedIn(p.withToken(p.leave))))
	get(leftPath, p.left)
	get("/settings/leave/receipt", p.leftReceipt)
	mine("/deletions/{deletion}", p.deletionOf)
}
