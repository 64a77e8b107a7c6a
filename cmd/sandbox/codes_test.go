package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"jali/cmd/internal/house"
	"jali/internal/kv"
	"jali/openapi/problems"
	api "jali/openapi/sandbox"
)

// promise is one code that the sandbox's document says an operation answers with.
type promise struct {
	op        *openapi3.Operation
	operation string // "POST /sandbox/people"
	status    string // "404", or "4XX"
	code      string
}

func (p promise) String() string { return p.operation + " " + p.status + " " + p.code }

// kept reports whether an answer is this one.
func (p promise) kept(status int, code string) bool {
	said := fmt.Sprint(status)
	return code == p.code && len(said) == 3 && (said == p.status || said[:1]+"XX" == p.status)
}

// promisedCodes are all of them, as the enums of the document list them.
func promisedCodes(t *testing.T) (list []promise) {
	t.Helper()
	doc, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				for _, media := range r.Value.Content {
					for _, part := range media.Schema.Value.AllOf {
						if code := part.Value.Properties["code"]; code != nil {
							for _, one := range code.Value.Enum {
								list = append(list, promise{op, method + " " + path, status, one.(string)})
							}
						}
					}
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b promise) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(list, func(a, b promise) bool { return a.String() == b.String() })
}

// provocation asks for an answer that goes wrong.
type provocation = func(*provoker) (status int, said members)

// Every code that the sandbox's document names at an answer is provoked there,
// over HTTP, with all answers held against the document, and against what the
// catalogue says of their code.
func TestEveryCodeOfTheSandboxIsProvoked(t *testing.T) {
	p, list := provoking(t), promisedCodes(t)
	if len(list) < 200 {
		t.Fatalf("the document promises %d codes: this test does not read it", len(list))
	}
	byHand := provocations()
	for _, want := range list {
		provoke := byHand[want.String()]
		delete(byHand, want.String())
		if provoke == nil {
			provoke = everywhere(want)
		}
		t.Run(want.String(), func(t *testing.T) {
			if provoke == nil {
				t.Fatal("nothing provokes it")
			}
			p.t = t
			status, said := provoke(p)
			if !want.kept(status, fmt.Sprint(said["code"])) {
				t.Errorf("answered %d %v", status, said)
			}
			e, _ := problems.Find(want.code)
			action, _ := said["action"].(string)
			if _, waits := said["retry_after"]; said["owner"] != string(e.Owner) || action != e.Action || waits != e.Waits {
				t.Errorf("%v, and the catalogue has owner %s, action %q, retry_after %v", said, e.Owner, e.Action, e.Waits)
			}
		})
	}
	p.t = t
	for left := range byHand {
		t.Errorf("%s is provoked, and the document does not promise it", left)
	}
	if status, said := p.try("GET", "/nowhere", nil); status != http.StatusNotFound || said["code"] != "route_unknown" {
		t.Errorf("nowhere: %d %v", status, said)
	}
	if status, said := p.try("PUT", "/people", nil); status != http.StatusMethodNotAllowed || said["code"] != "method_not_allowed" {
		t.Errorf("another method: %d %v", status, said)
	}
}

// provoker is a developer whose sandbox can be made to fail.
type provoker struct {
	*developer
	ids   ids
	stops atomic.Bool // the disk takes nothing more
}

// ids are what an honest request names.
type ids struct{ person, client, grant, delivery, connection, file, source string }

func provoking(t *testing.T) *provoker {
	t.Helper()
	p := &provoker{}
	began, base := time.Now(), time.Date(2026, 11, 10, 4, 0, 0, 0, time.UTC)
	s, err := start(t.Context(), flags{
		Addr: "localhost:0", TownAddr: "127.0.0.1:0", BankAddr: "127.0.0.1:0", Ready: filepath.Join(t.TempDir(), "ready.json"), Quiet: true,
		Now: func() time.Time { return base.Add(time.Since(began)) },
		House: func(c *house.Config) {
			for prefix, h := range c.Extra {
				c.Extra[prefix] = breakable(h)
			}
		},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, s) })
	for _, db := range []*kv.DB{&s.house.Consent.DB, &s.house.Aggregate.DB, &s.house.OAuth.DB, &s.house.Outbox.DB} {
		*db = stopping{*db, &p.stops}
	}
	p.developer = &developer{t: t, s: s, r: s.ready}
	p.id, p.client = p.register(members{"inbox": true})
	person := p.person()
	grant, _ := p.give(person, someUse)
	p.ids = ids{person: person, client: p.id, grant: grant, source: "alipay",
		delivery:   at(p.call("GET", "/webhooks?grant_id="+grant, nil), "deliveries.0.id").(string),
		connection: p.connection(person, "alipay")["id"].(string),
		file:       p.call("POST", "/people/"+person+"/files", members{"sample": "unknown"})["file_id"].(string)}
	return p
}

// stopping is a store on a disk that fails once it is told to.
type stopping struct {
	kv.DB
	now *atomic.Bool
}

var errDisk = errors.New("the disk has stopped")

func (s stopping) View(ctx context.Context, f func(kv.Tx) error) error {
	if s.now.Load() {
		return errDisk
	}
	return s.DB.View(ctx, f)
}

func (s stopping) Update(ctx context.Context, f func(kv.Tx) error) error {
	if s.now.Load() {
		return errDisk
	}
	return s.DB.Update(ctx, f)
}

// stop has the disk take nothing more until the returned function is called.
func (p *provoker) stop() func() {
	keep := func(path string) (was string) {
		p.s.keeping.Lock()
		defer p.s.keeping.Unlock()
		was, p.s.state.path = p.s.state.path, path
		return was
	}
	was := keep(filepath.Join(p.t.TempDir(), "gone", "sandbox.json"))
	p.stops.Store(true)
	return func() { p.stops.Store(false); keep(was) }
}

// breakable panics in the middle of an answer where a request says so.
func breakable(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Break") != "" {
			w = breaking{w}
		}
		h.ServeHTTP(w, r)
	})
}

type breaking struct{ http.ResponseWriter }

func (breaking) WriteHeader(int)           { panic("the writer broke") }
func (breaking) Write([]byte) (int, error) { panic("the writer broke") }

// unstored are the operations that ask no store: an answer itself has to break.
var unstored = []string{"ListPersonas", "ReadClock", "ListSources", "ListTroubles", "SetTrouble", "ClearTroubles", "ClearTrouble", "ReadTown",
	"ListViolations", "ListCanaries", "ReadDocument", "ReadReference", "FindReference", "FindReferenceBySlash", "ListPasskeys", "UsePasskey"}

// everywhere is what provokes a code that many operations share; nil: nothing.
func everywhere(want promise) provocation {
	with := func(change func(*ids)) provocation {
		return func(p *provoker) (int, members) {
			named := p.ids
			change(&named)
			return p.ask(want, named, "", http.Header{}, nil)
		}
	}
	switch want.code {
	case "request_invalid":
		return func(p *provoker) (int, members) {
			return p.ask(want, p.ids, "nothing_of_the_kind=1", http.Header{}, nil)
		}
	case "cross_site":
		return func(p *provoker) (int, members) {
			return p.ask(want, p.ids, "", http.Header{"Sec-Fetch-Site": {"cross-site"}}, nil)
		}
	case "body_too_large":
		return func(p *provoker) (int, members) {
			return p.ask(want, p.ids, "", http.Header{"Expect": {"100-continue"}}, bytes.Repeat([]byte(" "), 1<<20+1))
		}
	case "media_type_unsupported":
		return func(p *provoker) (int, members) {
			return p.ask(want, p.ids, "", http.Header{"Content-Type": {"text/plain"}}, nil)
		}
	case "internal":
		return func(p *provoker) (int, members) {
			if slices.Contains(unstored, want.op.OperationID) {
				return p.ask(want, p.ids, "", http.Header{"X-Break": {"here"}}, nil)
			}
			defer p.stop()()
			return p.ask(want, p.ids, "", http.Header{}, nil)
		}
	case "person_unknown":
		return with(func(i *ids) { i.person = "nobody" })
	case "client_not_found":
		return with(func(i *ids) { i.client = "client_x" })
	case "grant_not_found":
		return with(func(i *ids) { i.grant = "grant_x" })
	case "webhook_event_not_found":
		return with(func(i *ids) { i.delivery = "nothing" })
	case "institution_unknown":
		return with(func(i *ids) { i.source = "nowhere_bank" })
	case "connection_not_found":
		return with(func(i *ids) { i.connection, i.source = "none", "unionpay" })
	case "upload_not_found":
		return with(func(i *ids) { i.file = "none" })
	}
	return nil
}

// ask sends an operation as the document shows it, but for what is said; body nil:
// the document's own example.
func (p *provoker) ask(want promise, named ids, query string, header http.Header, body []byte) (int, members) {
	p.t.Helper()
	method, path, _ := strings.Cut(want.operation, " ")
	kind := map[string]string{"people": named.person, "clients": named.client, "grants": named.grant, "webhooks": named.delivery}[strings.Split(path+"/", "/")[2]]
	path = strings.NewReplacer("{id}", kind, "{client}", named.client, "{connection}", named.connection, "{file}", named.file, "{institution}", named.source).Replace(path)
	if want.op.OperationID == "RemoveIdleClients" {
		query += "&idle_for=9000h"
	}
	if body == nil {
		body = p.example(want.op, named)
	}
	if want.op.RequestBody != nil && header.Get("Content-Type") == "" {
		header = maps.Clone(header)
		header.Set("Content-Type", "application/json")
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, strings.TrimSuffix(p.r.Sandbox, "/sandbox")+path+"?"+query, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header = header
	resp, err := patient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var said members
	_ = json.Unmarshal(b, &said)
	return resp.StatusCode, said
}

// patient asks before it sends a large body.
var patient = &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}

// example is the first body that the document shows, with the ids of this sandbox.
func (p *provoker) example(op *openapi3.Operation, named ids) []byte {
	if op.RequestBody == nil {
		return nil
	}
	media := op.RequestBody.Value.Content.Get("application/json")
	shown := media.Example
	for _, name := range slices.Sorted(maps.Keys(media.Examples)) {
		if shown == nil {
			shown = media.Examples[name].Value.Value
		}
	}
	if op.OperationID == "CreatePasskey" || op.OperationID == "UsePasskey" { // whose example is of the second
		shown = creation("Zm9v")
	}
	b, err := json.Marshal(shown)
	if err != nil {
		p.t.Fatal(err)
	}
	return []byte(strings.NewReplacer("person_1", named.person, "client_LITTLE", named.client, "jiangnan_bank", named.source,
		"grant_7c1f09e3b2a4QZ3N7K2M5T6V8X9YBCDEFGHJKW", named.grant).Replace(string(b)))
}

// creation is what a sign-up page has a passkey made by.
func creation(user string, held ...string) members {
	exclude := []members{}
	for _, id := range held {
		exclude = append(exclude, members{"type": "public-key", "id": id})
	}
	return members{"options": members{"challenge": "Zm9vZm9vZm9vZm9vZm9vZm9v", "rpId": "localhost", "rp": members{"id": "localhost", "name": "Jali"},
		"user": members{"id": user, "name": "林晚舟", "displayName": "林晚舟"}, "excludeCredentials": exclude}}
}
