package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"jali/cmd/internal/house"
	"jali/vault"
)

type keyRotate struct {
	Wait bool `help:"Wait for its end and say how far it is." default:"true" negatable:""`
}

func (keyRotate) Help() string {
	return `A new root term begins, and every wrapped key is wrapped anew in it, beside
the service. Then the anchor moves on, so that no backup made before this can be
opened with it: not by a thief, and not by you. A copy of the anchor from before
still opens them. So make a backup afterwards, and a copy of the anchor; then
destroy older copies, or nothing that was deleted is gone from older backups.

It may be interrupted at any moment and goes on: in the running server, with
the next start of one, or by this verb. While one runs, this verb begins no
other but says how far it is.

Examples:
  jali key rotate
  jali key rotate --no-wait`
}

// lookEvery is how often a waiting verb asks how far a rotation is.
const lookEvery = 200 * time.Millisecond

func (r *keyRotate) Run(c *cli) (err error) {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	ctx, stop := signal.NotifyContext(background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var said *vault.Rotation
	if err := t.Do(ctx, http.MethodPost, "/keys/rotation", nil, &said); err != nil {
		return err
	}
	if !r.Wait {
		fmt.Println(unfinished(t.Served(), said))
		return nil
	}
	show := &display{out: os.Stderr, terminal: isatty.IsTerminal(os.Stderr.Fd())}
	for said != nil {
		show.tell(*said)
		if !said.Running {
			show.end()
			return stopped(*said)
		}
		select {
		case <-ctx.Done():
			show.end()
			fmt.Println(unfinished(t.Served(), said))
			return nil
		case <-time.After(lookEvery):
		}
		said = nil
		if err := t.Do(context.WithoutCancel(ctx), http.MethodGet, "/keys/rotation", nil, &said); err != nil {
			return err
		}
	}
	show.end()
	var keys house.Keys
	if err := t.Do(background(), http.MethodGet, "/keys", nil, &keys); err != nil {
		return err
	}
	fmt.Printf(`term %d is in use and wraps all %s keys; backups from before it do not open with this anchor any more
Copies of the anchor from before still open them: put one of %s as it is now
in the place of each, and make a backup.
`, keys.Term, grouped(int64(keys.Wrapped[keys.Term])), keys.Anchor)
	return nil
}

// unfinished says what becomes of a rotation that nobody waits for.
func unfinished(served bool, said *vault.Rotation) string {
	switch {
	case said == nil:
		return "the root keys are rotated"
	case served:
		return "the rotation goes on in the server; see jali key status"
	}
	return "a new term has begun; the rotation goes on when the server starts, or by jali key rotate"
}

func stopped(said vault.Rotation) error {
	if said.Failed == "" {
		return errors.New("the rotation was interrupted, and goes on when the server starts, or by jali key rotate")
	}
	what := said.Failed
	if len(said.Damaged) > 0 {
		what += " (" + strings.Join(said.Damaged, ", ") + ")"
	}
	return &house.Refusal{Code: "rotation_stopped", Detail: what}
}

// display shows progress: as a bar that is drawn over on a terminal, or as a
// line for each tenth.
type display struct {
	out      io.Writer
	terminal bool
	last     int // tenths that were told, or how wide the bar was drawn
}

const barWidth = 30

func (d *display) tell(r vault.Rotation) { d.draw(int64(r.Done), int64(r.Total), howFar(r)) }

func (d *display) draw(done, total int64, how string) {
	part := 1.0
	if total > 0 {
		part = min(1, float64(done)/float64(total))
	}
	if d.terminal {
		full := int(part * barWidth)
		line := fmt.Sprintf("[%s%s] %3.0f %%  %s", strings.Repeat("#", full), strings.Repeat("-", barWidth-full), 100*part, how)
		fmt.Fprintf(d.out, "\r%-*s", d.last, line)
		d.last = len(line)
		return
	}
	if tenths := int(10 * part); total > 0 && tenths > d.last {
		d.last = tenths
		fmt.Fprintf(d.out, "%d %%: %s\n", 10*tenths, how)
	}
}

func (d *display) end() {
	if d.terminal && d.last > 0 {
		fmt.Fprintln(d.out)
	}
}
