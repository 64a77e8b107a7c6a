package anchor

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"jali/internal/secret"
)

var ratchet = secret.New(bytes.Repeat([]byte{7}, 32))

func founded(t *testing.T) *File {
	t.Helper()
	f, err := At(filepath.Join(t.TempDir(), "anchor"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Change(func(s *State) { s.Ring, s.Term, s.Ratchet = "ring", 1, ratchet }); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhatIsSaidStays(t *testing.T) {
	f := founded(t)
	want := State{Ring: "ring", Term: 3, Generation: 9, GenerationID: "nine", Serving: true, Floor: 4,
		Touched: map[string]uint64{"g1": 5}, Shredded: map[string]uint32{"p1": 2}}
	if err := f.Change(func(s *State) { ratchet := s.Ratchet; *s = want.clone(); s.Ratchet = ratchet }); err != nil {
		t.Fatal(err)
	}
	f.State().Touched["g1"] = 99 // the caller's own
	again, err := At(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	got := again.State()
	if !got.Ratchet.Equal(ratchet) || got.Ring != want.Ring || got.Term != want.Term || got.Generation != want.Generation || got.GenerationID != want.GenerationID ||
		got.Serving != want.Serving || got.Floor != want.Floor || !maps.Equal(got.Touched, want.Touched) || !maps.Equal(got.Shredded, want.Shredded) {
		t.Errorf("read again: %+v, want %+v", got, want)
	}
	if strings.Contains(fmt.Sprintf("%+v %#v", got, f), string(ratchet.Reveal())) {
		t.Error("the ratchet is printed")
	}
	if info, err := os.Stat(f.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestAMissingAnchorIsNothingYet(t *testing.T) {
	f, err := At(filepath.Join(t.TempDir(), "anchor"))
	if err != nil || f.State().Ring != "" {
		t.Errorf("At = %+v, %v; want a State that is zero", f.State(), err)
	}
	if err := f.Change(func(s *State) { s.Generation = 1 }); err == nil {
		t.Error("an anchor that could not be read again was written")
	}
	if _, err := os.Stat(f.Path()); !os.IsNotExist(err) {
		t.Errorf("there is a file: %v", err)
	}
}

func TestADamagedAnchorIsRefused(t *testing.T) {
	f := founded(t)
	whole, err := os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	refuses := func(why string, text []byte) {
		t.Helper()
		if err := os.WriteFile(f.Path(), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := At(f.Path()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: At = %v, want ErrDamaged", why, err)
		} else if strings.Contains(err.Error(), "BwcHBwcH") {
			t.Errorf("%s: the error quotes the ratchet", why)
		}
	}
	for i := range len(whole) * 8 {
		b := bytes.Clone(whole)
		b[i/8] ^= 1 << (i % 8)
		refuses(fmt.Sprint("bit ", i, " turned"), b)
	}
	for n := range whole {
		refuses(fmt.Sprint("cut to ", n), whole[:n])
	}
	refuses("a byte more", append(bytes.Clone(whole), '\n'))
	line := []byte(`{"ring":"ring","term":1,"ratchet":"BwcH","generation":0,"serving":false}`)
	refuses("a short ratchet", fmt.Appendf(nil, "%s\n%s\n%s\n", firstLine, line, sum(line)))
}

func TestAnExposedAnchorIsRefused(t *testing.T) {
	f := founded(t)
	if err := os.Chmod(f.Path(), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := At(f.Path()); !errors.Is(err, ErrExposed) {
		t.Errorf("At = %v, want ErrExposed", err)
	}
}

func TestAFailedChangeChangesNothing(t *testing.T) {
	f := founded(t)
	if err := os.Rename(filepath.Dir(f.Path()), filepath.Dir(f.Path())+".away"); err != nil {
		t.Fatal(err)
	}
	if err := f.Change(func(s *State) { s.Term = 2 }); !errors.Is(err, ErrUnwritten) {
		t.Errorf("Change = %v, want ErrUnwritten", err)
	}
	if f.State().Term != 1 {
		t.Error("what was not written is believed")
	}
}

// A former ratchet that stayed on the disk would open backups from before its
// term for good.
func TestWhatACrashLeftIsGoneWithTheNextChange(t *testing.T) {
	f := founded(t)
	if err := os.WriteFile(f.Path()+".tmp", []byte("a former ratchet"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Change(func(s *State) { s.Term = 2 }); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Dir(f.Path()))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the anchor there lie %v, %v", left, err)
	}
	if _, err := At(f.Path()); err != nil { // ErrExposed, where the mode was kept
		t.Error(err)
	}
}

func TestChangesOfManyAreAllKept(t *testing.T) {
	f := founded(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if err := f.Change(func(s *State) {
				if s.Touched == nil {
					s.Touched = map[string]uint64{}
				}
				s.Touched[fmt.Sprint(i)] = 1
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	again, err := At(f.Path())
	if err != nil || len(again.State().Touched) != 16 {
		t.Errorf("%d of 16 kept, %v", len(again.State().Touched), err)
	}
}

func FuzzParse(f *testing.F) {
	line := []byte(`{"ring":"r","term":1,"ratchet":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=","generation":0,"serving":false}`)
	f.Add(fmt.Appendf(nil, "%s\n%s\n%s\n", firstLine, line, sum(line)))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parse(text)
		if err == nil && (s.Ring == "" || s.Term == 0 || len(s.Ratchet.Reveal()) != 32) {
			t.Errorf("taken as %+v", s)
		}
	})
}

func TestATrialIsWrittenNowhere(t *testing.T) {
	f := founded(t)
	before, err := os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	trial := f.Apart()
	if err := trial.Change(func(s *State) { s.Term = 7 }); err != nil || trial.State().Term != 7 {
		t.Errorf("the trial is at term %d, %v; want 7", trial.State().Term, err)
	}
	after, err := os.ReadFile(f.Path())
	if err != nil || !bytes.Equal(before, after) || f.State().Term != 1 {
		t.Errorf("the anchor is at term %d, its file changed: %t, %v", f.State().Term, !bytes.Equal(before, after), err)
	}
}
