package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"jali/cmd/internal/house"
	"jali/vault"
)

type keyCmd struct {
	Status keyStatus `cmd:"" help:"Say which root term is in use, how much of it is spent, and what is due."`
	Rotate keyRotate `cmd:"" help:"Begin a new root term and leave the former: backups from before can then not be opened with this anchor."`
	Rekey  keyRekey  `cmd:"" help:"Change the key-encryption key."`
}

type keyStatus struct {
	JSON bool `help:"Say it as JSON." name:"json"`
}

func (keyStatus) Help() string {
	return `Examples:
  jali key status
  jali key status --json | jq .rotation`
}

func (s *keyStatus) Run(c *cli) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var keys house.Keys
	if err := t.Do(background(), http.MethodGet, "/keys", nil, &keys); err != nil {
		return err
	}
	if s.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(keys)
	}
	return tellKeys(os.Stdout, keys)
}

func tellKeys(out io.Writer, k house.Keys) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "term\t%d, since %s\n", k.Term, k.Since.Format(time.RFC3339))
	fmt.Fprintf(w, "seals\t%s of at most %s (%.1f %%); a new term is due at %s\n",
		grouped(int64(k.Seals)), grouped(int64(k.SealsLimit)), 100*float64(k.Seals)/float64(k.SealsLimit), grouped(int64(k.SealsDue)))
	var wrapped []string
	for _, term := range slices.Sorted(maps.Keys(k.Wrapped)) {
		if term == 0 {
			wrapped = append(wrapped, grouped(int64(k.Wrapped[term]))+" damaged")
			continue
		}
		wrapped = append(wrapped, fmt.Sprintf("%s in term %d", grouped(int64(k.Wrapped[term])), term))
	}
	if wrapped == nil {
		wrapped = []string{"none"}
	}
	fmt.Fprintf(w, "wrapped keys\t%s\n", strings.Join(wrapped, ", "))
	fmt.Fprintf(w, "rotation\t%s\n", strings.Join(rotationLines(k), "\n\t"))
	fmt.Fprintf(w, "key-encryption key\t%s\n", k.KEK)
	fmt.Fprintf(w, "anchor\t%s, allows term %d and later, generation %d\n", k.Anchor, k.Lowest, k.Generation)
	return w.Flush()
}

func rotationLines(k house.Keys) (lines []string) {
	switch r := k.Rotation; {
	case r == nil && k.Due.IsZero():
		lines = []string{"none running, none due"}
	case r == nil && k.Served && k.RotateAfter == 0:
		lines = []string{fmt.Sprintf("due by %s, but this server begins none by itself (--rotate-after 0): run jali key rotate", k.Due.Format(time.RFC3339))}
	case r == nil:
		lines = []string{fmt.Sprintf("none running; the server begins one by %s", k.Due.Format(time.RFC3339))}
	case r.Running:
		lines = []string{fmt.Sprintf("from term %d to %d: %s", r.From, r.To, howFar(*r))}
	default:
		lines = []string{fmt.Sprintf("from term %d to %d, interrupted: it goes on with the server, or by jali key rotate", r.From, r.To)}
	}
	if r := k.Rotation; r != nil {
		if r.Failed != "" {
			lines = append(lines, "it stopped: "+r.Failed)
		}
		if len(r.Damaged) > 0 {
			lines = append(lines, "damaged keys: "+strings.Join(r.Damaged, ", "))
		}
	}
	return lines
}

// howFar is how far a rotation is, in words.
func howFar(r vault.Rotation) string {
	done, total := grouped(int64(r.Done)), grouped(int64(r.Total))
	if r.PerSecond == 0 || r.Done >= r.Total {
		return fmt.Sprintf("%s of %s keys", done, total)
	}
	return fmt.Sprintf("%s of %s keys, %s a second, %s left", done, total, grouped(int64(r.PerSecond)), r.Remaining.Round(time.Second))
}
