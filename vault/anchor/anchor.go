// Package anchor keeps the one small file that holds a database to its time.
//
// It lies outside the database and outside every backup of it, so that neither
// can be taken back to a former state unnoticed: it knows the lowest root term
// that may still open anything and a secret without which that term opens
// nothing, how far the database had come, and what must not come back with a
// restored one.
//
// The file is text: a line that says what it is, a line of JSON, and the
// SHA-256 of that line in hexadecimal, which tells damage, not malice. Whoever
// can write here and in the database can take both back together.
package anchor

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"strings"
	"sync"

	"jali/internal/durable"
	"jali/internal/fault"
	"jali/internal/secret"
)

var (
	// ErrMissing is a database without its anchor.
	ErrMissing = &fault.Error{Kind: fault.Unavailable, Code: "anchor_missing", Owner: fault.Us,
		Detail: "the anchor of this database is missing; put it back, or a copy of it that you have kept: without it nothing can be read; nothing was changed"}

	// ErrDamaged is a file that is no whole anchor.
	ErrDamaged = &fault.Error{Kind: fault.Unavailable, Code: "anchor_damaged", Owner: fault.Us,
		Detail: "the anchor is not whole; put back a copy of it that you have kept; nothing was changed"}

	// ErrExposed is an anchor that others than its owner can read or write.
	ErrExposed = &fault.Error{Kind: fault.Unavailable, Code: "anchor_exposed", Owner: fault.Us,
		Detail: "the anchor can be read by others than its owner; run chmod 600 on it"}

	// ErrUnwritten means that a change did not reach the disk, or perhaps did.
	ErrUnwritten = &fault.Error{Kind: fault.Unavailable, Code: "anchor_unwritten", Owner: fault.Us,
		Detail: "the anchor cannot be written; see that its disk has room and can be written to"}
)

// State is what the file says. The zero State is of a file that is not there.
type State struct {
	Ring    string       // the keyring that this anchor belongs to
	Term    uint32       // the lowest root term that may open anything
	Ratchet secret.Value // what that term's keys need beside the keyring, 32 bytes

	Generation   uint64 // how far the database had come, at least
	GenerationID string // drawn when that began: two histories that have parted share none
	Serving      bool   // a process uses the database, or has ended without saying so

	// Touched are the grants and others that were changed, used or ended, by
	// mark, a word without spaces, with the generation of the last time. Nothing is known of what was touched
	// in generations below Floor.
	Touched map[string]uint64
	Floor   uint64

	// Shredded are the marks of keys that were destroyed, with the term that
	// had wrapped them last: backups of that term still hold them.
	Shredded map[string]uint32
}

// File is an anchor at its place. It is safe for use by several goroutines,
// but one process alone may have it open: the one that has the database.
type File struct {
	path  string
	apart bool
	mu    sync.Mutex
	now   State
}

// stored is State in the file.
type stored struct {
	Ring       string            `json:"ring"`
	Term       uint32            `json:"term"`
	Ratchet    []byte            `json:"ratchet"`
	Generation uint64            `json:"generation"`
	ID         string            `json:"id,omitempty"`
	Serving    bool              `json:"serving"`
	Touched    touched           `json:"touched,omitempty"`
	Floor      uint64            `json:"floor,omitempty"`
	Shredded   map[string]uint32 `json:"shredded,omitempty"`
}

// touched are the marks of each generation, one after another: one text is
// written and read in a fraction of the time of its words.
type touched map[uint64]string

func (t touched) marks() map[string]uint64 {
	var all map[string]uint64
	for generation, marks := range t {
		for m := range strings.FieldsSeq(marks) {
			if all == nil {
				all = make(map[string]uint64, (len(marks)+1)/(len(m)+1))
			}
			all[m] = generation
		}
	}
	return all
}

func touchedIn(marks map[string]uint64) touched {
	of := map[uint64]*strings.Builder{}
	for m, generation := range marks {
		b, ok := of[generation]
		if !ok {
			b = new(strings.Builder)
			of[generation] = b
		} else {
			b.WriteByte(' ')
		}
		b.WriteString(m)
	}
	t := make(touched, len(of))
	for generation, b := range of {
		t[generation] = b.String()
	}
	return t
}

const (
	firstLine = "jali anchor v1"
	mostBytes = 64 << 20
)

// At reads the anchor at path. Where there is no file the State is zero and
// the first [File.Change] makes it. Errors: [ErrDamaged], [ErrExposed].
func At(path string) (*File, error) {
	f := &File{path: path}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the anchor cannot be opened: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("the anchor cannot be opened: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, ErrExposed.Because(fmt.Errorf("%s has mode %04o", path, info.Mode().Perm()))
	}
	text, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	if err != nil {
		return nil, ErrDamaged.Because(err)
	}
	defer clear(text)
	if f.now, err = parse(text); err != nil {
		return nil, ErrDamaged.Because(fmt.Errorf("%s: %w", path, err))
	}
	return f, nil
}

// parse never quotes what it reads: it holds a secret.
func parse(text []byte) (State, error) {
	lines := bytes.Split(text, []byte("\n"))
	if len(text) > mostBytes || len(lines) != 4 || len(lines[3]) != 0 {
		return State{}, errors.New("it has not three lines")
	}
	if string(lines[0]) != firstLine {
		return State{}, errors.New("the first line is not " + firstLine)
	}
	if string(lines[2]) != sum(lines[1]) {
		return State{}, errors.New("its checksum is another")
	}
	d := json.NewDecoder(bytes.NewReader(lines[1]))
	d.DisallowUnknownFields()
	var s stored
	if d.Decode(&s) != nil || s.Ring == "" || s.Term == 0 || len(s.Ratchet) != sha256.Size {
		return State{}, errors.New("the second line is not what an anchor says")
	}
	return State{Ring: s.Ring, Term: s.Term, Ratchet: secret.New(s.Ratchet), Generation: s.Generation, GenerationID: s.ID, Serving: s.Serving,
		Touched: s.Touched.marks(), Floor: s.Floor, Shredded: s.Shredded}, nil
}

func sum(line []byte) string {
	h := sha256.Sum256(line)
	return hex.EncodeToString(h[:])
}

// Path is where the anchor lies.
func (f *File) Path() string { return f.path }

// State is what the anchor says now; its maps are the caller's.
func (f *File) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now.clone()
}

// Apart is this anchor for a trial: what is changed of it is written nowhere.
func (f *File) Apart() *File { return &File{path: f.path, apart: true, now: f.State()} }

func (s State) clone() State {
	s.Touched, s.Shredded = maps.Clone(s.Touched), maps.Clone(s.Shredded)
	return s
}

// Change replaces the file by one that says what is said after change, and
// answers once that is on disk. If it fails nothing is changed, except after
// [ErrUnwritten]: then the file may say either, and a later Change both. The
// maps that change is given may be nil.
func (f *File) Change(change func(*State)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := f.now.clone()
	change(&next)
	line, err := json.Marshal(stored{Ring: next.Ring, Term: next.Term, Ratchet: next.Ratchet.Reveal(), Generation: next.Generation, ID: next.GenerationID,
		Serving: next.Serving, Touched: touchedIn(next.Touched), Floor: next.Floor, Shredded: next.Shredded})
	if err != nil {
		return err
	}
	defer clear(line)
	text := fmt.Appendf(nil, "%s\n%s\n%s\n", firstLine, line, sum(line))
	defer clear(text)
	again, err := parse(text)
	if err == nil && len(again.Touched) != len(next.Touched) {
		err = errors.New("a mark is no word")
	}
	if err != nil {
		return fmt.Errorf("anchor: a state that could not be read again: %w", err)
	}
	if !f.apart {
		if err := durable.Replace(f.path, text); err != nil {
			return ErrUnwritten.Because(err)
		}
	}
	f.now = next
	return nil
}
