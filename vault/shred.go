package vault

import (
	"context"

	"jali/internal/kv"
	"jali/vault/anchor"
)

// mark says whose keys have to go: those of one part, of one epoch of a
// client's, or all of the person's.
type mark struct {
	Person string `json:"person"`
	Part   string `json:"part,omitempty"`
	Client string `json:"client,omitempty"`
	Epoch  int    `json:"epoch,omitempty"`
}

// PartEnds marks the key of one part of a person's data for [Vault.Shred], in
// the transaction that ends it.
func (v *Vault) PartEnds(tx kv.Tx, person, part string) error {
	return kv.Store(tx, kv.Key("vault", "cut", person, part), mark{Person: person, Part: part})
}

// PersonLeaves forgets a person's aliases and marks the person's keys for
// [Vault.Shred], in the transaction of the deletion.
func (v *Vault) PersonLeaves(tx kv.Tx, person string) error {
	if err := forget(tx, kv.Prefix("vault", "alias", person)); err != nil {
		return err
	}
	rows, err := keysOf(tx, kv.Prefix("vault", "epoch", person), kv.Prefix("vault", "ended", person), kv.Prefix("vault", "cut", person))
	if err != nil {
		return err
	}
	if err := remove(tx, rows); err != nil {
		return err
	}
	return kv.Store(tx, kv.Key("vault", "left", person), mark{Person: person})
}

// Shred destroys the keys of all who are marked, has Keys rewritten without
// them, and only then takes the marks away: a crash anywhere before that, and
// the next Shred does it all again. The anchor is told first, so that a backup
// which still holds them cannot bring them back. It is run at start and after
// every deletion; who comes while another is at it waits, and finds it done or
// shares the next rewriting with all who came meanwhile. With nothing marked it
// only looks.
func (v *Vault) Shred(ctx context.Context) error {
	v.shredding.Lock()
	defer v.shredding.Unlock()
	marks, rows, err := v.marked(ctx)
	if err != nil || len(marks) == 0 {
		return err
	}
	if err := v.remember(marks); err != nil {
		return err
	}
	err = v.keys.Update(ctx, func(tx kv.Tx) error {
		for _, m := range marks {
			doomed, err := m.doomed(tx)
			if err != nil {
				return err
			}
			if err := remove(tx, doomed); err != nil {
				return err
			}
		}
		return nil
	})
	// Even if it is not known whether they are gone: what is still there is
	// read again.
	v.persons.empty()
	v.pairs.empty()
	if err != nil {
		return err
	}
	if err := v.keys.Compact(ctx); err != nil {
		return err
	}
	now := v.now()
	return v.db.Update(ctx, func(tx kv.Tx) error {
		for _, m := range marks {
			if m.Client != "" || v.Destroyed == nil {
				continue
			}
			if err := v.Destroyed(tx, m.Person, m.Part, now); err != nil {
				return err
			}
		}
		return remove(tx, rows)
	})
}

// Waiting answers how many marks there are that [Vault.Shred] has not been
// through with.
func (v *Vault) Waiting(ctx context.Context) (int, error) {
	marks, _, err := v.marked(ctx)
	return len(marks), err
}

// doomed are the rows in Keys that a mark is of.
func (m mark) doomed(tx kv.Tx) ([][]byte, error) {
	switch {
	case m.Part != "":
		return [][]byte{holder{m.Person, m.Part}.row()}, nil
	case m.Client != "":
		return [][]byte{pairKey(m.Person, m.Client, m.Epoch)}, nil
	}
	rows, err := keysOf(tx, kv.Prefix("vault", "part", m.Person), kv.Prefix("vault", "pair", m.Person))
	return append(rows, holder{person: m.Person}.row()), err
}

// remember tells the anchor which persons and parts are being destroyed. The
// end of an epoch needs no telling: its grants have ended too.
func (v *Vault) remember(marks []mark) error {
	term, gone := v.ring().current.term, []string{}
	for _, m := range marks {
		if m.Client == "" {
			gone = append(gone, v.shredMark(holder{m.Person, m.Part}))
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return v.anchor.Change(func(s *anchor.State) {
		if s.Shredded == nil {
			s.Shredded = map[string]uint32{}
		}
		for _, g := range gone {
			s.Shredded[g] = term
		}
	})
}

// shredMark is what the anchor knows a person or a part by.
func (v *Vault) shredMark(h holder) string { return short(v.MAC("shredded", h.person, h.part)) }

func markRanges() []kv.Range {
	return []kv.Range{kv.Prefix("vault", "left"), kv.Prefix("vault", "ended"), kv.Prefix("vault", "cut")}
}

func anyIn(tx kv.Tx, ranges ...kv.Range) (bool, error) {
	for _, r := range ranges {
		for _, err := range tx.Scan(r) {
			return err == nil, err
		}
	}
	return false, nil
}

func (v *Vault) marked(ctx context.Context) (marks []mark, rows [][]byte, err error) {
	err = v.db.View(ctx, func(tx kv.Tx) error {
		marks, rows = nil, nil
		for _, r := range markRanges() {
			for e, err := range tx.Scan(r) {
				if err != nil {
					return err
				}
				var m mark
				if err := kv.Decode(e.Value, &m); err != nil {
					return err
				}
				marks = append(marks, m)
				rows = append(rows, append([]byte(nil), e.Key...))
			}
		}
		return nil
	})
	return marks, rows, err
}
