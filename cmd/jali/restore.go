package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"jali/cmd/internal/house"
	"jali/internal/backup"
	"jali/internal/fault"
)

type restoreCmd struct {
	Identity string `help:"File of the age identity that opens the backup." required:"" placeholder:"FILE"`
	From     string `help:"The backup; - is standard input." required:"" placeholder:"FILE"`
	Verify   bool   `help:"Only check that the backup is whole and opens; put nothing in place."`
	Scratch  string `help:"With --verify: folder in which to unpack it meanwhile. Default: the data folder." type:"path" placeholder:"DIR"`
}

func (restoreCmd) Help() string {
	return `Examples:
  jali restore --data /var/lib/jali --identity backup.key --from jali-2026-11-22.age
  ssh vault cat jali.age | jali restore --identity backup.key --from - --verify

The data folder must hold no database. Put the copies of the key-encryption key
and of the anchor that you have kept where --key-file and --anchor-file say. All
of the backup is unpacked beside its place, read again and every key in it
opened before anything is put in place; what fails leaves the folder as it was.

The server notices at its next start that its database is an older one, and
before it serves it ends every grant that it does not know to be unused since.`
}

func (r *restoreCmd) Run(c *cli) error {
	if r.Scratch != "" && !r.Verify {
		return errors.New("--scratch goes with --verify: what is to be put in place is unpacked beside it")
	}
	with, err := readIdentities(r.Identity)
	if err != nil {
		return err
	}
	in := os.Stdin
	if r.From != "-" {
		if in, err = os.Open(r.From); err != nil {
			return err
		}
		defer in.Close()
	}
	ctx, stop := interrupted()
	defer stop()
	shown := newProgress()
	found, err := house.Restore{
		Config: house.Config{Data: c.Data, Key: c.choice(), AnchorFile: c.Anchor},
		From:   stoppable(ctx, in), With: with, Verify: r.Verify, Scratch: r.Scratch,
		Told: func(stage string, n int64) { shown.say(stage + ", " + grouped(n)) },
	}.Run(ctx)
	shown.end()
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted; nothing was put in place: %w", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "a backup of %s rows as of %s, term %d: whole, and it opens\n%s\n",
		grouped(found.Rows), found.Made.Format(time.RFC3339), found.Term, keysInWords(found))
	if !r.Verify {
		fmt.Fprintf(os.Stderr, "It is in place in %s. Start the server: it ends the grants that may have been used or revoked since, and says so.\n", c.Data)
	}
	return nil
}

func keysInWords(r house.Restored) string {
	k := r.Keys
	return fmt.Sprintf("Every key in it was opened: of %s people, %s connections and %s pairs of person and client.",
		grouped(int64(k.Persons)), grouped(int64(k.Parts)), grouped(int64(k.Pairs)))
}

func readIdentities(path string) (backup.Identities, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	with, err := backup.ParseIdentities(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return with, nil
}

// stoppable reads on until ctx ends, even while in keeps it waiting.
func stoppable(ctx context.Context, in io.Reader) io.Reader {
	out, pipe := io.Pipe()
	go func() {
		var err error
		defer func() { _ = pipe.CloseWithError(err) }()
		defer fault.Caught(&err)
		_, err = io.Copy(pipe, in)
	}()
	context.AfterFunc(ctx, func() { _ = out.CloseWithError(ctx.Err()) })
	return out
}
