// Command hcvault keeps Jali's key-encryption key in the transit engine of
// HashiCorp Vault or OpenBao, as a key command:
//
//	jali serve --key-command '/usr/local/bin/hcvault --key transit/keys/jali'
//
// It speaks the protocol of jali/vault/kek: called with wrap or unwrap behind
// its flags, it reads stdin and answers on stdout. The key never leaves the
// transit engine. It has to be of an AEAD's kind (aes256-gcm96, the usual one,
// or chacha20-poly1305) without derivation, and the token needs update on
// transit/encrypt/jali to found or rekey a database, and on transit/decrypt/jali
// to start one. Versions of the key that wrapped must stay allowed to decrypt.
//
// The server, its certificates and the token are taken from where Vault's own
// tools take them: VAULT_ADDR, VAULT_CACERT, VAULT_NAMESPACE, VAULT_TOKEN and
// the like; or the token out of a file, as an agent writes it, with
// --token-file. What is wrapped is bound to "jali root keyring" as
// associated_data.
//
// Exit codes: 0, the answer is whole; 1, the server refuses; 2, this was called
// wrongly; 3, the server cannot be asked. Then nothing is written to stdout,
// and stderr says why.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
)

const (
	boundTo   = "jali root keyring"
	mostBytes = 16 << 10
)

var errUsage = errors.New("usage: hcvault --key transit/keys/NAME [--token-file FILE] [--timeout 8s] wrap|unwrap")

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "hcvault: "+err.Error())
		os.Exit(code(err))
	}
}

func code(err error) int {
	var said *api.ResponseError
	switch {
	case errors.Is(err, errUsage):
		return 2
	case errors.As(err, &said) && said.StatusCode < 500:
		return 1
	default:
		return 3
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("hcvault", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	key := flags.String("key", "", "")
	tokenFile := flags.String("token-file", "", "")
	timeout := flags.Duration("timeout", 8*time.Second, "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 || *timeout <= 0 {
		return errors.Join(errUsage, err)
	}
	client, err := connect(*tokenFile, *timeout)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	aead, err := hcvault.NewAEAD("/"+strings.Trim(*key, "/"), client.Logical())
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	ask := aead.Encrypt
	switch flags.Arg(0) {
	case "wrap":
	case "unwrap":
		ask = aead.Decrypt
	default:
		return errUsage
	}
	in, err := io.ReadAll(io.LimitReader(stdin, mostBytes+1))
	if err != nil {
		return err
	}
	if len(in) == 0 || len(in) > mostBytes {
		return fmt.Errorf("%w: %d bytes on stdin", errUsage, len(in))
	}
	out, err := ask(in, []byte(boundTo))
	if err != nil {
		return err
	}
	if len(out) == 0 {
		return errors.New("the server's answer is empty")
	}
	_, err = stdout.Write(out)
	return err
}

// connect reads the environment as Vault's own tools do. The timeout is over
// all tries of one call.
func connect(tokenFile string, timeout time.Duration) (*api.Client, error) {
	config := api.DefaultConfig()
	if config.Error != nil {
		return nil, config.Error
	}
	config.Timeout = timeout
	client, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	if tokenFile != "" {
		token, err := os.ReadFile(tokenFile)
		if err != nil {
			return nil, err
		}
		client.SetToken(string(bytes.TrimSpace(token)))
	}
	if client.Token() == "" {
		return nil, errors.New("no token: set VAULT_TOKEN, or give --token-file")
	}
	return client, nil
}
