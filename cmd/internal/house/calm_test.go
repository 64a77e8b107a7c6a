package house

import (
	"context"
	"errors"
	"strings"
	"testing"

	"jali/internal/fault"
)

// A room whose sweep panics keeps no other from sweeping, and its value is not
// printed.
func TestASweepThatPanicsIsAnError(t *testing.T) {
	err := calmly(t.Context(), func(context.Context) error { panic("account 6222021234567890") })
	var p *fault.Panic
	if !errors.As(err, &p) || strings.Contains(err.Error(), "6222") {
		t.Errorf("it is %v", err)
	}
	if err := calmly(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Errorf("a sweep that is well is %v", err)
	}
}
