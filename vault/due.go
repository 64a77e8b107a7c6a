package vault

import (
	"time"

	"jali/internal/kv"
)

var dueKey = kv.Key("vault", "rotation")

// RotationDue has the root's next term begin by then at the latest, in the
// transaction of what asks for it, and answers what stands: the earliest that
// was asked for. A backup from before that term cannot be opened after it.
func (v *Vault) RotationDue(tx kv.Tx, by time.Time) (time.Time, error) {
	due, err := rotationDue(tx)
	if err != nil || !due.IsZero() && !by.Before(due) {
		return due, err
	}
	return by, kv.Store(tx, dueKey, by)
}

// rotationDue answers the zero time where no rotation was asked for.
func rotationDue(tx kv.Tx) (due time.Time, err error) {
	_, err = kv.Load(tx, dueKey, &due)
	return due, err
}
