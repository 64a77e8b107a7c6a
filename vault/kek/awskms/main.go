// Command awskms keeps Jali's key-encryption key in AWS KMS, as a key command:
//
//	jali serve --key-command '/usr/local/bin/awskms --key arn:aws:kms:eu-west-1:111122223333:key/…'
//
// It speaks the protocol of jali/vault/kek: called with wrap or unwrap behind
// its flags, it reads stdin and answers on stdout. The key never leaves KMS.
// It has to be a symmetric one (SYMMETRIC_DEFAULT), and what calls needs
// kms:Encrypt to found or rekey a database, and kms:Decrypt to start one.
//
// Credentials, and an endpoint that is not the region's own, are taken from
// where AWS's own tools take them: AWS_ACCESS_KEY_ID and the like, the shared
// files, a role of the machine; AWS_ENDPOINT_URL. What is wrapped is bound to
// "jali root keyring" by the encryption context as Tink writes it
// (associatedData, in hex), which a key policy can ask for.
//
// Exit codes: 0, the answer is whole; 1, KMS refuses; 2, this was called
// wrongly; 3, KMS cannot be asked. Then nothing is written to stdout, and
// stderr says why.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/smithy-go"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
)

const (
	boundTo   = "jali root keyring"
	mostBytes = 16 << 10
)

var errUsage = errors.New("usage: awskms --key ARN [--timeout 8s] wrap|unwrap")

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "awskms: "+err.Error())
		os.Exit(code(err))
	}
}

func code(err error) int {
	var said smithy.APIError
	switch {
	case errors.Is(err, errUsage):
		return 2
	case errors.As(err, &said) && said.ErrorFault() != smithy.FaultServer:
		return 1
	default:
		return 3
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("awskms", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	key := flags.String("key", "", "")
	timeout := flags.Duration("timeout", 8*time.Second, "")
	if err := flags.Parse(args); err != nil || *key == "" || flags.NArg() != 1 || *timeout <= 0 {
		return errors.Join(errUsage, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	aead, err := awskms.NewAEADWithContext(ctx, *key)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err) // above all: no region in the ARN
	}
	ask := aead.EncryptWithContext
	switch flags.Arg(0) {
	case "wrap":
	case "unwrap":
		ask = aead.DecryptWithContext
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
	out, err := ask(ctx, in, []byte(boundTo))
	if err != nil {
		return err
	}
	if len(out) == 0 {
		return errors.New("the answer of KMS is empty")
	}
	_, err = stdout.Write(out)
	return err
}
