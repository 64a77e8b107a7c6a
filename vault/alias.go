package vault

import (
	"bytes"
	"crypto/subtle"
	"strings"

	"jali/internal/fault"
	"jali/internal/kv"
)

// issued is what an alias stands for, as its row has it: a tuple (package kv),
// so that finding one among many parses none of the others.
type issued struct{ alias, client, account string }

func (i issued) row() []byte { return kv.Key(i.alias, i.client, i.account) }

func readIssued(row []byte) (i issued, err error) {
	for _, part := range []*string{&i.alias, &i.client, &i.account} {
		var ok bool
		if *part, row, ok = kv.Text(row); !ok {
			return i, fault.Cause("an alias row is not one")
		}
	}
	return i, nil
}

// tries bounds how often an alias is drawn that another account of the same
// client has already: with 46 bits of a card, the second is almost certain.
const tries = 16

// Alias answers what the client sees in place of an account: the same as long
// as the epoch lasts, whatever shape is asked for later, and another for every
// other client. It makes one where there is none yet, of the given shape:
//
//	opaque  "acct_" and 128 random bits in base32, lower case
//	card    19 digits from 9977 that pass the Luhn check, 46 random bits in
//	        them; no issuer has that prefix
//	iban    "XX", check digits 00, 01 or 99, and 128 random bits; passes the
//	        modulo-97 check, but no bank's check digits are those (ISO 13616)
//
// What another account of the client's has already, whoever's it is, is drawn
// again: a card has room for no more than that.
//
// If the epoch has ended since the Pair was made: [ErrEpochEnded]. In a View
// it answers those that exist, and [kv.ErrReadOnly] for others.
func (p *Pair) Alias(tx kv.Tx, account, shape string) (string, error) {
	draw, ok := shapes[shape]
	if !ok {
		return "", errShape
	}
	if account == "" || strings.Contains(account, "\x00") {
		return "", errNameless
	}
	epoch := 0
	if _, err := kv.Load(tx, epochKey(p.person, p.client), &epoch); err != nil {
		return "", err
	}
	if epoch != p.epoch {
		return "", ErrEpochEnded
	}
	row := kv.Key("vault", "alias", p.person, p.client, p.epoch, account)
	if b, err := tx.Get(row); err != nil {
		return "", err
	} else if b != nil {
		known, err := readIssued(b)
		return known.alias, err
	}
	for i := range tries {
		alias := draw(mac(p.seed, account, shape, string(rune('a'+i))))
		name := nameKey(p.client, alias)
		if b, err := tx.Get(name); err != nil {
			return "", err
		} else if b != nil {
			continue
		}
		if err := tx.Put(name, []byte(p.person)); err != nil {
			return "", err
		}
		return alias, tx.Put(row, issued{alias, p.client, account}.row())
	}
	return "", fault.Cause("no free alias of this shape is found")
}

func nameKey(client, alias string) []byte { return kv.Key("vault", "name", client, alias) }

// Resolve is Alias backwards, for the person whose account it is and for
// nobody else: it answers the client that sees the alias, and the account.
// Spaces, hyphens and the case of letters do not matter. Unknown aliases,
// another person's and those of an epoch that has ended answer [ErrNoAlias].
//
// All of the person's own are compared, each in constant time, and nothing is
// looked up by what was asked: how long it takes says nothing of anybody else's.
func (v *Vault) Resolve(tx kv.Tx, person, alias string) (client, account string, err error) {
	asked := kv.Key(tidy(alias))
	var found []byte
	for e, err := range tx.Scan(kv.Prefix("vault", "alias", person)) {
		if err != nil {
			return "", "", err
		}
		if n := min(len(asked), len(e.Value)); subtle.ConstantTimeCompare(e.Value[:n], asked) == 1 {
			found = e.Value
		}
	}
	if found == nil {
		return "", "", ErrNoAlias
	}
	known, err := readIssued(found)
	return known.client, known.account, err
}

// ForgetClient ends every epoch of a client that is gone for good, those of at
// most limit aliases in one transaction, and reports whether none is left.
func (v *Vault) ForgetClient(tx kv.Tx, client string, limit int) (done bool, err error) {
	persons, names := map[string]bool{}, [][]byte(nil)
	for e, err := range tx.Scan(kv.Prefix("vault", "name", client)) {
		if err != nil {
			return false, err
		}
		persons[string(e.Value)] = true
		if names = append(names, bytes.Clone(e.Key)); len(names) == limit {
			break
		}
	}
	for person := range persons {
		if err := v.EndEpoch(tx, person, client); err != nil {
			return false, err
		}
	}
	return len(names) < limit, remove(tx, names)
}

// forget deletes alias rows and the names that lead to them.
func forget(tx kv.Tx, r kv.Range) error {
	var rows [][]byte
	for e, err := range tx.Scan(r) {
		if err != nil {
			return err
		}
		known, err := readIssued(e.Value)
		if err != nil {
			return err
		}
		rows = append(rows, e.Key, nameKey(known.client, known.alias))
	}
	return remove(tx, rows)
}

func remove(tx kv.Tx, rows [][]byte) error {
	for _, k := range rows {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func keysOf(tx kv.Tx, ranges ...kv.Range) (keys [][]byte, err error) {
	for _, r := range ranges {
		for e, err := range tx.Scan(r) {
			if err != nil {
				return nil, err
			}
			keys = append(keys, e.Key)
		}
	}
	return keys, nil
}
