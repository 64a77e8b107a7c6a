// Command jali is the production binary: the consent server, the data API and
// the vault in one process, and the verbs by which an operator keeps them.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"

	"jali/cmd/internal/house"
	"jali/connectors"
	"jali/internal/discreet"
	"jali/internal/nodump"
)

type cli struct {
	Config   kong.ConfigFlag `help:"Read flags and sources from this YAML file (see cmd/jali/jali.example.yaml)." placeholder:"FILE" env:"JALI_CONFIG"`
	Data     string          `help:"Folder of the database, jali.db and keys.db." default:"data" env:"JALI_DATA" placeholder:"DIR" group:"house"`
	Anchor   string          `help:"File of the anchor, which no backup holds; made on the first start. Default: anchor in the data folder. Better on another disk: a data folder that is put back with it cannot be told from the newest. Keep a copy with the key: it opens every later backup, too. Make it anew after a rotation, or it goes on opening those from before." env:"JALI_ANCHOR" placeholder:"FILE" name:"anchor-file" group:"house"`
	Issuer   string          `help:"The public URL that people and clients use." default:"http://localhost:8080" env:"JALI_ISSUER" placeholder:"URL"`
	keyFlags `group:"house"`
	// RotateAfter is of verbs, too: those that open the files destroy what a
	// server has left to be, and promise what it would have.
	RotateAfter time.Duration `help:"How long after a deletion the root keys are rotated at the latest (720h: 30 days): then no backup from before that opens with this anchor. 0: only by jali key rotate." default:"720h" env:"JALI_ROTATE_AFTER" placeholder:"DURATION" group:"house"`

	Serve   serveCmd   `cmd:"" help:"Serve people and clients."`
	Client  clientCmd  `cmd:"" help:"Register, suspend and rekey clients."`
	Webhook webhookCmd `cmd:"" help:"See and repeat what clients are told of their grants."`
	Import  importCmd  `cmd:"" help:"Take in bill files that a person exported."`
	Backup  backupCmd  `cmd:"" help:"Take an encrypted backup of everything."`
	Restore restoreCmd `cmd:"" help:"Take a backup back, or check one."`
	Keys    keyCmd     `cmd:"" name:"key" help:"See and rotate the root keys, and change the key above them."`
	Receipt receiptCmd `cmd:"" help:"Check the receipts that people keep."`
	Doctor  doctorCmd  `cmd:"" help:"Check a client's configuration against a server that runs."`
	Version versionCmd `cmd:"" help:"Say which version this is."`
}

func main() {
	defer discreet.Dying("jali")
	if err := nodump.Set(); err != nil {
		fmt.Fprintln(os.Stderr, "jali: "+err.Error())
		os.Exit(2)
	}
	var c cli
	k := kong.Parse(&c,
		kong.Name("jali"),
		kong.Description("Shows people's balances and bills to the apps they agree to, and account numbers to nobody."),
		kong.ShortUsageOnError(),
		kong.Exit(func(code int) { os.Exit(min(code, 2)) }), // its own 80 for flags that are wrong is nobody's convention
		kong.ExplicitGroups([]kong.Group{{Key: "house", Title: "The files of a server, for verbs that open them:"}}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Configuration(loadYAML),
	)
	if err := k.Run(&c); errors.Is(err, errUnwell) {
		os.Exit(1)
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "jali: "+err.Error())
		var refused *house.Refusal
		if errors.As(err, &refused) || errors.Is(err, errUnproved) {
			os.Exit(1)
		}
		os.Exit(2)
	}
}

// Validate is asked by kong.
func (c *cli) Validate() error {
	if c.RotateAfter < 0 {
		return errors.New("--rotate-after cannot be negative")
	}
	return nil
}

// open opens the house that the flags name.
func (c *cli) open(log *slog.Logger) (*house.House, error) {
	return house.Open(background(), house.Config{Issuer: c.Issuer, Data: c.Data, Key: c.choice(), AnchorFile: c.Anchor, RotateAfter: c.RotateAfter, Sources: &connectors.Registry{}, Log: log})
}

// talk finds the running server, or opens the files where none runs.
func (c *cli) talk() (*house.Talker, error) {
	if _, err := os.Stat(filepath.Join(c.Data, "jali.db")); err != nil {
		return nil, fmt.Errorf("there is no database in %q: name its folder with --data, or start `jali serve` once", c.Data)
	}
	return house.Talk(c.Data, func() (*house.House, error) {
		return c.open(discreet.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	})
}

type versionCmd struct{}

func (versionCmd) Run() error {
	version, commit := "development", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = " " + s.Value
			}
		}
		fmt.Printf("jali %s%s %s\n", version, commit, info.GoVersion)
	}
	return nil
}
