package house

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"jali/consent"
	"jali/consent/passkey"
	"jali/internal/audit"
	"jali/internal/rollback"
	"jali/vault"
)

// guard marks what a restored copy of the database must not bring back.
func (h *House) guard() {
	g := h.Guard
	h.Consent.Ended = append(h.Consent.Ended, func(t tx, ended consent.Grant, _ bool) error {
		switch ended.State {
		case consent.Expired: // as it is in any copy
			return nil
		case consent.Exhausted:
			return g.Use(t, string(ended.ID))
		}
		return g.Touch(t, rollback.Grant, string(ended.ID))
	})
	h.Consent.Changed = append(h.Consent.Changed, func(t tx, _, is consent.Grant) error {
		return g.Touch(t, rollback.Grant, string(is.ID))
	})
	h.Consent.Touched = append(h.Consent.Touched, func(t tx, is consent.Grant, used bool) error {
		if used {
			return g.Use(t, string(is.ID))
		}
		return g.Touch(t, rollback.Grant, string(is.ID))
	})
	h.Consent.Registered = append(h.Consent.Registered, func(t tx, id consent.ClientID) error {
		return g.Touch(t, rollback.Client, string(id))
	})
	h.Consent.Leaving = append(h.Consent.Leaving, func(t tx, _ consent.PersonID) error { return g.Touch(t, rollback.Else, "") })
	destroyed := h.Vault.Destroyed
	h.Vault.Destroyed = func(t tx, person, part string, at time.Time) error {
		if err := g.Touch(t, rollback.Else, ""); err != nil {
			return err
		}
		return destroyed(t, person, part, at)
	}
	h.Passkeys.Revoked = append(h.Passkeys.Revoked, func(t tx, what passkey.Revocable, id string) error {
		return g.Touch(t, kindOf(what), id)
	})
}

func kindOf(what passkey.Revocable) rollback.Kind {
	switch what {
	case passkey.APasskey:
		return rollback.Passkey
	case passkey.Codes:
		return rollback.Codes
	}
	return rollback.Else
}

// begin compares the database with its anchor, mends what was put back, and
// says that it is in use from now on. Until it has, nothing is served.
func (h *House) begin(ctx context.Context) error {
	v, err := h.Guard.Open(ctx)
	if err != nil {
		return err
	}
	var m *mended
	if v.Restored {
		if m, err = h.mend(ctx, v); err != nil {
			return err
		}
	}
	if err := h.Vault.Shred(ctx); err != nil { // what a crash left half shredded, and what mending marked
		return err
	}
	if err := h.Guard.Begin(ctx, v); err != nil {
		return err
	}
	if m != nil {
		h.log.LogAttrs(ctx, slog.LevelError, "the restored database is mended; people are told on their pages, clients by webhook", m.attrs()...)
		m.advise(h.log, v)
	}
	return nil
}

// mended counts what was done again.
type mended struct {
	people, parts    int // destroyed again
	grants, requests int
	sessions         int
	dropped          passkey.Dropped
	suspended        []consent.ClientID
}

func (m *mended) attrs() []slog.Attr {
	return []slog.Attr{slog.Int("grants_ended", m.grants), slog.Int("requests_ended", m.requests), slog.Int("sessions_ended", m.sessions),
		slog.Int("people_deleted_again", m.people), slog.Int("connections_removed_again", m.parts),
		slog.Int("passkeys_removed_again", m.dropped.Passkeys), slog.Int("recovery_codes_removed_again", m.dropped.Codes),
		slog.Int("people_locked_out", m.dropped.LockedOut), slog.Int("clients_suspended", len(m.suspended))}
}

// advise says what is left for the operator, as errors: a verb that has opened
// the files itself shows nothing less.
func (m *mended) advise(log *slog.Logger, v rollback.Verdict) {
	for _, id := range m.suspended {
		log.Error("a client is suspended because its registration may have been changed, suspended or removed after the backup: look at it with `jali client show`, put right what has changed, then `jali client suspend --resume` or `jali client remove`", "client", string(id))
	}
	log.Error("if the anchor is a copy and not the newest there was, stop now and put the backup back with the newest: what was revoked, used or deleted after it was copied may be here again")
	log.Error("check what no anchor remembers: clients and their webhooks that were added after the backup are not here; invitations are all withdrawn, make new ones with `jali client invite`")
	if !v.Marked {
		log.Error("nothing is known of passkeys that people removed after the backup, and those may sign in again: tell people to look at the passkeys under their settings")
	}
}

// mend does again what was done since the copy that was restored was made, as
// far as it is known, and ends what it is not known of. Each step may be done
// any number of times, so that a crash in the middle only begins it anew.
func (h *House) mend(ctx context.Context, v rollback.Verdict) (*mended, error) {
	h.log.Error("this database was put back from an older copy, or its anchor was; before anything is served, what may have ended since is ended",
		"all_known", v.Exact, "resumed", v.Resumed)
	m := &mended{}
	for _, step := range []func(context.Context, rollback.Verdict, *mended) error{h.partAgain, h.endUnproven, h.dropAgain} {
		if err := step(ctx, v, m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// partAgain destroys the people and connections that were destroyed since.
func (h *House) partAgain(ctx context.Context, _ rollback.Verdict, m *mended) error {
	back, err := h.Vault.Back(ctx)
	if err != nil {
		return err
	}
	destroyed := h.Vault.WasDestroyed()
	if err := h.Passkeys.People(ctx, func(people []consent.PersonID) error { // whose keys may be of a later copy than they are
		for _, p := range people {
			if destroyed(string(p), "") {
				back = append(back, vault.Back{Person: string(p)})
			}
		}
		return nil
	}); err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, b := range back {
		if b.Part != "" || gone[b.Person] {
			continue
		}
		if err := h.Consent.LeaveAgain(ctx, consent.PersonID(b.Person)); err != nil {
			return err
		}
		gone[b.Person] = true
	}
	m.people = len(gone)
	for _, b := range back {
		if b.Part == "" || gone[b.Person] {
			continue
		}
		if err := h.Aggregate.DisconnectAgain(ctx, consent.PersonID(b.Person), b.Part); err != nil {
			return err
		}
		m.parts++
	}
	return h.Vault.Shred(ctx)
}

// endUnproven ends grants, and all that was under way.
func (h *House) endUnproven(ctx context.Context, v rollback.Verdict, m *mended) (err error) {
	if m.grants, err = h.Consent.EndUnproven(ctx, func(id consent.GrantID) bool { return v.Untouched(rollback.Grant, string(id)) }); err != nil {
		return err
	}
	if m.requests, err = h.Consent.EndUnderWay(ctx); err != nil {
		return err
	}
	if err := h.OAuth.EndUnderWay(ctx); err != nil {
		return err
	}
	return h.Aggregate.EndUnderWay(ctx)
}

// dropAgain shuts the doors that were shut since, and leaves word for everyone.
// A client is doubted if it is known to have changed, and every client where
// not even that is known.
func (h *House) dropAgain(ctx context.Context, v rollback.Verdict, m *mended) (err error) {
	if m.sessions, err = h.Passkeys.SignOutAll(ctx); err != nil {
		return err
	}
	if m.suspended, err = h.Consent.SuspendAgain(ctx, func(id consent.ClientID) bool {
		return !v.Marked || v.Touched(rollback.Client, string(id))
	}); err != nil {
		return err
	}
	return h.Passkeys.People(ctx, func(people []consent.PersonID) error {
		d, err := h.Passkeys.DropAgain(ctx, people, func(what passkey.Revocable, id string) bool { return v.Touched(kindOf(what), id) })
		if err != nil {
			return err
		}
		m.dropped.Passkeys += d.Passkeys
		m.dropped.Codes += d.Codes
		m.dropped.LockedOut += d.LockedOut
		return h.db.Update(ctx, func(t tx) error {
			for _, p := range people { // again under the same id where it was cut short
				if err := audit.Append(t, audit.Event{ID: "restored", At: v.At, Person: string(p), Verb: audit.DataRestored}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// anchored lets the anchor know of what a verb has changed before its answer ends.
func (h *House) anchored(verbs http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verbs.ServeHTTP(w, r)
		if r.Method == http.MethodGet {
			return
		}
		if err := h.Guard.Beat(context.WithoutCancel(r.Context()), false); err != nil {
			h.log.Error("the anchor does not know yet what a verb has changed; it will be tried again", "err", err)
		}
	})
}

// HintAnchor says, at the start of serving, that an anchor beside its database
// would be put back together with it.
func (h *House) HintAnchor() {
	if filepath.Clean(filepath.Dir(h.held.Path())) == filepath.Clean(cmp.Or(h.data, ".")) {
		h.log.Info("the anchor lies beside the database: whoever puts the whole folder back puts both back, and that cannot be noticed; keep it on another disk with --anchor-file")
	}
}
