package aggregate

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"jali/connectors"
	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/ledger"
	"jali/internal/upstream"
	"jali/vault"
)

// Grants says what a client may see; *consent.Service does.
type Grants interface {
	// Live answers a grant that may be read from now, and writes nothing.
	Live(context.Context, consent.ClientID, consent.GrantID) (consent.Grant, error)
	// Spend takes one use for a key; a key that has spent takes nothing.
	Spend(ctx context.Context, client consent.ClientID, grant consent.GrantID, key string, request []byte) (consent.Use, error)
	Client(context.Context, consent.ClientID) (consent.Client, error)
	// Covering answers a person's living grants, for more than one use, that
	// cover one of some accounts.
	Covering(tx kv.Tx, now time.Time, p consent.PersonID, accounts []consent.AccountID) ([]consent.Grant, error)
	// TellNeedsPerson tells a grant's client that the person has to connect a
	// source again.
	TellNeedsPerson(tx kv.Tx, now time.Time, event string, g consent.Grant, source string) error
	// Grants answers a person's own, for their export.
	Grants(context.Context, consent.Session) ([]consent.Grant, error)
	// Evidence answers by what passkey assertion a person gave a grant.
	Evidence(context.Context, consent.Session, consent.GrantID) (consent.Evidence, error)
}

// Connectors is what there is to ask; *connectors.Registry does.
type Connectors interface {
	All() []connectors.Connector // by source id
	Find(source string) (connectors.Connector, bool)
}

// Service is wired in cmd. Now, Log and Deadline may be left out; it is not
// copied.
type Service struct {
	DB         kv.DB
	Vault      *vault.Vault
	Grants     Grants
	Connectors Connectors
	Ledger     *ledger.Ledger
	Upstream   *upstream.Pool // nil: one of its own

	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: slog.Default
	Deadline time.Duration    // what one source has for its whole answer; 0: 8 seconds
	AtOnce   bool             // clients are told of a connection at once, not each at a moment of its own

	refreshes singleflight.Group // by connection
	turns     turns              // by view
	memory    memory             // of the persons' own looks
	spare     upstream.Pool
}

func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// moment is now as it is told to people and clients: to the second, at the
// offset that their bills are at.
func (s *Service) moment() time.Time { return s.now().In(consent.Shanghai).Truncate(time.Second) }

func (s *Service) log() *slog.Logger {
	if s.Log == nil {
		return slog.Default()
	}
	return s.Log
}

func (s *Service) deadline() time.Duration {
	if s.Deadline <= 0 {
		return 8 * time.Second
	}
	return s.Deadline
}

var (
	// ErrViewNotFound answers for a view that is unknown or another grant's.
	ErrViewNotFound = &fault.Error{Kind: fault.NotFound, Code: "view_not_found", Detail: "there is no such view of this grant"}
	// ErrViewExpired is a view that was here, within a day after it went.
	ErrViewExpired = &fault.Error{Kind: fault.Gone, Code: "view_expired",
		Detail: "this view has been shredded; open another with a new Idempotency-Key"}
	// ErrUnfinished is a view that was not made in its time: its use is spent,
	// and the same key goes on with it.
	ErrUnfinished = &fault.Error{Kind: fault.Unavailable, Code: "view_unfinished", Owner: fault.Us, RetryAfter: 5 * time.Second,
		Detail: "the view was not finished in time; ask again with the same Idempotency-Key, which spends nothing more"}
	// ErrCursor is a cursor that this view did not give.
	ErrCursor = &fault.Error{Kind: fault.Invalid, Code: "cursor_invalid", Detail: "this is no cursor of this view"}
	// ErrNotGranted is a part of a view outside its grant.
	ErrNotGranted = &fault.Error{Kind: fault.Denied, Code: "not_granted", Detail: "a source or datatype is outside the grant"}

	// ErrNoSource is a source that this installation does not have, or that
	// has no login page.
	ErrNoSource = &fault.Error{Kind: fault.NotFound, Code: "source_unknown", Owner: fault.Person,
		Detail: "there is no such source to connect"}
	// ErrNoLinking is a return from a source that nobody here began, that is
	// over ten minutes old, was used, or belongs to another session.
	ErrNoLinking = &fault.Error{Kind: fault.Invalid, Code: "link_expired", Owner: fault.Person, Action: "connect",
		Detail: "this connection was not begun here, took too long or was made already; begin again"}
	ErrNoConnection = &fault.Error{Kind: fault.NotFound, Code: "connection_not_found", Owner: fault.Person,
		Detail: "there is no such connection"}
	// ErrNoBill is a bill that is not there, or another's.
	ErrNoBill = &fault.Error{Kind: fault.NotFound, Code: "bill_not_found", Owner: fault.Person, Detail: "there is no such bill; look again, its source may have taken it back"}
	// ErrNoUpload is a staged file that is unknown, somebody else's, taken in
	// or over an hour old.
	ErrNoUpload = &fault.Error{Kind: fault.NotFound, Code: "upload_not_found", Owner: fault.Person, Action: "upload",
		Detail: "this file is not waiting here any more; upload it again"}
	// ErrMismatch is a file that disagrees with itself and was not accepted
	// in spite of it.
	ErrMismatch = &fault.Error{Kind: fault.Conflict, Code: "file_disagrees", Owner: fault.Person, Action: "accept_mismatch",
		Detail: "the file's own sums disagree with its rows; nothing was stored"}
	// ErrNoPerson is an import for somebody who is not here.
	ErrNoPerson = &fault.Error{Kind: fault.NotFound, Code: "person_unknown", Detail: "there is no such person"}
)

// Sources answers every source of this installation, by id.
func (s *Service) Sources() []Source {
	var list []Source
	for _, c := range s.Connectors.All() {
		list = append(list, c.Source())
	}
	return list
}

// Offers answers every source of this installation with what it tells, by id.
func (s *Service) Offers() []Offer {
	var list []Offer
	for _, c := range s.Connectors.All() {
		list = append(list, Offer{c.Source(), connectors.Tells(c)})
	}
	return list
}

// turns lets one of several callers at a time hold a name.
type turns struct {
	mu   sync.Mutex
	held map[string]*turn
}

type turn struct {
	token chan struct{} // holds one value while nobody has the turn
	count int           // who has it or waits for it
}

// take waits for the turn of name and answers how to give it back.
func (t *turns) take(ctx context.Context, name string) (give func(), err error) {
	t.mu.Lock()
	if t.held == nil {
		t.held = map[string]*turn{}
	}
	w := t.held[name]
	if w == nil {
		w = &turn{token: make(chan struct{}, 1)}
		w.token <- struct{}{}
		t.held[name] = w
	}
	w.count++
	t.mu.Unlock()
	drop := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if w.count--; w.count == 0 {
			delete(t.held, name)
		}
	}
	select {
	case <-w.token:
		return func() { w.token <- struct{}{}; drop() }, nil
	case <-ctx.Done():
		drop()
		return nil, ctx.Err()
	}
}
