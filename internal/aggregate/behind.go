package aggregate

import (
	"context"
	"slices"

	"jali/consent"
	"jali/internal/kv"
	"jali/vault"
)

// Behind is what an alias stands for.
type Behind struct {
	Client  consent.ClientID // which sees it
	Account OwnAccount
}

// Behind answers what one of a person's own aliases stands for, to them alone.
// One that is unknown, another person's, or of an account or a grant that has
// ended, is [vault.ErrNoAlias]. It is a look at one's own data, and is written
// to the timeline as one, whatever comes of it.
func (s *Service) Behind(ctx context.Context, p consent.Session, alias string) (Behind, error) {
	if err := s.noteSeen(ctx, p); err != nil {
		return Behind{}, err
	}
	var client, account string
	err := s.DB.View(ctx, func(tx kv.Tx) (err error) {
		client, account, err = s.Vault.Resolve(tx, string(p.Person), alias)
		return err
	})
	if err != nil {
		return Behind{}, err
	}
	own, err := s.Accounts(ctx, p)
	if err != nil {
		return Behind{}, err
	}
	i := slices.IndexFunc(own, func(a OwnAccount) bool { return string(a.ID) == account })
	if i < 0 {
		return Behind{}, vault.ErrNoAlias
	}
	return Behind{consent.ClientID(client), own[i]}, nil
}
