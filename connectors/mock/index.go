package mock

import (
	"html/template"
	"net/http"
)

var indexTemplate = template.Must(template.New("index").Parse(`<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>模拟小镇 mock town</title><style>
body{margin:0 auto;max-width:46rem;padding:1rem;font:16px/1.6 system-ui,"Noto Sans CJK SC",sans-serif;color:#1f2328}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d0d7de;padding:.35rem .5rem;text-align:left}
.scroll{overflow-x:auto}code{background:#f3f4f6;padding:.1rem .3rem;border-radius:.2rem}
</style></head><body>
<h1>模拟小镇 mock town</h1>
<p>这里的人、店、钱都是虚构的；机构说的是真实的接口。请从花窗的“连接”页过来登录。<br>
<span lang="en">The people, shops and money are imagined; the institutions speak the real interfaces. Come here by connecting a source in Jali.</span></p>
<h2>机构 Institutions</h2><div class="scroll"><table><tr><th>机构 Institution</th><th>接口 Speaks</th></tr>
<tr><td>支付宝 Alipay</td><td><code>{{.Base}}/alipay/gateway.do</code></td></tr>
<tr><td>微信支付 WeChat Pay</td><td><code>{{.Base}}/wechatpay/v3/…</code></td></tr>
{{range .Banks}}<tr><td>{{.ZH}} {{.EN}}</td><td>Open Banking UK v4.0: <a href="{{.Issuer}}/.well-known/openid-configuration"><code>{{.Issuer}}</code></a></td></tr>{{end}}
</table></div>
<h2>居民 People</h2><p>所有机构用同一个账号和密码。<span lang="en">One login and password for every institution.</span></p>
<div class="scroll"><table><tr><th>姓名 Name</th><th>账号 Login</th><th>密码 Password</th><th>小店 Shop</th><th>银行 Banks</th></tr>
{{range .People}}<tr><td>{{.Name}}</td><td><code>{{.Login}}</code></td><td><code>{{.Password}}</code></td><td>{{.Shop}}</td><td>{{.Banks}}</td></tr>{{end}}
</table></div></body></html>
`))

// index tells who and what there is. It waits for no key.
func (t *Town) index(w http.ResponseWriter, _ *http.Request) {
	type bank struct{ ZH, EN, Issuer string }
	type person struct{ Name, Login, Password, Shop, Banks string }
	var page struct {
		Base   string
		Banks  []bank
		People []person
	}
	page.Base = t.cfg.BaseURL
	for _, b := range t.world.banks {
		page.Banks = append(page.Banks, bank{b.zh, b.en, t.issuer(b)})
	}
	for _, p := range t.world.people {
		x := person{Name: p.name, Login: p.login, Password: p.password, Shop: p.shop.name}
		for i, a := range p.cards {
			if i > 0 {
				x.Banks += " · "
			}
			x.Banks += bankByID(a.bank).zh + a.product
		}
		page.People = append(page.People, x)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	_ = indexTemplate.Execute(w, page)
}
