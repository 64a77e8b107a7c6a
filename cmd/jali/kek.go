package main

import (
	"time"

	"jali/vault/kek"
)

// keyFlags choose the key-encryption key.
type keyFlags struct {
	KeyFile    string        `help:"File of the key-encryption key; made on the first start. Default: kek.key in the data folder. Keep a copy elsewhere: without it nothing can be read." env:"JALI_KEY_FILE" placeholder:"FILE"`
	KeyEnv     string        `help:"Instead: name of an environment variable that holds the key, 32 random bytes in base64url (as of: openssl rand -base64 32 | tr '+/' '-_' | tr -d '=')." env:"JALI_KEY_ENV" placeholder:"NAME"`
	KeyCommand string        `help:"Instead: a program, with arguments, that wraps and unwraps on stdin and stdout and keeps the key to itself: it is called with one more argument, wrap or unwrap. No shell reads this." env:"JALI_KEY_COMMAND" placeholder:"'PROGRAM ARG…'"`
	KeyTimeout time.Duration `help:"How long a call of that program may take (10s) before it is killed." default:"10s" env:"JALI_KEY_TIMEOUT" placeholder:"DURATION"`
}

func (k keyFlags) choice() kek.Choice {
	return kek.Choice{File: k.KeyFile, Env: k.KeyEnv, Command: k.KeyCommand, Timeout: k.KeyTimeout}
}
