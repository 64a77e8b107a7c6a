package brake

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a clock that moves when it is told to.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

func limit(t *testing.T, s string) Limit {
	t.Helper()
	l, err := ParseLimit(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestABucketEmptiesAndFillsAgain(t *testing.T) {
	c := &clock{}
	b := New("token", limit(t, "2/s burst 3"), c.now)
	for left := 2; left >= 0; left-- {
		if a := b.Take("a"); !a.OK || a.Left != left || a.Err() != nil {
			t.Fatalf("Take = %+v; want let in, with %d left", a, left)
		}
	}
	a := b.Take("a")
	if a.OK || a.After != 500*time.Millisecond || !errors.Is(a.Err(), ErrLimited) {
		t.Fatalf("the fourth: %+v; want 500 ms to wait", a)
	}
	if a := b.Take("b"); !a.OK {
		t.Error("another key is refused")
	}
	c.pass(a.After - 1)
	if b.Take("a").OK {
		t.Error("let in before its time")
	}
	c.pass(1) // and the refusals cost nothing
	if a := b.Take("a"); !a.OK || a.Left != 0 {
		t.Errorf("at the time that was told: %+v", a)
	}
	c.pass(time.Hour)
	if a := b.Take("a"); !a.OK || a.Left != 2 {
		t.Errorf("after an hour: %+v; want a full bucket and no more", a)
	}
}

func TestAChargeIsOwed(t *testing.T) {
	c := &clock{}
	b := New("address", limit(t, "1/s burst 10"), c.now)
	b.Charge("a", 15)
	if a := b.Take("a"); a.OK || a.After != 6*time.Second {
		t.Errorf("after 15 of 10: %+v; want 6 s until there is one", a)
	}
	for range 100 { // however often it fails
		b.Charge("a", 15)
	}
	if a := b.Take("a"); a.After != 11*time.Second {
		t.Errorf("after 1,500 of 10: %+v; want no more than another burst owed", a)
	}
}

func TestAReturnedTokenIsThereAgain(t *testing.T) {
	c := &clock{}
	b := New("login-hint", limit(t, "1/h burst 1"), c.now)
	for range 3 {
		if !b.Take("a").OK {
			t.Fatal("refused, with every token given back")
		}
		b.Return("a")
	}
	b.Return("a") // more than was taken is no credit
	b.Take("a")
	if b.Take("a").OK {
		t.Error("two tries out of a bucket of one")
	}
}

func TestNoBrakeAllowsEverything(t *testing.T) {
	b := New("off", Off, time.Now)
	b.Charge("a", 1)
	b.Return("a")
	h := http.Header{}
	a := b.Take("a")
	a.Tell(h)
	if b != nil || !a.OK || a.Err() != nil || len(h) != 0 {
		t.Errorf("%v answers %+v and %v", b, a, h)
	}
}

func TestWhatIsFullIsForgotten(t *testing.T) {
	c := &clock{}
	b := New("address", limit(t, "1/s burst 5"), c.now)
	for i := range 1000 {
		b.Take(fmt.Sprint(i))
	}
	c.pass(time.Second)
	b.Take("another")
	if len(b.byKey) != 1 || len(b.full) != 1 {
		t.Errorf("%d and %d are kept, want the one that is not full", len(b.byKey), len(b.full))
	}
}

// Who returns after having had themselves forgotten finds no fuller bucket.
func TestAFloodOfAddressesFreesNobody(t *testing.T) {
	c := &clock{}
	b := New("signin", limit(t, "1/m burst 10"), c.now)
	b.keys = 100
	for b.Take("offender").OK {
	}
	for i := range 5000 {
		b.Take(fmt.Sprint("flood", i))
	}
	if b.Take("offender").OK {
		t.Error("the offender is let in after a flood of fresh addresses")
	}
	for round := range 20 { // and if they all become as bad as the offender
		for i := range 100 {
			b.Charge(fmt.Sprint(round, "flood", i), 30)
		}
	}
	if _, kept := b.byKey["offender"]; kept {
		t.Fatal("the offender is still kept: this does not test what it should")
	}
	if b.Take("offender").OK {
		t.Error("the offender is let in after they were forgotten")
	}
	if len(b.byKey) != 100 || len(b.full) != 100 {
		t.Errorf("%d and %d are kept, want 100", len(b.byKey), len(b.full))
	}
}

// Whatever happens, a small table allows no try that an endless one refuses.
func TestASmallTableIsNeverMoreGenerous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{}
		l := Limit{Every: time.Second, Burst: rapid.IntRange(1, 5).Draw(t, "burst")}
		small, endless := New("a", l, c.now), New("a", l, c.now)
		small.keys = rapid.IntRange(1, 4).Draw(t, "keys")
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			key := rapid.StringMatching("[a-h]").Draw(t, "key")
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				c.pass(time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond)
			case 1:
				n := rapid.IntRange(1, 12).Draw(t, "n")
				small.Charge(key, n)
				endless.Charge(key, n)
			default:
				// What one refuses costs nothing there, so the two part ways:
				// the endless table is asked only where the small one lets in.
				if !small.Take(key).OK {
					continue
				}
				if !endless.Take(key).OK {
					t.Fatalf("%s is let in by a table of %d", key, small.keys)
				}
				if rapid.Bool().Draw(t, "returned") {
					small.Return(key)
					endless.Return(key)
				}
			}
			if len(small.byKey) > small.keys || len(small.byKey) != len(small.full) {
				t.Fatalf("%d are kept of %d, and %d ordered", len(small.byKey), small.keys, len(small.full))
			}
		}
	})
}

func TestManyAtOnceGetWhatThereIs(t *testing.T) {
	c := &clock{}
	b := New("token", limit(t, "1/h burst 100"), c.now)
	var in atomic.Int64
	var all sync.WaitGroup
	for g := range 64 {
		all.Go(func() {
			for i := range 50 {
				if b.Take("one").OK {
					in.Add(1)
				}
				b.Charge(fmt.Sprint(g, i), 1)
			}
		})
	}
	all.Wait()
	if in.Load() != 100 {
		t.Errorf("%d of 3,200 were let in, want 100", in.Load())
	}
}

func TestHeaders(t *testing.T) {
	c := &clock{}
	b := New("token", limit(t, "2/s burst 3"), c.now)
	for _, want := range []map[string]string{
		{"RateLimit-Policy": `"token";q=3;w=2`, "RateLimit": `"token";r=2;t=1`, "Retry-After": ""},
		{"RateLimit-Policy": `"token";q=3;w=2`, "RateLimit": `"token";r=1;t=1`, "Retry-After": ""},
		{"RateLimit-Policy": `"token";q=3;w=2`, "RateLimit": `"token";r=0;t=2`, "Retry-After": ""},
		{"RateLimit-Policy": `"token";q=3;w=2`, "RateLimit": `"token";r=0;t=1`, "Retry-After": "1"}, // one is back sooner than all
	} {
		h := http.Header{}
		b.Take("a").Tell(h)
		for name, value := range want {
			if h.Get(name) != value {
				t.Errorf("%s: %s, want %s", name, h.Get(name), value)
			}
		}
	}
}

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ remote, want, why string }{
		{"203.0.113.9:443", "203.0.113.9", "an address, whatever its port"},
		{"[::ffff:203.0.113.9]:1", "203.0.113.9", "the same, as IPv6 writes it"},
		{"[2001:db8:1:2:3:4:5:6]:1", "2001:db8:1:2::/64", "one subscriber has them all"},
		{"[2001:db8:1:2::]:1", "2001:db8:1:2::/64", "the same"},
		{"[64:ff9b::203.0.113.9]:1", "203.0.113.9", "a translated address (RFC 6052): all of IPv4 is one /64 there"},
		{"[fe80::1%eth0]:1", "fe80::/64", "a zone says nothing of who it is"},
		{"@", "unknown", "a socket file's"},
		{"", "unknown", "nothing"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got := Address(tt.remote); got != tt.want {
				t.Errorf("Address(%q) = %q, want %q", tt.remote, got, tt.want)
			}
		})
	}
}

func TestParseLimit(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Limit
		ok   bool
	}{
		{"20/s burst 100", Limit{50 * time.Millisecond, 100}, true},
		{"10/m", Limit{6 * time.Second, 10}, true},
		{" 1/h  burst 2 ", Limit{time.Hour, 2}, true},
		{"off", Off, true},
		{"1000000/s burst 1000000", Limit{time.Microsecond, 1000000}, true},
		{"0/s", Off, false}, // nobody would ever be let in
		{"20/s burst 0", Off, false},
		{"1000001/s", Off, false},
		{"20", Off, false},
		{"20/d", Off, false},
		{"-1/s", Off, false},
		{"1.5/s", Off, false},
		{"20/s 100", Off, false},
		{"20/s burst", Off, false},
		{"20/s burst 100 more", Off, false},
		{"", Off, false},
	} {
		got, err := ParseLimit(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseLimit(%q) = %v, %v; want %v, ok %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func FuzzParseLimit(f *testing.F) {
	for _, s := range []string{"20/s burst 100", "off", "10/m", "1/h burst 1000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLimit(s)
		if err != nil {
			return
		}
		b := New("a", l, time.Now)
		b.Charge("a", maxTokens)
		if a := b.Take("b"); !a.OK {
			t.Errorf("%q lets nobody in: %+v", s, a)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	c := &clock{}
	br := New("a", Limit{time.Second, 10}, c.now)
	keys := make([]string, Keys)
	for i := range keys {
		keys[i] = fmt.Sprint(i)
	}
	for i := 0; b.Loop(); i++ {
		br.Take(keys[i%len(keys)])
	}
}
