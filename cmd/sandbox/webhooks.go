package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"jali/internal/webhook"
)

// attempts is every attempt to tell a client of an event, as it went out and
// what was answered: the outbox itself keeps only what became of it.
type attempts struct {
	next http.RoundTripper
	now  func() time.Time

	mu    sync.Mutex
	byID  map[string][]attempt
	order []string // ids, the one that was tried first in front
}

type attempt struct {
	At      time.Time         `json:"at"`
	URI     string            `json:"uri"`
	Headers map[string]string `json:"headers"`
	Status  int               `json:"status,omitempty"`
	TookMS  int64             `json:"took_ms"`
}

const (
	attemptsKept = 20   // of an event
	eventsKept   = 2000 // whose attempts are kept
)

// RoundTrip makes an attempt and notes it.
func (a *attempts) RoundTrip(r *http.Request) (*http.Response, error) {
	id := r.Header.Get("Webhook-Id")
	one := attempt{At: a.now().UTC(), URI: r.URL.String(), Headers: headersOf(r.Header)}
	began := time.Now()
	resp, err := a.next.RoundTrip(r)
	if one.TookMS = time.Since(began).Milliseconds(); err == nil {
		one.Status = resp.StatusCode
	}
	if id != "" {
		a.note(id, one)
	}
	return resp, err
}

func (a *attempts) note(id string, one attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID[id] == nil {
		if a.order = append(a.order, id); len(a.order) > eventsKept {
			delete(a.byID, a.order[0])
			a.order = a.order[1:]
		}
	}
	list := append(a.byID[id], one)
	a.byID[id] = list[max(0, len(list)-attemptsKept):]
}

func (a *attempts) of(id string) []attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]attempt{}, a.byID[id]...)
}

// headersOf are headers as a developer reads them.
func headersOf(h http.Header) map[string]string {
	all := map[string]string{}
	for name, values := range h {
		all[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return all
}

// watchOutbox has every attempt of the outbox noted.
func (s *sandbox) watchOutbox() {
	c := *s.house.Outbox.HTTP
	s.attempts = &attempts{next: c.Transport, now: s.now, byID: map[string][]attempt{}}
	c.Transport = s.attempts
	s.house.Outbox.HTTP = &c
}

// CloseIdleConnections lets a client that is done close what it has open.
func (a *attempts) CloseIdleConnections() {
	if c, ok := a.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type deliveryJSON struct {
	ID       string    `json:"id"`
	Client   string    `json:"client_id"`
	Grant    string    `json:"grant_id,omitempty"`
	Type     string    `json:"type"`
	At       time.Time `json:"at"`
	State    string    `json:"state"`
	Tries    int       `json:"tries"`
	Last     string    `json:"last,omitempty"`
	NextAt   time.Time `json:"next_at,omitzero"`
	EndedAt  time.Time `json:"ended_at,omitzero"`
	Body     string    `json:"body"`
	Attempts []attempt `json:"attempts"`
}

func (s *sandbox) deliveryNow(d webhook.Delivery) (deliveryJSON, error) {
	body, err := d.Body()
	return deliveryJSON{
		ID: d.ID, Client: d.Client, Grant: d.Grant, Type: d.Type, At: d.At.UTC(), State: string(d.State), Tries: d.Tries, Last: d.Last,
		NextAt: d.Next.UTC(), EndedAt: d.Ended.UTC(), Body: string(body), Attempts: s.attempts.of(d.ID),
	}, err
}

func (s *sandbox) listDeliveries(r *http.Request) (any, error) {
	q := r.URL.Query()
	all, err := s.house.Outbox.List(r.Context(), q.Get("client_id"), false)
	if err != nil {
		return nil, err
	}
	list := []deliveryJSON{}
	for _, d := range all {
		if !wants(q.Get("grant_id"), d.Grant) || !wants(q.Get("type"), d.Type) || !wants(q.Get("state"), string(d.State)) {
			continue
		}
		one, err := s.deliveryNow(d)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return map[string]any{"deliveries": list}, nil
}

// delivery finds an event by its id.
func (s *sandbox) delivery(ctx context.Context, id string) (webhook.Delivery, error) {
	all, err := s.house.Outbox.List(ctx, "", false)
	if err != nil {
		return webhook.Delivery{}, err
	}
	for _, d := range all {
		if d.ID == id {
			return d, nil
		}
	}
	return webhook.Delivery{}, webhook.ErrNoEvent
}

func (s *sandbox) readDelivery(r *http.Request) (any, error) {
	d, err := s.delivery(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.deliveryNow(d)
}

func (s *sandbox) replayDelivery(r *http.Request) (any, error) {
	d, err := s.delivery(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := s.house.Outbox.Replay(r.Context(), d.Client, d.ID); err != nil {
		return nil, err
	}
	return s.readDelivery(r)
}

func (s *sandbox) testWebhook(r *http.Request) (any, error) {
	if _, err := s.house.Consent.Client(r.Context(), clientOf(r)); err != nil {
		return nil, err
	}
	return s.house.Outbox.Test(r.Context(), r.PathValue("id"))
}

func (s *sandbox) resumeWebhook(r *http.Request) (any, error) {
	if _, err := s.house.Consent.Client(r.Context(), clientOf(r)); err != nil {
		return nil, err
	}
	return s.clientAnswer(r, s.house.Outbox.Resume(r.Context(), r.PathValue("id")))
}

// bodyOf reads a request's body, which the server has capped.
func bodyOf(r *http.Request) ([]byte, error) {
	return io.ReadAll(r.Body)
}
