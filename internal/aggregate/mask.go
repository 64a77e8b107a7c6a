package aggregate

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"jali/connectors"
)

// masker hides in a client's texts what would tell of accounts and of people:
// digits of account, card and phone numbers, mail addresses, the person's own
// numbers and names at their sources, and natural persons. It hides rather too
// much than too little; what it leaves of a name is its first character.
type masker struct {
	own *strings.Replacer
}

// newMasker knows the person's own numbers and names at all their sources,
// also of those that were not granted.
func newMasker(all []known) masker {
	var own []string
	for _, k := range all {
		for _, a := range k.accounts {
			for _, v := range []string{a.Ref, a.Number, a.Holder} {
				if len([]rune(v)) >= 2 && !slices.Contains(own, v) {
					own = append(own, v)
				}
			}
		}
	}
	slices.SortFunc(own, func(a, b string) int { return len(b) - len(a) }) // of two that begin alike, the longer
	pairs := make([]string, 0, 2*len(own))
	for _, v := range own {
		pairs = append(pairs, v, "****")
	}
	return masker{strings.NewReplacer(pairs...)}
}

// counterparty masks the other side of a bill: whole, if it is a person.
func (m masker) counterparty(b connectors.Bill, person bool) string {
	if person {
		return initial(b.Counterparty)
	}
	return m.text(b.Counterparty)
}

// description masks a bill's text. The other side's name stands there again
// more often than not.
func (m masker) description(b connectors.Bill, person bool) string {
	s := b.Description
	if person {
		name := strings.TrimSpace(b.Counterparty)
		s = hide(hide(s, name), bare(name))
	}
	if strings.ContainsAny(s, "转付收来发还借代名款") {
		s = namedInTransfer.ReplaceAllStringFunc(s, func(hit string) string {
			parts := namedInTransfer.FindStringSubmatch(hit)
			return parts[1] + maskLeading(parts[2]) + parts[3]
		})
	}
	// A merchant's number behind it makes the text goods, which begin like names.
	if between(b) && (person || b.Merchant == "" || personal(b.Kind) || byCode(b)) {
		s = mapWords(s, maskLeading)
	}
	return m.text(s)
}

// text masks what may stand in any text, an account's name included.
func (m masker) text(s string) string {
	s = m.own.Replace(s)
	if strings.Contains(s, "@") {
		s = mail.ReplaceAllString(s, "***@$1")
	}
	if !strings.ContainsFunc(s, unicode.IsDigit) {
		return s // most texts: nothing below would find anything
	}
	s = token.ReplaceAllStringFunc(s, func(t string) string {
		if strings.ContainsAny(t, "0123456789") {
			return "****"
		}
		return t
	})
	return maskDigits(s)
}

// token is what no person writes: user ids and references of other systems.
var token = regexp.MustCompile(`[A-Za-z0-9_-]{20,}`)

var mail = regexp.MustCompile(`[\p{L}\p{N}._%+*-]+@([A-Za-z0-9-]+\.[A-Za-z0-9.-]+)`)

// digitRun is digits with what people write between them; a number that is
// partly starred already is one run with its stars.
var digitRun = regexp.MustCompile(`[\p{Nd}*＊][\p{Nd}*＊ \x{00a0}\x{2009}\x{3000}·.\-–_/]*[\p{Nd}*＊]`)

// shortTail is the last digits of a number where the words around say so.
var shortTail = regexp.MustCompile(`((?:尾号|末四位|末4位|后四位|卡号?|账户|账号|帐号|户口|ending(?: in)?|card|account|a/c|acct|no\.?)[\s:：为是]*[(（\[【]?\s*)(\p{Nd}{3,6})`)

// bracketTail is what bank names carry behind them: 储蓄卡(1234).
var bracketTail = regexp.MustCompile(`[(（\[【]\s*(\p{Nd}{4})\s*[)）\]】]`)

func maskDigits(s string) string {
	s = shortTail.ReplaceAllString(s, "${1}****")
	s = bracketTail.ReplaceAllStringFunc(s, func(hit string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return '*'
			}
			return r
		}, hit)
	})
	return digitRun.ReplaceAllStringFunc(s, func(run string) string {
		digits, stars := 0, 0
		for _, r := range run {
			switch {
			case unicode.IsDigit(r):
				digits++
			case r == '*' || r == '＊':
				stars++
			}
		}
		if digits == 0 || digits < 6 && stars < 2 || harmless(run) {
			return run
		}
		return "****"
	})
}

// harmless are runs that everybody writes: days, moments and sums of money.
func harmless(run string) bool {
	for _, layout := range []string{time.DateOnly, "2006/01/02", "2006.01.02", "2006-01", "2006-01-02 15"} {
		if t, err := time.Parse(layout, run); err == nil && t.Year() > 1990 && t.Year() < 2100 {
			return true
		}
	}
	whole, cents, ok := strings.Cut(run, ".")
	return ok && len(cents) == 2 && len(whole) <= 6 && strings.Trim(whole+cents, "0123456789") == ""
}

// personal are the kinds of movement that go between people.
func personal(k connectors.Kind) bool {
	return k == connectors.Transfer || k == connectors.RedPacket
}

// codes are what wallets call a payment to or from a person's own code, and
// transfers where their kind is another: given back, or asked from a group.
var codes = []string{"二维码", "赞赏码", "收款码", "收钱码", "群收款", "转账"}

func byCode(b connectors.Bill) bool {
	return slices.ContainsFunc(codes, func(w string) bool { return strings.Contains(b.RawKind, w) || strings.Contains(b.Description, w) })
}

var wages = regexp.MustCompile(`(?i)工资|薪|奖金|代发|\bsala|payroll|wages`)

// between reports whether a bill's other side is as likely a person as a shop:
// what goes between people, what is given back of it, and what a source that
// knows no shops says too little of. Wages come from an employer.
func between(b connectors.Bill) bool {
	switch {
	case personal(b.Kind), b.Kind == connectors.Other, byCode(b):
		return true
	case b.Kind == connectors.Income:
		return !wages.MatchString(b.RawKind) && !wages.MatchString(b.Description)
	case b.Kind == connectors.Refund:
		return strings.Contains(b.RawKind+"\n"+b.Description, "红包")
	}
	return false
}

// isPerson reports whether a bill's other side looks like a natural person.
// Between people everything is one that is not plainly an organisation; at a
// till only what is written like a name.
func isPerson(b connectors.Bill) bool {
	name := strings.TrimSpace(b.Counterparty)
	switch base := bare(name); {
	case name == "" || strings.ContainsAny(name, "*＊") && len([]rune(name)) <= 4:
		return false // masked by its source
	case between(b):
		return !ownPots[base] && !brands[strings.ToLower(base)] && !organisation(base)
	case hanName(base), pinyinName(base):
		return !organisation(base) && !strings.ContainsAny(base, "餐饭酒茶食")
	}
	return false
}

// bare is a name without the number or mail address that wallets put behind
// it in brackets.
func bare(name string) string {
	if i := strings.IndexAny(name, "(（[【"); i > 0 {
		return strings.TrimSpace(name[:i])
	}
	return name
}

// hide leaves of a name in a text its first character. Banks abroad write
// names in capitals in one place and not in the other.
func hide(s, name string) string {
	switch {
	case len([]rune(name)) < 2:
		return s
	case latinName(name):
		return regexp.MustCompile(`(?i)`+regexp.QuoteMeta(name)).ReplaceAllLiteralString(s, initial(name))
	}
	return strings.ReplaceAll(s, name, initial(name))
}

// ownPots are what sources write where money moves between a person's own.
var ownPots = map[string]bool{"余额": true, "余额宝": true, "零钱": true, "零钱通": true, "花呗": true, "支付宝": true,
	"微信": true, "微信支付": true, "银行卡": true, "/": true, "-": true}

// brands are names that everybody knows and that no word tells from a nickname.
var brands = words("美团 饿了么 京东 淘宝 天猫 拼多多 抖音 快手 滴滴 携程 去哪儿 肯德基 麦当劳 星巴克 瑞幸 必胜客 海底捞 盒马 顺丰 哈啰 青桔 12306 " +
	"apple google amazon paypal netflix spotify uber starbucks tesco ikea alipay wechat tenpay")

// organisations are the words that a firm's, shop's or office's name has in it
// and a nickname seldom: one character is a word only at the end.
var organisations = regexp.MustCompile(`(?i)公司|集团|银行|信用社|支付|财付通|余额宝|余利宝|易付宝|淘宝|商城|商场|网购|超市|便利|商店|药房|药店|` +
	`[快早西简]餐|餐[饮厅馆吧]|饭[店馆庄堂]|[米盖煲拌炒]饭|酒[店楼家吧业庄水]|[奶凉果]茶|茶[饮馆楼叶庄室社]|咖啡|面馆|粉馆|拉面|火锅|烧烤|早点|小吃|甜品|蛋糕|烘焙|面包|水果|生鲜|蔬菜|粮油|食[品堂府材]|美食|零食|` +
	`五金|数码|文具|裁缝|民宿|客栈|理发|美发|美容|洗衣|洗车|停车|加油|快递|驿站|平台|中心|医院|学校|大学|中学|小学|幼儿园|学院|学会|基金|保险|证券|出行|地铁|公交|物业|科技|网络|铁路|航空|电力|燃气|水务|通信|移动|联通|电信|` +
	`工作室|事务所|合作社|协会|委员会|法院|税务|政府|[琴车商粮米药]行|[公乐果]园|[书影]城|` +
	`\b(?:ltd|inc|llc|plc|limited|gmbh|co|corp|company|bank|store|shop|market|cafe|coffee|restaurant|hotel|pharmacy|school|college|university|hospital|clinic|council|foundation|cinema|airlines?|metro|rail|energy|water|insurance|group|services?)\b|` +
	`[店铺馆厅局院所社站部坊屋府房场厂]$`)

// placeEnd ends shops' names and given names alike: 百花楼, 王思行.
var placeEnd = regexp.MustCompile(`[行城楼阁园]$`)

func organisation(name string) bool {
	return organisations.MatchString(name) || placeEnd.MatchString(name) && !hanName(name)
}

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// namedInTransfer finds a name by the words around it: 转账给张三, 张三的红包.
var namedInTransfer = regexp.MustCompile(`((?:转账给|转账-|转给|付款给|支付给|收到|来自|发给|还给|借给|代付-?|收款人[:：]?|付款人[:：]?|户名[:：]?|姓名[:：]?))([\p{Han}]{2,4}?)(的|$|[^\p{Han}])`)

func maskLeading(name string) string {
	if hanName(name) {
		return initial(name)
	}
	return name
}

// surnames are the hundred that nine Chinese people in ten bear, and the
// double ones in use.
var surnames = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文洪倪尤柳施牛聂葛俞章鲁齐庞樊殷梅"

var doubleSurnames = []string{"欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "宇文", "司徒", "夏侯", "端木"}

// commonWords begin like a name and are none.
var commonWords = map[string]bool{
	"余额": true, "余额宝": true, "金额": true, "白条": true, "高铁": true, "高德": true, "高德打车": true, "马蜂窝": true, "方便面": true,
	"文具": true, "石油": true, "石化": true, "白菜": true, "牛奶": true, "牛肉": true, "牛肉面": true, "龙虾": true, "小龙虾": true, "江南": true,
	"万达": true, "万科": true, "康师傅": true, "老乡鸡": true, "王老吉": true, "周黑鸭": true, "金拱门": true, "马应龙": true, "李宁": true,
	"李宁旗舰": true, "周大福": true, "周大生": true, "金龙鱼": true, "白象": true, "方太": true, "江小白": true, "陆金所": true, "汤臣倍健": true,
	"马桶": true, "梅花": true, "常用": true, "任务": true, "向导": true, "雷达": true, "毛巾": true, "毛衣": true, "钱包": true, "钱大妈": true,
	"石榴": true, "白酒": true, "黄油": true, "黄金": true, "黄瓜": true, "易购": true, "苏宁": true, "苏宁易购": true, "顾家": true, "顾家家居": true,
	"万物": true, "于是": true, "于今": true, "高速": true, "高速通行": true, "高速费": true, "金融": true, "安全": true, "文化": true, "文创": true, "方便": true,
	"许愿": true, "何时": true, "任意": true, "严选": true, "网易严选": true, "陈列": true, "程序": true, "江苏": true, "江西": true, "武汉": true,
	"田园": true, "金币": true, "白糖": true, "万能": true, "常规": true, "康复": true, "易车": true, "尹记": true, "熊猫": true, "鲁菜": true, "余款": true,
	"付款": true, "付款码": true, "付费": true, "付清": true, "付讫": true, "谢谢": true, "谢了": true,
}

// hanName reports whether s is written like a Chinese person's name: a
// surname and one or two characters more, or a double surname.
func hanName(s string) bool {
	r := []rune(s)
	if len(r) < 2 || len(r) > 4 || commonWords[s] {
		return false
	}
	for _, c := range r {
		if !unicode.Is(unicode.Han, c) {
			return false
		}
	}
	for _, d := range doubleSurnames {
		if strings.HasPrefix(s, d) {
			return len(r) > 2
		}
	}
	return len(r) <= 3 && strings.ContainsRune(surnames, r[0])
}

// pinyin are surnames as passports and banks abroad write them.
var pinyin = map[string]bool{}

func init() {
	for _, p := range strings.Fields("wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin luo gao zheng liang xie song tang " +
		"han deng feng cao peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lv lyu lu ding ren yao shen zhong cui tan fan " +
		"liao shi jin jia xia fu fang zou xiong bai meng qin qiu hou yin xue yan duan lei long li tao hao gu gong shao wan qian dai mo kong") {
		pinyin[p] = true
	}
}

// pinyinName reports whether s is two or three words of which the first or
// the last is a surname in pinyin: ZHANG WEI, Li Xiaoming.
func pinyinName(s string) bool {
	if !latinName(s) {
		return false
	}
	w := strings.Fields(strings.ToLower(strings.ReplaceAll(s, ",", " ")))
	return pinyin[w[0]] || pinyin[w[len(w)-1]]
}

// latinName reports whether s is two or three capitalised words of letters.
func latinName(s string) bool {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		return false // one word, as most are
	}
	w := strings.Fields(strings.ReplaceAll(s, ",", " "))
	if len(w) < 2 || len(w) > 3 {
		return false
	}
	for _, x := range w {
		for i, c := range []rune(x) {
			if !unicode.Is(unicode.Latin, c) && c != '-' && c != '\'' && c != '.' || i == 0 && !unicode.IsUpper(c) {
				return false
			}
		}
	}
	return true
}

// initial leaves a name's first character.
func initial(name string) string {
	r := []rune(strings.TrimSpace(name))
	if len(r) == 0 {
		return ""
	}
	if unicode.Is(unicode.Han, r[0]) && len(r) <= 4 {
		return string(r[0]) + strings.Repeat("*", len(r)-1)
	}
	if unicode.IsDigit(r[0]) {
		return "***"
	}
	return string(r[0]) + "***"
}

// mapWords changes the words between separators and leaves those as they are.
func mapWords(s string, f func(string) string) string {
	var out strings.Builder
	var word []rune
	flush := func() {
		out.WriteString(f(string(word)))
		word = word[:0]
	}
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '*' {
			word = append(word, r)
			continue
		}
		flush()
		out.WriteRune(r)
	}
	flush()
	return out.String()
}
