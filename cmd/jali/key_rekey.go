package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"jali/cmd/internal/house"
	"jali/vault/kek"
)

type keyRekey struct {
	ToKeyFile    string        `help:"File of the new key; made if it is not there." placeholder:"FILE" xor:"to" required:""`
	ToKeyEnv     string        `help:"Instead: name of an environment variable, set for this verb, that holds the new key." placeholder:"NAME" xor:"to" required:""`
	ToKeyCommand string        `help:"Instead: a program, with arguments, that wraps and unwraps by the new key." placeholder:"'PROGRAM ARG…'" xor:"to" required:""`
	ToKeyTimeout time.Duration `help:"How long a call of that program may take." default:"10s" placeholder:"DURATION"`
}

func (keyRekey) Help() string {
	return `The root keyring is wrapped by the new key, unwrapped again to see that it can
be, and replaced. A running server goes on with the new key; change its
configuration before it starts again. Nothing else is encrypted anew. Keep the
former key as long as backups from before this are kept: it opens those alone.

Examples:
  jali key rekey --to-key-file /etc/jali/kek2.key
  JALI_NEW_KEK=… jali key rekey --to-key-env JALI_NEW_KEK
  jali key rekey --to-key-command 'jali-kek-awskms --key-uri aws-kms://…'`
}

func (r *keyRekey) Run(c *cli) (err error) {
	to := house.NewKEK{Choice: kek.Choice{File: r.ToKeyFile, Env: r.ToKeyEnv, Command: r.ToKeyCommand, Timeout: r.ToKeyTimeout}}
	setting := "key-env: " + to.Env
	switch {
	case to.File != "":
		if to.File, err = filepath.Abs(to.File); err != nil { // the server stands elsewhere
			return err
		}
		setting = "key-file: " + to.File
	case to.Env != "":
		if to.Value = os.Getenv(to.Env); to.Value == "" {
			return kek.ErrEnvMissing.Saying("the environment variable that --to-key-env names is not set or is empty; nothing was changed")
		}
		if err := os.Unsetenv(to.Env); err != nil {
			return err
		}
	default:
		setting = "key-command: " + to.Command
	}
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	var done bool
	if err := t.DoJSON(background(), http.MethodPost, "/keys/kek", to, &done); err != nil {
		return err
	}
	var keys house.Keys
	if err := t.Do(background(), http.MethodGet, "/keys", nil, &keys); err != nil {
		return err
	}
	until := "as long as you keep any, or until jali key rotate has made them unreadable"
	if !keys.Due.IsZero() {
		until += ", which is due by " + keys.Due.Format(time.RFC3339)
	}
	fmt.Printf("The root keyring is wrapped by the new key (%s).\n", to.Kind())
	if t.Served() {
		fmt.Println("The running server goes on with it.")
	}
	fmt.Printf(`Before the next start, name it in the configuration, in place of the former:
  %s
The former key opens nothing here any more, but every backup made until now.
Keep it %s.
`, setting, until)
	return nil
}
