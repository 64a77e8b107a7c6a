package client

import (
	"context"
	"iter"
)

// mostBills is the largest page there is.
const mostBills = 500

// Bills goes through all bills of an open view, newest first: those that it
// holds, and those of the pages behind. It ends with the first error.
func (s *Session) Bills(ctx context.Context, v *View) iter.Seq2[Bill, error] {
	return func(yield func(Bill, error) bool) {
		for page := &v.Bills; ; {
			for _, b := range page.Items {
				if !yield(b, nil) {
					return
				}
			}
			if page.Next == nil || *page.Next == "" {
				return
			}
			var err error
			if page, err = s.ListBills(ctx, v.ID, ListBillsParams{Cursor: *page.Next, Limit: mostBills}); err != nil {
				yield(Bill{}, err)
				return
			}
		}
	}
}

// String is the sum as "10.50 CNY", and nothing of an amount that was not told.
func (a Amount) String() string {
	if a.Currency == "" {
		return ""
	}
	return a.Value + " " + a.Currency
}
