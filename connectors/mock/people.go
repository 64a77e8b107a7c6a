package mock

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// person is one of the townspeople with all that is theirs.
type person struct {
	index    int
	id       string
	name     string
	login    string
	password string
	phone    string
	shop     shop
	wallet   wallet
	cards    []*account // at the banks of UK Open Banking; the first is where the salary comes in
	further  []*account // at every other institution, and wallets of e-CNY at a bank
	openid   string
	employer *account
	salary   int64
	landlord *account
	rent     int64

	persona  string // of who was settled
	habits   []habit
	business *account // where the shop's takings go; nil: debit
}

// accounts are all at banks and finance companies.
func (p *person) accounts() []*account { return slices.Concat(p.cards, p.further) }

// sells reports whether the person has a shop.
func (p *person) sells() bool { return p.shop.subMchID != "" }

// takings is the account that what a shop takes is paid out to.
func (p *person) takings() *account {
	if p.business != nil {
		return p.business
	}
	return p.debit()
}

func (p *person) shown() Person {
	return Person{ID: p.id, Name: p.name, Login: p.login, Password: p.password, Persona: p.persona}
}

// debit is the account that wallets draw on and pay out to.
func (p *person) debit() *account { return p.cards[0] }

// credit is the person's credit card, or nil.
func (p *person) credit() *account {
	for _, a := range p.cards {
		if a.kind == creditCard {
			return a
		}
	}
	return nil
}

// wallet is a person's Alipay.
type wallet struct {
	userID  string // 2088…
	openID  string
	opening int64
	balance int64
	rows    []walletRow
}

// shop is what a person runs under WeChat Pay's service provider.
type shop struct {
	name     string
	goods    []string
	price    [2]int64 // fen, from and below
	subMchID string
	closed   int   // weekday without trade, -1: none
	balance  int64 // taken in and not yet paid out
	trades   []trade
	paid     []payout
	qr       till // by UnionPay
}

type payout struct {
	at  time.Time
	fen int64
	ref string // as the bank tells it, too
}

type accountKind uint8

const (
	debitCard accountKind = iota
	creditCard
	savings
	companyAccount // of an employer or landlord: pays and is paid, opens to nobody
	creditLine     // 花呗: buys now, is repaid next month
	loan           // 借呗: paid out once, repaid by instalments
	ecnyWallet     // 数字人民币: central bank money in a wallet that a bank keeps
)

// account is one account at a bank or a finance company. On a card of credit, a
// credit line and a loan the balance is what is owed, as a negative number.
type account struct {
	bank     string
	id       string
	number   string
	holder   string
	kind     accountKind
	product  string
	currency string // empty: CNY. Sums are in its smallest unit
	limit    int64
	rate     int64 // loan: what is repaid a month, without interest
	opening  int64
	balance  int64
	rows     []bankRow
}

// owes reports whether the account is one of debt.
func (a *account) owes() bool { return a.kind == creditCard || a.kind == creditLine || a.kind == loan }

// card is how a wallet names the account: "江南银行储蓄卡(1234)", or "花呗".
func (a *account) card() string {
	kind := "储蓄卡"
	switch a.kind {
	case creditCard:
		kind = "信用卡"
	case creditLine:
		return a.product
	}
	return bankByID(a.bank).zh + kind + "(" + a.number[len(a.number)-4:] + ")"
}

type bankName struct {
	id, zh, en, debitBIN, creditBIN, code, bic string
	rotates                                    bool          // refresh tokens are replaced when used
	version                                    string        // of UK Open Banking
	proof                                      time.Duration // how long a login of the person is enough: then they do so again
}

// bankNames are the banks that speak UK Open Banking.
var bankNames = []bankName{
	{id: "jiangnan_bank", zh: "江南银行", en: "Jiangnan Bank", debitBIN: "623091", creditBIN: "625903", code: "JNB", bic: "JNBKCNSH",
		version: bankV4, proof: 180 * 24 * time.Hour},
	{id: "beishan_bank", zh: "北山银行", en: "Beishan Bank", debitBIN: "623092", creditBIN: "625904", code: "BSB", bic: "BSBKCNBJ", rotates: true,
		version: bankV3, proof: 90 * 24 * time.Hour},
}

func bankByID(id string) bankName {
	for _, b := range append(slices.Clip(bankNames), furtherNames...) {
		if b.id == id {
			return b
		}
	}
	return bankName{}
}

var cast = []struct {
	id, name, shop string
	goods          string
	price          [2]int64
	closed         int
}{
	{"lin_xiaozhou", "林小舟", "小舟书店", "旧书 新书 地图 明信片", [2]int64{900, 9800}, 1},
	{"shen_zhixia", "沈知夏", "知夏花铺", "玫瑰 满天星 绿萝 花束", [2]int64{1500, 16800}, 2},
	{"lu_qinghe", "陆青禾", "青禾粮油", "大米 菜籽油 面粉 小米", [2]int64{1200, 12900}, -1},
	{"gu_nanfeng", "顾南风", "南风茶馆", "龙井 碧螺春 茶点 茶位费", [2]int64{1800, 8800}, -1},
	{"su_wanqing", "苏晚晴", "晚晴裁缝", "改裤脚 旗袍定制 换拉链 布料", [2]int64{1000, 26000}, 3},
	{"cheng_yinuo", "程一诺", "一诺五金", "灯泡 螺丝 水龙头 锁具", [2]int64{500, 15900}, 4},
	{"jiang_yumian", "江雨眠", "雨眠民宿", "单人间 双人间 早餐 洗衣", [2]int64{2000, 36800}, -1},
	{"xu_xinghe", "许星河", "星河数码", "数据线 耳机 贴膜 维修", [2]int64{900, 29900}, 1},
	{"bai_luming", "白鹿鸣", "鹿鸣琴行", "琴弦 吉他课 口琴 乐谱", [2]int64{1500, 19800}, 2},
	{"qin_moyan", "秦墨言", "墨言文具", "钢笔 笔记本 墨水 打印", [2]int64{300, 6800}, 0},
	{"ye_zhiqiu", "叶知秋", "知秋咖啡", "美式 拿铁 燕麦拿铁 可颂", [2]int64{1500, 4800}, -1},
	{"tang_tang", "唐棠", "棠棠甜品", "双皮奶 芋圆 杨枝甘露 蛋糕", [2]int64{900, 18800}, 3},
}

var employers = []string{"江南织造有限公司", "北山水泥厂", "小镇第一小学", "青石科技有限公司"}

const (
	landlordName = "青石物业"
	visitors     = 36
)

// seeded answers a source of numbers that depends on the town's seed and on
// the name alone.
func seeded(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func digits(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(byte('0' + r.IntN(10)))
	}
	return b.String()
}

func letters(r *rand.Rand, n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

// luhn completes a card number of length n that begins with bin (ISO/IEC 7812-1).
func luhn(r *rand.Rand, bin string, n int) string {
	body := bin + digits(r, n-1-len(bin))
	sum := 0
	for i := range len(body) {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return body + string(byte('0'+(10-sum%10)%10))
}

// settle fills the town with its people and companies.
func (w *world) settle() {
	landlord := w.open(seeded(w.seed, "landlord"), bankNames[0], companyAccount, landlordName)
	var works []*account
	for i, name := range employers {
		works = append(works, w.open(seeded(w.seed, name), bankNames[i%len(bankNames)], companyAccount, name))
	}
	for i, c := range cast {
		r := seeded(w.seed, c.id)
		login := strings.ReplaceAll(c.id, "_", "")
		p := &person{
			index: i, id: c.id, name: c.name, login: login,
			password: login + "-" + digits(r, 4),
			phone:    "13" + string("5689"[r.IntN(4)]) + digits(r, 8),
			openid:   "oTown" + letters(r, 23),
			employer: works[i%len(works)], salary: int64(8000+r.IntN(7000)) * 100,
			landlord: landlord, rent: int64(15+r.IntN(16)) * 100 * 100,
			wallet: wallet{userID: "2088" + digits(r, 12), openID: letters(r, 40), opening: int64(50+r.IntN(500)) * 100},
			shop: shop{name: c.shop, goods: strings.Fields(c.goods), price: c.price, closed: c.closed,
				subMchID: "16" + digits(r, 8)},
		}
		p.wallet.balance = p.wallet.opening
		home, other := bankNames[i%2], bankNames[1-i%2]
		p.cards = append(p.cards, w.open(r, home, debitCard, p.name))
		if i%2 == 0 || i%4 == 1 {
			p.cards = append(p.cards, w.open(r, home, creditCard, p.name))
		}
		if i%3 == 0 {
			p.cards = append(p.cards, w.open(r, other, savings, p.name))
		}
		w.openFurther(p)
		p.shop.qr.open(w, p)
		w.openECNY(p, home, other)
		w.people = append(w.people, p)
	}
	r := seeded(w.seed, "visitors")
	for range visitors {
		w.visitors = append(w.visitors, "oTown"+letters(r, 23))
	}
}

// open opens an account. Numbers are Luhn-valid, 19 digits on debit cards and
// 16 on credit cards.
func (w *world) open(r *rand.Rand, b bankName, kind accountKind, holder string) *account {
	a := &account{bank: b.id, kind: kind, holder: holder, id: strings.ToLower(b.code) + "-" + letters(r, 22)}
	switch kind {
	case creditCard:
		a.number, a.limit, a.product = luhn(r, b.creditBIN, 16), int64(20+r.IntN(30))*1000*100, "标准信用卡"
	case savings:
		a.number, a.opening, a.product = luhn(r, b.debitBIN, 19), int64(1000+r.IntN(50000))*100, "活期储蓄"
	case debitCard:
		a.number, a.opening, a.product = luhn(r, b.debitBIN, 19), int64(8000+r.IntN(20000))*100, "一类户储蓄卡"
	case creditLine:
		a.number, a.limit, a.product = luhn(r, b.creditBIN, 19), int64(5+r.IntN(15))*1000*100, "花呗"
	case loan:
		a.number, a.limit, a.product = luhn(r, b.creditBIN, 19), 2_000_000, "借呗"
	case companyAccount:
		a.number, a.product = luhn(r, b.debitBIN, 19), "单位结算账户"
	case ecnyWallet:
		a.number, a.opening, a.product = "00"+digits(r, 14), int64(50+r.IntN(200))*100, "数字人民币钱包"
	}
	a.balance = a.opening
	w.accounts = append(w.accounts, a)
	return a
}

// numbers are all real identifiers of the town.
func (w *world) numbers() []string {
	var out []string
	for _, a := range w.accounts {
		out = append(out, a.number)
		if a.kind != companyAccount {
			out = append(out, a.id)
		}
	}
	for _, p := range w.people {
		out = append(out, p.wallet.userID, p.wallet.openID, p.openid, p.phone)
		if p.sells() {
			out = append(out, p.shop.subMchID, p.shop.qr.merID, p.shop.qr.openID)
		}
	}
	return append(out, w.visitors...)
}

func (w *world) personByID(id string) *person {
	for _, p := range w.people {
		if p.id == id {
			return p
		}
	}
	return nil
}

func (p *person) String() string { return fmt.Sprintf("person %d", p.index) }
