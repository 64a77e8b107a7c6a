package house

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"jali/consent"
	"jali/consent/oauth"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/jose"
	"jali/internal/secret"
	"jali/internal/webhook"
)

// openOutbox makes what tells clients of their grants.
func (h *House) openOutbox(ctx context.Context, c Config) error {
	der, err := h.Vault.WebhookKey(ctx)
	if err != nil {
		return err
	}
	key, err := jose.ParsePKCS8(der)
	if err != nil {
		return err
	}
	h.Outbox, err = webhook.New(webhook.Config{
		DB: h.db, Key: key, Now: c.Now, Metrics: c.Metrics, Log: c.Log,
		HTTP:     dial.New(dial.Config{AllowPrivate: c.AllowPrivate, Timeout: 15 * time.Second, MaxBody: 64 << 10}),
		Endpoint: h.webhookURI, Notification: h.notification,
	})
	return err
}

// webhookURI is where a client is told of events.
func (h *House) webhookURI(ctx context.Context, id string) (string, error) {
	c, err := h.Consent.Client(ctx, consent.ClientID(id))
	switch {
	case errors.Is(err, consent.ErrNoClient):
		return "", nil
	case err == nil && c.Suspended:
		return "", webhook.ErrSuspended
	}
	return c.WebhookURI, err
}

// notify queues the ping of a decoupled request, and notification opens it.
func (h *House) notify(tx tx, p oauth.Ping) error {
	return webhook.QueuePing(tx, webhook.Ping{ID: p.ID, At: p.At, Client: string(p.Client), Request: string(p.Request), Sealed: p.Sealed})
}

func (h *House) notification(ctx context.Context, p webhook.Ping) (webhook.Notice, error) {
	c, err := h.Consent.Client(ctx, consent.ClientID(p.Client))
	switch {
	case errors.Is(err, consent.ErrNoClient):
		return webhook.Notice{}, nil
	case err != nil:
		return webhook.Notice{}, err
	case c.Suspended:
		return webhook.Notice{}, webhook.ErrSuspended
	}
	bearer, body, err := h.OAuth.Notification(consent.GrantID(p.Request), p.Sealed)
	return webhook.Notice{URI: c.NotificationURI, Bearer: secret.Of(bearer), Body: body}, err
}

// ReplayOf is what `webhook replay` sends: one event, or all since a moment.
type ReplayOf struct {
	Event string    `json:"event,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

func (a *admin) webhooks(w http.ResponseWriter, r *http.Request) {
	failed, _ := strconv.ParseBool(r.URL.Query().Get("failed"))
	list, err := a.house.Outbox.List(r.Context(), r.URL.Query().Get("client"), failed)
	a.answer(w, list, err)
}

// replay answers how many events it queued again.
func (a *admin) replay(w http.ResponseWriter, r *http.Request) {
	var of ReplayOf
	if !a.read(w, r, &of) {
		return
	}
	if of.Event != "" {
		a.answer(w, 1, a.house.Outbox.Replay(r.Context(), r.PathValue("id"), of.Event))
		return
	}
	if of.Since.IsZero() {
		a.answer(w, nil, &fault.Error{Kind: fault.Invalid, Code: "invalid_request", Detail: "say which event, or since when"})
		return
	}
	n, err := a.house.Outbox.ReplaySince(r.Context(), r.PathValue("id"), of.Since)
	a.answer(w, n, err)
}

func (a *admin) testWebhook(w http.ResponseWriter, r *http.Request) {
	tested, err := a.house.Outbox.Test(r.Context(), r.PathValue("id"))
	a.answer(w, tested, err)
}

func (a *admin) resumeWebhook(w http.ResponseWriter, r *http.Request) {
	a.answer(w, true, a.house.Outbox.Resume(r.Context(), r.PathValue("id")))
}

// setWebhook says where a client is told from now on; empty: nowhere.
func (a *admin) setWebhook(w http.ResponseWriter, r *http.Request) {
	var uri string
	if !a.read(w, r, &uri) {
		return
	}
	_, err := a.house.Consent.ReviseClient(r.Context(), consent.ClientID(r.PathValue("id")), func(c consent.Client) (consent.Client, error) {
		c.WebhookURI = uri
		return c, nil
	})
	a.answer(w, true, err)
}
