package vault

import (
	"context"
	"slices"
	"strconv"

	"jali/internal/fault"
	"jali/internal/kv"
)

// Kept is how many keys a vault keeps wrapped.
type Kept struct {
	Persons, Parts, Pairs int
	Signing               int // the issuer's and the one for webhooks, where they were made
}

// checkedAtOnce bounds how long one View of [Vault.Check] lasts.
const checkedAtOnce = 1024

// Check unwraps every key that is kept, and changes nothing: what it answers
// for, key and anchor open. told, if any, hears now and then how many those
// are. Errors: [ErrSealed] for a key that does not unwrap.
func (v *Vault) Check(ctx context.Context, told func(Kept)) (Kept, error) {
	var kept Kept
	count := map[string]*int{"person": &kept.Persons, "part": &kept.Parts, "pair": &kept.Pairs, "signing": &kept.Signing}
	for _, store := range []struct {
		db   kv.DB
		rows kv.Range
	}{
		{v.keys, kv.Prefix("vault")},
		{v.db, kv.Range{From: kv.Key("vault", "signing"), To: kv.Prefix("vault", "signing").To}},
	} {
		for rows, err := range kv.Batches(ctx, store.db, store.rows, checkedAtOnce) {
			if err != nil {
				return Kept{}, err
			}
			for _, e := range rows {
				names := wrappedAs(e.Key)
				if names != nil && slices.Contains(notWrapped, names[0]) {
					continue
				}
				if names == nil || count[names[0]] == nil {
					return Kept{}, ErrSealed.Because(fault.Cause("a row among the keys is of no known kind"))
				}
				key, err := v.ring().unwrap(e.Value, names...)
				if err != nil {
					return Kept{}, err
				}
				clear(key)
				*count[names[0]]++
			}
			if told != nil {
				told(kept)
			}
		}
	}
	return kept, nil
}

// notWrapped are the rows of Keys that hold no key.
var notWrapped = []string{"keyring", "term", "seals"}

// wrappedAs answers the names to which the key in a row is bound, or nil for
// a row of another kind. They are what the row is named after.
func wrappedAs(row []byte) (names []string) {
	room, rest, _ := kv.Text(row)
	if room != "vault" {
		return nil
	}
	for len(rest) > 0 {
		name, more, ok := kv.Text(rest)
		if !ok {
			var n int64
			if n, more, ok = kv.Number(rest); !ok {
				return nil
			}
			name = strconv.FormatInt(n, 10)
		}
		names, rest = append(names, name), more
	}
	return names
}
