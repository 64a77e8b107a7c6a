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
	Title, Colour   string // the institution's name and look
	Asker, Wants    string
	Login, Password string
	Wrong           bool
	People          []loginLink
	Accounts        []loginAccount
	Known           bool // signed in: the accounts are shown
}

type loginLink struct {
	Name, Href string
	Chosen     bool
}

type loginAccount struct{ ID, Name string }

// townStyle is common to all pages of the town.
const townStyle = `:root{--ink:#1f2328;--soft:#57606a;--line:#d0d7de;--paper:#f3f4f6;--card:#fff;--link:#0a58b0;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9ea7b3;--line:#3a424c;--paper:#12161b;--card:#1b2027;--link:#7cb7ff}}
*{box-sizing:border-box}body{margin:0;font:16px/1.55 system-ui,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif;background:var(--paper);color:var(--ink)}
.town{background:#fff3cd;color:#5c4500;text-align:center;padding:.35rem 1rem;margin:0;font-size:.85rem}a{color:var(--link)}
a:focus-visible,button:focus-visible,input:focus-visible{outline:3px solid var(--link);outline-offset:2px}`

var loginTemplate = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{.Title}}</title><link rel="icon" href="data:,"><style>` + townStyle + `
.bar{background:{{.Colour}};color:#fff;padding:.9rem 1.25rem;display:flex;gap:.75rem;align-items:center;justify-content:center;font-size:1.2rem;font-weight:600}
.bar span{flex:none;display:grid;place-items:center;width:2.2rem;height:2.2rem;border-radius:.6rem;background:#fff;color:{{.Colour}}}
main{max-width:26rem;margin:1.25rem auto;background:var(--card);padding:1.25rem;border-radius:.8rem;border:1px solid var(--line)}
@media(max-width:28rem){main{margin:1rem .75rem}}
h1{font-size:1.05rem;font-weight:400;margin:0 0 1rem}h2{font-size:.9rem;font-weight:500;color:var(--soft);margin:0 0 .4rem}
label{display:block;margin:.7rem 0 .25rem}.tick{display:flex;gap:.6rem;align-items:center;padding:.55rem 0;margin:0;border-bottom:1px solid var(--line)}.tick input{width:1.15rem;height:1.15rem}
input[type=text],input[type=password]{width:100%;padding:.55rem .7rem;font:inherit;color:inherit;background:var(--paper);border:1px solid #8c959f;border-radius:.5rem}
.do{display:flex;gap:.75rem;margin-top:1.25rem}button{flex:1;padding:.7rem;font:inherit;font-weight:600;border-radius:.5rem;border:1.5px solid currentColor;background:none;color:var(--ink);cursor:pointer}
.wrong{color:#b3261e;font-weight:600}@media(prefers-color-scheme:dark){.wrong{color:#ff9d94}}
.people{display:flex;flex-wrap:wrap;gap:.4rem;margin:0 0 1rem}.people a{padding:.25rem .7rem;border:1px solid var(--line);border-radius:99px;text-decoration:none}.people a[aria-current]{background:{{.Colour}};border-color:{{.Colour}};color:#fff}
</style></head><body>
<header><p class="town">模拟小镇，没有真钱 · <span lang="en">mock town, no real money</span></p>
<div class="bar"><span aria-hidden="true">{{printf "%.1s" .Title}}</span>{{.Title}}</div></header>
<main><h1><b>{{.Asker}}</b> {{.Wants}}</h1>
{{if .Wrong}}<p class="wrong" role="alert">账号或密码不对 · <span lang="en">wrong login or password</span></p>{{end}}
{{if and .People (not .Known)}}<h2 id="who">选一位居民，免填账号密码 · <span lang="en">choose who you are</span></h2><nav class="people" aria-labelledby="who">{{range .People}}<a href="{{.Href}}"{{if .Chosen}} aria-current="true"{{end}}>{{.Name}}</a>{{end}}</nav>{{end}}
<form method="post">
{{if .Known}}<input type="hidden" name="login" value="{{.Login}}"><input type="hidden" name="password" value="{{.Password}}"><input type="hidden" name="chosen" value="1">
<h2>开放哪些账户？ <span lang="en">Which accounts?</span></h2>
{{range .Accounts}}<label class="tick"><input type="checkbox" name="account" value="{{.ID}}" checked> {{.Name}}</label>{{end}}
{{else}}<label for="login">账号 <span lang="en">Login</span></label><input id="login" type="text" name="login" value="{{.Login}}" autocomplete="off" autocapitalize="off" spellcheck="false">
<label for="password">密码 <span lang="en">Password</span></label><input id="password" type="password" name="password" value="{{.Password}}" autocomplete="off">{{end}}
<div class="do">{{if or .Known (not .Accounts)}}<button name="decision" value="agree">同意 <span lang="en">Agree</span></button>{{else}}<button>登录 <span lang="en">Sign in</span></button>{{end}}
<button name="decision" value="refuse">拒绝 <span lang="en">Refuse</span></button></div>
</form></main></body></html>
`))

// showLogin answers with the page. A person named by the query member "who" is
// filled in.
func (t *Town) showLogin(w http.ResponseWriter, r *http.Request, page loginPage, status int) {
	here := *r.URL
	for _, p := range t.people() {
		q := here.Query()
		q.Set("who", p.id)
		chosen := r.URL.Query().Get("who") == p.id
		page.People = append(page.People, loginLink{p.name, here.Path + "?" + q.Encode(), chosen})
		if page.Login == "" && chosen {
			page.Login, page.Password = p.login, p.password
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	// No form-action: Chromium holds it against the redirect that follows a post.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'")
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

var mistakeTemplate = template.Must(template.New("mistake").Parse(`<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>{{.Title}}</title><style>` + townStyle + `
main{max-width:34rem;margin:1.5rem auto;padding:0 1.25rem}</style></head><body>
<header><p class="town">模拟小镇，没有真钱 · <span lang="en">mock town, no real money</span></p></header>
<main><h1>{{.Title}}</h1><p>{{.ZH}}</p><p lang="en">{{.EN}}</p></main></body></html>
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
