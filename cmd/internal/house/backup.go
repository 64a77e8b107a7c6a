package house

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"jali/internal/backup"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

var errBackingUp = &fault.Error{Kind: fault.Conflict, Code: "backup_busy", Owner: fault.Us,
	Detail: "another backup is being taken just now; try again when it is done"}

// Backup takes a backup of both files as they stand at one instant, into a
// spool in the folder of that name; empty: beside the files. Nobody waits for
// it who reads or writes, but Shred for as long as the keys are copied. The
// caller closes the spool.
func (h *House) Backup(ctx context.Context, to backup.Recipients, folder string, told backup.Progress) (_ *backup.Spool, made BackupMade, err error) {
	if !h.backingUp.TryLock() {
		return nil, made, errBackingUp
	}
	defer h.backingUp.Unlock()
	if folder == "" {
		folder = h.data
	}
	// Or what was used in this minute would pass for used since.
	if err := h.Guard.Beat(ctx, true); err != nil {
		return nil, made, err
	}
	held := h.held.State() // before the instant: the term that it names opens the backup
	frozen, err := boltkv.Freeze(ctx, h.keys, h.db)
	if err != nil {
		return nil, made, err
	}
	keys, rows := frozen[0], frozen[1]
	defer rows.Close()
	defer keys.Close()
	// Only then is the backup older than the database.
	if err := h.Guard.Beat(ctx, true); err != nil {
		return nil, made, err
	}
	header := backup.Header{Made: h.now().UTC(), Ring: held.Ring, Term: held.Term, Stores: []backup.Store{
		{Name: keysFile, Schema: keys.Schema, Rows: once(keys)}, {Name: rowsFile, Schema: rows.Schema, Rows: once(rows)},
	}}
	spool, err := backup.NewSpool(folder, keys.Size+rows.Size)
	if err != nil {
		return nil, made, err
	}
	sums, err := backup.Write(ctx, spool, to, header, h.signBackup, told)
	if err != nil {
		return nil, made, errors.Join(err, spool.Close())
	}
	return spool, BackupMade{Size: spool.Size(), Rows: sums.Rows(), At: header.Made, Term: header.Term}, nil
}

func (h *House) signBackup(parts ...string) []byte { return h.Vault.MAC("backup", parts...) }

// once walks a frozen store and lets it go.
func once(f *boltkv.Frozen) iter.Seq2[kv.Entry, error] {
	return func(yield func(kv.Entry, error) bool) {
		defer f.Close()
		f.Scan(kv.Range{})(yield)
	}
}

// NewBackup is what `backup` sends.
type NewBackup struct {
	Recipients []string `json:"recipients"`
	Spool      string   `json:"spool,omitempty"`
}

// BackupNews is what `backup` is told, a line of JSON each: how far it is, or
// why there is none, or that it follows, as so many bytes.
type BackupNews struct {
	Store string `json:"store,omitempty"`
	Rows  int64  `json:"rows,omitempty"`

	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`

	Made *BackupMade `json:"made,omitempty"`
}

// BackupMade is a backup that was taken.
type BackupMade struct {
	Size int64     `json:"size"`
	Rows int64     `json:"rows"`
	At   time.Time `json:"at"`
	Term uint32    `json:"term"` // of the anchor that opens it, or an earlier one of the same house
}

const (
	newsEvery = 250 * time.Millisecond
	// stalled is how long whoever takes a backup away may take nothing of it,
	// and hurried how long when the process is about to end.
	stalled = 5 * time.Minute
	hurried = 2 * time.Second
)

// backup tells how far it is in a goroutine of its own: whoever does not
// listen keeps the copy waiting no more than whoever does not take it away.
func (a *admin) backup(w http.ResponseWriter, r *http.Request) {
	var ask NewBackup
	if !a.read(w, r, &ask) {
		return
	}
	to, err := backup.ParseRecipients(ask.Recipients)
	if err != nil {
		a.answer(w, nil, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := newPatient(w)
	defer context.AfterFunc(a.house.stopping, out.hurry)()
	tell := func(n BackupNews) {
		if json.NewEncoder(out).Encode(n) != nil {
			cancel() // nobody is there any more
		}
	}

	var last atomic.Pointer[BackupNews]
	var spool *backup.Spool
	var made BackupMade
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer fault.Caught(&err)
		spool, made, err = a.house.Backup(ctx, to, ask.Spool, func(store string, rows, _ int64) {
			last.Store(&BackupNews{Store: store, Rows: rows})
		})
	}()
	tick := time.NewTicker(newsEvery)
	defer tick.Stop()
	for taking := true; taking; {
		select {
		case <-done:
			taking = false
		case <-tick.C:
			if n := last.Swap(nil); n != nil {
				tell(*n)
			}
		}
	}
	if err != nil {
		f := fault.Of(err)
		a.log.Error("no backup was taken", "code", f.Code, "err", err)
		tell(BackupNews{Code: f.Code, Detail: f.Detail})
		return
	}
	defer spool.Close()
	tell(BackupNews{Made: &made})
	n, err := spool.WriteTo(out)
	if err != nil {
		a.log.Error("a backup was not taken away", "bytes", made.Size, "taken", n, "err", err)
		return
	}
	a.log.Info("a backup was taken", "bytes", made.Size, "rows", made.Rows, "term", made.Term)
}

// patient writes an answer that may take longer than the server allows others,
// as long as some of it is taken.
type patient struct {
	to       io.Writer
	http     *http.ResponseController
	mu       sync.Mutex
	patience time.Duration
}

func newPatient(w http.ResponseWriter) *patient {
	p := &patient{to: w, http: http.NewResponseController(w), patience: stalled}
	_ = p.http.SetReadDeadline(time.Time{}) // its end would end the request
	return p
}

// hurry is less patient from now on, with a Write under way too.
func (p *patient) hurry() {
	p.mu.Lock()
	p.patience = hurried
	p.mu.Unlock()
	p.wait()
}

// wait gives a Write, also one under way, as long as it may take from now.
func (p *patient) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.http.SetWriteDeadline(time.Now().Add(p.patience))
}

func (p *patient) Write(b []byte) (int, error) {
	p.wait()
	n, err := p.to.Write(b)
	_ = p.http.Flush()
	return n, err
}
