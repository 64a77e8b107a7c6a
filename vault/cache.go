package vault

import "sync"

// cache holds unwrapped keys, at most 2n: those used lately are in young, and
// when that is full what has not been used since is forgotten.
type cache[V any] struct {
	mu         sync.Mutex
	n          int
	age        uint64 // how often it was emptied
	young, old map[string]V
}

func newCache[V any](n int) *cache[V] { return &cache[V]{n: n, young: map[string]V{}} }

// get also answers the cache's age, for [cache.put].
func (c *cache[V]) get(id string) (v V, age uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok = c.young[id]; !ok {
		if v, ok = c.old[id]; ok {
			c.add(id, v)
		}
	}
	return v, c.age, ok
}

// put keeps v, unless the cache was emptied since age was told: what was read
// from the store before that may have been destroyed.
func (c *cache[V]) put(id string, v V, age uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age == c.age {
		c.add(id, v)
	}
}

func (c *cache[V]) add(id string, v V) {
	if len(c.young) >= c.n {
		c.old, c.young = c.young, map[string]V{}
	}
	c.young[id] = v
}

func (c *cache[V]) empty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.age++
	c.young, c.old = map[string]V{}, nil
}
