package house

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// told is everything that one client has been sent about the people it asked
// for, with what the test alone knows: whom and what each thing is of.
type told struct {
	client string
	leaves []leaf
	lists  []list
}

// leaf is one value, and where it stood.
type leaf struct {
	at    string // "open 201 accounts[].account", "token 200 X-Request-Id"
	value string
	of    int // the person
	turn  int // when it was said
}

// place is where a value stood in its document: "accounts[].account", of bills
// within a view and by themselves alike.
func (l leaf) place() string {
	parts := strings.SplitN(l.at, " ", 3)
	return strings.TrimPrefix(parts[len(parts)-1], "bills.")
}

// list is an order in which one person's things were listed.
type list struct {
	name  string
	of    int
	items []item
}

type item struct {
	key  string // what the list is sorted by, in descending order where it is one of time
	what string // which thing it is, the same for every client
}

func (t *told) hear(at, value string, of, turn int) {
	t.leaves = append(t.leaves, leaf{at, value, of, turn})
}

// hearJSON takes a document apart.
func (t *told) hearJSON(at string, v any, of, turn int) {
	switch v := v.(type) {
	case map[string]any:
		for name, in := range v {
			if !strings.HasSuffix(at, " ") {
				name = "." + name
			}
			t.hearJSON(at+name, in, of, turn)
		}
	case []any:
		for _, in := range v {
			t.hearJSON(at+"[]", in, of, turn)
		}
	case nil:
	default:
		b, _ := json.Marshal(v)
		s := strings.Trim(string(b), `"`)
		t.hear(at, s, of, turn)
	}
}

func (t *told) hearHeader(at string, h http.Header, of, turn int) {
	for name, values := range h {
		for _, v := range values {
			if name == "Location" {
				t.hearURL(at, v, of, turn)
				continue
			}
			if name == "Ratelimit" { // until when is said from the moment of the answer on
				v = sinceNow.ReplaceAllString(v, ";t")
			}
			t.hear(at+" "+name, v, of, turn)
		}
	}
}

var sinceNow = regexp.MustCompile(`;t=\d+`)

func (t *told) hearURL(at, raw string, of, turn int) {
	u, err := url.Parse(raw)
	if err != nil {
		t.hear(at, raw, of, turn)
		return
	}
	t.hear(at+" to", strings.TrimSuffix(raw, "?"+u.RawQuery), of, turn)
	for name, values := range u.Query() {
		for _, v := range values {
			t.hear(at+" ?"+name, v, of, turn)
		}
	}
}

// A shared value is harmless where it is declared to be one of these.
const (
	word  = "one of a few words that everybody hears" // most says how many are few
	deed  = "the second of what a person does to several clients at once"
	bills = "what the source says of the same bill, statement or balance"
)

const most = 80

// window is how many characters two ids may not have in common anywhere: of
// base32, so many happen by chance once in 2^60 pairs, of digits in 2^40.
const window = 12

// joins answers what links a person at one client with the same at another:
// values that both have heard and that are not declared, declared words that
// are too many to be words, and orders that agree by more than what they are
// declared to be sorted by; and ids that tell when they were made.
func joins(all []told, declared map[string]string) []string {
	var found []string
	found = append(found, sharedValues(all, declared)...)
	for _, t := range all {
		found = append(found, manyWords(t, declared)...)
		found = append(found, unsorted(t)...)
		found = append(found, datedIDs(t, declared)...)
	}
	for i, a := range all {
		for _, b := range all[i+1:] {
			found = append(found, sharedOrders(a, b)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func sharedValues(all []told, declared map[string]string) (found []string) {
	type place struct {
		client int
		at     string
	}
	first := map[string]place{}
	seen := map[string]bool{}
	for i, t := range all {
		for _, l := range t.leaves {
			if declared[l.place()] != "" {
				continue
			}
			for piece := range pieces(l.value) {
				p, known := first[piece]
				if !known {
					first[piece] = place{i, l.at}
				} else if what := p.at + " = " + l.at; p.client != i && !seen[what] {
					seen[what] = true
					found = append(found, fmt.Sprintf("%s and %s share a value: %s", all[p.client].client, t.client, what))
				}
			}
		}
	}
	return found
}

// pieces are all windows of a long value without what says its kind, or a short
// one whole. A moment is one, however it is written.
func pieces(v string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if isMoment(v) {
			at, _ := time.Parse(time.RFC3339Nano, v)
			yield(fmt.Sprint(at.UnixNano()))
			return
		}
		id := v
		for _, kind := range []string{"9977", "XX00", "XX01", "XX99", "acct_", "bill_", "view_", "ord_", "grant_", "urn:ietf:params:oauth:request_uri:"} {
			id = strings.TrimPrefix(id, kind)
		}
		if len(id) < window {
			yield(v)
			return
		}
		for i := range len(id) - window + 1 {
			if !yield(id[i : i+window]) {
				return
			}
		}
	}
}

func manyWords(t told, declared map[string]string) (found []string) {
	words := map[string]map[string]bool{}
	for _, l := range t.leaves {
		if declared[l.place()] == word {
			if words[l.place()] == nil {
				words[l.place()] = map[string]bool{}
			}
			words[l.place()][l.value] = true
		}
	}
	for at, set := range words {
		if len(set) > most {
			found = append(found, fmt.Sprintf("%s has heard %d different values of %s", t.client, len(set), at))
		}
	}
	return found
}

func unsorted(t told) (found []string) {
	for _, l := range t.lists {
		if !slices.IsSortedFunc(l.items, func(a, b item) int { return cmp.Compare(a.key, b.key) }) {
			return []string{t.client + ": " + l.name + " is not sorted by what it is declared to be sorted by"}
		}
	}
	return nil
}

// beyond is how many standard deviations are no chance: 6 in 10^7.
const beyond = 5

// sharedOrders compares how two clients' lists order what is equal to the eye:
// Kendall's S over all people, against its deviation if the orders are
// independent.
func sharedOrders(a, b told) (found []string) {
	type which struct {
		name string
		of   int
	}
	orders := map[which]list{}
	for _, l := range a.lists {
		orders[which{l.name, l.of}] = l
	}
	sum, variance := map[string]float64{}, map[string]float64{}
	for _, l := range b.lists {
		other, ok := orders[which{l.name, l.of}]
		if !ok {
			continue
		}
		at := map[string]int{}
		for i, x := range other.items {
			at[x.what] = i
		}
		groups := map[string][]int{} // where the other has them, in this one's order
		for _, x := range l.items {
			if i, ok := at[x.what]; ok && other.items[i].key == x.key {
				groups[x.key] = append(groups[x.key], i)
			}
		}
		for _, g := range groups {
			s, v := kendall(g)
			sum[l.name], variance[l.name] = sum[l.name]+s, variance[l.name]+v
		}
	}
	for name, v := range variance {
		if z := sum[name] / math.Sqrt(v); v > 0 && math.Abs(z) > beyond {
			found = append(found, fmt.Sprintf("%s and %s are told %s in one order", a.client, b.client, name))
		}
	}
	return found
}

// kendall is concordant less discordant pairs, and the variance of that by chance.
func kendall(ranks []int) (s, variance float64) {
	for i, a := range ranks {
		for _, b := range ranks[i+1:] {
			s += float64(cmp.Compare(b, a))
		}
	}
	m := float64(len(ranks))
	return s, m * (m - 1) * (2*m + 5) / 18
}

// fewest turns, and what Student's t of a rank correlation is by chance once in
// 10^7 with so many.
const fewest, rare = 20, 8

// datedIDs finds ids whose order is that of their making: Spearman's rank
// correlation of the turns with where their ids stand in the middle. Ids of one
// turn may stand together.
func datedIDs(t told, declared map[string]string) (found []string) {
	series := map[string][]leaf{}
	for _, l := range t.leaves {
		if declared[l.place()] == "" && len(l.value) >= window && !isMoment(l.value) {
			series[l.at] = append(series[l.at], l)
		}
	}
	for at, s := range series {
		var sum, count, mean, turn []float64
		for i, place := range ranks(len(s), func(i, j int) int { return cmp.Compare(s[i].value, s[j].value) }) {
			for s[i].turn >= len(sum) {
				sum, count = append(sum, 0), append(count, 0)
			}
			sum[s[i].turn] += place
			count[s[i].turn]++
		}
		for i, n := range count {
			if n > 0 {
				mean, turn = append(mean, sum[i]/n), append(turn, float64(i))
			}
		}
		r := correlation(ranks(len(mean), func(i, j int) int { return cmp.Compare(mean[i], mean[j]) }), turn)
		if n := float64(len(mean)); n >= fewest && math.Abs(r)*math.Sqrt((n-2)/(1-r*r)) > rare {
			found = append(found, fmt.Sprintf("%s can sort %s by when they were made", t.client, at))
		}
	}
	return found
}

func isMoment(v string) bool {
	_, err := time.Parse(time.RFC3339Nano, v)
	return err == nil
}

// ranks answers the place of each of n, those that are equal in the middle of theirs.
func ranks(n int, compare func(i, j int) int) []float64 {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, compare)
	out := make([]float64, n)
	for i := 0; i < n; {
		j := i
		for j < n && compare(order[i], order[j]) == 0 {
			j++
		}
		for _, k := range order[i:j] {
			out[k] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}

func correlation(x, y []float64) float64 {
	n := float64(len(x))
	var sx, sy, sxx, syy, sxy float64
	for i := range x {
		sx, sy = sx+x[i], sy+y[i]
		sxx, syy, sxy = sxx+x[i]*x[i], syy+y[i]*y[i], sxy+x[i]*y[i]
	}
	d := math.Sqrt((sxx - sx*sx/n) * (syy - sy*sy/n))
	if d == 0 {
		return 0
	}
	return (sxy - sx*sy/n) / d
}

// planted are ways to link people that somebody might build in by mistake.
var planted = map[string]func(all []told){
	"the account's own id beside the alias": func(all []told) {
		for i := range all {
			for of := range 200 {
				all[i].hear("view 200 accounts[].ref", fmt.Sprint("ref-", of), of, of)
			}
		}
	},
	"one random id under a client's own suffix": func(all []told) {
		for i := range all {
			for of := range 200 {
				all[i].hear("webhook 0 Webhook-Id", fmt.Sprintf("TQ3%021d-%d", of*7919, i), of, of)
			}
		}
	},
	"a header that is a hash of the person": func(all []told) {
		for i := range all {
			for of := range 200 {
				all[i].hear("view 200 Etag", fmt.Sprintf(`W/"%x"`, of*of), of, of)
			}
		}
	},
	"a person's number among words": func(all []told) {
		for i := range all {
			for of := range 200 {
				all[i].hear("token 200 token_type", fmt.Sprint("u", of), of, of)
			}
		}
	},
	"ids that count": func(all []told) {
		for of := range 200 {
			all[0].hear("view 200 id", fmt.Sprintf("view_%012d", of*31), of, of)
		}
	},
	"an order that comes from the store": func(all []told) {
		for i := range all {
			for of := range 200 {
				all[i].lists = append(all[i].lists, list{"planted", of, []item{{"", "a"}, {"", "b"}}})
			}
		}
	},
	"a list by when its things were connected": func(all []told) {
		all[0].lists = append(all[0].lists, list{"planted", 1, []item{{"wallet", "a"}, {"bank", "b"}}})
	},
}

// harmless declares what the tests below plant among.
var harmless = map[string]string{"token_type": word}

func TestTheSearchForJoinsFindsWhatIsPlanted(t *testing.T) {
	quiet := func() []told {
		all := make([]told, 3)
		for i := range all {
			all[i].client = fmt.Sprint("client", i)
			for of := range 200 {
				all[i].hear("token 200 token_type", "DPoP", of, of)
				all[i].hear("view 200 id", "view_"+rander(i, of), of, of)
				order := []item{{"", "a"}, {"", "b"}}
				if rander(i, of)[0] < 'M' {
					slices.Reverse(order)
				}
				all[i].lists = append(all[i].lists, list{"accounts", of, order})
			}
		}
		return all
	}
	if found := joins(quiet(), harmless); len(found) > 0 {
		t.Fatalf("in noise there is found %q", found)
	}
	for what, plant := range planted {
		all := quiet()
		plant(all)
		if len(joins(all, harmless)) == 0 {
			t.Errorf("%s is not found", what)
		}
	}
}
