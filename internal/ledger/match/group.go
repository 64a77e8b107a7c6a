package match

func (t *table) root(i int32) int32 {
	for t.rows[i].parent != i {
		t.rows[i].parent = t.rows[t.rows[i].parent].parent
		i = t.rows[i].parent
	}
	return i
}

// each calls f of every member of i's group until it says no.
func (t *table) each(i int32, f func(int32) bool) bool {
	for j := i; ; {
		if !f(j) {
			return false
		}
		if j = t.rows[j].next; j == i {
			return true
		}
	}
}

// holds reports whether a member of i's group is such a row.
func (t *table) holds(i int32, such func(*row) bool) bool {
	return !t.each(i, func(j int32) bool { return !such(&t.rows[j]) })
}

// may reports whether two groups may become one: no account would have two
// bills in it, and nobody has said that two of them are apart.
func (t *table) may(a, b int32) bool {
	if t.root(a) == t.root(b) {
		return false
	}
	for i := a; ; {
		for j := b; ; {
			if t.rows[i].account == t.rows[j].account || t.isApart(i, j) {
				return false
			}
			if j = t.rows[j].next; j == b {
				break
			}
		}
		if i = t.rows[i].next; i == a {
			return true
		}
	}
}

// join makes one of two groups and keeps the least sure of their links.
func (t *table) join(a, b int32, sure int) {
	a, b = t.root(a), t.root(b)
	if a == b {
		return
	}
	a, b = min(a, b), max(a, b)
	least := uint8(sure)
	for _, g := range []int32{a, b} {
		if s := t.rows[g].sure; s != 0 {
			least = min(least, s)
		}
	}
	t.rows[b].parent = a
	t.rows[a].next, t.rows[b].next = t.rows[b].next, t.rows[a].next
	t.rows[a].sure = least
}
