package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"jali/openapi/conform"
	sandboxapi "jali/openapi/sandbox"
)

// violations are the answers since the start that a document does not promise,
// the first of them; each is logged, and each is a fault of ours.
type violations struct {
	mu   sync.Mutex
	list []violation
}

const violationsKept = 1000

type violation struct {
	At        time.Time `json:"at"`
	Operation string    `json:"operation"`
	Status    int       `json:"status"`
	Wrong     string    `json:"wrong"`
	RequestID string    `json:"request_id"`
}

// promising serves as h does and holds every answer against both documents,
// as long as the sandbox runs.
func (s *sandbox) promising(h http.Handler) (http.Handler, error) {
	own, err := conform.Load(sandboxapi.YAML)
	if err != nil {
		return nil, err
	}
	return conform.Jali().Handler(own.Handler(h, s.broken), s.broken), nil
}

func (s *sandbox) broken(v conform.Violation) {
	s.log.Error("an answer is not what the document promises", "operation", v.Operation, "status", v.Status, "wrong", v.Wrong, "request_id", v.RequestID)
	s.violations.mu.Lock()
	defer s.violations.mu.Unlock()
	if len(s.violations.list) < violationsKept {
		s.violations.list = append(s.violations.list, violation{s.now().UTC(), v.Operation, v.Status, v.Wrong, v.RequestID})
	}
}

// told is an error where there are any.
func (v *violations) told() error {
	list := v.all()
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf("%d answers are not what the documents promise; the first: %s: %d: %s", len(list), list[0].Operation, list[0].Status, list[0].Wrong)
}

func (v *violations) all() []violation {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]violation{}, v.list...)
}
