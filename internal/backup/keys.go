package backup

import (
	"bufio"
	"io"
	"strings"

	"filippo.io/age"

	"jali/internal/fault"
)

// Recipients are who can open a backup: any one of them.
type Recipients []age.Recipient

// Identities open backups.
type Identities []age.Identity

// ParseRecipients reads public keys of age's, X25519 and the hybrid with
// ML-KEM-768. Passphrases are not taken: a backup is made by a program that
// nobody sits before.
func ParseRecipients(keys []string) (Recipients, error) {
	var to Recipients
	hybrid := 0
	for n, k := range keys {
		var r age.Recipient
		var err error
		if strings.HasPrefix(k, "age1pq1") {
			hybrid++
			r, err = age.ParseHybridRecipient(k)
		} else {
			r, err = age.ParseX25519Recipient(k)
		}
		if err != nil {
			return nil, ErrRecipient.Because(fault.Cause("this is not one: key number", n+1)) // err would quote it, and it may be an identity
		}
		to = append(to, r)
	}
	switch {
	case len(to) == 0:
		return nil, ErrRecipient.Because(fault.Cause("there is none"))
	case hybrid > 0 && hybrid < len(to):
		return nil, ErrRecipient.Saying("either all recipients are post-quantum ones, age1pq1…, or none is: one of the others would undo what they are for")
	}
	return to, nil
}

// ReadLines answers the lines of a file of recipients that are not empty and
// no comments.
func ReadLines(r io.Reader) (lines []string, err error) {
	s := bufio.NewScanner(io.LimitReader(r, mostJSON))
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines, s.Err()
}

// ParseIdentities reads a file as age-keygen writes it. Its errors quote
// nothing: most of a line may be right.
func ParseIdentities(r io.Reader) (Identities, error) {
	lines, err := ReadLines(r)
	if err != nil {
		return nil, ErrIdentity.Because(fault.Cause("it is no text"))
	}
	var with Identities
	for n, line := range lines {
		var id age.Identity
		if strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1") {
			id, err = age.ParseHybridIdentity(line)
		} else {
			id, err = age.ParseX25519Identity(line)
		}
		if err != nil {
			return nil, ErrIdentity.Because(fault.Cause("this is not one: key number", n+1))
		}
		with = append(with, id)
	}
	if len(with) == 0 {
		return nil, ErrIdentity.Because(fault.Cause("it holds none"))
	}
	return with, nil
}
