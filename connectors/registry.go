package connectors

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Registry holds the connectors of a running Jali by their source's ID. The
// zero Registry is empty and ready; it is safe for concurrent use.
type Registry struct {
	mu  sync.RWMutex
	all []Connector // sorted by source ID
}

// Register adds c. A source without an ID of lower-case letters, digits and
// underscores, or with one that is taken, is a mistake of the wiring.
func (r *Registry) Register(c Connector) error {
	if c == nil {
		return errors.New("connectors: no connector to register")
	}
	id := c.Source().ID
	if id == "" || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return fmt.Errorf("connectors: %q is no id of a source: lower-case letters, digits and underscores", id)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at, taken := r.place(id)
	if taken {
		return fmt.Errorf("connectors: the source %q is registered already", id)
	}
	r.all = slices.Insert(r.all, at, c)
	return nil
}

// Find answers the connector of a source.
func (r *Registry) Find(id string) (Connector, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	at, ok := r.place(id)
	if !ok {
		return nil, false
	}
	return r.all[at], true
}

// All answers every connector, in the order of their sources' IDs.
func (r *Registry) All() []Connector {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.all)
}

func (r *Registry) place(id string) (int, bool) {
	return slices.BinarySearchFunc(r.all, id, func(c Connector, id string) int {
		return strings.Compare(c.Source().ID, id)
	})
}
