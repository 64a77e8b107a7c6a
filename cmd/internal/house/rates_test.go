package house

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"jali/internal/brake"
)

func TestRates(t *testing.T) {
	usually, err := ParseRates(nil)
	if err != nil || len(usually) != len(usual) {
		t.Fatalf("the usual rates: %v, %v", usually, err)
	}
	rates, err := ParseRates([]string{"token=20/s burst 100", "signin = off"})
	if err != nil || rates["token"] != (brake.Limit{Every: 50 * time.Millisecond, Burst: 100}) || rates["signin"] != brake.Off || rates["par"] != usually["par"] {
		t.Errorf("%v, %v; want the token endpoint's changed, signing in free, the rest as usual", rates, err)
	}
	for why, settings := range map[string][]string{
		"a name that is none": {"tokens=20/s"},
		"no limit":            {"token="},
		"no name":             {"20/s"},
		"another unit":        {"token=20/d"},
		"the same name twice": {"token=1/s", "token=2/s"},
	} {
		if rates, err := ParseRates(settings); err == nil {
			t.Errorf("%s: %v", why, rates)
		}
	}
}

// Every rate that can be set is one that is kept: of a house with one try
// of each, the second is refused.
func TestEveryRateIsKept(t *testing.T) {
	rates := Rates{}
	for name := range usual {
		rates[name] = brake.Limit{Every: time.Hour, Burst: 1}
	}
	b := rates.brakes(time.Now)
	if b.oauth.Address == nil || b.oauth.Address != b.data.Address || b.data.Grant == nil {
		t.Error("addresses have no brake, or two, or grants have none")
	}
	kept := 4
	for name, client := range b.oauth.Client {
		kept++
		if client == nil || usual[name] == "" {
			t.Errorf("%s has no brake, or one that cannot be set", name)
		}
	}
	if kept != len(usual) {
		t.Errorf("%d rates are kept, and %d can be set", kept, len(usual))
	}
	r := httptest.NewRequest("POST", "/signin/begin", strings.NewReader(""))
	if b.signIn.Take(r) != nil || b.signIn.Take(r) == nil {
		t.Error("signing in is not braked")
	}
	if b.lookup.Take(r) != nil || b.lookup.Take(r) == nil {
		t.Error("asking what an alias stands for is not braked")
	}
}
