package problems

import (
	"net/http"
	"strconv"
	"strings"
)

// maxWishes is how many languages of a request are looked at.
const maxWishes = 32

// Language is the one of "zh" and "en" that a request prefers (RFC 9110,
// section 12.5.4). Of a tag its primary part counts; of equal wishes the first
// does. Who wants neither reads English.
func Language(h http.Header) string {
	weights := map[string]float64{}
	wishes := strings.Split(strings.Join(h.Values("Accept-Language"), ","), ",")
	for i, wish := range wishes[:min(len(wishes), maxWishes)] {
		tag, params, _ := strings.Cut(wish, ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		weight := quality(params) - float64(i)/1e6 // which has three decimals at most
		if old, again := weights[primary]; !again || weight > old {
			weights[primary] = weight
		}
	}
	of := func(lang string) float64 {
		if weight, named := weights[lang]; named {
			return weight
		}
		return weights["*"]
	}
	if zh := of("zh"); zh > 0 && zh > of("en") {
		return "zh"
	}
	return "en"
}

// quality is the weight of a wish (RFC 9110, section 12.4.2); one that cannot be
// read is none.
func quality(params string) float64 {
	name, value, ok := strings.Cut(strings.TrimSpace(params), "=")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if !strings.EqualFold(name, "q") || err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
