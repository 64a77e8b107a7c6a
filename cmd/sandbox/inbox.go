package main

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"jali/consent"
	"jali/internal/discreet"
	"jali/internal/fault"
	"jali/openapi/problems"
)

// mail is the inboxes of clients, in memory alone.
type mail struct {
	mu    sync.Mutex
	boxes map[consent.ClientID]*inbox
}

// inbox is where a client without a server of its own is told what happens.
type inbox struct {
	answers  inboxAnswer
	messages []message     // newest first
	came     chan struct{} // closed when one more has come
}

// inboxAnswer is how an inbox answers; the zero one answers 204 at once.
type inboxAnswer struct {
	Status     int `json:"status,omitempty"`
	DelayMS    int `json:"delay_ms,omitempty"`
	RetryAfter int `json:"retry_after,omitempty"`
	Times      int `json:"times,omitempty"` // 0: until told otherwise
}

type message struct {
	At        time.Time         `json:"at"`
	Kind      string            `json:"kind"`
	EventID   string            `json:"event_id,omitempty"`
	Type      string            `json:"type,omitempty"`
	Grant     string            `json:"grant_id,omitempty"`
	AuthReqID string            `json:"auth_req_id,omitempty"`
	Headers   map[string]string `json:"headers"`
	Body      string            `json:"body"`
	Signature string            `json:"signature"`
	Answered  int               `json:"answered"`
}

const messagesKept = 200

// believed is whether a client may take a message for ours. A ping is not
// signed: its token says who sends it (OpenID CIBA, section 10.2).
func (m message) believed() bool { return m.Kind == "ping" || m.Signature == "valid" }

func (m *mail) box(c consent.ClientID) *inbox {
	if m.boxes[c] == nil {
		m.boxes[c] = &inbox{came: make(chan struct{})}
	}
	return m.boxes[c]
}

func (m *mail) forget(c consent.ClientID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.boxes, c)
}

// take keeps a message and says how to answer it: one that is not to be
// believed by a 401, whatever else the inbox was told.
func (m *mail) take(c consent.ClientID, one message) inboxAnswer {
	m.mu.Lock()
	defer m.mu.Unlock()
	box := m.box(c)
	as := inboxAnswer{Status: http.StatusUnauthorized}
	if one.believed() {
		as = box.answers
		if as.Times > 0 {
			if box.answers.Times--; box.answers.Times == 0 {
				box.answers = inboxAnswer{}
			}
		}
		as.Status = cmp.Or(as.Status, http.StatusNoContent)
	}
	one.Answered = as.Status
	box.messages = slices.Insert(box.messages, 0, one)
	box.messages = box.messages[:min(len(box.messages), messagesKept)]
	close(box.came)
	box.came = make(chan struct{})
	return as
}

func (s *sandbox) inboxOf(c consent.ClientID) string {
	return s.ready.Sandbox + "/inbox/" + url.PathEscape(string(c))
}

// receive is where webhooks and pings come in.
func (s *sandbox) receive(w http.ResponseWriter, r *http.Request) {
	c := consent.ClientID(r.PathValue("client"))
	if _, err := s.house.Consent.Client(r.Context(), c); err != nil {
		s.fail(w, r, err)
		return
	}
	body, err := bodyOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	one := s.readMessage(c, r.Header, body)
	as := s.mail.take(c, one)
	if !one.believed() {
		s.fail(w, r, unsigned{errSignature})
		return
	}
	select {
	case <-time.After(time.Duration(as.DelayMS) * time.Millisecond):
	case <-r.Context().Done():
	}
	if as.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(as.RetryAfter))
	}
	if as.Status < http.StatusBadRequest {
		w.WriteHeader(as.Status)
		return
	}
	s.failAs(w, r, errTold, as.Status)
}

// errTold is every failure that an inbox was told to answer.
var errTold = &fault.Error{Kind: fault.Invalid, Code: "inbox_told", Detail: "this is how the inbox was told to answer"}

// errSignature is the answer to a message that is not signed by us, now, for
// this client.
var errSignature = &fault.Error{Kind: fault.Unauthenticated, Code: "signature_invalid",
	Detail: "this message is not signed as a client has to ask for; see signature in the inbox"}

// unsigned names what a 401 asks for (RFC 9110, section 11.6.1).
type unsigned struct{ error }

func (unsigned) Challenge() string { return "Webhook-Signature" }
func (u unsigned) Unwrap() error   { return u.error }

// failAs answers a fault by a status of the developer's choice.
func (s *sandbox) failAs(w http.ResponseWriter, r *http.Request, f *fault.Error, status int) {
	entry, _ := problems.Find(f.Code)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": problems.URL(s.ready.Issuer, f.Code), "title": entry.Title.EN, "status": status, "code": f.Code,
		"owner": f.WhoseFault(), "detail": f.Detail, "request_id": discreet.RequestID(r.Context()),
	})
}

// readMessage understands what came, and checks it as a client has to.
func (s *sandbox) readMessage(c consent.ClientID, h http.Header, body []byte) message {
	m := message{At: s.now().UTC(), Kind: "other", Headers: headersOf(h), Body: string(body), Signature: "missing", EventID: h.Get("Webhook-Id")}
	var said struct {
		Type      string `json:"type"`
		AuthReqID string `json:"auth_req_id"`
		Data      struct {
			Client string `json:"client_id"`
			Grant  string `json:"grant_id"`
		} `json:"data"`
	}
	_ = json.Unmarshal(body, &said)
	switch {
	case said.AuthReqID != "":
		m.Kind, m.AuthReqID = "ping", said.AuthReqID
	case m.EventID != "":
		m.Kind, m.Type, m.Grant = "event", said.Type, said.Data.Grant
		m.Signature = s.checkSignature(h, body)
		if m.Signature == "valid" && said.Data.Client != string(c) {
			m.Signature = "not_ours"
		}
	}
	return m
}

// oldest is how long ago a message may have been signed (Standard Webhooks
// 1.0, "Verifying webhook authenticity").
const oldest = 5 * time.Minute

// checkSignature says what checking a message finds.
func (s *sandbox) checkSignature(h http.Header, body []byte) string {
	at, sent := h.Get("Webhook-Timestamp"), h.Get("Webhook-Signature")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if sent == "" || err != nil {
		return "missing"
	}
	text := append([]byte(h.Get("Webhook-Id")+"."+at+"."), body...)
	valid := slices.ContainsFunc(strings.Fields(sent), func(one string) bool {
		b, ok := strings.CutPrefix(one, "v1a,")
		signature, err := base64.StdEncoding.DecodeString(b)
		return ok && err == nil && ed25519.Verify(s.house.Outbox.Key.Public().Ed25519(), text, signature)
	})
	if !valid {
		return "wrong"
	}
	if s.now().Sub(time.Unix(seconds, 0)).Abs() > oldest {
		return "stale"
	}
	return "valid"
}

// opened does something with a client's inbox, and answers it.
func (s *sandbox) opened(r *http.Request, do func(*inbox)) (any, error) {
	c := consent.ClientID(r.PathValue("client"))
	if _, err := s.house.Consent.Client(r.Context(), c); err != nil {
		return nil, err
	}
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	box := s.mail.box(c)
	do(box)
	return map[string]any{"uri": s.inboxOf(c), "answer": box.answers, "messages": append([]message{}, box.messages...)}, nil
}

// readInbox waits, if it is asked to, until enough has come.
func (s *sandbox) readInbox(r *http.Request) (any, error) {
	enough, _ := strconv.Atoi(r.URL.Query().Get("at_least")) // checked by the document
	wait, _ := time.ParseDuration(cmp.Or(r.URL.Query().Get("wait"), "0s"))
	patience := time.NewTimer(min(wait, longestWait))
	defer patience.Stop()
	for {
		var came chan struct{}
		answer, err := s.opened(r, func(box *inbox) {
			if len(box.messages) < enough {
				came = box.came
			}
		})
		if err != nil || came == nil {
			return answer, err
		}
		select {
		case <-came:
		case <-patience.C:
			return answer, nil
		case <-r.Context().Done():
			return answer, nil
		}
	}
}

// longestWait is less than what a server has for an answer.
const longestWait = 30 * time.Second

func (s *sandbox) tellInbox(r *http.Request) (any, error) {
	as, err := read[inboxAnswer](r)
	if err != nil {
		return nil, err
	}
	return s.opened(r, func(box *inbox) { box.answers = as })
}

func (s *sandbox) emptyInbox(r *http.Request) (any, error) {
	return s.opened(r, func(box *inbox) { box.answers, box.messages = inboxAnswer{}, nil })
}
