package vault

import (
	"errors"

	"jali/internal/kv"
)

// issued is an alias row, and behind the alias's own key what it stands for.
type issued struct {
	Alias   string `json:"alias,omitempty"`
	Person  string `json:"person,omitempty"`
	Account string `json:"account,omitempty"`
	Client  string `json:"client,omitempty"`
	Epoch   int    `json:"epoch,omitempty"`
}

// tries bounds how often an alias is drawn that another account of the same
// client has already: with 46 bits of a card, the second is almost certain.
const tries = 16

// Alias answers what the client sees in place of an account: the same as long
// as the epoch lasts, another for every other client. It makes one where
// there is none yet, of the given shape:
//
//	opaque  "acct_" and 128 random bits in base32, lower case
//	card    19 digits from 9977 that pass the Luhn check; no issuer has that prefix
//	iban    "XX", check digits 00, 01 or 99, and 128 random bits; passes the
//	        modulo-97 check, but no bank's check digits are those (ISO 13616)
//
// If the epoch has ended since the Pair was made: [ErrEpochEnded]. In a View
// it answers those that exist, and [kv.ErrReadOnly] for others.
func (p *Pair) Alias(tx kv.Tx, account, shape string) (string, error) {
	draw, ok := shapes[shape]
	if !ok {
		return "", errShape
	}
	if account == "" {
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
	var known issued
	if found, err := kv.Load(tx, row, &known); err != nil || found {
		return known.Alias, err
	}
	for i := range tries {
		alias := draw(mac(p.seed, account, shape, string(rune('a'+i))))
		name := kv.Key("vault", "name", p.client, alias)
		if b, err := tx.Get(name); err != nil {
			return "", err
		} else if b != nil {
			continue
		}
		err := kv.Store(tx, name, issued{Person: p.person, Account: account, Epoch: p.epoch})
		if err != nil {
			return "", err
		}
		return alias, kv.Store(tx, row, issued{Alias: alias, Client: p.client})
	}
	return "", errors.New("vault: no free alias of this shape is found")
}

// Resolve is Alias backwards, for client's own aliases of living epochs.
// Unknown, foreign and ended answer [ErrNoAlias] alike.
func (v *Vault) Resolve(tx kv.Tx, client, alias string) (person, account string, err error) {
	var known issued
	found, err := kv.Load(tx, kv.Key("vault", "name", client, alias), &known)
	if err != nil {
		return "", "", err
	}
	if !found {
		return "", "", ErrNoAlias
	}
	return known.Person, known.Account, nil
}

// forget deletes alias rows and the names that lead to them.
func forget(tx kv.Tx, r kv.Range) error {
	var rows [][]byte
	for e, err := range tx.Scan(r) {
		if err != nil {
			return err
		}
		var known issued
		if err := kv.Decode(e.Value, &known); err != nil {
			return err
		}
		rows = append(rows, e.Key, kv.Key("vault", "name", known.Client, known.Alias))
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
