package upstream

import (
	"context"
	"sync"
	"time"

	"jali/connectors"
)

// day bounds a source's calls in a day of Asia/Shanghai. It is given them in
// blocks of a hundredth of the day's, so that who gives need not be asked for
// every call; a process that ends abruptly loses what was left of its block.
type day struct {
	limit int // 0: none
	now   func() time.Time
	allot func(ctx context.Context, date string, n int) (granted int, err error) // nil: all is this process's

	mu   sync.Mutex
	date string
	left int
}

var shanghai = time.FixedZone("UTC+8", 8*60*60)

// take takes one call of today's, and answers to which date it belongs.
func (d *day) take(ctx context.Context) (date string, err error) {
	if d.limit <= 0 {
		return "", nil
	}
	now := d.now().In(shanghai)
	date = now.Format(time.DateOnly)
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := date != d.date
	if fresh {
		d.date, d.left = date, 0
	}
	switch {
	case d.left > 0:
	case d.allot != nil:
		if d.left, err = d.allot(ctx, date, max(1, d.limit/100)); err != nil {
			return "", err
		}
	case fresh:
		d.left = d.limit
	}
	if d.left <= 0 {
		midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, shanghai)
		return "", connectors.ErrBusy.After(midnight.Sub(now)).Because(errSpent)
	}
	d.left--
	return date, nil
}

// give takes back a call that was not made.
func (d *day) give(date string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if date == d.date && date != "" {
		d.left++
	}
}
