package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"jali/cmd/internal/house"
	"jali/connectors/billfile"
	"jali/internal/fault"
	"jali/internal/secret"
)

// passwordEnv holds one password for all archives that want one.
const passwordEnv = "JALI_FILE_PASSWORD"

// passwords are those that may open the archives of one import.
type passwords struct {
	known []secret.Value
	ask   func(prompt string) (secret.Value, error) // nil: nobody can be asked
}

func (i *importCmd) passwords(ctx context.Context) (*passwords, error) {
	k := &passwords{}
	if word := os.Getenv(passwordEnv); word != "" {
		k.known = append(k.known, secret.Of(word))
	}
	if i.PasswordFile != "" {
		data, err := os.ReadFile(i.PasswordFile)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				k.known = append(k.known, secret.Of(line))
			}
		}
	}
	if stdin := int(os.Stdin.Fd()); term.IsTerminal(stdin) {
		k.ask = func(prompt string) (secret.Value, error) { return askPassword(ctx, stdin, prompt) }
	}
	return k, nil
}

// askPassword reads a line that the terminal does not show. An interrupt puts
// the terminal back.
func askPassword(ctx context.Context, terminal int, prompt string) (secret.Value, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return secret.Value{}, err
	}
	defer fmt.Fprintln(os.Stderr)
	fmt.Fprint(os.Stderr, prompt)
	type answer struct {
		word []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		var a answer
		defer func() { typed <- a }()
		defer fault.Caught(&a.err)
		a.word, a.err = term.ReadPassword(terminal)
	}()
	select {
	case a := <-typed:
		return secret.New(a.word), a.err
	case <-ctx.Done():
		return secret.Value{}, errors.Join(ctx.Err(), term.Restore(terminal, before))
	}
}

const mostAsked = 3

// try opens a file with no password, then with those that are known, then with
// those that somebody types. What opened a file is tried on the next as well.
func (k *passwords) try(name string, open func(billfile.Options) error) error {
	err := open(billfile.Options{})
	for n := 0; n < len(k.known) && wantsPassword(err); n++ {
		err = open(billfile.Options{Password: k.known[n]})
	}
	for n := 0; n < mostAsked && wantsPassword(err) && k.ask != nil; n++ {
		word, failed := k.ask("Password of " + clean(filepath.Base(name)) + ": ")
		if failed != nil || word.Empty() {
			return errors.Join(err, failed)
		}
		if err = open(billfile.Options{Password: word}); !wantsPassword(err) {
			k.known = append(k.known, word)
		}
	}
	if wantsPassword(err) && k.ask == nil && len(k.known) == 0 {
		return &house.Refusal{Code: billfile.ErrPassword.Code, Detail: "the archive has a password: give it with --password-file or in $" + passwordEnv}
	}
	return err
}

func wantsPassword(err error) bool {
	var r *house.Refusal
	return errors.Is(err, billfile.ErrPassword) || errors.As(err, &r) && r.Code == billfile.ErrPassword.Code
}
