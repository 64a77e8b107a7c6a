package mock

import (
	"html/template"
	"net/http"
	"net/url"
)

// The login page of every institution is one form, posted to its own address:
//
//	login      a person's login
//	password   their password
//	decision   "agree" or "refuse"; left out at a bank: shows the accounts first
//	account    banks: the id of an account to open; may stand many times
//	chosen     banks: "1" when the account fields are the person's choice; left
//	           out, every account of theirs at that bank is opened
//
// It is answered with 302 to the redirect URI, or with the page again.

type loginPage struct {
	Title, Colour, Mark string // the institution's name, look and logo
	Asker, Wants        string
	Login, Password     string
	Wrong               bool
	People              []loginLink
	Accounts            []loginAccount
	Known               bool // signed in: the accounts are shown
}

type loginLink struct{ Name, Href string }

type loginAccount struct{ ID, Name string }

var loginTemplate = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{.Title}}</title><style>
body{margin:0;font:16px/1.5 system-ui,"Noto Sans CJK SC",sans-serif;background:#f3f4f6;color:#1f2328}
header{background:{{.Colour}};color:#fff;padding:1rem}header b{font-size:1.25rem}
main{max-width:26rem;margin:1rem auto;background:#fff;padding:1rem 1.25rem;border-radius:.5rem;box-shadow:0 1px 4px #0002}
.town{background:#fff3cd;color:#5c4500;text-align:center;padding:.35rem;font-size:.9rem}
label{display:block;margin:.6rem 0 .2rem}input[type=text],input[type=password]{width:100%;box-sizing:border-box;padding:.5rem;font:inherit;border:1px solid #8c959f;border-radius:.3rem}
.do{display:flex;gap:.75rem;margin-top:1rem}button{flex:1;padding:.6rem;font:inherit;border-radius:.3rem;border:1px solid {{.Colour}};background:#fff;color:#1f2328}
.wrong{color:#b3261e}.people a{display:inline-block;margin:.15rem .4rem .15rem 0}
</style></head><body>
<div class="town">模拟小镇 mock town · 没有真钱 no real money</div>
<header><b>{{.Mark}} {{.Title}}</b></header>
<main><p><b>{{.Asker}}</b> {{.Wants}}</p>
{{if .Wrong}}<p class="wrong" role="alert">账号或密码不对 · wrong login or password</p>{{end}}
{{if and .People (not .Known)}}<p class="people">选一位居民 Choose who you are:<br>{{range .People}}<a href="{{.Href}}">{{.Name}}</a>{{end}}</p>{{end}}
<form method="post">
{{if .Known}}<input type="hidden" name="login" value="{{.Login}}"><input type="hidden" name="password" value="{{.Password}}"><input type="hidden" name="chosen" value="1">
<p>开放哪些账户 Which accounts?</p>
{{range .Accounts}}<label><input type="checkbox" name="account" value="{{.ID}}" checked> {{.Name}}</label>{{end}}
{{else}}<label for="login">账号 Login</label><input id="login" type="text" name="login" value="{{.Login}}" autocomplete="off">
<label for="password">密码 Password</label><input id="password" type="password" name="password" value="{{.Password}}" autocomplete="off">{{end}}
<div class="do">{{if or .Known (not .Accounts)}}<button name="decision" value="agree">同意 Agree</button>{{else}}<button>登录 Sign in</button>{{end}}
<button name="decision" value="refuse">拒绝 Refuse</button></div>
</form></main></body></html>
`))

// showLogin answers with the page. A person named by the query member "who" is
// filled in.
func (t *Town) showLogin(w http.ResponseWriter, r *http.Request, page loginPage, status int) {
	here := *r.URL
	for _, p := range t.world.people {
		q := here.Query()
		q.Set("who", p.id)
		page.People = append(page.People, loginLink{p.name, here.Path + "?" + q.Encode()})
		if page.Login == "" && r.URL.Query().Get("who") == p.id {
			page.Login, page.Password = p.login, p.password
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	// No form-action: Chromium holds it against the redirect that follows a post.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_ = loginTemplate.Execute(w, page)
}

// showMistake is the page for a request that may not be sent back to its
// redirect URI, since it was not shown to be the asker's.
func showMistake(w http.ResponseWriter, title, zh, en string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusBadRequest)
	_ = mistakeTemplate.Execute(w, struct{ Title, ZH, EN string }{title, zh, en})
}

var mistakeTemplate = template.Must(template.New("mistake").Parse(`<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>{{.Title}}</title>
<p>模拟小镇 mock town</p><h1>{{.Title}}</h1><p>{{.ZH}}</p><p lang="en">{{.EN}}</p></html>
`))

// sendBack redirects to a URI that has been checked, with what is added to its query.
func sendBack(w http.ResponseWriter, r *http.Request, redirectURI string, add url.Values) {
	u, err := url.Parse(redirectURI)
	if err != nil {
		showMistake(w, "redirect_uri", "回跳地址无法解析。", "The redirect URI cannot be parsed.")
		return
	}
	q := u.Query()
	for k, v := range add {
		if v[0] != "" {
			q[k] = v
		}
	}
	u.RawQuery = q.Encode()
	http.Redirect(w, r, u.String(), http.StatusFound)
}
