package brake

import (
	"net/http"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
	"pgregory.net/rapid"
)

// readQuotas reads the two headers as a client's structured fields (RFC 9651),
// which is all that draft-ietf-httpapi-ratelimit-headers-10 asks a client to do.
func readQuotas(t interface{ Fatalf(string, ...any) }, h http.Header) map[string]Quota {
	quotas := map[string]Quota{}
	of := func(field string, take func(q *Quota, p *httpsfv.Params)) {
		list, err := httpsfv.UnmarshalList(h.Values(field))
		if err != nil {
			t.Fatalf("%s: %s is no list: %v", field, h.Values(field), err)
		}
		for _, m := range list {
			item, ok := m.(httpsfv.Item)
			name, isText := item.Value.(string)
			if !ok || !isText {
				t.Fatalf("%s: a member of %s is no string", field, h.Values(field))
			}
			q := quotas[name]
			q.Name = name
			take(&q, item.Params)
			quotas[name] = q
		}
	}
	number := func(p *httpsfv.Params, name string) int {
		v, _ := p.Get(name)
		n, ok := v.(int64)
		if !ok || n < 0 {
			t.Fatalf("%s is %v", name, v)
		}
		return int(n)
	}
	of("RateLimit-Policy", func(q *Quota, p *httpsfv.Params) {
		q.Limit, q.Window = number(p, "q"), time.Duration(number(p, "w"))*time.Second
	})
	of("RateLimit", func(q *Quota, p *httpsfv.Params) {
		q.Left, q.Reset = number(p, "r"), time.Duration(number(p, "t"))*time.Second
	})
	return quotas
}

// What is told is read back as it was, whatever is told beside it; what is told
// twice, as it was last.
func TestQuotasAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		told := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Quota {
			return Quota{
				Name:   rapid.StringMatching(`[a-z][a-z0-9_-]{0,8}`).Draw(t, "name"),
				Limit:  rapid.IntRange(1, 1_000_000).Draw(t, "limit"),
				Window: time.Duration(rapid.IntRange(1, 86400).Draw(t, "window")) * time.Second,
				Left:   rapid.IntRange(0, 1_000_000).Draw(t, "left"),
				Reset:  time.Duration(rapid.IntRange(1, 86400).Draw(t, "reset")) * time.Second,
			}
		}), 1, 12).Draw(t, "told")
		h, want := http.Header{}, map[string]Quota{}
		for _, q := range told {
			q.Tell(h)
			want[q.Name] = q
		}
		if len(h.Values("RateLimit")) != 1 || len(h.Values("RateLimit-Policy")) != 1 {
			t.Fatalf("they are not one line each: %v", h)
		}
		got := readQuotas(t, h)
		if len(got) != len(want) {
			t.Fatalf("%d of %d are told: %v", len(got), len(want), h)
		}
		for name, q := range want {
			if got[name] != q {
				t.Fatalf("%+v is read as %+v", q, got[name])
			}
		}
	})
}
