package match

import "container/heap"

// maxSearch bounds how far one bill's place is looked for when the places near
// it are taken: beyond it takes the best that is free.
const maxSearch = 256

// assign chooses among offers between left and right nodes, numbered from 0,
// those that give each node at most one and weigh most together. It answers
// for each left node which offer was chosen, or -1. Offers weigh more than 0.
//
// One left node after the other looks for the cheapest way to a free place, by
// Dijkstra's algorithm over costs that earlier nodes' prices keep from being
// negative, and those in its way move along it (the Hungarian method, sparse).
// Every left node may also stay alone, for nothing.
func assign(lefts, rights int, offers []edge) []int32 {
	m := &market{first: make([]int32, lefts+1), offers: make([]edge, len(offers)),
		holder: fill(rights, -1), chosen: fill(lefts, -1),
		wage: make([]int64, lefts), price: make([]int64, rights),
		dist: make([]int64, rights), seen: make([]int32, rights), via: make([]int32, rights)}
	for _, e := range offers {
		m.first[e.left+1]++
	}
	for l := range lefts {
		m.first[l+1] += m.first[l]
	}
	at := make([]int32, lefts)
	for i, e := range offers {
		e.number = int32(i)
		m.offers[m.first[e.left]+at[e.left]] = e
		at[e.left]++
		m.wage[e.left] = min(m.wage[e.left], -int64(e.weight))
	}
	for l := range lefts {
		m.place(int32(l))
	}
	for l, e := range m.chosen {
		if e >= 0 {
			m.chosen[l] = m.offers[e].number
		}
	}
	return m.chosen
}

type edge struct {
	left, right, weight, number int32
}

type market struct {
	first  []int32 // of each left node, in offers
	offers []edge
	holder []int32 // of each right node: the offer that was chosen, or -1
	chosen []int32 // of each left node, likewise
	wage   []int64 // of left nodes; wage+price <= -weight of every offer
	price  []int64 // of right nodes
	dist   []int64 // of the search that seen names
	seen   []int32
	via    []int32 // the offer by which a right node was reached
	round  int32
	queue  queue
	found  []int32 // right nodes whose distance is known
}

func fill(n int, v int32) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = v
	}
	return s
}

func (m *market) place(start int32) {
	m.round++
	m.queue, m.found = m.queue[:0], m.found[:0]
	// The best way to leave somebody alone: whom, and at what cost.
	alone, loner, lonerVia := -m.wage[start], start, int32(-1)
	reach := func(l int32, so int64) {
		for e := m.first[l]; e < m.first[l+1]; e++ {
			o := &m.offers[e]
			d := so - int64(o.weight) - m.wage[l] - m.price[o.right]
			if m.seen[o.right] != m.round || d < m.dist[o.right] {
				m.seen[o.right], m.dist[o.right], m.via[o.right] = m.round, d, e
				heap.Push(&m.queue, stop{d, o.right})
			}
		}
	}
	reach(start, 0)
	end, cost := int32(-1), alone
	for len(m.queue) > 0 {
		s := heap.Pop(&m.queue).(stop)
		if s.dist > m.dist[s.right] {
			continue // a shorter way was found meanwhile
		}
		if s.dist > alone {
			break
		}
		if m.holder[s.right] < 0 {
			end, cost = s.right, s.dist
			break
		}
		if len(m.found) == maxSearch {
			m.settle(start)
			return
		}
		m.found = append(m.found, s.right)
		l := m.offers[m.holder[s.right]].left
		if d := s.dist - m.wage[l]; d < alone {
			alone, loner, lonerVia = d, l, s.right
		}
		reach(l, s.dist)
	}
	if end < 0 {
		cost = alone
	}
	m.wage[start] += cost
	for _, r := range m.found {
		if d := m.dist[r]; d < cost {
			m.price[r] += d - cost
			m.wage[m.offers[m.holder[r]].left] += cost - d
		}
	}
	if end < 0 {
		if loner == start {
			return
		}
		m.chosen[loner] = -1
		end = lonerVia
	}
	for {
		e := m.via[end]
		l := m.offers[e].left
		was := m.chosen[l]
		m.holder[end], m.chosen[l] = e, e
		if l == start {
			return
		}
		end = m.offers[was].right
	}
}

// settle gives a node the best place that is free, if there is one.
func (m *market) settle(l int32) {
	best := int32(-1)
	for e := m.first[l]; e < m.first[l+1]; e++ {
		if m.holder[m.offers[e].right] < 0 && (best < 0 || m.offers[e].weight > m.offers[best].weight) {
			best = e
		}
	}
	if best >= 0 {
		m.holder[m.offers[best].right], m.chosen[l] = best, best
	}
}

type stop struct {
	dist  int64
	right int32
}

// queue is a heap of stops, the nearest first, then the earlier node.
type queue []stop

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].dist < q[j].dist || q[i].dist == q[j].dist && q[i].right < q[j].right
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(stop)) }
func (q *queue) Pop() any {
	s := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return s
}
