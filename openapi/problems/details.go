package problems

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"jali/internal/language"
)

// Detail answers a problem's detail in a language, and false where there are no
// words for it. Rooms say it in English.
func Detail(english, lang string) (string, bool) {
	if lang != language.Chinese {
		return english, true
	}
	if zh, ok := details[english]; ok {
		return zh, true
	}
	for _, f := range forms {
		if parts := f.en.FindStringSubmatch(english); parts != nil {
			zh := f.zh
			for _, part := range parts[1:] {
				if said, ok := Detail(part, lang); ok {
					part = said
				}
				zh = strings.Replace(zh, "{}", part, 1)
			}
			return zh, true
		}
	}
	return "", false
}

// form is a detail with parts that are only known when it is told: names of the
// document's, or another detail.
type form struct {
	en *regexp.Regexp
	zh string
}

var forms = func() (list []form) {
	open := []string{}
	for en := range details {
		if strings.Contains(en, "{}") {
			open = append(open, en)
		}
	}
	slices.SortFunc(open, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) // the most exact first
	for _, en := range open {
		list = append(list, form{regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(en), `\{\}`, "(.+?)") + "$"), details[en]})
	}
	return list
}()

func joined(lists ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, list := range lists {
		maps.Copy(all, list)
	}
	return all
}

// details are the details that can reach a client, in Chinese; {} stands for
// what is put in, in the same order.
var details = joined(map[string]string{
	// The edge.
	"there is nothing here; see /openapi.yaml":                                     "这里什么也没有；见 /openapi.yaml",
	"this path has other methods; see the Allow header":                            "这个路径用别的方法；见 Allow 头",
	"send a body of at most 1 MiB":                                                 "正文最多 1 MiB",
	"send Content-Type: application/json, without a content encoding":              "请发送 Content-Type: application/json，不要压缩",
	"this took too long or was broken off; try again":                              "时间太长或中途断开了；请再试一次",
	"a parameter cannot be read":                                                   "有一个参数读不出来",
	"the header {} was sent more than once":                                        "请求头 {} 出现了不止一次",
	"the query cannot be read":                                                     "查询串读不出来",
	"the query has a parameter that is not known here":                             "查询串里有这里不认识的参数",
	"the query has a parameter that is not known here; known are {}":               "查询串里有这里不认识的参数；认识的有 {}",
	"the parameter {} was sent more than once":                                     "参数 {} 出现了不止一次",
	"the body ended early":                                                         "正文没有传完",
	"this takes no body":                                                           "这个请求不带正文",
	"the body is not one JSON value in UTF-8, or holds a number that is too large": "正文不是一个 UTF-8 的 JSON 值，或者里面有太大的数",
	"the body has a member twice, or twice in different case":                      "正文里有成员出现两次，或者只差大小写",
	"the body is nested too deeply":                                                "正文嵌套太深",
	"the request is not what the document says":                                    "请求和文档所说的不一样",
	"the {} parameter {} is missing":                                               "缺少{}参数 {}",
	"the {} parameter {} is not as the document says":                              "{}参数 {} 和文档所说的不一样",
	"header": "请求头",
	"path":   "路径",
	"query":  "查询",
	"the {} parameter {} is not as the document says: {}": "{}参数 {} 和文档所说的不一样：{}",
	"the body is missing":                                        "缺少正文",
	"the body is missing; {} asks for everything":                "缺少正文；{} 就是全部都要",
	"the body is missing; it has {}":                             "缺少正文；它里面有 {}",
	"the body is not as the document says":                       "正文和文档所说的不一样",
	"the body is not as the document says: {}":                   "正文和文档所说的不一样：{}",
	"the body is not as the document says at {}":                 "正文的 {} 处和文档所说的不一样",
	"the body is not as the document says at {}: {}":             "正文的 {} 处和文档所说的不一样：{}",
	"x-fapi-auth-date is not an HTTP date that has been":         "x-fapi-auth-date 不是一个已经过去的 HTTP 日期",
	"x-fapi-customer-ip-address is not the address of a device":  "x-fapi-customer-ip-address 不是一台设备的地址",
	"this was tried too often; wait as long as Retry-After says": "试得太多了；请等到 Retry-After 所说的时间",

	// Tokens and proofs.
	"the access token is unknown, has expired or was revoked":        "访问令牌不认识、已过期或已收回",
	"an access token is missing":                                     "缺少访问令牌",
	"there is more than one Authorization header":                    "Authorization 头不止一个",
	"the Authorization scheme must be DPoP":                          "Authorization 的方案必须是 DPoP",
	"the access token is bound to another key than the DPoP proof's": "访问令牌绑定的密钥不是 DPoP 证明的那一把",
	"the access token is not active, or not bound to a certificate that came with this request; one that is bound to a key is sent as DPoP, with a proof": "访问令牌已失效，或者没有绑定在随请求出示的证书上；绑定在密钥上的令牌要以 DPoP 发送，并带上证明",
	"the DPoP proof needs the nonce of the DPoP-Nonce header of this answer":                                                                              "DPoP 证明里需要这次答复 DPoP-Nonce 头里的随机数",
	"the DPoP proof is not valid for this request":                                                                                                        "DPoP 证明不适用于这个请求",
	"the DPoP header is missing: this token is only good with a proof (RFC 9449)":                                                                         "缺少 DPoP 头：这个令牌要带证明才有效（RFC 9449）",
	"there is more than one DPoP header":                                                                                                                  "DPoP 头不止一个",
	"the DPoP proof: {}":                                                                                                                                  "DPoP 证明：{}",
	"the DPoP proof needs a jti of 1 to 256 bytes":                                                                                                        "DPoP 证明要有 1 到 256 字节的 jti",
	"the DPoP proof's htm is not this request's method":                                                                                                   "DPoP 证明的 htm 不是这个请求的方法",
	"the DPoP proof's htu is not this request's URL":                                                                                                      "DPoP 证明的 htu 不是这个请求的地址",
	"the DPoP proof's iat is missing or not within the last 60 seconds":                                                                                   "DPoP 证明缺少 iat，或者它不在最近 60 秒内",
	"the DPoP proof's ath is not the hash of this access token":                                                                                           "DPoP 证明的 ath 不是这个访问令牌的哈希",
	"the DPoP proof has expired":                                                                                                                          "DPoP 证明已过期",
	"the DPoP proof is not valid yet":                                                                                                                     "DPoP 证明还没有生效",
	"dpop_jkt is not the thumbprint of the DPoP proof's key":                                                                                              "dpop_jkt 不是 DPoP 证明那把密钥的指纹",
	"this was used before, or was issued before this server started; make a new one with a new jti":                                                       "这个用过了，或者是本服务启动之前签发的；请用新的 jti 做一个新的",
	"too many requests at this moment; try again later":                                                                                                   "现在请求太多；请稍后再试",
	"this is not a compact JWS over a JSON object, or it is too large":                                                                                    "这不是紧凑格式、内容为 JSON 对象的 JWS，或者太大",
	"this is not a JSON object, or it has a member twice":                                                                                                 "这不是 JSON 对象，或者有成员出现两次",
	"the JWS header asks for something that is not accepted":                                                                                              "JWS 头里要的东西这里不接受",
	"header member \"{}\" is not accepted":                                                                                                                "不接受头里的成员“{}”",
	"header member \"jwk\" is required":                                                                                                                   "头里必须有成员“jwk”",
	"a key in the header is not accepted here":                                                                                                            "这里不接受头里带的密钥",
	"\"alg\" must be one of {}":                                                                                                                           "“alg”必须是其中之一：{}",
	"\"typ\" is missing or not the one wanted here":                                                                                                       "“typ”缺失，或者不是这里要的",
	"the signature was not made with a known key":                                                                                                         "签名不是用认识的密钥做的",
	"this is not an acceptable JSON Web Key":                                                                                                              "这不是可以接受的 JWK",
	"the key is not a JSON object, or has a member twice":                                                                                                 "密钥不是 JSON 对象，或者有成员出现两次",
	"a public key is wanted and this one is private or symmetric":                                                                                         "要的是公钥，这把是私钥或对称密钥",
	"the key is not for checking signatures":                                                                                                              "这把密钥不是用来验签的",
	"of the curves only P-256 is accepted":                                                                                                                "曲线只接受 P-256",
	"RSA keys are accepted from 2048 to 4096 bits with a public exponent from 65537":                                                                      "RSA 密钥要 2048 到 4096 位，公开指数不小于 65537",
	"this kind of key is not accepted":                                                                                                                    "不接受这种密钥",
	"the key's \"alg\" does not fit its kind":                                                                                                             "密钥的“alg”和它的种类不符",

	// Grants.
	"there is no such grant":                                      "没有这项授权",
	"this grant has been used up; ask the person again":           "这项授权已经用完；请再次征求本人同意",
	"this grant has no use left today":                            "这项授权今天的使用次数已用完",
	"this grant was revoked":                                      "这项授权已被撤销",
	"this grant has expired; ask the person again":                "这项授权已到期；请再次征求本人同意",
	"the person has paused this client":                           "本人暂停了这个应用",
	"this client is suspended; its operator should write to ours": "这个应用已被停用；请你们的负责人联系花窗的运营方",
	"the person's last yes is too long ago; ask for a new one":    "本人上次同意太久了；请再征求一次",
	"a source or datatype is outside the grant":                   "有机构或数据种类不在授权范围内",
	"this idempotency key was used for another request":           "这个幂等键用于过另一个请求",

	// Views.
	"there is no such view of this grant":                                                                                           "这项授权没有这个视图",
	"this view has been shredded; open another with a new Idempotency-Key":                                                          "这个视图已销毁；请用新的 Idempotency-Key 打开另一个",
	"the view was not finished in time; ask again with the same Idempotency-Key, which spends nothing more":                         "视图没有及时做好；请用同一个 Idempotency-Key 再来，不会多花使用次数",
	"this is no cursor of this view":                                                                                                "这不是这个视图的游标",
	"something changed meanwhile; try again":                                                                                        "刚才情况变了；请再试一次",
	"it is not known whether this was stored; look before trying again":                                                             "不知道是否已经存下；再试之前请先查看",
	"the storage has stopped; try again later":                                                                                      "存储已停止；请稍后再试",
	"something that is stored here is damaged; nothing was changed, and this can be answered once the operator has put it right":    "这里存的一样东西损坏了；什么也没有改，运营方修好之后就能答复",
	"something that is sealed here does not open; nothing was changed, and this can be answered once the operator has put it right": "这里密封的一样东西打不开；什么也没有改，运营方修好之后就能答复",
}, wantedDetails, sandboxDetails)
