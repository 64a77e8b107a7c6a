package house

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/consent/passkey/software"
	"jali/internal/aggregate"
	"jali/internal/backup"
	"jali/internal/deletion"
	"jali/internal/kv"
)

const oneBill = `支付宝账户：lin***@example.test
起始时间：[2026-11-01 00:00:00]    终止时间：[2026-11-08 00:00:00]
共1笔记录
收入：0笔 0.00元
支出：1笔 18.00元
交易时间,交易分类,交易对方,对方账号,商品说明,收/支,金额,收/付款方式,交易状态,交易订单号,商家订单号,备注,
2026-11-05 12:00:00,餐饮美食,巷口面馆,/,牛肉面,支出,18.00,余额宝,交易成功,2026110522001400000000000001	,M1	,,
`

// doomed is a house full of people who will leave.
type doomed struct {
	*House
	people []consent.Session
	keys   [][][]byte // of each, wrapped: their own, a connection's, one for a client
}

func (d *doomed) fill(t *testing.T, people int) {
	t.Helper()
	d.Consent.StepUp = anyPasskey{}
	d.people = make([]consent.Session, people)
	var all sync.WaitGroup
	for i := range d.people {
		all.Go(func() {
			p := fmt.Sprintf("person-%03d", i)
			d.people[i] = consent.Session{ID: "session-" + p, Person: consent.PersonID(p)}
			err := d.Vault.NewPerson(t.Context(), p)
			if err == nil {
				_, err = d.Aggregate.Import(t.Context(), consent.PersonID(p), strings.NewReader(oneBill), aggregate.Taking{})
			}
			if err == nil {
				_, err = d.Vault.Pair(t.Context(), p, "bank")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, p := range d.people {
		var keys [][]byte
		err := d.House.keys.View(t.Context(), func(tx tx) error {
			own, err := tx.Get(kv.Key("vault", "person", p.Person))
			if err != nil {
				return err
			}
			keys = [][]byte{bytes.Clone(own)}
			for _, of := range []string{"part", "pair"} {
				for e, err := range tx.Scan(kv.Prefix("vault", of, p.Person)) {
					if err != nil {
						return err
					}
					keys = append(keys, bytes.Clone(e.Value))
				}
			}
			return nil
		})
		if err != nil || len(keys) != 3 {
			t.Fatalf("%s has %d keys, %v; want 3", p.Person, len(keys), err)
		}
		d.keys = append(d.keys, keys)
	}
}

func (d *doomed) leave(t *testing.T, i int) {
	t.Helper()
	if _, err := d.Consent.PrepareLeave(t.Context(), d.people[i]); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Consent.Leave(t.Context(), d.people[i], nil, nil); err != nil {
		t.Fatal(err)
	}
}

// left counts keys of people that are in a file.
func (d *doomed) left(in []byte, people ...int) (n int) {
	for _, i := range people {
		for _, k := range d.keys[i] {
			if bytes.Contains(in, k) {
				n++
			}
		}
	}
	return n
}

func (h *House) files(t *testing.T) (all []byte) {
	t.Helper()
	for _, name := range []string{keysFile, rowsFile, "anchor"} {
		all = append(all, readAll(t, filepath.Join(h.data, name))...)
	}
	return all
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// backedUp is all that a backup holds, decrypted.
func (h *House) backedUp(t *testing.T) []byte {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := backup.ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	spool, _, err := h.Backup(t.Context(), to, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	var sealed bytes.Buffer
	if _, err := spool.WriteTo(&sealed); err != nil {
		t.Fatal(err)
	}
	plain, err := age.Decrypt(&sealed, id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Two hundred people leave one after the other, on a server that does nothing
// else. A minute after each, none of their wrapped keys is anywhere.
func TestWhoLeftIsInNoFileAMinuteLater(t *testing.T) {
	data := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const people = 200
		h, err := Open(t.Context(), Config{Issuer: issuer, Data: data, Sources: &connectors.Registry{}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		}()
		d := &doomed{House: h}
		d.fill(t, people)
		everybody := make([]int, people)
		for i := range everybody {
			everybody[i] = i
		}
		for what, b := range map[string][]byte{"the files": h.files(t), "a backup": h.backedUp(t)} {
			if n := d.left(b, everybody...); n != 3*people {
				t.Fatalf("before anybody left, %s hold %d of %d keys: this test cannot fail", what, n, 3*people)
			}
		}

		ctx, stop := context.WithCancel(t.Context())
		var serving sync.WaitGroup
		serving.Go(func() { h.SweepEvery(ctx, time.Minute) })
		for i := range d.people {
			d.leave(t, i)
			if i == 0 && d.left(h.files(t), i) == 0 {
				t.Fatal("the keys are gone before anything destroyed them: this test cannot fail")
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := d.left(readAll(t, filepath.Join(data, keysFile)), i); n != 0 {
				t.Fatalf("a minute after they left, %d keys of person %d are in %s", n, i, keysFile)
			}
			if i == people/2 && d.left(h.files(t), everybody[i+1:]...) != 3*(people-i-1) {
				t.Fatal("keys of somebody who stays are gone")
			}
		}
		stop()
		serving.Wait()
		for what, b := range map[string][]byte{"the files": h.files(t), "a later backup": h.backedUp(t)} {
			if n := d.left(b, everybody...); n != 0 {
				t.Errorf("%s hold %d keys of people who left", what, n)
			}
		}
	})
}

// What is deleted together is destroyed together; what cannot be written is
// told and tried again, and is done when it can be.
func TestDeletionsShareARewriting(t *testing.T) {
	data := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewRegistry()
		var log bytes.Buffer
		h, err := Open(t.Context(), Config{Issuer: issuer, Data: data, Sources: &connectors.Registry{}, Metrics: metrics,
			Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		d := &doomed{House: h}
		d.fill(t, 12)
		var mu sync.Mutex
		destroyed := map[string]time.Time{} // when each was told of
		broken := errors.New("no room")
		fails := true
		told := h.Vault.Destroyed
		h.Vault.Destroyed = func(tx tx, person, part string, at time.Time) error {
			mu.Lock()
			defer mu.Unlock()
			if fails {
				return broken
			}
			if part == "" {
				destroyed[person] = at
			}
			return told(tx, person, part, at)
		}
		gauge := func(name string) float64 {
			t.Helper()
			all, err := metrics.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range all {
				if m := f.GetMetric(); f.GetName() == name && m[0].GetCounter() != nil {
					return m[0].GetCounter().GetValue()
				} else if f.GetName() == name {
					return m[0].GetGauge().GetValue()
				}
			}
			t.Fatalf("there is no metric %s", name)
			return 0
		}
		ctx, stop := context.WithCancel(t.Context())
		var serving sync.WaitGroup
		serving.Go(func() { h.SweepEvery(ctx, time.Hour) })
		synctest.Wait()
		for i := range d.people {
			d.leave(t, i)
		}
		if n := gauge("jali_shred_waiting"); n != 12 {
			t.Errorf("%v wait, want 12", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := gauge("jali_shred_failures_total"); n < 2 || gauge("jali_shred_waiting") != 12 {
			t.Errorf("while it fails: %v failures, %v wait", n, gauge("jali_shred_waiting"))
		}
		mu.Lock()
		fails = false
		mu.Unlock()
		time.Sleep(shredRest)
		synctest.Wait()
		stop()
		serving.Wait()
		if len(destroyed) != 12 || gauge("jali_shred_waiting") != 0 {
			t.Fatalf("%d are destroyed, want 12", len(destroyed))
		}
		first := destroyed[string(d.people[0].Person)]
		for p, at := range destroyed {
			if !at.Equal(first) {
				t.Errorf("%s is destroyed at %v, another at %v: they do not share a rewriting", p, at, first)
			}
		}
		if !strings.Contains(log.String(), "not destroyed yet") {
			t.Error("the log does not tell of the failure")
		}
	})
}

// What had its time while no process ran goes when the next one begins.
func TestASweepComesWithTheStart(t *testing.T) {
	data := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h, err := Open(t.Context(), Config{Issuer: issuer, Data: data, Sources: &connectors.Registry{}, Log: slog.New(slog.DiscardHandler)})
		must(t, err)
		defer h.Close()
		must(t, h.db.Update(t.Context(), func(tx tx) error {
			return h.Deletions.Leave(tx, "left_x", deletion.Leaving{Person: "p", Proof: []byte("{}"),
				Deletion: deletion.Deletion{ID: "p", Of: deletion.Person, At: time.Now().Add(-deletion.Keep)}})
		}))
		ctx, stop := context.WithCancel(t.Context())
		var serving sync.WaitGroup
		serving.Go(func() { h.SweepEvery(ctx, time.Hour) })
		synctest.Wait()
		if rows, err := h.Rows(t.Context()); err != nil || rows["deletion left"].Count != 0 {
			t.Errorf("before the first hour is over there is %v, %v", rows, err)
		}
		stop()
		serving.Wait()
	})
}

// person is somebody with a browser, a passkey and everything that one can have here.
type person struct {
	*House
	consent.Session
	device  *software.Authenticator
	cookies []*http.Cookie
	own     map[string]string // what would tell of them, by what it is
}

func (p *person) browse(t *testing.T, method, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	form.Set("csrf", p.Passkeys.CSRF(p.Session))
	r := httptest.NewRequest(method, issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", issuer)
	for _, c := range p.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		p.cookies = append(slices.DeleteFunc(p.cookies, func(o *http.Cookie) bool { return o.Name == c.Name }), c)
	}
	return w
}

func (p *person) sign(t *testing.T, said consent.Agreement, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	options, err := p.Passkeys.Options(t.Context(), p.Session, said.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	response, err := p.device.Get(issuer, options)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// live does everything that a person can do here.
func (h *House) live(t *testing.T, source string) *person {
	t.Helper()
	ctx := t.Context()
	p := &person{House: h, device: software.New(), own: map[string]string{}}
	flow, options, err := h.Passkeys.BeginSignUp(ctx, "小林同学")
	must(t, err)
	response, err := p.device.Create(issuer, options)
	must(t, err)
	in, codes, err := h.Passkeys.FinishSignUp(ctx, flow, response, "a browser")
	must(t, err)
	p.Session, p.cookies = in.Session, []*http.Cookie{in.Cookie}
	p.own["person"], p.own["session"], p.own["cookie"], p.own["name"], p.own["recovery code"] = string(p.Person), p.ID, in.Cookie.Value, "小林同学", codes[0]
	keys, err := h.Passkeys.Passkeys(ctx, p.Session)
	must(t, err)
	p.own["passkey"] = keys[0].ID
	if raw, err := base64.RawURLEncoding.DecodeString(keys[0].ID); err == nil {
		p.own["passkey, raw"], p.own["passkey, base64"] = string(raw), base64.StdEncoding.EncodeToString(raw)
	}

	link := func() url.Values {
		to, err := h.Aggregate.BeginLink(ctx, p.Session, source, issuer+"/connect/return")
		must(t, err)
		u, err := url.Parse(to)
		must(t, err)
		return url.Values{"state": {u.Query().Get("state")}, "code": {"code-of-" + string(p.Person)}}
	}
	c, err := h.Aggregate.FinishLink(ctx, p.Session, link())
	must(t, err)
	p.own["connection"] = c.ID
	link() // another is under way
	for range 2 {
		_, err = h.Aggregate.Import(ctx, p.Person, strings.NewReader(oneBill), aggregate.Taking{})
		must(t, err)
		all, err := h.Aggregate.Connections(ctx, p.Session)
		must(t, err)
		files := all[slices.IndexFunc(all, func(c aggregate.Connection) bool { return c.Imported })]
		if p.own["disconnected"] == "" {
			must(t, h.Aggregate.Disconnect(ctx, p.Session, files.ID))
			p.own["disconnected"] = files.ID
		}
	}
	u, err := h.Aggregate.Stage(ctx, p.Session, strings.NewReader(oneBill), billfile.Options{})
	must(t, err)
	p.own["upload"] = u.ID
	_, err = h.Aggregate.Own(ctx, p.Session, time.Time{}, time.Time{})
	must(t, err)
	accounts, err := h.Aggregate.Accounts(ctx, p.Session)
	must(t, err)
	var ids []consent.AccountID
	for i, a := range accounts {
		ids = append(ids, a.ID)
		p.own[fmt.Sprint("account ", i)] = string(a.ID)
	}
	for i, terms := range []consent.Terms{{Retention: 48 * time.Hour, Uses: consent.Uses{Limit: 4, Per: "day"}}, {Uses: consent.Uses{Limit: 1}}} {
		terms.Purpose, terms.Datatypes, terms.Fields, terms.Period = consent.Bookkeeping, []consent.Datatype{consent.Balances, consent.Bills}, consent.Full, consent.Period{Days: 30}
		terms.Until = time.Now().Add(time.Hour).Truncate(time.Second)
		id := consent.GrantID(rand.Text())
		must(t, h.db.Update(ctx, func(tx tx) error {
			_, err := h.Consent.Push(tx, time.Now(), consent.Request{ID: id, Client: "bank", Asked: terms, Lapses: time.Now().Add(time.Minute)})
			return err
		}))
		_, err := h.Consent.Show(ctx, p.Session, id)
		must(t, err)
		said, err := h.Consent.Prepare(ctx, p.Session, id, consent.Choice{Accounts: ids}, ids)
		_, _, err = h.Consent.Give(ctx, p.Session, id, p.sign(t, said, err))
		must(t, err)
		v, err := h.Aggregate.Open(ctx, aggregate.OpenRequest{Client: "bank", Grant: id, Key: "key-0000000000000001"})
		must(t, err)
		p.own[fmt.Sprint("view ", i)], p.own[fmt.Sprint("alias ", i)] = v.ID, v.Accounts[0].Alias
	}
	must(t, h.Consent.Pause(ctx, p.Session, "bank"))
	must(t, h.Consent.PauseAll(ctx, p.Session))
	_, err = h.Consent.Introduce(ctx, p.Session)
	must(t, err)
	if w := p.browse(t, "POST", "/notices/dismiss", url.Values{"until": {fmt.Sprint(time.Now().UnixMicro())}}); w.Code != http.StatusSeeOther {
		t.Fatalf("dismissing notices: %d", w.Code)
	}
	return p
}

// tellsOf is where in the rows something of a person's own stands, as
// "what in room thing".
func (p *person) tellsOf(t *testing.T) []string {
	t.Helper()
	var found []string
	for name, db := range map[string]kv.DB{"": p.db, "keys ": p.keys} {
		must(t, db.View(t.Context(), func(tx tx) error {
			for e, err := range tx.Scan(kv.Range{}) {
				if err != nil {
					return err
				}
				room, rest, _ := kv.Text(e.Key)
				thing, _, _ := kv.Text(rest)
				if room == "audit" || room == "ledger" {
					thing = "" // whose second element is a person
				}
				for what, own := range p.own {
					if bytes.Contains(e.Key, []byte(own)) || bytes.Contains(e.Value, []byte(own)) {
						found = append(found, what+" in "+strings.TrimSpace(name+room+" "+thing))
					}
				}
			}
			return nil
		}))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Somebody who has done everything leaves by the page. What tells of them
// stands nowhere any more, but for the ids in the events of what was done; and
// the receipt that only their browser can ask for goes after a week.
func TestNothingButEventsTellsOfWhoLeft(t *testing.T) {
	clock := time.Now()
	var mu sync.Mutex
	now := func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	at := clock.Add(-time.Hour)
	sources := new(connectors.Registry)
	must(t, sources.Register(crowdSource{"wallet", []connectors.AccountKind{connectors.WalletBalance}, at, nil}))
	h, err := Open(t.Context(), Config{Issuer: issuer, Data: t.TempDir(), Sources: sources, Now: now, RotateAfter: 720 * time.Hour, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	h.promising(t)
	defer h.Close()
	bank := newApp(t, h, now, "bank", "opaque", openly)
	_, err = h.Consent.ReviseClient(t.Context(), bank.id, func(c consent.Client) (consent.Client, error) {
		c.WebhookURI = "https://bank.example/hooks"
		return c, nil
	})
	must(t, err)
	other := h.live(t, "wallet")
	p := h.live(t, "wallet")
	h.Sweep(t.Context()) // what they have deleted before
	stays := len(other.tellsOf(t))
	before := p.tellsOf(t)
	for _, room := range []string{"aggregate account", "aggregate connection", "aggregate draft", "aggregate linking", "aggregate upload", "aggregate upload_part",
		"aggregate view", "aggregate seen", "consent grant", "consent person", "consent paused", "consent all_paused", "consent introducing", "passkey", "ledger", "page seen",
		"deletion of", "vault epoch", "vault alias", "keys vault person", "keys vault part", "keys vault pair"} {
		if !slices.ContainsFunc(before, func(s string) bool { return strings.Contains(s, " in "+room) }) {
			t.Errorf("nothing of theirs is in %s: this test does not see that it goes", room)
		}
	}

	if w := p.browse(t, "GET", "/settings/leave", url.Values{}); w.Code != http.StatusOK {
		t.Fatalf("the form: %d", w.Code)
	}
	said, err := h.Consent.PrepareLeave(t.Context(), p.Session)
	if w := p.browse(t, "POST", "/settings/leave", url.Values{"response": {string(p.sign(t, said, err))}}); w.Code != http.StatusSeeOther {
		t.Fatalf("leaving: %d %s", w.Code, w.Body)
	}
	h.Sweep(t.Context())
	for _, s := range p.tellsOf(t) {
		if !strings.HasSuffix(s, " in audit") {
			t.Errorf("after they left: %s", s)
		}
	}
	must(t, h.db.View(t.Context(), func(tx tx) error {
		for e, err := range tx.Scan(kv.Prefix("audit", string(p.Person))) {
			if err != nil {
				return err
			}
			for what := range p.own {
				switch what {
				case "person", "session", "connection", "disconnected", "passkey": // ids that an event may be of
				default:
					if bytes.Contains(e.Value, []byte(p.own[what])) {
						t.Errorf("an event holds the %s: %s", what, e.Value)
					}
				}
			}
		}
		return nil
	}))
	if n := len(other.tellsOf(t)); n != stays {
		t.Errorf("of somebody who stays there is %d of %d left", n, stays)
	}

	w := p.browse(t, "GET", "/settings/leave/receipt", url.Values{})
	if w.Code != http.StatusOK || strings.Count(w.Body.String(), ".") != 2 {
		t.Fatalf("the receipt: %d %s", w.Code, w.Body)
	}
	rows, err := h.Rows(t.Context())
	if err != nil || rows["deletion left"].Count != 1 || rows["deletion leaver"].Count != 0 || rows["deletion due"].Count != 1 {
		t.Errorf("of the deletion there is %v, %v", rows, err)
	}
	mu.Lock()
	clock = clock.Add(8 * 24 * time.Hour)
	mu.Unlock()
	h.Sweep(t.Context())
	if w := p.browse(t, "GET", "/settings/leave/receipt", url.Values{}); w.Code != http.StatusNotFound {
		t.Errorf("the receipt after a week: %d", w.Code)
	}
	if rows, err := h.Rows(t.Context()); err != nil || rows["deletion left"].Count+rows["deletion due"].Count != 0 {
		t.Errorf("after a week there is %v, %v", rows, err)
	}
}
