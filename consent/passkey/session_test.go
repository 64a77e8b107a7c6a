package passkey_test

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"jali/consent/passkey"
	"jali/consent/passkey/software"
)

func TestHowLongASessionLives(t *testing.T) {
	const idle, whole = 12 * time.Hour, 30 * 24 * time.Hour
	for _, tt := range []struct {
		why   string
		after time.Duration
		used  bool // every eleven hours in between
		err   error
	}{
		{"a second short of idle", idle - time.Second, false, nil},
		{"idle", idle, false, passkey.ErrSignedOut},
		{"longer", idle + time.Second, false, passkey.ErrSignedOut},
		{"used, a second short of its age", whole - time.Second, true, nil},
		{"used, of age", whole, true, passkey.ErrSignedOut},
		{"used, and older", whole + time.Second, true, passkey.ErrSignedOut},
	} {
		for _, swept := range []bool{false, true} {
			h, a := build(t, issuer), software.New()
			in, _ := h.joins(a, "Ann")
			if tt.used {
				for at := 11 * time.Hour; at < tt.after && at < whole; at += 11 * time.Hour {
					h.set(noon.Add(at))
					_, _, err := h.with(in.Cookie)
					h.must(err)
				}
			}
			h.set(noon.Add(tt.after))
			if swept {
				h.must(h.Sweep(ctx))
			}
			if _, _, err := h.with(in.Cookie); !errors.Is(err, tt.err) {
				t.Errorf("%s, swept %v: %v, want %v", tt.why, swept, err, tt.err)
			}
		}
	}
}

func TestNoSession(t *testing.T) {
	h, a := build(t, issuer), software.New()
	in, _ := h.joins(a, "Ann")
	long := *in.Cookie
	long.Value += "A"
	other := *in.Cookie
	other.Value = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	id := *in.Cookie
	id.Value = in.Session.ID // what the person sees in the list opens nothing
	elsewhere := *in.Cookie
	elsewhere.Name = "__Host-jali"
	for why, c := range map[string]*http.Cookie{"none": nil, "longer": &long, "another": &other, "the id": &id, "another name": &elsewhere, "empty": {Name: in.Cookie.Name}} {
		if _, _, err := h.with(c); !errors.Is(err, passkey.ErrSignedOut) {
			t.Errorf("%s: %v, want ErrSignedOut", why, err)
		}
	}
	if c := h.NoCookie(); c.Name != in.Cookie.Name || c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("NoCookie = %v", c)
	}
}

func TestCookieOnHTTPS(t *testing.T) {
	h, a := build(t, "https://jali.example:443"), software.New()
	flow, options, err := h.BeginSignUp(ctx, "Ann")
	h.must(err)
	response, err := a.Create("https://jali.example", options) // as browsers write it
	h.must(err)
	in, _, err := h.FinishSignUp(ctx, flow, response, "")
	h.must(err)
	if c := in.Cookie; c.Name != "__Host-jali" || !c.Secure || c.Path != "/" || c.Domain != "" || !c.HttpOnly || c.Valid() != nil {
		t.Errorf("cookie %v", c)
	}
}

func TestEndingSessions(t *testing.T) {
	h, a := build(t, issuer), software.New()
	first, _ := h.joins(a, "Ann")
	h.add(time.Hour + time.Minute)
	second, err := h.signsIn(a)
	h.must(err)
	third, err := h.signsIn(a)
	h.must(err)
	bob, _ := h.joins(software.New(), "Bob")

	list := sessionsOf(h, second.Session)
	if len(list) != 3 || list[2].ID != first.Session.ID || list[2].Current || list[2].Agent != "Chrome · Linux" || !list[2].SeenAt.Equal(noon) {
		t.Errorf("Sessions = %+v, want three, newest first", list)
	}
	current := 0
	for _, s := range list {
		if s.Current {
			current++
			if s.ID != second.Session.ID || !s.SeenAt.Equal(noon.Add(time.Hour)) {
				t.Errorf("current is %+v", s)
			}
		}
	}
	if current != 1 {
		t.Errorf("%d sessions are the current one", current)
	}

	h.leavesNoTrace(passkey.ErrNotFound, func() error { return h.End(ctx, bob.Session, first.Session.ID) })
	h.must(h.End(ctx, second.Session, first.Session.ID))
	h.leavesNoTrace(passkey.ErrNotFound, func() error { return h.End(ctx, second.Session, first.Session.ID) })
	h.must(h.EndAll(ctx, second.Session))
	for name, want := range map[*http.Cookie]error{first.Cookie: passkey.ErrSignedOut, second.Cookie: nil, third.Cookie: passkey.ErrSignedOut, bob.Cookie: nil} {
		if _, _, err := h.with(name); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	h.must(h.End(ctx, second.Session, second.Session.ID))
	if _, _, err := h.with(second.Cookie); !errors.Is(err, passkey.ErrSignedOut) {
		t.Errorf("after signing out: %v", err)
	}
	// What was in hand when the session ended is worth nothing.
	h.leavesNoTrace(passkey.ErrSignedOut, func() error { _, err := h.NewCodes(ctx, second.Session); return err })
	h.leavesNoTrace(passkey.ErrSignedOut, func() error { _, err := h.Options(ctx, second.Session, bytes.Repeat([]byte{1}, 32)); return err })
}

func TestCSRF(t *testing.T) {
	h, a := build(t, issuer), software.New()
	one, _ := h.joins(a, "Ann")
	two, err := h.signsIn(a)
	h.must(err)
	token := h.CSRF(one.Session)
	if len(token) < 22 || token != h.CSRF(one.Session) || !h.CheckCSRF(one.Session, token) {
		t.Errorf("a session's token is not its own: %d characters", len(token))
	}
	if token == h.CSRF(two.Session) || h.CheckCSRF(two.Session, token) {
		t.Error("a token is good in another session")
	}
	if h.CheckCSRF(one.Session, "") || h.CheckCSRF(one.Session, token[:21]) || h.CheckCSRF(one.Session, token+"A") {
		t.Error("a token that is none is good")
	}
	h.must(h.End(ctx, one.Session, one.Session.ID))
	if h.CSRF(one.Session) != "" || h.CheckCSRF(one.Session, "") || h.CheckCSRF(one.Session, token) {
		t.Error("a session that has ended has a token")
	}
}

func TestSweepForgetsWhatLapsed(t *testing.T) {
	h, a := build(t, issuer), software.New()
	in, _ := h.joins(a, "Ann")
	rows := len(h.rows())
	for range 250 { // more than one batch
		_, _, err := h.BeginSignIn(ctx)
		h.must(err)
	}
	h.must(h.Sweep(ctx))
	if n := len(h.rows()); n != rows+500 {
		t.Errorf("a sweep took what has not lapsed: %d rows, want %d", n, rows+500)
	}
	h.add(5 * time.Minute)
	h.must(h.Sweep(ctx))
	if n := len(h.rows()); n != rows {
		t.Errorf("%d rows after the sweep, want %d", n, rows)
	}
	h.add(6 * time.Hour)
	_, _, err := h.with(in.Cookie) // moves its end
	h.must(err)
	h.add(7 * time.Hour)
	h.must(h.Sweep(ctx))
	if _, _, err := h.with(in.Cookie); err != nil {
		t.Errorf("a session in use was swept: %v", err)
	}
	h.add(12 * time.Hour)
	h.must(h.Sweep(ctx))
	if n := len(h.rows()); n != rows-3 {
		t.Errorf("%d rows after the session's end, want %d", n, rows-3)
	}
}

func TestAgent(t *testing.T) {
	for in, want := range map[string]string{
		linux: "Chrome · Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0":                      "Edge · Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                      "Safari · macOS",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                     "Firefox · Linux",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50":        "WeChat · iPhone",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36":                          "Chrome · Android",
		"Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0 Safari/537.36 ArkWeb/4.1 Mobile HuaweiBrowser/5.0": "Huawei Browser · HarmonyOS",
		"curl/8.0": "", "": "", "<script>alert(1)</script> Chrome/1": "Chrome",
	} {
		if got := passkey.Agent(in); got != want {
			t.Errorf("Agent(%q) = %q, want %q", in, got, want)
		}
	}
}
