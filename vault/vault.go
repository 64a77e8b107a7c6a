// Package vault seals what must not be seen, issues the aliases that clients
// see instead, and destroys keys when something has to be gone.
package vault

import (
	"context"
	"time"

	"jali/internal/kv"
	"jali/internal/secret"
	"jali/vault/kek"
)

// Vault is opened once per process by Open.
type Vault struct{}

// Config of a Vault.
type Config struct {
	DB   kv.DB   // rows sealed elsewhere, aliases, tombstones
	Keys Keys    // keys.db: wrapped person and epoch keys, small, compacted after a deletion
	KEK  kek.KEK // wraps the root keyring; asked once, in Open
	Now  func() time.Time
}

// Keys is the store of wrapped keys, kept apart so that destroying one can be
// made physical.
type Keys interface {
	kv.DB
	Compact(context.Context) error // rewrites the file without what was deleted
}

func Open(ctx context.Context, c Config) (*Vault, error) { panic("unwritten") }

// Record names what is sealed; all of it, with the schema version and term, is
// associated data, so a row moved elsewhere does not open.
type Record struct {
	Kind   string // "credential", "bill", "account", "name", …
	Person string
	Key    string // the row's own id
}

// NewPerson makes a person's key. Durable before it answers.
func (v *Vault) NewPerson(ctx context.Context, person string) error { panic("unwritten") }

// Seal and Open need no transaction: person keys are cached, bounded, and read
// from Keys on a miss. A person whose key was destroyed: ErrShredded.
func (v *Vault) Seal(ctx context.Context, r Record, plain []byte) ([]byte, error) { panic("unwritten") }
func (v *Vault) Open(ctx context.Context, r Record, sealed []byte) (secret.Value, error) {
	panic("unwritten")
}

// Pair answers what Jali says to one client about one person. It makes the
// pair's epoch key where there is none yet, so it is called outside any
// transaction.
func (v *Vault) Pair(ctx context.Context, person, client string) (*Pair, error) { panic("unwritten") }

// Pair is one (person, client, epoch).
type Pair struct{}

// Alias answers what the client sees in place of an account: the same as long
// as the epoch lasts, another for every other client. It makes one where
// there is none yet. shape is "opaque", "card" or "iban". If the epoch has
// ended since the Pair was made: ErrEpochEnded.
func (p *Pair) Alias(tx kv.Tx, account, shape string) (string, error) { panic("unwritten") }

// ID derives an id that only this client meets: HMAC-SHA-256 under the
// epoch's key over prefix and parts, 128 bits in base64url behind prefix
// ("bill_", "ord_").
func (p *Pair) ID(prefix string, parts ...string) string { panic("unwritten") }

// Resolve is Alias backwards, for client's own aliases of living epochs.
// Unknown, foreign and ended answer ErrNoAlias alike.
func (v *Vault) Resolve(tx kv.Tx, client, alias string) (person, account string, err error) {
	panic("unwritten")
}

// Subject is the pairwise OAuth sub of a person for a client.
func (v *Vault) Subject(person, client string) string { panic("unwritten") }

// EndEpoch forgets a client's aliases of a person and marks the epoch's key
// for [Vault.Shred]; the next Pair is of a new epoch. Called in the
// transaction that revokes.
func (v *Vault) EndEpoch(tx kv.Tx, person, client string) error { panic("unwritten") }

// ViewID = HMAC(root, grant, idempotency key): stored nowhere. SealView and
// OpenView use a key derived from the id; ViewHash is what the record is kept
// under and what logs hold.
func (v *Vault) ViewID(grant, idempotencyKey string) string            { panic("unwritten") }
func (v *Vault) ViewHash(viewID string) string                         { panic("unwritten") }
func (v *Vault) SealView(viewID string, plain []byte) ([]byte, error)  { panic("unwritten") }
func (v *Vault) OpenView(viewID string, sealed []byte) ([]byte, error) { panic("unwritten") }

// MAC is HMAC-SHA-256 under a key derived from the root for a named use:
// token hashes, cookies, cursors, idempotency keys.
func (v *Vault) MAC(use string, parts ...string) []byte { panic("unwritten") }

// SigningKey answers the issuer's ES256 key (PKCS #8), made and sealed on first use.
func (v *Vault) SigningKey(ctx context.Context) (secret.Value, error) { panic("unwritten") }

// PersonLeaves marks the person for shredding in the deletion's transaction;
// Shred destroys the keys of all marked persons and compacts Keys. It is safe
// to run again after a crash and is run at start.
func (v *Vault) PersonLeaves(tx kv.Tx, person string) error { panic("unwritten") }
func (v *Vault) Shred(ctx context.Context) error            { panic("unwritten") }
