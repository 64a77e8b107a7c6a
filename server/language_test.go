package server_test

import (
	"testing"

	"jali/internal/fault"
)

// A problem is told in the language that is asked for; its code, which programs
// read, and the challenge stay as they are.
func TestProblemsInTheLanguageAskedFor(t *testing.T) {
	e := stand(t, nil)
	for _, tt := range []struct {
		accept, path string
		err          error
		language     string
		title        string
		detail       string
	}{
		{"", "/v1/views/view_0123456789abcdef", &fault.Error{Kind: fault.Denied, Code: "grant_paused", Detail: "the person has paused this client"},
			"en", "The person has paused this client", "the person has paused this client"},
		{"zh-Hant, en;q=0.5", "/v1/views/view_0123456789abcdef", &fault.Error{Kind: fault.Denied, Code: "grant_paused", Detail: "the person has paused this client"},
			"zh-CN", "本人暂停了这个应用", "本人暂停了这个应用"},
		{"zh;q=0.5, en", "/v1/nowhere", nil, "en", "There is nothing at this path", "there is nothing here; see /openapi.yaml"},
		{"zh", "/v1/nowhere", nil, "zh-CN", "没有这个地址", "这里什么也没有；见 /openapi.yaml"},
		{"zh", "/v1/views/view_0123456789abcdef/bills?limit=1&limit=2", nil, "zh-CN", "请求不合规范", "参数 limit 出现了不止一次"},
		// Words that nobody has written in Chinese yet: the remedy stands in for them.
		{"zh", "/v1/views/view_0123456789abcdef", &fault.Error{Kind: fault.Denied, Code: "grant_paused", Detail: "brand new words"},
			"zh-CN", "本人暂停了这个应用", "不要反复尝试，等 `grant.resumed` 通知。可以在你的应用里告诉本人去哪里恢复。"},
		{"zh", "/v1/views/view_0123456789abcdef", &fault.Error{Kind: fault.Internal, Code: "audit_event", Detail: "secret"}, "zh-CN", "我们这边出错了", ""},
	} {
		e.views.err = tt.err
		a := e.send(t, "GET", tt.path, "", "Authorization", "DPoP good", "Accept-Language", tt.accept)
		if a.problem.Title != tt.title || a.problem.Detail != tt.detail {
			t.Errorf("%s by %q: %q, %q; want %q, %q", tt.path, tt.accept, a.problem.Title, a.problem.Detail, tt.title, tt.detail)
		}
		if got := a.Header.Get("Content-Language"); got != tt.language || a.Header.Get("Vary") != "Accept-Language" {
			t.Errorf("%s by %q: Content-Language %q, Vary %q", tt.path, tt.accept, got, a.Header.Get("Vary"))
		}
	}
	e.views.err = nil
	if a := e.send(t, "GET", "/v1/views/view_0123456789abcdef", "", "Accept-Language", "zh"); a.Header.Get("WWW-Authenticate") != `DPoP error="use_dpop_nonce"` {
		t.Errorf("the challenge is %q", a.Header.Get("WWW-Authenticate"))
	}
}
