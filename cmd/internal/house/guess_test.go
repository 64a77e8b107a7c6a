package house

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/consent"
)

// guesser is somebody in a crowd, with a grant and a view of their own, and
// what others there have: aliases and views that live, and some that were ended.
type guesser struct {
	*crowd
	who                   somebody
	app                   *app
	access, view          string
	aliases, views        []string // others' at the same app
	voidAliases, oldViews []string
}

func newGuesser(t testing.TB) *guesser {
	t.Helper()
	c := newCrowd(t, 12)
	g := &guesser{crowd: c, who: c.people[0], app: c.apps[0]}
	visit := func(a *app, p somebody, turn int) (grant consent.GrantID, access, view string, aliases []string) {
		grant, token := a.ask(t, p, turn)
		access = token.text("access_token")
		got := a.open(access)
		accounts, _ := got.json["accounts"].([]any)
		for _, x := range accounts {
			aliases = append(aliases, x.(map[string]any)["account"].(string))
		}
		if len(aliases) != 3 {
			t.Fatalf("a view: %d %s", got.status, got.body)
		}
		return grant, access, got.text("id"), aliases
	}
	for i, p := range c.people {
		for _, a := range c.apps {
			c.now.Add(1)
			grant, access, view, aliases := visit(a, p, i)
			switch {
			case i == 0 && a == g.app:
				g.access, g.view = access, view
			case i == 0:
			case i < 4:
				if _, err := c.Consent.Revoke(t.Context(), p.Session, grant); err != nil {
					t.Fatal(err)
				}
				if a == g.app {
					g.voidAliases, g.oldViews = append(g.voidAliases, aliases...), append(g.oldViews, view)
				}
			case a == g.app:
				g.aliases, g.views = append(g.aliases, aliases...), append(g.views, view)
			}
		}
	}
	return g
}

// made makes up an alias or a view's id that looks like one there is.
func made(r *rand.Rand, like string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	fresh := []byte(like)
	for i := 5; i < len(fresh); i++ {
		switch c := fresh[i]; {
		case c >= '0' && c <= '9':
			fresh[i] = byte('0' + r.IntN(10))
		case c >= 'a' && c <= 'z':
			fresh[i] = byte('a' + r.IntN(26))
		default:
			fresh[i] = alphabet[r.IntN(26)]
		}
	}
	return string(fresh)
}

// kinds are what is guessed: nobody's, another person's, and one that was taken back.
var kinds = []string{"unknown", "foreign", "revoked"}

func (g *guesser) alias(r *rand.Rand, kind int) string {
	like := g.aliases[r.IntN(len(g.aliases))]
	switch kind {
	case 0:
		return made(r, like)
	case 1:
		return like
	}
	return g.voidAliases[r.IntN(len(g.voidAliases))]
}

func (g *guesser) viewID(r *rand.Rand, kind int) string {
	like := g.views[r.IntN(len(g.views))]
	switch kind {
	case 0:
		return made(r, like)
	case 1:
		return like
	}
	return g.oldViews[r.IntN(len(g.oldViews))]
}

// said is all of an answer but what is each answer's own.
func said(status int, header http.Header, body string) string {
	if id := header.Get("X-Request-Id"); id != "" {
		body = strings.ReplaceAll(body, id, "")
	}
	header = maps.Clone(header)
	for _, own := range []string{"X-Request-Id", "Ratelimit"} {
		delete(header, own)
	}
	return fmt.Sprint(status, header, body)
}

func TestTenThousandGuessesOverHTTP(t *testing.T) {
	g := newGuesser(t)
	all := 10_000
	if raced {
		all /= 20
	}
	var mu sync.Mutex
	answers := map[string]map[string]string{}
	var wg sync.WaitGroup
	for hand := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(hand), 10_000))
			for i := range all / 8 {
				var what, guess, answer string
				kind := r.IntN(len(kinds))
				switch {
				case i%10 == 0:
					what, guess = "view", g.viewID(r, kind)
					got := g.app.get("/v1/views/"+guess, g.access)
					answer = said(got.status, got.header, string(got.body))
				case i%10 == 1:
					what, guess = "bills of a view", g.viewID(r, kind)
					got := g.app.get("/v1/views/"+guess+"/bills", g.access)
					answer = said(got.status, got.header, string(got.body))
				case i%10 == 2:
					what, guess = "cursor", made(r, "AAAABQpR3vN8cXyZ0aBdEfGh")
					got := g.app.get("/v1/views/"+g.view+"/bills?cursor="+guess, g.access)
					answer = said(got.status, got.header, string(got.body))
				default:
					what, guess = "alias", g.alias(r, kind)
					w := g.look(g.who, guess)
					answer = said(w.Code, w.Header(), w.Body.String())
				}
				mu.Lock()
				if answers[what] == nil {
					answers[what] = map[string]string{}
				}
				answers[what][answer] = kinds[kind] + " " + guess
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for what, status := range map[string]string{"view": "404", "bills of a view": "404", "cursor": "400", "alias": "404"} {
		if len(answers[what]) != 1 {
			t.Errorf("%d different answers to a %s", len(answers[what]), what)
		}
		for answer := range answers[what] {
			if !strings.HasPrefix(answer, status) {
				t.Errorf("%s: %s", what, answer)
			}
		}
	}
	// The same requests find what is the asker's own.
	if got := g.app.get("/v1/views/"+g.view, g.access); got.status != http.StatusOK {
		t.Errorf("the asker's own view: %d %s", got.status, got.body)
	}
	accounts := g.app.get("/v1/views/"+g.view, g.access).json["accounts"].([]any)
	if w := g.look(g.who, accounts[0].(map[string]any)["account"].(string)); w.Code != http.StatusOK {
		t.Errorf("the asker's own alias: %d", w.Code)
	}
}

// BenchmarkGuessOverHTTP takes turns with guesses of each kind, as many of each,
// and reports Welch's t of the times of foreign and revoked ones against unknown
// ones: beyond ±4.5 somebody could tell them apart.
func BenchmarkGuessOverHTTP(b *testing.B) {
	g := newGuesser(b)
	r := rand.New(rand.NewPCG(3, 4))
	for _, ask := range []struct {
		what    string
		guesses [3][]string
		status  func(guess string) int
	}{
		{"alias", alike(r, g.aliases, g.voidAliases), func(guess string) int { return g.look(g.who, guess).Code }},
		{"view", alike(r, g.views, g.oldViews), func(guess string) int { return g.app.get("/v1/views/"+guess, g.access).status }},
	} {
		b.Run(ask.what, func(b *testing.B) {
			var took [3]sample
			for b.Loop() {
				for _, kind := range r.Perm(3) {
					guess := ask.guesses[kind][r.IntN(len(ask.guesses[kind]))]
					begun := time.Now()
					status := ask.status(guess)
					took[kind].add(float64(time.Since(begun)))
					if status != http.StatusNotFound {
						b.Fatalf("%s: %d", kinds[kind], status)
					}
				}
			}
			b.ReportMetric(took[1].welch(took[0]), "t-foreign")
			b.ReportMetric(took[2].welch(took[0]), "t-revoked")
			b.ReportMetric(took[0].mean()/1000, "µs/guess")
		})
	}
}

// alike are as many of each kind: what is asked for again is quicker than what
// is not.
func alike(r *rand.Rand, foreign, revoked []string) (guesses [3][]string) {
	for i, guess := range revoked {
		guesses[0] = append(guesses[0], made(r, guess))
		guesses[1], guesses[2] = append(guesses[1], foreign[i]), append(guesses[2], guess)
	}
	return guesses
}

// sample is what was measured.
type sample []float64

func (s *sample) add(x float64) { *s = append(*s, x) }

func (s sample) mean() (m float64) {
	for _, x := range s {
		m += x / float64(len(s))
	}
	return m
}

func (s sample) variance() (v float64) {
	m := s.mean()
	for _, x := range s {
		v += (x - m) * (x - m) / float64(len(s)-1)
	}
	return v
}

// welch is Welch's t, of the fastest nine tenths of each: the rest was the
// machine's doing.
func (s sample) welch(o sample) float64 {
	s, o = s.cropped(), o.cropped()
	return (s.mean() - o.mean()) / math.Sqrt(s.variance()/float64(len(s))+o.variance()/float64(len(o)))
}

func (s sample) cropped() sample {
	s = slices.Sorted(slices.Values(s))
	return s[:len(s)-len(s)/10]
}
