package vault

import (
	"testing"
	"time"

	"jali/internal/kv"
)

func TestTheEarliestRotationStands(t *testing.T) {
	h := newHouse(t)
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	for _, tt := range []struct{ by, want time.Time }{
		{day(20), day(20)},
		{day(25), day(20)}, // a later deletion is served by it, too
		{day(20), day(20)},
		{day(10), day(10)},
	} {
		h.do(t, func(tx kv.Tx) error {
			got, err := h.RotationDue(tx, tt.by)
			if !got.Equal(tt.want) {
				t.Errorf("RotationDue(%v) = %v, want %v", tt.by, got, tt.want)
			}
			return err
		})
	}
}
