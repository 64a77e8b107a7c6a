package probe

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"
)

// deepest is how far a schema that holds itself is followed.
const deepest = 6

// Value draws a value that a schema allows: any, numbers as float64 or int64.
func Value(r *rand.Rand, s *openapi3.Schema) any { return value(r, s, 0) }

func value(r *rand.Rand, s *openapi3.Schema, depth int) any {
	s = whole(r, s)
	switch {
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return pick(r, s.Enum)
	case len(s.Examples) > 0 && r.IntN(3) == 0:
		return pick(r, s.Examples)
	}
	if s.Type == nil || len(*s.Type) == 0 {
		if len(s.Properties) > 0 {
			return object(r, s, depth)
		}
		return map[string]any{}
	}
	switch pick(r, *s.Type) {
	case "boolean":
		return r.IntN(2) == 0
	case "integer":
		return int64(math.Round(number(r, s)))
	case "number":
		return number(r, s)
	case "string":
		return text(r, s)
	case "array":
		return list(r, s, depth)
	case "object":
		return object(r, s, depth)
	default:
		return nil
	}
}

// whole is a schema with what stands in allOf, and in one of anyOf or oneOf.
func whole(r *rand.Rand, s *openapi3.Schema) *openapi3.Schema {
	parts := slices.Clone(s.AllOf)
	for _, choice := range []openapi3.SchemaRefs{s.AnyOf, s.OneOf} {
		if len(choice) > 0 {
			parts = append(parts, choice[r.IntN(len(choice))])
		}
	}
	if len(parts) == 0 {
		return s
	}
	sum := *s
	sum.AllOf, sum.AnyOf, sum.OneOf = nil, nil, nil
	sum.Properties, sum.Required = maps.Clone(s.Properties), slices.Clone(s.Required)
	if sum.Properties == nil {
		sum.Properties = openapi3.Schemas{}
	}
	for _, p := range parts {
		part := whole(r, p.Value)
		if sum.Type == nil {
			sum.Type = part.Type
		}
		if len(part.Enum) > 0 {
			sum.Enum = part.Enum
		}
		if part.Const != nil {
			sum.Const = part.Const
		}
		if part.Pattern != "" {
			sum.Pattern, sum.MinLength, sum.MaxLength = part.Pattern, part.MinLength, part.MaxLength
		}
		if part.Items != nil {
			sum.Items = part.Items
		}
		maps.Copy(sum.Properties, part.Properties)
		sum.Required = append(sum.Required, part.Required...)
	}
	return &sum
}

func number(r *rand.Rand, s *openapi3.Schema) float64 {
	low, high := -1000.0, 1000.0
	if s.Min != nil {
		low = *s.Min
		high = max(high, low+1000)
	}
	if s.Max != nil {
		high = *s.Max
	}
	switch r.IntN(4) {
	case 0:
		return low
	case 1:
		return high
	default:
		return low + math.Floor(r.Float64()*(high-low))
	}
}

func text(r *rand.Rand, s *openapi3.Schema) string {
	switch s.Format {
	case "date":
		return day(r).Format(time.DateOnly)
	case "date-time":
		return day(r).Format(time.RFC3339)
	case "uri":
		return pick(r, []string{"https://app.bank.example/callback", "http://127.0.0.1/callback", "https://例え.example/x"})
	}
	if s.Pattern != "" {
		return matching(r, s)
	}
	least, most := int(s.MinLength), int(s.MinLength)+24
	if s.MaxLength != nil {
		most = min(most, int(*s.MaxLength))
		if r.IntN(8) == 0 {
			least, most = int(*s.MaxLength), int(*s.MaxLength)
		}
	}
	alphabet := pick(r, []string{"abcxyz019", "Aé中文字𝄞", " -_.~:/?#", "\"'<>&\\;%+="})
	return letters(r, alphabet, least+r.IntN(most-least+1))
}

// matching draws by a pattern, within the schema's bounds where chance finds
// one in a few tries.
func matching(r *rand.Rand, s *openapi3.Schema) string {
	generator := rapid.StringMatching(strings.TrimSuffix(strings.TrimPrefix(s.Pattern, "^"), "$"))
	var last string
	for range 64 {
		last = generator.Example(int(r.Int32()))
		n := uint64(len([]rune(last)))
		if n >= s.MinLength && (s.MaxLength == nil || n <= *s.MaxLength) {
			return last
		}
	}
	return stretched(last, s)
}

// stretched repeats what matches a class of letters until it is long enough.
func stretched(text string, s *openapi3.Schema) string {
	if text == "" {
		text = "A"
	}
	for uint64(len(text)) < s.MinLength {
		text += text
	}
	if s.MaxLength != nil && uint64(len(text)) > *s.MaxLength {
		text = text[:*s.MaxLength]
	}
	return text
}

// day is some time around no day in particular.
func day(r *rand.Rand) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(800*24)) * time.Hour)
}

func list(r *rand.Rand, s *openapi3.Schema, depth int) any {
	n := int(s.MinItems) + r.IntN(3)
	if s.MaxItems != nil {
		n = min(n, int(*s.MaxItems))
	}
	all := []any{}
	if s.Items == nil || depth > deepest {
		return all
	}
	for tries := 0; len(all) < n && tries < 4*n; tries++ {
		v := value(r, s.Items.Value, depth+1)
		if s.UniqueItems && slices.ContainsFunc(all, func(w any) bool { return spell(w) == spell(v) }) {
			continue
		}
		all = append(all, v)
	}
	return all
}

func object(r *rand.Rand, s *openapi3.Schema, depth int) any {
	members := map[string]any{}
	for _, name := range names(s.Properties) {
		required := slices.Contains(s.Required, name)
		if !required && (depth > deepest || r.IntN(3) == 0) {
			continue
		}
		members[name] = value(r, s.Properties[name].Value, depth+1)
	}
	return members
}

func letters(r *rand.Rand, alphabet string, n int) string {
	from := []rune(alphabet)
	out := make([]rune, n)
	for i := range out {
		out[i] = from[r.IntN(len(from))]
	}
	return string(out)
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
