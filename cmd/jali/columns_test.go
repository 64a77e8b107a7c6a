package main

import "testing"

// A Chinese character takes the room of two letters.
func TestColumnsStandUnderOneAnother(t *testing.T) {
	c := columns{indent: "  ", right: " r"}
	c.add("支付宝", "12.00", "in")
	c.add("Bank", "1 200.00", "out")
	want := "  支付宝     12.00  in\n  Bank    1 200.00  out\n"
	if got := c.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, tt := range []struct {
		in   string
		most int
		want string
	}{
		{"河边面馆", 8, "河边面馆"},
		{"河边面馆", 7, "河边面…"},
		{"noodles", 4, "noo…"},
	} {
		if got := within(tt.in, tt.most); got != tt.want {
			t.Errorf("within(%q, %d) = %q, want %q", tt.in, tt.most, got, tt.want)
		}
	}
}
