package brake

import (
	"container/heap"
	"time"
)

// bucket is full at a moment; before it, a token is missing for every
// [Limit.Every] that is left until then.
type bucket struct {
	key  string
	full time.Time
	at   int // in the heap; -1 where it is not kept yet
}

// of answers key's bucket, full where nothing is known of it. It forgets
// whatever has become full.
func (b *Brake) of(key string, now time.Time) *bucket {
	for len(b.full) > 0 && !now.Before(b.full[0].full) {
		delete(b.byKey, heap.Pop(&b.full).(*bucket).key)
	}
	if e := b.byKey[key]; e != nil {
		return e
	}
	e := &bucket{key: key, full: now, at: -1}
	if len(b.full) >= b.keys {
		e.full = b.full[0].full
	}
	return e
}

// put keeps a bucket that will be full at a moment.
func (b *Brake) put(e *bucket, full time.Time) {
	e.full = full
	if e.at >= 0 {
		heap.Fix(&b.full, e.at)
		return
	}
	if len(b.full) >= b.keys {
		delete(b.byKey, heap.Pop(&b.full).(*bucket).key)
	}
	b.byKey[e.key] = e
	heap.Push(&b.full, e)
}

// byFullness is a heap, the bucket that is full soonest first.
type byFullness []*bucket

func (h byFullness) Len() int           { return len(h) }
func (h byFullness) Less(i, j int) bool { return h[i].full.Before(h[j].full) }
func (h byFullness) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *byFullness) Push(x any) {
	e := x.(*bucket)
	e.at = len(*h)
	*h = append(*h, e)
}

func (h *byFullness) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
