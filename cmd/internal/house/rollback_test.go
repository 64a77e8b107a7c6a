package house

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/consent/passkey"
	"jali/consent/passkey/software"
	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
)

const single = `[{"type":"account_view","actions":["view"],"datatypes":["balances"],"purpose":"balance_overview","uses":{"limit":1}}]`

// past is a house whose files are copied and put back.
type past struct {
	*House
	config Config
	log    *bytes.Buffer
	now    atomic.Int64
	apps   map[string]*app
	own    map[string]*software.Authenticator // of people, by name
	people map[string]consent.Session
}

func openPast(t *testing.T) *past {
	t.Helper()
	p := &past{apps: map[string]*app{}, own: map[string]*software.Authenticator{}, people: map[string]consent.Session{}, log: new(bytes.Buffer)}
	p.now.Store(time.Now().Unix())
	sources := new(connectors.Registry)
	for _, id := range []string{"harbour_bank", "wallet"} {
		if err := sources.Register(crowdSource{id, []connectors.AccountKind{connectors.WalletBalance}, p.clock().Add(-time.Hour), nil}); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "held"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.config = Config{Issuer: issuer, Data: filepath.Join(dir, "data"), AnchorFile: filepath.Join(dir, "held", "anchor"), Sources: sources, AllowPrivate: true, Now: p.clock,
		Rates: GenerousRates(), Log: slog.New(slog.NewJSONHandler(p.log, nil))}
	p.open(t)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func (p *past) clock() time.Time { return time.Unix(p.now.Load(), 0) }

// open is a start; it answers what was logged of it.
func (p *past) open(t *testing.T) string {
	t.Helper()
	p.log.Reset()
	h, err := Open(t.Context(), p.config)
	if err != nil {
		t.Fatal(err)
	}
	h.Consent.StepUp = anyPasskey{}
	h.promising(t)
	p.House = h
	for _, a := range p.apps {
		a.house = h
	}
	p.now.Add(5)
	return p.log.String()
}

func (p *past) stop(t *testing.T) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// kill leaves the files as kill -9 does.
func (p *past) kill(t *testing.T) {
	t.Helper()
	p.Guard = nil
	p.stop(t)
}

func (p *past) files() []string {
	return []string{filepath.Join(p.config.Data, rowsFile), filepath.Join(p.config.Data, keysFile)}
}

func (p *past) copyTo(t *testing.T, dir string) {
	t.Helper()
	for _, f := range p.files() {
		copyFile(t, f, filepath.Join(dir, filepath.Base(f)))
	}
}

func (p *past) putBack(t *testing.T, dir string) {
	t.Helper()
	for _, f := range p.files() {
		copyFile(t, filepath.Join(dir, filepath.Base(f)), f)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *past) join(t *testing.T, name string, sources ...string) {
	t.Helper()
	p.own[name] = software.New()
	flow, options, err := p.Passkeys.BeginSignUp(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	response, err := p.own[name].Create(issuer, options)
	if err != nil {
		t.Fatal(err)
	}
	in, _, err := p.Passkeys.FinishSignUp(t.Context(), flow, response, "")
	if err != nil {
		t.Fatal(err)
	}
	p.people[name] = in.Session
	for _, source := range sources {
		to, err := p.Aggregate.BeginLink(t.Context(), in.Session, source, issuer+"/connect/return")
		if err != nil {
			t.Fatal(err)
		}
		at, _ := url.Parse(to)
		if _, err := p.Aggregate.FinishLink(t.Context(), in.Session, url.Values{"state": at.Query()["state"], "code": {name}}); err != nil {
			t.Fatal(err)
		}
	}
}

// addPasskey gives a person another one.
func (p *past) addPasskey(t *testing.T, name string) *software.Authenticator {
	t.Helper()
	a := software.New()
	flow, options, err := p.Passkeys.BeginAdd(t.Context(), p.people[name])
	if err != nil {
		t.Fatal(err)
	}
	response, err := a.Create(issuer, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Passkeys.FinishAdd(t.Context(), p.people[name], flow, response, "another"); err != nil {
		t.Fatal(err)
	}
	return a
}

// signIn answers a session by the passkey that a person joined with.
func (p *past) signIn(t *testing.T, name string) (passkey.SignedIn, error) {
	t.Helper()
	return p.signInBy(t, p.own[name])
}

func (p *past) signInBy(t *testing.T, a *software.Authenticator) (passkey.SignedIn, error) {
	t.Helper()
	flow, options, err := p.Passkeys.BeginSignIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	response, err := a.Get(issuer, options)
	if err != nil {
		t.Fatal(err)
	}
	return p.Passkeys.FinishSignIn(t.Context(), flow, response, "")
}

// page is what a person sees at a path.
func (p *past) page(t *testing.T, in passkey.SignedIn, path, language string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, issuer+path, nil)
	r.AddCookie(in.Cookie)
	r.Header.Set("Accept-Language", language)
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, r)
	return w.Body.String()
}

// asks lets an app of its own ask a person, and answers the access token.
func (p *past) asks(t *testing.T, app, of, terms string) string {
	t.Helper()
	a := newApp(t, p.House, p.clock, app, "opaque", terms)
	p.apps[app] = a
	if err := p.Consent.PutClient(t.Context(), a.registration("opaque", "http://127.0.0.1:1/"+app)); err != nil {
		t.Fatal(err)
	}
	_, token := a.ask(t, somebody{Session: p.people[of]}, len(p.apps))
	access := token.text("access_token")
	if access == "" {
		t.Fatalf("%s got no token", app)
	}
	return access
}

func (p *past) reads(t *testing.T, app, access, key string) answer {
	t.Helper()
	a := p.apps[app]
	return a.send(http.MethodPost, "/v1/views", access, http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {key}},
		func() io.Reader { return strings.NewReader("{}") })
}

// grantOf is the only grant of an app.
func (p *past) grantOf(t *testing.T, app, of string) consent.Grant {
	t.Helper()
	grants, err := p.Consent.Grants(t.Context(), p.people[of])
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range grants {
		if string(g.Client) == app {
			return g
		}
	}
	t.Fatalf("%s has no grant of %s", app, of)
	return consent.Grant{}
}

func tellsRevoked(list []webhook.Delivery) bool {
	for _, d := range list {
		if d.Type == webhook.GrantRevoked {
			return true
		}
	}
	return false
}

// rowsOf counts the rows of both files that are named after a person, but for
// the record that something was done.
func (p *past) rowsOf(t *testing.T, person consent.PersonID) (n int) {
	t.Helper()
	for _, db := range []kv.DB{p.db, p.House.keys} {
		if err := db.View(t.Context(), func(t tx) error {
			for e, err := range t.Scan(kv.Range{}) {
				if err != nil {
					return err
				}
				if room, _, _ := kv.Text(e.Key); room != "audit" && bytes.Contains(e.Key, []byte(person)) {
					n++
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// restored are the events of lin's that say so.
func (p *past) restored(t *testing.T) (found []audit.Event) {
	t.Helper()
	events, err := audit.Timeline(t.Context(), p.db, string(p.people["lin"].Person), time.Time{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Verb == audit.DataRestored || e.Facts["by"] == "restore" {
			found = append(found, e)
		}
	}
	return found
}

// TestARestoredBackupBringsNothingBack lives through a day, puts the files of
// its morning back, and looks who lives: only what is proven to be untouched.
func TestARestoredBackupBringsNothingBack(t *testing.T) {
	operator := newOperator(t)
	for _, tt := range []struct {
		name    string
		running bool // the copy is a backup of the running server
		killed  bool // the server, before the files are put back
		anchor  bool // the anchor is put back, too, as it was before the backup
		exact   bool // what was not touched lives on
	}{
		{name: "files copied from a stopped server, clean stop", exact: true},
		{name: "files copied from a stopped server, killed", killed: true},
		{name: "backup of a running server, clean stop", running: true, exact: true},
		{name: "backup of a running server, killed", running: true, killed: true},
		{name: "backup with an anchor of its time", running: true, anchor: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			p := openPast(t)
			p.join(t, "lin", "harbour_bank", "wallet")
			p.join(t, "erased", "wallet")
			access := map[string]string{
				"revoked": p.asks(t, "revoked", "lin", openly), "used-once": p.asks(t, "used-once", "lin", single),
				"used": p.asks(t, "used", "lin", openly), "paused": p.asks(t, "paused", "lin", openly), "untouched": p.asks(t, "untouched", "lin", openly),
				"taken-back": p.asks(t, "taken-back", "lin", openly), "erased": p.asks(t, "erased", "erased", openly),
			}
			lost := p.addPasskey(t, "lin")
			if got := p.reads(t, "untouched", access["untouched"], "before-the-backup-1"); got.status != http.StatusCreated {
				t.Fatalf("before: %d %s", got.status, got.body)
			}

			dir := t.TempDir()
			var made copied
			if tt.running {
				made.archive, made.anchor = nil, filepath.Join(dir, "anchor")
				copyFile(t, p.config.AnchorFile, made.anchor)
				spool, _, err := p.Backup(ctx, operator.to, "", nil)
				if err != nil {
					t.Fatal(err)
				}
				var b bytes.Buffer
				if _, err := spool.WriteTo(&b); err != nil {
					t.Fatal(err)
				}
				made.archive = b.Bytes()
				_ = spool.Close()
			} else {
				p.stop(t)
				p.copyTo(t, dir)
				p.open(t)
			}

			// The day.
			if _, err := p.Consent.Revoke(ctx, p.people["lin"], p.grantOf(t, "revoked", "lin").ID); err != nil {
				t.Fatal(err)
			}
			for _, app := range []string{"used-once", "used"} {
				if got := p.reads(t, app, access[app], "on-that-very-day-1"); got.status != http.StatusCreated {
					t.Fatalf("%s: %d %s", app, got.status, got.body)
				}
			}
			if err := p.Consent.Pause(ctx, p.people["lin"], "paused"); err != nil {
				t.Fatal(err)
			}
			if got := p.apps["taken-back"].form("/oauth/revoke", url.Values{"token": {access["taken-back"]}}); got.status != http.StatusOK {
				t.Fatalf("revoke: %d %s", got.status, got.body)
			}
			if _, err := p.signInBy(t, lost); err != nil {
				t.Fatal(err)
			}
			if err := p.Passkeys.Remove(ctx, p.people["lin"], lost.Credentials()[0].ID); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Passkeys.NewCodes(ctx, p.people["lin"]); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Consent.PrepareLeave(ctx, p.people["erased"]); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Consent.Leave(ctx, p.people["erased"], nil, nil); err != nil {
				t.Fatal(err)
			}
			connections, err := p.Aggregate.Connections(ctx, p.people["lin"])
			if err != nil || len(connections) != 2 {
				t.Fatalf("%d connections, %v", len(connections), err)
			}
			cut := connections[0].ID
			if err := p.Aggregate.Disconnect(ctx, p.people["lin"], cut); err != nil {
				t.Fatal(err)
			}
			if err := p.Vault.Shred(ctx); err != nil {
				t.Fatal(err)
			}
			if err := p.Guard.Beat(ctx, false); err != nil { // as it comes within a minute
				t.Fatal(err)
			}
			if err := p.Consent.SuspendClient(ctx, "erased", true); err != nil {
				t.Fatal(err)
			}
			if err := p.Guard.Beat(ctx, false); err != nil {
				t.Fatal(err)
			}
			if tt.killed {
				p.kill(t)
			} else {
				p.stop(t)
			}

			// The restore.
			if tt.running {
				for _, f := range p.files() {
					if err := os.Remove(f); err != nil {
						t.Fatal(err)
					}
				}
				if tt.anchor {
					copyFile(t, made.anchor, p.config.AnchorFile)
				}
				if _, err := (Restore{Config: p.config, From: bytes.NewReader(made.archive), With: operator.with}).Run(ctx); err != nil {
					t.Fatal(err)
				}
			} else {
				p.putBack(t, dir)
			}
			if log := p.open(t); !strings.Contains(log, "was put back") || !strings.Contains(log, "is mended") {
				t.Errorf("the log does not say so: %s", log)
			} else if strings.Contains(log, string(p.people["lin"].Person)) {
				t.Error("the log names a person")
			}

			ended := []string{"revoked", "used-once", "used", "paused", "taken-back"}
			if !tt.exact {
				ended = append(ended, "untouched")
			} else if got := p.reads(t, "untouched", access["untouched"], "after-the-restore-1"); got.status != http.StatusCreated {
				t.Errorf("what nobody touched: %d %s", got.status, got.body)
			}
			if !tt.anchor { // an anchor of its time knows of nobody who has left
				if got := p.reads(t, "erased", access["erased"], "after-the-restore-1"); got.status != http.StatusUnauthorized {
					t.Errorf("a grant of somebody who left: %d %s", got.status, got.body)
				}
				if _, err := p.signIn(t, "erased"); err == nil {
					t.Error("somebody who left can sign in")
				}
				if n := p.rowsOf(t, p.people["erased"].Person); n > 0 {
					t.Errorf("%d rows name somebody who left", n)
				}
				if connections, err = p.Aggregate.Connections(ctx, p.people["lin"]); err != nil || len(connections) != 1 || connections[0].ID == cut {
					t.Errorf("connections: %+v, %v", connections, err)
				}
				if _, err := p.signInBy(t, lost); err == nil {
					t.Error("a passkey that was removed signs in")
				}
				if left, err := p.Passkeys.CodesLeft(ctx, p.people["lin"]); err != nil || left != 0 {
					t.Errorf("%d recovery codes, %v; they had been replaced", left, err)
				}
				if c, err := p.Consent.Client(ctx, "erased"); err != nil || !c.Suspended {
					t.Errorf("a client suspended since is %+v, %v", c, err)
				}
			}
			for _, app := range ended {
				if !tt.anchor {
					if got := p.reads(t, app, access[app], "after-the-restore-1"); got.status != http.StatusUnauthorized || got.text("code") != "grant_revoked" {
						t.Errorf("%s reads: %d %s", app, got.status, got.body)
					}
				}
				if g := p.grantOf(t, app, "lin"); g.State != consent.Revoked || g.EndedBy != "restore" {
					t.Errorf("%s is %s by %q", app, g.State, g.EndedBy)
				}
				if list, err := p.Outbox.List(ctx, app, false); err != nil || !tellsRevoked(list) {
					t.Errorf("%s is not told: %+v, %v", app, list, err)
				}
			}

			// What its person is told.
			in, err := p.signIn(t, "lin")
			if err != nil {
				t.Fatal(err)
			}
			for language, says := range map[string]string{"en": "an older copy was put back", "zh-CN": "恢复到了较早的备份"} {
				if home := p.page(t, in, "/", language); !strings.Contains(home, `id="restored"`) {
					t.Errorf("%s: the home page says nothing", language)
				}
				if activity := p.page(t, in, "/activity", language); !strings.Contains(activity, says) {
					t.Errorf("%s: the activity does not say %q", language, says)
				}
			}

			// And no more of it.
			p.stop(t)
			if log := p.open(t); log != "" {
				t.Errorf("the second start: %s", log)
			}
			before := len(p.restored(t))
			p.kill(t)
			if log := p.open(t); log != "" || len(p.restored(t)) != before {
				t.Errorf("a start after a crash: %s", log)
			}
			if tt.exact {
				if got := p.reads(t, "untouched", access["untouched"], "after-the-second-start"); got.status != http.StatusCreated {
					t.Errorf("what nobody touched, after a crash: %d %s", got.status, got.body)
				}
			}
		})
	}
}

// TestMendingIsTakenUpAgain cuts the first start after a restore short at each
// moment that it reads the clock at, by a stop or by an anchor that cannot be
// written, and looks whether the next one ends it all.
func TestMendingIsTakenUpAgain(t *testing.T) {
	p := openPast(t)
	p.join(t, "lin", "harbour_bank")
	p.join(t, "erased", "wallet")
	for _, app := range []string{"one", "two", "three"} {
		p.asks(t, app, "lin", openly)
	}
	p.stop(t)
	dir := t.TempDir()
	p.copyTo(t, dir)
	p.open(t)
	if _, err := p.Consent.RevokeAll(t.Context(), p.people["lin"], "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Consent.PrepareLeave(t.Context(), p.people["erased"]); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Consent.Leave(t.Context(), p.people["erased"], nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Vault.Shred(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.kill(t)
	anchored := filepath.Join(dir, "anchor")
	copyFile(t, p.config.AnchorFile, anchored)

	cuts := 0
	for n := 2; ; n++ {
		p.putBack(t, dir)
		copyFile(t, anchored, p.config.AnchorFile)
		if cut := p.cutOpen(t, n/2, n%2 == 0); !cut {
			break
		}
		cuts++
		p.open(t)
		if n, err := p.Consent.EndUnproven(t.Context(), func(consent.GrantID) bool { return false }); err != nil || n > 0 {
			t.Errorf("cut at %d: %d grants are left, %v", cuts, n, err)
		}
		if rows := p.rowsOf(t, p.people["erased"].Person); rows > 0 {
			t.Errorf("cut at %d: %d rows of somebody who left", cuts, rows)
		}
		var told, ended int
		for _, e := range p.restored(t) {
			if e.Verb == audit.DataRestored {
				told++
			} else {
				ended++
			}
		}
		if told != 1 || ended != 3 {
			t.Errorf("cut at %d: lin is told %d times, and of %d ended grants; want 1 and 3", cuts, told, ended)
		}
		p.stop(t)
	}
	if cuts < 6 {
		t.Errorf("a start was cut short at %d moments only", cuts)
	}
	p.open(t)
}

// cutOpen is a start that is cut short when the clock is read for the nth time
// after the restore was noticed; it reports whether that came in time.
func (p *past) cutOpen(t *testing.T, n int, stopped bool) bool {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p.log.Reset()
	held := filepath.Dir(p.config.AnchorFile)
	cut := p.config
	cut.Now = func() time.Time {
		if bytes.Contains(p.log.Bytes(), []byte("was put back")) {
			if n--; n == 0 && stopped {
				stop()
			} else if n == 0 {
				if err := os.Rename(held, held+".away"); err != nil {
					t.Error(err)
				}
			}
		}
		return p.clock()
	}
	h, err := Open(ctx, cut)
	if n <= 0 && !stopped {
		if err := os.Rename(held+".away", held); err != nil {
			t.Fatal(err)
		}
	}
	if err != nil {
		return true
	}
	h.Guard = nil
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	return false
}

// TestAnOldAnchorEndsEverything: it does not know what was touched, nor which
// clients were changed.
func TestAnOldAnchorEndsEverything(t *testing.T) {
	p := openPast(t)
	p.join(t, "lin", "harbour_bank")
	access := p.asks(t, "untouched", "lin", openly)
	p.stop(t)
	old := filepath.Join(t.TempDir(), "anchor")
	copyFile(t, p.config.AnchorFile, old)
	p.open(t)
	p.stop(t)
	copyFile(t, old, p.config.AnchorFile)
	if log := p.open(t); !strings.Contains(log, "client suspend --resume") || !strings.Contains(log, "passkeys") {
		t.Errorf("the log does not say what to look at: %s", log)
	}
	if g := p.grantOf(t, "untouched", "lin"); g.EndedBy != "restore" {
		t.Errorf("the grant is %s", g.State)
	}
	if got := p.reads(t, "untouched", access, "after-the-old-anchor"); got.status != http.StatusUnauthorized {
		t.Errorf("reads: %d %s", got.status, got.body)
	}
	if c, err := p.Consent.Client(t.Context(), "untouched"); err != nil || !c.Suspended {
		t.Errorf("the client: %+v, %v", c, err)
	}
	p.stop(t)
	if log := p.open(t); log != "" {
		t.Errorf("the second start: %s", log)
	}
}
