package vault

import "sync"

// cache holds unwrapped keys, at most 2n: those used lately are in young, and
// when that is full what has not been used since is forgotten.
type cache[K comparable, V any] struct {
	mu         sync.Mutex
	n          int
	age        uint64 // how often it was emptied
	young, old map[K]V
}

func newCache[K comparable, V any](n int) *cache[K, V] {
	return &cache[K, V]{n: n, young: map[K]V{}}
}

// get also answers the cache's age, for [cache.put].
func (c *cache[K, V]) get(id K) (v V, age uint64, ok bool) {
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
func (c *cache[K, V]) put(id K, v V, age uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age == c.age {
		c.add(id, v)
	}
}

func (c *cache[K, V]) add(id K, v V) {
	if len(c.young) >= c.n {
		c.old, c.young = c.young, map[K]V{}
	}
	c.young[id] = v
}

func (c *cache[K, V]) empty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.age++
	c.young, c.old = map[K]V{}, nil
}
