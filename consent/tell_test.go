package consent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"jali/internal/kv"
	"jali/internal/webhook"
)

// queued is what waits to be told to a client, as "type grant", in the order of the deeds.
func (h house) queued(c ClientID) []string {
	h.Helper()
	var list []string
	h.must(h.DB.View(ctx, func(tx kv.Tx) error {
		list = nil
		for row, err := range tx.Scan(kv.Prefix("webhook", "event", c)) {
			if err != nil {
				return err
			}
			var e webhook.Event
			if err := kv.Decode(row.Value, &e); err != nil {
				return err
			}
			list = append(list, fmt.Sprint(e.Type, " ", e.Grant))
		}
		return nil
	}))
	return list
}

func (h house) listens(id ClientID) {
	h.Helper()
	_, err := h.ReviseClient(ctx, id, func(c Client) (Client, error) { c.WebhookURI = "https://bank.example/hooks"; return c, nil })
	h.must(err)
}

// A client that wants to be told is told of each deed, under the id of its record.
func TestWhatAClientIsTold(t *testing.T) {
	h := build(t)
	h.listens(bank)
	var want []string
	told := func(what string, id GrantID) {
		t.Helper()
		if want = append(want, fmt.Sprint(what, " ", id)); !slices.Equal(h.queued(bank), want) {
			t.Fatalf("queued %q, want %q", h.queued(bank), want)
		}
		h.clock.add(time.Second)
	}
	refused := h.shown(once())
	_, _, err := h.Refuse(ctx, ann, refused)
	h.must(err)
	told("grant.refused", refused)
	id, _ := h.given(daily(4, ""))
	told("grant.given", id)
	h.yes(h.revising(Replace, id, daily(3, "")), Choice{Accounts: wallet})
	told("grant.changed", id)
	_, err = h.Spend(ctx, bank, id, "k", nil)
	h.must(err)
	told("grant.used", id)
	_, err = h.Spend(ctx, bank, id, "k", nil) // a repeat is no use
	h.must(err)
	h.must(h.Pause(ctx, ann, bank))
	told("grant.paused", id)
	h.must(h.PauseAll(ctx, ann)) // it is already
	h.must(h.Resume(ctx, ann, bank))
	h.must(h.ResumeAll(ctx, ann))
	told("grant.resumed", id)
	h.must(h.PauseAll(ctx, ann))
	told("grant.paused", id)
	h.must(h.Pause(ctx, ann, bank))
	h.must(h.ResumeAll(ctx, ann))
	h.must(h.Resume(ctx, ann, bank))
	told("grant.resumed", id)
	h.clock.set(noon.Add(23 * 24 * time.Hour))
	_, err = h.Sweep(ctx)
	h.must(err)
	told("grant.expiring", id)
	h.clock.set(noon.Add(30 * 24 * time.Hour))
	_, err = h.Sweep(ctx)
	h.must(err)
	told("grant.expired", id)

	h.clock.set(noon.Add(31 * 24 * time.Hour))
	asked := once()
	asked.Until = h.clock.now().Add(time.Hour).UTC()
	id, _ = h.given(asked)
	told("grant.given", id)
	_, err = h.Revoke(ctx, ann, id)
	h.must(err)
	told("grant.revoked", id)
	id, _ = h.given(asked)
	told("grant.given", id)
	_, err = h.Spend(ctx, bank, id, "k", nil)
	h.must(err)
	want = append(want, fmt.Sprint("grant.used ", id)) // two of one moment
	told("grant.exhausted", id)
	if got := h.queued(other); len(got) != 0 {
		t.Errorf("another client is told %q", got)
	}
}

func TestWhoDoesNotListenIsNotTold(t *testing.T) {
	h := build(t)
	id, _ := h.given(daily(4, ""))
	h.must(h.Pause(ctx, ann, bank))
	_, err := h.Revoke(ctx, ann, id)
	h.must(err)
	if got := h.queued(bank); len(got) != 0 {
		t.Errorf("queued %q", got)
	}
}
