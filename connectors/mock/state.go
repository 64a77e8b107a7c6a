package mock

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// state is what a town must not forget between two runs: when it was founded,
// its keys, what it has issued and who was settled. Everything else follows
// from the seed.
type state struct {
	Version  int // of the file; before there was one: 0
	Seed     uint64
	Founded  time.Time
	Keys     map[string]string // PKCS #8 PEM by holder
	Passes   map[string]*pass  // codes and tokens by their text
	Consents map[string]*consent
	Xihe     map[string]*xiheConsent
	FDX      fdxBook
	Issued   []string // every code and token ever

	Homes   int             // how many have been settled
	Settled []settled       `json:",omitempty"` // those in which somebody lives
	Left    map[string]bool `json:",omitempty"` // institution and person: whose shop is the operator's no more

	mu   sync.Mutex
	path string // empty: in memory
}

// pass is a code or token of any institution.
type pass struct {
	Institution string
	Kind        passKind
	Person      string
	Until       time.Time
	Spent       bool // codes: used once; refresh tokens: replaced
	Redirect    string
	Scope       string
	Consent     string // banks
	Nonce       string // banks
	Challenge   string // banks, PKCE S256
	Twin        string // the token that goes with it
}

type passKind string

const (
	codePass    passKind = "code"
	accessPass  passKind = "access"
	refreshPass passKind = "refresh"
)

// stateVersion is of what is written. A file of version 0 knows of nobody who
// was settled, and is read as it is.
const stateVersion = 1

// manyPasses is from when on long expired ones are forgotten.
const manyPasses = 2048

func openState(dir string, seed uint64, founded time.Time) (*state, error) {
	st := &state{Version: stateVersion, Seed: seed, Founded: founded, Keys: map[string]string{}, Passes: map[string]*pass{}, Consents: map[string]*consent{}, Xihe: map[string]*xiheConsent{}}
	if dir == "" {
		return st, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	st.path = filepath.Join(dir, "town.json")
	text, err := os.ReadFile(st.path)
	if errors.Is(err, os.ErrNotExist) {
		return st, st.write()
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, st); err != nil {
		return nil, err
	}
	if st.Version > stateVersion {
		return nil, fmt.Errorf("written by a newer town")
	}
	st.Version = stateVersion
	if st.Seed != seed {
		return nil, fmt.Errorf("founded with another seed")
	}
	return st, nil
}

// write puts the whole state down by rename. The caller holds mu, or is alone.
func (s *state) write() error {
	if s.path == "" {
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(s.path), "town-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(text); err != nil {
		tmp.Close()
		return err
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), s.path)
}

func (s *state) keepKey(name string, key *rsa.PrivateKey) {
	if s.path == "" {
		return
	}
	text, err := writeKey(key)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Keys[name] = text
	_ = s.write() // a town that cannot write its keys serves on with those it has
}

// change runs f alone on the state and writes the outcome down. Nothing is
// kept of an f that fails only if f has changed nothing.
func (s *state) change(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f(); err != nil {
		return err
	}
	return s.write()
}

// issue makes a new pass whose text begins with prefix. The caller is inside
// change.
func (s *state) issue(prefix string, now time.Time, p pass) string {
	if len(s.Passes) > manyPasses {
		for text, old := range s.Passes {
			if old.Until.Before(now.Add(-24 * time.Hour)) {
				delete(s.Passes, text)
			}
		}
	}
	text := prefix + rand.Text()
	s.Passes[text] = &p
	s.Issued = append(s.Issued, text)
	return text
}

// holds answers a copy of the living pass with this text.
func (s *state) holds(institution string, kind passKind, text string, now time.Time) (pass, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.Passes[text]
	if !ok || p.Institution != institution || p.Kind != kind {
		return pass{}, false
	}
	if p.Spent || !now.Before(p.Until) {
		return *p, false
	}
	return *p, true
}

func (s *state) issued() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.Issued...)
}
