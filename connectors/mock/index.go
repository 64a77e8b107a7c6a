package mock

import (
	"html/template"
	"net/http"
	"slices"
)

var indexTemplate = template.Must(template.New("index").Parse(`<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>模拟小镇 mock town</title><link rel="icon" href="data:,"><style>` + townStyle + `
main{max-width:52rem;margin:0 auto;padding:1rem 1.25rem 3rem}
table{border-collapse:collapse;width:100%;background:var(--card)}td,th{border-bottom:1px solid var(--line);padding:.5rem .65rem;text-align:start}th{color:var(--soft);font-weight:500;font-size:.9rem}td{white-space:nowrap}td:last-child{white-space:normal;min-width:16rem;overflow-wrap:anywhere}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:.6rem}code{font-size:.9em}h2{margin-top:2rem;font-size:1.2rem}
</style></head><body>
<header><p class="town">模拟小镇，没有真钱 · <span lang="en">mock town, no real money</span></p></header>
<main><h1>模拟小镇 <span lang="en">mock town</span></h1>
<p>这里的人、店、钱都是虚构的；机构说的是真实的接口。请从花窗的“机构”页过来登录。<br>
<span lang="en">The people, shops and money are imagined; the institutions speak the real interfaces. Come here by connecting a source in Jali.</span></p>
<h2>机构 Institutions</h2><div class="scroll" tabindex="0" role="region" aria-label="机构 Institutions"><table><tr><th scope="col">机构 Institution</th><th scope="col">接口 Speaks</th></tr>
<tr><td>支付宝 Alipay</td><td><code>{{.Base}}/alipay/gateway.do</code> · <code>{{.Base}}/v3/alipay/…</code></td></tr>
<tr><td>微信支付 WeChat Pay</td><td><code>{{.Base}}/wechatpay/v3/…</code></td></tr>
{{range .Banks}}<tr><td>{{.ZH}} {{.EN}}</td><td>Open Banking UK {{.Version}}: <a href="{{.Issuer}}/.well-known/openid-configuration"><code>{{.Issuer}}</code></a></td></tr>{{end}}
<tr><td>西河银行 Xihe Bank</td><td>Berlin Group NextGenPSD2 1.3: <code>{{.Base}}/bank/xihe_bank/psd2/v1/…</code></td></tr>
<tr><td>银联 UnionPay</td><td><code>{{.Base}}/unionpay/files/</code></td></tr>
<tr><td>东岭银行 Dongling Bank</td><td><code>{{.Base}}/bank/dongling_bank/api/…</code></td></tr>
<tr><td>招鹿银行 Zhaolu Bank</td><td><code>{{.Base}}/bank/zhaolu_bank/cdcserver/api/v2</code></td></tr>
<tr><td>青石消费金融 Qingshi Consumer Finance</td><td>FDX 6: <code>{{.Base}}` + qingshiAPI + `/…</code></td></tr>
</table></div>
<h2>居民 People</h2><p>所有机构用同一个账号和密码。<span lang="en">One login and password for every institution.</span></p>
<div class="scroll" tabindex="0" role="region" aria-label="居民 People"><table><tr><th scope="col">姓名 Name</th><th scope="col">账号 Login</th><th scope="col">密码 Password</th><th scope="col">小店 Shop</th><th scope="col">银行 Banks</th></tr>
{{range .People}}<tr><td>{{.Name}}</td><td><code>{{.Login}}</code></td><td><code>{{.Password}}</code></td><td>{{.Shop}}</td><td>{{.Banks}}</td></tr>{{end}}
</table></div></main></body></html>
`))

// index tells who and what there is. It waits for no key.
func (t *Town) index(w http.ResponseWriter, _ *http.Request) {
	type bank struct{ ZH, EN, Version, Issuer string }
	type person struct{ Name, Login, Password, Shop, Banks string }
	var page struct {
		Base   string
		Banks  []bank
		People []person
	}
	page.Base = t.cfg.BaseURL
	for _, b := range t.world.banks {
		page.Banks = append(page.Banks, bank{b.zh, b.en, b.version, t.issuer(b)})
	}
	for _, p := range t.people() {
		x := person{Name: p.name, Login: p.login, Password: p.password, Shop: p.shop.name}
		for i, a := range append(slices.Clip(p.cards), p.further...) {
			if i > 0 {
				x.Banks += " · "
			}
			x.Banks += bankByID(a.bank).zh + a.product
		}
		page.People = append(page.People, x)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'")
	_ = indexTemplate.Execute(w, page)
}
