package walk

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// disguises are the forms in which a canary would still be a leak.
func disguises(canary string) map[string][]byte {
	forms := map[string][]byte{
		"plain": []byte(canary),
		"hex":   []byte(hex.EncodeToString([]byte(canary))),
		"HEX":   []byte(strings.ToUpper(hex.EncodeToString([]byte(canary)))),
	}
	// Base64 of a text that holds the canary depends on where it begins: the
	// three ways, less the characters that its neighbours touch.
	for shift := range 3 {
		padded := append(bytes.Repeat([]byte{'x'}, shift), canary...)
		whole := len(padded) / 3 * 3
		skip := (shift + 2) / 3 * 4
		for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			if s := e.EncodeToString(padded[:whole]); len(s) > skip+8 {
				forms[name+string(rune('0'+shift))] = []byte(s[skip:])
			}
		}
	}
	for _, gap := range []string{" ", "-"} {
		var b strings.Builder
		for i, c := range canary {
			if i > 0 && i%4 == 0 {
				b.WriteString(gap)
			}
			b.WriteRune(c)
		}
		forms["grouped by "+gap] = []byte(b.String())
	}
	return forms
}

// shortest is the length below which a canary stands in any long text by chance.
const shortest = 8

type needle struct {
	text []byte
	name string // "hex of canary #3": never the canary itself
}

// scan answers what was found, and where. Every place is read once, whatever
// the number of canaries: their first eight bytes are looked up at each step.
func scan(canaries []string, places map[string][]byte) (found []string) {
	needles := map[uint64][]needle{}
	for i, c := range canaries {
		if len(c) < shortest {
			found = append(found, fmt.Sprintf("canary #%d is too short to be searched for", i))
			continue
		}
		for form, text := range disguises(c) {
			first := binary.LittleEndian.Uint64(text)
			needles[first] = append(needles[first], needle{text, fmt.Sprintf("%s of canary #%d", form, i)})
		}
	}
	for place, hay := range places {
		for at := 0; at+shortest <= len(hay); at++ {
			for _, n := range needles[binary.LittleEndian.Uint64(hay[at:])] {
				if bytes.HasPrefix(hay[at:], n.text) {
					found = append(found, n.name+" in "+place+": …"+around(hay, at, len(n.text))+"…")
				}
			}
		}
	}
	return found
}

func around(hay []byte, at, length int) string {
	from, to := max(0, at-60), min(len(hay), at+length+20)
	return strings.ToValidUTF8(string(hay[from:at])+"[…]"+string(hay[at+length:to]), "?")
}

func TestAPlantedLeakIsFound(t *testing.T) {
	const canary = "6222021234567890123"
	for form, needle := range disguises(canary) {
		place := append(append([]byte("some text before "), needle...), " and after"...)
		if scan([]string{canary}, map[string][]byte{"log": place}) == nil {
			t.Errorf("a canary as %s is not found", form)
		}
	}
	for shift := range 4 {
		text := strings.Repeat("a", shift) + canary + "bcd"
		place := []byte(base64.StdEncoding.EncodeToString([]byte(text)))
		if scan([]string{canary}, map[string][]byte{"answer": place}) == nil {
			t.Errorf("a canary %d bytes into a base64 text is not found", shift)
		}
	}
	if scan([]string{canary}, map[string][]byte{"log": []byte("nothing of it 6222 0212")}) != nil {
		t.Error("a canary is found where there is none")
	}
}

// noCanaries searches all that left, and all that lies on disk.
func (h *house) noCanaries(t *testing.T) {
	t.Helper()
	places := map[string][]byte{"an answer": h.answers.Bytes(), "the log": h.log.Bytes()}
	for _, name := range []string{"jali.db", "keys.db"} {
		b, err := os.ReadFile(filepath.Join(h.data, name))
		if err != nil {
			t.Fatal(err)
		}
		places[name] = b
	}
	canaries := h.canaries(t)
	if len(canaries) < 20 {
		t.Fatalf("only %d canaries: this search means nothing", len(canaries))
	}
	found := scan(canaries, places)
	for _, f := range found[:min(len(found), 20)] {
		t.Error(f)
	}
	if len(found) > 20 {
		t.Errorf("and %d more", len(found)-20)
	}
	t.Logf("%d canaries searched for in %d bytes of answers, %d of log, %d of database", len(canaries),
		len(places["an answer"]), len(places["the log"]), len(places["jali.db"])+len(places["keys.db"]))
}
