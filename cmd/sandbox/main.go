// Command sandbox runs all of Jali in one process for people who want to try
// it or build against it: jali itself, the mock town with its institutions,
// the demo bank app, and sample people who have a software passkey and
// connected sources. It is never for production: its people can be acted for
// by anyone who reaches it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"jali/cmd/internal/house"
	"jali/internal/discreet"
	"jali/internal/nodump"
)

type flags struct {
	Addr     string `help:"Address of jali; localhost, since passkeys want it. Default: ${default}." default:"localhost:8080" placeholder:"HOST:PORT" env:"JALI_SANDBOX_ADDR"`
	TownAddr string `help:"Address of the mock town. Default: ${default}." default:"127.0.0.1:8070" placeholder:"HOST:PORT" env:"JALI_SANDBOX_TOWN_ADDR"`
	BankAddr string `help:"Address of the demo bank app. Default: ${default}." default:"127.0.0.1:8090" placeholder:"HOST:PORT" env:"JALI_SANDBOX_BANK_ADDR"`
	MTLSAddr string `help:"Address at which clients show certificates. Default: ${default}, any free port." default:"localhost:0" placeholder:"HOST:PORT" name:"mtls-addr" env:"JALI_SANDBOX_MTLS_ADDR"`
	Issuer   string `help:"Jali's public URL, if something stands in front of it. Default: http:// and --addr." placeholder:"URL"`
	Data     string `help:"Folder to keep everything in. Default: a temporary one, removed on exit." placeholder:"DIR"`
	Ready    string `help:"File to write, as JSON, once everything answers." placeholder:"FILE"`
	Verbose  bool   `help:"Log every request." short:"v"`

	// What tests change; nil: nothing.
	Now   func() time.Time                `kong:"-"`
	Town  func(http.Handler) http.Handler `kong:"-"` // stands before the town
	House func(*house.Config)             `kong:"-"` // has the last word
	Quiet bool                            `kong:"-"` // nothing is done but what is asked for: no sweep, no delivery
	Bare  bool                            `kong:"-"` // answers are not held against the documents: what is measured is jali's
}

type cli struct {
	Run    runCmd    `cmd:"" default:"withargs" help:"Run the sandbox until it is interrupted (the default)."`
	Client clientCmd `cmd:"" help:"Register, list and remove clients of a running sandbox."`
	Bench  benchCmd  `cmd:"" help:"Measure views, tokens, storage and aliases beside what they are built on, in about two minutes."`
}

type runCmd struct{ flags }

func main() {
	defer discreet.Dying("sandbox")
	if err := nodump.Set(); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox: "+err.Error())
		os.Exit(1)
	}
	house.SpendMemory()
	var c cli
	k := kong.Parse(&c, kong.Name("sandbox"), kong.ShortUsageOnError(),
		kong.Description("Jali, a mock town, a demo bank app and sample people, in one process.\n\nExample: go run ./cmd/sandbox --ready /tmp/ready.json"))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "sandbox: "+err.Error())
		os.Exit(1)
	}
}

func (r *runCmd) Run(ctx context.Context) error {
	level := slog.LevelWarn
	if r.Verbose {
		level = slog.LevelInfo
	}
	log := discreet.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	discreet.Take(log)
	s, err := start(ctx, r.flags, log)
	if err != nil {
		return err
	}
	fmt.Print(s.greeting())
	select {
	case <-ctx.Done():
		fmt.Println("\nstopping")
		err = nil
	case err = <-s.failed:
	}
	return errors.Join(err, s.stop())
}
