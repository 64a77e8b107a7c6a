package match

// Over is [Join] for who holds no items: it joins n that item tells, each as
// often as it is asked for. What item answered is good until it is called again.
func Over(n int, item func(i int) Item, decided []Decision) Result {
	items := make([]Item, n)
	for i := range items {
		items[i] = item(i)
		b := *items[i].Bill
		items[i].Bill = &b
	}
	return Join(items, decided)
}
