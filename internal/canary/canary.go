// Package canary looks for what must never leave: account numbers, tokens,
// names, in whatever disguise they left.
//
// The unit is the place: all the bytes of one log, answer, dump or file. A
// [Scanner] reads a place once, however many canaries there are, and looks at
// it three ways: as it stands; with escapes undone (percent, JSON, HTML,
// full-width digits, UTF-16, line breaks), twice, since logs quote what was quoted; and
// bare, with nothing left but letters and digits, so that no grouping hides a
// number. What is gzip it also unpacks.
//
// It knows canaries as they are, in hex, base64, UTF-16, as lists of bytes, as
// integers and packed digits, backwards, and by their unsalted hashes, even cut
// short: see [Disguises]. It knows no cipher, no salt, no archive inside a
// place, and no compression but gzip's around all of it. A number split over
// two records is not found either.
//
// A [Finding] names its canary by its place in the list and never holds it: what
// a test prints is kept by others.
package canary

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
)

// Shortest is the length in bytes below which a text stands in any long place
// by chance, and is no canary.
const Shortest = 8

// Scanner looks for the canaries that [New] was given. Many may use it at once.
type Scanner struct {
	canaries []string
	views    [3]index // as it stands, unescaped, bare
	step     int      // how much of a place is held at once
}

// New makes a Scanner.
func New(canaries []string) (*Scanner, error) {
	s := &Scanner{canaries: canaries, step: 1 << 16}
	if len(canaries) == 0 {
		return nil, errors.New("canary: there is nothing to look for")
	}
	for i, c := range canaries {
		if len(c) < Shortest {
			return nil, fmt.Errorf("canary: #%d has only %d bytes", i, len(c))
		}
		for v, needles := range needlesOf(c) {
			for _, n := range needles {
				n.canary = i
				s.views[v].add(n)
			}
		}
	}
	for v := range s.views {
		s.views[v].seal()
	}
	return s, nil
}

// Finding is one canary in one place: the first time that it stands there.
type Finding struct {
	Place    string
	Canary   int    // its index in what New was given
	Disguise string // what it was found by
	Near     int64  // how many bytes into the place
	Around   string // what stands about it, without letters and digits that may be its own
}

func (f Finding) String() string {
	return fmt.Sprintf("canary #%d stands in %s, near byte %d (%s): %s", f.Canary, f.Place, f.Near, f.Disguise, f.Around)
}

// Bytes searches a place that is held in memory.
func (s *Scanner) Bytes(place string, b []byte) []Finding {
	found, _ := s.Read(place, bytes.NewReader(b)) // a Reader does not fail
	return found
}

// File searches a file.
func (s *Scanner) File(path string) ([]Finding, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return s.Read(path, f)
}

// Read searches all that r has to say.
func (s *Scanner) Read(place string, r io.Reader) ([]Finding, error) {
	p := s.pass(place)
	head := make([]byte, 2)
	n, err := io.ReadFull(r, head)
	r = io.MultiReader(bytes.NewReader(head[:n]), r)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	case n < 2 || head[0] != 0x1f || head[1] != 0x8b:
		_, err = io.Copy(p, r)
		return p.end(), err
	}
	inside := s.pass(place + ", unpacked")
	packed := io.TeeReader(r, p)
	if z, err := gzip.NewReader(packed); err == nil {
		_, _ = io.Copy(inside, z) // what does not unpack is searched as it stands
	}
	_, err = io.Copy(io.Discard, packed)
	return append(p.end(), inside.end()...), err
}

// Prove plants every disguise of every canary, and answers an error that names
// those that were not found. A search that has not been proved means nothing.
func (s *Scanner) Prove() error {
	planted := map[string][][]byte{}
	for _, c := range s.canaries {
		for name, text := range Disguises(c) {
			planted[name] = append(planted[name], text)
		}
	}
	var missed []error
	for name, texts := range planted {
		place := []byte("a line\n")
		for _, text := range texts {
			place = append(append(place, text...), "\nanother line, with 17 \"words\" in it\n"...)
		}
		seen := map[int]bool{}
		for _, f := range s.Bytes(name, place) {
			seen[f.Canary] = true
		}
		if len(seen) < len(texts) {
			missed = append(missed, fmt.Errorf("%s: %d of %d", name, len(texts)-len(seen), len(texts)))
		}
	}
	if missed != nil {
		return fmt.Errorf("canary: planted and not found: %w", errors.Join(missed...))
	}
	return nil
}

// None fails t where a canary stands in any of the places, after having shown
// that it would be found there.
func None(t testing.TB, canaries []string, places map[string][]byte) {
	t.Helper()
	s := Proved(t, canaries)
	var found []Finding
	for place, b := range places {
		found = append(found, s.Bytes(place, b)...)
	}
	Report(t, found)
}

// Proved answers a Scanner that has found all that was planted.
func Proved(t testing.TB, canaries []string) *Scanner {
	t.Helper()
	s, err := New(canaries)
	if err == nil {
		err = s.Prove()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Report fails t with what was found: the first twenty, and how many more.
func Report(t testing.TB, found []Finding) {
	t.Helper()
	const most = 20
	for _, f := range found[:min(len(found), most)] {
		t.Error(f)
	}
	if len(found) > most {
		t.Errorf("and %d more", len(found)-most)
	}
}
