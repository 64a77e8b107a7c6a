package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"jali/cmd/internal/house"
	"jali/internal/backup"
)

type backupCmd struct {
	Recipients     []string `help:"Public half of an age key that opens the backup: age1… or, post-quantum, age1pq1…. May be repeated." name:"recipient" placeholder:"KEY" env:"JALI_BACKUP_RECIPIENT"`
	RecipientsFile []string `help:"File of such keys, one a line. May be repeated." type:"existingfile" placeholder:"FILE"`
	Out            string   `help:"File to write; - is standard output." default:"-" placeholder:"FILE"`
	Force          bool     `help:"Replace the file if it is there."`
	Spool          string   `help:"Folder of the server's in which the encrypted backup lies until it was taken away. Default: the data folder." type:"path" placeholder:"DIR"`
}

func (backupCmd) Help() string {
	return `Examples:
  age-keygen -o backup.key              # once, elsewhere; it prints the public half
  jali backup --recipient age1… --out jali-$(date +%F).age
  jali backup --recipients-file /etc/jali/backup.pub | ssh vault 'cat > jali.age'

Takes everything as it stands at one moment, while the server goes on or while
none runs. The backup holds neither the key-encryption key nor the anchor, and
without them it opens nothing: keep copies of both, apart from the backups.`
}

func (b *backupCmd) Run(c *cli) error {
	ask, err := b.ask()
	if err != nil {
		return err
	}
	if b.Out == "-" && isatty.IsTerminal(os.Stdout.Fd()) {
		return errors.New("a backup is not for the screen: name a file with --out, or pipe it somewhere")
	}
	ctx, stop := interrupted()
	defer stop()
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var keys house.Keys // a server's own, whatever the flags of this verb are
	if err := t.Do(ctx, http.MethodGet, "/keys", nil, &keys); err != nil {
		return err
	}
	made, err := b.take(ctx, t, ask)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted; there is no backup")
		}
		return err
	}
	fmt.Fprintf(os.Stderr, "a backup of %s rows as of %s, %s\n", grouped(made.Rows), made.At.Format(time.RFC3339), size(made.Size))
	fmt.Fprintf(os.Stderr, "To restore it you need the age identity, the key-encryption key (%s) and the anchor\n(%s) as it is in term %d, or a copy of it from before. None of them is in the backup.\n",
		keys.KEK, keys.Anchor, made.Term)
	return nil
}

func (b *backupCmd) ask() (house.NewBackup, error) {
	keys := b.Recipients
	for _, name := range b.RecipientsFile {
		f, err := os.Open(name)
		if err != nil {
			return house.NewBackup{}, err
		}
		lines, err := backup.ReadLines(f)
		_ = f.Close()
		if err != nil {
			return house.NewBackup{}, fmt.Errorf("%s: %w", name, err)
		}
		keys = append(keys, lines...)
	}
	if len(keys) == 0 {
		return house.NewBackup{}, errors.New("name who can open the backup, with --recipient or --recipients-file: `age-keygen` makes a key")
	}
	_, err := backup.ParseRecipients(keys)
	return house.NewBackup{Recipients: keys, Spool: b.Spool}, err
}

// take writes the backup where it is to be. A file has its name only when it
// is whole.
func (b *backupCmd) take(ctx context.Context, t *house.Talker, ask house.NewBackup) (house.BackupMade, error) {
	if b.Out == "-" {
		return fetchBackup(ctx, t, ask, os.Stdout)
	}
	f, err := backup.CreateFile(b.Out, b.Force)
	if errors.Is(err, fs.ErrExist) {
		return house.BackupMade{}, fmt.Errorf("%s is there already and was left as it is: name another file, or say --force", b.Out)
	}
	if err != nil {
		return house.BackupMade{}, err
	}
	made, err := fetchBackup(ctx, t, ask, f)
	if err == nil {
		err = f.Keep()
	}
	return made, errors.Join(err, f.Close())
}

// fetchBackup asks for a backup and copies it to w.
func fetchBackup(ctx context.Context, t *house.Talker, ask house.NewBackup, w io.Writer) (made house.BackupMade, err error) {
	asked, err := json.Marshal(ask)
	if err != nil {
		return made, err
	}
	body, err := t.Stream(ctx, http.MethodPost, "/backup", strings.NewReader(string(asked)))
	if err != nil {
		return made, err
	}
	defer body.Close()
	shown := newProgress()
	defer shown.end()
	in := bufio.NewReaderSize(body, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return made, errors.Join(errors.New("the server broke off; there is no backup"), err)
		}
		var news house.BackupNews
		switch err := json.Unmarshal(line, &news); {
		case err != nil:
			return made, fmt.Errorf("the server answered something else than a backup: %w", err)
		case news.Code != "":
			return made, &house.Refusal{Code: news.Code, Detail: news.Detail}
		case news.Made == nil:
			shown.say("copying " + news.Store + ", " + grouped(news.Rows) + " rows")
			continue
		}
		made = *news.Made
		break
	}
	n, err := io.Copy(&counted{w, made.Size, shown, 0}, in)
	if err == nil && n != made.Size {
		err = fmt.Errorf("the server broke off after %d of %d bytes; there is no backup", n, made.Size)
	}
	return made, err
}

// counted shows how much of a whole was written.
type counted struct {
	io.Writer
	whole int64
	shown *progress
	n     int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	c.shown.say(fmt.Sprintf("writing, %d%% of %s", c.n*100/max(c.whole, 1), size(c.whole)))
	return n, err
}

// interrupted is a context that the first ^C ends; the second ends the process.
func interrupted() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
